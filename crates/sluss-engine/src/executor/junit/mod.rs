//! Test results: read from JUnit XML, and made from what test programs print.
//!
//! # Invariants
//!
//! - Reading never expands entities, never nests deeper than [`DEEPEST`], and reads at most
//!   [`MOST_BYTES`]; what goes beyond is an error that says so.

mod command;
mod parse;
mod recognise;
#[cfg(test)]
mod tests;
mod write;

pub use command::junit_main;
pub use parse::{JunitError, parse};

/// How many bytes of a report are read.
pub const MOST_BYTES: u64 = 32 << 20;
/// How deep elements may be nested.
pub const DEEPEST: usize = 64;
/// How many cases a report may have.
pub const MOST_CASES: usize = 200_000;
/// How much of a failure's message is kept, in bytes.
pub(crate) const MESSAGE: usize = 4 << 10;

/// What came of one test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    /// It passed.
    Passed,
    /// What it checked did not hold.
    Failed {
        /// What it said.
        message: String,
    },
    /// It did not run.
    Skipped,
    /// It could not be run to its end.
    Errored {
        /// What it said.
        message: String,
    },
}

/// One test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The suite or class that it belongs to.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: CaseOutcome,
    /// How long it took, in milliseconds, if that was said.
    pub millis: u64,
}

/// What a test program reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestResults {
    /// The suites, in the order in which they were reported.
    pub suites: Vec<String>,
    /// The cases, in the order in which they were reported.
    pub cases: Vec<TestCase>,
}

/// How many cases came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that did not run.
    pub skipped: usize,
    /// Cases that could not be run to their end.
    pub errored: usize,
}

impl TestResults {
    /// Counts the cases by what came of them.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for case in &self.cases {
            match case.outcome {
                CaseOutcome::Passed => totals.passed += 1,
                CaseOutcome::Failed { .. } => totals.failed += 1,
                CaseOutcome::Skipped => totals.skipped += 1,
                CaseOutcome::Errored { .. } => totals.errored += 1,
            }
        }
        totals
    }

    /// Adds a case, and its suite if that is new.
    pub(crate) fn add(&mut self, case: TestCase) {
        if self.suites.last() != Some(&case.suite) && !self.suites.contains(&case.suite) {
            self.suites.push(case.suite.clone());
        }
        self.cases.push(case);
    }
}

/// Cuts `text` to what is kept of a message.
pub(crate) fn shortened(text: &str) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(MESSAGE)].to_owned()
}
