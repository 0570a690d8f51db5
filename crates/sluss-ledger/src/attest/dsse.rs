//! DSSE 1.0.2: an envelope that says what was signed, of which type, and by which key.
//!
//! # Invariants
//!
//! - A [`Verified`] payload is made by [`Dsse::verify`] alone, from the very bytes that the
//!   signature covers.
//! - An envelope has exactly one signature. More would be for a reader to pick from.

use serde::{Deserialize, Serialize};

use super::encoding::base64_bytes;
use super::key::{AttestationKey, AttestationVerifier};
use super::statement::{Statement, StatementError};
use crate::hash::Hash;

/// Payload type of in-toto statements.
pub const IN_TOTO_PAYLOAD: &str = "application/vnd.in-toto+json";

/// Largest envelope that is read, in bytes: an SBOM of 100,000 components fits.
pub const MAX_ENVELOPE_BYTES: usize = 64 << 20;

/// Returns the pre-authentication encoding: the bytes that are signed.
///
/// `"DSSEv1" SP len(type) SP type SP len(body) SP body`, lengths in bytes and decimal.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// An envelope, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsse {
    payload: Vec<u8>,
    payload_type: String,
    key_id: String,
    signature: Vec<u8>,
}

impl Dsse {
    /// Returns `payload` in an envelope signed by `key`.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &AttestationKey) -> Self {
        let signature = key.sign(&pae(payload_type, &payload));
        let key_id = key.verifier().id().to_string();
        Self { payload, payload_type: payload_type.to_owned(), key_id, signature }
    }

    /// Reads an envelope without trusting it.
    ///
    /// # Errors
    ///
    /// [`DsseError`] where it is too large, not of the form of DSSE 1.0.2, or has not exactly one
    /// signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, DsseError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(DsseError::TooLarge);
        }
        let wire: Wire = serde_json::from_slice(bytes)?;
        Self::try_from(wire)
    }

    /// Returns the envelope as JSON, in the one spelling in which it is written here.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self).expect("BUG: text and bytes have a JSON form")
    }

    /// Returns the SHA-256 of what was signed, which log and events name the envelope by.
    pub fn pae_digest(&self) -> Hash {
        Hash::sha256(&pae(&self.payload_type, &self.payload))
    }

    /// Returns the signature, in DER.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Returns whose key is said to have signed: a hint for finding the key, and nothing else.
    pub fn key_id_hint(&self) -> &str {
        &self.key_id
    }

    /// Reads the payload as a statement that nobody vouches for, to show it to people.
    ///
    /// # Errors
    ///
    /// [`StatementError`] where it is not a statement.
    pub fn unverified_statement(&self) -> Result<Statement, StatementError> {
        Statement::parse(&self.payload)
    }

    /// Checks that `key` signed an envelope of `payload_type`, and returns what it signed.
    ///
    /// # Errors
    ///
    /// [`DsseError::PayloadType`] and [`DsseError::Signature`].
    pub fn verify(
        &self,
        payload_type: &'static str,
        key: &AttestationVerifier,
    ) -> Result<Verified, DsseError> {
        if self.payload_type != payload_type {
            let found = self.payload_type.clone();
            return Err(DsseError::PayloadType { expected: payload_type, found });
        }
        let signed = pae(&self.payload_type, &self.payload);
        if !key.accepts(&signed, &self.signature) {
            return Err(DsseError::Signature { key: key.id() });
        }
        // The payload is cut out of the bytes that were checked, not taken from elsewhere.
        let payload = signed[signed.len() - self.payload.len()..].to_vec();
        Ok(Verified { payload, key: key.id(), pae: Hash::sha256(&signed) })
    }
}

/// Proof that a key signed these bytes. [`Dsse::verify`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what was verified should be used in place of what was not"]
pub struct Verified {
    payload: Vec<u8>,
    key: Hash,
    pae: Hash,
}

impl Verified {
    /// Returns the bytes that were signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the id of the key that signed.
    pub fn key(&self) -> Hash {
        self.key
    }

    /// Returns the SHA-256 of the pre-authentication encoding.
    pub fn pae(&self) -> Hash {
        self.pae
    }
}

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
pub enum DsseError {
    /// It is larger than is read.
    #[error("the envelope has more than {MAX_ENVELOPE_BYTES} bytes")]
    TooLarge,
    /// It is not an envelope.
    #[error("not a DSSE envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no signature, or several.
    #[error("the envelope has {found} signatures; exactly one is read")]
    Signatures {
        /// How many it has.
        found: usize,
    },
    /// It holds something of another type.
    #[error("the envelope holds {found:?} instead of {expected:?}")]
    PayloadType {
        /// Type that was asked for.
        expected: &'static str,
        /// Type that it has.
        found: String,
    },
    /// The key did not sign this.
    #[error("the signature is not one of key {key} over this payload")]
    Signature {
        /// Id of the key that was tried.
        key: Hash,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    #[serde(with = "base64_bytes")]
    payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    #[serde(with = "base64_bytes")]
    sig: Vec<u8>,
    #[serde(default)]
    keyid: String,
}

impl TryFrom<Wire> for Dsse {
    type Error = DsseError;

    fn try_from(wire: Wire) -> Result<Self, DsseError> {
        let found = wire.signatures.len();
        let Ok([signature]) = <[WireSignature; 1]>::try_from(wire.signatures) else {
            return Err(DsseError::Signatures { found });
        };
        let (payload, payload_type) = (wire.payload, wire.payload_type);
        Ok(Self { payload, payload_type, key_id: signature.keyid, signature: signature.sig })
    }
}

impl Serialize for Dsse {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let signature = WireSignature { sig: self.signature.clone(), keyid: self.key_id.clone() };
        let wire = Wire {
            payload: self.payload.clone(),
            payload_type: self.payload_type.clone(),
            signatures: vec![signature],
        };
        wire.serialize(out)
    }
}

impl<'de> Deserialize<'de> for Dsse {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(Wire::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
