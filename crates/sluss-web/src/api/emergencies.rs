//! Emergencies and waivers for real data of a period, as they are reported to the function that
//! answers for risk.

use axum::Json;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::exception::{Exception, ExceptionKind};
use sluss_core::ids::ExceptionId;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::population::Day;

use super::answer::Answer;
use super::exceptions::{ExceptionView, exception_view};
use super::words::{Words, view};
use crate::app::App;

/// Milliseconds of the period that is shown where none is given.
const USUAL_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Which days, of UTC.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Days {
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) to: String,
}

/// An emergency, as risk is told of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EmergencyView {
    /// The exception itself.
    pub exception: ExceptionView,
    pub service: Option<String>,
    pub environment: Option<String>,
    /// The team that answers for the service.
    pub team: Option<String>,
    /// The incident that it is about; logs of before name none.
    pub incident: Option<String>,
    /// By when risk is to be told: one business day after it was granted.
    pub report_due_ms: Option<i64>,
    /// By when it is to be reviewed: two business days after it was granted.
    pub review_due_ms: Option<i64>,
    pub reviewed_ms: Option<i64>,
    /// Where the deployment stands that it let through.
    pub deployment_is: Option<&'static str>,
}

/// The emergencies of a period, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EmergenciesView {
    /// The first day, of UTC.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// Those that were asked for in the period.
    pub emergencies: Vec<EmergencyView>,
    /// How many were granted.
    pub granted: usize,
    /// How many of all that there ever were wait for their review, and how many too long.
    pub unreviewed: usize,
    pub overdue: usize,
    /// Waivers for real data outside of production that held in the period, newest first.
    pub real_data: Vec<ExceptionView>,
}

fn emergency(
    state: &Known,
    words: &mut Words,
    (id, of): (ExceptionId, &Exception),
    now: Millis,
) -> EmergencyView {
    let deployment = of.what.deployment().and_then(|id| state.deployments.get(&id));
    let incident = match &of.what {
        ExceptionKind::Emergency { incident, .. } => *incident,
        _other => None,
    };
    EmergencyView {
        exception: exception_view(state, words, id, of, now),
        service: deployment.map(|of| of.service.to_string()),
        environment: deployment.map(|of| of.environment.to_string()),
        team: deployment.and_then(|of| state.team_of(&of.service)).map(ToString::to_string),
        incident: incident.map(|id| id.to_string()),
        report_due_ms: of.report_due().map(|at| at.0),
        review_due_ms: of.review_due().map(|at| at.0),
        reviewed_ms: of.reviewed.as_ref().map(|(at, _)| at.0),
        deployment_is: deployment.map(|of| of.phase.word()),
    }
}

/// Returns the emergencies of a period; of the last thirty days where none is given.
pub(crate) async fn emergencies(app: &App, days: &Days) -> Result<EmergenciesView, Failure> {
    let now = app.engine.now();
    let day = |text: &str, otherwise: Day| match text {
        "" => Ok(otherwise),
        given => given.parse::<Day>(),
    };
    let from = day(&days.from, Day::of(now.plus(-USUAL_MS)))?;
    let to = day(&days.to, Day::of(now))?;
    if to < from {
        let what = format!("{to} is before {from}.");
        return Err(Failure::new(Blame::Caller, what, "Give the earlier day as `from`"));
    }
    let build = |state: &Known, words: &mut Words| {
        let all = state.exceptions.iter().rev().filter(|(_, one)| one.what.is_emergency());
        let within = |one: &Exception| from.begins() <= one.asked && one.asked < to.ends();
        let found: Vec<EmergencyView> = all
            .clone()
            .filter(|(_, one)| within(one))
            .map(|(id, one)| emergency(state, words, (*id, one), now))
            .collect();
        let held = |one: &Exception| {
            let real = matches!(one.what, ExceptionKind::ProdData { .. });
            let ended = one.ended.unwrap_or(one.until);
            real && one.granted.is_some_and(|at| at < to.ends()) && ended > from.begins()
        };
        let real_data = state.exceptions.iter().rev().filter(|(_, one)| held(one));
        let real_data =
            real_data.map(|(id, one)| exception_view(state, words, *id, one, now)).collect();
        let waits = |one: &Exception| one.granted.is_some() && one.reviewed.is_none();
        Ok(EmergenciesView {
            from: from.to_string(),
            to: to.to_string(),
            granted: found.iter().filter(|one| one.report_due_ms.is_some()).count(),
            emergencies: found,
            unreviewed: all.clone().filter(|(_, one)| waits(one)).count(),
            overdue: all.filter(|(_, one)| one.is_overdue(now)).count(),
            real_data,
        })
    };
    view(app, build).await
}

pub(super) async fn report(
    State(app): State<App>,
    Query(days): Query<Days>,
) -> Answer<EmergenciesView> {
    Ok(Json(emergencies(&app, &days).await?))
}
