//! Environments, incidents and freezes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::{FreezeId, IncidentId, ServiceName};
use sluss_core::incident::{Freeze, Incident};
use sluss_core::observed::Running;
use sluss_core::state::State as Known;
use sluss_core::target::RouteKey;
use sluss_core::units::Millis;

use super::answer::Answer;
use super::status::{PlaceStatus, place_statuses};
use super::words::{Words, view};
use crate::app::App;

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IncidentView {
    pub incident: String,
    pub service: String,
    pub environment: String,
    /// What caused it, as far as that is known.
    pub deployment: Option<String>,
    /// What the release did, as the end of a sentence.
    pub cause: &'static str,
    /// `open`, `mitigated` or `closed`.
    pub state: &'static str,
    pub opened_ms: i64,
    pub mitigated_ms: Option<i64>,
    pub closed_ms: Option<i64>,
    /// `major`, `not major` or `not classified`.
    pub classified: &'static str,
    /// What is to be done next about it: `the initial notification`.
    pub due: Option<&'static str>,
    /// Until when.
    pub due_ms: Option<i64>,
    /// Whether that passed.
    pub overdue: bool,
}

/// All incidents, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IncidentsView {
    /// The incidents.
    pub incidents: Vec<IncidentView>,
}

/// A freeze.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FreezeView {
    pub freeze: String,
    /// For which service; without one, for all.
    pub service: Option<String>,
    /// For which environment; without one, for all.
    pub environment: Option<String>,
    pub from_ms: i64,
    pub until_ms: i64,
    pub lifted_ms: Option<i64>,
    /// Whether gates are shut by it now.
    pub active: bool,
    pub reason: Option<String>,
}

/// All freezes, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FreezesView {
    /// The freezes.
    pub freezes: Vec<FreezeView>,
}

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ServiceThere {
    /// The service.
    pub service: String,
    /// What is there, as the log says.
    pub place: PlaceStatus,
    /// What really runs there, as the target itself said last.
    pub running: Vec<RunningView>,
}

/// Something that runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunningView {
    /// The release that the target takes it for.
    pub release: String,
    /// The digest of the artifact that runs.
    pub digest: String,
    /// Whether a deployment brought it there. What nobody deployed opens an incident.
    pub deployed: bool,
}

/// Something that runs and that nobody deployed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ShadowView {
    /// Of which service.
    pub service: String,
    /// Where.
    pub environment: String,
    /// The digest of the artifact that runs.
    pub digest: String,
    /// When what runs there changed last.
    pub since_ms: i64,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EnvironmentView {
    /// Its name.
    pub environment: String,
    /// What is there.
    pub services: Vec<ServiceThere>,
}

/// All environments.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EnvironmentsView {
    /// The environments.
    pub environments: Vec<EnvironmentView>,
    /// What runs anywhere and was deployed by nobody.
    pub shadows: Vec<ShadowView>,
}

pub(super) async fn environments(State(app): State<App>) -> Answer<EnvironmentsView> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let mut environments: BTreeMap<String, Vec<ServiceThere>> = BTreeMap::new();
        let names: Vec<ServiceName> = state.services.keys().cloned().collect();
        for service in names {
            for place in place_statuses(state, words, &service, now) {
                let running = running(state, &service, &place.environment);
                let there = ServiceThere { service: service.to_string(), place, running };
                environments.entry(there.place.environment.clone()).or_default().push(there);
            }
        }
        let whole = |(environment, services)| EnvironmentView { environment, services };
        let environments = environments.into_iter().map(whole).collect();
        Ok(EnvironmentsView { environments, shadows: shadows(state) })
    };
    Ok(Json(view(&app, build).await?))
}

fn running(state: &Known, service: &ServiceName, environment: &str) -> Vec<RunningView> {
    let Ok(environment) = environment.parse() else { return Vec::new() };
    let key = RouteKey { service: service.clone(), environment };
    let one = |running: &Running| RunningView {
        release: running.release.to_string(),
        digest: running.digest.to_string(),
        deployed: state.was_deployed(&key, &running.digest),
    };
    state.observed_in(&key).into_iter().flat_map(|seen| &seen.running).map(one).collect()
}

fn shadows(state: &Known) -> Vec<ShadowView> {
    let mut found = Vec::new();
    for (service, places) in &state.observed {
        for (environment, seen) in places {
            let key = RouteKey { service: service.clone(), environment: environment.clone() };
            found.extend(state.shadows_in(&key).into_iter().map(|digest| ShadowView {
                service: service.to_string(),
                environment: environment.to_string(),
                digest: digest.to_string(),
                since_ms: seen.at.0,
            }));
        }
    }
    found
}

pub(super) async fn incidents(State(app): State<App>) -> Answer<IncidentsView> {
    let (state, now) = (app.engine.state(), app.engine.now());
    let newest = state.incidents.iter().rev();
    let incidents = newest.map(|(id, incident)| incident_view(*id, incident, now)).collect();
    Ok(Json(IncidentsView { incidents }))
}

pub(super) async fn freezes(State(app): State<App>) -> Answer<FreezesView> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let newest = state.freezes.iter().rev();
        let freezes = newest.map(|(id, set)| freeze_view(words, *id, set, now)).collect();
        Ok(FreezesView { freezes })
    };
    Ok(Json(view(&app, build).await?))
}

pub(super) fn incident_view(id: IncidentId, incident: &Incident, now: Millis) -> IncidentView {
    let next = incident.recorded().next();
    IncidentView {
        incident: id.to_string(),
        service: incident.service.to_string(),
        environment: incident.environment.to_string(),
        deployment: incident.deployment().map(|id| id.to_string()),
        cause: incident.sentence(),
        state: incident.word(),
        opened_ms: incident.opened.0,
        mitigated_ms: incident.mitigated.map(|at| at.0),
        closed_ms: incident.closed.map(|at| at.0),
        classified: incident.class(),
        due: next.map(|clock| clock.limit.words()),
        due_ms: next.map(|clock| clock.due.0),
        overdue: next.is_some_and(|clock| clock.due < now),
    }
}

pub(super) fn freeze_view(
    words: &mut Words,
    id: FreezeId,
    set: &Freeze,
    now: Millis,
) -> FreezeView {
    FreezeView {
        freeze: id.to_string(),
        service: set.service.as_ref().map(ToString::to_string),
        environment: set.environment.as_ref().map(ToString::to_string),
        from_ms: set.from.0,
        until_ms: set.until.0,
        lifted_ms: set.lifted.map(|at| at.0),
        active: set.lifted.is_none() && set.from <= now && now < set.until,
        reason: words.text(&set.reason),
    }
}
