//! The event envelope, version 1: what every event leaf says beside its own data.
//!
//! # Invariants
//!
//! - [`Envelope::seal`] writes one sequence of bytes for one envelope: fixed key order, no
//!   whitespace. Those bytes are the leaf; what is read from it never replaces it.
//! - [`Envelope::open`] accepts only bytes that `seal` would write: unknown, missing, reordered
//!   or differently spelt keys are refused. `data` stays the JSON text that was written.
//!
//! Not here: what the data of each type of event means, and whether numbers and previous hashes
//! follow one another (see [`crate::audit`]).

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hash::Hash;
use crate::leaf::{LeafKind, LintError, lint_leaf};

/// One event as it stands in the log.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Stream that the event is in, such as `release/r-2041`.
    pub stream: String,
    /// Zero-based number of the event in its stream.
    pub seq: u64,
    /// Leaf hash of the stream's previous event; [`Hash::ZERO`] at `seq` 0.
    pub prev: Hash,
    /// What happened, such as `approval.granted`; `type` in JSON.
    pub kind: String,
    /// When the log took it, in milliseconds since 1970 (UTC); never below the leaf before.
    pub time_ms: i64,
    /// Identifier of the event, a UUID.
    pub id: String,
    /// When it happened, in milliseconds since 1970 (UTC), as its source says.
    pub occurred_ms: i64,
    /// URI of who reported it.
    pub source: String,
    /// Index of the leaf that led to this one.
    pub cause: Option<u64>,
    /// Key under which a repeated command is answered as the first time, in hex.
    pub command_key: Option<String>,
    /// Who did it.
    pub actor: Actor,
    /// What it is about; matched by digest, never by name.
    pub subject: Vec<Subject>,
    /// Events of other streams that it rests on.
    pub refs: Vec<Ref>,
    /// Attestations that it rests on.
    pub atts: Vec<AttestationRef>,
    /// Whether `time_ms` was raised to the leaf before's; written only where it was.
    pub skew: bool,
    /// The event's own data, as JSON text.
    pub data: Box<RawValue>,
}

/// Who did something, without their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Whether it is a person or a program.
    pub kind: ActorKind,
    /// Salted hash of who it is; `ref` in JSON.
    #[serde(rename = "ref")]
    pub reference: Hash,
    /// Salted hash of the person on whose behalf it acts.
    pub acts_for: Option<Hash>,
    /// Index of the leaf that records its login.
    pub login: Option<u64>,
}

/// Whether an actor is a person or a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A human being.
    Person,
    /// A program that decides for itself on someone's behalf.
    Agent,
    /// A program that runs as part of delivery, such as a step.
    Workload,
    /// The platform itself.
    System,
}

/// A thing that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Name for people; nothing is matched by it.
    pub name: String,
    /// What it is matched by.
    pub digest: SubjectDigest,
}

/// The digest of a subject, under the name of its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// SHA-256 of the subject's bytes.
    pub sha256: Hash,
}

/// An event of another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    /// Index of its leaf.
    pub leaf: u64,
    /// Leaf hash of it.
    pub hash: Hash,
}

/// An attestation in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationRef {
    /// Index of its leaf.
    pub leaf: u64,
    /// SHA-256 of what was signed.
    pub pae: Hash,
    /// Type of the statement's predicate, a URI.
    pub predicate: String,
}

impl Envelope {
    /// Returns the bytes of the leaf, which are what is hashed and stored.
    ///
    /// # Errors
    ///
    /// [`SealError`], where the leaf would be too long or not strict JSON. It is never cut.
    pub fn seal(&self) -> Result<Vec<u8>, SealError> {
        let bytes = serde_json::to_vec(self)?;
        lint_leaf(&bytes)?;
        Ok(bytes)
    }

    /// Reads the envelope of an event leaf.
    ///
    /// # Errors
    ///
    /// [`OpenError`], where the bytes are not exactly those that [`Envelope::seal`] writes.
    pub fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        match lint_leaf(bytes)? {
            LeafKind::Event => Self::open_linted(bytes),
            LeafKind::Attestation => Err(OpenError::Attestation),
        }
    }

    /// Reads the envelope of an event leaf that [`lint_leaf`] has accepted.
    pub(crate) fn open_linted(bytes: &[u8]) -> Result<Self, OpenError> {
        let envelope = Self::from(serde_json::from_slice::<Wire>(bytes)?);
        let again = serde_json::to_vec(&envelope)?;
        if again != bytes {
            let same = again.iter().zip(bytes).take_while(|(left, right)| left == right).count();
            return Err(OpenError::Spelling { offset: same });
        }
        Ok(envelope)
    }
}

/// Why an envelope cannot become a leaf.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The leaf would be too long, or its data is not strict JSON.
    #[error("the event would not be a valid leaf")]
    Lint(#[from] LintError),
    /// The envelope cannot be written as JSON.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Why bytes are not an event leaf.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes are not those of a leaf.
    #[error("the bytes are not those of a leaf")]
    Lint(#[from] LintError),
    /// The leaf is an attestation.
    #[error("the leaf is an attestation, not an event")]
    Attestation,
    /// A key is unknown or missing, or its value is not of its type.
    #[error("the leaf is not an event envelope")]
    Json(#[from] serde_json::Error),
    /// The keys are right, but their order or the spelling of a value is not.
    #[error("the envelope is not written as it should be from byte {offset} on")]
    Spelling {
        /// Offset of the first byte that differs.
        offset: usize,
    },
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("v", &1)?;
        map.serialize_entry("stream", &self.stream)?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("prev", &self.prev)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("time_ms", &self.time_ms)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("occurred_ms", &self.occurred_ms)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("cause", &self.cause)?;
        map.serialize_entry("command_key", &self.command_key)?;
        map.serialize_entry("actor", &self.actor)?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("refs", &self.refs)?;
        map.serialize_entry("atts", &self.atts)?;
        if self.skew {
            map.serialize_entry("skew", &true)?;
        }
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

/// The envelope with its version, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "v")]
    _version: u8,
    stream: String,
    seq: u64,
    prev: Hash,
    #[serde(rename = "type")]
    kind: String,
    time_ms: i64,
    id: String,
    occurred_ms: i64,
    source: String,
    cause: Option<u64>,
    command_key: Option<String>,
    actor: Actor,
    subject: Vec<Subject>,
    refs: Vec<Ref>,
    atts: Vec<AttestationRef>,
    #[serde(default)]
    skew: bool,
    data: Box<RawValue>,
}

impl From<Wire> for Envelope {
    fn from(wire: Wire) -> Self {
        Self {
            stream: wire.stream,
            seq: wire.seq,
            prev: wire.prev,
            kind: wire.kind,
            time_ms: wire.time_ms,
            id: wire.id,
            occurred_ms: wire.occurred_ms,
            source: wire.source,
            cause: wire.cause,
            command_key: wire.command_key,
            actor: wire.actor,
            subject: wire.subject,
            refs: wire.refs,
            atts: wire.atts,
            skew: wire.skew,
            data: wire.data,
        }
    }
}

#[cfg(test)]
mod tests;
