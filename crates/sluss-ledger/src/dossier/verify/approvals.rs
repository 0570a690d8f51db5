//! Approvals, from what the events alone show.
//!
//! # Invariants
//!
//! - An approval counts only where a person other than every contributor gave it, about a statement
//!   that was asked for, is here byte for byte, and names this release and its artifacts.
//! - A deployment that asked for an approval and was cleared without one that still held is a
//!   failure, whatever else is in order; but for an emergency whose own evidence holds, which is
//!   said as that.
//!
//! Not here: roles, slots, delegation, and the signatures of authenticators (see
//! [`super::ApprovalRules`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::opened::Opened;
use super::{ApprovalRules, SignedEvent, automated, container, emergencies, reviews, statements};
use crate::dossier::layout::{blob_path, event_path};
use crate::dossier::report::{Failure, Outcome};
use crate::envelope::{Actor, ActorKind};
use crate::hash::Hash;

/// What is said of an approval of what was asked about no more.
const VOID: &str = "it grants what was void by then (core.statement_current)";

pub(super) fn at(signed: &SignedEvent, why: impl std::fmt::Display) -> Failure {
    Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
}

/// How a request for an approval stands at a point in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Asked,
    Granted,
    Void,
}

/// Checks every approval, and every deployment that asked for one.
pub(super) fn approvals(opened: &Opened<'_>, rules: Option<&dyn ApprovalRules>) -> Outcome {
    let contributors = contributors(opened);
    let mut found = Found { failures: reviews::wrong(opened), ..Found::default() };
    let mut excepted: BTreeSet<String> = BTreeSet::new();
    let mut requests: BTreeMap<(String, String), Standing> = BTreeMap::new();
    let own = opened.own_streams();
    for (signed, data) in opened.told().filter(|(signed, _)| own.contains(&signed.event.stream)) {
        let event = &signed.event;
        let statement = data["statement"].as_str().unwrap_or_default();
        let key = (event.stream.clone(), statement.to_owned());
        match event.kind.as_str() {
            "approval.requested" => {
                // What is asked anew replaces what was asked before.
                void(&mut requests, &event.stream);
                requests.insert(key, Standing::Asked);
            }
            "approval.granted" | "approval.automated" => {
                found.granted(opened, (signed, data), &contributors);
                found.failures.extend(stands(&mut requests, key, signed));
            }
            "approval.refused"
            | "approval.denied"
            | "approval.invalidated"
            | "approval.revoked"
            | "approval.expired" => void(&mut requests, &event.stream),
            "deployment.cleared" | "deployment.started" | "deploy.started" => {
                match goes_on(opened, signed, &requests, &contributors) {
                    None => {}
                    Some(Ok(said)) => _ = excepted.insert(said),
                    Some(Err(wrong)) => found.failures.extend(wrong),
                }
            }
            _ => {}
        }
    }
    let Found { mut failures, unread, unsigned, granted } = found;
    if let Some(rules) = rules {
        failures.extend(rules.broken(&opened.manifest.release, &opened.events));
    }
    if failures.is_empty() && unread > 0 {
        let why = format!("what {unread} approvals were about was disposed of under a policy");
        return Outcome::not_checked(why);
    }
    if failures.is_empty() && unsigned > 0 {
        let why = format!("what is signed of {unsigned} approvals without a person is not here");
        return Outcome::not_checked(why);
    }
    if failures.is_empty() && !excepted.is_empty() {
        return Outcome::Excepted(Vec::from_iter(excepted).join("; "));
    }
    Outcome::of(failures, || {
        let extent = if rules.is_some() { "all rules" } else { "rules that hold everywhere" };
        format!("{granted} approvals; {} contributors barred; {extent}", contributors.len())
    })
}

/// What is known of all approvals so far.
#[derive(Default)]
struct Found {
    failures: Vec<Failure>,
    granted: usize,
    /// Of how many what they are about was disposed of.
    unread: usize,
    /// Of how many without a person nothing signed is here.
    unsigned: usize,
}

impl Found {
    /// Looks at one approval by itself.
    fn granted(
        &mut self,
        opened: &Opened<'_>,
        (signed, data): (&SignedEvent, &Value),
        contributors: &BTreeSet<Hash>,
    ) {
        self.granted += 1;
        match decided_by(opened, signed, data, contributors) {
            Ok(true) => {}
            Ok(false) => self.unsigned += 1,
            Err(failure) => self.failures.push(failure),
        }
        self.failures.extend(signed_in(opened, signed).err());
        match bound(opened, signed, data) {
            Ok(true) => {}
            Ok(false) => self.unread += 1,
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// Notes that something was granted; returns what is wrong with how it stood before that.
fn stands(
    requests: &mut BTreeMap<(String, String), Standing>,
    key: (String, String),
    signed: &SignedEvent,
) -> Option<Failure> {
    match requests.get(&key).copied() {
        Some(Standing::Granted) => None,
        Some(Standing::Void) => Some(at(signed, VOID)),
        // A model that was approved in advance is not asked.
        None if signed.event.kind != "approval.automated" => {
            Some(at(signed, "nobody had asked for this approval"))
        }
        Some(Standing::Asked) | None => {
            requests.insert(key, Standing::Granted);
            None
        }
    }
}

fn void(requests: &mut BTreeMap<(String, String), Standing>, stream: &str) {
    let of_stream = requests.iter_mut().filter(|((found, _), _)| found == stream);
    of_stream.for_each(|(_, standing)| *standing = Standing::Void);
}

/// What is to be said where a deployment goes on without the approval that was asked for: which
/// emergency let it, or what is wrong.
fn goes_on(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    requests: &BTreeMap<(String, String), Standing>,
    contributors: &BTreeSet<Hash>,
) -> Option<Result<String, Vec<Failure>>> {
    let own = || requests.iter().filter(|((stream, _), _)| *stream == signed.event.stream);
    let counts = |((_, statement), standing): (&(String, String), &Standing)| {
        *standing == Standing::Granted && !statements::is_over(opened, statement, signed)
    };
    if own().any(counts) {
        return None;
    }
    if own().next().is_none() && !says_approved(opened, signed) {
        return None;
    }
    let nobody = || Err(vec![at(signed, "it went on without the approval that was asked for")]);
    let barred = barred(opened, signed, contributors);
    Some(emergencies::behind(opened, signed, &barred).unwrap_or_else(nobody))
}

/// Whether the gate for people said last, before `start`, that they had agreed.
fn says_approved(opened: &Opened<'_>, start: &SignedEvent) -> bool {
    let gate = |(signed, data): &(&SignedEvent, &Value)| {
        signed.index < start.index
            && signed.event.stream == start.event.stream
            && signed.event.kind == "gate.decided"
            && data["gate"] == "four_eyes"
    };
    opened.told().filter(gate).last().is_some_and(|(_, data)| data["outcome"]["why"] == "approved")
}

/// Everyone who does not decide where `signed` stands: who contributed, who asked for that very
/// deployment, and who let the release go again by then after it was taken back.
pub(super) fn barred(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    contributors: &BTreeSet<Hash>,
) -> BTreeSet<Hash> {
    let mut found = contributors.clone();
    let own = opened.own_streams();
    for (other, _) in opened.told().filter(|(other, _)| own.contains(&other.event.stream)) {
        let event = &other.event;
        let counts = match event.kind.as_str() {
            "deployment.requested" | "deploy.requested" => event.stream == signed.event.stream,
            "release.unbarred" => other.index < signed.index,
            _ => false,
        };
        if counts {
            hand(&event.actor, &mut found);
        }
    }
    found
}

/// Adds the person who did it, or for whom a program did.
fn hand(actor: &Actor, found: &mut BTreeSet<Hash>) {
    match actor.kind {
        ActorKind::Person | ActorKind::Agent => {
            found.insert(actor.reference);
            found.extend(actor.acts_for);
        }
        ActorKind::Workload | ActorKind::System => found.extend(actor.acts_for),
    }
}

/// Everyone who contributed: listed as such, or acting on the change or its run.
pub(super) fn contributors(opened: &Opened<'_>) -> BTreeSet<Hash> {
    let own = opened.own_streams();
    let mut found = BTreeSet::new();
    for (signed, data) in opened.told().filter(|(signed, _)| own.contains(&signed.event.stream)) {
        listed(data, &mut found);
        let event = &signed.event;
        let made = ["change.", "run.", "build.", "agent."];
        let others = reviews::OF_OTHERS.contains(&event.kind.as_str());
        if !others && made.iter().any(|word| event.kind.starts_with(word)) {
            hand(&event.actor, &mut found);
        }
    }
    found
}

/// Everyone who wrote what the release brings: listed as such, or acting on the change.
pub(super) fn authors(opened: &Opened<'_>) -> BTreeSet<Hash> {
    let own = opened.own_streams();
    let mut found = BTreeSet::new();
    for (signed, data) in opened.told().filter(|(signed, _)| own.contains(&signed.event.stream)) {
        listed(data, &mut found);
        let actor = &signed.event.actor;
        let acts = matches!(actor.kind, ActorKind::Person | ActorKind::Agent);
        let others = reviews::OF_OTHERS.contains(&signed.event.kind.as_str());
        let wrote = ["change.", "agent."].iter().any(|of| signed.event.kind.starts_with(of));
        if wrote && acts && !others {
            found.insert(actor.reference);
            found.extend(actor.acts_for);
        }
    }
    found
}

/// Adds every reference in a list called `contributors`, however deep.
fn listed(data: &Value, found: &mut BTreeSet<Hash>) {
    match data {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "contributors" {
                    let items = value.as_array().into_iter().flatten();
                    found.extend(items.filter_map(|item| item.as_str()?.parse::<Hash>().ok()));
                }
                listed(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| listed(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A person decided, it is known who, and they did not contribute; or a model that people agreed
/// to. `false` where what is signed of that is not here.
fn decided_by(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    data: &Value,
    contributors: &BTreeSet<Hash>,
) -> Result<bool, Failure> {
    let actor = &signed.event.actor;
    if signed.event.kind == "approval.automated" {
        return automated::checked(opened, signed, data, &barred(opened, signed, contributors));
    }
    if actor.kind != ActorKind::Person {
        return Err(at(signed, "what approved is not a person (core.identity.human)"));
    }
    let by = data["by"].as_str().and_then(|by| by.parse::<Hash>().ok());
    if by != Some(actor.reference) || actor.reference == Hash::ZERO {
        return Err(at(signed, "it is not known who approved (core.identity.mapped)"));
    }
    if barred(opened, signed, contributors).contains(&actor.reference) {
        return Err(at(signed, "who approved had contributed (core.sod.contributor)"));
    }
    Ok(true)
}

/// Where the event names the sign-in of who decided, that is here and is theirs.
fn signed_in(opened: &Opened<'_>, signed: &SignedEvent) -> Result<(), Failure> {
    let actor = &signed.event.actor;
    let Some(leaf) = actor.login else { return Ok(()) };
    let theirs = opened.event(leaf).is_some_and(|(login, _)| {
        login.index < signed.index
            && login.event.kind == "access.login"
            && login.event.actor.reference == actor.reference
    });
    let why = || at(signed, format!("leaf {leaf} is not the sign-in of who decided"));
    theirs.then_some(()).ok_or_else(why)
}

/// The statement is here, and is about this release. `false` where it was disposed of.
fn bound(opened: &Opened<'_>, signed: &SignedEvent, data: &Value) -> Result<bool, Failure> {
    let digest = data["statement"].as_str().unwrap_or_default();
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest).parse::<Hash>();
    let Ok(digest) = digest else {
        return Err(at(signed, "the approval is about no statement"));
    };
    let path = blob_path(&digest);
    let Some(bytes) = opened.files.get(&path) else {
        return match opened.disposed(&digest, signed.index) {
            true => Ok(false),
            false => Err(at(signed, "what was approved is missing").file(path)),
        };
    };
    let refused = |why: &str| Err(Failure::new(why).file(path.as_str()).leaf(signed.index));
    // The blob's digest is compared here too, so that this check holds without the others.
    if Hash::sha256(bytes) != digest {
        return refused("these are not the bytes that were approved (core.digest_binding)");
    }
    let Ok(statement) = serde_json::from_slice::<Value>(bytes) else {
        return refused("the statement is not JSON");
    };
    if statement["release"] != opened.manifest.release {
        return refused("what was approved is another release (core.digest_binding)");
    }
    if let Some(why) = statements::wrong(opened, signed, &statement) {
        return refused(why);
    }
    let known = container::artifacts(opened);
    let artifacts = statement["artifacts"].as_array();
    let of_artifact = |artifact: &Value| {
        let text = artifact.as_str().or_else(|| artifact["digest"].as_str())?;
        text.strip_prefix("sha256:").unwrap_or(text).parse::<Hash>().ok()
    };
    let named: Option<BTreeSet<Hash>> =
        artifacts.and_then(|artifacts| artifacts.iter().map(of_artifact).collect());
    match named {
        Some(named) if !named.is_empty() && named == known.keys().copied().collect() => Ok(true),
        Some(_) | None => {
            refused("what was approved are not this release's artifacts (core.digest_binding)")
        }
    }
}
