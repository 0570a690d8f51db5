//! Sigstore bundle v0.3: an envelope, its leaf and the proof that the leaf is in the log, so that
//! unmodified Sigstore verifiers check it offline with our log as their transparency log.
//!
//! # Invariants
//!
//! - The key id of the envelope equals the bundle's hint.
//! - A [`VerifiedBundle`] is made by [`Bundle::verify`] alone: a given key signed the envelope, the
//!   leaf says the same, and the leaf is in the tree of a checkpoint that the log signed.

use serde::{Deserialize, Serialize};

use super::dsse::{Dsse, DsseError, IN_TOTO_PAYLOAD, MAX_ENVELOPE_BYTES, Verified};
use super::encoding::{base64_bytes, base64_hash, base64_hashes, text_number};
use super::hashedrekord::{HashedRekord, HashedRekordError};
use super::key::AttestationVerifier;
use super::statement::{Statement, StatementError};
use crate::checkpoint::{Checkpoint, CheckpointError, Origin, VerifiedCheckpoint};
use crate::hash::Hash;
use crate::note::LogVerifier;
use crate::tree::{ProofError, TreeHead, verify_inclusion};

/// Media type of bundles.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The attestation's place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Zero-based index of the leaf.
    pub index: u64,
    /// Full SHA-256 id of the log's key (see [`super::log_id`]).
    pub log_id: Hash,
    /// Size and root of the tree that the proof leads to.
    pub tree: TreeHead,
    /// Inclusion proof, from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint of that tree, as text.
    pub checkpoint: String,
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
}

/// An attestation with its proof, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Where the attestation is in the log.
    pub entry: LogEntry,
    /// The signed statement.
    pub envelope: Dsse,
}

impl Bundle {
    /// Reads a bundle without trusting it.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where it is not of version 0.3 with a public key, one log entry of our kind
    /// and an envelope, or where its parts contradict one another.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > 2 * MAX_ENVELOPE_BYTES {
            return Err(BundleError::Disagree("its size and what is read at most"));
        }
        let wire: Wire = serde_json::from_slice(bytes)?;
        let Material { public_key, tlog_entries } = wire.verification_material;
        let Ok([entry]) = <[Entry; 1]>::try_from(tlog_entries) else {
            return Err(BundleError::Disagree("the number of its log entries and one"));
        };
        let proof = entry.inclusion_proof;
        let kind = (entry.kind_version.kind.as_str(), entry.kind_version.version.as_str());
        let rules = [
            (wire.media_type == BUNDLE_MEDIA_TYPE, "its media type and bundle v0.3"),
            (public_key.hint == wire.dsse_envelope.key_id_hint(), "its hint and the key id"),
            (kind == ("hashedrekord", "0.0.2"), "the entry's kind and hashedrekord 0.0.2"),
            (entry.log_index == proof.log_index, "the two log indexes"),
            (entry.integrated_time == 0, "the integrated time and 0, as nobody vouches for it"),
        ];
        if let Some((_, what)) = rules.iter().find(|(holds, _)| !holds) {
            return Err(BundleError::Disagree(what));
        }
        let entry = LogEntry {
            index: entry.log_index,
            log_id: entry.log_id.key_id,
            tree: TreeHead { size: proof.tree_size, root: proof.root_hash },
            hashes: proof.hashes,
            checkpoint: proof.checkpoint.envelope,
            leaf: entry.canonicalized_body,
        };
        Ok(Self { entry, envelope: wire.dsse_envelope })
    }

    /// Returns the bundle as JSON, in the one spelling in which it is written here.
    pub fn to_json(&self) -> String {
        let entry = &self.entry;
        let proof = Proof {
            log_index: entry.index,
            tree_size: entry.tree.size,
            root_hash: entry.tree.root,
            hashes: entry.hashes.clone(),
            checkpoint: CheckpointText { envelope: entry.checkpoint.clone() },
        };
        let hint = self.envelope.key_id_hint().to_owned();
        let wire = Wire {
            media_type: BUNDLE_MEDIA_TYPE.to_owned(),
            verification_material: Material {
                public_key: Hint { hint },
                tlog_entries: vec![Entry {
                    log_index: entry.index,
                    log_id: LogId { key_id: entry.log_id },
                    kind_version: KindVersion {
                        kind: "hashedrekord".to_owned(),
                        version: "0.0.2".to_owned(),
                    },
                    integrated_time: 0,
                    inclusion_proof: proof,
                    canonicalized_body: entry.leaf.clone(),
                }],
            },
            dsse_envelope: self.envelope.clone(),
        };
        serde_json::to_string(&wire).expect("BUG: text and numbers have a JSON form")
    }

    /// Checks signature, leaf, proof and checkpoint, and returns what was signed.
    ///
    /// `key` is the attestation key, `origin` and `log` are the log's, all known from elsewhere.
    ///
    /// # Errors
    ///
    /// [`BundleError`], which names the part that was refused.
    pub fn verify(
        &self,
        key: &AttestationVerifier,
        origin: &Origin,
        log: &[LogVerifier],
    ) -> Result<VerifiedBundle, BundleError> {
        let signed = self.verify_envelope(key)?;
        let entry = &self.entry;
        let checkpoint = Checkpoint::open(entry.checkpoint.as_bytes(), origin, log)?;
        if *checkpoint.head() != entry.tree {
            return Err(BundleError::Disagree("the proof's tree and the checkpoint's"));
        }
        if !checkpoint.signed_by().iter().any(|log| super::log_id(log) == entry.log_id) {
            return Err(BundleError::Disagree("the log id and the keys that signed"));
        }
        verify_inclusion(&Hash::leaf(&entry.leaf), entry.index, &entry.hashes, checkpoint.head())?;
        Ok(VerifiedBundle { index: entry.index, signed, checkpoint })
    }

    /// Checks the envelope's signature and that the leaf says the same; not the log.
    ///
    /// # Errors
    ///
    /// [`BundleError::Envelope`], [`BundleError::Leaf`] and [`BundleError::Disagree`].
    pub fn verify_envelope(&self, key: &AttestationVerifier) -> Result<Verified, BundleError> {
        let signed = self.envelope.verify(IN_TOTO_PAYLOAD, key)?;
        if self.envelope.key_id_hint() != key.id().to_string() {
            return Err(BundleError::Disagree("the key id and the key that signed"));
        }
        let leaf = HashedRekord::parse(&self.entry.leaf)?;
        if leaf != HashedRekord::of(&self.envelope, key) {
            return Err(BundleError::Disagree("the leaf and the envelope"));
        }
        Ok(signed)
    }
}

/// Proof that an attestation is in the log and signed by a given key. [`Bundle::verify`] alone
/// makes one.
#[derive(Debug, Clone)]
#[must_use = "what was verified should be used in place of what was not"]
pub struct VerifiedBundle {
    index: u64,
    signed: Verified,
    checkpoint: VerifiedCheckpoint,
}

impl VerifiedBundle {
    /// Returns the index of the attestation's leaf.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns what was signed.
    pub fn signed(&self) -> &Verified {
        &self.signed
    }

    /// Returns the checkpoint whose tree has the leaf.
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Reads what was signed as a statement.
    ///
    /// # Errors
    ///
    /// [`StatementError`] where it is not an in-toto Statement v1.
    pub fn statement(&self) -> Result<Statement, StatementError> {
        Statement::parse(self.signed.payload())
    }
}

/// Why a bundle was refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is not a bundle.
    #[error("not a bundle of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// Two parts contradict one another.
    #[error("the bundle contradicts itself: {0} do not agree")]
    Disagree(&'static str),
    /// The envelope was refused.
    #[error("{0}")]
    Envelope(#[from] DsseError),
    /// The leaf was refused.
    #[error("{0}")]
    Leaf(#[from] HashedRekordError),
    /// The checkpoint was refused.
    #[error("the checkpoint was refused: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The leaf is not in the tree.
    #[error("the leaf is not in the tree of the checkpoint: {0}")]
    Inclusion(#[from] ProofError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Dsse,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Material {
    public_key: Hint,
    tlog_entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    #[serde(with = "text_number")]
    log_index: u64,
    log_id: LogId,
    kind_version: KindVersion,
    #[serde(with = "text_number")]
    integrated_time: u64,
    inclusion_proof: Proof,
    #[serde(with = "base64_bytes")]
    canonicalized_body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LogId {
    #[serde(with = "base64_hash")]
    key_id: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Proof {
    #[serde(with = "text_number")]
    log_index: u64,
    #[serde(with = "text_number")]
    tree_size: u64,
    #[serde(with = "base64_hash")]
    root_hash: Hash,
    #[serde(with = "base64_hashes")]
    hashes: Vec<Hash>,
    checkpoint: CheckpointText,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointText {
    envelope: String,
}
