//! A careful client: keep-alive connections, a time limit on each attempt, and
//! retries under the same key, only of what may not have been done.

use crate::plan::Draw;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// Connections to one or several instances, used in turn.
pub(crate) struct Client {
    instances: Vec<Instance>,
    next: AtomicUsize,
    permits: Semaphore,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
}

struct Instance {
    authority: String,
    idle: Mutex<Vec<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Whether the service says that it failed, whatever the status.
    pub(crate) marked_failed: bool,
    pub(crate) body: Bytes,
}

/// What to send.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(3);
const RETRY_WITHIN: Duration = Duration::from_secs(10);
const BACKOFF_MS: [u64; 3] = [100, 400, 1_600];

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), key: None, body: String::new() }
    }

    pub(crate) fn post(path: impl Into<String>, key: &str, body: String) -> Self {
        Self { method: Method::POST, path: path.into(), key: Some(key.to_owned()), body }
    }
}

impl Reply {
    /// Returns whether the request may be sent again in the hope of better.
    pub(crate) fn failed(&self) -> bool {
        self.status >= 500 || self.marked_failed || matches!(self.status, 408 | 429)
    }

    /// Returns the body as JSON, or null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    pub(crate) fn new(authorities: &[String], connections: usize) -> Self {
        let instance = |authority: &String| Instance {
            authority: authority.clone(),
            idle: Mutex::new(Vec::new()),
        };
        Self {
            instances: authorities.iter().map(instance).collect(),
            next: AtomicUsize::new(0),
            permits: Semaphore::new(connections),
            cuts: watch::Sender::new(0),
        }
    }

    /// Sends `call` up to four times within ten seconds and returns the final
    /// reply; `seen` is told of each attempt, whether it failed.
    pub(crate) async fn send(&self, call: &Call, mut seen: impl FnMut(bool)) -> Option<Reply> {
        let started = Instant::now();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut draw = Draw::new(turn as u64);
        let backoffs = BACKOFF_MS.into_iter().map(Some).chain([None]);
        for (retry, backoff_ms) in backoffs.enumerate() {
            let reply = self.attempt_at(turn + retry, call).await;
            seen(reply.as_ref().is_none_or(Reply::failed));
            if let Some(reply) = reply.filter(|reply| !reply.failed()) {
                return Some(reply);
            }
            let backoff_ms = backoff_ms?;
            let wait = Duration::from_millis(backoff_ms / 2 + draw.below(backoff_ms));
            if started.elapsed() + wait > RETRY_WITHIN {
                return None;
            }
            tokio::time::sleep(wait).await;
        }
        None
    }

    /// Drops every connection, whatever it carries: who waits for an answer gets none.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        for instance in &self.instances {
            instance.idle().clear();
        }
    }

    /// Sends `call` once, to the next instance in turn.
    pub(crate) async fn attempt(&self, call: &Call) -> Option<Reply> {
        self.attempt_at(self.next.fetch_add(1, Ordering::Relaxed), call).await
    }

    async fn attempt_at(&self, turn: usize, call: &Call) -> Option<Reply> {
        let _permit = self.permits.acquire().await.ok()?;
        let instance = &self.instances[turn % self.instances.len()];
        let mut cuts = self.cuts.subscribe();
        tokio::select! {
            reply = timeout(ATTEMPT_PATIENCE, instance.exchange(call)) => reply.ok()?,
            Ok(()) = cuts.changed() => None,
        }
    }
}

impl Instance {
    async fn exchange(&self, call: &Call) -> Option<Reply> {
        // A connection that was closed while idle has not carried the request: hyper
        // gives it back, and it goes on another one.
        let mut request = self.request(call)?;
        loop {
            let mut connection = self.connection().await?;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let reply = read(response).await?;
                    self.idle().push(connection);
                    return Some(reply);
                }
                Err(mut error) => request = error.take_message()?,
            }
        }
    }

    async fn connection(&self) -> Option<Connection> {
        loop {
            let Some(mut connection) = self.idle().pop() else { break };
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
        let stream =
            timeout(CONNECT_PATIENCE, TcpStream::connect(&self.authority)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(driver);
        connection.ready().await.ok()?;
        Some(connection)
    }

    fn request(&self, call: &Call) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header("host", &self.authority);
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        if !call.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(Full::new(Bytes::from(call.body.clone()))).ok()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Option<Reply> {
    let status = response.status().as_u16();
    let marked_failed =
        response.headers().get("sluss-outcome").is_some_and(|outcome| outcome == "failed");
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some(Reply { status, marked_failed, body })
}
