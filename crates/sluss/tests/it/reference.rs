//! `docs/cli.md` is what the program says of itself.

use expect_test::expect_file;

use crate::session::Session;

const HEAD: &str = "\
# The command line

Standard output is data; status, hints and progress are on standard error. Every reading command
takes `--output json`. Without `--url` and `--token` (or `SLUSS_URL` and `SLUSS_TOKEN`) a command
asks the Sluss that `sluss up` or `sluss login` remembered. Nothing is said by colour alone, and
`NO_COLOR` is respected.

| exit code | means |
|---|---|
| 0 | done |
| 1 | something failed: a step, the log's verification, the machine, or Sluss itself |
| 2 | what was asked makes no sense, or there is no such thing |
| 3 | refused: who asked may not |
| 4 | it does not fit what is true now |

This page is written by `UPDATE_EXPECT=1 cargo test -p sluss --test it reference`.
";

#[test]
fn the_reference_is_what_the_program_says_of_itself() {
    let session = Session::new();
    let mut text = HEAD.to_owned();
    add(&session, &mut text, "");
    expect_file!["../../../../docs/cli.md"].assert_eq(&text);
}

/// Adds the help of a command and of those under it.
fn add(session: &Session, text: &mut String, command: &str) {
    let help = session.sluss(format!("{command} --help").trim_start());
    let help = help.split_once('\n').unwrap().1.replace("ROOT/home", "~");
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    assert!(!help.contains("[err]") && !help.contains("[exit"), "{command}: {help}");
    let title = format!("sluss {command}");
    text.push_str(&format!("\n## `{}`\n\n```text\n{help}```\n", title.trim_end()));
    let mut listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.by_ref().take_while(|line| line.starts_with("  "));
    for line in listed {
        // A name stands two blanks from the left; what a long line goes on with stands further.
        let Some(name) = line[2..].split(' ').next().filter(|name| !name.is_empty()) else {
            continue;
        };
        if name != "help" {
            add(session, text, format!("{command} {name}").trim_start());
        }
    }
}
