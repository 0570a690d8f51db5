//! What events refer to: other events, attestations, blobs, and persons.

use std::collections::BTreeSet;

use serde_json::Value;

use super::opened::Opened;
use super::{SignedEvent, container};
use crate::attest::predicate::Sbom;
use crate::attest::{Predicate as _, Statement};
use crate::dossier::build::Identity;
use crate::dossier::layout::event_path;
use crate::dossier::report::{Failure, Outcome};
use crate::hash::Hash;

fn at(signed: &SignedEvent, why: impl std::fmt::Display) -> Failure {
    Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
}

/// Every target of the release's own events is there, and every attestation is named.
pub(super) fn cross_references(opened: &Opened<'_>) -> Outcome {
    let own = opened.own_streams();
    let mut failures = Vec::new();
    let mut named: BTreeSet<u64> = BTreeSet::new();
    let (mut checked, mut outside) = (0_usize, 0_usize);
    for (signed, data) in opened.told() {
        let event = &signed.event;
        named.extend(event.atts.iter().map(|att| att.leaf));
        if !own.contains(&event.stream) {
            // An excerpt stands here because something refers to it; what it rests on itself is in
            // the dossiers of its own streams.
            outside += event.refs.len();
            failures.extend(
                event_refs(opened, signed).into_iter().filter(|found| found.1).map(|found| found.0),
            );
            continue;
        }
        failures.extend(event_refs(opened, signed).into_iter().map(|found| found.0));
        if !opened.attestation_disposed(signed, data) {
            failures.extend(attestations(opened, signed));
        }
        failures.extend(blobs(opened, signed, data));
        failures.extend(other_artifacts(opened, signed));
        checked += event.refs.len() + event.atts.len();
    }
    for (leaf, (path, _)) in &opened.bundles {
        if !named.contains(leaf) {
            let why = "no event here names this attestation";
            failures.push(Failure::new(why).file(*path).leaf(*leaf));
        }
    }
    for entry in &opened.manifest.disposed {
        if !opened.says_disposed(&entry.sha256, entry.leaf) {
            let why = format!("{} is listed as disposed of, but no event says so", entry.sha256);
            failures.push(Failure::new(why).file("manifest.json").leaf(entry.leaf));
        }
    }
    failures.extend(sbom(opened));
    Outcome::of(failures, || {
        let more =
            if outside == 0 { String::new() } else { format!(", {outside} in excerpts not") };
        let gone = match opened.manifest.disposed.len() {
            0 => String::new(),
            gone => format!(", {gone} contents disposed of under a policy"),
        };
        format!("{checked} references followed{more}{gone}")
    })
}

/// References to events; `true` where the target is there and is another event.
fn event_refs(opened: &Opened<'_>, signed: &SignedEvent) -> Vec<(Failure, bool)> {
    let check = |reference: &crate::envelope::Ref| match opened.event(reference.leaf) {
        None => Some((
            at(signed, format!("it rests on leaf {}, which is missing", reference.leaf)),
            false,
        )),
        Some((target, _)) if target.hash != reference.hash || target.index >= signed.index => {
            Some((at(signed, format!("it rests on another leaf {}", reference.leaf)), true))
        }
        Some(_) => None,
    };
    signed.event.refs.iter().filter_map(check).collect()
}

fn attestations(opened: &Opened<'_>, signed: &SignedEvent) -> Vec<Failure> {
    let check = |named: &crate::envelope::AttestationRef| {
        let leaf = named.leaf;
        let Some((_, bundle)) = opened.bundles.get(&leaf) else {
            return Some(at(signed, format!("the attestation in leaf {leaf} is missing")));
        };
        let statement = bundle.envelope.unverified_statement();
        let says = statement.as_ref().map(Statement::predicate_type).unwrap_or_default();
        let same = bundle.envelope.pae_digest() == named.pae && says == named.predicate;
        (!same || leaf >= signed.index)
            .then(|| at(signed, format!("leaf {leaf} is another attestation than it names")))
    };
    signed.event.atts.iter().filter_map(check).collect()
}

/// What is said of a deployment, and about artifacts, is about those of the release.
fn other_artifacts(opened: &Opened<'_>, signed: &SignedEvent) -> Option<Failure> {
    let event = &signed.event;
    if event.subject.is_empty() || !event.stream.starts_with("deployment/") {
        return None;
    }
    let about: BTreeSet<Hash> = event.subject.iter().map(|one| one.digest.sha256).collect();
    let known: BTreeSet<Hash> = container::artifacts(opened).into_keys().collect();
    (about != known).then(|| at(signed, "it is about other artifacts than those of the release"))
}

/// Contents that the event's data names as `{sha256, size, media_type, …}`.
fn blobs(opened: &Opened<'_>, signed: &SignedEvent, data: &Value) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut open = vec![data];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                open.extend(fields.values());
                let names = ["sha256", "size", "media_type"];
                if !names.iter().all(|name| fields.contains_key(*name)) {
                    continue;
                }
                let digest = fields["sha256"].as_str().and_then(|text| text.parse::<Hash>().ok());
                let there = digest.is_some_and(|digest| {
                    opened.blobs.contains_key(&digest) || opened.disposed(&digest, signed.index)
                });
                if !there {
                    let name = fields["sha256"].as_str().unwrap_or("?");
                    let why = format!("the content {name} is missing and was not disposed of");
                    failures.push(at(signed, why));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    failures
}

/// The bill of materials is one that an attestation says or an event names.
fn sbom(opened: &Opened<'_>) -> Option<Failure> {
    let file = opened.files.get("sbom.cdx.json")?;
    let digest = Hash::sha256(file).to_string();
    let attested = opened.bundles.values().any(|(_, bundle)| {
        bundle.envelope.unverified_statement().is_ok_and(|statement| {
            statement.predicate_type() == Sbom::TYPE
                && statement.predicate().get().as_bytes() == file.as_slice()
        })
    });
    let named = || opened.data.iter().any(|data| mentions(data, &digest));
    (!attested && !named()).then(|| {
        Failure::new("no attestation and no event names this bill of materials")
            .file("sbom.cdx.json")
    })
}

fn mentions(data: &Value, text: &str) -> bool {
    match data {
        Value::String(found) => found.strip_prefix("sha256:").unwrap_or(found) == text,
        Value::Array(items) => items.iter().any(|item| mentions(item, text)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What is disclosed of persons recomputes to the references of events.
pub(super) fn identities(opened: &Opened<'_>) -> Outcome {
    let path = "identities.json";
    let Some(file) = opened.files.get(path) else {
        return Outcome::not_checked("nobody is disclosed here");
    };
    let identities: Vec<Identity> = match serde_json::from_slice(file) {
        Ok(identities) => identities,
        Err(error) => return Outcome::Failed(vec![Failure::new(error).file(path)]),
    };
    let acting = opened.events.iter().flat_map(|signed| {
        let actor = &signed.event.actor;
        let person = actor.kind == crate::envelope::ActorKind::Person;
        person.then_some(actor.reference).into_iter().chain(actor.acts_for)
    });
    let acting: BTreeSet<Hash> = acting.collect();
    let mut failures = Vec::new();
    for identity in &identities {
        let salted = [b"sluss/person/v1\0", &identity.salt.as_bytes()[..]].concat();
        let computed = Hash::sha256(&[&salted, identity.person.as_bytes()].concat());
        if computed != identity.reference {
            let why = format!("what is disclosed is not who {} is", identity.reference);
            failures.push(Failure::new(why).file(path));
        }
    }
    let known: BTreeSet<Hash> = identities.iter().map(|identity| identity.reference).collect();
    let erased = acting.difference(&known).count();
    if failures.is_empty() && erased > 0 {
        return Outcome::not_checked(format!(
            "{} persons are disclosed rightly; {erased} others were erased or are not disclosed",
            known.len()
        ));
    }
    Outcome::of(failures, || format!("all {} persons", known.len()))
}
