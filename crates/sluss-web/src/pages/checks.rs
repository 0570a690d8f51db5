//! The checks of a release's evidence, as `sluss-verify` makes them.

use askama::Template;
use axum::extract::{Path, State};
use sluss_core::ids::ReleaseId;

use super::frame::{Asked, Frame, OrFail, Page, parse, render};
use super::html::{self, Html, Tone};
use crate::api::checks::{CheckView, ChecksView, checks};
use crate::app::App;

struct Row {
    check: &'static str,
    required: bool,
    outcome: Html,
    said: Vec<String>,
}

#[derive(Template)]
#[template(path = "checks.html")]
struct ChecksPage {
    frame: Frame,
    release: String,
    verdict: Html,
    sentence: &'static str,
    rows: Vec<Row>,
    unsealed: bool,
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Page {
    let id: ReleaseId = parse(&id).or_fail(&app, &asked)?;
    let ChecksView { release, exit_code, checks, unsealed } =
        checks(&app, id).await.or_fail(&app, &asked)?;
    let twin = format!("releases/{release}/checks");
    let frame = Frame::new(&app, &asked, format!("Checks of {release}")).twin(&twin);
    let fails = |one: &CheckView| one.outcome == "failed";
    let is_open = unsealed && checks.iter().filter(|one| fails(one)).all(|one| one.check == "seal");
    let (verdict, sentence) = match exit_code {
        _ if is_open => (html::toned(Tone::Wait, "not sealed yet"), "Nothing else failed."),
        0 => (html::toned(Tone::Good, "good"), "Every required check passed."),
        1 => (html::toned(Tone::Bad, "not good"), "At least one check failed."),
        _ => {
            let sentence = "None failed; a required one was not made, or holds by an exception.";
            (html::toned(Tone::Wait, "incomplete"), sentence)
        }
    };
    let row = |one: CheckView| {
        let (tone, word) = match one.outcome {
            "passed" => (Tone::Good, "passed"),
            "failed" => (Tone::Bad, "failed"),
            "excepted" => (Tone::Wait, "by exception"),
            _not => (Tone::Quiet, "not checked"),
        };
        Row {
            check: one.check,
            required: one.required,
            outcome: html::toned(tone, word),
            said: one.said,
        }
    };
    let rows = checks.into_iter().map(row).collect();
    Ok(render(&ChecksPage { frame, release, verdict, sentence, rows, unsealed }))
}
