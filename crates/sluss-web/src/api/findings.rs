//! What scanners found, as answers and pages tell it: how old each finding is, and until when it
//! has to be mended.
//!
//! The log knows keys; what a finding is called, and where it is, stands in its report.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::findings::FindingKey;
use sluss_core::ids::{DeploymentId, Digest, ReleaseId, ServiceName};
use sluss_core::remediation::{Aged, Late};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_ledger::sarif::{Finding, sarif};
use sluss_store::Blobs as _;

use super::answer::{Answer, nothing, parse};
use crate::app::App;

/// The fewest digits that stand for a key.
const DIGITS_LEAST: usize = 8;
/// The largest report that names are looked up in, in bytes.
const REPORT_MOST: u64 = 32 * 1024 * 1024;

/// A finding of a release.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FindingView {
    /// Its key, the same from scan to scan; nothing where the log does not name it.
    pub key: Option<String>,
    /// How many: one where it has a key.
    pub count: u32,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: &'static str,
    /// The rule that found it, as its report has it.
    pub rule: Option<String>,
    /// The file that it is in.
    pub path: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// When a scan of the service first saw it.
    pub first_ms: i64,
    /// How long it may stay open: days, as `30d`, or `never`, which is for ever.
    pub term: String,
    /// When that is over.
    pub due_ms: Option<i64>,
    /// Whether it is over, and nobody waived that.
    pub overdue: bool,
    /// Whether its report says that somebody accepted it, which opens nothing.
    pub suppressed: bool,
    /// The waiver that lets it stay.
    pub waived_by: Option<String>,
    /// Until when.
    pub waived_until_ms: Option<i64>,
}

/// The findings of a release, those that are due first first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FindingsOfView {
    /// The release.
    pub release: String,
    /// Of which service.
    pub service: String,
    /// Whether a scanner looked at all.
    pub scanned: bool,
    /// What was found.
    pub findings: Vec<FindingView>,
}

/// Findings that are past their terms.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OverdueView {
    /// How many.
    pub count: u32,
    /// When the first of their terms was over.
    pub due_ms: i64,
    /// Which, as a sentence.
    pub sentence: String,
}

fn overdue_view(late: &Late) -> Option<OverdueView> {
    let due_ms = late.overdue.iter().map(|one| one.due.0).min()?;
    Some(OverdueView { count: late.count(), due_ms, sentence: format!("{}.", late.words()) })
}

/// Returns what is past its term of what is live in a place.
pub(crate) fn overdue_live(
    state: &Known,
    live: Option<DeploymentId>,
    now: Millis,
) -> Option<OverdueView> {
    overdue_view(&state.late_at(live?, now))
}

/// Returns what is past its term of a release.
pub(crate) fn overdue_of(state: &Known, release: ReleaseId, now: Millis) -> Option<OverdueView> {
    let now = now.max(state.time);
    overdue_view(&Late::of(&state.findings_of(release, now), now))
}

/// What a report calls a finding.
#[derive(Debug, Clone)]
struct Name {
    rule: String,
    place: Option<(String, Option<u64>)>,
}

fn name(finding: Finding) -> Name {
    let place = finding.location.map(|place| (place.uri, place.line));
    Name { rule: finding.rule, place }
}

/// Returns what these reports call their findings; what can't be read has no names.
async fn names(app: &App, reports: BTreeSet<Digest>) -> BTreeMap<FindingKey, Name> {
    let blobs = &app.engine.parts().blobs;
    let mut names = BTreeMap::new();
    for report in reports {
        let size = blobs.size(&report).await.ok().flatten();
        if size.is_none_or(|size| size > REPORT_MOST) {
            continue;
        }
        let Ok(text) = blobs.get(&report).await else { continue };
        let read = tokio::task::spawn_blocking(move || sarif(&text)).await;
        let Ok(Ok(scans)) = read else { continue };
        for finding in scans.into_iter().flat_map(|scan| scan.findings) {
            let key = FindingKey::from_bytes(*finding.key.as_bytes());
            names.entry(key).or_insert_with(|| name(finding));
        }
    }
    names
}

/// Returns the findings of a release with their names.
pub(crate) async fn findings_of(app: &App, id: ReleaseId) -> Result<FindingsOfView, Failure> {
    let (service, scanned, aged, now) = {
        let state = app.engine.state();
        let release = state.releases.get(&id).ok_or_else(|| nothing(id))?;
        let now = app.engine.now().max(state.time);
        let scanned = !state.scans_that_count(id, 0).is_empty();
        let until = |one: &Aged| Some(state.exceptions.get(&one.waived?)?.until);
        let aged = state.findings_of(id, now).into_iter();
        let aged: Vec<_> = aged.map(|one| (until(&one), one)).collect();
        (release.service.clone(), scanned, aged, now)
    };
    let reports = aged.iter().map(|(_, one)| one.report.clone()).collect();
    let names = names(app, reports).await;
    let view = |(until, one): &(Option<Millis>, Aged)| {
        let name = one.key.and_then(|key| names.get(&key));
        let place = name.and_then(|name| name.place.as_ref());
        FindingView {
            key: one.key.map(|key| key.to_string()),
            count: one.count,
            severity: one.severity.as_str(),
            rule: name.map(|name| name.rule.clone()),
            path: place.map(|(path, _)| path.clone()),
            line: place.and_then(|(_, line)| *line),
            first_ms: one.first.0,
            term: one.term.to_string(),
            due_ms: one.due.map(|due| due.0),
            overdue: one.waived.is_none() && one.is_over(now),
            suppressed: one.suppressed,
            waived_by: one.waived.map(|id| id.to_string()),
            waived_until_ms: until.map(|until| until.0),
        }
    };
    Ok(FindingsOfView {
        release: id.to_string(),
        service: service.to_string(),
        scanned,
        findings: aged.iter().map(view).collect(),
    })
}

pub(super) async fn of_release(
    State(app): State<App>,
    Path(release): Path<String>,
) -> Answer<FindingsOfView> {
    Ok(Json(findings_of(&app, parse(&release)?).await?))
}

/// Reads keys of findings of a service, of which the first digits are enough.
pub(crate) fn keys(
    state: &Known,
    service: &ServiceName,
    given: &[String],
) -> Result<BTreeSet<FindingKey>, Failure> {
    let wrong = |what: String| {
        let hint = "See the keys of a release's findings: `sluss findings rel-7`";
        Failure::new(Blame::Caller, what, hint)
    };
    let seen = state.services.get(service).map(|known| &known.findings);
    let key = |digits: &String| {
        if let Ok(key) = digits.parse() {
            return Ok(key);
        }
        if digits.len() < DIGITS_LEAST {
            return Err(wrong(format!(
                "`{digits}` has fewer than {DIGITS_LEAST} digits of a key."
            )));
        }
        let begins = |key: &&FindingKey| key.to_string().starts_with(digits.as_str());
        let mut fits = seen.into_iter().flat_map(BTreeMap::keys).filter(begins);
        match (fits.next(), fits.next()) {
            (Some(key), None) => Ok(*key),
            (Some(_), Some(_)) => Err(wrong(format!("`{digits}` begins several keys."))),
            (None, _) => Err(wrong(format!("No finding of {service} begins with `{digits}`."))),
        }
    };
    given.iter().map(key).collect()
}
