//! Decisions of policies: recorded whole, of the digests that the event names, and the same when
//! they are made again.
//!
//! An event names bundle, data, input and result by digest (`policy`). Before it did, it named the
//! input only: the bundle is then that of the configuration that was in force, and what came out is
//! what the event itself says.
//!
//! # Invariants
//!
//! - A decision that cannot be made again, because something of it was disposed of, makes the check
//!   *not checked*; one of which something is missing fails it.
//! - What a policy required beyond its rules is passed only where events show that it was met.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::opened::Opened;
use super::{PolicyReplay, SignedEvent, approvals, emergencies, obligations, versions};
use crate::dossier::build::PolicyRecord;
use crate::dossier::layout::{PolicyFile, blob_path, event_path, policy_path};
use crate::dossier::report::{Failure, Outcome};
use crate::hash::Hash;

/// The data that policies are given besides their own, where a decision does not name it: none.
const NO_DATA: &[u8] = b"{}";

pub(super) fn at(signed: &SignedEvent, why: impl std::fmt::Display) -> Failure {
    Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
}

/// Why there is no record of a decision.
enum Lost {
    /// Something of it was disposed of under a policy.
    Disposed,
    /// Something is wrong.
    Wrong(Failure),
}

/// Every decision that policies made here.
pub(super) fn made<'a>(
    opened: &'a Opened<'_>,
) -> impl Iterator<Item = (&'a SignedEvent, &'a Value)> {
    opened.told().filter(|(signed, data)| {
        signed.event.kind == "gate.decided"
            && (names_all(data) || data["gate"] == "policy" && input_alone(data).is_some())
    })
}

fn names_all(data: &Value) -> bool {
    data["policy"].is_object()
}

/// The input that a decision names which does not name the rest.
fn input_alone(data: &Value) -> Option<&str> {
    let outcome = &data["outcome"];
    let inputs = [
        &outcome["why"]["policy_allows"]["input"],
        &outcome["why"]["waived"]["input"],
        &outcome["on"]["policy"]["input"],
    ];
    inputs.into_iter().find_map(Value::as_str)
}

/// What is known of all decisions so far.
#[derive(Default)]
struct Found {
    failures: Vec<Failure>,
    unknown: Vec<String>,
    excepted: BTreeSet<String>,
    again: usize,
    not_repeated: Vec<String>,
    met: usize,
}

/// Recorded decisions: whole, and the same when made again.
pub(super) fn policy(opened: &Opened<'_>, replay: Option<&dyn PolicyReplay>) -> Outcome {
    let mut found = Found::default();
    let mut records = BTreeMap::new();
    for (signed, data) in made(opened) {
        match record(opened, signed, data) {
            Ok(record) => drop(records.insert(signed.index, (signed, data, record))),
            Err(Lost::Wrong(failure)) => found.failures.push(failure),
            Err(Lost::Disposed) => {
                let why = "what it was made from was disposed of under a policy";
                found.unknown.push(format!("the decision in leaf {}: {why}", signed.index));
            }
        }
    }
    let whole: BTreeSet<u64> =
        made(opened).filter(|(_, data)| names_all(data)).map(|(signed, _)| signed.index).collect();
    for leaf in opened.policy.keys().filter(|leaf| !whole.contains(leaf)) {
        let path = policy_path(*leaf, PolicyFile::Input);
        let why = "no decision here names this record";
        found.failures.push(Failure::new(why).file(path).leaf(*leaf));
    }
    if let Some(replay) = replay {
        let contributors = approvals::contributors(opened);
        for (signed, data, record) in records.values() {
            let barred = approvals::barred(opened, signed, &contributors);
            found.decide_again(opened, (signed, data), record, replay, &barred);
        }
    }
    found.outcome(records.len(), replay.is_some())
}

impl Found {
    fn decide_again(
        &mut self,
        opened: &Opened<'_>,
        (signed, data): (&SignedEvent, &Value),
        record: &PolicyRecord,
        replay: &dyn PolicyReplay,
        contributors: &BTreeSet<Hash>,
    ) {
        let again = match replay.replay(signed, record) {
            Ok(again) => again,
            Err(why) => return self.failures.push(at(signed, why)),
        };
        self.again += 1;
        self.not_repeated.extend(again.not_repeated);
        let why = &data["outcome"]["why"];
        if let Some(exception) = why["exception"]["exception"].as_str() {
            // An emergency goes past policies and what they require; its own evidence must hold.
            match emergencies::named(opened, exception, signed, contributors) {
                Ok(said) => drop(self.excepted.insert(said)),
                Err(wrong) => self.failures.extend(wrong),
            }
            return;
        }
        let waived = &why["waived"]["rules"];
        let lets_through = why["policy_allows"].is_object() || waived.is_array();
        if !lets_through {
            return;
        }
        let is_waived = |rule: &String| {
            let mut rules = waived.as_array().into_iter().flatten();
            rules.any(|waived| waived.as_str() == Some(rule))
        };
        for (rule, required) in again.require.iter().filter(|(rule, _)| !is_waived(rule)) {
            match obligations::met(opened, signed, required, contributors) {
                Ok(()) => self.met += 1,
                Err(obligations::NotMet::Shown(why)) => {
                    self.failures.push(at(signed, format!("{rule} was not met: {why}")));
                }
                Err(obligations::NotMet::Unknown(why)) => {
                    let leaf = signed.index;
                    self.unknown.push(format!("whether {rule} of leaf {leaf} was met: {why}"));
                }
            }
        }
    }

    fn outcome(self, records: usize, can_replay: bool) -> Outcome {
        if !self.failures.is_empty() {
            return Outcome::Failed(self.failures);
        }
        if records == 0 && self.unknown.is_empty() {
            return Outcome::not_checked("no decision here was made by a policy");
        }
        if !can_replay {
            return Outcome::not_checked(format!(
                "{records} recorded decisions are whole, but this program can not decide them again"
            ));
        }
        if !self.unknown.is_empty() {
            return Outcome::not_checked(self.unknown.join("; "));
        }
        if !self.excepted.is_empty() {
            return Outcome::Excepted(Vec::from_iter(self.excepted).join("; "));
        }
        let met = match self.met {
            0 => String::new(),
            1 => ", 1 obligation met".to_owned(),
            many => format!(", {many} obligations met"),
        };
        let not_repeated = match self.not_repeated.is_empty() {
            true => String::new(),
            false => format!("; shut, and not to be repeated: {}", self.not_repeated.join(", ")),
        };
        Outcome::Passed(format!("{} decisions made again{met}{not_repeated}", self.again))
    }
}

/// Gathers what a decision was made from, and what came out.
fn record(opened: &Opened<'_>, signed: &SignedEvent, data: &Value) -> Result<PolicyRecord, Lost> {
    let in_force = in_force(opened, signed)
        .and_then(|of| of["policies"].as_str())
        .ok_or_else(|| Lost::Wrong(at(signed, "which policies were in force is not here")))?;
    if !names_all(data) {
        let input = input_alone(data).unwrap_or_default();
        return Ok(PolicyRecord {
            bundle: blob(opened, signed, in_force)?,
            data: NO_DATA.to_vec(),
            input: blob(opened, signed, input)?,
            result: data["outcome"].to_string().into_bytes(),
        });
    }
    let named = &data["policy"];
    if named["bundle_sha256"] != in_force {
        let why = "it was made by other policies than those that were in force";
        return Err(Lost::Wrong(at(signed, why)));
    }
    versions::came_into_force(opened, signed, named).map_err(Lost::Wrong)?;
    versions::enforced(opened, signed, data).map_err(Lost::Wrong)?;
    let part = |file: PolicyFile, name: &str| part(opened, signed, file, &named[name]);
    Ok(PolicyRecord {
        bundle: part(PolicyFile::Bundle, "bundle_sha256")?,
        data: part(PolicyFile::Data, "data_sha256")?,
        input: part(PolicyFile::Input, "input_sha256")?,
        result: part(PolicyFile::Result, "result_sha256")?,
    })
}

/// The organisation as the configuration before this event put it in force.
pub(super) fn in_force<'a>(opened: &'a Opened<'_>, signed: &SignedEvent) -> Option<&'a Value> {
    let before = |found: &&SignedEvent| found.index < signed.index;
    let activated =
        opened.told().filter(|(found, _)| before(found) && found.event.kind == "config.activated");
    let number = &activated.last()?.1["number"];
    let proposed = opened.told().filter(|(found, data)| {
        before(found) && found.event.kind == "config.proposed" && data["number"] == *number
    });
    Some(&proposed.last()?.1["organisation"])
}

/// A part of a decision by the digest that the event names.
fn part(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    file: PolicyFile,
    digest: &Value,
) -> Result<Vec<u8>, Lost> {
    let path = policy_path(signed.index, file);
    let wrong = |why: &str| Lost::Wrong(Failure::new(why).file(&path).leaf(signed.index));
    let digest = digest.as_str().and_then(|digest| digest.parse::<Hash>().ok());
    let digest = digest.ok_or_else(|| wrong("the decision does not say what it was made from"))?;
    let files = opened.policy.get(&signed.index);
    match files.and_then(|files| files.get(&file)) {
        Some(content) if Hash::sha256(content) == digest => Ok(content.to_vec()),
        Some(_) => Err(wrong("this is not what the decision was made from")),
        None if opened.disposed(&digest, signed.index) => Err(Lost::Disposed),
        None => Err(wrong("this part of a recorded decision is missing")),
    }
}

fn blob(opened: &Opened<'_>, signed: &SignedEvent, digest: &str) -> Result<Vec<u8>, Lost> {
    let wrong =
        |why: &str, path: &str| Lost::Wrong(Failure::new(why).file(path).leaf(signed.index));
    let Ok(digest) = digest.parse::<Hash>() else {
        return Err(wrong("a decision names no digest", &event_path(signed.index)));
    };
    let path = blob_path(&digest);
    match opened.files.get(&path) {
        None if opened.disposed(&digest, signed.index) => Err(Lost::Disposed),
        None => Err(wrong("what a decision was made from is missing", &path)),
        Some(bytes) if Hash::sha256(bytes) != digest => {
            Err(wrong("this is not what the decision was made from", &path))
        }
        Some(bytes) => Ok(bytes.clone()),
    }
}
