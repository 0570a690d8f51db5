//! What a policy is told of scans, findings and the bill of materials.
//!
//! A check's scanner is the step that left its report. A finding has no term of its own here: it is
//! due at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluss_core::findings::ScanOf;
use sluss_core::ids::Digest;
use sluss_core::materials::Materials;
use sluss_core::state::Release;
use sluss_ledger::sarif::{Risk, SarifError, sarif};
use sluss_policy::input::{
    Finding, FindingStatus, Sbom, Scan, ScanOutcome, Severity, Text, ValueRefused,
};

use super::input::{at, count, sha256, text};

/// Longest id of a finding that policies are told, in characters.
const ID_MOST: usize = 1_000;

/// A finding of a report, as policies are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The rule that found it, such as a CVE.
    rule: Text,
    severity: Severity,
    /// Whether the report says that somebody accepted it.
    accepted: bool,
}

/// What the reports of scanners say, by their digests.
pub type Reports = BTreeMap<Digest, Arc<Vec<Found>>>;

/// Why what scanners found cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// A report is not there.
    #[error("the report {0} can't be read")]
    Missing(Digest),
    /// Something of it has no place in the contract.
    #[error(transparent)]
    Value(#[from] ValueRefused),
}

/// Reads a report that was kept.
///
/// # Errors
///
/// [`SarifError`]: it can't be read any more.
pub fn read_report(bytes: &[u8]) -> Result<Vec<Found>, SarifError> {
    let all = sarif(bytes)?.into_iter().flat_map(|scan| scan.findings);
    let found = |finding: sluss_ledger::sarif::Finding| {
        let severity = match finding.risk()? {
            Risk::Critical => Severity::Critical,
            Risk::High => Severity::High,
            Risk::Medium => Severity::Medium,
            Risk::Low => Severity::Low,
        };
        let rule: String = finding.rule.chars().take(ID_MOST).collect();
        // The reader left no control character in it, and it is not longer than a text may be.
        let rule = Text::try_from(rule).or_else(|_empty| Text::try_from("unnamed")).ok()?;
        Some(Found { rule, severity, accepted: finding.suppressed })
    };
    Ok(all.filter_map(found).collect())
}

pub(super) fn sbom(release: &Release) -> Result<Sbom, ValueRefused> {
    match (&release.materials, &release.sbom) {
        (Some(Materials::Listed { components, .. }), Some(_signed)) => {
            Ok(Sbom { present: true, components: count(components.get().into())? })
        }
        _absent_or_unsigned => Ok(Sbom { present: false, components: count(0)? }),
    }
}

/// Every report on every artifact, those of attempts that failed too.
pub(super) fn scans(scans: &[ScanOf<'_>], release: &Release) -> Result<Vec<Scan>, ValueRefused> {
    let mut rows = Vec::new();
    for scan in scans {
        for artifact in &release.artifacts {
            rows.push(Scan {
                scanner: text(&scan.scanned.step)?,
                outcome: match scan.finished {
                    true => ScanOutcome::Finished,
                    false => ScanOutcome::Failed,
                },
                digest: sha256(&artifact.digest)?,
                at_ms: at(scan.scanned.at)?,
            });
        }
    }
    Ok(rows)
}

/// What the last attempts found.
pub(super) fn findings(scans: &[ScanOf<'_>], reports: &Reports) -> Result<Vec<Finding>, NotRead> {
    let mut rows = Vec::new();
    for scan in scans.iter().filter(|scan| scan.last) {
        let report = &scan.scanned.report;
        let found = reports.get(report).ok_or_else(|| NotRead::Missing(report.clone()))?;
        let seen = at(scan.scanned.at)?;
        for one in found.iter() {
            rows.push(Finding {
                id: one.rule.clone(),
                severity: one.severity,
                scanner: text(&scan.scanned.step)?,
                status: match one.accepted {
                    true => FindingStatus::Dismissed,
                    false => FindingStatus::Open,
                },
                first_seen_ms: seen,
                due_ms: seen,
                waived: false,
            });
        }
    }
    Ok(rows)
}
