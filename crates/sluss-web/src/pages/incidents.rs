//! Incidents: what went wrong, what caused it, and how long it took.

use askama::Template;
use axum::extract::{Path, State};
use sluss_core::event::Stream;
use sluss_core::ids::IncidentId;
use sluss_core::incident::{Incident, Origin};
use sluss_core::rollout::Counts;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;

use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html};
use super::link;
use super::reporting::{Card, RecurringRow, recurring_row};
use super::subject::title;
use super::{evidence, freezes, reporting};
use crate::api::incidents::{recurring_of, whole};
use crate::api::words::{Words, view};
use crate::app::App;

/// How many incidents are listed.
const LISTED: usize = 100;

struct IncidentRow {
    id: IncidentId,
    address: String,
    state: Html,
    place: String,
    sentence: String,
    release: Html,
    deployment: Option<Html>,
    title: String,
    /// What somebody, or an alert, said.
    said: Option<String>,
    opened: Html,
    opened_at: Html,
    mitigated: Option<Html>,
    restored: String,
    closed: Option<Html>,
    lasted: String,
    open: bool,
    /// Whether it is major, and what is to be done about it until when.
    class: Html,
    due: Option<Html>,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage {
    frame: Frame,
    rows: Vec<IncidentRow>,
    recurring: Vec<RecurringRow>,
    services: Vec<String>,
    environments: Vec<String>,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame =
        Frame::new(&app, &asked, "Incidents").twin("incidents").explain("/log?type=incident");
    let build = |state: &Known, words: &mut Words| {
        let newest = state.incidents.iter().rev().take(LISTED);
        let rows = newest.map(|(id, found)| row(state, words, *id, found, now)).collect::<Vec<_>>();
        let recurring = recurring_of(state, now).iter().map(|of| recurring_row(of, now)).collect();
        Ok((rows, recurring, freezes::services(state), freezes::environments(state)))
    };
    let (rows, recurring, services, environments) =
        view(&app, build).await.or_fail(&app, &asked)?;
    Ok(render(&IncidentsPage { frame, rows, recurring, services, environments }))
}

fn row(
    state: &Known,
    words: &mut Words,
    id: IncidentId,
    incident: &Incident,
    now: Millis,
) -> IncidentRow {
    let suspect = incident.deployment();
    let release = suspect.and_then(|id| state.deployments.get(&id)).map(|found| found.release);
    let said = match &incident.origin {
        Origin::Reported { summary, .. } => words.text(summary),
        Origin::Shadow { digest } => Some(format!("its digest is {digest}")),
        Origin::Seen { .. } => None,
    };
    IncidentRow {
        id,
        address: link::incident(id),
        state: html::state(incident.word()),
        place: format!("{} in {}", incident.service, incident.environment),
        sentence: incident.sentence().to_owned(),
        said,
        release: release.map_or(Html::default(), |release| {
            html::link(&link::release(release), &release.to_string())
        }),
        deployment: suspect.map(|id| html::link(&link::deployment(id), &id.to_string())),
        title: release.map_or(String::new(), |release| title(state, words, release)),
        opened: html::ago(incident.opened, now),
        opened_at: html::clock(incident.opened, now),
        mitigated: incident.mitigated.map(|at| html::clock(at, now)),
        restored: incident
            .mitigated
            .map_or(String::new(), |at| html::duration(at.since(incident.opened))),
        closed: incident.closed.map(|at| html::clock(at, now)),
        lasted: html::duration(incident.closed.unwrap_or(now).since(incident.opened)),
        open: incident.closed.is_none(),
        class: reporting::class(incident),
        due: reporting::due(incident, now),
    }
}

/// How customers were hit.
struct Hit {
    requests: String,
    failed: String,
    rate: String,
    first: Html,
    detect: String,
    cost: Option<String>,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage {
    frame: Frame,
    row: IncidentRow,
    hit: Option<Hit>,
    r: Card,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Page {
    let id: IncidentId = parse(&id).or_fail(&app, &asked)?;
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let incident = state.incidents.get(&id).ok_or_else(|| nothing(id))?;
        let price = state.failure_cost(&incident.service).cloned();
        let row = row(state, words, id, incident, now);
        Ok((row, incident.deployment(), incident.opened, price))
    };
    let (row, deployment, opened, price) = view(&app, build).await.or_fail(&app, &asked)?;
    let evidence = match deployment {
        Some(deployment) => Some(evidence::read(&app, deployment).await.or_fail(&app, &asked)?),
        None => None,
    };
    let seen = evidence.iter().flat_map(|evidence| &evidence.seconds).map(|(seen, _)| seen);
    let first = seen.clone().find(|seen| seen.candidate.requests > 0);
    let hit = first.map(|first| {
        let total = seen.map(|seen| seen.candidate).fold(Counts::default(), Counts::and);
        let began = first.begins().begins();
        Hit {
            requests: html::number(total.requests),
            failed: html::number(total.errors),
            rate: html::rate(total.errors, total.requests),
            first: html::clock(began, now),
            detect: html::duration(opened.since(began)),
            cost: price.map(|price| price.times(total.errors).to_string()),
        }
    });
    let r = Card::of(whole(&app, id).await.or_fail(&app, &asked)?, now);
    let frame = Frame::new(&app, &asked, id.to_string())
        .twin(format!("incidents/{id}"))
        .explain(link::explain(Stream::Incident(id)))
        .topics(match deployment {
            Some(deployment) => format!("incident/{id} deployment/{deployment}"),
            None => format!("incident/{id}"),
        });
    Ok(render(&IncidentPage { frame, row, hit, r }))
}
