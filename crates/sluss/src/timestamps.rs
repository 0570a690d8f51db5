//! A time-stamping authority (RFC 3161): it says once an hour that it saw the log's checkpoint, so
//! that nobody can make a history of before later on.
//!
//! What it stamped is kept in the data folder, `timestamped/<size>` with `<size>.tsr` beside it; a
//! leaf of the log that says so would only make for another checkpoint.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sluss_engine::engine::Engine;
use sluss_engine::evidence::outside::{Authority, stamp};
use sluss_engine::failure::{Blame, Failure};
use sluss_ledger::timestamp::{MAX_BYTES, QUERY};

/// How often a checkpoint is stamped.
const EVERY: Duration = Duration::from_secs(3_600);
/// How soon it is tried again after that failed.
const AGAIN: Duration = Duration::from_secs(60);
/// How soon there is a first checkpoint.
const FIRST: Duration = Duration::from_secs(2);
/// How long the authority may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where stamped checkpoints are, in the data folder.
const FOLDER: &str = "timestamped";

/// Where an authority is, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityAt {
    /// Its address.
    pub url: String,
    /// The file with the certificates under which it stands.
    pub certificates: std::path::PathBuf,
}

/// An authority that is asked over HTTP.
#[derive(Debug)]
struct Http {
    url: String,
    certificates: String,
}

#[async_trait]
impl Authority for Http {
    async fn ask(&self, request: Vec<u8>) -> Result<Vec<u8>, String> {
        let url = self.url.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let agent = crate::http::client(PATIENCE).build().new_agent();
            let asked = agent.post(&url).header("content-type", QUERY).send(&request[..]);
            let mut answer = asked.map_err(|error| error.to_string())?;
            let body = answer.body_mut().with_config().limit(MAX_BYTES as u64);
            body.read_to_vec().map_err(|error| error.to_string())
        });
        asked.await.map_err(|error| error.to_string())?
    }

    fn certificates(&self) -> &str {
        &self.certificates
    }
}

/// Returns the authority that is given, or else the one in the file `timestamps` of the data
/// folder, whose certificates are in `tsa.pem` beside it.
///
/// # Errors
///
/// [`Failure`]: its address is none, or its certificates can't be read.
pub fn authority(
    data: &Path,
    given: Option<AuthorityAt>,
) -> Result<Option<Arc<dyn Authority>>, Failure> {
    let hint = "Give both: `--timestamps URL --timestamp-ca FILE`, the certificates in PEM";
    let refuse = |what: String| Failure::new(Blame::Caller, what, hint);
    let found = match (given, std::fs::read_to_string(data.join("timestamps"))) {
        (Some(given), _) => given,
        (None, Ok(url)) => {
            AuthorityAt { url: url.trim().to_owned(), certificates: data.join("tsa.pem") }
        }
        (None, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        (None, Err(error)) => return Err(refuse(format!("`timestamps` can't be read: {error}"))),
    };
    // Without TLS, too: tokens are signed, so whoever is in between can make them fail, no more.
    if !["http://", "https://"].iter().any(|scheme| found.url.starts_with(scheme)) {
        let what = format!("{:?} is no address that begins with https:// or http://.", found.url);
        return Err(refuse(what));
    }
    let file = found.certificates.display();
    let certificates = std::fs::read_to_string(&found.certificates);
    let certificates = certificates.map_err(|error| refuse(format!("{file}: {error}")))?;
    if !sluss_ledger::timestamp::are_certificates(certificates.as_bytes()) {
        return Err(refuse(format!("{file} has no certificates that can be read.")));
    }
    Ok(Some(Arc::new(Http { url: found.url, certificates })))
}

/// Has a checkpoint stamped every hour, until Sluss ends.
pub async fn keep(engine: Engine) {
    let mut pause = FIRST;
    let mut troubled = false;
    loop {
        tokio::time::sleep(pause).await;
        pause = match once(&engine).await {
            Ok(()) => {
                troubled = false;
                EVERY
            }
            // Once for each trouble, not every minute.
            Err(what) => {
                if !std::mem::replace(&mut troubled, true) {
                    tracing::warn!("no time-stamp: {what}");
                }
                AGAIN
            }
        };
    }
}

async fn once(engine: &Engine) -> Result<(), String> {
    let checkpoint = engine.parts().log.checkpoint().ok_or("there is no checkpoint yet")?;
    let size = checkpoint.lines().nth(1).unwrap_or_default().to_owned();
    let stamped = stamp(engine, checkpoint.as_bytes()).await?;
    let Some((answer, _)) = stamped else { return Ok(()) };
    let folder = engine.parts().data.join(FOLDER);
    let kept = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(&size), checkpoint))
        .and_then(|()| std::fs::write(folder.join(format!("{size}.tsr")), answer));
    kept.map_err(|error| format!("{}: {error}", folder.display()))
}
