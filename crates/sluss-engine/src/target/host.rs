//! The target on this machine: `sluss host`, called over the Unix socket in its data folder.
//!
//! # Invariants
//!
//! - Each request has a connection of its own and an end to its patience, so a host that hangs or
//!   restarts costs one answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sluss_core::target::{Applied, CounterRow, Desired, JournalRow, RouteKey, RouteStatus};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Target, TargetError};

/// The client of a host.
#[derive(Debug, Clone)]
pub struct HostTarget {
    data: PathBuf,
}

impl HostTarget {
    /// Returns the client of the host whose data folder is `data`. The host need not run yet.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into() }
    }

    /// Returns the data folder of the host.
    pub fn data(&self) -> &Path {
        &self.data
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, TargetError> {
        let asked = timeout(PATIENCE, self.exchange(method, path, body));
        let (status, answer) =
            asked.await.map_err(unreachable)?.map_err(TargetError::Unreachable)?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&answer).map_err(unreachable);
        }
        let refusal: Refusal = serde_json::from_slice(&answer).map_err(unreachable)?;
        if status.is_server_error() || status == StatusCode::UNAUTHORIZED {
            // The machine's trouble, or a folder that was made anew: it may be over next time.
            return Err(unreachable(format!("{}; {}", refusal.what, refusal.hint)));
        }
        Err(TargetError::Refused { what: refusal.what, hint: refusal.hint })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        // Read each time: the host makes it when it first starts, which may be after us.
        let token = tokio::fs::read_to_string(self.data.join("token")).await?;
        let stream = UnixStream::connect(self.data.join("host.sock")).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "sluss-host")
            .header(AUTHORIZATION, format!("Bearer {}", token.trim()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answered = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await?;
            Ok((status, body.to_bytes()))
        };
        tokio::pin!(answered);
        tokio::select! {
            answer = &mut answered => answer,
            broke = connection => {
                broke?;
                answered.await
            }
        }
    }
}

#[async_trait]
impl Target for HostTarget {
    async fn apply(&self, desired: &Desired) -> Result<Applied, TargetError> {
        self.ask(Method::PUT, "/routes", json(desired)?).await
    }

    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError> {
        self.ask(Method::GET, "/status", Vec::new()).await
    }

    async fn counters(&self, key: &RouteKey, after: i64) -> Result<Vec<CounterRow>, TargetError> {
        let RouteKey { service, environment } = key;
        let path = format!("/counters?service={service}&environment={environment}&after={after}");
        self.ask(Method::GET, &path, Vec::new()).await
    }

    async fn renew(&self, key: &RouteKey, generation: u64) -> Result<Applied, TargetError> {
        self.ask(Method::POST, "/lease", json(&Renewal { key, generation })?).await
    }

    async fn journal(&self, after: u64) -> Result<Vec<JournalRow>, TargetError> {
        self.ask(Method::GET, &format!("/journal?after={after}"), Vec::new()).await
    }
}

#[derive(Debug, Serialize)]
struct Renewal<'a> {
    key: &'a RouteKey,
    generation: u64,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    what: String,
    hint: String,
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, TargetError> {
    serde_json::to_vec(value).map_err(|error| TargetError::Refused {
        what: format!("the request cannot be written as JSON: {error}"),
        hint: "this is a bug; report it with this text".to_owned(),
    })
}

fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TargetError {
    TargetError::Unreachable(error.into())
}

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 64 << 20;
