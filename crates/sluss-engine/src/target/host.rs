//! The target on this machine: `sluss host`, called over the Unix socket in its data folder.
//!
//! # Invariants
//!
//! - Each request has a connection of its own and an end to its patience, so a host that hangs or
//!   restarts costs one answer.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sluss_core::target::{Applied, CounterRow, Desired, JournalRow, RouteKey, RouteStatus};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, TargetError> {
        if body.len() > LARGEST_REQUEST {
            return Err(TargetError::Refused {
                what: format!("what is wanted is longer than {LARGEST_REQUEST} bytes"),
                hint: "look for what makes the environment or the secrets so long".to_owned(),
            });
        }
        let asked = timeout(PATIENCE, self.exchange(method, path, &body)).await;
        let answer = asked.map_err(unreachable)?.map_err(unreachable)?;
        let (status, body) = read_answer(&answer).map_err(unreachable)?;
        if status == 200 {
            return serde_json::from_slice(body).map_err(unreachable);
        }
        let refusal: Refusal = serde_json::from_slice(body).map_err(unreachable)?;
        if status >= 500 || status == 401 {
            // The machine's trouble, or a folder that was made anew: it may be over next time.
            return Err(unreachable(format!("{}; {}", refusal.what, refusal.hint)));
        }
        Err(TargetError::Refused { what: refusal.what, hint: refusal.hint })
    }

    /// Sends a request and returns all that comes back until the host closes the connection.
    async fn exchange(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        // Read each time: the host makes it when it first starts, which may be after us.
        let token = tokio::fs::read_to_string(self.data.join("token")).await?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sluss-host\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            token.trim(),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let mut stream = UnixStream::connect(self.data.join("host.sock")).await?;
        stream.write_all(&request).await?;
        let mut answer = Vec::new();
        stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// Returns status and body of a whole answer. A host always says how long its body is.
fn read_answer(answer: &[u8]) -> Result<(u16, &[u8]), Box<dyn Error + Send + Sync>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or("the host ended before it had answered")?;
    let (head, body) = (std::str::from_utf8(&answer[..end])?, &answer[end + 4..]);
    let status = head.split(' ').nth(1).ok_or("the answer has no status")?.parse()?;
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.ok_or("the answer does not say how long it is")?.1.trim().parse()?;
    if body.len() != length {
        return Err(format!("{} of {length} bytes of the answer came", body.len()).into());
    }
    Ok((status, body))
}

#[async_trait]
impl Target for HostTarget {
    async fn apply(&self, desired: &Desired) -> Result<Applied, TargetError> {
        self.ask("PUT", "/routes", json(desired)?).await
    }

    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError> {
        self.ask("GET", "/status", Vec::new()).await
    }

    async fn counters(&self, key: &RouteKey, after: i64) -> Result<Vec<CounterRow>, TargetError> {
        let RouteKey { service, environment } = key;
        let path = format!("/counters?service={service}&environment={environment}&after={after}");
        self.ask("GET", &path, Vec::new()).await
    }

    async fn renew(&self, key: &RouteKey, generation: u64) -> Result<Applied, TargetError> {
        self.ask("POST", "/lease", json(&Renewal { key, generation })?).await
    }

    async fn journal(&self, after: u64) -> Result<Vec<JournalRow>, TargetError> {
        self.ask("GET", &format!("/journal?after={after}"), Vec::new()).await
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

fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> TargetError {
    TargetError::Unreachable(error.into())
}

const PATIENCE: Duration = Duration::from_secs(5);
/// What the host takes.
const LARGEST_REQUEST: usize = 4 << 20;
const LARGEST_ANSWER: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_is_an_answer() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
        assert_eq!(read_answer(whole).unwrap(), (200, &b"[]"[..]));
        for short in 0..whole.len() {
            assert!(read_answer(&whole[..short]).is_err(), "{short} bytes");
        }
    }

    #[tokio::test]
    async fn a_host_that_does_not_run_is_unreachable() {
        let folder = tempfile::tempdir().unwrap();
        let target = HostTarget::new(folder.path());
        assert!(matches!(target.status().await, Err(TargetError::Unreachable(_))));
    }
}
