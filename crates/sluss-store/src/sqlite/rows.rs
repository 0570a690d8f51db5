//! Rows of the table `leaf` as events.
//!
//! # Invariants
//!
//! - A row becomes an event only if its bytes have its hash and say what its columns say.

use std::sync::Arc;

use serde_json::value::RawValue;
use sluss_core::units::Millis;
use sluss_ledger::{Actor, ActorKind, Envelope, Hash, LeafKind, lint_leaf};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::log::{ATTESTATION, ATTESTATIONS, ReadError, Sealed};

/// A row as it is, unchecked.
#[derive(Debug)]
pub(crate) struct LeafRow {
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) seq: u64,
    pub(crate) kind: String,
    pub(crate) time_ms: i64,
    pub(crate) command_key: Option<String>,
    pub(crate) hash: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl LeafRow {
    /// Reads the columns of [`select_leaf`](super::schema::select_leaf).
    pub(crate) fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            position: unsigned(row.try_get(0)?),
            stream: row.try_get(1)?,
            seq: unsigned(row.try_get(2)?),
            kind: row.try_get(3)?,
            time_ms: row.try_get(4)?,
            command_key: row.try_get(5)?,
            hash: row.try_get(6)?,
            bytes: row.try_get(7)?,
        })
    }

    /// Returns whether its columns say that it is an attestation.
    pub(crate) fn is_attestation(&self) -> bool {
        self.stream == ATTESTATIONS && self.kind == ATTESTATION && self.command_key.is_none()
    }

    /// Returns which column says something else than the envelope, if any.
    pub(crate) fn contradiction(&self, envelope: &Envelope) -> Option<&'static str> {
        let columns = [
            ("stream", self.stream == envelope.stream),
            ("seq", self.seq == envelope.seq),
            ("kind", self.kind == envelope.kind),
            ("time_ms", self.time_ms == envelope.time_ms),
            ("command_key", self.command_key == envelope.command_key),
        ];
        columns.iter().find(|(_, same)| !same).map(|(column, _)| *column)
    }

    /// Returns the row as an event.
    pub(crate) fn sealed(self) -> Result<Sealed, ReadError> {
        let position = self.position;
        let corrupt = |what: String| ReadError::Corrupt { position, what };
        let hash = Hash::leaf(&self.bytes);
        if hash.as_bytes()[..] != self.hash[..] {
            return Err(corrupt("its bytes do not have its hash".to_owned()));
        }
        if self.is_attestation() {
            return match lint_leaf(&self.bytes) {
                Ok(LeafKind::Attestation) => {
                    let (seq, time) = (self.seq, Millis(self.time_ms));
                    Ok(attestation(position, seq, time, self.bytes.into(), hash))
                }
                Ok(LeafKind::Event) => Err(corrupt("it is an event, not an attestation".into())),
                Err(error) => Err(corrupt(error.to_string())),
            };
        }
        let envelope = Envelope::open(&self.bytes).map_err(|error| corrupt(error.to_string()))?;
        if let Some(column) = self.contradiction(&envelope) {
            return Err(corrupt(format!("its column `{column}` differs from its bytes")));
        }
        Ok(sealed(position, envelope, self.bytes.into(), hash))
    }
}

/// Puts an event together from its envelope and its leaf.
pub(super) fn sealed(position: u64, envelope: Envelope, bytes: Arc<[u8]>, hash: Hash) -> Sealed {
    Sealed {
        position,
        time: Millis(envelope.time_ms),
        seq: envelope.seq,
        stream: envelope.stream,
        kind: envelope.kind,
        occurred: Millis(envelope.occurred_ms),
        source: envelope.source,
        actor: envelope.actor,
        cause: envelope.cause,
        command_key: envelope.command_key,
        subject: envelope.subject,
        body: envelope.data,
        bytes,
        hash,
    }
}

/// Returns the row of a leaf that is an attestation.
pub(super) fn attestation(
    position: u64,
    seq: u64,
    time: Millis,
    bytes: Arc<[u8]>,
    hash: Hash,
) -> Sealed {
    Sealed {
        position,
        time,
        seq,
        stream: ATTESTATIONS.to_owned(),
        kind: ATTESTATION.to_owned(),
        occurred: time,
        source: "sluss".to_owned(),
        actor: Actor {
            kind: ActorKind::System,
            reference: Hash::ZERO,
            acts_for: None,
            login: None,
        },
        cause: None,
        command_key: None,
        subject: Vec::new(),
        body: RawValue::from_string("{}".to_owned()).unwrap_or_default(),
        bytes,
        hash,
    }
}

/// SQLite's integers are signed; ours are counts. A negative one becomes a count that nothing
/// has, and so is found.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The other way; counts stay far below 2^63.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
