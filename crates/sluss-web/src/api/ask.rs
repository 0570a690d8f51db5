//! What the API is asked to do: by whom, once, and with which body.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluss_core::aside::{PutAside, Unwritable};
use sluss_core::decide::{Actor, Command};
use sluss_core::event::RefusedWhy;
use sluss_engine::engine::Done;
use sluss_engine::failure::{Blame, Failure};

use super::answer::Refused;
use crate::app::{App, body_of};
use crate::auth::Caller;
use crate::forms::act_of;

/// Longest key that makes a repeated request mean the same as one, in bytes.
const KEY_LONGEST: usize = 200;

/// Somebody who asks for something, and the key that makes it happen once.
pub(super) struct Asking {
    pub(super) caller: Caller,
    key: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DoneView {
    /// How many events the log has after it.
    pub size: u64,
    /// What happened by it, without what followed by itself.
    pub events: Vec<HappenedView>,
    /// What was put aside instead, since the log can't be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_aside: Option<PutAsideView>,
}

/// A rollback that was put aside while the log could not be written. It is in force, and is taken
/// into the log once that can be written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PutAsideView {
    /// Counts what is put aside at one time, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub written_ms: i64,
    /// Since when the log could not be written.
    pub since_ms: i64,
    /// `full` or `unavailable`.
    pub why: String,
    /// The service that was taken back.
    pub service: String,
    /// Where.
    pub environment: String,
    /// The deployment that was taken back.
    pub deployment: String,
    /// What has all traffic instead.
    pub to: String,
    /// Who asked for it.
    pub by: String,
}

pub(super) fn put_aside_view(record: PutAside) -> PutAsideView {
    let why = match record.why {
        Unwritable::Full => "full",
        Unwritable::Unavailable => "unavailable",
    };
    PutAsideView {
        number: record.number,
        written_ms: record.written.0,
        since_ms: record.since.0,
        why: why.to_owned(),
        service: record.service.to_string(),
        environment: record.environment.to_string(),
        deployment: record.deployment.to_string(),
        to: record.to.to_string(),
        by: record.by.to_string(),
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HappenedView {
    /// Which stream it belongs to.
    pub stream: String,
    /// What happened: `freeze.set`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What else there is to say.
    pub data: Value,
}

impl FromRequestParts<App> for Asking {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Refused> {
        let caller = caller_of(parts)?;
        let key = parts.headers.get("idempotency-key");
        let key = key
            .map(|key| match key.to_str() {
                Ok(key) if (1..=KEY_LONGEST).contains(&key.len()) => {
                    Ok(format!("api/{}/{key}", caller.who))
                }
                Ok(_) | Err(_) => Err(Failure::new(
                    Blame::Caller,
                    format!("An `Idempotency-Key` is a text of 1 to {KEY_LONGEST} bytes."),
                    "Send a shorter one, or none",
                )),
            })
            .transpose()?;
        Ok(Self { caller, key })
    }
}

fn caller_of(parts: &Parts) -> Result<Caller, Refused> {
    let caller = parts.extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| {
        let what = "BUG: a handler was reached that nobody may reach without having signed in.";
        Refused(Failure::new(Blame::Bug, what, "Please report this"))
    })
}

impl Asking {
    /// Asks the engine.
    pub(super) async fn ask(&self, app: &App, command: Command) -> Result<Json<DoneView>, Refused> {
        self.ask_as(app, command, self.caller.actor()).await
    }

    pub(super) async fn ask_as(
        &self,
        app: &App,
        command: Command,
        actor: Actor,
    ) -> Result<Json<DoneView>, Refused> {
        let done = app.engine.command(command, actor, self.key.clone()).await?;
        Ok(Json(done_view(done)))
    }

    /// Asks for something that comes before what the key belongs to.
    pub(super) async fn ask_unkeyed(
        &self,
        app: &App,
        command: Command,
        actor: Actor,
    ) -> Result<Json<DoneView>, Refused> {
        let done = app.engine.command(command, actor, None).await?;
        Ok(Json(done_view(done)))
    }
}

fn done_view(done: Done) -> DoneView {
    let happened = |event: sluss_core::event::Event| {
        let (kind, data) = event.to_parts();
        let data = serde_json::from_str(data.get()).unwrap_or_default();
        HappenedView { stream: event.stream().to_string(), kind, data }
    };
    let put_aside = done.put_aside.map(put_aside_view);
    DoneView { size: done.size, events: done.events.into_iter().map(happened).collect(), put_aside }
}

/// The JSON body of a request; one without a body stands for `{}`. What is no such JSON is
/// refused and recorded.
pub(super) struct Wanted<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Wanted<T> {
    type Rejection = Refused;
    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let act = act_of(&request);
        let caller = request.extensions().get::<Caller>().cloned();
        let failure = match read(request).await {
            Ok(wanted) => return Ok(Self(wanted)),
            Err(failure) => failure,
        };
        if let Some(caller) = caller {
            app.record_denied(caller.actor(), &act, RefusedWhy::ForgedForm).await;
        }
        Err(Refused(failure))
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    let hint = "See what is expected: `/api/v1/openapi.json`";
    let body = body_of(request).await?;
    let text = if body.is_empty() { b"{}".as_slice() } else { body.as_ref() };
    serde_json::from_slice(text).map_err(|error| {
        Failure::new(Blame::Caller, format!("The body is not as expected: {error}."), hint)
    })
}
