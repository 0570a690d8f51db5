//! A policy's own tests: every `test_` rule of a bundle, and which lines they reached.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use serde::Serialize;

use crate::bundle::{Bundle, of_engine};

/// How long one test may take.
const TEST_TIME: Duration = Duration::from_secs(5);
/// Units of work between two looks at the time.
const CHECK_EVERY: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");

/// What the tests of a bundle came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// The bundle that was tested.
    pub bundle_sha256: String,
    /// Every test, in order of file and place.
    pub cases: Vec<TestCase>,
    /// The files that decide, and the lines that the tests reached.
    pub files: Vec<FileCoverage>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestCase {
    /// Its rule, such as `data.sluss.gate.test_a_red_check_closes`.
    pub rule: String,
    /// The file that it stands in.
    pub file: String,
    /// The line that it begins on, from 1.
    pub line: u32,
    /// How it ended.
    pub outcome: TestOutcome,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TestOutcome {
    /// It is true.
    Passed,
    /// It is false, or has no value.
    Failed {
        /// What it is instead.
        why: String,
    },
    /// It could not be evaluated.
    Errored {
        /// Where, as `file:line:col`.
        at: String,
        /// Why.
        why: String,
    },
}

/// Which lines of a file the tests reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileCoverage {
    /// The file.
    pub file: String,
    /// Lines that were reached.
    pub covered: Vec<u32>,
    /// Lines that were not.
    pub uncovered: Vec<u32>,
}

impl TestReport {
    /// Lines reached, in thousandths of those that can be; 0 where there are none.
    #[must_use]
    pub fn coverage_permille(&self) -> u16 {
        let sum = |of: fn(&FileCoverage) -> usize| self.files.iter().map(of).sum::<usize>();
        let covered = sum(|file| file.covered.len());
        let all = covered + sum(|file| file.uncovered.len());
        (covered * 1000).checked_div(all).and_then(|it| u16::try_from(it).ok()).unwrap_or(0)
    }

    /// The tests that did not pass.
    pub fn failures(&self) -> impl Iterator<Item = &TestCase> {
        self.cases.iter().filter(|case| case.outcome != TestOutcome::Passed)
    }

    /// Whether there are tests, all passed, and reached at least this share of the lines. A bundle
    /// without tests is not tested, and does not pass.
    #[must_use]
    pub fn passes(&self, least_permille: u16) -> bool {
        !self.cases.is_empty()
            && self.failures().next().is_none()
            && self.coverage_permille() >= least_permille
    }
}

/// Runs every `test_` rule of a bundle.
#[must_use]
pub fn test_bundle(bundle: &Bundle) -> TestReport {
    let mut engine = prepared(bundle);
    let mut cases = Vec::new();
    for test in bundle.tests() {
        let outcome = match &mut engine {
            Ok(ready) => run(ready, &test.rule, &test.file),
            Err(why) => TestOutcome::Errored { at: test.file.clone(), why: why.clone() },
        };
        let (rule, file) = (test.rule.clone(), test.file.clone());
        cases.push(TestCase { rule, file, line: test.line, outcome });
    }
    let files = engine.map(|ready| coverage(&ready, bundle)).unwrap_or_default();
    TestReport { bundle_sha256: bundle.sha256().to_owned(), cases, files }
}

fn prepared(bundle: &Bundle) -> Result<Engine, String> {
    let mut engine = bundle.test_engine()?;
    engine.set_enable_coverage(true);
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: TEST_TIME,
        check_interval: CHECK_EVERY,
    });
    // A test that gives no input is undefined wherever it reads one, as in a gate without facts.
    engine.set_input(Value::new_object());
    Ok(engine)
}

fn run(engine: &mut Engine, rule: &str, file: &str) -> TestOutcome {
    let value = catch_unwind(AssertUnwindSafe(|| engine.eval_rule(rule.to_owned())));
    match value {
        Ok(Ok(Value::Bool(true))) => TestOutcome::Passed,
        Ok(Ok(Value::Undefined)) => {
            TestOutcome::Failed { why: "a statement of it does not hold (undefined)".to_owned() }
        }
        Ok(Ok(other)) => TestOutcome::Failed { why: format!("it is {other}, not true") },
        Ok(Err(problem)) => {
            let problem = of_engine(&problem.to_string(), file, "");
            let at = format!("{}:{}:{}", problem.file, problem.line, problem.col);
            TestOutcome::Errored { at, why: problem.what }
        }
        Err(_panic) => TestOutcome::Errored {
            at: file.to_owned(),
            why: "the policy engine broke down".to_owned(),
        },
    }
}

/// The engine reports only files of which a rule was reached; those of which none was are here
/// with every line uncovered, or a file without tests would raise the share.
fn coverage(engine: &Engine, bundle: &Bundle) -> Vec<FileCoverage> {
    let report = engine.get_coverage_report().map(|report| report.files).unwrap_or_default();
    let reached: BTreeMap<_, _> = report.into_iter().map(|it| (it.path.clone(), it)).collect();
    let of = |(file, lines): (&String, &BTreeSet<u32>)| match reached.get(file) {
        Some(report) => FileCoverage {
            file: file.clone(),
            covered: report.covered.iter().copied().collect(),
            uncovered: report.not_covered.iter().copied().collect(),
        },
        None => FileCoverage {
            file: file.clone(),
            covered: Vec::new(),
            uncovered: lines.iter().copied().collect(),
        },
    };
    bundle.lines().iter().map(of).collect()
}
