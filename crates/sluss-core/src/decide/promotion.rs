//! Asking for a deployment, and taking one back.

use super::{Blame, Refusal, missing, not_now};
use crate::deployment::Cause;
use crate::event::Event;
use crate::follow::{request, take_back};
use crate::ids::{DeploymentId, EnvironmentName, PersonRef, ReleaseId, ServiceName};
use crate::state::State;

pub(super) fn promote(
    state: &State,
    id: ReleaseId,
    environment: Option<EnvironmentName>,
    nonce: &str,
    by: Option<PersonRef>,
) -> Result<Vec<Event>, Refusal> {
    let see = "sluss status";
    let release = state
        .releases
        .get(&id)
        .ok_or_else(|| missing(format!("There is no release {id}."), see))?;
    if release.barred.is_some() {
        return Err(Refusal::new(
            Blame::Conflict,
            format!("The release {id} was taken back and is barred."),
            format!("Lift that first, if you are sure: `sluss promote {id} --unbar`"),
        ));
    }
    let stages = state.pipeline_of(id).map_or(&[][..], |pipeline| &pipeline.deliver);
    let reached = release.deployments.iter().filter_map(|id| state.deployments.get(id));
    let next =
        reached.clone().filter(|d| d.lets_on()).map(|d| d.stage_index + 1).max().unwrap_or(0);
    let index = match &environment {
        None => next,
        Some(name) => stages
            .iter()
            .position(|stage| stage.environment == *name)
            .ok_or_else(|| missing(format!("{id} is not delivered to `{name}`."), see))?,
    };
    let passed = reached.clone().filter(|d| d.live.is_some()).map(|d| d.stage_index).max();
    if index > next && passed.is_none_or(|passed| index > passed) {
        return Err(not_now(format!(
            "{id} has not passed `{}` yet.",
            stages.get(next).map_or("the stage before", |stage| stage.environment.as_str()),
        )));
    }
    let Some(stage) = stages.get(index) else {
        return Err(not_now(format!("{id} is in its last environment.")));
    };
    if reached.clone().any(|d| d.stage_index == index && !d.is_over()) {
        return Err(not_now(format!("{id} is in `{}`, or on its way there.", stage.environment)));
    }
    Ok(vec![request(state, id, index, (stage, nonce), by)])
}

pub(super) fn rollback(
    state: &State,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Result<Vec<Event>, Refusal> {
    let place = state
        .place(service, environment)
        .ok_or_else(|| missing(format!("{service} is not in `{environment}`."), "sluss status"))?;
    if let Some(id) = place.rolling {
        return Ok(take_back(state, id, Cause::ByHand, place.live));
    }
    let Some(id) = place.live else {
        return Err(not_now(format!("Nothing of {service} is live in `{environment}`.")));
    };
    match earlier(state, id) {
        Some(to) => Ok(take_back(state, id, Cause::ByHand, Some(to))),
        None => Err(not_now(format!(
            "There is no earlier release of {service} in `{environment}` to go back to."
        ))),
    }
}

/// Returns the deployment that was live before `id` with another release that is not barred.
pub(super) fn earlier(state: &State, id: DeploymentId) -> Option<DeploymentId> {
    let of = state.deployments.get(&id)?;
    let good = |id: &DeploymentId| {
        let found = state.deployments.get(id);
        let release = found.and_then(|found| state.releases.get(&found.release));
        found.is_some_and(|found| found.release != of.release)
            && release.is_some_and(|release| release.barred.is_none())
    };
    let mut before = of.before;
    while let Some(candidate) = before.filter(|id| !good(id)) {
        before = state.deployments.get(&candidate).and_then(|found| found.before);
    }
    before
}
