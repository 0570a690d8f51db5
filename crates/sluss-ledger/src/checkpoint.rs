//! C2SP `tlog-checkpoint`: a signed note that commits to a log's size and root.
//!
//! ```text
//! <origin>
//! <decimal size>
//! <base64 root>
//! ```
//!
//! # Invariants
//!
//! - A body has exactly these three lines: extension lines, which monitors cannot audit, are
//!   refused.
//! - A [`VerifiedCheckpoint`] was signed by a known key and bears the expected origin.
//!
//! Not here: that a log never signs two roots for one size; its sequencer sees to that.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;
use crate::note::{LogKey, LogVerifier, Note, NoteError};
use crate::tile::parse_decimal;
use crate::tree::TreeHead;

/// The identity of a log: a line that is not empty, in ours a URL prefix without scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Returns the origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(origin: &str) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.contains(char::is_control) {
            return Err(CheckpointError::Origin(origin.to_owned()));
        }
        Ok(Self(origin.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which log has which size and root. `Display` writes the body, the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log it is.
    pub origin: Origin,
    /// Size of the log and root of its tree.
    pub head: TreeHead,
}

impl Checkpoint {
    /// Returns the checkpoint as a note signed by `key`; add further signatures with
    /// [`Note::with`].
    ///
    /// # Errors
    ///
    /// [`NoteError::Text`], which no valid [`Origin`] causes.
    pub fn sign(&self, key: &LogKey) -> Result<Note, NoteError> {
        Note::sign(&self.to_string(), key)
    }

    /// Reads a signed checkpoint and checks that a key of `known` signed it for `origin`.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]: the note, its signatures, its body or its origin were refused.
    pub fn open(
        note: &[u8],
        origin: &Origin,
        known: &[LogVerifier],
    ) -> Result<VerifiedCheckpoint, CheckpointError> {
        let note = Note::parse(note)?;
        let verified = note.verify(known)?;
        let checkpoint: Self = verified.text().parse()?;
        if checkpoint.origin != *origin {
            let expected = origin.clone();
            return Err(CheckpointError::OtherLog { expected, found: checkpoint.origin });
        }
        Ok(VerifiedCheckpoint { checkpoint, signed_by: verified.signed_by().to_vec() })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.head.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.head.size)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(body: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = body.split('\n').collect();
        let &[origin, size, root, ""] = &lines[..] else {
            return Err(CheckpointError::Body("three lines, each ended by a newline"));
        };
        let size = parse_decimal(size).ok_or(CheckpointError::Body("a decimal size"))?;
        let root = parse_hash(root).ok_or(CheckpointError::Body("a base64 root of 32 bytes"))?;
        if size == 0 && root != Hash::empty_root() {
            return Err(CheckpointError::Body("the root of the empty tree at size 0"));
        }
        Ok(Self { origin: origin.parse()?, head: TreeHead { size, root } })
    }
}

/// Reads a hash in canonical base64.
pub(crate) fn parse_hash(text: &str) -> Option<Hash> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(Hash::from_bytes(bytes.try_into().ok()?))
}

/// Proof that a known key signed this checkpoint of the expected log. [`Checkpoint::open`]
/// alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what was verified should be used in place of what was not"]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    signed_by: Vec<LogVerifier>,
}

impl VerifiedCheckpoint {
    /// Returns the log's origin.
    pub fn origin(&self) -> &Origin {
        &self.checkpoint.origin
    }

    /// Returns the log's size and root.
    pub fn head(&self) -> &TreeHead {
        &self.checkpoint.head
    }

    /// Returns the known keys that signed, each once.
    pub fn signed_by(&self) -> &[LogVerifier] {
        &self.signed_by
    }
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around the checkpoint was refused.
    #[error("the checkpoint is not a note that a known key signed")]
    Note(#[from] NoteError),
    /// The body is not a checkpoint's.
    #[error("the body of a checkpoint has {0}")]
    Body(&'static str),
    /// An origin is empty or has control characters.
    #[error("{0:?} is not the origin of a log")]
    Origin(String),
    /// The checkpoint is another log's.
    #[error("the checkpoint is of log {found} instead of {expected}")]
    OtherLog {
        /// Log whose checkpoint was asked for.
        expected: Origin,
        /// Log whose checkpoint it is.
        found: Origin,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        "sluss.bank.example/ledger".parse().unwrap()
    }

    fn key() -> LogKey {
        LogKey::from_seed("sluss.bank.example/ledger".parse().unwrap(), [7; 32])
    }

    fn signed() -> Note {
        let head = TreeHead { size: 1, root: Hash::leaf(b"") };
        Checkpoint { origin: origin(), head }.sign(&key()).unwrap()
    }

    #[test]
    fn the_file_has_these_bytes() {
        let file = "sluss.bank.example/ledger\n\
            1\n\
            bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n\
            \n\
            \u{2014} sluss.bank.example/ledger FB03QLTu5FkVqnCOKus7YiWx3mwiUj8JMrG0ooDQOkGB9Gc\
            +O3xg/cueR6AKUZJ/+M0ASWQdm4bKFhKjjxImuLqJMwI=\n";
        assert_eq!(signed().to_string(), file);
    }

    #[test]
    fn a_signed_checkpoint_opens_for_its_own_log_only() {
        let note = signed().to_string();
        let opened = Checkpoint::open(note.as_bytes(), &origin(), &[key().verifier()]).unwrap();
        assert_eq!(opened.head().size, 1);
        assert_eq!(opened.signed_by(), [key().verifier()]);
        let other = "another.example/ledger".parse().unwrap();
        let refused = Checkpoint::open(note.as_bytes(), &other, &[key().verifier()]);
        assert!(matches!(refused, Err(CheckpointError::OtherLog { .. })));
        let edited = note.replacen("\n1\n", "\n2\n", 1);
        let refused = Checkpoint::open(edited.as_bytes(), &origin(), &[key().verifier()]);
        assert!(matches!(refused, Err(CheckpointError::Note(NoteError::BadSignature { .. }))));
    }

    #[test]
    fn a_second_key_may_sign_during_a_rotation() {
        let next = LogKey::from_seed("sluss.bank.example/ledger".parse().unwrap(), [8; 32]);
        let note = signed();
        let second = next.sign(note.unverified_text());
        let file = note.with(second).to_string();
        for known in [key().verifier(), next.verifier()] {
            assert!(Checkpoint::open(file.as_bytes(), &origin(), &[known]).is_ok());
        }
    }

    #[test]
    fn a_body_has_exactly_three_lines_in_one_spelling() {
        let root = STANDARD.encode(Hash::ZERO.as_bytes());
        assert!(format!("o\n1\n{root}\n").parse::<Checkpoint>().is_ok());
        for body in [
            format!("o\n1\n{root}"),
            format!("o\n1\n{root}\nextension\n"),
            format!("o\n1\n{root}\n\n"),
            format!("\n1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("o\n0\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("o\n1\n{}\n", &root[..40]),
            format!("o\n1\n{}\n", root.trim_end_matches('=')),
            format!("o\n1\n{root} \n"),
        ] {
            assert!(body.parse::<Checkpoint>().is_err(), "{body:?}");
        }
        let empty = Checkpoint { origin: origin(), head: TreeHead::empty() };
        assert_eq!(empty.to_string().parse(), Ok(empty));
    }
}
