//! What a scanner's report says, in numbers: our own predicate. It claims no database and no time
//! of its update, which a report does not state.

use serde::{Deserialize, Serialize};

use super::{Predicate, StatementDigest, rules};
use crate::attest::{ResourceDescriptor, UtcTime};

/// A report that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The step that left it, and the commit that it looked at.
    pub step: ResourceDescriptor,
    /// The exact bytes of the report (SARIF 2.1.0).
    pub report: StatementDigest,
    /// Who looked, as the report says.
    pub scanners: Vec<ScanTool>,
    /// When its end was recorded.
    pub finished: UtcTime,
    /// What is open, by severity.
    pub open: OpenFindings,
    /// What the report says somebody accepted.
    pub suppressed: u32,
}

/// A scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanTool {
    /// Its name.
    pub name: String,
    /// Its version; null where it says none.
    pub version: Option<String>,
}

/// Open findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is a severity")]
pub struct OpenFindings {
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    pub low: u32,
}

impl Predicate for Scan {
    const TYPE: &'static str = "urn:sluss/attestation/scan/v1";

    fn check(&self) -> Result<(), &'static str> {
        rules(&[
            (!self.scanners.is_empty(), "no scanner: nobody looked"),
            (self.scanners.iter().all(|tool| !tool.name.is_empty()), "a scanner without name"),
        ])
    }
}
