//! Notices: who outside is told of emergencies, incidents and stops, at least once each.
//!
//! What is told follows from the log. For each address a file in the folder `notify` of the data
//! folder says up to where the log was told there; it is no truth about anything else, and without
//! it telling begins at the log's end. Nothing waits for this: a receiver that does not answer is
//! tried again, ever more seldom.
//!
//! # Invariants
//!
//! - An event counts as told only once its receiver has said so, so it may be told twice: each
//!   notice has an id that stays the same.
//! - A notice is signed with a secret that only the data folder and its receivers have:
//!   HMAC-SHA-256 over id, time and body, as in Standard Webhooks 1.0.0
//!   (<https://www.standardwebhooks.com>).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluss_core::alarm::{Address, Notify, Topic};
use sluss_core::event::Event;
use sluss_core::ids::Digest;
use sluss_core::units::Millis;
use sluss_ledger::attest::UtcTime;
use sluss_store::{Entropy, Log as _, Sealed};

use crate::engine::Engine;
use crate::reconcile::signal;

/// How often it is looked for what is to be told, at least.
const PERIOD: Duration = Duration::from_secs(5);
/// Events that are read from the log at once.
const PAGE: usize = 500;
/// How soon something is told again that could not be; each further time twice as late.
const AGAIN_MS: i64 = 1_000;
/// How late at most.
const AGAIN_MOST_MS: i64 = 5 * 60 * 1000;
/// Where it is said how far each receiver was told, in the data folder.
pub const FOLDER: &str = "notify";
/// The file with the secret, in that folder.
pub const SECRET: &str = "secret";
/// How a secret begins, as in Standard Webhooks.
const PREFIX: &str = "whsec_";

/// A signed notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Headers, by name.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON object.
    pub body: String,
}

/// Takes notices to where they go.
#[async_trait]
pub trait Courier: Send + Sync + 'static {
    /// Takes `message` to `to`.
    ///
    /// # Errors
    ///
    /// Why it was not taken in there.
    async fn take(&self, to: &Address, message: Message) -> Result<(), String>;
}

/// How far somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Who.
    pub url: String,
    /// The position of the first event that was not told.
    pub position: u64,
    /// Since when it does not work, if it does not.
    pub failing_since: Option<Millis>,
    /// How often it did not work since then.
    pub failures: u32,
    /// Why it did not work the last time.
    pub why: String,
}

/// Tells everybody who is to be told, until Sluss stops. `also` are told besides those whom the
/// organisation names.
pub async fn run(engine: Engine, courier: Arc<dyn Courier>, also: Vec<Address>) {
    let mut changed = engine.changed();
    let mut pauses: BTreeMap<Address, Millis> = BTreeMap::new();
    loop {
        for (to, topics) in receivers(&engine, &also) {
            let now = engine.now();
            if pauses.get(&to).is_some_and(|until| now < *until) {
                continue;
            }
            match tell(&engine, courier.as_ref(), &to, &topics).await {
                Ok(told) if told.failures > 0 => {
                    pauses.insert(to, now.plus(pause_ms(told.failures)));
                }
                Ok(_) => drop(pauses.remove(&to)),
                Err(error) => {
                    tracing::warn!(%to, %error, "how far it was told can't be kept");
                    pauses.insert(to, now.plus(AGAIN_MOST_MS));
                }
            }
        }
        if !signal(&mut changed, PERIOD).await {
            return;
        }
    }
}

/// Returns how long it is waited after so many failures.
fn pause_ms(failures: u32) -> i64 {
    AGAIN_MS.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(AGAIN_MOST_MS)
}

/// Returns everybody who is told now, and of what.
fn receivers(engine: &Engine, also: &[Address]) -> BTreeMap<Address, BTreeSet<Topic>> {
    let mut all: BTreeMap<Address, BTreeSet<Topic>> = BTreeMap::new();
    let state = engine.state();
    let named = state.organisation.iter().flat_map(|known| &known.alarm.notify);
    for Notify { url, on } in named {
        all.entry(url.clone()).or_default().extend(on);
    }
    for url in also {
        all.entry(url.clone()).or_default().extend(Topic::ALL);
    }
    all
}

/// Tells `to` all that it was not told yet, and returns how far that came.
///
/// # Errors
///
/// When that can't be kept, or the log can't be read.
pub async fn tell(
    engine: &Engine,
    courier: &dyn Courier,
    to: &Address,
    topics: &BTreeSet<Topic>,
) -> io::Result<Told> {
    let folder = engine.parts().data.join(FOLDER);
    let mut told = match known(&folder, to)? {
        Some(told) => told,
        None => {
            let position = engine.state().size;
            let url = to.to_string();
            let told = Told { url, position, failing_since: None, failures: 0, why: String::new() };
            keep(&folder, to, &told)?;
            told
        }
    };
    let key = secret(&folder, engine.parts().entropy.as_ref())?;
    loop {
        let end = engine.state().size;
        let read = engine.parts().log.read(told.position, PAGE).await;
        let events = read.map_err(io::Error::other)?;
        // What is appended and not folded yet comes next time.
        let events: Vec<Sealed> = events.into_iter().filter(|one| one.position < end).collect();
        if events.is_empty() {
            return Ok(told);
        }
        for sealed in events {
            let position = sealed.position;
            if let Some(message) = message(engine, &sealed, topics, &key) {
                if let Err(why) = courier.take(to, message).await {
                    tracing::warn!(%to, why, "a notice was not taken in; it is tried again");
                    told.failing_since = told.failing_since.or(Some(engine.now()));
                    told.failures = told.failures.saturating_add(1);
                    told.why = why.chars().take(200).collect();
                    keep(&folder, to, &told)?;
                    return Ok(told);
                }
                (told.failing_since, told.failures) = (None, 0);
                told.position = position + 1;
                told.why.clear();
                keep(&folder, to, &told)?;
            }
            told.position = position + 1;
        }
        keep(&folder, to, &told)?;
    }
}

/// Returns what is told of an event, signed; nothing where nobody is told of it there.
fn message(
    engine: &Engine,
    sealed: &Sealed,
    topics: &BTreeSet<Topic>,
    key: &hmac::Key,
) -> Option<Message> {
    let event = Event::from_parts(&sealed.kind, &sealed.body).ok()?;
    let (notice, origin) = {
        let state = engine.state();
        (
            state.notice(&event).filter(|notice| topics.contains(&notice.topic))?,
            state.origin.clone(),
        )
    };
    let kind = match notice.topic {
        Topic::Emergency => "sluss.emergency",
        Topic::Incident => "sluss.incident",
        Topic::Overdue => "sluss.overdue",
        Topic::Stop => "sluss.stop",
    };
    let id = sealed.hash.to_string();
    let address = format!("{}{}", engine.parts().address, notice.path);
    let timestamp = UtcTime::from_ms(sealed.time.0).map(|time| time.to_string());
    let body = json!({
        "id": id, "type": kind, "timestamp": timestamp,
        "data": {
            "log": origin, "position": sealed.position, "address": address, "notice": notice,
        },
    });
    Some(signed(id, body.to_string(), engine.now(), key))
}

/// Signs a body as Standard Webhooks does.
fn signed(id: String, body: String, now: Millis, key: &hmac::Key) -> Message {
    let seconds = now.second();
    let tag = hmac::sign(key, format!("{id}.{seconds}.{body}").as_bytes());
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(tag.as_ref()))),
    ];
    Message { headers, body }
}

/// Returns the key of the secret in the data folder, which is made where there is none.
fn secret(folder: &Path, entropy: &dyn Entropy) -> io::Result<hmac::Key> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = folder.join(SECRET);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes).map_err(io::Error::other)?;
            let text = format!("{PREFIX}{}\n", STANDARD.encode(bytes));
            let mut options = std::fs::OpenOptions::new();
            let mut made = options.write(true).create_new(true).mode(0o600).open(&file)?;
            made.write_all(text.as_bytes())?;
            made.sync_all()?;
            text
        }
        Err(error) => return Err(error),
    };
    let bytes = text.trim().strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.filter(|bytes| bytes.len() >= 24).ok_or_else(|| {
        let what = format!("{} is no `{PREFIX}` and base64 of 24 bytes or more", file.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn file_of(folder: &Path, to: &Address) -> PathBuf {
    let name = Digest::of(to.to_string().as_bytes());
    folder.join(format!("{name}.json"))
}

/// A file that can't be read as what it should be is an error: it says how far somebody was told.
fn known(folder: &Path, to: &Address) -> io::Result<Option<Told>> {
    match std::fs::read(file_of(folder, to)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn keep(folder: &Path, to: &Address, told: &Told) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(told)?)?;
    file.as_file().sync_all()?;
    file.persist(file_of(folder, to)).map_err(|error| error.error)?;
    Ok(())
}

/// Returns how far everybody was told who ever was, as the data folder at `data` says.
///
/// # Errors
///
/// When it can't be read.
pub fn all_told(data: &Path) -> io::Result<Vec<Told>> {
    let files = match std::fs::read_dir(data.join(FOLDER)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            all.push(serde_json::from_slice(&std::fs::read(path)?)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_signed_as_standard_webhooks_says() {
        // The example of the specification: github.com/standard-webhooks/standard-webhooks.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let now = Millis(1_614_265_330_000);
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned();
        let Message { headers, .. } = signed(id, r#"{"test": 2432232314}"#.to_owned(), now, &key);
        let signature = headers.iter().find(|(name, _)| *name == "webhook-signature").unwrap();
        assert_eq!(signature.1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_fails_is_tried_ever_more_seldom() {
        assert_eq!([1, 2, 3, 9].map(pause_ms), [1_000, 2_000, 4_000, 256_000]);
        assert_eq!([10, 90].map(pause_ms), [AGAIN_MOST_MS; 2]);
    }
}
