//! The keys that a log had, has and will have: which of them vouch for a checkpoint of which size.
//!
//! A rotation is a leaf of the log. From that leaf on both keys sign every checkpoint, until the
//! former key is retired at a later leaf:
//!
//! ```text
//! leaf      0 ............ 40 ............ 90 ............
//! former    signs ......................|
//! present                  signs ........................
//! ```
//!
//! A span of leaves speaks of a checkpoint by its last leaf: one of size `n` is within a span that
//! holds leaf `n - 1`. The empty log counts as leaf 0.
//!
//! # Invariants
//!
//! - All keys have the log's origin as their name, and no key is there twice.
//! - There is a key for every leaf: a key is retired only where a later one signs already.
//! - A checkpoint is accepted only with the signatures of all keys whose span it is in. So whoever
//!   has only a former key makes no checkpoint beyond its span, and none within the overlap.
//!
//! `Display` writes one line a key, `<vkey> <from> <until or ->`, oldest first; that is the file
//! from which old dossiers are verified for ever.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError, Origin, VerifiedCheckpoint};
use crate::note::{LogKey, LogVerifier, Note, NoteError};
use crate::tile::parse_decimal;

/// A key and the leaves that it vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    verifier: LogVerifier,
    from_leaf: u64,
    until_leaf: Option<u64>,
}

impl KeySpan {
    /// Returns the public key.
    pub fn verifier(&self) -> &LogVerifier {
        &self.verifier
    }

    /// Returns the first leaf that the key vouches for: 0, or the one that records its rotation.
    pub fn from_leaf(&self) -> u64 {
        self.from_leaf
    }

    /// Returns the first leaf that the key does not vouch for any more; none while it signs.
    pub fn until_leaf(&self) -> Option<u64> {
        self.until_leaf
    }

    /// Returns whether a checkpoint of `size` leaves is beyond its span: it signs that no more.
    pub fn is_over(&self, size: u64) -> bool {
        self.until_leaf.is_some_and(|until| until <= size.saturating_sub(1))
    }

    fn holds(&self, size: u64) -> bool {
        let leaf = size.saturating_sub(1);
        self.from_leaf <= leaf && self.until_leaf.is_none_or(|until| leaf < until)
    }
}

/// The keys of one log, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys {
    origin: Origin,
    spans: Vec<KeySpan>,
}

impl LogKeys {
    /// Returns the keys of a log that has had one so far.
    ///
    /// # Errors
    ///
    /// [`LogKeysError::Name`] where the key is not named like the log.
    pub fn new(origin: Origin, first: LogVerifier) -> Result<Self, LogKeysError> {
        let mut keys = Self { origin, spans: vec![] };
        keys.add(first, 0)?;
        Ok(keys)
    }

    /// Adds a key, whose rotation is recorded in leaf `at_leaf`; from there on it signs beside
    /// those before it.
    ///
    /// # Errors
    ///
    /// [`LogKeysError`]: the key is another log's or known already, or leaf is not after the
    /// rotation before.
    pub fn rotate(&mut self, new: LogVerifier, at_leaf: u64) -> Result<(), LogKeysError> {
        let last = self.spans.last().map_or(0, |span| span.from_leaf);
        if at_leaf <= last {
            return Err(LogKeysError::Order { leaf: at_leaf, after: last });
        }
        self.add(new, at_leaf)
    }

    /// Ends the span of `key` before leaf `until_leaf`.
    ///
    /// # Errors
    ///
    /// [`LogKeysError`]: the key is unknown, retired already or the last one, or there would be
    /// leaves that no key vouches for.
    pub fn retire(&mut self, key: &LogVerifier, until_leaf: u64) -> Result<(), LogKeysError> {
        let position = self.spans.iter().position(|span| span.verifier == *key);
        let position = position.ok_or_else(|| LogKeysError::Unknown(key.to_string()))?;
        let next = self.spans.get(position + 1).map(|span| span.from_leaf);
        let next = next.ok_or(LogKeysError::LastKey)?;
        let span = &mut self.spans[position];
        if span.until_leaf.is_some() {
            return Err(LogKeysError::Retired(key.to_string()));
        }
        if until_leaf < next {
            return Err(LogKeysError::Gap { from: until_leaf, until: next });
        }
        span.until_leaf = Some(until_leaf);
        Ok(())
    }

    fn add(&mut self, verifier: LogVerifier, from_leaf: u64) -> Result<(), LogKeysError> {
        if verifier.name().as_str() != self.origin.as_str() {
            let (origin, found) = (self.origin.clone(), verifier.name().to_string());
            return Err(LogKeysError::Name { origin, found });
        }
        if self.spans.iter().any(|span| span.verifier.public_key() == verifier.public_key()) {
            return Err(LogKeysError::Known(verifier.to_string()));
        }
        self.spans.push(KeySpan { verifier, from_leaf, until_leaf: None });
        Ok(())
    }

    /// Returns whose log it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns every key with its leaves, oldest first.
    pub fn spans(&self) -> &[KeySpan] {
        &self.spans
    }

    /// Returns the keys that sign a checkpoint of `size` leaves.
    pub fn signing(&self, size: u64) -> impl Iterator<Item = &LogVerifier> {
        self.spans.iter().filter(move |span| span.holds(size)).map(|span| &span.verifier)
    }

    /// Returns `checkpoint` signed by every key that has to sign it, out of `keys`.
    ///
    /// # Errors
    ///
    /// [`LogKeysError::Absent`] where one of them is not in `keys`, and
    /// [`LogKeysError::Checkpoint`] where the checkpoint is another log's.
    pub fn sign(&self, checkpoint: &Checkpoint, keys: &[LogKey]) -> Result<Note, LogKeysError> {
        if checkpoint.origin != self.origin {
            let (expected, found) = (self.origin.clone(), checkpoint.origin.clone());
            return Err(CheckpointError::OtherLog { expected, found }.into());
        }
        let mut signed: Option<Note> = None;
        for verifier in self.signing(checkpoint.head.size) {
            let key = keys.iter().find(|key| key.verifier() == *verifier);
            let key = key.ok_or_else(|| LogKeysError::Absent(verifier.to_string()))?;
            signed = Some(match signed {
                None => checkpoint.sign(key).map_err(CheckpointError::Note)?,
                Some(note) => note.with(key.sign(&checkpoint.to_string())),
            });
        }
        signed.ok_or(LogKeysError::LastKey)
    }

    /// Reads a signed checkpoint and checks that every key whose span it is in signed it, and
    /// that no line of any of the log's keys is bad.
    ///
    /// # Errors
    ///
    /// [`LogKeysError::Checkpoint`], or [`LogKeysError::Unsigned`] where one of them did not.
    pub fn verify(&self, note: &[u8]) -> Result<VerifiedCheckpoint, LogKeysError> {
        let all: Vec<_> = self.spans.iter().map(|span| span.verifier.clone()).collect();
        let checkpoint = Checkpoint::open(note, &self.origin, &all)?;
        let size = checkpoint.head().size;
        let missing = self.signing(size).find(|key| !checkpoint.signed_by().contains(key));
        match missing {
            Some(key) => Err(LogKeysError::Unsigned { key: key.to_string(), size }),
            None => Ok(checkpoint),
        }
    }
}

impl fmt::Display for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for span in &self.spans {
            write!(f, "{} {} ", span.verifier, span.from_leaf)?;
            match span.until_leaf {
                Some(until) => writeln!(f, "{until}")?,
                None => writeln!(f, "-")?,
            }
        }
        Ok(())
    }
}

impl FromStr for LogKeys {
    type Err = LogKeysError;

    fn from_str(file: &str) -> Result<Self, LogKeysError> {
        let mut keys: Option<Self> = None;
        let mut retired = Vec::new();
        for (index, line) in file.lines().enumerate() {
            let malformed = LogKeysError::Line(index + 1);
            let items: Vec<&str> = line.split(' ').collect();
            let &[vkey, from, until] = &items[..] else { return Err(malformed) };
            let verifier: LogVerifier = vkey.parse().map_err(LogKeysError::Vkey)?;
            let from = parse_decimal(from).ok_or(LogKeysError::Line(index + 1))?;
            match (&mut keys, from) {
                (None, 0) => {
                    let origin = verifier.name().as_str().parse()?;
                    keys = Some(Self::new(origin, verifier.clone())?);
                }
                (None, _) => return Err(malformed),
                (Some(keys), from) => keys.rotate(verifier.clone(), from)?,
            }
            if until != "-" {
                retired.push((verifier, parse_decimal(until).ok_or(malformed)?));
            }
        }
        let mut keys = keys.ok_or(LogKeysError::Line(1))?;
        retired.iter().try_for_each(|(key, until)| keys.retire(key, *until))?;
        Ok(keys)
    }
}

/// Why keys cannot be those of a log, or do not vouch for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogKeysError {
    /// A key is not named like the log.
    #[error("a key of log {origin} is named like it, not {found}")]
    Name {
        /// Whose keys they are.
        origin: Origin,
        /// Name of the key.
        found: String,
    },
    /// A key was or is the log's already; a rotation needs a new one.
    #[error("the log has or had the key {0} already: make a new one")]
    Known(String),
    /// A key is none of the log's.
    #[error("{0} is not a key of the log")]
    Unknown(String),
    /// A key was retired before.
    #[error("the key {0} is retired already")]
    Retired(String),
    /// The newest key cannot be retired.
    #[error("the newest key cannot be retired: rotate to another first")]
    LastKey,
    /// A rotation is not after the one before.
    #[error("leaf {leaf} cannot record a rotation: the one before is in leaf {after}")]
    Order {
        /// Leaf of the rotation.
        leaf: u64,
        /// Leaf of the rotation before.
        after: u64,
    },
    /// No key would vouch for some leaves.
    #[error("no key would vouch for the leaves from {from} to {until}")]
    Gap {
        /// First leaf without a key.
        from: u64,
        /// First leaf with a key again.
        until: u64,
    },
    /// A private key that has to sign is not there.
    #[error("the private key of {0} is needed to sign, but is not there")]
    Absent(String),
    /// A key whose span the checkpoint is in did not sign it.
    #[error("the checkpoint of size {size} lacks the signature of {key}")]
    Unsigned {
        /// The key's vkey.
        key: String,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The checkpoint was refused.
    #[error("the checkpoint was refused")]
    Checkpoint(#[from] CheckpointError),
    /// A line of a file of keys is not of the form.
    #[error("line {0} of the keys is not `<vkey> <from leaf> <until leaf or ->`, the first from 0")]
    Line(usize),
    /// A line of a file of keys has no vkey.
    #[error("the keys of a log are vkeys")]
    Vkey(#[source] NoteError),
}

#[cfg(test)]
mod tests;
