//! The log as a seam: append under preconditions, read in order, wake when it grows.
//!
//! # Invariants
//!
//! - Positions count 0, 1, 2, … without a gap; so do the numbers within each stream.
//! - What `append` answered with is durable.
//!
//! Not here: any implementation.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::value::RawValue;
use sluss_core::units::Millis;
use sluss_ledger::{Actor, Hash, Ref, Subject};
use tokio::sync::watch;

/// An event as someone wants it recorded: the log adds position, time, number and hashes.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The stream it belongs to: `change/chg-7`, `env/production`, `access`, …
    pub stream: String,
    /// What happened: `step.started`.
    pub kind: String,
    /// When it happened, where that is not when it is recorded.
    pub occurred: Option<Millis>,
    /// Who says so: the URI of a component or an outside system.
    pub source: String,
    /// On whose account it happened.
    pub actor: Actor,
    /// The position of the event that led to this one.
    pub cause: Option<u64>,
    /// What it is about, by digest.
    pub subject: Vec<Subject>,
    /// Leaves of other streams that it rests on.
    pub refs: Vec<Ref>,
    /// The attestation that it rests on, which becomes the leaf before it.
    pub attestation: Option<Attestation>,
    /// What else there is to say: one strict JSON object.
    pub body: Box<RawValue>,
}

/// An attestation as a leaf of its own.
#[derive(Debug, Clone)]
pub struct Attestation {
    /// The leaf: the exact bytes that are hashed.
    pub leaf: Vec<u8>,
    /// SHA-256 of what was signed.
    pub pae: Hash,
    /// Type of the statement's predicate, a URI.
    pub predicate: String,
}

/// The stream that leaves which are attestations are numbered in; no event is in it.
pub const ATTESTATIONS: &str = "attestations";
/// What kind of row such a leaf is.
pub const ATTESTATION: &str = "attestation";

impl Draft {
    /// Returns a draft without cause, subject or references, said by `sluss`.
    ///
    /// # Errors
    ///
    /// Where `body` cannot be written as JSON.
    pub fn new(
        stream: impl Into<String>,
        kind: impl Into<String>,
        actor: Actor,
        body: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            stream: stream.into(),
            kind: kind.into(),
            occurred: None,
            source: "sluss".to_owned(),
            actor,
            cause: None,
            subject: Vec::new(),
            refs: Vec::new(),
            attestation: None,
            body: serde_json::value::to_raw_value(body)?,
        })
    }

    /// Returns the draft with the position of the event that led to it.
    #[must_use]
    pub fn caused_by(self, position: u64) -> Self {
        Self { cause: Some(position), ..self }
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its index in the log, from 0.
    pub position: u64,
    /// When it was appended; never before the event at the position before.
    pub time: Millis,
    /// Its number in its stream, from 0.
    pub seq: u64,
    /// The stream it belongs to.
    pub stream: String,
    /// What happened: `step.started`.
    pub kind: String,
    /// When it happened, as its source says; `time` where it said nothing.
    pub occurred: Millis,
    /// Who said so.
    pub source: String,
    /// On whose account it happened.
    pub actor: Actor,
    /// The position of the event that led to this one.
    pub cause: Option<u64>,
    /// [`command_digest`] of the command key it was appended under.
    pub command_key: Option<String>,
    /// What it is about, by digest.
    pub subject: Vec<Subject>,
    /// What else there is to say: one JSON object.
    pub body: Box<RawValue>,
    /// The leaf: the exact bytes that are hashed.
    pub bytes: Arc<[u8]>,
    /// The leaf hash, `SHA-256(0x00 ‖ bytes)`.
    pub hash: Hash,
}

/// What an append led to.
#[derive(Debug, Clone)]
#[must_use]
pub enum Appended {
    /// The drafts are in the log now.
    New(Vec<Sealed>),
    /// The command was appended before, as these events; nothing was added.
    Repeated(Vec<Sealed>),
}

impl Appended {
    /// Returns the command's events, whenever they were appended.
    pub fn events(&self) -> &[Sealed] {
        match self {
            Self::New(events) | Self::Repeated(events) => events,
        }
    }

    /// Returns the command's events, whenever they were appended.
    pub fn into_events(self) -> Vec<Sealed> {
        match self {
            Self::New(events) | Self::Repeated(events) => events,
        }
    }
}

/// Why nothing was appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Another writer was there first: read the stream again, and decide again.
    #[error("`{stream}` has moved: expected its next number to be {expected}, it is {found}")]
    Moved {
        /// Which stream.
        stream: String,
        /// The next number that the caller decided from.
        expected: u64,
        /// The next number that the stream has.
        found: u64,
    },
    /// The draft at `index` can never be appended as it is.
    #[error("draft {index} (`{kind}` on `{stream}`) is refused")]
    Refused {
        /// Which of the drafts.
        index: usize,
        /// Its stream.
        stream: String,
        /// Its kind.
        kind: String,
        /// What is wrong with it.
        #[source]
        why: Refusal,
    },
    /// The disk is full: nothing was recorded, and it can be tried again when there is space.
    #[error("the log's disk is full: {reason}")]
    Full {
        /// What the database said.
        reason: String,
    },
    /// The log cannot be written now: nothing is known to be recorded. A command key makes
    /// trying again safe.
    #[error("the log cannot be written now: {reason}")]
    Unavailable {
        /// What the database said.
        reason: String,
    },
}

/// What is wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stream's name is none of those that [`is_stream`] takes.
    #[error("it is not a stream's name")]
    Stream,
    /// The kind is not words of `a-z`, `0-9` and `_` with dots between.
    #[error("it is not the kind of an event, such as `step.started`")]
    Kind,
    /// The ledger does not seal it: too large, not strict JSON, …
    #[error("{0}")]
    Unsealable(String),
    /// It would be caused by an event that does not exist.
    #[error("its cause, leaf {cause}, is not in the log")]
    Cause {
        /// The position given.
        cause: u64,
    },
    /// More drafts at once than one commit takes.
    #[error("one append takes at most {limit} drafts, not {found}")]
    TooMany {
        /// Drafts given.
        found: usize,
        /// Drafts allowed.
        limit: usize,
    },
    /// The command key is empty or longer than 512 bytes.
    #[error("a command key has 1 to 512 bytes, not {found}")]
    CommandKey {
        /// Bytes given.
        found: usize,
    },
}

/// Why the log cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// A row is not what was written: run `sluss log verify`.
    #[error("leaf {position} is corrupt: {what}")]
    Corrupt {
        /// Its position.
        position: u64,
        /// What does not fit.
        what: String,
    },
    /// The database does not answer.
    #[error("the log cannot be read now: {reason}")]
    Unavailable {
        /// What the database said.
        reason: String,
    },
}

/// The one log: everything that happened, in order.
#[async_trait]
pub trait Log: Send + Sync {
    /// Appends `drafts`, all of them or none, provided that the next number of each stream in
    /// `preconditions` is still the one given there. They stand next to each other in the log.
    ///
    /// A `command_key` (any text of 1 to 512 bytes) makes a repeated command answer with the
    /// events of the first time, whatever its drafts and preconditions are now.
    async fn append(
        &self,
        preconditions: &[(String, u64)],
        drafts: Vec<Draft>,
        command_key: Option<&str>,
    ) -> Result<Appended, AppendError>;

    /// Returns up to `limit` events from position `from` on, in order.
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Sealed>, ReadError>;

    /// Returns up to `limit` events of `stream` from number `from_seq` on, in order.
    async fn stream(
        &self,
        stream: &str,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Sealed>, ReadError>;

    /// Returns the events that were appended under this command key; none if it is new.
    async fn command(&self, key: &str) -> Result<Vec<Sealed>, ReadError>;

    /// Returns how many events the log has.
    async fn size(&self) -> Result<u64, ReadError>;

    /// Returns a watch on how many events the log durably has.
    fn subscribe(&self) -> watch::Receiver<u64>;

    /// Tells whether the wall clock has left the monotonic clock by more than a minute, and has
    /// neither come back nor been confirmed since. Forward gates stay shut meanwhile.
    fn clock_jumped(&self) -> bool;

    /// Takes the wall clock as right from now on, because a person says so.
    fn confirm_clock(&self);
}

/// Returns how a command key stands in a leaf: SHA-256, in lower-case hexadecimal. Keys may be
/// made from anything, so leaves do not hold them as they are.
pub fn command_digest(key: &str) -> String {
    Hash::sha256(key.as_bytes()).to_string()
}

/// Tells whether `kind` can be the kind of an event, such as `step.started`.
pub(crate) fn is_kind(kind: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    kind.len() <= 100
        && kind.contains('.')
        && kind.split('.').all(|word| !word.is_empty() && word.bytes().all(plain))
}

/// Tells whether `name` can name a stream, such as `access`, `run/run-7` or `env/production`:
/// parts between `/`, none empty nor of dots alone, of `a-z`, `0-9`, `-`, `_` and `.`, with at
/// most 200 bytes in all.
pub fn is_stream(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    name.len() <= 200
        && name.split('/').all(|part| {
            !part.is_empty() && part.bytes().all(plain) && part.bytes().any(|c| c != b'.')
        })
}
