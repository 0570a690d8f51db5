//! C2SP `signed-note`: a text, signed by one or more keys, that people and programs can read.
//!
//! ```text
//! <text, ending in a newline>
//!
//! — <key name> base64(key id ‖ signature)
//! ```
//!
//! # Invariants
//!
//! - A [`Note`] has no control character but newline and at least one signature.
//! - A [`VerifiedNote`] is made by [`Note::verify`] alone: a known key signed its text, and no
//!   known key's line failed.
//!
//! Keys are Ed25519 (signature type 0x01). Lines of other keys and types are kept and ignored,
//! as the specification asks. Not here: cosignatures of witnesses (type 0x04), which are lines of
//! the same form (see [`crate::cosignature`]).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Signature type of Ed25519 keys that sign the note's text itself.
const ED25519: u8 = 0x01;

/// Most signatures that a note may carry; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 100;

/// Largest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 1_000_000;

/// The name of a key: not empty, without Unicode spaces, `+` or control characters.
///
/// A log's key is named like its origin, a URL prefix without scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NoteError;

    fn from_str(name: &str) -> Result<Self, NoteError> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(forbidden) {
            return Err(NoteError::KeyName(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells keys of one name apart: the first four bytes of
/// `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`, written as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// Returns the id of an Ed25519 key whose signatures are of type `kind`.
    pub(crate) fn of_ed25519(kind: u8, name: &KeyName, key: &VerifyingKey) -> Self {
        let hasher = Sha256::new().chain_update(name.as_str()).chain_update([b'\n', kind]);
        let digest: [u8; 32] = hasher.chain_update(key.as_bytes()).finalize().into();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A named Ed25519 key that signs notes. Its secret is wiped from memory when it is dropped
/// and does not appear in `Debug`.
pub struct LogKey {
    name: KeyName,
    key: SigningKey,
}

impl LogKey {
    /// Returns the key named `name` with the given 32 byte seed (RFC 8032 private key).
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self { name, key: SigningKey::from_bytes(&seed) }
    }

    /// Returns the key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the public half, which others check signatures with.
    pub fn verifier(&self) -> LogVerifier {
        LogVerifier::new(self.name.clone(), self.key.verifying_key())
    }

    /// Returns the signature line of this key over a note's text.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let id = KeyId::of_ed25519(ED25519, &self.name, &self.key.verifying_key());
        let bytes = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        NoteSignature { name: self.name.clone(), id, bytes }
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A named Ed25519 public key, written as a vkey: `name+hex(id)+base64(type ‖ key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerifier {
    name: KeyName,
    id: KeyId,
    key: VerifyingKey,
}

impl LogVerifier {
    fn new(name: KeyName, key: VerifyingKey) -> Self {
        let id = KeyId::of_ed25519(ED25519, &name, &key);
        Self { name, id, key }
    }

    /// Returns the key's name.
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

    fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    fn accepts(&self, text: &str, signature: &NoteSignature) -> bool {
        Signature::from_slice(&signature.bytes)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl fmt::Display for LogVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey_text(ED25519, &self.name, &self.key))
    }
}

impl FromStr for LogVerifier {
    type Err = NoteError;

    fn from_str(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = parse_vkey(ED25519, vkey)?;
        Ok(Self::new(name, key))
    }
}

/// Returns the vkey of an Ed25519 key whose signatures are of type `kind`.
pub(crate) fn vkey_text(kind: u8, name: &KeyName, key: &VerifyingKey) -> String {
    let mut typed = vec![kind];
    typed.extend(key.as_bytes());
    format!("{name}+{}+{}", KeyId::of_ed25519(kind, name, key), STANDARD.encode(typed))
}

/// Reads the vkey of an Ed25519 key whose signatures are of type `kind`.
pub(crate) fn parse_vkey(kind: u8, vkey: &str) -> Result<(KeyName, VerifyingKey), NoteError> {
    let malformed = || NoteError::Vkey(vkey.to_owned());
    let mut parts = vkey.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let typed = STANDARD.decode(key).map_err(|_| malformed())?;
    let key = match typed.split_first().ok_or_else(malformed)? {
        (found, key) if *found == kind => <&[u8; 32]>::try_from(key).map_err(|_| malformed())?,
        (&found, _) => return Err(NoteError::KeyType { found }),
    };
    let key = VerifyingKey::from_bytes(key).map_err(|_| malformed())?;
    let name = name.parse()?;
    if KeyId::of_ed25519(kind, &name, &key).to_string() != id {
        return Err(malformed());
    }
    Ok((name, key))
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key that signed.
    pub name: KeyName,
    /// Id of the key that signed.
    pub id: KeyId,
    /// What the key's algorithm made; for Ed25519 64 bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = [&self.id.0[..], &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(field))
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        let malformed = || NoteError::SignatureLine(line.to_owned());
        let rest = line.strip_prefix("\u{2014} ").ok_or_else(malformed)?;
        let (name, field) = rest.split_once(' ').ok_or_else(malformed)?;
        let field = STANDARD.decode(field).map_err(|_| malformed())?;
        match field.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.parse()?, id: KeyId(*id), bytes: bytes.to_vec() })
            }
            Some(_) | None => Err(malformed()),
        }
    }
}

/// A text with its signature lines, not yet checked. `Display` writes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Returns `text` signed by `key`; the text includes its last newline.
    ///
    /// # Errors
    ///
    /// [`NoteError::Text`] where the text does not end in a newline or has another control
    /// character.
    pub fn sign(text: &str, key: &LogKey) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || has_control(text) {
            return Err(NoteError::Text);
        }
        Ok(Self { text: text.to_owned(), signatures: vec![key.sign(text)] })
    }

    /// Reads a note without trusting it.
    ///
    /// # Errors
    ///
    /// [`NoteError`], where the bytes are not a note of the specified form.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        if has_control(note) {
            return Err(NoteError::Text);
        }
        let blank = note.rfind("\n\n").ok_or(NoteError::NoSignature)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let signatures: Vec<_> = lines.split('\n').map(str::parse).collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Adds a signature line, such as a second key's during a rotation.
    #[must_use]
    pub fn with(mut self, signature: NoteSignature) -> Self {
        self.signatures.push(signature);
        self
    }

    /// Leaves the line of `key` out, such as that of one which was retired meanwhile.
    #[must_use]
    pub fn without(mut self, key: &LogVerifier) -> Self {
        self.signatures.retain(|line| !key.made(line));
        self
    }

    /// Keeps those lines that `keep` is true of.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&NoteSignature) -> bool) -> Self {
        self.signatures.retain(keep);
        self
    }

    /// Returns the text, which nobody vouches for before [`Note::verify`].
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Returns the signature lines, in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every line of a known key; lines of unknown keys are ignored.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadSignature`] where a known key's line does not verify, and
    /// [`NoteError::NoKnownKey`] where there is no line of a known key.
    pub fn verify(&self, known: &[LogVerifier]) -> Result<VerifiedNote<'_>, NoteError> {
        let mut signed_by = Vec::new();
        for signature in &self.signatures {
            for verifier in known.iter().filter(|verifier| verifier.made(signature)) {
                if !verifier.accepts(&self.text, signature) {
                    let (name, id) = (signature.name.clone(), signature.id);
                    return Err(NoteError::BadSignature { name, id });
                }
                if !signed_by.contains(verifier) {
                    signed_by.push(verifier.clone());
                }
            }
        }
        if signed_by.is_empty() {
            return Err(NoteError::NoKnownKey);
        }
        Ok(VerifiedNote { text: &self.text, signed_by })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Proof that at least one known key signed the text, and that no known key's line failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a note that nobody reads need not be verified"]
pub struct VerifiedNote<'a> {
    text: &'a str,
    signed_by: Vec<LogVerifier>,
}

impl<'a> VerifiedNote<'a> {
    /// Returns the text that was signed, with its last newline.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the known keys that signed, each once.
    pub fn signed_by(&self) -> &[LogVerifier] {
        &self.signed_by
    }
}

/// Why a note, a key name or a vkey was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is larger or has more signatures than is read.
    #[error("the note has more than {MAX_NOTE_BYTES} bytes or {MAX_SIGNATURES} signatures")]
    TooLarge,
    /// The text is not UTF-8, has a control character, or does not end in a newline.
    #[error("a note is UTF-8 lines, each ended by a newline, without other control characters")]
    Text,
    /// There is no blank line with signature lines after it.
    #[error("the note has no signature lines after a blank line")]
    NoSignature,
    /// A line after the blank line is not a signature line.
    #[error("{0:?} is not a signature line")]
    SignatureLine(String),
    /// A key's name is empty or has a space, a `+` or a control character.
    #[error("{0:?} is not the name of a key: it is not empty, without spaces and `+`")]
    KeyName(String),
    /// A text is not a vkey, or its id does not belong to its key.
    #[error("{0:?} is not a verifier key, `name+id+base64`")]
    Vkey(String),
    /// The key is of another type than is used there.
    #[error("a key of type {found:#04x} stands where another belongs: logs 0x01, witnesses 0x04")]
    KeyType {
        /// Signature type byte of the vkey.
        found: u8,
    },
    /// A line of a known key does not verify.
    #[error("the signature of {name} ({id}) is not one over this text")]
    BadSignature {
        /// Name of the known key.
        name: KeyName,
        /// Its id.
        id: KeyId,
    },
    /// Nobody known signed the note.
    #[error("no known key signed the note")]
    NoKnownKey,
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

#[cfg(test)]
mod tests;
