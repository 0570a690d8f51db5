//! Reads a log from its first leaf on and names the first entry that cannot stand there.
//!
//! # Invariants
//!
//! - Every leaf that was accepted is of a known kind and strict; an event's number is one more
//!   than its stream's last, its `prev` is the leaf hash of that one, and its time is not below
//!   the leaf before.
//! - A refused leaf changes nothing: the checker stands where it stood.
//! - Memory is one number and one hash per stream, however long the log is.
//!
//! Not here: comparing the root with a signed checkpoint; do that with [`StreamChecker::head`].

use std::collections::BTreeMap;

use crate::envelope::{Envelope, OpenError};
use crate::hash::Hash;
use crate::leaf::{LeafKind, LintError, lint_leaf};
use crate::tree::{Frontier, TreeHead};

/// The last event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead {
    /// Its number in the stream.
    pub seq: u64,
    /// Its leaf hash, which the next event has as `prev`.
    pub hash: Hash,
}

/// Checks leaves in the order of the log.
#[derive(Debug, Clone, Default)]
pub struct StreamChecker {
    frontier: Frontier,
    streams: BTreeMap<String, StreamHead>,
    last_ms: Option<i64>,
}

/// A leaf that was accepted.
#[derive(Debug, Clone)]
pub struct Audited {
    /// Leaf hash of its bytes.
    pub hash: Hash,
    /// The event in it; none in an attestation.
    pub event: Option<Envelope>,
}

impl StreamChecker {
    /// Returns a checker that stands before the first leaf.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next leaf.
    ///
    /// # Errors
    ///
    /// [`AuditError`], which names the entry and, where it has one, its stream.
    pub fn feed(&mut self, index: u64, bytes: &[u8]) -> Result<Audited, AuditError> {
        let expected = self.frontier.size();
        if index != expected {
            return Err(AuditError::Order { expected, found: index });
        }
        let kind = lint_leaf(bytes).map_err(|source| AuditError::Leaf { index, source })?;
        let hash = Hash::leaf(bytes);
        let event = match kind {
            LeafKind::Attestation => None,
            LeafKind::Event => {
                let opened = Envelope::open_linted(bytes);
                let event = opened.map_err(|source| AuditError::Envelope { index, source })?;
                self.check_event(index, &event)?;
                Some(event)
            }
        };
        if let Some(event) = &event {
            let head = StreamHead { seq: event.seq, hash };
            // Most events are not the first of their stream, whose name is kept already.
            match self.streams.get_mut(&event.stream) {
                Some(known) => *known = head,
                None => drop(self.streams.insert(event.stream.clone(), head)),
            }
            self.last_ms = Some(event.time_ms);
        }
        self.frontier.push(hash);
        Ok(Audited { hash, event })
    }

    fn check_event(&self, index: u64, event: &Envelope) -> Result<(), AuditError> {
        let stream = || event.stream.clone();
        let (seq, prev) = match self.streams.get(&event.stream) {
            Some(head) => (head.seq + 1, head.hash),
            None => (0, Hash::ZERO),
        };
        if event.seq != seq {
            let (expected, found) = (seq, event.seq);
            return Err(AuditError::Seq { index, stream: stream(), expected, found });
        }
        if event.prev != prev {
            let (expected, found) = (prev, event.prev);
            return Err(AuditError::Prev { index, stream: stream(), expected, found });
        }
        match self.last_ms {
            Some(last_ms) if event.time_ms < last_ms => {
                let found_ms = event.time_ms;
                Err(AuditError::Time { index, stream: stream(), last_ms, found_ms })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns size and root of the tree over the leaves so far.
    pub fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// Returns the right edge of the tree over the leaves so far.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Returns the last event of `stream`, if it has any.
    pub fn stream(&self, stream: &str) -> Option<StreamHead> {
        self.streams.get(stream).copied()
    }

    /// Returns every stream with its last event, ordered by name.
    pub fn streams(&self) -> impl Iterator<Item = (&str, StreamHead)> {
        self.streams.iter().map(|(stream, head)| (stream.as_str(), *head))
    }
}

/// Which entry cannot stand where it does, and why.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Leaves were given out of order.
    #[error("entry {found} was read where entry {expected} comes next")]
    Order {
        /// Index that comes next.
        expected: u64,
        /// Index that was given.
        found: u64,
    },
    /// The bytes are not those of a leaf.
    #[error("entry {index} is not a valid leaf")]
    Leaf {
        /// Index of the entry.
        index: u64,
        /// What is wrong with its bytes, and where.
        source: LintError,
    },
    /// The bytes are not an event envelope.
    #[error("entry {index} is not a valid event")]
    Envelope {
        /// Index of the entry.
        index: u64,
        /// What is wrong with its envelope.
        source: OpenError,
    },
    /// An event is missing, repeated or out of place in its stream.
    #[error("entry {index} is event {found} of {stream}, where event {expected} comes next")]
    Seq {
        /// Index of the entry.
        index: u64,
        /// Stream of the event.
        stream: String,
        /// Number that comes next in the stream.
        expected: u64,
        /// Number that the event has.
        found: u64,
    },
    /// The stream's previous event is another than the one that this event was written after.
    #[error("entry {index} of {stream} follows {found}, but the event before it is {expected}")]
    Prev {
        /// Index of the entry.
        index: u64,
        /// Stream of the event.
        stream: String,
        /// Leaf hash of the stream's previous event.
        expected: Hash,
        /// Leaf hash that the event has as `prev`.
        found: Hash,
    },
    /// The time of the log went backwards.
    #[error("entry {index} of {stream} was taken at {found_ms} ms, before {last_ms} ms")]
    Time {
        /// Index of the entry.
        index: u64,
        /// Stream of the event.
        stream: String,
        /// Time of the event before it in the log, in milliseconds since 1970 (UTC).
        last_ms: i64,
        /// Time of the event, in milliseconds since 1970 (UTC).
        found_ms: i64,
    },
}

#[cfg(test)]
mod tests;
