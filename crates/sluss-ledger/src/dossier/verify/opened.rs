//! A dossier whose files are read, with what was wrong in each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::SignedEvent;
use crate::attest::Bundle;
use crate::dossier::Files;
use crate::dossier::layout::{Place, PolicyFile, place_of};
use crate::dossier::manifest::Manifest;
use crate::dossier::report::Failure;
use crate::envelope::Envelope;
use crate::hash::Hash;
use crate::tlog_proof::TlogProof;

/// A dossier whose files are read.
pub(super) struct Opened<'a> {
    pub(super) files: &'a Files,
    pub(super) manifest: &'a Manifest,
    /// Events in the order of the log.
    pub(super) events: Vec<SignedEvent>,
    /// Data of each event, in the same order.
    pub(super) data: Vec<Value>,
    /// Where in `events` the event of a leaf is.
    by_leaf: BTreeMap<u64, usize>,
    /// Proofs of events, by leaf.
    pub(super) proofs: BTreeMap<u64, TlogProof>,
    /// Attestations, by leaf.
    pub(super) bundles: BTreeMap<u64, (&'a str, Bundle)>,
    /// Blobs with their path.
    pub(super) blobs: BTreeMap<Hash, &'a str>,
    /// Parts of recorded decisions, by the leaf of the decision.
    pub(super) policy: BTreeMap<u64, BTreeMap<PolicyFile, &'a [u8]>>,
    /// Events that could not be read.
    pub(super) bad_events: Vec<Failure>,
    /// Proofs that could not be read.
    pub(super) bad_proofs: Vec<Failure>,
    /// Attestations that could not be read.
    pub(super) bad_bundles: Vec<Failure>,
}

impl<'a> Opened<'a> {
    pub(super) fn open(files: &'a Files, manifest: &'a Manifest) -> Self {
        let mut opened = Self {
            files,
            manifest,
            events: Vec::new(),
            data: Vec::new(),
            by_leaf: BTreeMap::new(),
            proofs: BTreeMap::new(),
            bundles: BTreeMap::new(),
            blobs: BTreeMap::new(),
            policy: BTreeMap::new(),
            bad_events: Vec::new(),
            bad_proofs: Vec::new(),
            bad_bundles: Vec::new(),
        };
        for (path, content) in files {
            opened.take(path, content);
        }
        // Names sort as leaves do up to ten digits; beyond, this does.
        let mut order: Vec<usize> = (0..opened.events.len()).collect();
        order.sort_by_key(|at| opened.events[*at].index);
        opened.data = order.iter().map(|at| opened.data[*at].clone()).collect();
        opened.events.sort_by_key(|signed| signed.index);
        let indexes = opened.events.iter().map(|signed| signed.index);
        opened.by_leaf = indexes.zip(0..).collect();
        opened
    }

    fn take(&mut self, path: &'a str, content: &'a [u8]) {
        match place_of(path) {
            Some(Place::Event(index)) => match read_event(content) {
                Ok((event, data)) => {
                    let hash = Hash::leaf(content);
                    self.events.push(SignedEvent { index, hash, event });
                    self.data.push(data);
                }
                Err(why) => self.bad_events.push(Failure::new(why).file(path).leaf(index)),
            },
            Some(Place::EventProof(index)) => {
                let text = std::str::from_utf8(content).unwrap_or_default();
                match text.parse::<TlogProof>() {
                    Ok(proof) => drop(self.proofs.insert(index, proof)),
                    Err(why) => self.bad_proofs.push(Failure::new(why).file(path).leaf(index)),
                }
            }
            Some(Place::Attestation(index)) => match Bundle::parse(content) {
                Ok(bundle) => drop(self.bundles.insert(index, (path, bundle))),
                Err(why) => self.bad_bundles.push(Failure::new(why).file(path).leaf(index)),
            },
            Some(Place::Blob(digest)) => drop(self.blobs.insert(digest, path)),
            Some(Place::Policy(leaf, file)) => {
                self.policy.entry(leaf).or_default().insert(file, content);
            }
            Some(
                Place::Index
                | Place::Guide
                | Place::Manifest
                | Place::ManifestSignature
                | Place::Checkpoint
                | Place::Timestamp
                | Place::Envelopes
                | Place::Sbom
                | Place::Controls
                | Place::Identities
                | Place::Trust,
            )
            | None => {}
        }
    }

    /// The stream of the release itself.
    pub(super) fn own_stream(&self) -> String {
        format!("release/{}", self.manifest.release)
    }

    /// The event of a leaf with its data.
    pub(super) fn event(&self, leaf: u64) -> Option<(&SignedEvent, &Value)> {
        let at = *self.by_leaf.get(&leaf)?;
        Some((self.events.get(at)?, self.data.get(at)?))
    }

    /// Every event with its data, in the order of the log.
    pub(super) fn told(&self) -> impl Iterator<Item = (&SignedEvent, &Value)> {
        self.events.iter().zip(&self.data)
    }

    /// The streams that must be there whole: the release's, that of the run that made it, those of
    /// its deployments, and those of the changes of that run.
    pub(super) fn own_streams(&self) -> BTreeSet<String> {
        let own = self.own_stream();
        let release = Value::from(self.manifest.release.as_str());
        let mut streams = BTreeSet::from([own.clone()]);
        let mut runs = BTreeSet::new();
        for (signed, data) in self.told() {
            let event = &signed.event;
            if event.stream == own && event.kind == "release.created" {
                runs.extend(data["run"].as_str().map(|run| format!("run/{run}")));
            }
            let deployment = event.stream.starts_with("deployment/");
            if deployment && event.kind == "deployment.requested" && data["release"] == release {
                streams.insert(event.stream.clone());
            }
        }
        for (signed, data) in self.told().filter(|(signed, _)| runs.contains(&signed.event.stream))
        {
            if signed.event.kind == "run.queued" {
                let change = data["change"].as_str();
                streams.extend(change.map(|change| format!("change/{change}")));
            }
        }
        streams.extend(runs);
        streams
    }

    /// Whether a policy decided anything here.
    pub(super) fn has_policy(&self) -> bool {
        !self.policy.is_empty() || super::decisions::made(self).next().is_some()
    }

    /// Whether what the event at `named` names was disposed of under a policy, by a later event
    /// that is here and says so. What is named again after that had to be there again.
    pub(super) fn disposed(&self, digest: &Hash, named: u64) -> bool {
        let entry = self.manifest.disposed.iter().find(|entry| entry.sha256 == *digest);
        entry.is_some_and(|entry| entry.leaf > named && self.says_disposed(digest, entry.leaf))
    }

    /// Whether the event of a leaf says that a content was disposed of.
    pub(super) fn says_disposed(&self, digest: &Hash, leaf: u64) -> bool {
        self.event(leaf).is_some_and(|(signed, data)| {
            signed.event.kind == "blob.disposed" && data["sha256"] == digest.to_string()
        })
    }

    /// Whether the attestation that an event names is not here since its envelope was disposed of.
    pub(super) fn attestation_disposed(&self, signed: &SignedEvent, data: &Value) -> bool {
        let envelope = data["envelope"].as_str().and_then(|text| text.parse::<Hash>().ok());
        let absent = signed.event.atts.iter().all(|att| !self.bundles.contains_key(&att.leaf));
        absent && envelope.is_some_and(|digest| self.disposed(&digest, signed.index))
    }

    /// How many attestations are not here since they were disposed of.
    pub(super) fn attestations_disposed(&self) -> usize {
        let named = self.told().filter(|(signed, _)| !signed.event.atts.is_empty());
        named.filter(|(signed, data)| self.attestation_disposed(signed, data)).count()
    }
}

fn read_event(content: &[u8]) -> Result<(Envelope, Value), String> {
    let event = Envelope::open(content).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })?;
    let data = serde_json::from_str(event.data.get()).map_err(|error| error.to_string())?;
    Ok((event, data))
}
