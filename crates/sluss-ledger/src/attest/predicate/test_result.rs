//! in-toto test result v0.1: a run of tests.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::ResourceDescriptor;

/// A run of tests. The raw report is a blob beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// How it ended.
    pub result: TestVerdict,
    /// What was run with: the step's definition, the commit, the report.
    pub configuration: Vec<ResourceDescriptor>,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Names of tests that passed.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Names of tests that passed with warnings.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Names of tests that failed.
    #[serde(default)]
    pub failed_tests: Vec<String>,
}

/// How a run of tests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TestVerdict {
    /// All passed.
    Passed,
    /// None failed, some warned.
    Warned,
    /// Some failed, or nothing ran.
    Failed,
}

impl Predicate for TestResult {
    const TYPE: &'static str = "https://in-toto.io/attestation/test-result/v0.1";

    fn check(&self) -> Result<(), &'static str> {
        let failed = self.result == TestVerdict::Failed;
        rules(&[
            (!self.configuration.is_empty(), "no configuration: what was run is not said"),
            (
                failed || self.failed_tests.is_empty(),
                "tests failed, and the run is said not to have",
            ),
        ])
    }
}
