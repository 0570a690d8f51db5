//! Freezes: which there are, and setting one.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use sluss_core::ids::FreezeId;
use sluss_core::incident::Freeze;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html};
use crate::api::words::{Words, view};
use crate::app::App;

/// How many freezes are listed.
const LISTED: usize = 50;

/// A freeze, as a row.
pub(super) struct FreezeRow {
    pub(super) id: FreezeId,
    pub(super) scope: String,
    pub(super) from: Html,
    pub(super) until: Html,
    pub(super) reason: String,
    pub(super) state: Html,
    pub(super) on: bool,
}

#[derive(Template)]
#[template(path = "freezes.html")]
struct FreezesPage {
    frame: Frame,
    rows: Vec<FreezeRow>,
    services: Vec<String>,
    environments: Vec<String>,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, "Freezes")
        .twin("freezes")
        .explain("/log?stream=calendar")
        .topics("calendar");
    let build = |state: &Known, words: &mut Words| {
        let newest = state.freezes.iter().rev().take(LISTED);
        let rows: Vec<FreezeRow> = newest.map(|(id, set)| row(words, *id, set, now)).collect();
        Ok((rows, services(state), environments(state)))
    };
    let (rows, services, environments) = view(&app, build).await.or_fail(&app, &asked)?;
    Ok(render(&FreezesPage { frame, rows, services, environments }))
}

/// Returns the names of all services.
pub(super) fn services(state: &Known) -> Vec<String> {
    state.services.keys().map(ToString::to_string).collect()
}

/// Returns the names of all environments that stay.
pub(super) fn environments(state: &Known) -> Vec<String> {
    let of = |service| state.lasting_environments(service).into_iter();
    let names: BTreeSet<String> =
        state.services.keys().flat_map(of).map(|name| name.to_string()).collect();
    names.into_iter().collect()
}

/// Returns the freezes that shut gates now.
pub(super) fn active(state: &Known, words: &mut Words, now: Millis) -> Vec<FreezeRow> {
    let rows = state.freezes.iter().map(|(id, set)| row(words, *id, set, now));
    rows.filter(|row| row.on).collect()
}

fn row(words: &mut Words, id: FreezeId, set: &Freeze, now: Millis) -> FreezeRow {
    let on = set.lifted.is_none() && set.from <= now && now < set.until;
    let word = match (set.lifted, on) {
        (Some(_), _) => "lifted",
        (None, true) => "frozen",
        (None, false) if now < set.from => "to come",
        (None, false) => "over",
    };
    let service = set.service.as_ref().map_or("all services".to_owned(), ToString::to_string);
    let place = set.environment.as_ref().map_or("all environments".to_owned(), ToString::to_string);
    FreezeRow {
        id,
        scope: format!("{service} in {place}"),
        from: html::clock(set.from, now),
        until: html::clock(set.until, now),
        reason: words.text(&set.reason).unwrap_or_else(|| "(the reason is gone)".to_owned()),
        state: html::state(word),
        on,
    }
}
