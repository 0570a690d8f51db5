//! Forms about significant changes, and about what tests left in a release.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{ChangeId, ReleaseId};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;

use super::acts::answer;
use super::frame::parse;
use super::html::{self, Html, Tone};
use super::link;
use crate::api::access::said;
use crate::api::significance::significant;
use crate::api::words::Words;
use crate::app::App;
use crate::forms::Form;

/// A significant change, as its page shows it.
pub(super) struct Significance {
    pub(super) state: Html,
    pub(super) why: String,
    pub(super) who: String,
    pub(super) at: Html,
    /// Who confirmed it, when, and what they looked at.
    pub(super) confirmed: Option<(String, Html, String)>,
}

/// Returns whether a change is significant.
pub(super) fn of_change(
    state: &Known,
    words: &mut Words,
    id: ChangeId,
    now: Millis,
) -> Option<Significance> {
    let found = significant(state, words, id)?;
    let gone = |text: Option<String>| text.unwrap_or_else(|| "gone".to_owned());
    let badge = match &found.confirmed {
        Some(_) => html::toned(Tone::Good, "confirmed"),
        None => html::toned(Tone::Wait, "to be confirmed"),
    };
    Some(Significance {
        state: badge,
        why: gone(found.marked.text),
        who: found.marked.by.name,
        at: html::clock(Millis(found.marked.at_ms), now),
        confirmed: found
            .confirmed
            .map(|one| (one.by.name, html::clock(Millis(one.at_ms), now), gone(one.text))),
    })
}

/// What was looked at last for what tests left in a release: a badge, who, when, and what they
/// found.
pub(super) fn of_release(
    state: &Known,
    words: &mut Words,
    id: ReleaseId,
    now: Millis,
) -> Option<(Html, String, Html, String)> {
    let one = state.assurance.clean.get(&id)?;
    let badge = match one.what.passed {
        true => html::toned(Tone::Good, "gone"),
        false => html::toned(Tone::Bad, "still there"),
    };
    let found = words.text(&one.what.findings).unwrap_or_else(|| "gone".to_owned());
    Some((badge, words.person(&one.what.by).name, html::clock(one.at, now), found))
}

#[derive(Deserialize)]
pub(super) struct Fields {
    text: String,
    #[serde(default)]
    result: String,
    password: String,
}

pub(super) async fn mark(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Fields>,
) -> Response {
    let done = async {
        let change: ChangeId = parse(&id)?;
        let reason = said(&app, &form.fields.text, "Marking a change as significant").await?;
        let command = Command::Assure(Assure::MarkSignificant { change, reason });
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::change(change))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn confirm(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Fields>,
) -> Response {
    let done = async {
        let change: ChangeId = parse(&id)?;
        let findings = said(&app, &form.fields.text, "Confirming a change").await?;
        let command = Command::Assure(Assure::ConfirmChange { change, findings });
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::change(change))
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn clean(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Fields>,
) -> Response {
    let done = async {
        let release: ReleaseId = parse(&id)?;
        let findings = said(&app, &form.fields.text, "A check for what tests left").await?;
        let passed = form.fields.result == "gone";
        let command = Command::Assure(Assure::CheckClean { release, passed, findings });
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::release(release))
    };
    let done = done.await;
    answer(&app, &form, done)
}
