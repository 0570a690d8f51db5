//! How everything stands: per service and environment, what is live, rolling out or waiting, and
//! on whom.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::deployment::Phase;
use sluss_core::ids::ServiceName;
use sluss_core::pipeline::EnvironmentKind;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;

use super::answer::Answer;
use super::approvals::{ApprovalView, approval_view};
use super::ask::{PutAsideView, put_aside_view};
use super::budget::{BudgetView, budget_there};
use super::changes::{ChangeView, newest};
use super::deployments::{DeploymentBrief, brief_of};
use super::findings::{OverdueView, overdue_live};
use super::records::{FreezeView, IncidentView, freeze_view, incident_view};
use super::stops::{StopView, stop_view};
use super::words::{Words, view};
use crate::app::App;

/// How many changes in progress are listed.
const IN_PROGRESS: usize = 50;

/// One environment of one service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PlaceStatus {
    /// The environment.
    pub environment: String,
    /// What has all traffic, but for a rollout's share.
    pub live: Option<DeploymentBrief>,
    /// What is taking over.
    pub rolling: Option<DeploymentBrief>,
    /// What was live before, ready to go back to.
    pub standby: Option<DeploymentBrief>,
    /// What is to come, and what it waits for.
    pub waiting: Vec<DeploymentBrief>,
    /// What is left of what the service promised of its live traffic, where it did.
    pub error_budget: Option<BudgetView>,
    /// What is past its term of what scanners found in what is live there.
    pub findings_overdue: Option<OverdueView>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Its product.
    pub product: String,
    /// Where it is.
    pub places: Vec<PlaceStatus>,
}

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StatusView {
    /// The log's name.
    pub origin: String,
    /// Whether this is a demo.
    pub demo: bool,
    /// How many events the log has.
    pub size: u64,
    /// When the last one was appended.
    pub time_ms: i64,
    /// Whether the clock can't be trusted, so that nothing goes forward.
    pub clock_gap: bool,
    /// The witness that knows another history of the log, if any; nothing goes forward meanwhile.
    pub distrusted_by: Option<String>,
    /// Since when the log can't be written, as far as the last try says; nothing goes forward
    /// meanwhile.
    pub unwritable_since_ms: Option<i64>,
    /// Rollbacks that are in force and not in the log yet.
    pub put_aside: Vec<PutAsideView>,
    /// Witnesses that have cosigned nothing for longer than a minute although there was something
    /// to cosign.
    pub lagging_witnesses: Vec<String>,
    /// The organisation's name, once its configuration is active.
    pub organisation: Option<String>,
    /// What the configuration in force leaves out that most organisations ask for, in sentences.
    pub remarks: Vec<&'static str>,
    /// The services.
    pub services: Vec<ServiceStatus>,
    /// Changes that are on their way, newest first.
    pub changes: Vec<ChangeView>,
    /// What second persons are asked.
    pub approvals: Vec<ApprovalView>,
    /// Incidents that are not closed, and major ones of which the authority is still to be told.
    pub incidents: Vec<IncidentView>,
    /// Freezes that are not over.
    pub freezes: Vec<FreezeView>,
    /// Stops of the line that are not lifted.
    pub stops: Vec<StopView>,
}

pub(super) async fn status(State(app): State<App>) -> Answer<StatusView> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let service =
            |name: &ServiceName| Some((name.clone(), state.product_of(name)?.to_string()));
        let names: Vec<(ServiceName, String)> = state.services.keys().filter_map(service).collect();
        let services = names
            .into_iter()
            .map(|(name, product)| ServiceStatus {
                service: name.to_string(),
                product,
                places: place_statuses(state, words, &name, now),
            })
            .collect();
        let requests: Vec<_> = state.requests.keys().copied().collect();
        let approvals = requests.into_iter().filter_map(|id| approval_view(state, words, id));
        let approvals = approvals.filter(|asked| asked.decision == "open").collect();
        let incidents = state.incidents_at_hand().into_iter().filter_map(|id| {
            let incident = state.incidents.get(&id)?;
            Some(incident_view(id, incident, now))
        });
        let freezes = state.freezes.iter();
        let freezes = freezes.filter(|(_, set)| set.lifted.is_none() && now < set.until);
        Ok(StatusView {
            origin: state.origin.clone(),
            demo: state.demo,
            size: state.size,
            time_ms: state.time.0,
            clock_gap: state.gap,
            distrusted_by: state.distrusted.as_ref().map(|distrust| distrust.witness.clone()),
            unwritable_since_ms: app.engine.unwritable().map(|(since, _)| since.0),
            put_aside: app.engine.put_aside().into_iter().map(put_aside_view).collect(),
            lagging_witnesses: state.lagging.keys().cloned().collect(),
            organisation: state.organisation.as_ref().map(|o| o.name.clone()),
            remarks: state.organisation.iter().flat_map(remarks).collect(),
            services,
            changes: newest(state, words, IN_PROGRESS, |id, _| state.open.changes.contains(&id)),
            approvals,
            incidents: incidents.collect(),
            freezes: freezes.map(|(id, set)| freeze_view(words, *id, set, now)).collect(),
            stops: state.active_stops().map(|(id, of)| stop_view(state, words, id, of)).collect(),
        })
    };
    Ok(Json(view(&app, build).await?))
}

/// Says what is not asked for on the way to customers.
fn remarks(of: &Organisation) -> Option<&'static str> {
    let nobody = of.four_eyes == FourEyes::Never && of.approvals.is_empty();
    match (nobody, of.require.is_empty()) {
        (true, true) => Some(
            "No second person and no gate is required: `four_eyes` and `require` in \
             `organisation.yaml` of the platform repository, /git/platform.git.",
        ),
        (true, false) => Some(
            "No second person is required: `four_eyes` in `organisation.yaml` of the platform \
             repository, /git/platform.git.",
        ),
        (false, _) => None,
    }
}

/// Returns the places of a service: those that stay in the order of delivery, then others in use.
pub(super) fn place_statuses(
    state: &Known,
    words: &mut Words,
    service: &ServiceName,
    now: Millis,
) -> Vec<PlaceStatus> {
    let Some(known) = state.services.get(service) else { return Vec::new() };
    let lasting = state.lasting_environments(service);
    let in_use = known.places.iter().filter(|(name, place)| {
        !lasting.contains(name) && (place.live.is_some() || place.rolling.is_some())
    });
    let mut environments = lasting.clone();
    environments.extend(in_use.map(|(name, _)| name.clone()));
    let mut statuses = Vec::new();
    for environment in environments {
        let place = known.places.get(&environment).cloned().unwrap_or_default();
        let waits = |id: &&sluss_core::ids::DeploymentId| {
            state.deployments.get(id).is_some_and(|deployment| {
                deployment.service == *service
                    && deployment.environment == environment
                    && deployment.stage.kind == EnvironmentKind::Lasting
                    && matches!(deployment.phase, Phase::Requested | Phase::Cleared)
            })
        };
        let waiting: Vec<_> = state.open.deployments.iter().filter(waits).copied().collect();
        statuses.push(PlaceStatus {
            environment: environment.to_string(),
            live: place.live.and_then(|id| brief_of(state, words, id)),
            rolling: place.rolling.and_then(|id| brief_of(state, words, id)),
            standby: place.standby.and_then(|id| brief_of(state, words, id)),
            waiting: waiting.into_iter().filter_map(|id| brief_of(state, words, id)).collect(),
            error_budget: budget_there(state, service, &environment, now),
            findings_overdue: overdue_live(state, place.live, now),
        });
    }
    statuses
}
