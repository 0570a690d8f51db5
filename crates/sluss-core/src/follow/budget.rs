//! What the gate of the error budget sees.

use super::gates::{emergency, person};
use crate::approval::Asked;
use crate::budget::BudgetStands;
use crate::decide::has_customers;
use crate::deployment::Deployment;
use crate::event::Event;
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::DeploymentId;
use crate::pipeline::{GateKind, Replacement};
use crate::rules::Rules;
use crate::state::State;
use crate::target::RouteKey;
use crate::units::Millis;

/// Returns whether it is asked though the release does not say so: what is live in its place made a
/// promise, and leaving the words away is no way round that. Once asked it is asked again, so that
/// no wait is shown that is over.
pub(super) fn is_asked(state: &State, deployment: &Deployment) -> bool {
    let says = deployment.stage.gates.contains(&GateKind::ErrorBudget);
    let known = deployment.gates.contains_key(&GateKind::ErrorBudget);
    let promised = || state.budget_of(&key_of(deployment)).is_some();
    !says && has_customers(deployment.stage.kind) && (known || promised())
}

fn key_of(deployment: &Deployment) -> RouteKey {
    let (service, environment) = (deployment.service.clone(), deployment.environment.clone());
    RouteKey { service, environment }
}

/// Decides by what was counted of customers' requests. A first release has none: it is judged by
/// objectives, or a person is asked. A rollback passes no gate.
pub(super) fn error_budget(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    (now, rules): (Millis, &dyn Rules),
) -> Result<GateOutcome, Vec<Event>> {
    let key = key_of(deployment);
    let own = state.pipeline_of(deployment.release).and_then(|pipeline| pipeline.error_budget);
    let demanded = deployment.stage.gates.contains(&GateKind::ErrorBudget);
    let readings = [state.budget_of(&key), own].into_iter().flatten();
    let readings = readings.map(|budget| state.budget_in(&key, budget, now));
    // The one that is worse off decides: a release loosens no promise that shuts its own gate.
    let worst = readings.max_by_key(|reading| match reading.stands() {
        BudgetStands::Left => 0,
        BudgetStands::NoData => 1,
        BudgetStands::Spent => 2,
    });
    let reading = match (worst, own) {
        (_, None) if demanded => {
            return Ok(GateOutcome::Refused { why: RefusedWhy::NoObjective });
        }
        (None, _) => return Ok(GateOutcome::Cleared { why: ClearedWhy::NothingPromised }),
        (Some(reading), _) => reading,
    };
    let place = state.place(&key.service, &key.environment);
    let first = place.is_none_or(|place| place.live.is_none());
    let judged = matches!(deployment.stage.replacement, Replacement::Progressive(_));
    let shut = match (first, reading.stands()) {
        (true, _) if judged => {
            return Ok(GateOutcome::Cleared { why: ClearedWhy::JudgedByObjectives });
        }
        (false, BudgetStands::Left) => {
            return Ok(GateOutcome::Cleared { why: ClearedWhy::BudgetLeft { reading } });
        }
        (false, BudgetStands::Spent) => {
            let until = state.budget_refills(&key, reading.budget, now);
            Some(GateOutcome::Waiting { on: WaitingOn::Budget { reading, until } })
        }
        (true, _) | (false, BudgetStands::NoData) => None,
    };
    if let Some(past) = emergency(state, id, now) {
        return Ok(past);
    }
    match shut {
        Some(shut) => Ok(shut),
        None => person(state, id, Asked::NoTraffic, (now, rules)).map(|outcome| match outcome {
            GateOutcome::Waiting { on: WaitingOn::SecondPerson } => {
                let none = first || reading.counts.requests == 0;
                let on = if none { WaitingOn::NoTraffic } else { WaitingOn::TooLittle { reading } };
                GateOutcome::Waiting { on }
            }
            said => said,
        }),
    }
}
