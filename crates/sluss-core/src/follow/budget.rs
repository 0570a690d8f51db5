//! What the gate of the error budget sees.

use super::gates::{emergency, person};
use crate::approval::Asked;
use crate::budget::BudgetStands;
use crate::deployment::Deployment;
use crate::event::Event;
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::DeploymentId;
use crate::pipeline::Replacement;
use crate::state::State;
use crate::target::RouteKey;
use crate::units::Millis;

/// Decides by what was counted of customers' requests. A first release has none: it is judged by
/// objectives, or a person is asked. A rollback passes no gate.
pub(super) fn error_budget(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    now: Millis,
) -> Result<GateOutcome, Vec<Event>> {
    let pipeline = state.pipeline_of(deployment.release);
    let Some(budget) = pipeline.and_then(|pipeline| pipeline.error_budget) else {
        return Ok(GateOutcome::Refused { why: RefusedWhy::NoObjective });
    };
    let (service, environment) = (deployment.service.clone(), deployment.environment.clone());
    let key = RouteKey { service, environment };
    let place = state.place(&key.service, &key.environment);
    let first = place.is_none_or(|place| place.live.is_none());
    let judged = matches!(deployment.stage.replacement, Replacement::Progressive(_));
    let reading = state.budget_in(&key, budget, now);
    let shut = match (first, reading.stands()) {
        (true, _) if judged => {
            return Ok(GateOutcome::Cleared { why: ClearedWhy::JudgedByObjectives });
        }
        (false, BudgetStands::Left) => {
            return Ok(GateOutcome::Cleared { why: ClearedWhy::BudgetLeft { reading } });
        }
        (false, BudgetStands::Spent) => {
            let until = state.budget_refills(&key, budget, now);
            Some(GateOutcome::Waiting { on: WaitingOn::Budget { reading, until } })
        }
        (true, _) | (false, BudgetStands::NoData) => None,
    };
    if let Some(past) = emergency(state, id, now) {
        return Ok(past);
    }
    match shut {
        Some(shut) => Ok(shut),
        None => person(state, id, Asked::NoTraffic, now).map(|outcome| match outcome {
            GateOutcome::Waiting { on: WaitingOn::SecondPerson } => {
                GateOutcome::Waiting { on: WaitingOn::NoTraffic }
            }
            said => said,
        }),
    }
}
