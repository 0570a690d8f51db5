//! The leaf of an attestation: a `hashedrekord` of Rekor v2 over what an envelope signs.
//!
//! # Invariants
//!
//! - One attestation has one leaf: keys sorted at every level, no whitespace, standard base64.
//!   [`HashedRekord::parse`] accepts only what [`HashedRekord::to_leaf`] writes.
//! - The leaf holds digest, signature and key, never the payload: it is small whatever was signed.

use serde::Deserialize;

use super::dsse::Dsse;
use super::encoding::{self, base64_bytes, base64_hash};
use super::key::{AttestationVerifier, KeyError};
use crate::hash::Hash;

/// The content of an attestation's leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedRekord {
    /// SHA-256 of the pre-authentication encoding.
    pub digest: Hash,
    /// Signature over it, in DER.
    pub signature: Vec<u8>,
    /// The key that is said to have signed.
    pub key: AttestationVerifier,
}

impl HashedRekord {
    /// Returns the leaf's content for an envelope and the key that signed it.
    pub fn of(envelope: &Dsse, key: &AttestationVerifier) -> Self {
        let signature = envelope.signature().to_vec();
        Self { digest: envelope.pae_digest(), signature, key: key.clone() }
    }

    /// Returns the bytes of the leaf.
    pub fn to_leaf(&self) -> Vec<u8> {
        let digest = encoding::encode(self.digest.as_bytes());
        let (content, key) = (encoding::encode(&self.signature), encoding::encode(self.key.spki()));
        format!(
            concat!(
                r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"#,
                r#""data":{{"algorithm":"SHA2_256","digest":"{}"}},"#,
                r#""signature":{{"content":"{}","verifier":{{"#,
                r#""keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{{"rawBytes":"{}"}}}}}}}}}}}}"#,
            ),
            digest, content, key
        )
        .into_bytes()
    }

    /// Reads a leaf.
    ///
    /// # Errors
    ///
    /// [`HashedRekordError`] where the bytes are not exactly those that
    /// [`HashedRekord::to_leaf`] writes.
    pub fn parse(leaf: &[u8]) -> Result<Self, HashedRekordError> {
        let wire: Wire = serde_json::from_slice(leaf)?;
        let Spec { data, signature } = wire.spec.content;
        let key = AttestationVerifier::from_spki(&signature.verifier.public_key.raw_bytes)?;
        let read = Self { digest: data.digest, signature: signature.content, key };
        if read.to_leaf() != leaf {
            return Err(HashedRekordError::Spelling);
        }
        Ok(read)
    }
}

/// Why bytes are not the leaf of an attestation.
#[derive(Debug, thiserror::Error)]
pub enum HashedRekordError {
    /// A key is unknown or missing, or its value is not of its type.
    #[error("the leaf is not a hashedrekord 0.0.2: {0}")]
    Json(#[from] serde_json::Error),
    /// The public key is of another kind.
    #[error("the leaf's key was refused: {0}")]
    Key(#[from] KeyError),
    /// The content is right, but not written in the one way.
    #[error("the leaf is a hashedrekord, but not written with sorted keys, tightly, in base64")]
    Spelling,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    spec: Versions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    #[serde(rename = "hashedRekordV002")]
    content: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    data: SpecData,
    signature: SpecSignature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecData {
    #[serde(rename = "algorithm")]
    _algorithm: String,
    #[serde(with = "base64_hash")]
    digest: Hash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecSignature {
    #[serde(with = "base64_bytes")]
    content: Vec<u8>,
    verifier: SpecVerifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SpecVerifier {
    #[serde(rename = "keyDetails")]
    _key_details: String,
    public_key: SpecKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SpecKey {
    #[serde(with = "base64_bytes")]
    raw_bytes: Vec<u8>,
}
