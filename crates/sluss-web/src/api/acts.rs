//! What people and programs do through the API. Whether it is allowed is decided by the engine.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use sluss_core::approval::Subject;
use sluss_core::decide::Command;
use sluss_core::ids::{
    DeploymentId, Digest, EnvironmentName, FreezeId, IncidentId, ReleaseId, RunId, ServiceName,
};
use sluss_core::incident::Reporter;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::retention::InPersonWanted;
use super::stops::LiftWanted;
use crate::app::App;

/// What a second person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It may happen.
    Approve,
    /// It may not.
    Refuse,
}

/// A second person's decision.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionWanted {
    /// What they say.
    pub decision: Said,
    /// The digest of the statement that they looked at.
    pub statement: String,
    /// Why not.
    pub reason: Option<String>,
    /// Their password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Where a release is to go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionWanted {
    /// The environment; the next one unless given.
    pub environment: Option<String>,
    /// Whether to lift the bar of a release that was taken back.
    #[serde(default)]
    pub unbar: bool,
}

/// A freeze.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeWanted {
    /// For which service; for all unless given.
    pub service: Option<String>,
    /// For which environment; for all unless given.
    pub environment: Option<String>,
    /// For how long from now.
    pub for_seconds: Option<u32>,
    /// Until when, instead.
    pub until_ms: Option<i64>,
    /// Why.
    pub reason: String,
}

pub(super) async fn decide(
    State(app): State<App>,
    asking: Asking,
    Path(subject): Path<String>,
    Wanted(wanted): Wanted<DecisionWanted>,
) -> Answer<DoneView> {
    let subject: Subject = parse(&subject)?;
    let statement: Digest = parse(&wanted.statement)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    let command = match wanted.decision {
        Said::Approve => Command::Approve { subject, statement },
        Said::Refuse => {
            let reason = app.put_reason(wanted.reason.as_deref()).await?;
            Command::Refuse { subject, statement, reason }
        }
    };
    asking.ask_as(&app, command, actor).await
}

pub(super) async fn promote(
    State(app): State<App>,
    asking: Asking,
    Path(release): Path<String>,
    Wanted(wanted): Wanted<PromotionWanted>,
) -> Answer<DoneView> {
    let release: ReleaseId = parse(&release)?;
    let environment = wanted.environment.as_deref().map(parse::<EnvironmentName>).transpose()?;
    let barred =
        app.engine.state().releases.get(&release).is_some_and(|found| found.barred.is_some());
    let mut before = Vec::new();
    if wanted.unbar && barred {
        // Without the key: that belongs to the promotion.
        let actor = asking.caller.actor();
        let Json(done) = asking.ask_unkeyed(&app, Command::Unbar { release }, actor).await?;
        before = done.events;
    }
    let nonce = app.engine.nonce();
    let Json(mut done) = asking.ask(&app, Command::Promote { release, environment, nonce }).await?;
    done.events.splice(0..0, before);
    Ok(Json(done))
}

pub(super) async fn unbar(
    State(app): State<App>,
    asking: Asking,
    Path(release): Path<String>,
) -> Answer<DoneView> {
    let release: ReleaseId = parse(&release)?;
    asking.ask(&app, Command::Unbar { release }).await
}

pub(super) async fn rollback(
    State(app): State<App>,
    asking: Asking,
    Path((service, environment)): Path<(String, String)>,
) -> Answer<DoneView> {
    let service: ServiceName = parse(&service)?;
    let environment: EnvironmentName = parse(&environment)?;
    asking.ask(&app, Command::Rollback { service, environment }).await
}

pub(super) async fn hold(
    State(app): State<App>,
    asking: Asking,
    Path(deployment): Path<String>,
) -> Answer<DoneView> {
    let deployment: DeploymentId = parse(&deployment)?;
    asking.ask(&app, Command::Hold { deployment }).await
}

/// A held rollout goes on; a first release, which proved nothing, takes the password.
pub(super) async fn resume(
    State(app): State<App>,
    asking: Asking,
    Path(deployment): Path<String>,
    Wanted(wanted): Wanted<InPersonWanted>,
) -> Answer<DoneView> {
    let deployment: DeploymentId = parse(&deployment)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Resume { deployment }, actor).await
}

pub(super) async fn freeze(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<FreezeWanted>,
) -> Answer<DoneView> {
    let from = app.engine.now();
    let until = match (wanted.for_seconds, wanted.until_ms) {
        (Some(seconds), None) => from.plus(i64::from(seconds) * 1000),
        (None, Some(until)) => Millis(until),
        (Some(_), Some(_)) | (None, None) => {
            let what = "A freeze has one end: `for_seconds` or `until_ms`.";
            return Err(Failure::new(Blame::Caller, what, "Give one of the two").into());
        }
    };
    let service = wanted.service.as_deref().map(parse::<ServiceName>).transpose()?;
    let environment = wanted.environment.as_deref().map(parse::<EnvironmentName>).transpose()?;
    let Some(reason) = app.put_reason(Some(&wanted.reason)).await? else {
        let what = "A freeze has a reason.";
        return Err(Failure::new(Blame::Caller, what, "Say why, for those who wait").into());
    };
    asking.ask(&app, Command::Freeze { service, environment, from, until, reason }).await
}

pub(super) async fn lift(
    State(app): State<App>,
    asking: Asking,
    Path(freeze): Path<String>,
    Wanted(wanted): Wanted<LiftWanted>,
) -> Answer<DoneView> {
    let freeze: FreezeId = parse(&freeze)?;
    let reason = app.put_reason(Some(&wanted.reason)).await?.ok_or_else(|| {
        let what = "Lifting a freeze needs a reason.";
        Failure::new(Blame::Caller, what, "Say why it may end: `--reason …`")
    })?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Lift { freeze, reason }, actor).await
}

pub(super) async fn cancel(
    State(app): State<App>,
    asking: Asking,
    Path(run): Path<String>,
) -> Answer<DoneView> {
    let run: RunId = parse(&run)?;
    asking.ask(&app, Command::Cancel { run }).await
}

pub(super) async fn close(
    State(app): State<App>,
    asking: Asking,
    Path(incident): Path<String>,
) -> Answer<DoneView> {
    let incident: IncidentId = parse(&incident)?;
    asking.ask(&app, Command::Close { incident }).await
}

/// A degradation that somebody noticed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentWanted {
    /// Of which service.
    pub service: String,
    /// In which environment; production unless given.
    pub environment: Option<String>,
    /// What customers notice.
    pub summary: String,
}

/// What caused an incident.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkWanted {
    /// The deployment.
    pub deployment: String,
}

pub(super) async fn report(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<IncidentWanted>,
) -> Answer<DoneView> {
    let service: ServiceName = parse(&wanted.service)?;
    let environment = parse(wanted.environment.as_deref().unwrap_or("production"))?;
    let summary = app.put_reason(Some(&wanted.summary)).await?.ok_or_else(|| {
        let hint = "Say in a sentence what customers notice";
        Failure::new(Blame::Caller, "An incident needs a summary.", hint)
    })?;
    let by = Reporter::Person;
    asking.ask(&app, Command::Report { service, environment, by, summary }).await
}

pub(super) async fn link(
    State(app): State<App>,
    asking: Asking,
    Path(incident): Path<String>,
    Wanted(wanted): Wanted<LinkWanted>,
) -> Answer<DoneView> {
    let (incident, deployment): (IncidentId, _) = (parse(&incident)?, parse(&wanted.deployment)?);
    asking.ask(&app, Command::Link { incident, deployment }).await
}

pub(super) async fn confirm_clock(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<InPersonWanted>,
) -> Answer<DoneView> {
    let actor = asking.caller.decider(&app, wanted.password).await;
    let done = asking.ask_as(&app, Command::ClockReturned { confirmed: true }, actor).await?;
    sluss_store::Log::confirm_clock(&*app.engine.parts().log);
    Ok(done)
}
