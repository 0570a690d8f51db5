//! What the gates that ask for evidence see: tests, provenance, bill of materials, findings.

use std::collections::BTreeMap;

use crate::deployment::Deployment;
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::DeploymentId;
use crate::materials::Materials;
use crate::remediation::{self, Late};
use crate::state::{RunEnd, State};
use crate::units::Millis;

pub(super) fn provenance(state: &State, deployment: &Deployment) -> GateOutcome {
    let release = state.releases.get(&deployment.release);
    match release.is_some_and(|release| release.provenance.is_some()) {
        true => GateOutcome::Cleared { why: ClearedWhy::Attested },
        false => GateOutcome::Waiting { on: WaitingOn::Provenance },
    }
}

pub(super) fn tests(state: &State, id: DeploymentId, deployment: &Deployment) -> GateOutcome {
    let run = state.releases.get(&deployment.release).and_then(|r| state.runs.get(&r.run));
    let counts = run
        .filter(|run| run.ended.is_some_and(|(_, end)| end == RunEnd::Succeeded))
        .and_then(|run| run.steps.tests());
    match counts {
        Some(tests) if tests.passed > 0 && tests.failed == 0 => {
            GateOutcome::Cleared { why: ClearedWhy::TestsPassed(tests) }
        }
        tests if state.tests_accepted(id).is_some() => {
            GateOutcome::Cleared { why: ClearedWhy::TestsAccepted { tests } }
        }
        Some(tests) if tests.failed > 0 => {
            GateOutcome::Refused { why: RefusedWhy::TestsFailed(tests) }
        }
        Some(_) | None => GateOutcome::Refused { why: RefusedWhy::NoTests },
    }
}

pub(super) fn sbom(state: &State, deployment: &Deployment) -> GateOutcome {
    let release = state.releases.get(&deployment.release);
    match release.and_then(|release| Some((release.materials.as_ref()?, &release.sbom))) {
        Some((Materials::Absent { why }, _)) => {
            GateOutcome::Refused { why: RefusedWhy::NoSbom { why: why.clone() } }
        }
        Some((Materials::Listed { components, .. }, Some(_signed))) => {
            GateOutcome::Cleared { why: ClearedWhy::Listed { components: *components } }
        }
        Some((Materials::Listed { .. }, None)) | None => {
            GateOutcome::Waiting { on: WaitingOn::Sbom }
        }
    }
}

/// All reports of the last attempts count together, each finding once. Its steps are over when this
/// is asked, so what is not there now does not come.
pub(super) fn findings(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    now: Millis,
) -> GateOutcome {
    let scans = state.scans_that_count(deployment.release, deployment.stage_index);
    if scans.is_empty() {
        return GateOutcome::Refused { why: RefusedWhy::NoScan };
    }
    let reports = u32::try_from(scans.len()).unwrap_or(u32::MAX);
    // What was just seen is never younger than now.
    let now = now.max(state.time);
    let all = state.findings_at(id, now);
    let (findings, late) = (remediation::counts(&all), Late::of(&all, now));
    if !late.is_empty() {
        return GateOutcome::Refused { why: RefusedWhy::FindingsOverdue { findings, late } };
    }
    let mut waived = BTreeMap::new();
    for exception in all.iter().filter(|one| one.is_over(now)).filter_map(|one| one.waived) {
        *waived.entry(exception).or_insert(0) += 1;
    }
    GateOutcome::Cleared { why: ClearedWhy::FindingsInTerm { reports, findings, waived } }
}
