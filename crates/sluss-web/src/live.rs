//! `/live`: tells open pages that something happened, and to what, so that they fetch only the
//! fragments that changed.
//!
//! Events are `changed`, with the log's size as id and as data
//! `{"size": 123, "topics": ["run/run-7", "log"]}`; topics are streams. `"*"` stands for more than
//! are worth naming.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use sluss_store::Log;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::app::App;

/// Changes within this time are told together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Asks what stands in front (nginx knows it) to hand an answer on piece by piece.
pub(crate) const AS_IT_COMES: [(&str, &str); 1] = [("x-accel-buffering", "no")];
/// How often something is sent although nothing happened, so that a broken connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are looked through for topics; more are `"*"`.
const LOOKED_THROUGH: usize = 500;

/// Returns the route.
pub fn router() -> Router<App> {
    Router::new().route("/live", get(live))
}

#[derive(Deserialize)]
struct Since {
    since: Option<u64>,
}

#[derive(Serialize)]
struct Changed {
    size: u64,
    topics: BTreeSet<String>,
}

struct Watch {
    app: App,
    grown: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    told: u64,
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

async fn live(
    State(app): State<App>,
    Query(Since { since }): Query<Since>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = app.shared.watchers.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many are watching.\n").into_response();
    };
    let grown = app.engine.changed();
    let now = *grown.borrow();
    // After a broken connection the browser says what it heard last.
    let heard = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let told = heard.or(since).unwrap_or(now).min(now);
    let stopping = app.shared.stopping.subscribe();
    let ready = VecDeque::from([Event::default().retry(Duration::from_secs(2)).comment("hello")]);
    let watch = Watch { app, grown, stopping, told, ready, _permit: permit };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    (AS_IT_COMES, events).into_response()
}

impl Watch {
    /// Waits for something to tell; nothing once the server stops.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        loop {
            let told = self.told;
            tokio::select! {
                stopped = self.stopping.wait_for(|stopping| *stopping) => {
                    drop(stopped);
                    return None;
                }
                grown = self.grown.wait_for(|size| *size > told) => {
                    grown.ok()?;
                }
            }
            tokio::time::sleep(TOGETHER).await;
            let size = *self.grown.borrow_and_update();
            let topics = self.topics(size).await;
            self.told = size;
            let changed = Changed { size, topics };
            let event = Event::default().event("changed").id(size.to_string());
            if let Ok(event) = event.json_data(changed) {
                return Some(event);
            }
        }
    }

    async fn topics(&self, size: u64) -> BTreeSet<String> {
        let many = BTreeSet::from(["*".to_owned()]);
        let count = usize::try_from(size.saturating_sub(self.told)).unwrap_or(usize::MAX);
        if count > LOOKED_THROUGH {
            return many;
        }
        match self.app.engine.parts().log.read(self.told, count).await {
            Ok(events) => events.into_iter().map(|event| event.stream).collect(),
            Err(_) => many,
        }
    }
}
