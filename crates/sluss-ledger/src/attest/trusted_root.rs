//! `trusted_root.json`: what Sigstore verifiers are told of our log and its key.
//!
//! `checkpointKeyId` is the full 32 byte id, as `logId` in the bundles is: the four bytes that the
//! schema's comment recommends make `@sigstore/verify` 4 refuse the checkpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::encoding::{base64_bytes, base64_hash};
use super::time::UtcTime;
use crate::hash::Hash;
use crate::note::LogVerifier;

/// Media type of the file.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// What precedes the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const ED25519_SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Returns the full id of a log's key: `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`, of which a
/// checkpoint's signature line has the first four bytes (C2SP `signed-note`).
pub fn log_id(log: &LogVerifier) -> Hash {
    Hash::sha256(&[log.name().as_str().as_bytes(), b"\n", &typed_key(log)].concat())
}

/// The type byte and the 32 bytes of the key, as the vkey has them.
fn typed_key(log: &LogVerifier) -> Vec<u8> {
    let vkey = log.to_string();
    // The base64 may have a `+` of its own: it is all that follows name and id.
    let encoded = vkey.splitn(3, '+').nth(2).unwrap_or_default();
    STANDARD.decode(encoded).expect("BUG: a vkey ends in base64")
}

/// The logs that are trusted, each from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRoot {
    logs: Vec<(LogVerifier, UtcTime)>,
}

impl TrustedRoot {
    /// Returns the root that trusts `logs`, each key from the given time on.
    pub fn of(logs: Vec<(LogVerifier, UtcTime)>) -> Self {
        Self { logs }
    }

    /// Returns the file's text.
    pub fn to_json(&self) -> String {
        let tlogs = self.logs.iter().map(|(log, from)| {
            let id = log_id(log);
            let typed = typed_key(log);
            let raw_bytes = [&ED25519_SPKI_PREFIX[..], typed.get(1..).unwrap_or_default()].concat();
            Tlog {
                base_url: format!("https://{}", log.name()),
                hash_algorithm: "SHA2_256".to_owned(),
                public_key: PublicKey {
                    raw_bytes,
                    key_details: "PKIX_ED25519".to_owned(),
                    valid_for: ValidFor { start: from.to_string() },
                },
                log_id: Id { key_id: id },
                checkpoint_key_id: Id { key_id: id },
            }
        });
        let root = Wire {
            media_type: MEDIA_TYPE.to_owned(),
            tlogs: tlogs.collect(),
            certificate_authorities: [],
            ctlogs: [],
            timestamp_authorities: [],
        };
        serde_json::to_string(&root).expect("BUG: text and bytes have a JSON form")
    }

    /// Checks that a file trusts exactly the keys of `logs`.
    ///
    /// # Errors
    ///
    /// [`TrustedRootError`] where the file is of another form, trusts another key, or has one of
    /// `logs` not.
    pub fn check(file: &[u8], logs: &[LogVerifier]) -> Result<(), TrustedRootError> {
        let wire: Wire = serde_json::from_slice(file)?;
        let mut found: Vec<_> = wire
            .tlogs
            .iter()
            .map(|tlog| {
                (tlog.log_id.key_id, tlog.checkpoint_key_id.key_id, &tlog.public_key.raw_bytes[..])
            })
            .collect();
        let spki: Vec<_> = logs
            .iter()
            .map(|log| {
                [&ED25519_SPKI_PREFIX[..], typed_key(log).get(1..).unwrap_or_default()].concat()
            })
            .collect();
        let mut expected: Vec<_> = logs
            .iter()
            .zip(&spki)
            .map(|(log, spki)| (log_id(log), log_id(log), &spki[..]))
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        if wire.media_type != MEDIA_TYPE || found != expected {
            return Err(TrustedRootError::OtherKeys);
        }
        Ok(())
    }
}

/// Why a `trusted_root.json` was refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustedRootError {
    /// It is not of the expected form.
    #[error("not a trusted root of version 0.1 with nothing but logs: {0}")]
    Json(#[from] serde_json::Error),
    /// It trusts something else.
    #[error("the trusted root names other keys than the vkey file beside it")]
    OtherKeys,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    media_type: String,
    tlogs: Vec<Tlog>,
    certificate_authorities: [(); 0],
    ctlogs: [(); 0],
    timestamp_authorities: [(); 0],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tlog {
    base_url: String,
    hash_algorithm: String,
    public_key: PublicKey,
    log_id: Id,
    checkpoint_key_id: Id,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PublicKey {
    #[serde(with = "base64_bytes")]
    raw_bytes: Vec<u8>,
    key_details: String,
    valid_for: ValidFor,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidFor {
    start: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Id {
    #[serde(with = "base64_hash")]
    key_id: Hash,
}
