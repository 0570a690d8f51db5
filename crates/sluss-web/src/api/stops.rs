//! The line: stopping it, and letting it run again.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::decide::Command;
use sluss_core::ids::{Digest, StopId};
use sluss_core::state::State as Known;
use sluss_core::stop::{Stop, StopScope};
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::words::{PersonView, Words, view};
use crate::app::App;

/// What is to stand still, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopWanted {
    /// `all`, `product:NAME`, `service:NAME` or `environment:NAME`.
    pub scope: String,
    /// Why.
    pub reason: String,
}

/// Why the line may run again.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftWanted {
    /// Why.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Somebody who agreed that the line may run again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LiftView {
    pub by: PersonView,
    pub at_ms: i64,
    pub reason: Option<String>,
}

/// A stop of the line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StopView {
    pub stop: String,
    /// `all`, `product:NAME`, `service:NAME` or `environment:NAME`.
    pub scope: String,
    /// The scope in words.
    pub words: String,
    pub by: PersonView,
    pub since_ms: i64,
    pub reason: Option<String>,
    /// Who agreed so far that it may run again.
    pub agreed: Vec<LiftView>,
    /// How many more must agree.
    pub still_asks: usize,
    /// Who may.
    pub may_lift: Vec<PersonView>,
    pub lifted_ms: Option<i64>,
}

/// All stops of the line, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StopsView {
    /// Them.
    pub stops: Vec<StopView>,
}

pub(crate) fn stop_view(state: &Known, words: &mut Words, id: StopId, of: &Stop) -> StopView {
    let mut agreed = Vec::new();
    for one in &of.agreed {
        let (by, reason) = (words.person(&one.by), words.text(&one.reason));
        agreed.push(LiftView { by, at_ms: one.at.0, reason });
    }
    StopView {
        stop: id.to_string(),
        scope: of.scope.to_string(),
        words: of.scope.words(),
        by: words.person(&of.by),
        since_ms: of.since.0,
        reason: words.text(&of.reason),
        agreed,
        still_asks: of.still_asks(),
        may_lift: words.people(&state.may_lift(of)),
        lifted_ms: of.lifted.map(|at| at.0),
    }
}

pub(super) async fn all(State(app): State<App>) -> Answer<StopsView> {
    let build = |state: &Known, words: &mut Words| {
        let newest = state.stops.iter().rev();
        let stops = newest.map(|(id, of)| stop_view(state, words, *id, of)).collect();
        Ok(StopsView { stops })
    };
    Ok(Json(view(&app, build).await?))
}

async fn reason(app: &App, text: &str) -> Result<Digest, Failure> {
    app.put_reason(Some(text)).await?.ok_or_else(|| {
        let what = "Stopping the line, and lifting that, needs a reason.";
        Failure::new(Blame::Caller, what, "Say why in a sentence")
    })
}

pub(super) async fn stop(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<StopWanted>,
) -> Answer<DoneView> {
    let scope: StopScope = parse(&wanted.scope)?;
    let reason = reason(&app, &wanted.reason).await?;
    asking.ask(&app, Command::StopLine { scope, reason }).await
}

pub(super) async fn lift(
    State(app): State<App>,
    asking: Asking,
    Path(stop): Path<String>,
    Wanted(wanted): Wanted<LiftWanted>,
) -> Answer<DoneView> {
    let stop: StopId = parse(&stop)?;
    let reason = reason(&app, &wanted.reason).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::LiftStop { stop, reason }, actor).await
}
