//! What the gate that asks for measurements sees.

use super::gates::{emergency, person};
use crate::approval::Asked;
use crate::decide::has_customers;
use crate::deployment::Deployment;
use crate::event::Event;
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::{DeploymentId, ReleaseId};
use crate::performance::{Standing, Unproved};
use crate::pipeline::GateKind;
use crate::rules::Rules;
use crate::state::State;
use crate::units::Millis;

/// Returns whether it is asked though the release does not say so: what is live in its place was
/// asked, and leaving that away is no way round.
pub(super) fn is_asked(state: &State, deployment: &Deployment) -> bool {
    let says = deployment.stage.gates.contains(&GateKind::Performance);
    !says && has_customers(deployment.stage.kind) && live_is_measured(state, deployment)
}

fn live_is_measured(state: &State, deployment: &Deployment) -> bool {
    let place = state.place(&deployment.service, &deployment.environment);
    let live = place.and_then(|place| state.deployments.get(&place.live?));
    live.is_some_and(|live| live.stage.gates.contains(&GateKind::Performance))
}

/// Decides by what acceptance steps measured beside the live release. What is slower is refused;
/// what is not proved either way, or not held to what the live one was held to, asks a person.
pub(super) fn performance(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    (now, rules): (Millis, &dyn Rules),
) -> Result<GateOutcome, Vec<Event>> {
    let live = state.live_beside(deployment);
    let demanded = deployment.stage.gates.contains(&GateKind::Performance);
    let unproved = match state.pace_of(deployment.release, deployment.stage_index) {
        Standing::Slower(metrics) => Err(RefusedWhy::Slower { metrics }),
        Standing::NotMeasured if demanded => Err(RefusedWhy::NotMeasured),
        Standing::NotMeasured => Ok(Unproved::Dropped),
        Standing::Undecided(metrics) => Ok(Unproved::Undecided { metrics }),
        Standing::Alone if live.is_some() => Ok(Unproved::Alone),
        Standing::Alone => return Ok(GateOutcome::Cleared { why: ClearedWhy::FirstPace }),
        Standing::Within { metrics, against } => match loosened(state, deployment, live) {
            Some(why) => Ok(why),
            None => {
                let why = ClearedWhy::Pace { metrics, against };
                return Ok(GateOutcome::Cleared { why });
            }
        },
    };
    if let Some(past) = emergency(state, id, now) {
        return Ok(past);
    }
    match unproved {
        Err(why) => Ok(GateOutcome::Refused { why }),
        Ok(why) => person(state, id, Asked::Pace, (now, rules)).map(|outcome| match outcome {
            GateOutcome::Waiting { on: WaitingOn::SecondPerson } => {
                GateOutcome::Waiting { on: WaitingOn::Pace { why } }
            }
            said => said,
        }),
    }
}

/// Returns that a release lets itself be slower than the live one might be.
fn loosened(state: &State, deployment: &Deployment, live: Option<ReleaseId>) -> Option<Unproved> {
    let to_ppm = state.pipeline_of(deployment.release)?.slowdown_ppm()?;
    let from_ppm = state.pipeline_of(live?)?.slowdown_ppm()?;
    (to_ppm > from_ppm).then_some(Unproved::Loosened { to_ppm, from_ppm })
}
