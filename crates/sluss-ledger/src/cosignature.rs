//! C2SP `tlog-cosignature` v1.0.1: a witness says that a checkpoint extends all that it saw before.
//!
//! A cosignature is one more signature line of the checkpoint's note. Its field is
//! `key id ‖ u64 time ‖ 64 bytes`, and what is signed is the checkpoint's body below two lines:
//!
//! ```text
//! cosignature/v1
//! time <seconds since 1970>
//! <checkpoint body>
//! ```
//!
//! # Invariants
//!
//! - Nothing but a checkpoint's body is cosigned, and no time beyond 2^63 - 1 seconds.
//! - A known witness whose line does not verify spoils the note, as a known log key's does.
//!
//! Keys are Ed25519 (signature type 0x04). Not here: when a witness may cosign
//! (see [`crate::witness`]), and ML-DSA-44 cosignatures (0x06), whose lines are kept and ignored.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::checkpoint::Checkpoint;
use crate::note::{KeyId, KeyName, Note, NoteError, NoteSignature, parse_vkey, vkey_text};

/// Signature type of Ed25519 keys that cosign checkpoints.
const ED25519_COSIGNATURE: u8 = 0x04;

/// Latest time of a cosignature, in seconds since 1970.
const MAX_SECONDS: u64 = i64::MAX as u64;

/// A named Ed25519 key that cosigns checkpoints. Its secret is wiped from memory when it is
/// dropped and does not appear in `Debug`.
///
/// What is signed does not contain the witness' name: one secret belongs to one witness.
pub struct WitnessKey {
    name: KeyName,
    key: SigningKey,
}

impl WitnessKey {
    /// Returns the key named `name` with the given 32 byte seed (RFC 8032 private key).
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self { name, key: SigningKey::from_bytes(&seed) }
    }

    /// Returns the witness' name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the public half, which others check cosignatures with.
    pub fn verifier(&self) -> WitnessVerifier {
        WitnessVerifier::new(self.name.clone(), self.key.verifying_key())
    }

    /// Returns the line that cosigns `checkpoint` at `seconds` since 1970; later times than the
    /// specification has are cut to its last.
    ///
    /// Only [`crate::witness`] knows whether a checkpoint may be cosigned.
    pub(crate) fn cosign(&self, checkpoint: &Checkpoint, seconds: u64) -> NoteSignature {
        let seconds = seconds.min(MAX_SECONDS);
        let signature = self.key.sign(message(seconds, &checkpoint.to_string()).as_bytes());
        let bytes = [&seconds.to_be_bytes()[..], &signature.to_bytes()].concat();
        let id = KeyId::of_ed25519(ED25519_COSIGNATURE, &self.name, &self.key.verifying_key());
        NoteSignature { name: self.name.clone(), id, bytes }
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The public key of a witness, written as a vkey of type 0x04.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessVerifier {
    name: KeyName,
    id: KeyId,
    key: VerifyingKey,
}

/// Proof that a witness cosigned the body of a note. [`WitnessVerifier::find`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what was verified should be used in place of what was not"]
pub struct Cosignature {
    line: NoteSignature,
    seconds: u64,
}

impl Cosignature {
    /// Returns the signature line.
    pub fn line(&self) -> &NoteSignature {
        &self.line
    }

    /// Returns when the witness cosigned, by its own clock, in seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

impl WitnessVerifier {
    fn new(name: KeyName, key: VerifyingKey) -> Self {
        let id = KeyId::of_ed25519(ED25519_COSIGNATURE, &name, &key);
        Self { name, id, key }
    }

    /// Returns the witness' name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the 32 bytes of the public key, which tell keys apart whatever they are named.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Returns the latest cosignature of this witness among the lines of `note`, or `None` where
    /// it has none.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadSignature`] where a line of this witness does not verify, or the text is
    /// not a checkpoint's body.
    pub fn find(&self, note: &Note) -> Result<Option<Cosignature>, NoteError> {
        self.find_among(note.signatures(), note.unverified_text())
    }

    /// Returns the latest cosignature of this witness over `body` among `lines`.
    pub(crate) fn find_among(
        &self,
        lines: &[NoteSignature],
        body: &str,
    ) -> Result<Option<Cosignature>, NoteError> {
        let mut latest: Option<Cosignature> = None;
        for line in lines.iter().filter(|line| line.name == self.name && line.id == self.id) {
            let found = self
                .check(line, body)
                .ok_or_else(|| NoteError::BadSignature { name: self.name.clone(), id: self.id })?;
            if latest.as_ref().is_none_or(|latest| latest.seconds < found.seconds) {
                latest = Some(found);
            }
        }
        Ok(latest)
    }

    fn check(&self, line: &NoteSignature, body: &str) -> Option<Cosignature> {
        let (seconds, signature) = line.bytes.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let signature = Signature::from_slice(signature).ok()?;
        let said = message(seconds, body);
        let good = seconds <= MAX_SECONDS
            && body.parse::<Checkpoint>().is_ok()
            && self.key.verify_strict(said.as_bytes(), &signature).is_ok();
        good.then(|| Cosignature { line: line.clone(), seconds })
    }
}

impl fmt::Display for WitnessVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey_text(ED25519_COSIGNATURE, &self.name, &self.key))
    }
}

impl FromStr for WitnessVerifier {
    type Err = NoteError;

    fn from_str(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = parse_vkey(ED25519_COSIGNATURE, vkey)?;
        Ok(Self::new(name, key))
    }
}

/// What a witness signs.
fn message(seconds: u64, body: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::note::LogKey;
    use crate::tree::TreeHead;

    fn checkpoint() -> Checkpoint {
        let head = TreeHead { size: 1, root: Hash::leaf(b"") };
        Checkpoint { origin: "log.example/1".parse().unwrap(), head }
    }

    fn signed() -> Note {
        let key = LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32]);
        checkpoint().sign(&key).unwrap()
    }

    fn witness(seed: u8) -> WitnessKey {
        WitnessKey::from_seed("witness.example/w1".parse().unwrap(), [seed; 32])
    }

    #[test]
    fn a_cosignature_is_a_line_of_the_note_and_keeps_its_time() {
        let (key, time) = (witness(9), 1_679_315_147);
        let note = signed().with(key.cosign(&checkpoint(), time));
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        let found = key.verifier().find(&read).unwrap().unwrap();
        assert_eq!(found.seconds(), time);
        assert_eq!(found.line().bytes.len(), 72);
        assert_eq!(witness(8).verifier().find(&read), Ok(None));
        assert!(!format!("{key:?}").contains('9'));
    }

    #[test]
    fn the_log_key_does_not_mistake_a_cosignature_for_its_own_line() {
        let log = LogKey::from_seed("same".parse().unwrap(), [9; 32]);
        let same = WitnessKey::from_seed("same".parse().unwrap(), [9; 32]);
        assert_ne!(log.verifier().id(), same.verifier().id());
        assert_eq!(log.verifier().public_key(), same.verifier().public_key());
        let note = checkpoint().sign(&log).unwrap().with(same.cosign(&checkpoint(), 1));
        assert_eq!(note.verify(&[log.verifier()]).unwrap().signed_by().len(), 1);
    }

    #[test]
    fn another_time_another_body_or_a_flipped_bit_is_refused() {
        let key = witness(9);
        let line = key.cosign(&checkpoint(), 1_679_315_147);
        for byte in 0..line.bytes.len() {
            let mut bad = line.clone();
            bad.bytes[byte] ^= 1;
            let refused = key.verifier().find(&signed().with(bad));
            assert!(matches!(refused, Err(NoteError::BadSignature { .. })), "byte {byte}");
        }
        let other = Checkpoint { head: TreeHead { size: 2, ..checkpoint().head }, ..checkpoint() };
        let log = LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32]);
        let moved = other.sign(&log).unwrap().with(line.clone());
        assert!(key.verifier().find(&moved).is_err());
        let mut short = line;
        short.bytes.truncate(71);
        assert!(key.verifier().find(&signed().with(short)).is_err());
    }

    #[test]
    fn the_latest_of_several_counts_but_none_may_be_bad() {
        let key = witness(9);
        let (old, new) = (key.cosign(&checkpoint(), 10), key.cosign(&checkpoint(), 20));
        let both = signed().with(new.clone()).with(old.clone());
        assert_eq!(key.verifier().find(&both).unwrap().unwrap().seconds(), 20);
        let mut bad = old;
        bad.bytes[20] ^= 1;
        assert!(key.verifier().find(&signed().with(new).with(bad)).is_err());
    }

    #[test]
    fn no_time_is_beyond_what_the_specification_has() {
        let key = witness(9);
        let line = key.cosign(&checkpoint(), u64::MAX);
        let found = key.verifier().find(&signed().with(line)).unwrap().unwrap();
        assert_eq!(found.seconds(), i64::MAX as u64);
    }

    #[test]
    fn vkeys_of_logs_and_of_witnesses_are_not_mixed_up() {
        let key = witness(9).verifier();
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let log = LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32]).verifier();
        let taken = log.to_string().parse::<WitnessVerifier>();
        assert_eq!(taken, Err(NoteError::KeyType { found: 1 }));
        let taken = key.to_string().parse::<crate::note::LogVerifier>();
        assert_eq!(taken, Err(NoteError::KeyType { found: 4 }));
    }

    #[test]
    fn the_cosignature_in_the_specification_has_the_specified_shape() {
        // The example of C2SP tlog-cosignature; its key is not published.
        let line = "\u{2014} witness.example.com/w1 \
            jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe\
            +mbIUBkBIfZ+qnA==";
        let line: NoteSignature = line.parse().unwrap();
        let (seconds, signature) = line.bytes.split_first_chunk::<8>().unwrap();
        assert_eq!((u64::from_be_bytes(*seconds), signature.len()), (1_679_315_147, 64));
    }
}
