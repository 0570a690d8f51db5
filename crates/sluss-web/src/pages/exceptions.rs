//! Exceptions: which hold, which somebody asks for, and which must be reviewed.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::decide::Command;
use sluss_core::exception::Exception;
use sluss_core::findings::FindingKey;
use sluss_core::ids::ExceptionId;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::acts::{Bare, answer};
use super::frame::{Asked, Frame, OrFail, Page, parse, render};
use super::html::{self, Html};
use super::keys::{KeyFields, Ring};
use super::{freezes, link};
use crate::api::exceptions::{
    About, ExceptionView, Kind, ModelView, ModelWanted, exception_view, kind,
};
use crate::api::words::{PersonView, Words, view};
use crate::app::App;
use crate::forms::Form;

/// How many are listed.
const LISTED: usize = 100;

struct Row {
    of: ExceptionView,
    about: String,
    state: Html,
    asked: Html,
    until: Html,
    granted_by: String,
    /// What a key is asked to sign to grant it.
    challenge: String,
    /// Whether only a signature counts.
    by_key: bool,
}

#[derive(Template)]
#[template(path = "exceptions.html")]
struct ExceptionsPage {
    frame: Frame,
    rows: Vec<Row>,
    services: Vec<String>,
    waiting: Vec<String>,
    /// The keys of who looks, if they have any.
    ring: Option<Ring>,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame =
        Frame::new(&app, &asked, "Exceptions").twin("exceptions").explain("/log?type=exception");
    let ring = Ring::of(&app, asked.visitor.0.as_ref()).await.or_fail(&app, &asked)?;
    let ring = ring.filter(|ring| !ring.ids.is_empty());
    let build = |state: &Known, words: &mut Words| {
        let newest = state.exceptions.iter().rev().take(LISTED);
        let signed = |exception: ExceptionId| {
            let command = Command::GrantException { exception };
            ring.as_ref().map_or(String::new(), |ring| ring.challenge(state, &command))
        };
        let one = |(id, of): (&ExceptionId, &Exception)| {
            let row = row(exception_view(state, words, *id, of, now), now);
            Row { challenge: signed(*id), by_key: state.asks_key_for(&of.what), ..row }
        };
        let rows: Vec<Row> = newest.map(one).collect();
        let waits = |id: &&sluss_core::ids::DeploymentId| {
            use sluss_core::deployment::Phase;
            let found = state.deployments.get(id);
            found.is_some_and(|found| matches!(found.phase, Phase::Requested | Phase::Cleared))
        };
        let waiting: Vec<String> =
            state.open.deployments.iter().rev().filter(waits).map(ToString::to_string).collect();
        Ok((rows, freezes::services(state), waiting))
    };
    let (rows, services, waiting) = view(&app, build).await.or_fail(&app, &asked)?;
    Ok(render(&ExceptionsPage { frame, rows, services, waiting, ring }))
}

fn row(of: ExceptionView, now: Millis) -> Row {
    let names = |people: &[PersonView]| {
        people.iter().map(|who| who.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let about = match (&of.deployment, &of.service, &of.rule, &of.model) {
        (Some(deployment), _, _, _) => deployment.clone(),
        (None, Some(service), Some(rule), _) => format!("{rule} of {service}"),
        (None, Some(service), None, None) if !of.findings.is_empty() => {
            let short = of.findings.iter().map(|key| key.get(..FindingKey::SHORT).unwrap_or(key));
            format!("{} of {service}", short.collect::<Vec<_>>().join(", "))
        }
        (None, Some(service), None, Some(model)) => {
            let ModelView { paths, files, lines, failures, failed } = model;
            format!(
                "{service}: {} in up to {files} files and {lines} lines; {failed} of {failures} \
                 failures so far",
                paths.join(", ")
            )
        }
        (None, _, _, _) => String::new(),
    };
    Row {
        about,
        state: html::state(of.state),
        asked: html::ago(Millis(of.asked_ms), now),
        until: html::clock(Millis(of.until_ms), now),
        granted_by: names(&of.granted_by),
        challenge: String::new(),
        by_key: false,
        of,
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    kind: Kind,
    #[serde(default)]
    deployment: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    keys: String,
    reason: String,
    minutes: u32,
    #[serde(default)]
    paths: String,
    #[serde(default)]
    files: u32,
    #[serde(default)]
    lines: u32,
    #[serde(default)]
    failures: u32,
}

pub(super) async fn ask(State(app): State<App>, form: Form<Wanted>) -> Response {
    let done = async {
        let Wanted { kind: of, deployment, service, rule, reason, minutes, .. } = &form.fields;
        let paths = form.fields.paths.split([' ', ',', '\n']).map(str::to_owned).collect();
        let (files, lines) = (form.fields.files, form.fields.lines);
        let model = ModelWanted { paths, files, lines, failures: form.fields.failures };
        let keys = form.fields.keys.split([' ', ',', '\n']).map(str::trim).map(str::to_owned);
        let keys: Vec<String> = keys.filter(|key| !key.is_empty()).collect();
        let about = About {
            deployment: Some(deployment),
            service: Some(service),
            rule: Some(rule),
            findings: &keys,
            model: Some(&model),
        };
        let what = kind(*of, about, &app.engine.state())?;
        let reason = app.put_reason(Some(reason)).await?.ok_or_else(|| {
            Failure::new(Blame::Caller, "An exception needs a reason.", "Say why in a sentence")
        })?;
        let until = app.engine.now().plus(i64::from(*minutes) * 60_000);
        form.ask(&app, Command::AskException { what, reason, until }).await?;
        Ok(link::EXCEPTIONS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    password: String,
    #[serde(default)]
    findings: String,
    #[serde(flatten)]
    key: KeyFields,
}

pub(super) async fn grant(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Decided>,
) -> Response {
    let done = async {
        let exception: ExceptionId = parse(&id)?;
        let (password, command) = (&form.fields.password, Command::GrantException { exception });
        match form.fields.key.answer() {
            Some(signed) => form.sign(&app, command, &signed).await?,
            None => form.decide(&app, command, password.clone()).await?,
        };
        Ok(link::EXCEPTIONS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn review(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Decided>,
) -> Response {
    let done = async {
        let exception: ExceptionId = parse(&id)?;
        let findings = app.put_reason(Some(&form.fields.findings)).await?.ok_or_else(|| {
            let hint = "Say what happened, and what follows from it";
            Failure::new(Blame::Caller, "A review needs its findings.", hint)
        })?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::ReviewException { exception, findings }, password).await?;
        Ok(link::EXCEPTIONS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn end(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Bare>,
) -> Response {
    let done = async {
        let exception: ExceptionId = parse(&id)?;
        form.ask(&app, Command::EndException { exception }).await?;
        Ok(link::EXCEPTIONS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}
