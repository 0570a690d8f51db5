//! The log itself: events, leaves, proofs and the checkpoint.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluss_engine::failure::{Blame, Failure};
use sluss_ledger::ActorKind;
use sluss_store::{InclusionError, Log, Sealed, is_stream};

use super::answer::{Answer, Refused, nothing};
use super::words::{PersonView, Words};
use crate::app::App;

/// How many events are listed unless told otherwise, and at most.
const LISTED: usize = 100;
const LISTED_MOST: usize = 1000;
/// How many events are read to find those of a type, at most.
const SEARCHED_MOST: usize = 20_000;

/// On whose account something happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ActorView {
    /// `person`, `agent`, `workload` or `system`.
    pub kind: &'static str,
    /// The person, or for whom the program acted.
    pub person: Option<PersonView>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventView {
    /// Its index in the log, from 0.
    pub position: u64,
    /// When it was appended.
    pub time_ms: i64,
    /// When it happened.
    pub occurred_ms: i64,
    /// The stream it belongs to.
    pub stream: String,
    /// Its number in that, from 0.
    pub seq: u64,
    /// What happened: `deployment.live`.
    #[serde(rename = "type")]
    pub kind: String,
    /// On whose account.
    pub actor: ActorView,
    /// Who said so.
    pub source: String,
    /// The position of the event that led to this one.
    pub cause: Option<u64>,
    /// What else there is to say.
    pub data: Value,
    /// The leaf hash, in hexadecimal.
    pub hash: String,
}

/// Some events, in order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventsView {
    /// How many events the log has.
    pub size: u64,
    /// The events.
    pub events: Vec<EventView>,
    /// Where to go on from; nothing at the end.
    pub next: Option<u64>,
}

/// An event with its leaf.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EntryView {
    /// The event.
    pub event: EventView,
    /// The exact bytes that are hashed, in base64.
    pub leaf_base64: String,
}

/// Which events to list.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    from: Option<u64>,
    limit: Option<usize>,
    stream: Option<String>,
    r#type: Option<String>,
}

pub(super) async fn events(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Answer<EventsView> {
    let limit = which.limit.unwrap_or(LISTED).clamp(1, LISTED_MOST);
    let log = &app.engine.parts().log;
    let size = log.size().await.map_err(Failure::from)?;
    let (found, next) = match &which.stream {
        Some(stream) if !is_stream(stream) => {
            let what = "This is not the name of a stream.";
            let hint = "They are called like `run/run-7`, `access` or `config`";
            return Err(Failure::new(Blame::Caller, what, hint).into());
        }
        Some(stream) => {
            let head = app.engine.state().head(stream);
            let from = which.from.unwrap_or_else(|| head.saturating_sub(limit as u64));
            let found = log.stream(stream, from, limit).await.map_err(Failure::from)?;
            let next = found.last().map(|last| last.seq + 1).filter(|next| *next < head);
            (found, next)
        }
        None => {
            let start = match &which.r#type {
                Some(_) => 0,
                None => size.saturating_sub(limit as u64),
            };
            let from = which.from.unwrap_or(start);
            search(&app, from, limit, which.r#type.as_deref(), size).await?
        }
    };
    let mut words = Words::default();
    for sealed in &found {
        event_view(&mut words, sealed);
    }
    words.look_up(&app).await?;
    let events = found.iter().map(|sealed| event_view(&mut words, sealed)).collect();
    Ok(Json(EventsView { size, events, next }))
}

/// Returns events from `from` on whose type begins with `kind`, and where to go on.
async fn search(
    app: &App,
    from: u64,
    limit: usize,
    kind: Option<&str>,
    size: u64,
) -> Result<(Vec<Sealed>, Option<u64>), Failure> {
    let mut found = Vec::new();
    let mut position = from;
    let end = from.saturating_add(SEARCHED_MOST as u64).min(size);
    while position < end && found.len() < limit {
        let some = app.engine.parts().log.read(position, LISTED_MOST).await?;
        if some.is_empty() {
            break;
        }
        for sealed in some {
            position = sealed.position + 1;
            if kind.is_none_or(|kind| sealed.kind.starts_with(kind)) {
                found.push(sealed);
            }
            if found.len() == limit {
                break;
            }
        }
    }
    Ok((found, Some(position).filter(|next| *next < size)))
}

pub(super) async fn entry(State(app): State<App>, Path(position): Path<u64>) -> Answer<EntryView> {
    let found = app.engine.parts().log.read(position, 1).await.map_err(Failure::from)?;
    let sealed = found.first().ok_or_else(|| nothing(format!("entry {position}")))?;
    let mut words = Words::default();
    event_view(&mut words, sealed);
    words.look_up(&app).await?;
    let event = event_view(&mut words, sealed);
    Ok(Json(EntryView { event, leaf_base64: STANDARD.encode(&sealed.bytes) }))
}

pub(super) async fn proof(
    State(app): State<App>,
    Path(position): Path<u64>,
) -> Result<Response, Refused> {
    let proven = app.engine.parts().log.inclusion(position).await;
    let proven = proven.map_err(|error| match error {
        InclusionError::Absent { .. } => nothing(format!("entry {position}")),
        error => Failure::upstream("The entry's place can't be proven now", &error),
    })?;
    Ok(plain(proven.proof))
}

pub(super) async fn checkpoint(State(app): State<App>) -> Result<Response, Refused> {
    let checkpoint = app.engine.parts().log.checkpoint();
    Ok(plain(checkpoint.ok_or_else(|| nothing("checkpoint yet"))?))
}

pub(super) async fn key(State(app): State<App>) -> Response {
    plain(format!("{}\n", app.engine.parts().log.verifier()))
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn event_view(words: &mut Words, sealed: &Sealed) -> EventView {
    let (kind, reference) = match sealed.actor.kind {
        ActorKind::Person => ("person", Some(sealed.actor.reference)),
        ActorKind::Agent => ("agent", sealed.actor.acts_for),
        ActorKind::Workload => ("workload", None),
        ActorKind::System => ("system", None),
    };
    let who = reference.and_then(|reference| reference.to_string().parse().ok());
    EventView {
        position: sealed.position,
        time_ms: sealed.time.0,
        occurred_ms: sealed.occurred.0,
        stream: sealed.stream.clone(),
        seq: sealed.seq,
        kind: sealed.kind.clone(),
        actor: ActorView { kind, person: who.map(|who| words.person(&who)) },
        source: sealed.source.clone(),
        cause: sealed.cause,
        data: serde_json::from_str(sealed.body.get()).unwrap_or_default(),
        hash: sealed.hash.to_string(),
    }
}
