//! Evidence: what of the log is signed as an attestation, so that others can check it by their own
//! means.
//!
//! # Invariants
//!
//! - What is to be attested follows from the log alone; after a crash the same is still to be
//!   done.

use serde::{Deserialize, Serialize};

use crate::approval::Subject;
use crate::deployment::{Deployment, Phase};
use crate::event::{Event, Stream};
use crate::ids::{DeploymentId, Digest, ExceptionId, ReleaseId, StepName};
use crate::materials::Materials;
use crate::pipeline::{GateKind, Replacement};
use crate::rollout::Verdict;
use crate::state::State;
use crate::steps::StepOwner;
use crate::units::Millis;

/// What an attestation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// How a release was built (SLSA provenance).
    Provenance {
        /// Which.
        release: ReleaseId,
    },
    /// What the tests of a step came to (in-toto test result).
    TestResult {
        /// Whose step.
        owner: StepOwner,
        /// Which.
        step: StepName,
        /// Which attempt, from 1.
        attempt: u16,
    },
    /// What a release is made of (CycloneDX).
    Sbom {
        /// Which release.
        release: ReleaseId,
    },
    /// What a scanner found.
    Scan {
        /// Whose step left the report.
        owner: StepOwner,
        /// Which step.
        step: StepName,
        /// The digest of the report.
        report: Digest,
    },
    /// What a step measured beside what was live (in-toto test result).
    Performance {
        /// Whose step.
        owner: StepOwner,
        /// Which step.
        step: StepName,
        /// The digest of its report.
        report: Digest,
    },
    /// What a gate decided (SLSA verification summary).
    Gate {
        /// Of which deployment.
        deployment: DeploymentId,
        /// Which gate.
        gate: GateKind,
    },
    /// What the calendar said of a deployment's start.
    Freeze {
        /// Of which deployment.
        deployment: DeploymentId,
    },
    /// What a second person decided.
    Approval {
        /// Over what.
        subject: Subject,
    },
    /// That a standard change stood for the approval of a deployment.
    Automated {
        /// Which.
        deployment: DeploymentId,
    },
    /// That two people let a rule of a policy go unmet for a time.
    Waiver {
        /// Which exception.
        exception: ExceptionId,
    },
    /// What live traffic said of a release.
    Verdict {
        /// Of which deployment.
        deployment: DeploymentId,
    },
}

/// An attestation that is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The position of its leaf.
    pub leaf: u64,
    /// When it was recorded.
    pub at: Millis,
    /// What it says.
    pub evidence: Evidence,
}

impl Evidence {
    /// Returns the stream of what it is about.
    pub fn stream(&self) -> Stream {
        match self {
            Self::Provenance { release } | Self::Sbom { release } => Stream::Release(*release),
            Self::TestResult { owner, .. }
            | Self::Scan { owner, .. }
            | Self::Performance { owner, .. } => (*owner).into(),
            Self::Gate { deployment, .. }
            | Self::Freeze { deployment }
            | Self::Automated { deployment }
            | Self::Verdict { deployment } => Stream::Deployment(*deployment),
            Self::Approval { subject } => subject.stream(),
            Self::Waiver { exception } => Stream::Exception(*exception),
        }
    }

    /// Returns what is to be attested of `event`, if anything is: what is final, not what waits.
    /// `state` is what was true before.
    pub(crate) fn of(state: &State, event: &Event) -> Option<Self> {
        match event {
            Event::ReleaseCreated { release, .. } => Some(Self::Provenance { release: *release }),
            Event::StepFinished { owner, step, attempt, tests: Some(_), .. } => {
                let (owner, step) = (*owner, step.clone());
                Some(Self::TestResult { owner, step, attempt: *attempt })
            }
            Event::SbomRecorded { release, materials: Materials::Listed { .. } } => {
                Some(Self::Sbom { release: *release })
            }
            Event::FindingsRecorded { owner, step, report, .. } => {
                let (owner, step, report) = (*owner, step.clone(), report.clone());
                Some(Self::Scan { owner, step, report })
            }
            Event::PerformanceMeasured { owner, step, measured, .. } => {
                let (owner, step, report) = (*owner, step.clone(), measured.report.clone());
                Some(Self::Performance { owner, step, report })
            }
            Event::GateDecided { deployment, gate, outcome, core: _, policy: _ } => {
                let (deployment, gate) = (*deployment, *gate);
                outcome.is_final().then_some(Self::Gate { deployment, gate })
            }
            Event::FreezeDecided(said) => Some(Self::Freeze { deployment: said.deployment }),
            Event::ApprovalGranted { subject, .. } | Event::ApprovalRefused { subject, .. } => {
                Some(Self::Approval { subject: *subject })
            }
            Event::ApprovalAutomated(of) => match of.subject {
                Subject::Deployment(deployment) => Some(Self::Automated { deployment }),
                Subject::Configuration(_) => None,
            },
            Event::ExceptionGranted { exception, .. } => {
                let exception = *exception;
                is_waived(state, exception).then_some(Self::Waiver { exception })
            }
            Event::DeploymentRolledBack { deployment, .. }
            | Event::DeploymentLive { deployment } => {
                let taken_back = matches!(event, Event::DeploymentRolledBack { .. });
                let of = state.deployments.get(deployment);
                of.is_some_and(|of| was_judged(of, taken_back))
                    .then_some(Self::Verdict { deployment: *deployment })
            }
            _says_nothing_that_others_check => None,
        }
    }
}

/// Returns whether the next person who grants `id` makes a waiver of it that holds.
fn is_waived(state: &State, id: ExceptionId) -> bool {
    state.exceptions.get(&id).is_some_and(|one| {
        one.what.is_waiver()
            && one.granted.is_none()
            && one.granted_by.len() + 1 >= one.what.people()
    })
}

/// Returns whether live traffic has spoken: what goes live without a word in its favour, since
/// nobody was asked or a person let it, has no verdict.
fn was_judged(deployment: &Deployment, taken_back: bool) -> bool {
    let progressive = matches!(deployment.stage.replacement, Replacement::Progressive(_));
    let spoken = match &deployment.phase {
        Phase::RollingOut(rollout) => {
            rollout.reading.is_some_and(|reading| reading.verdict == Verdict::Favourable)
        }
        _not_beside_another => false,
    };
    progressive && (taken_back || spoken)
}
