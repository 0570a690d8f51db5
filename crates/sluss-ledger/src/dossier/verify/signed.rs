//! Signatures and inclusion: every leaf is in the log that is trusted, every envelope was signed by
//! a key that was valid there.

use std::collections::BTreeSet;

use super::opened::Opened;
use crate::attest::{Dsse, log_id};
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::dossier::layout::proof_path;
use crate::dossier::manifest::MANIFEST_PAYLOAD;
use crate::dossier::report::{Failure, Outcome};
use crate::dossier::trust::{Trust, TrustSource};
use crate::hash::Hash;
use crate::tree::{TreeHead, verify_inclusion};

/// Passed only where the keys did not come with the dossier.
pub(super) fn independent(trust: &Trust, outcome: Outcome) -> Outcome {
    match (trust.source(), outcome) {
        (TrustSource::Enclosed, Outcome::Passed(_)) => {
            Outcome::not_checked("keys not independent: they came with the dossier")
        }
        (TrustSource::Enclosed | TrustSource::Independent, outcome) => outcome,
    }
}

/// Every envelope verifies under a trusted key valid at its place in the log.
pub(super) fn signatures(opened: &Opened<'_>, trust: &Trust) -> Outcome {
    let mut failures = opened.bad_bundles.clone();
    failures.extend(manifest_signature(opened, trust).err());
    for (leaf, (path, bundle)) in &opened.bundles {
        let hint = bundle.envelope.key_id_hint();
        let outcome = match trust.keys().at(hint, *leaf) {
            Some(key) => bundle.verify_envelope(key).map(drop).map_err(|error| error.to_string()),
            None => Err(stranger(trust, hint)),
        };
        failures.extend(outcome.err().map(|why| Failure::new(why).file(*path).leaf(*leaf)));
    }
    let lines = opened.bundles.values().map(|(_, bundle)| bundle.envelope.to_json() + "\n");
    let lines: String = lines.collect();
    if opened.files.get("release.intoto.jsonl").is_none_or(|file| *file != lines.as_bytes()) {
        let why = "the envelopes are not those of the attestations, in the order of the log";
        failures.push(Failure::new(why).file("release.intoto.jsonl"));
    }
    let count = opened.bundles.len();
    let gone = opened.attestations_disposed();
    if failures.is_empty() && gone > 0 {
        return Outcome::not_checked(format!(
            "{gone} attestations were disposed of under a policy; the manifest and {count} others \
             verify"
        ));
    }
    independent(trust, Outcome::of(failures, || format!("the manifest and {count} attestations")))
}

fn stranger(trust: &Trust, hint: &str) -> String {
    if trust.keys().knows(hint) {
        format!("key {hint} was not valid at this place in the log")
    } else {
        "no trusted key signed this".to_owned()
    }
}

fn manifest_signature(opened: &Opened<'_>, trust: &Trust) -> Result<(), Failure> {
    let path = "manifest.dsse.json";
    let failure = |why: String| Failure::new(why).file(path);
    let file = opened.files.get(path).ok_or_else(|| failure("this file is missing".to_owned()))?;
    let envelope = Dsse::parse(file).map_err(|error| failure(error.to_string()))?;
    if envelope.to_json().as_bytes() != file.as_slice() {
        return Err(failure("the envelope is not written in its one spelling".to_owned()));
    }
    let hint = envelope.key_id_hint();
    let key = trust.keys().at(hint, opened.manifest.size);
    let key = key.ok_or_else(|| failure(stranger(trust, hint)))?;
    let signed =
        envelope.verify(MANIFEST_PAYLOAD, key).map_err(|error| failure(error.to_string()))?;
    if opened.files.get("manifest.json").is_none_or(|file| file != signed.payload()) {
        return Err(failure("what was signed is another manifest than the one here".to_owned()));
    }
    Ok(())
}

/// Every leaf is in the tree of the checkpoint, which the trusted log signed.
pub(super) fn inclusion(opened: &Opened<'_>, trust: &Trust) -> Outcome {
    let file = opened.files.get("checkpoint").map(Vec::as_slice).unwrap_or_default();
    let checkpoint = match Checkpoint::open(file, trust.origin(), trust.logs()) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let why = format!("{error}{}", cause.unwrap_or_default());
            return Outcome::Failed(vec![Failure::new(why).file("checkpoint")]);
        }
    };
    let head = *checkpoint.head();
    let mut failures = [&opened.bad_events[..], &opened.bad_proofs[..]].concat();
    let manifest = opened.manifest;
    let stated = TreeHead { size: manifest.size, root: manifest.root };
    if stated != head || manifest.origin != trust.origin().as_str() {
        let why = "the manifest is of another checkpoint";
        failures.push(Failure::new(why).file("manifest.json"));
    }
    let text = std::str::from_utf8(file).unwrap_or_default();
    failures.extend(events(opened, &head, text));
    failures.extend(attestations(opened, &checkpoint, text));
    let (count, size) = (opened.events.len() + opened.bundles.len(), head.size);
    let outcome = Outcome::of(failures, || format!("{count} leaves in the tree of {size}"));
    independent(trust, outcome)
}

/// The checkpoint is signed by each key that vouches for its last leaf, and by none that no longer
/// did. One that vouches later may have signed already: it is made before the log names it.
pub(super) fn key_spans(opened: &Opened<'_>, trust: &Trust) -> Outcome {
    let Some(spans) = trust.spans() else {
        return Outcome::not_checked(
            "no `log-keys.json` among the trusted files says which key signed when; get it from \
             whoever runs the log: `sluss log trust --out FOLDER`",
        );
    };
    let file = opened.files.get("checkpoint").map(Vec::as_slice).unwrap_or_default();
    let failed = |why: String| Outcome::Failed(vec![Failure::new(why).file("checkpoint")]);
    let checkpoint = match spans.verify(file) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            return failed(format!("{error}{}", cause.unwrap_or_default()));
        }
    };
    let size = checkpoint.head().size;
    let mut all = spans.spans().iter();
    let signed = checkpoint.signed_by();
    let over = all.find(|span| span.is_over(size) && signed.contains(span.verifier()));
    if let Some(span) = over {
        let until = span.until_leaf().unwrap_or_default();
        let key = span.verifier();
        return failed(format!("{key} signed {size} leaves, and was retired at leaf {until}"));
    }
    let (count, known) = (spans.signing(size).count(), spans.spans().len());
    let passed = format!("signed by the {count} that vouch for {size} leaves, of {known} ever");
    independent(trust, Outcome::Passed(passed))
}

fn events(opened: &Opened<'_>, head: &TreeHead, checkpoint: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    let leaves: BTreeSet<u64> = opened.events.iter().map(|signed| signed.index).collect();
    for signed in &opened.events {
        let (index, path) = (signed.index, proof_path(signed.index));
        let why = match opened.proofs.get(&index) {
            None => Some("the event has no proof".to_owned()),
            Some(proof) if proof.index != index => Some("the proof is of another leaf".to_owned()),
            Some(proof) if proof.checkpoint.to_string() != checkpoint => {
                Some("the proof is into another checkpoint".to_owned())
            }
            Some(proof) if proof.extra.is_some() => {
                Some("the proof carries something that nobody vouches for".to_owned())
            }
            Some(proof) => verify_inclusion(&signed.hash, index, &proof.hashes, head)
                .err()
                .map(|error| format!("the event is not in the tree: {error}")),
        };
        failures.extend(why.map(|why| Failure::new(why).file(path).leaf(index)));
    }
    let alone = opened.proofs.keys().filter(|leaf| !leaves.contains(leaf));
    failures.extend(
        alone.map(|leaf| Failure::new("a proof without event").file(proof_path(*leaf)).leaf(*leaf)),
    );
    failures
}

fn attestations(opened: &Opened<'_>, checkpoint: &VerifiedCheckpoint, text: &str) -> Vec<Failure> {
    let ids: Vec<Hash> = checkpoint.signed_by().iter().map(log_id).collect();
    let check = |leaf: u64, bundle: &crate::attest::Bundle| {
        let entry = &bundle.entry;
        let head = checkpoint.head();
        if entry.index != leaf {
            return Some("the attestation is of another leaf than its name says".to_owned());
        }
        if entry.checkpoint != text || entry.tree != *head || !ids.contains(&entry.log_id) {
            return Some("the attestation proves into another checkpoint".to_owned());
        }
        verify_inclusion(&Hash::leaf(&entry.leaf), leaf, &entry.hashes, head)
            .err()
            .map(|error| format!("the attestation is not in the tree: {error}"))
    };
    let failure = |(leaf, (path, bundle)): (&u64, &(&str, crate::attest::Bundle))| {
        Some(Failure::new(check(*leaf, bundle)?).file(*path).leaf(*leaf))
    };
    opened.bundles.iter().filter_map(failure).collect()
}
