//! What the gate of dependencies sees.

use super::gates::emergency;
use crate::contracts::{Contracts, Touched};
use crate::decide::has_customers;
use crate::deployment::Deployment;
use crate::gate::{ClearedWhy, GateOutcome, WaitingOn};
use crate::ids::DeploymentId;
use crate::pipeline::GateKind;
use crate::state::State;
use crate::units::Millis;

/// Returns whether it is asked: wherever a release, or what is live in its place, has a contract
/// with other services, and once it was asked.
pub(super) fn are_asked(state: &State, deployment: &Deployment) -> bool {
    let own = state.contracts_of(deployment.release);
    let live = state.contracts_live(&deployment.service, &deployment.environment);
    let any = |contracts: &Contracts| !contracts.is_empty();
    let asked = deployment.gates.contains_key(&GateKind::Dependencies);
    has_customers(deployment.stage.kind) && (asked || own.is_some_and(any) || live.is_some_and(any))
}

/// Decides by what is live beside it. What it waits for may come live at any time.
pub(super) fn dependencies(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    now: Millis,
) -> GateOutcome {
    let touched = state.touched_by(deployment.release, &deployment.environment);
    let Touched { met, missing, serves, drops } = touched;
    if missing.is_empty() && drops.is_empty() {
        return GateOutcome::Cleared { why: ClearedWhy::DependenciesMet { met, serves } };
    }
    if let Some(past) = emergency(state, id, now) {
        return past;
    }
    let circle = state.circle_of(&deployment.service, &deployment.environment).unwrap_or_default();
    GateOutcome::Waiting { on: WaitingOn::Dependencies { missing, drops, circle } }
}
