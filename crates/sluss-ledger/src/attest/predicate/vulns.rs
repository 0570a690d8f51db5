//! in-toto vulnerabilities v0.2: a scan's findings, with the age of what it knew.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::UtcTime;

/// A scan and its findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulns {
    /// Who scanned, with which data, and what was found.
    pub scanner: Scanner,
    /// When.
    pub metadata: ScanMetadata,
}

/// A scanner with its findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanner {
    /// Which scanner.
    pub uri: String,
    /// Its version.
    pub version: String,
    /// What it knew.
    pub db: ScannerDatabase,
    /// What it found; empty where it found nothing.
    pub result: Vec<Vulnerability>,
}

/// What a scanner knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannerDatabase {
    /// Where its knowledge is from.
    pub uri: String,
    /// Version of it.
    pub version: String,
    /// When that was brought up to date: rules about age look here.
    pub last_update: UtcTime,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// Its id, such as `CVE-2024-0001`.
    pub id: String,
    /// How bad it is, by one or several methods.
    pub severity: Vec<Severity>,
}

/// How bad a finding is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severity {
    /// By which method, such as `CVSS_V3`.
    pub method: String,
    /// What came out, as the method writes it.
    pub score: String,
}

/// When was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanMetadata {
    /// When it started.
    pub scan_started_on: UtcTime,
    /// When it ended.
    pub scan_finished_on: UtcTime,
}

impl Predicate for Vulns {
    const TYPE: &'static str = "https://in-toto.io/attestation/vulns/v0.2";

    fn check(&self) -> Result<(), &'static str> {
        let (times, scanner) = (&self.metadata, &self.scanner);
        let judged =
            |finding: &Vulnerability| !finding.id.is_empty() && !finding.severity.is_empty();
        rules(&[
            (!scanner.uri.is_empty() && !scanner.version.is_empty(), "no scanner"),
            (times.scan_started_on <= times.scan_finished_on, "the scan ended before it started"),
            (scanner.result.iter().all(judged), "a finding without id or severity"),
        ])
    }
}
