//! What the calendar said of a deployment's start, so that others can look it up and check it.

use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::gate::{GateOutcome, WaitingOn};
use crate::ids::{DeploymentId, Digest};
use crate::pipeline::GateKind;
use crate::rules::Rules;
use crate::state::State;
use crate::units::Millis;

/// What the calendar said when the gate of freezes was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeDecided {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// When it was asked.
    pub at: Millis,
    /// Whether it let it begin.
    pub allowed: bool,
    /// The first instant at which the answer may be another.
    pub until: Option<Millis>,
    /// The windows that made the answer, by name.
    pub windows: Vec<String>,
    /// The calendar, by the digest under which its text is kept.
    pub calendar: Digest,
    /// The version of the time zone data that it was read with.
    pub tzdb_version: String,
    /// All that it said, with the reason as a sentence, by the digest under which that is kept.
    pub says: Digest,
}

/// Returns what the calendar said of a start, where the gate of freezes came to `outcome` and the
/// calendar was asked.
pub(crate) fn said(
    state: &State,
    (id, deployment): (DeploymentId, &Deployment),
    (gate, outcome): (GateKind, &GateOutcome),
    (now, rules): (Millis, &dyn Rules),
) -> Option<FreezeDecided> {
    let asks = gate == GateKind::Freeze && deployment.stage.gates.contains(&gate);
    let asked = match outcome {
        GateOutcome::Waiting { on: WaitingOn::Freeze { .. } | WaitingOn::Calendar { .. } }
        | GateOutcome::Cleared { .. } => true,
        GateOutcome::Waiting { .. } | GateOutcome::Refused { .. } => false,
    };
    let calendar = state.organisation.as_ref()?.calendar.as_ref()?;
    (asks && asked).then(|| rules.calendar_said(calendar, state, id, now)).flatten()
}
