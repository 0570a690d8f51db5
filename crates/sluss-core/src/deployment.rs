//! A deployment: the decision, and the record, that a release be live in an environment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::GateOutcome;
use crate::ids::{DeploymentId, EnvironmentName, ReleaseId, ServiceName};
use crate::pipeline::{GateKind, Stage};
use crate::remediation::Late;
use crate::rollout::Rollout;
use crate::steps::Steps;
use crate::target::JournalEntry;
use crate::units::Millis;

/// Why a candidate was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The evidence against it reached the line.
    Verdict,
    /// The same, and its latency is the reason.
    Slower,
    /// The same, and the reason is what its answers say: exceptions, or fewer that convert.
    Figures,
    /// A first release did not keep to the objectives of its plan.
    Objectives,
    /// Nothing came back from it for too long.
    Silence,
    /// It ended three times within 60 seconds.
    Crashes,
    /// It did not become ready in time.
    NotReady,
    /// Nobody watched for longer than the lease, so the host took it back by itself.
    LeaseLapsed,
    /// A person asked.
    ByHand,
    /// It is live, and does not answer its probes as it should.
    Probe,
    /// A window of the calendar began that takes back what is under way.
    Window,
    /// It was held, and nobody decided in time.
    HeldTooLong,
    /// It is live, fails more often than it may, and nothing is there to go back to.
    Failing,
}

impl Cause {
    /// Returns the cause as the end of a sentence that begins with the release.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Verdict => "failed more often than the release before it",
            Self::Slower => "answered more slowly than the release before it",
            Self::Figures => "did worse by its own figures than the release before it",
            Self::Objectives => "did not keep to the objectives of a first release",
            Self::Silence => "answered nothing for too long",
            Self::Crashes => "ended three times within minutes",
            Self::NotReady => "did not become ready in time",
            Self::LeaseLapsed => "was unwatched for longer than its lease",
            Self::ByHand => "was taken back by hand",
            Self::Probe => "does not answer its probes as it should",
            Self::Window => "was under way when a window began that takes it back",
            Self::HeldTooLong => "was held, and nobody decided over it in time",
            Self::Failing => "fails more often than it may, and there is nothing to go back to",
        }
    }
}

/// Why a rollout waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Neither line was reached by the deadline.
    NoProofInTime,
    /// A person asked.
    ByHand,
    /// Evidence speaks against it, and it cannot be taken back: it is marked `forward_only`.
    ForwardOnly,
}

/// Why a deployment was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The tests did not pass, or reported nothing.
    Tests,
    /// The second person did not agree.
    Approval,
    /// There is no bill of materials.
    Sbom,
    /// Findings are past their terms, or nobody looked.
    Findings,
    /// It is slower than what is live by more than it may be, or nothing was measured.
    Performance,
    /// Nothing says what the service promises of its traffic.
    Objective,
    /// The release is barred.
    Barred,
}

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Not all gates are clear.
    Requested,
    /// All gates are clear; it waits for its turn.
    Cleared,
    /// The candidate starts or shares the traffic.
    RollingOut(Box<Rollout>),
    /// Customers have it.
    Live {
        /// Since when.
        since: Millis,
        /// How it came there: if it must be compared again, its evidence goes on from here.
        judged: Option<Box<Rollout>>,
    },
    /// It was taken back.
    RolledBack {
        /// When.
        since: Millis,
        /// Why.
        cause: Cause,
    },
    /// Another one took its place, or went before it.
    Superseded {
        /// When.
        since: Millis,
        /// Which.
        by: DeploymentId,
    },
    /// It was not made.
    Refused {
        /// When.
        since: Millis,
        /// Why.
        why: RefusalReason,
    },
    /// Its test environment is gone.
    Removed {
        /// When.
        since: Millis,
        /// Whether its acceptance steps passed.
        accepted: bool,
    },
}

impl Phase {
    /// Returns the phase in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Cleared => "cleared",
            Self::RollingOut(_) => "rolling out",
            Self::Live { .. } => "live",
            Self::RolledBack { .. } => "rolled back",
            Self::Superseded { .. } => "superseded",
            Self::Refused { .. } => "refused",
            Self::Removed { accepted: true, .. } => "accepted",
            Self::Removed { accepted: false, .. } => "not accepted",
        }
    }
}

/// Something that a deployment's processes did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFact {
    /// Its number in the target's journal.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// What.
    pub what: JournalEntry,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// What is deployed.
    pub release: ReleaseId,
    /// Of which service.
    pub service: ServiceName,
    /// Where to.
    pub environment: EnvironmentName,
    /// Which stage of the release's pipeline it is, from 0.
    pub stage_index: usize,
    /// That stage.
    pub stage: Stage,
    /// Makes the statement that is approved unlike any other.
    pub nonce: String,
    /// When it was requested.
    pub requested: Millis,
    /// When its target was first asked.
    pub started: Option<Millis>,
    /// When it took all traffic.
    pub live: Option<Millis>,
    /// What each gate saw last.
    pub gates: BTreeMap<GateKind, GateOutcome>,
    /// Its acceptance steps.
    pub acceptance: Steps,
    /// The deployment that it replaced.
    pub before: Option<DeploymentId>,
    /// Where it stands.
    pub phase: Phase,
    /// What its processes did by themselves.
    pub facts: Vec<InstanceFact>,
    /// Which of its findings were past their terms when that was last recorded.
    #[serde(default)]
    pub late: Late,
}

impl Deployment {
    /// Returns the gates that it was asked at or will be: those of its stage, and that of the
    /// calendar once a stop of the line held it.
    pub fn gates_asked(&self) -> Vec<GateKind> {
        let more = self.gates.keys().filter(|gate| !self.stage.gates.contains(gate));
        self.stage.gates.iter().chain(more).copied().collect()
    }

    /// Returns when it took all traffic, or ended without; nothing while it waits or rolls out.
    pub fn came_to_rest(&self) -> Option<Millis> {
        match self.phase {
            Phase::Requested | Phase::Cleared | Phase::RollingOut(_) => None,
            Phase::Live { since, .. }
            | Phase::RolledBack { since, .. }
            | Phase::Superseded { since, .. }
            | Phase::Refused { since, .. }
            | Phase::Removed { since, .. } => Some(self.live.unwrap_or(since)),
        }
    }

    /// Returns whether nothing further happens to it by itself.
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::Requested | Phase::Cleared | Phase::RollingOut(_) | Phase::Live { .. } => false,
            Phase::RolledBack { .. }
            | Phase::Superseded { .. }
            | Phase::Refused { .. }
            | Phase::Removed { .. } => true,
        }
    }
}
