//! The line: the button that stops it, what is stopped, and who lets it run again.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::decide::Command;
use sluss_core::ids::StopId;
use sluss_core::state::State as Known;
use sluss_core::stop::{Stop, StopScope};
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::acts::answer;
use super::frame::{Asked, parse};
use super::html::{self, Html, Tone};
use super::{freezes, link};
use crate::api::stops::{StopView, stop_view};
use crate::api::words::{PersonView, Words, view};
use crate::app::App;
use crate::forms::Form;

/// How many stops are listed.
const LISTED: usize = 20;

/// What can be stopped.
pub(super) struct ScopeOption {
    pub(super) value: String,
    pub(super) shown: String,
}

/// A stop, as a row.
pub(super) struct StopRow {
    pub(super) id: String,
    pub(super) state: Html,
    pub(super) what: Html,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) since: Html,
    /// Who agreed, and why.
    pub(super) agreed: Vec<(String, String)>,
    pub(super) asks: String,
    pub(super) lifted: Option<Html>,
    pub(super) on: bool,
    /// Whether who looks may agree.
    pub(super) mine: bool,
}

/// Returns all that can be stopped, the most first.
pub(super) fn scopes(state: &Known) -> Vec<ScopeOption> {
    let option = |value: String, shown: String| ScopeOption { value, shown };
    let products = state.organisation.iter().flat_map(|known| known.products.keys());
    let mut all = vec![option(StopScope::All.to_string(), "everything".to_owned())];
    all.extend(products.map(|name| option(format!("product:{name}"), format!("product {name}"))));
    let services = freezes::services(state).into_iter();
    all.extend(services.map(|name| option(format!("service:{name}"), format!("service {name}"))));
    let places = freezes::environments(state).into_iter();
    let place = |name| option(format!("environment:{name}"), format!("environment {name}"));
    all.extend(places.map(place));
    all
}

/// Returns the stops, newest first.
pub(super) async fn rows(app: &App, asked: &Asked) -> Result<Vec<StopRow>, Failure> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let newest = state.stops.iter().rev().take(LISTED);
        let row = |(id, stop): (&StopId, &Stop)| {
            let mine = asked.who().is_some_and(|who| state.may_lift(stop).contains(who));
            row(stop_view(state, words, *id, stop), mine, now)
        };
        Ok(newest.map(row).collect())
    };
    view(app, build).await
}

fn row(stop: StopView, mine: bool, now: Millis) -> StopRow {
    let gone = |text: Option<String>| text.unwrap_or_else(|| "(the reason is gone)".to_owned());
    let names = |people: &[PersonView]| {
        people.iter().map(|who| who.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let asks = match (stop.still_asks, stop.may_lift.len()) {
        (asked, there) if there < asked => format!(
            "It takes {asked} more who may decide, and {there} are there: name more in the \
             platform repository, whose changes a stop does not hold."
        ),
        (asked, _) => format!("It takes {asked} more of {}.", names(&stop.may_lift)),
    };
    let on = stop.lifted_ms.is_none();
    StopRow {
        state: match on {
            true => html::toned(Tone::Bad, "stopped"),
            false => html::toned(Tone::Quiet, "lifted"),
        },
        what: html::sentence(&stop.words),
        reason: gone(stop.reason),
        by: stop.by.name,
        since: html::clock(Millis(stop.since_ms), now),
        agreed: stop.agreed.into_iter().map(|one| (one.by.name, gone(one.reason))).collect(),
        asks,
        lifted: stop.lifted_ms.map(|at| html::clock(Millis(at), now)),
        on,
        mine,
        id: stop.stop,
    }
}

#[derive(Deserialize)]
pub(super) struct StopFields {
    scope: String,
    reason: String,
}

pub(super) async fn stop(State(app): State<App>, form: Form<StopFields>) -> Response {
    let done = async {
        let scope: StopScope = parse(&form.fields.scope)?;
        let reason = reason(&app, &form.fields.reason).await?;
        form.ask(&app, Command::StopLine { scope, reason }).await?;
        Ok(link::STOPS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct LiftFields {
    reason: String,
    password: String,
}

pub(super) async fn lift(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<LiftFields>,
) -> Response {
    let done = async {
        let stop: StopId = parse(&id)?;
        let reason = reason(&app, &form.fields.reason).await?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::LiftStop { stop, reason }, password).await?;
        Ok(link::STOPS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

async fn reason(app: &App, text: &str) -> Result<sluss_core::ids::Digest, Failure> {
    app.put_reason(Some(text)).await?.ok_or_else(|| {
        let what = "Stopping the line, and lifting that, needs a reason.";
        Failure::new(Blame::Caller, what, "Say why in a sentence")
    })
}
