//! Recognises test cases in what test programs print: libtest, pytest, unittest, go test, and
//! the Test Anything Protocol and its likes (`node --test`).

use std::collections::BTreeMap;

use super::{CaseOutcome, MESSAGE, MOST_CASES, TestCase, TestResults, shortened};

/// Collects cases line by line.
#[derive(Debug, Default)]
pub(crate) struct Recogniser {
    results: TestResults,
    messages: BTreeMap<String, String>,
    /// The failed case whose output is being printed.
    telling: Option<String>,
    /// A line that may be the first half of a case.
    before: String,
    /// Whether what follows repeats what was said.
    repeats: bool,
}

impl Recogniser {
    /// Looks at a line, without its end.
    pub(crate) fn line(&mut self, line: &str) {
        let plain = without_colour(line);
        let line = plain.trim_end();
        self.tell(line);
        if line.contains("failing tests:") {
            self.repeats = true;
        }
        let found = libtest(line)
            .or_else(|| unittest(line, &self.before))
            .or_else(|| pytest(line))
            .or_else(|| go(line))
            .or_else(|| tap(line))
            .or_else(|| if self.repeats { None } else { ticked(line) });
        if let Some(case) = found
            && self.results.cases.len() < MOST_CASES
        {
            self.results.add(case);
        }
        line.clone_into(&mut self.before);
    }

    /// Returns the cases, with what was said about those that failed.
    pub(crate) fn finish(mut self) -> TestResults {
        for case in &mut self.results.cases {
            if let CaseOutcome::Failed { message } | CaseOutcome::Errored { message } =
                &mut case.outcome
                && let Some(said) = self.messages.get(&case.name)
            {
                *message = shortened(said);
            }
        }
        self.results
    }

    /// Notes what is said about a failed case: libtest's sections and pytest's summary.
    fn tell(&mut self, line: &str) {
        if let Some(name) =
            line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            self.telling = Some(name.to_owned());
            return;
        }
        let summary = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "));
        if let Some((name, said)) = summary.and_then(|rest| rest.split_once(" - ")) {
            let name = name.rsplit("::").next().unwrap_or(name);
            self.messages.insert(name.to_owned(), said.to_owned());
        }
        if line == "failures:" || line.starts_with("test result:") {
            self.telling = None;
        }
        if let Some(name) = &self.telling {
            let message = self.messages.entry(name.clone()).or_default();
            if message.len() < MESSAGE {
                message.push_str(&line[..line.floor_char_boundary(MESSAGE)]);
                message.push('\n');
            }
        }
    }
}

fn case(suite: &str, name: &str, outcome: CaseOutcome, millis: u64) -> Option<TestCase> {
    (!name.is_empty()).then(|| TestCase {
        suite: shortened(suite),
        name: shortened(name),
        outcome,
        millis,
    })
}

fn failed() -> CaseOutcome {
    CaseOutcome::Failed { message: "it failed".into() }
}

fn errored() -> CaseOutcome {
    CaseOutcome::Errored { message: "it could not be run to its end".into() }
}

/// `test books::balance ... ok`
fn libtest(line: &str) -> Option<TestCase> {
    let (name, said) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match said.split([' ', ',']).next()? {
        "ok" | "bench:" => CaseOutcome::Passed,
        "FAILED" => failed(),
        "ignored" => CaseOutcome::Skipped,
        _ => return None,
    };
    let name = name.trim_end_matches(" - should panic");
    case("libtest", name, outcome, 0)
}

/// `tests/test_books.py::test_balance PASSED [ 50%]`
fn pytest(line: &str) -> Option<TestCase> {
    const WORDS: [&str; 6] = [" PASSED", " FAILED", " ERROR", " SKIPPED", " XFAIL", " XPASS"];
    let (at, word) = WORDS.iter().find_map(|word| Some((line.rfind(word)?, *word)))?;
    let rest = &line[at + word.len()..];
    let (file, name) = line[..at].split_once("::")?;
    if file.contains(' ') || !(rest.is_empty() || rest.starts_with([' ', '(', '['])) {
        return None;
    }
    let outcome = match word {
        " FAILED" => failed(),
        " ERROR" => errored(),
        " SKIPPED" | " XFAIL" => CaseOutcome::Skipped,
        _ => CaseOutcome::Passed,
    };
    let (suite, name) = match name.rsplit_once("::") {
        Some((class, name)) => (format!("{file}::{class}"), name),
        None => (file.to_owned(), name),
    };
    case(&suite, name, outcome, 0)
}

/// `test_balance (test_books.BooksTest.test_balance) ... ok`, or that over two lines
fn unittest(line: &str, before: &str) -> Option<TestCase> {
    let (told, said) = line.rsplit_once(" ... ")?;
    let outcome = match said.split(' ').next()? {
        "ok" => CaseOutcome::Passed,
        "FAIL" => failed(),
        "ERROR" => errored(),
        "skipped" | "expected" => CaseOutcome::Skipped,
        "unexpected" => failed(),
        _ => return None,
    };
    let (name, class) = in_class(told).or_else(|| in_class(before))?;
    case(class, name, outcome, 0)
}

fn in_class(text: &str) -> Option<(&str, &str)> {
    let (name, class) = text.strip_suffix(')')?.split_once(" (")?;
    let plain = !name.contains(' ') && !class.contains([' ', '(']);
    let class = class.strip_suffix(name).and_then(|class| class.strip_suffix('.')).unwrap_or(class);
    plain.then_some((name, class))
}

/// `--- PASS: TestBalance (0.01s)`
fn go(line: &str) -> Option<TestCase> {
    let (word, rest) = line.trim_start().strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" => CaseOutcome::Passed,
        "FAIL" => failed(),
        "SKIP" => CaseOutcome::Skipped,
        _ => return None,
    };
    let (name, took) = rest.rsplit_once(" (")?;
    case("go test", name, outcome, milliseconds(took.strip_suffix("s)")?, 1000))
}

/// `not ok 2 - balance # SKIP for now`
fn tap(line: &str) -> Option<TestCase> {
    let line = line.trim_start();
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    number.parse::<u32>().ok()?;
    let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
    let name = name.trim().trim_start_matches("- ");
    let directive = directive.to_ascii_uppercase();
    let outcome = match passed {
        _ if directive.starts_with("SKIP") || directive.starts_with("TODO") => CaseOutcome::Skipped,
        true => CaseOutcome::Passed,
        false => failed(),
    };
    case("tap", if name.is_empty() { number } else { name }, outcome, 0)
}

/// `✔ balance (1.5ms)`
fn ticked(line: &str) -> Option<TestCase> {
    let line = line.trim_start();
    let (outcome, rest) = if let Some(rest) = line.strip_prefix("✔ ") {
        (CaseOutcome::Passed, rest)
    } else if let Some(rest) = line.strip_prefix("✖ ") {
        (failed(), rest)
    } else {
        (CaseOutcome::Skipped, line.strip_prefix("﹣ ")?)
    };
    let (name, took) = rest.rsplit_once(" (")?;
    let took = took.split_once("ms)")?.0;
    case("node", name, outcome, milliseconds(took, 1))
}

/// Reads a decimal number whose unit has this many milliseconds.
fn milliseconds(number: &str, unit: u64) -> u64 {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    let thousandths = part.parse::<u64>().unwrap_or(0);
    whole.parse::<u64>().unwrap_or(0).saturating_mul(unit) + thousandths * unit / 1000
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |end| end + 1);
        rest = &after[end..];
    }
    plain.push_str(rest);
    plain
}
