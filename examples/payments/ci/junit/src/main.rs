//! Turns the plain output of `cargo test`, read from standard input, into a JUnit
//! report on standard output: `junit EXIT_CODE`.
//!
//! Stable Rust has no other output that a program may rely on. The report is never
//! better than the exit code: where the tests failed and none is seen to have, the
//! report carries an error of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

/// The tests of one program.
#[derive(Debug, Default)]
struct Suite {
    name: String,
    cases: Vec<(String, Verdict)>,
    outputs: HashMap<String, String>,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

fn main() -> ExitCode {
    let code = std::env::args().nth(1).and_then(|code| code.parse().ok());
    let Some(code) = code else {
        eprintln!("usage: junit EXIT_CODE <output-of-cargo-test");
        return ExitCode::from(2);
    };
    let mut output = Vec::new();
    let written = io::stdin().read_to_end(&mut output).and_then(|_length| {
        let xml = report(&parse(&String::from_utf8_lossy(&output)), code);
        io::stdout().write_all(xml.as_bytes())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("junit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(output: &str) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut printing: Option<String> = None;
    for line in output.lines() {
        let trimmed = line.trim();
        if let Some(name) = suite_name(trimmed) {
            suites.push(Suite { name, ..Suite::default() });
            printing = None;
            continue;
        }
        let Some(suite) = suites.last_mut() else { continue };
        if let Some(rest) = trimmed.strip_prefix("test result: ") {
            suite.seconds = seconds(rest).unwrap_or(0.0);
            printing = None;
        } else if let Some(case) = trimmed.strip_prefix("test ").and_then(case) {
            suite.cases.push(case);
        } else if let Some(name) =
            trimmed.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            printing = Some(name.to_owned());
        } else if trimmed == "failures:" {
            printing = None;
        } else if let Some(name) = &printing {
            let output = suite.outputs.entry(name.clone()).or_default();
            output.push_str(line);
            output.push('\n');
        }
    }
    suites
}

/// `Running unittests src/lib.rs (target/release/deps/books-0123456789abcdef)`
fn suite_name(line: &str) -> Option<String> {
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} (documentation)"));
    }
    let program = line.strip_prefix("Running ")?.rsplit_once('(')?.1.strip_suffix(')')?;
    let file = program.rsplit('/').next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _hash)| name).to_owned())
}

/// `tests::a_claim ... ok`
fn case(rest: &str) -> Option<(String, Verdict)> {
    let (name, word) = rest.split_once(" ... ")?;
    let verdict = match word.split([' ', ',']).next()? {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        "ignored" => Verdict::Skipped,
        _ => return None,
    };
    Some((name.to_owned(), verdict))
}

fn seconds(result: &str) -> Option<f64> {
    result.rsplit_once("finished in ")?.1.strip_suffix('s')?.parse().ok()
}

fn report(suites: &[Suite], code: i32) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites.iter().filter(|suite| !suite.cases.is_empty()) {
        let count = |verdict| {
            suite.cases.iter().filter(|(_, seen): &&(_, Verdict)| *seen == verdict).count()
        };
        push(
            &mut xml,
            format_args!(
                "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" \
                 skipped=\"{}\" time=\"{:.3}\">\n",
                escape(&suite.name),
                suite.cases.len(),
                count(Verdict::Failed),
                count(Verdict::Skipped),
                suite.seconds,
            ),
        );
        for (name, verdict) in &suite.cases {
            push_case(&mut xml, suite, name, *verdict);
        }
        xml.push_str("</testsuite>\n");
    }
    let failed = suites.iter().flat_map(|suite| &suite.cases).any(|(_, v)| *v == Verdict::Failed);
    if code != 0 && !failed {
        push(
            &mut xml,
            format_args!(
                "<testsuite name=\"cargo test\" tests=\"1\" failures=\"0\" errors=\"1\">\n\
                 <testcase classname=\"cargo\" name=\"cargo test\">\
                 <error message=\"it ended with code {code} and no failed test\"/></testcase>\n\
                 </testsuite>\n"
            ),
        );
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn push_case(xml: &mut String, suite: &Suite, name: &str, verdict: Verdict) {
    let (classname, escaped) = (escape(&suite.name), escape(name));
    push(xml, format_args!("<testcase classname=\"{classname}\" name=\"{escaped}\">"));
    match verdict {
        Verdict::Passed => {}
        Verdict::Skipped => xml.push_str("<skipped/>"),
        Verdict::Failed => {
            let output = suite.outputs.get(name).map_or("", |output| output.trim());
            push(
                xml,
                format_args!("<failure message=\"the test failed\">{}</failure>", escape(output)),
            );
        }
    }
    xml.push_str("</testcase>\n");
}

fn push(xml: &mut String, text: std::fmt::Arguments<'_>) {
    assert!(xml.write_fmt(text).is_ok(), "BUG: writing to a string failed");
}

/// Escapes what XML gives a meaning and drops what it does not allow.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "   Compiling books v1.0.0
     Running unittests src/lib.rs (target/release/deps/books-0a1b)

running 3 tests
test tests::holds ... ok
test tests::moves ... FAILED
test tests::waits ... ignored, later

failures:

---- tests::moves stdout ----
assertion failed: 1 < 2 & so on


failures:
    tests::moves

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.25s
";

    #[test]
    fn each_test_becomes_a_case_with_its_output() {
        let xml = report(&parse(OUTPUT), 101);
        let suite = "<testsuite name=\"books\" tests=\"3\" failures=\"1\" errors=\"0\" \
                     skipped=\"1\" time=\"0.250\">";
        assert!(xml.contains(suite), "{xml}");
        assert!(xml.contains("assertion failed: 1 &lt; 2 &amp; so on</failure>"), "{xml}");
        assert!(!xml.contains("<error"), "{xml}");
    }

    #[test]
    fn a_failed_run_without_failed_tests_is_an_error() {
        assert!(report(&parse("error: could not compile"), 101).contains("<error"));
        assert!(!report(&[], 0).contains("<error"));
    }
}
