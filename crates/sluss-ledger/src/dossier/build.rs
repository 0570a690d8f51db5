//! Writes a dossier from parts that its caller has collected.
//!
//! # Invariants
//!
//! - Every leaf that is put in proves into the checkpoint, or nothing is written.
//! - The manifest lists every file but itself and its signature.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::{PolicyFile, attestation_path, blob_path, event_path, policy_path, proof_path};
use super::manifest::{
    Disposed, Draft, FileEntry, MANIFEST_PAYLOAD, Manifest, ManifestError, StreamExtent,
    check_release,
};
use super::trust::TrustedKeys;
use super::{Files, guide, html, log_keys_file};
use crate::attest::{AttestationKey, Bundle, Dsse, LogEntry, TrustedRoot, UtcTime, log_id};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::envelope::{Envelope, OpenError};
use crate::hash::Hash;
use crate::log_keys::LogKeys;
use crate::note::{LogVerifier, Note, NoteError};
use crate::tlog_proof::TlogProof;
use crate::tree::{ProofError, TreeHead, verify_inclusion};

/// All that a dossier is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The release, such as `rel-3`.
    pub release: String,
    /// How long it is to be kept, such as `10y`.
    pub retention: String,
    /// Events in the order of the log: the release's own streams whole, others as excerpts.
    pub events: Vec<EventPart>,
    /// Attestations that these events name.
    pub attestations: Vec<AttestationPart>,
    /// Contents that events name by digest.
    pub blobs: Vec<Vec<u8>>,
    /// Contents that were deleted under a policy.
    pub disposed: Vec<Disposed>,
    /// The bill of materials, CycloneDX JSON.
    pub sbom: Option<String>,
    /// Controls with their evidence, CycloneDX JSON.
    pub controls: Option<String>,
    /// What policies decided, and from what, by the leaf of the decision.
    pub policy: BTreeMap<(u64, PolicyFile), Vec<u8>>,
    /// Who references stand for; empty to disclose nobody.
    pub identities: Vec<Identity>,
    /// The log's signed checkpoint with its cosignatures, as text.
    pub checkpoint: String,
    /// A time-stamp token over the checkpoint (RFC 3161).
    pub timestamp: Option<Vec<u8>>,
    /// Keys, copied in for convenience.
    pub trust: TrustParts,
}

/// An event with its place in the log.
#[derive(Debug, Clone)]
pub struct EventPart {
    /// Index of its leaf.
    pub index: u64,
    /// The bytes of its leaf.
    pub leaf: Vec<u8>,
    /// Inclusion proof into the checkpoint's tree.
    pub hashes: Vec<Hash>,
}

/// An attestation with its place in the log.
#[derive(Debug, Clone)]
pub struct AttestationPart {
    /// Index of its leaf.
    pub index: u64,
    /// The bytes of its leaf.
    pub leaf: Vec<u8>,
    /// Inclusion proof into the checkpoint's tree.
    pub hashes: Vec<Hash>,
    /// The signed statement.
    pub envelope: Dsse,
}

/// What a policy decided, and from what.
#[derive(Debug, Clone)]
pub struct PolicyRecord {
    /// The policy.
    pub bundle: Vec<u8>,
    /// The organisation's data, JSON.
    pub data: Vec<u8>,
    /// What was decided about, JSON.
    pub input: Vec<u8>,
    /// What came out, JSON.
    pub result: Vec<u8>,
}

/// Who a reference stands for.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The reference that events have; `ref` in JSON.
    #[serde(rename = "ref")]
    pub reference: Hash,
    /// The salt, 32 bytes as hex.
    pub salt: Hash,
    /// The person's id in the directory.
    pub person: String,
}

/// Keys that are copied into the dossier for convenience.
#[derive(Debug, Clone)]
pub struct TrustParts {
    /// The log's keys, each with the time from which it is valid.
    pub logs: Vec<(LogVerifier, UtcTime)>,
    /// The same keys, each with the leaves that it vouches for.
    pub spans: LogKeys,
    /// The keys of attestations.
    pub keys: TrustedKeys,
    /// The policy over witnesses.
    pub tlog_policy: Option<String>,
}

impl TrustParts {
    /// Returns the files of a trust folder, by their names in it.
    pub fn files(&self) -> Files {
        let vkeys: String = self.logs.iter().map(|(log, _)| format!("{log}\n")).collect();
        let files = [
            ("vkey", Some(vkeys)),
            ("log-keys.json", Some(log_keys_file::to_json(&self.spans))),
            ("keys.json", Some(self.keys.to_json())),
            ("trusted_root.json", Some(TrustedRoot::of(self.logs.clone()).to_json())),
            ("tlog-policy", self.tlog_policy.clone()),
        ];
        let there = files.into_iter().filter_map(|(name, text)| Some((name, text?)));
        there.map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
    }
}

/// Writes the dossier and signs its manifest with `key`.
///
/// # Errors
///
/// [`BuildError`] where a part does not fit the others.
pub fn build(parts: &Parts, key: &AttestationKey) -> Result<Files, BuildError> {
    check_release(&parts.release)?;
    let note = Note::parse(parts.checkpoint.as_bytes())?;
    let known: Vec<LogVerifier> = parts.trust.logs.iter().map(|(log, _)| log.clone()).collect();
    // Of the keys that the log ever had, one that signs now.
    let signs = note.verify(&known).ok().and_then(|note| note.signed_by().first().cloned());
    let log = &signs.or_else(|| known.first().cloned()).ok_or(BuildError::NoLog)?;
    let checkpoint: Checkpoint = note.unverified_text().parse()?;
    let opened = open_events(parts, &checkpoint.head)?;
    let mut files = Files::new();
    put_events(&mut files, parts, &note);
    put_attestations(&mut files, parts, &checkpoint.head, log)?;
    put_rest(&mut files, parts);
    let streams = extents(parts, &opened);
    let page = html::Page { parts, checkpoint: &checkpoint, events: &opened, streams: &streams };
    files.insert("index.html".to_owned(), page.to_string().into_bytes());
    let guide = guide::text(&parts.release, log.name().as_str(), &key.verifier().id());
    files.insert("VERIFY.md".to_owned(), guide.into_bytes());
    let entry = |(path, content): (&String, &Vec<u8>)| FileEntry {
        path: path.clone(),
        sha256: Hash::sha256(content),
        size: content.len() as u64,
    };
    let manifest = Manifest::from(Draft {
        release: parts.release.clone(),
        origin: checkpoint.origin.to_string(),
        size: checkpoint.head.size,
        root: checkpoint.head.root,
        retention: parts.retention.clone(),
        streams,
        disposed: parts.disposed.clone(),
        files: files.iter().map(entry).collect(),
    });
    let manifest = manifest.to_json().into_bytes();
    let signed = Dsse::sign(MANIFEST_PAYLOAD, manifest.clone(), key).to_json();
    files.insert("manifest.json".to_owned(), manifest);
    files.insert("manifest.dsse.json".to_owned(), signed.into_bytes());
    Ok(files)
}

/// Reads every event and checks that every leaf proves into the tree.
fn open_events(parts: &Parts, head: &TreeHead) -> Result<Vec<(u64, Envelope)>, BuildError> {
    let prove = |index: u64, leaf: &[u8], hashes: &[Hash]| {
        verify_inclusion(&Hash::leaf(leaf), index, hashes, head)
            .map_err(|source| BuildError::Inclusion { index, source })
    };
    for part in &parts.attestations {
        prove(part.index, &part.leaf, &part.hashes)?;
    }
    let mut opened = Vec::new();
    for part in &parts.events {
        let index = part.index;
        prove(index, &part.leaf, &part.hashes)?;
        let event = Envelope::open(&part.leaf);
        opened.push((index, event.map_err(|source| BuildError::Event { index, source })?));
    }
    match opened.windows(2).find(|two| two[0].0 >= two[1].0) {
        Some(two) => Err(BuildError::Order { index: two[1].0 }),
        None => Ok(opened),
    }
}

fn put_events(files: &mut Files, parts: &Parts, checkpoint: &Note) {
    for part in &parts.events {
        let (hashes, checkpoint) = (part.hashes.clone(), checkpoint.clone());
        let proof = TlogProof { extra: None, index: part.index, hashes, checkpoint };
        files.insert(event_path(part.index), part.leaf.clone());
        files.insert(proof_path(part.index), proof.to_string().into_bytes());
    }
}

fn put_attestations(
    files: &mut Files,
    parts: &Parts,
    head: &TreeHead,
    log: &LogVerifier,
) -> Result<(), BuildError> {
    let mut lines = BTreeMap::new();
    for part in &parts.attestations {
        let entry = LogEntry {
            index: part.index,
            log_id: log_id(log),
            tree: *head,
            hashes: part.hashes.clone(),
            checkpoint: parts.checkpoint.clone(),
            leaf: part.leaf.clone(),
        };
        let bundle = Bundle { entry, envelope: part.envelope.clone() };
        files.insert(attestation_path(part.index), bundle.to_json().into_bytes());
        lines.insert(part.index, part.envelope.to_json() + "\n");
    }
    if lines.len() != parts.attestations.len() {
        return Err(BuildError::Twice);
    }
    let lines: String = lines.into_values().collect();
    files.insert("release.intoto.jsonl".to_owned(), lines.into_bytes());
    Ok(())
}

fn put_rest(files: &mut Files, parts: &Parts) {
    for blob in &parts.blobs {
        files.insert(blob_path(&Hash::sha256(blob)), blob.clone());
    }
    for ((leaf, file), content) in &parts.policy {
        files.insert(policy_path(*leaf, *file), content.clone());
    }
    let trusted = parts.trust.files().into_iter();
    files.extend(trusted.map(|(name, text)| (format!("trust/{name}"), text)));
    let mut put = |name: &str, text: String| files.insert(name.to_owned(), text.into_bytes());
    put("checkpoint", parts.checkpoint.clone());
    if !parts.identities.is_empty() {
        let identities = serde_json::to_string_pretty(&parts.identities);
        put("identities.json", identities.expect("BUG: text has a JSON form") + "\n");
    }
    let optional = [("sbom.cdx.json", &parts.sbom), ("controls.cdx.json", &parts.controls)];
    for (name, text) in optional {
        if let Some(text) = text {
            put(name, text.clone());
        }
    }
    if let Some(token) = &parts.timestamp {
        files.insert("checkpoint.tsr".to_owned(), token.clone());
    }
}

/// What there is of each stream.
fn extents(parts: &Parts, opened: &[(u64, Envelope)]) -> Vec<StreamExtent> {
    let mut streams: BTreeMap<&str, StreamExtent> = BTreeMap::new();
    for ((_, event), part) in opened.iter().zip(&parts.events) {
        let (seq, head) = (event.seq, Hash::leaf(&part.leaf));
        let extent = streams.entry(&event.stream).or_insert_with(|| StreamExtent {
            stream: event.stream.clone(),
            complete: true,
            first: seq,
            last: seq,
            count: 0,
            head,
        });
        extent.complete &= seq == extent.count;
        (extent.last, extent.head) = (seq, head);
        extent.count += 1;
    }
    streams.into_values().collect()
}

/// Why a dossier was not written.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The release has a name that releases do not have.
    #[error(transparent)]
    Release(#[from] ManifestError),
    /// No key of the log was given.
    #[error("a dossier needs the key of its log: none was given")]
    NoLog,
    /// The checkpoint is not a note.
    #[error("the checkpoint is not a signed note")]
    Note(#[from] NoteError),
    /// The checkpoint's body is malformed.
    #[error("the checkpoint is malformed")]
    Checkpoint(#[from] CheckpointError),
    /// A leaf is not in the tree.
    #[error("leaf {index} is not in the tree of the checkpoint; wait for a newer one")]
    Inclusion {
        /// Index of the leaf.
        index: u64,
        /// Why not.
        source: ProofError,
    },
    /// A leaf is not an event.
    #[error("leaf {index} is not an event")]
    Event {
        /// Index of the leaf.
        index: u64,
        /// Why not.
        source: OpenError,
    },
    /// Events are not in the order of the log, or one is given twice.
    #[error("event {index} comes out of order or twice; give events in the order of the log")]
    Order {
        /// Index of its leaf.
        index: u64,
    },
    /// An attestation is given twice.
    #[error("an attestation is given twice")]
    Twice,
}
