//! Which names files of a dossier have, and what each is.
//!
//! # Invariants
//!
//! - A name that is not listed here is of no dossier: no name can lead out of its folder.

use crate::hash::Hash;

/// What a file of a dossier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The page for people.
    Index,
    /// Command lines of other people's verifiers.
    Guide,
    /// What is in the dossier.
    Manifest,
    /// The signature over it.
    ManifestSignature,
    /// The log's signed checkpoint.
    Checkpoint,
    /// A time-stamp over the checkpoint (RFC 3161).
    Timestamp,
    /// The leaf of an event.
    Event(u64),
    /// Its proof of inclusion.
    EventProof(u64),
    /// An attestation with its leaf and proof.
    Attestation(u64),
    /// All envelopes, one a line.
    Envelopes,
    /// Something that an event names by digest.
    Blob(Hash),
    /// What the release is made of.
    Sbom,
    /// Controls and what was found of each.
    Controls,
    /// Who references stand for.
    Identities,
    /// A part of what a policy decided, with the leaf of the decision.
    Policy(u64, PolicyFile),
    /// A convenience copy of keys.
    Trust,
}

/// A part of what a policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyFile {
    /// The policy.
    Bundle,
    /// The organisation's data.
    Data,
    /// What was decided about.
    Input,
    /// What came out.
    Result,
}

/// Returns what the file of this name is, or none where dossiers have no such file.
pub fn place_of(path: &str) -> Option<Place> {
    let fixed = match path {
        "index.html" => Place::Index,
        "VERIFY.md" => Place::Guide,
        "manifest.json" => Place::Manifest,
        "manifest.dsse.json" => Place::ManifestSignature,
        "checkpoint" => Place::Checkpoint,
        "checkpoint.tsr" => Place::Timestamp,
        "release.intoto.jsonl" => Place::Envelopes,
        "sbom.cdx.json" => Place::Sbom,
        "controls.cdx.json" => Place::Controls,
        "identities.json" => Place::Identities,
        "trust/vkey"
        | "trust/log-keys.json"
        | "trust/keys.json"
        | "trust/trusted_root.json"
        | "trust/tlog-policy" => Place::Trust,
        _ => return numbered(path),
    };
    Some(fixed)
}

fn numbered(path: &str) -> Option<Place> {
    let (folder, rest) = path.split_once('/')?;
    match folder {
        "events" => match rest.split_once('.')? {
            (leaf, "json") => Some(Place::Event(leaf_of(leaf)?)),
            (leaf, "tlog-proof") => Some(Place::EventProof(leaf_of(leaf)?)),
            _ => None,
        },
        "attestations" => Some(Place::Attestation(leaf_of(rest.strip_suffix(".sigstore.json")?)?)),
        "blobs" => Some(Place::Blob(rest.parse().ok()?)),
        "policy" => {
            let (leaf, file) = rest.split_once('/')?;
            let file = match file {
                "bundle" => PolicyFile::Bundle,
                "data.json" => PolicyFile::Data,
                "input.json" => PolicyFile::Input,
                "result.json" => PolicyFile::Result,
                _ => return None,
            };
            Some(Place::Policy(leaf_of(leaf)?, file))
        }
        _ => None,
    }
}

/// The number of a leaf as names have it: at least ten digits, so that names sort as leaves do.
pub(crate) fn leaf_name(leaf: u64) -> String {
    format!("{leaf:010}")
}

fn leaf_of(name: &str) -> Option<u64> {
    let leaf = name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok())??;
    (leaf_name(leaf) == name).then_some(leaf)
}

pub(crate) fn event_path(leaf: u64) -> String {
    format!("events/{}.json", leaf_name(leaf))
}

pub(crate) fn proof_path(leaf: u64) -> String {
    format!("events/{}.tlog-proof", leaf_name(leaf))
}

pub(crate) fn attestation_path(leaf: u64) -> String {
    format!("attestations/{}.sigstore.json", leaf_name(leaf))
}

pub(crate) fn blob_path(digest: &Hash) -> String {
    format!("blobs/{digest}")
}

pub(crate) fn policy_path(leaf: u64, file: PolicyFile) -> String {
    let file = match file {
        PolicyFile::Bundle => "bundle",
        PolicyFile::Data => "data.json",
        PolicyFile::Input => "input.json",
        PolicyFile::Result => "result.json",
    };
    format!("policy/{}/{file}", leaf_name(leaf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_of_no_dossier() {
        for bad in [
            "../checkpoint",
            "/checkpoint",
            "events/../checkpoint",
            "events/0000000001.JSON",
            "events/1.json",
            "events/00000000001.json",
            "events\\0000000001.json",
            "blobs/",
            "Checkpoint",
            "checkpoint/",
            "./checkpoint",
            "trust/other",
            "",
        ] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_name_that_is_written_is_known() {
        let digest = Hash::sha256(b"blob");
        assert_eq!(place_of(&event_path(7)), Some(Place::Event(7)));
        assert_eq!(place_of(&proof_path(7)), Some(Place::EventProof(7)));
        assert_eq!(place_of(&event_path(12_345_678_901)), Some(Place::Event(12_345_678_901)));
        assert_eq!(place_of(&attestation_path(7)), Some(Place::Attestation(7)));
        assert_eq!(place_of(&blob_path(&digest)), Some(Place::Blob(digest)));
        let path = policy_path(7, PolicyFile::Input);
        assert_eq!(place_of(&path), Some(Place::Policy(7, PolicyFile::Input)));
    }
}
