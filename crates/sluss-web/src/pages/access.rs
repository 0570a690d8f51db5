//! Who may decide and deploy at a time, who looked at that, and what was rehearsed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::assurance::Drill;
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::ReleaseId;
use sluss_core::units::Millis;
use sluss_ledger::attest::UtcTime;

use super::acts::answer;
use super::frame::{Asked, Frame, OrFail, Page, parse, render};
use super::html::{self, Html, Tone};
use super::{freezes, link};
use crate::api::access::{AccessView, When, access, said};
use crate::app::App;
use crate::forms::Form;

struct Review {
    at: Html,
    by: String,
    configuration: String,
    findings: String,
}

struct Rehearsed {
    at: Html,
    kind: &'static str,
    about: String,
    result: Html,
    by: String,
    findings: String,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    frame: Frame,
    at: String,
    configuration: String,
    /// Each role and who has it.
    roles: Vec<(String, String)>,
    delegations: Vec<(String, String, Html)>,
    reviews: Vec<Review>,
    due: Html,
    overdue: bool,
    rehearsals: Vec<Rehearsed>,
    services: Vec<String>,
}

/// Which time is asked about: empty for now.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Moment {
    #[serde(default)]
    at: String,
}

pub(super) async fn page(State(app): State<App>, Query(of): Query<Moment>, asked: Asked) -> Page {
    let now = app.engine.now();
    // A browser's field for a time has no seconds and no zone: it is of UTC here.
    let time = format!("{}:00Z", of.at.get(..16).unwrap_or_default()).parse::<UtcTime>().ok();
    let when = When { at_ms: time.map(UtcTime::ms) };
    let found = access(&app, when).await.or_fail(&app, &asked)?;
    let query = when.at_ms.map_or(String::new(), |at| format!("?at_ms={at}"));
    let frame = Frame::new(&app, &asked, "Access")
        .twin(format!("access{query}"))
        .explain("/log?stream=access")
        .topics("access config rehearsals");
    let gone = |text: Option<String>| text.unwrap_or_else(|| "(the text is gone)".to_owned());
    let names = |people: Vec<crate::api::words::PersonView>| {
        people.into_iter().map(|who| who.name).collect::<Vec<_>>().join(", ")
    };
    let AccessView { configuration, roles, delegations, reviews, rehearsals, .. } = found;
    let services = freezes::services(&app.engine.state());
    let at = UtcTime::from_ms(found.at_ms).map_or(String::new(), |time| time.to_string());
    Ok(render(&AccessPage {
        at: at.get(..16).unwrap_or_default().to_owned(),
        configuration: configuration.unwrap_or_else(|| "no configuration".to_owned()),
        roles: roles.into_iter().map(|(role, people)| (role, names(people))).collect(),
        delegations: delegations
            .into_iter()
            .map(|one| (one.from.name, one.to.name, html::clock(Millis(one.until_ms), now)))
            .collect(),
        reviews: reviews
            .into_iter()
            .map(|one| Review {
                at: html::ago(Millis(one.at_ms), now),
                by: one.by.name,
                configuration: one.configuration,
                findings: gone(one.findings),
            })
            .collect(),
        due: found.review_due_ms.map_or_else(
            || html::text("once a configuration is in force"),
            |due| html::clock(Millis(due), now),
        ),
        overdue: found.review_overdue,
        rehearsals: rehearsals
            .into_iter()
            .map(|one| Rehearsed {
                at: html::ago(Millis(one.at_ms), now),
                kind: one.kind,
                about: one.service.unwrap_or_else(|| "everything".to_owned()),
                result: match one.passed {
                    true => html::toned(Tone::Good, "succeeded"),
                    false => html::toned(Tone::Bad, "failed"),
                },
                by: one.by.name,
                findings: gone(one.findings),
            })
            .collect(),
        services,
        frame,
    }))
}

#[derive(Deserialize)]
pub(super) struct Reviewed {
    findings: String,
    password: String,
}

pub(super) async fn review(State(app): State<App>, form: Form<Reviewed>) -> Response {
    let done = async {
        let findings = said(&app, &form.fields.findings, "A review of access").await?;
        let command = Command::Assure(Assure::ReviewAccess { findings });
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::ACCESS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct RehearsedFields {
    kind: Drill,
    #[serde(default)]
    service: String,
    result: String,
    findings: String,
    password: String,
}

pub(super) async fn rehearse(State(app): State<App>, form: Form<RehearsedFields>) -> Response {
    let done = async {
        let fields = &form.fields;
        let service = Some(&fields.service).filter(|name| !name.is_empty());
        let service = service.map(|name| parse(name)).transpose()?;
        let findings = said(&app, &fields.findings, "A rehearsal").await?;
        let (drill, passed) = (fields.kind, fields.result == "succeeded");
        let command = Command::Assure(Assure::Rehearse { drill, service, passed, findings });
        form.decide(&app, command, fields.password.clone()).await?;
        Ok(link::ACCESS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct Accepted {
    reason: String,
    password: String,
}

pub(super) async fn accept_tests(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Accepted>,
) -> Response {
    let done = async {
        let release: ReleaseId = parse(&id)?;
        let reason = said(&app, &form.fields.reason, "Accepting red tests").await?;
        let command = Command::Assure(Assure::AcceptTests { release, reason });
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::release(release))
    };
    let done = done.await;
    answer(&app, &form, done)
}
