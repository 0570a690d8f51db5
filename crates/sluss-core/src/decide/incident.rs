//! Incidents that somebody reports, their cause, and their end.

use super::{Refusal, missing, not_now};
use crate::deployment::{Cause, Deployment, Phase};
use crate::event::Event;
use crate::ids::{DeploymentId, Digest, EnvironmentName, IncidentId, ServiceName};
use crate::incident::{Origin, Reporter};
use crate::pipeline::EnvironmentKind;
use crate::state::State;
use crate::units::Millis;

/// For how long what went live is suspected of what is reported.
const SUSPECTED_MS: i64 = 60 * 60 * 1000;

/// Someone, or an alert, reports a degradation. An alert that is open already is not opened again.
pub(super) fn report(
    state: &State,
    service: ServiceName,
    environment: EnvironmentName,
    by: Reporter,
    summary: Digest,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    if state.place(&service, &environment).is_none() {
        let what = format!("{service} is not in `{environment}`.");
        return Err(missing(what, "sluss status"));
    }
    if let Reporter::Alert { fingerprint } = &by
        && of_alert(state, fingerprint).next().is_some()
    {
        return Ok(vec![]);
    }
    let suspect = suspect(state, &service, &environment, now);
    let incident = state.next_incident();
    Ok(vec![Event::IncidentReported { incident, service, environment, by, summary, suspect }])
}

/// An alert is over: so is each incident that it opened, whatever ended it.
pub(super) fn resolved(state: &State, fingerprint: &Digest) -> Vec<Event> {
    let ends = |id: IncidentId| {
        let seen = state.incidents.get(&id).is_some_and(|incident| incident.mitigated.is_some());
        let mitigated = (!seen).then_some(Event::IncidentMitigated { incident: id });
        let closed = Event::IncidentClosed { incident: id, by_deployment: None };
        mitigated.into_iter().chain([closed])
    };
    of_alert(state, fingerprint).flat_map(ends).collect()
}

/// Somebody says which deployment caused it.
pub(super) fn link(
    state: &State,
    incident: IncidentId,
    deployment: DeploymentId,
) -> Result<Vec<Event>, Refusal> {
    let Some(found) = state.incidents.get(&incident) else {
        return Err(missing(format!("There is no incident {incident}."), "sluss incident list"));
    };
    if matches!(found.origin, Origin::Shadow { .. }) {
        return Err(not_now(format!("{incident} is about what no deployment brought there.")));
    }
    let same = state.deployments.get(&deployment).is_some_and(|deployment| {
        deployment.environment == found.environment && deployment.started.is_some()
    });
    if !same {
        return Err(not_now(format!(
            "{deployment} never came to `{}`, so it did not cause {incident}.",
            found.environment
        )));
    }
    match found.deployment() == Some(deployment) {
        true => Ok(vec![]),
        false => Ok(vec![Event::IncidentLinked { incident, deployment }]),
    }
}

pub(super) fn close(state: &State, incident: IncidentId) -> Result<Vec<Event>, Refusal> {
    match state.open.incidents.contains(&incident) {
        true => Ok(vec![Event::IncidentClosed { incident, by_deployment: None }]),
        false => Err(not_now(format!("The incident {incident} is not open."))),
    }
}

/// Opens an incident about a deployment that customers have, if none is open about it.
pub(crate) fn call(state: &State, id: DeploymentId, of: &Deployment, cause: Cause) -> Vec<Event> {
    let about = |incident: &IncidentId| {
        let found = state.incidents.get(incident);
        found.is_some_and(|incident| incident.deployment() == Some(id))
    };
    let known =
        of.stage.kind == EnvironmentKind::Ephemeral || state.open.incidents.iter().any(about);
    let incident = state.next_incident();
    let opened = Event::IncidentOpened { incident, deployment: id, cause };
    (!known).then_some(opened).into_iter().collect()
}

/// Returns the open incidents of an alert.
fn of_alert<'a>(
    state: &'a State,
    fingerprint: &'a Digest,
) -> impl Iterator<Item = IncidentId> + 'a {
    let of = move |id: &IncidentId| match state.incidents.get(id).map(|found| &found.origin) {
        Some(Origin::Reported { by: Reporter::Alert { fingerprint: known }, .. }) => {
            known == fingerprint
        }
        Some(
            Origin::Reported { by: Reporter::Person, .. }
            | Origin::Seen { .. }
            | Origin::Shadow { .. },
        )
        | None => false,
    };
    state.open.incidents.iter().copied().filter(of)
}

/// Returns what is suspected of a degradation that is reported together with `mends`.
pub(super) fn suspect_unless(
    state: &State,
    service: &ServiceName,
    environment: &EnvironmentName,
    mends: DeploymentId,
) -> Option<DeploymentId> {
    suspect(state, service, environment, state.time).filter(|found| *found != mends)
}

/// Returns what takes traffic there and did not an hour ago, if anything does.
fn suspect(
    state: &State,
    service: &ServiceName,
    environment: &EnvironmentName,
    now: Millis,
) -> Option<DeploymentId> {
    let place = state.place(service, environment)?;
    let rolling = place.rolling.filter(|id| {
        state.deployments.get(id).is_some_and(|deployment| match &deployment.phase {
            Phase::RollingOut(rollout) => rollout.first_share.is_some(),
            _elsewhere => false,
        })
    });
    let recent = |id: &DeploymentId| {
        let live = state.deployments.get(id).and_then(|deployment| deployment.live);
        live.is_some_and(|since| now.since(since) < SUSPECTED_MS)
    };
    rolling.or(place.live.filter(recent))
}
