//! A run: its steps as a graph and a list, and what the chosen one printed.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use sluss_core::event::Stream;
use sluss_core::ids::RunId;
use sluss_core::state::{RunEnd, State as Known};
use sluss_core::steps::StepOwner;

use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html};
use super::link;
use super::step_log::{StepsView, Tail, steps_view, tail, tests};
use super::subject::title_of;
use crate::api::words::{Words, view};
use crate::app::App;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    pub(super) step: Option<String>,
}

struct RunView {
    title: String,
    change: Html,
    service: String,
    state: Html,
    queued: Html,
    waited: String,
    took: String,
    tests: String,
    release: Option<Html>,
    not_packed: Option<String>,
    over: bool,
    steps: StepsView,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    id: RunId,
    view: RunView,
    log: Option<Tail>,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    asked: Asked,
) -> Page {
    let id: RunId = parse(&id).or_fail(&app, &asked)?;
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let run = state.runs.get(&id).ok_or_else(|| nothing(id))?;
        let change = state.changes.get(&run.change);
        let word = match (run.ended, run.started) {
            (Some((_, RunEnd::Succeeded)), _) => "succeeded",
            (Some((_, RunEnd::Failed)), _) => "failed",
            (Some((_, RunEnd::Cancelled)), _) => "cancelled",
            (None, Some(_)) => "running",
            (None, None) => "queued",
        };
        let end = run.ended.map_or(now, |(at, _)| at);
        let owner = StepOwner::Run(id);
        Ok(RunView {
            title: change.map_or(String::new(), |change| title_of(words, &change.push.title)),
            change: html::link(&link::change(run.change), &run.change.to_string()),
            service: change.map_or(String::new(), |change| change.service.to_string()),
            state: html::state(word),
            queued: html::ago(run.queued, now),
            waited: html::duration(run.started.unwrap_or(end).since(run.queued)),
            took: run.started.map_or(String::new(), |at| html::duration(end.since(at))),
            tests: run.steps.tests().map_or("no step reported tests".to_owned(), tests),
            release: run.release.map(|id| html::link(&link::release(id), &id.to_string())),
            not_packed: run.not_packed.as_ref().map(|digest| {
                words.text(digest).unwrap_or_else(|| "the reason is gone".to_owned())
            }),
            over: run.ended.is_some(),
            steps: steps_view(state, words, owner, which.step.as_deref(), now),
        })
    };
    let view = view(&app, build).await.or_fail(&app, &asked)?;
    let log = match &view.steps.chosen {
        Some((step, of)) => Some(tail(&app, StepOwner::Run(id), step, of).await),
        None => None,
    };
    let frame = Frame::new(&app, &asked, format!("{id}: {}", view.title))
        .twin(format!("runs/{id}"))
        .explain(link::explain(Stream::Run(id)))
        .topics(format!("run/{id}"));
    Ok(render(&RunPage { frame, id, view, log }))
}
