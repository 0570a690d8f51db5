//! What forms ask for. Whether it may be done is decided in `sluss-core`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluss_core::approval::Subject;
use sluss_core::decide::Command;
use sluss_core::ids::{DeploymentId, FreezeId, IncidentId, ReleaseId, RunId};
use sluss_core::incident::Reporter;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::frame::parse;
use super::keys::KeyFields;
use super::link;
use crate::api::approvals::revoked_for;
use crate::app::App;
use crate::auth::Visitor;
use crate::forms::Form;

/// A form with nothing but its number.
#[derive(Deserialize)]
pub(super) struct Bare {}

/// Shows where to look next, or why nothing was done.
pub(super) fn answer<T>(app: &App, form: &Form<T>, done: Result<String, Failure>) -> Response {
    match done {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(failure) => super::failure(app, &Visitor(Some(form.person.clone())), failure),
    }
}

#[derive(Deserialize)]
pub(super) struct Decided {
    decision: String,
    statement: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    key: KeyFields,
    /// Where it was decided, if not where the subject is shown.
    #[serde(default)]
    from: String,
}

pub(super) async fn decide(
    State(app): State<App>,
    Path(subject): Path<String>,
    form: Form<Decided>,
) -> Response {
    let done = decided(&app, &subject, &form).await;
    answer(&app, &form, done)
}

async fn decided(app: &App, subject: &str, form: &Form<Decided>) -> Result<String, Failure> {
    let subject: Subject = parse(subject)?;
    let Decided { decision, statement, password, reason, key, from } = &form.fields;
    let statement = parse(statement)?;
    let command = match decision.as_str() {
        "approve" => Command::Approve { subject, statement },
        "refuse" => {
            let reason = app.put_reason(Some(reason)).await?;
            if reason.is_none() {
                let what = "Whoever refuses says why, for those who wait.";
                return Err(Failure::new(Blame::Caller, what, "Give a reason, and refuse again"));
            }
            Command::Refuse { subject, statement, reason }
        }
        _ => {
            let what = "A decision is to approve or to refuse.";
            return Err(Failure::new(Blame::Caller, what, "Use one of the two buttons"));
        }
    };
    match key.answer() {
        Some(signed) => form.sign(app, command, &signed).await?,
        None => form.decide(app, command, password.clone()).await?,
    };
    Ok(if from == "inbox" { link::APPROVALS.to_owned() } else { link::subject(subject) })
}

#[derive(Deserialize)]
pub(super) struct Promoted {
    #[serde(default)]
    environment: String,
}

pub(super) async fn promote(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Promoted>,
) -> Response {
    let done = async {
        let release: ReleaseId = parse(&id)?;
        let named = form.fields.environment.trim();
        let environment = if named.is_empty() { None } else { Some(parse(named)?) };
        let nonce = app.engine.nonce();
        form.ask(&app, Command::Promote { release, environment, nonce }).await?;
        Ok(link::release(release))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn unbar(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let release: ReleaseId = parse(&id)?;
        form.ask(&app, Command::Unbar { release }).await?;
        Ok(link::release(release))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn hold(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let deployment: DeploymentId = parse(&id)?;
        form.ask(&app, Command::Hold { deployment }).await?;
        Ok(link::deployment(deployment))
    };
    let done = done.await;
    answer(&app, &form, done)
}

/// The password is asked for where a first release goes without proof.
#[derive(Deserialize)]
pub(super) struct ResumeFields {
    #[serde(default)]
    password: String,
}

pub(super) async fn resume(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<ResumeFields>,
) -> Response {
    let done = async {
        let deployment: DeploymentId = parse(&id)?;
        let (command, password) = (Command::Resume { deployment }, &form.fields.password);
        match password.is_empty() {
            true => form.ask(&app, command).await?,
            false => form.decide(&app, command, password.clone()).await?,
        };
        Ok(link::deployment(deployment))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn rollback(
    State(app): State<App>,
    Path((service, environment)): Path<(String, String)>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let (service, environment) = (parse(&service)?, parse(&environment)?);
        form.ask(&app, Command::Rollback { service, environment }).await?;
        Ok(link::ENVIRONMENTS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let run: RunId = parse(&id)?;
        form.ask(&app, Command::Cancel { run }).await?;
        Ok(link::run(run))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn close(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let incident: IncidentId = parse(&id)?;
        form.ask(&app, Command::Close { incident }).await?;
        Ok(link::incident(incident))
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct IncidentFields {
    service: String,
    environment: String,
    summary: String,
}

pub(super) async fn report(State(app): State<App>, form: Form<IncidentFields>) -> Response {
    let done = reported(&app, &form).await;
    answer(&app, &form, done)
}

async fn reported(app: &App, form: &Form<IncidentFields>) -> Result<String, Failure> {
    let IncidentFields { service, environment, summary } = &form.fields;
    let (service, environment) = (parse(service)?, parse(environment)?);
    let summary = app.put_reason(Some(summary)).await?.ok_or_else(|| {
        let hint = "Say in a sentence what customers notice";
        Failure::new(Blame::Caller, "An incident needs a summary.", hint)
    })?;
    let by = Reporter::Person;
    form.ask(app, Command::Report { service, environment, by, summary }).await?;
    Ok(link::INCIDENTS.to_owned())
}

#[derive(Deserialize)]
pub(super) struct Cause {
    deployment: String,
}

pub(super) async fn link_cause(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Cause>,
) -> Response {
    let done = async {
        let incident: IncidentId = parse(&id)?;
        let deployment: DeploymentId = parse(form.fields.deployment.trim())?;
        form.ask(&app, Command::Link { incident, deployment }).await?;
        Ok(link::incident(incident))
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct FreezeFields {
    #[serde(default)]
    service: String,
    #[serde(default)]
    environment: String,
    hours: u16,
    reason: String,
}

pub(super) async fn freeze(State(app): State<App>, form: Form<FreezeFields>) -> Response {
    let done = frozen(&app, &form).await;
    answer(&app, &form, done)
}

async fn frozen(app: &App, form: &Form<FreezeFields>) -> Result<String, Failure> {
    let FreezeFields { service, environment, hours, reason } = &form.fields;
    let service = if service.is_empty() { None } else { Some(parse(service)?) };
    let environment = if environment.is_empty() { None } else { Some(parse(environment)?) };
    let from: Millis = app.engine.now();
    let until = from.plus(i64::from(*hours) * 3_600_000);
    let reason = app.put_reason(Some(reason)).await?.ok_or_else(|| {
        Failure::new(Blame::Caller, "A freeze needs a reason.", "Say why in a sentence")
    })?;
    let command = Command::Freeze { service, environment, from, until, reason };
    form.ask(app, command).await?;
    Ok(link::FREEZES.to_owned())
}

pub(super) async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<LiftFields>,
) -> Response {
    let done = async {
        let subject: Subject = parse(&id)?;
        let reason = revoked_for(&app, &form.fields.reason).await?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::Revoke { subject, reason }, password).await?;
        Ok(link::decide(subject))
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct LiftFields {
    reason: String,
    password: String,
}

pub(super) async fn lift(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<LiftFields>,
) -> Response {
    let done = async {
        let freeze: FreezeId = parse(&id)?;
        let reason = app.put_reason(Some(&form.fields.reason)).await?.ok_or_else(|| {
            let what = "Lifting a freeze needs a reason.";
            Failure::new(Blame::Caller, what, "Say why it may end")
        })?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::Lift { freeze, reason }, password).await?;
        Ok(link::freeze(freeze))
    };
    let done = done.await;
    answer(&app, &form, done)
}
