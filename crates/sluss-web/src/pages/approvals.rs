//! What waits for a second person, and the decision over one of these.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use sluss_core::approval::{Decision, Subject};
use sluss_core::event::Stream;
use sluss_core::state::State as Known;

use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::link;
use super::subject::{Approval, Looking, approval};
use crate::api::words::{Words, view};
use crate::app::App;

/// How many decisions are listed that were made.
const DECIDED: usize = 20;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    mine: Vec<Approval>,
    others: Vec<Approval>,
    decided: Vec<Approval>,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let frame =
        Frame::new(&app, &asked, "Approvals").twin("approvals").explain("/log?type=approval");
    let csrf = frame.csrf.clone();
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let looking = Looking { who: asked.who(), csrf: &csrf, now };
        let is_open = |subject: &Subject| {
            state.requests.get(subject).is_some_and(|asked| asked.decision == Decision::Open)
        };
        let (open, decided): (Vec<Subject>, Vec<Subject>) =
            state.requests.keys().copied().partition(is_open);
        let mut whole = |subjects: Vec<Subject>| -> Vec<Approval> {
            let whole = subjects.into_iter();
            whole.filter_map(|subject| approval(state, words, subject, &looking)).collect()
        };
        let decided = decided.into_iter().rev().take(DECIDED).collect();
        Ok((whole(open), whole(decided)))
    };
    let (open, decided) = view(&app, build).await.or_fail(&app, &asked)?;
    let (mine, others) = open.into_iter().partition(|asked| asked.mine);
    Ok(render(&ApprovalsPage { frame, mine, others, decided }))
}

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    frame: Frame,
    a: Approval,
}

pub(super) async fn one(State(app): State<App>, Path(subject): Path<String>, asked: Asked) -> Page {
    let subject: Subject = parse(&subject).or_fail(&app, &asked)?;
    if let Subject::Deployment(id) = subject {
        return Ok(Redirect::to(&link::deployment(id)).into_response());
    }
    let frame = Frame::new(&app, &asked, format!("{subject}: a second person"))
        .twin(format!("approvals/{subject}"))
        .explain(link::explain(Stream::Config))
        .topics("config");
    let csrf = frame.csrf.clone();
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let looking = Looking { who: asked.who(), csrf: &csrf, now };
        let found = approval(state, words, subject, &looking);
        found.ok_or_else(|| nothing(format!("request for a second person about {subject}")))
    };
    let a = view(&app, build).await.or_fail(&app, &asked)?;
    Ok(render(&ApprovalPage { frame, a }))
}
