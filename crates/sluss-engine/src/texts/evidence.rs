//! What a policy is told of scans, findings and the bill of materials.
//!
//! A check's scanner is the step that left its report. A finding stands there once, however many
//! reports have it, with the first of their scanners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluss_core::findings::{self, FindingKey, ScanOf};
use sluss_core::ids::Digest;
use sluss_core::materials::Materials;
use sluss_core::remediation::Aged;
use sluss_core::state::Release;
use sluss_ledger::sarif::{SarifError, sarif};
use sluss_policy::input::{
    Finding, FindingStatus, Millis as At, Sbom, Scan, ScanOutcome, Severity, Text, ValueRefused,
};

use super::input::{NO_END, at, count, sha256, text};
use crate::reconcile::reports::found;

/// Longest id of a finding that policies are told, in characters.
const ID_MOST: usize = 1_000;

/// A finding of a report, as policies are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which it is, how bad, and whether the report says that somebody accepted it.
    of: findings::Found,
    /// The rule that found it, such as a CVE.
    rule: Text,
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
        let of = found(&finding)?;
        let rule: String = finding.rule.chars().take(ID_MOST).collect();
        // The reader left no control character in it, and it is not longer than a text may be.
        let rule = Text::try_from(rule).or_else(|_empty| Text::try_from("unnamed")).ok()?;
        Some(Found { of, rule })
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

/// What the last attempts found. What no event names has no age, and is due when it was reported.
pub(super) fn findings(
    scans: &[ScanOf<'_>],
    reports: &Reports,
    aged: &[Aged],
) -> Result<Vec<Finding>, NotRead> {
    let known: BTreeMap<FindingKey, &Aged> =
        aged.iter().filter_map(|one| Some((one.key?, one))).collect();
    let mut rows = Vec::new();
    let mut told = BTreeSet::new();
    for scan in scans.iter().filter(|scan| scan.last) {
        let report = &scan.scanned.report;
        let found = reports.get(report).ok_or_else(|| NotRead::Missing(report.clone()))?;
        for one in found.iter() {
            let known = known.get(&one.of.key);
            if !told.insert(one.of.key) {
                continue;
            }
            let first = known.map_or(scan.scanned.at, |known| known.first);
            let due = known.map_or(Some(scan.scanned.at), |known| known.due);
            let suppressed = known.map_or(one.of.suppressed, |known| known.suppressed);
            rows.push(Finding {
                id: one.rule.clone(),
                severity: severity(known.map_or(one.of.severity, |known| known.severity)),
                scanner: text(&scan.scanned.step)?,
                status: match suppressed {
                    true => FindingStatus::Dismissed,
                    false => FindingStatus::Open,
                },
                first_seen_ms: at(first)?,
                due_ms: due.map_or(At::try_from(NO_END), at)?,
                waived: known.is_some_and(|known| known.waived.is_some()),
            });
        }
    }
    Ok(rows)
}

fn severity(of: findings::Severity) -> Severity {
    match of {
        findings::Severity::Critical => Severity::Critical,
        findings::Severity::High => Severity::High,
        findings::Severity::Medium => Severity::Medium,
        findings::Severity::Low => Severity::Low,
    }
}

#[cfg(test)]
mod tests {
    use sluss_core::findings::{Report, Scanned};
    use sluss_core::remediation::Term;
    use sluss_core::units::Millis;

    use super::*;

    const FOUND: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner",
        "rules":[{"id":"CVE-1","properties":{"security-severity":"7.5"}}]}},
        "results":[{"ruleId":"CVE-1","message":{"text":"x"}},
        {"ruleId":"LINT","level":"note","message":{"text":"y"}}]}]}"#;

    fn scanned(report: &Digest, at: i64) -> Scanned {
        let all = sarif(FOUND.as_bytes()).unwrap().remove(0).findings;
        let Report { report, findings, named } =
            Report::of(report.clone(), all.iter().filter_map(found));
        let (step, named) = ("scan".parse().unwrap(), Some(named));
        Scanned { step, attempt: 1, report, findings, named, at: Millis(at) }
    }

    #[test]
    fn a_finding_stands_there_once_with_its_own_dates() {
        let [one, two] = [b"one", b"two"].map(|text| Digest::of(text));
        let both = [scanned(&one, 5_000), scanned(&two, 6_000)];
        let scans: Vec<ScanOf<'_>> =
            both.iter().map(|scanned| ScanOf { scanned, finished: true, last: true }).collect();
        let read = Arc::new(read_report(FOUND.as_bytes()).unwrap());
        let reports = [(one.clone(), read.clone()), (two, read)].into();
        let aged: Vec<Aged> = both[0]
            .named
            .iter()
            .flat_map(findings::Named::all)
            .map(|of| {
                let (term, first) = match of.severity {
                    findings::Severity::High => (Term::Days(1), Millis(1_000)),
                    _low => (Term::Never, Millis(2_000)),
                };
                Aged {
                    key: Some(of.key),
                    count: 1,
                    severity: of.severity,
                    first,
                    term,
                    due: term.after(first),
                    suppressed: false,
                    waived: None,
                    report: one.clone(),
                }
            })
            .collect();
        let rows = findings(&scans, &reports, &aged).unwrap();
        let told = |row: &Finding| {
            (row.id.to_string(), i64::from(row.first_seen_ms), i64::from(row.due_ms))
        };
        let rows: Vec<_> = rows.iter().map(told).collect();
        let high = ("CVE-1".to_owned(), 1_000, 86_401_000);
        assert_eq!(rows, [high, ("LINT".to_owned(), 2_000, NO_END)]);
        // What the log does not name was due when it was reported.
        let rows = findings(&scans, &reports, &[]).unwrap();
        assert!(rows.iter().all(|row| told(row).1 == 5_000 && told(row).2 == 5_000));
    }
}
