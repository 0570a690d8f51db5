//! The keys that sign attestations: ECDSA on P-256 with SHA-256, signatures in DER.
//!
//! # Invariants
//!
//! - The same key and message give the same signature (RFC 6979), so that a dossier written twice
//!   has the same bytes.
//! - A public key has one spelling: SubjectPublicKeyInfo (RFC 5280) in DER with the uncompressed
//!   point. Its id is the SHA-256 of those bytes.
//!
//! Checkpoints are signed with another key and another algorithm (see [`crate::LogKey`]).

use std::fmt;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};

use super::encoding;
use crate::hash::Hash;

/// What precedes the 65 bytes of the point in a SubjectPublicKeyInfo of P-256 (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that signs attestations. Its secret does not appear in `Debug`, and is wiped from memory
/// when it is dropped.
pub struct AttestationKey {
    key: SigningKey,
    verifier: AttestationVerifier,
}

impl AttestationKey {
    /// Returns the key whose secret scalar is `secret`, 32 bytes, big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyError::Secret`] where the number is zero or not below the order of the curve; draw
    /// another 32 random bytes then.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, KeyError> {
        let key = SigningKey::from_slice(secret).map_err(|_| KeyError::Secret)?;
        let verifier = AttestationVerifier::of(*key.verifying_key());
        Ok(Self { key, verifier })
    }

    /// Returns the public half, which others check signatures with.
    pub fn verifier(&self) -> &AttestationVerifier {
        &self.verifier
    }

    /// Returns the signature over `message` in DER (RFC 6979, RFC 3279 section 2.2.3).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for AttestationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationKey").field("id", &self.verifier.id).finish_non_exhaustive()
    }
}

/// The public half of an [`AttestationKey`].
#[derive(Clone, PartialEq, Eq)]
pub struct AttestationVerifier {
    key: VerifyingKey,
    spki: Vec<u8>,
    id: Hash,
}

impl AttestationVerifier {
    fn of(key: VerifyingKey) -> Self {
        let spki = [&SPKI_PREFIX[..], key.to_sec1_point(false).as_bytes()].concat();
        let id = Hash::sha256(&spki);
        Self { key, spki, id }
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    ///
    /// [`KeyError::Spki`] where it is not one of P-256 with an uncompressed point of the curve.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let point = spki.strip_prefix(&SPKI_PREFIX).filter(|point| point.len() == 65);
        let key = point.and_then(|point| VerifyingKey::from_sec1_bytes(point).ok());
        key.map(Self::of).filter(|key| key.spki == spki).ok_or(KeyError::Spki)
    }

    /// Returns the key as SubjectPublicKeyInfo in DER, 91 bytes.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the key's id, the SHA-256 of [`AttestationVerifier::spki`]; as text the hint of
    /// bundles and the `keyid` of envelopes.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// Returns the key as PEM (RFC 7468), as `openssl` and `cosign` read it.
    pub fn to_pem(&self) -> String {
        let text = encoding::encode(&self.spki);
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .filter_map(|at| text.get(at..text.len().min(at + 64)))
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Returns whether `signature` (DER) over `message` is of this key.
    #[must_use]
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature)
            .is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for AttestationVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationVerifier").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why bytes are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The number is zero or too large.
    #[error(
        "the secret of a P-256 key is a number from 1 to the curve's order; draw 32 other bytes"
    )]
    Secret,
    /// The bytes are not a public key of the right kind.
    #[error("not a P-256 public key as SubjectPublicKeyInfo in DER with an uncompressed point")]
    Spki,
}
