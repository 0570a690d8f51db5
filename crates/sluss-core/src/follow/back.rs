//! What a rollout's next step means, and what taking a release back does.

use crate::bounds;
use crate::decide::incident::call;
use crate::deployment::{Cause, Deployment, HoldReason, Phase};
use crate::event::Event;
use crate::ids::DeploymentId;
use crate::pipeline::EnvironmentKind;
use crate::rollout::{Next, Rollout};
use crate::state::State;

/// Returns the events that `next` means for the rollout of `id`.
pub(crate) fn carry_out(
    state: &State,
    id: DeploymentId,
    rollout: &Rollout,
    next: Next,
) -> Vec<Event> {
    match next {
        Next::Stay => vec![],
        // Evidence is counted by the clock: while that is not trusted nothing grows.
        Next::Shift { .. } | Next::Live if state.gap || state.distrusted.is_some() => vec![],
        // Nothing grows while the line is stopped, or a window keeps it, nor is it late; what said
        // that it may says so again.
        Next::Shift { .. } | Next::Live | Next::Hold(HoldReason::NoProofInTime)
            if rollout.kept.is_some() || is_stopped(state, id) =>
        {
            vec![]
        }
        Next::Shift { leg, share } => {
            let begins = rollout.first_share.is_none();
            let begun = begins.then(|| Event::RolloutStarted(bounds::started(state, id, rollout)));
            let shifted = Event::RolloutShifted { deployment: id, leg, share };
            begun.into_iter().chain([shifted]).collect()
        }
        Next::Hold(why) => vec![Event::RolloutHeld { deployment: id, why }],
        Next::TakeBack(cause) => take_back(state, id, cause, rollout.incumbent),
        Next::Live => {
            let mut events = vec![Event::DeploymentLive { deployment: id }];
            if let Some(before) = rollout.incumbent {
                events.push(Event::DeploymentSuperseded { deployment: before, by: id });
            }
            if let Some(deployment) = state.deployments.get(&id) {
                let here = |incident: &&crate::ids::IncidentId| {
                    state.incidents.get(incident).is_some_and(|incident| {
                        incident.service == deployment.service
                            && incident.environment == deployment.environment
                    })
                };
                events.extend(state.open.incidents.iter().filter(here).map(|incident| {
                    Event::IncidentClosed { incident: *incident, by_deployment: Some(id) }
                }));
            }
            events
        }
    }
}

fn is_stopped(state: &State, id: DeploymentId) -> bool {
    state.deployments.get(&id).is_some_and(|deployment| state.stop_over(deployment).is_some())
}

/// Returns the events that take `id` back: no request for it from now on, its release barred, and
/// an incident that names the cause. A test environment is removed instead; no customer was there.
pub(crate) fn take_back(
    state: &State,
    id: DeploymentId,
    cause: Cause,
    to: Option<DeploymentId>,
) -> Vec<Event> {
    let Some(deployment) = state.deployments.get(&id) else { return vec![] };
    if stops(state, deployment, cause) {
        return stop_and_call(state, id, deployment, cause);
    }
    match deployment.stage.kind {
        EnvironmentKind::Ephemeral => {
            vec![Event::EnvironmentRemoved { deployment: id, accepted: false }]
        }
        // Nothing speaks against the release itself.
        EnvironmentKind::Lasting if matches!(cause, Cause::Window | Cause::HeldTooLong) => {
            vec![Event::DeploymentRolledBack { deployment: id, cause, to }]
        }
        EnvironmentKind::Lasting => {
            let release = deployment.release;
            let barred = state.releases.get(&release).is_some_and(|found| found.barred.is_some());
            let bar = (!barred).then_some(Event::ReleaseBarred { release });
            [Event::DeploymentRolledBack { deployment: id, cause, to }]
                .into_iter()
                .chain(bar)
                .chain(call(state, id, deployment, cause))
                .collect()
        }
    }
}

/// Returns whether `deployment` is to stay as it is and a person is called, although `cause` would
/// take it back. What the data plane took back by itself is back already.
fn stops(state: &State, deployment: &Deployment, cause: Cause) -> bool {
    let is_served = match &deployment.phase {
        Phase::RollingOut(rollout) => rollout.first_share.is_some(),
        Phase::Live { .. } => true,
        Phase::Requested
        | Phase::Cleared
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => false,
    };
    let asked = match cause {
        Cause::ByHand
        | Cause::LeaseLapsed
        | Cause::NotReady
        | Cause::Window
        | Cause::HeldTooLong => false,
        Cause::Verdict
        | Cause::Slower
        | Cause::Figures
        | Cause::Objectives
        | Cause::Silence
        | Cause::Crashes
        | Cause::Probe
        | Cause::Failing => true,
    };
    asked
        && is_served
        && deployment.stage.kind == EnvironmentKind::Lasting
        && state.is_forward_only(deployment.release)
}

fn stop_and_call(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    cause: Cause,
) -> Vec<Event> {
    let judging = match &deployment.phase {
        Phase::RollingOut(rollout) => {
            matches!(rollout.phase, crate::rollout::Phase::Judging { .. })
        }
        _live => false,
    };
    let held = Event::RolloutHeld { deployment: id, why: HoldReason::ForwardOnly };
    judging.then_some(held).into_iter().chain(call(state, id, deployment, cause)).collect()
}
