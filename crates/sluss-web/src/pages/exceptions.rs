//! Exceptions: which hold, which somebody asks for, and which must be reviewed.

use askama::Template;
use axum::extract::{Path, Query, State};
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
use super::html::{self, Html, Tone};
use super::keys::{KeyFields, Ring};
use super::{freezes, link};
use crate::api::emergencies::{Days, EmergenciesView, EmergencyView, emergencies};
use crate::api::exceptions::{
    About, ExceptionView, Kind, ModelView, ModelWanted, exception_view, kind, terms, with_owner,
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

/// The emergencies, and the waivers for real data, of a period, for risk.
struct Report {
    from: String,
    to: String,
    sentence: String,
    rows: Vec<ReportRow>,
    real_data: Vec<Row>,
}

struct ReportRow {
    id: String,
    what: String,
    incident: String,
    state: Html,
    report: Html,
    review: Html,
}

#[derive(Template)]
#[template(path = "exceptions.html")]
struct ExceptionsPage {
    frame: Frame,
    rows: Vec<Row>,
    services: Vec<String>,
    waiting: Vec<String>,
    incidents: Vec<String>,
    groups: Vec<String>,
    report: Report,
    /// The keys of who looks, if they have any.
    ring: Option<Ring>,
}

fn report(of: EmergenciesView, now: Millis) -> Report {
    let due = |at: Option<i64>| at.map_or(html::text("–"), |at| html::clock(Millis(at), now));
    let one = |one: EmergencyView| {
        let place = [one.service, one.environment, one.team].into_iter().flatten();
        ReportRow {
            what: place.collect::<Vec<_>>().join(", "),
            incident: one.incident.unwrap_or_else(|| "none named".to_owned()),
            state: html::state(one.exception.state),
            report: due(one.report_due_ms),
            review: match (one.reviewed_ms, one.exception.review_overdue) {
                (Some(at), _) => html::clock(Millis(at), now),
                (None, true) => html::toned(Tone::Bad, "overdue"),
                (None, false) => due(one.review_due_ms),
            },
            id: one.exception.exception,
        }
    };
    let EmergenciesView { from, to, emergencies, granted, unreviewed, overdue, real_data } = of;
    let real_data = real_data.into_iter().map(|one| row(one, now)).collect();
    let sentence = format!(
        "{} asked for, {granted} granted; {unreviewed} of all wait for their review, {overdue} too \
         long.",
        emergencies.len()
    );
    Report { from, to, sentence, rows: emergencies.into_iter().map(one).collect(), real_data }
}

pub(super) async fn page(State(app): State<App>, Query(days): Query<Days>, asked: Asked) -> Page {
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
        let incidents = state.open.incidents.iter().rev().map(ToString::to_string).collect();
        let groups = state.organisation.iter().flat_map(|known| known.groups.keys());
        let groups: Vec<String> = groups.map(ToString::to_string).collect();
        Ok((rows, freezes::services(state), waiting, incidents, groups))
    };
    let built = view(&app, build).await.or_fail(&app, &asked)?;
    let (rows, services, waiting, incidents, groups) = built;
    let report = report(emergencies(&app, &days).await.or_fail(&app, &asked)?, now);
    let page = ExceptionsPage { frame, rows, services, waiting, incidents, groups, report, ring };
    Ok(render(&page))
}

fn row(of: ExceptionView, now: Millis) -> Row {
    let names = |people: &[PersonView]| {
        people.iter().map(|who| who.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let broken = of.incident.as_ref().map_or(String::new(), |id| format!(", about {id}"));
    let there = of.environment.as_ref().map_or(String::new(), |name| format!(" in {name}"));
    let about = match (&of.deployment, &of.service, &of.rule, &of.model) {
        (Some(deployment), _, _, _) => format!("{deployment}{broken}"),
        (None, Some(service), Some(rule), _) => format!("{rule} of {service}{there}"),
        (None, Some(service), None, None) if !of.findings.is_empty() => {
            let short = of.findings.iter().map(|key| key.get(..FindingKey::SHORT).unwrap_or(key));
            format!("{} of {service}{there}", short.collect::<Vec<_>>().join(", "))
        }
        (None, Some(service), None, Some(model)) => {
            let ModelView { paths, files, lines, failures, failed, .. } = model;
            let paths = paths.join(", ");
            format!(
                "{service}: {paths} in up to {files} files and {lines} lines; {failed} of \
                 {failures} failures so far{}",
                bounds(model)
            )
        }
        (None, Some(service), None, None) => format!("{service}{there}"),
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

/// Says who answers for a standard change, who agrees, and what else bounds it.
fn bounds(model: &ModelView) -> String {
    let owner = model.owner.as_ref().map(|owner| format!("; {} answers for it", owner.name));
    let function = model.function.as_ref().map(|group| format!("; one of {group} agrees"));
    let risk = model.max_risk.map(|most| format!("; {most} points of risk at most"));
    let evidence = (!model.required_evidence.is_empty())
        .then(|| format!("; it clears {}", model.required_evidence.join(", ")));
    [owner, function, risk, evidence].into_iter().flatten().collect()
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
    #[serde(default)]
    incident: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    function: String,
    #[serde(default)]
    max_risk: String,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    instead: String,
    #[serde(default)]
    environment: String,
}

pub(super) async fn ask(State(app): State<App>, form: Form<Wanted>) -> Response {
    let done = async {
        let Wanted { kind: of, deployment, service, rule, reason, minutes, .. } = &form.fields;
        let paths = form.fields.paths.split([' ', ',', '\n']).map(str::to_owned).collect();
        let max_risk = form.fields.max_risk.trim();
        let max_risk = (!max_risk.is_empty()).then(|| max_risk.parse()).transpose();
        let max_risk = max_risk.map_err(|_| {
            let what = "Points of risk are a number from 0 to 8.";
            Failure::new(Blame::Caller, what, "Leave it empty to bound nothing")
        })?;
        let evidence = form.fields.evidence.split([' ', ',']).map(str::to_owned).collect();
        let model = ModelWanted {
            paths,
            files: form.fields.files,
            lines: form.fields.lines,
            failures: form.fields.failures,
            owner: Some(form.fields.owner.clone()),
            function: Some(form.fields.function.clone()),
            max_risk,
            required_evidence: evidence,
        };
        let keys = form.fields.keys.split([' ', ',', '\n']).map(str::trim).map(str::to_owned);
        let keys: Vec<String> = keys.filter(|key| !key.is_empty()).collect();
        let about = About {
            deployment: Some(deployment),
            incident: Some(&form.fields.incident),
            service: Some(service),
            rule: Some(rule),
            findings: &keys,
            model: Some(&model),
        };
        let what = kind(*of, about, &app.engine.state())?;
        let what = with_owner(&app, what, model.owner.as_ref()).await?;
        let reason = app.put_reason(Some(reason)).await?.ok_or_else(|| {
            Failure::new(Blame::Caller, "An exception needs a reason.", "Say why in a sentence")
        })?;
        let until = app.engine.now().plus(i64::from(*minutes) * 60_000);
        let Wanted { instead, environment, .. } = &form.fields;
        let terms = terms(&app, Some(instead), Some(environment)).await?;
        form.ask(&app, Command::AskException { what, reason, until, terms }).await?;
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
