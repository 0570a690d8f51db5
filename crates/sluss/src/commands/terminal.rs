//! Asks whoever sits at the terminal: for a yes, a line, or a password that is not shown.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use sluss_engine::failure::{Blame, Failure};

/// The longest that is read from standard input as a password or a secret, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Returns whether somebody sits at the terminal.
pub(super) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a yes; without anybody there, nobody said it.
pub(super) fn yes(question: &str, by_default: Answer) -> Result<bool, Failure> {
    let choices = match by_default {
        Answer::Yes => "[Y/n]",
        Answer::No => "[y/N]",
    };
    let said = line(&format!("{question} {choices} "))?.to_lowercase();
    Ok(match said.as_str() {
        "" => by_default == Answer::Yes,
        "y" | "yes" => true,
        _other => false,
    })
}

/// What counts as said when only the return key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}

/// Asks for a line.
pub(super) fn line(question: &str) -> Result<String, Failure> {
    let mut terminal = open()?;
    terminal.write_all(question.as_bytes()).map_err(gone)?;
    let mut said = String::new();
    BufReader::new(terminal).read_line(&mut said).map_err(gone)?;
    Ok(said.trim().to_owned())
}

/// Asks for a password, which is not shown.
pub(super) fn password(question: &str) -> Result<String, Failure> {
    let mut terminal = open()?;
    terminal.write_all(question.as_bytes()).map_err(gone)?;
    let mut said = String::new();
    {
        let hidden = Hidden::begin(&terminal)?;
        BufReader::new(&hidden.terminal).read_line(&mut said).map_err(gone)?;
    }
    terminal.write_all(b"\n").map_err(gone)?;
    Ok(said.trim_end_matches(['\n', '\r']).to_owned())
}

/// Reads a password or a secret from standard input, whole, without a line's end after it.
pub(super) fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let failed = |error: std::io::Error| Failure::upstream("Standard input can't be read", &error);
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn open() -> Result<File, Failure> {
    File::options().read(true).write(true).open("/dev/tty").map_err(|_| {
        let what = "There is no terminal to ask at.";
        let hint = "Say it in the arguments: `--yes`, `--login LOGIN`, `--password-stdin`";
        Failure::new(Blame::Caller, what, hint)
    })
}

fn gone(error: std::io::Error) -> Failure {
    Failure::upstream("The terminal can't be asked", &error)
}

/// A terminal that does not show what is typed, until this value is dropped.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn begin(terminal: &File) -> Result<Self, Failure> {
        let terminal = terminal.try_clone().map_err(gone)?;
        let before = tcgetattr(&terminal).map_err(|error| gone(error.into()))?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &quiet).map_err(|error| gone(error.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before).ok();
    }
}
