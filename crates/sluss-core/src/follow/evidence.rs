//! What the gates that ask for evidence see: tests, provenance, bill of materials, findings.

use crate::deployment::Deployment;
use crate::findings::FindingCounts;
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::DeploymentId;
use crate::materials::Materials;
use crate::state::{RunEnd, State};

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

/// All reports of the last attempts count together. Its steps are over when this is asked, so what
/// is not there now does not come.
pub(super) fn findings(state: &State, deployment: &Deployment) -> GateOutcome {
    let scans = state.scans_of(deployment.release, deployment.stage_index);
    let counted: Vec<FindingCounts> = scans
        .iter()
        .filter(|scan| scan.last && scan.finished)
        .map(|scan| scan.scanned.findings)
        .collect();
    let reports = u32::try_from(counted.len()).unwrap_or(u32::MAX);
    match counted.into_iter().reduce(FindingCounts::and) {
        None => GateOutcome::Refused { why: RefusedWhy::NoScan },
        Some(found) if found.critical > 0 => {
            GateOutcome::Refused { why: RefusedWhy::CriticalFindings { findings: found } }
        }
        Some(findings) => {
            GateOutcome::Cleared { why: ClearedWhy::NoCriticalFindings { reports, findings } }
        }
    }
}
