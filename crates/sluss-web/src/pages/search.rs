//! Finding something: one find opens at once, several are listed.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use sluss_core::state::State as Known;
use sluss_insight::where_is;

use super::board::{Row, row_view};
use super::frame::{Asked, Frame, OrFail, Page, render};
use super::link;
use crate::api::words::{Words, view};
use crate::app::App;

#[derive(Debug, Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    sought: String,
    rows: Vec<Row>,
}

pub(super) async fn page(
    State(app): State<App>,
    Query(Sought { q }): Query<Sought>,
    asked: Asked,
) -> Page {
    let sought = q.trim().to_owned();
    if let Some(address) = link::of_id(&sought) {
        return Ok(Redirect::to(&address).into_response());
    }
    if let Ok(position) = sought.parse::<u64>() {
        return Ok(Redirect::to(&link::entry(position)).into_response());
    }
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let found = where_is(state, &sought, now);
        Ok(found.iter().map(|found| row_view(state, words, &found.row, now)).collect::<Vec<_>>())
    };
    let rows = view(&app, build).await.or_fail(&app, &asked)?;
    if let [only] = rows.as_slice() {
        return Ok(Redirect::to(&only.address).into_response());
    }
    let mut frame = Frame::new(&app, &asked, "Find").explain(link::LOG);
    if !sought.is_empty() && !rows.is_empty() {
        frame = frame.twin(format!("where/{}", link::in_query(&sought)));
    }
    Ok(render(&SearchPage { frame, sought, rows }))
}
