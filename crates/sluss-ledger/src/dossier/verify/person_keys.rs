//! Decisions that people signed with their own keys: each verified once more, from the bytes that
//! were signed and the key as its owner registered it.
//!
//! What is not found here: whether a key is the person's. The log says who registered it, and which
//! other person vouches for that; an auditor may ask both.

use std::collections::BTreeSet;

use serde_json::Value;

use super::SignedEvent;
use super::opened::Opened;
use crate::dossier::layout::{blob_path, event_path};
use crate::dossier::report::{Failure, Outcome};
use crate::envelope::ActorKind;
use crate::hash::Hash;
use crate::webauthn::{PersonKey, SignedDecision};

fn at(signed: &SignedEvent, why: impl std::fmt::Display) -> Failure {
    Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
}

/// Checks every signature of a person.
pub(super) fn person_keys(opened: &Opened<'_>) -> Outcome {
    let mut failures = Vec::new();
    let mut keys = BTreeSet::new();
    let (mut verified, mut without, mut unseen) = (0_usize, 0_usize, 0_usize);
    for (event, data) in opened.told() {
        let Some(word) = word(&event.event.kind) else { continue };
        if data["signed"].is_null() {
            without += 1;
            match must_sign(opened, event, data).filter(|_| word == "approve") {
                Some(true) => {
                    failures.push(at(event, "a rule asked for a signature, and there is none"));
                }
                Some(false) => {}
                None if word == "approve" => unseen += 1,
                None => {}
            }
            continue;
        }
        match decided(opened, event, data, word) {
            Ok(Some(key)) => {
                verified += 1;
                keys.insert(key);
            }
            Ok(None) => unseen += 1,
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() && unseen > 0 {
        return Outcome::not_checked(format!(
            "what {unseen} decisions rest on was disposed of under a policy; {verified} others \
             verify"
        ));
    }
    if failures.is_empty() && verified == 0 {
        return Outcome::not_checked("no decision here is signed with a person's own key");
    }
    Outcome::of(failures, || {
        let more = match without {
            0 => String::new(),
            _some => format!("; {without} more rest on the server's word"),
        };
        format!("{verified} decisions signed with {} keys of people{more}", keys.len())
    })
}

/// Whether the rules of that time let whoever agreed agree with a key only. Groups are those of the
/// configuration, without delegations. Nothing where that hangs on what was disposed of.
fn must_sign(opened: &Opened<'_>, event: &SignedEvent, data: &Value) -> Option<bool> {
    let before = || opened.told().filter(|(found, _)| found.index < event.index);
    let active = before().filter(|(found, _)| found.event.kind == "config.activated").last();
    let number = active.map_or(&Value::Null, |(_, data)| &data["number"]);
    let proposed = before().find(|(found, data)| {
        found.event.kind == "config.proposed" && !number.is_null() && data["number"] == *number
    });
    let Some(organisation) = proposed.map(|(_, data)| &data["organisation"]) else {
        return Some(false);
    };
    if organisation["by_key"] == true {
        return Some(true);
    }
    let digest = data["statement"].as_str().and_then(|text| text.parse::<Hash>().ok());
    let statement = digest.and_then(|digest| opened.files.get(&blob_path(&digest)));
    let gone =
        statement.is_none() && digest.is_some_and(|digest| opened.disposed(&digest, event.index));
    let statement: Value =
        statement.and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
    let covers = |names: &Value, name: &Value| {
        names.as_array().is_none_or(|names| names.is_empty() || names.contains(name))
    };
    let member = |group: &String| {
        let members = match group.as_str() {
            "approvers" => &organisation["approvers"],
            named => &organisation["groups"][named],
        };
        members.as_array().is_some_and(|members| members.contains(&data["by"]))
    };
    let rules = organisation["approvals"].as_array().into_iter().flatten();
    let mut rules = rules.filter(|rule| rule["by_key"] == true).peekable();
    if gone && rules.peek().is_some() {
        return None;
    }
    let asks = rules
        .filter(|rule| covers(&rule["services"], &statement["service"]))
        .filter(|rule| covers(&rule["environments"], &statement["environment"]))
        .any(|rule| rule["slots"].as_object().is_some_and(|slots| slots.keys().any(member)));
    Some(asks)
}

/// The word that is signed where an event of this kind comes of it.
fn word(kind: &str) -> Option<&'static str> {
    match kind {
        "approval.granted" => Some("approve"),
        "approval.refused" => Some("refuse"),
        "exception.granted" => Some("grant"),
        _of_no_decision => None,
    }
}

/// Returns the key that signed a decision; nothing where its signature was disposed of.
fn decided(
    opened: &Opened<'_>,
    event: &SignedEvent,
    data: &Value,
    word: &str,
) -> Result<Option<String>, Failure> {
    let actor = &event.event.actor;
    let by = data["by"].as_str().and_then(|by| by.parse::<Hash>().ok());
    let Some(by) = by.filter(|by| actor.kind == ActorKind::Person && *by == actor.reference) else {
        return Err(at(event, "it is not known who signed"));
    };
    let name = data["signed"]["authenticator"].as_str().unwrap_or_default();
    let (key, rp_id) = registered(opened, event, name, &by)?;
    let assertion = data["signed"]["assertion"].as_str().and_then(|text| text.parse().ok());
    let assertion: Hash = assertion.ok_or_else(|| at(event, "it names no signature"))?;
    let path = blob_path(&assertion);
    let refused = |why: String| Failure::new(why).file(&path).leaf(event.index);
    if !opened.files.contains_key(&path) && opened.disposed(&assertion, event.index) {
        return Ok(None);
    }
    let bytes = opened.files.get(&path).filter(|bytes| Hash::sha256(bytes) == assertion);
    let bytes = bytes.ok_or_else(|| refused("the signature is missing".to_owned()))?;
    let (said, asserted) = SignedDecision::parse(bytes)
        .and_then(|decision| decision.verify(&key, &rp_id, None))
        .map_err(|fault| refused(format!("the signature does not count: {fault}")))?;
    let (subject, statement) =
        about(opened, data, word).ok_or_else(|| at(event, "what was decided over is missing"))?;
    let same = said.decision == word
        && said.subject == subject
        && said.statement == statement
        && said.by == by;
    if !same {
        return Err(refused("another decision was signed than the log has".to_owned()));
    }
    if data["signed"]["counter"] != asserted.counter {
        return Err(refused("the key's own count is another than the log has".to_owned()));
    }
    Ok(Some(key.to_string()))
}

/// What a decision is about, and the digest of its statement. That of an exception is what was
/// asked, as its event says it.
fn about(opened: &Opened<'_>, data: &Value, word: &str) -> Option<(String, Hash)> {
    if word != "grant" {
        let statement = data["statement"].as_str()?;
        return Some((data["subject"].as_str()?.to_owned(), statement.parse().ok()?));
    }
    let exception = &data["exception"];
    let (asked, _) = opened.told().find(|(event, data)| {
        event.event.kind == "exception.requested" && data["exception"] == *exception
    })?;
    let statement = Hash::sha256(asked.event.data.get().as_bytes());
    Some((exception.as_str()?.to_owned(), statement))
}

/// Returns the key of this name and its site, as `by` had registered it and not removed it.
fn registered(
    opened: &Opened<'_>,
    event: &SignedEvent,
    name: &str,
    by: &Hash,
) -> Result<(PersonKey, String), Failure> {
    let of_key = |kind: &'static str| {
        opened.told().filter(move |(found, data)| {
            found.event.stream == "access"
                && found.event.kind == kind
                && data["authenticator"] == name
                && found.index < event.index
        })
    };
    let mut found = of_key("authenticator.registered");
    let Some((registration, data)) = found.next() else {
        return Err(at(event, format!("the registration of {name} is missing")));
    };
    let theirs = data["person"] == by.to_string() && registration.event.actor.reference == *by;
    if found.next().is_some() || !theirs {
        return Err(at(event, format!("{name} is not a key of who decided")));
    }
    if of_key("authenticator.removed").next().is_some() {
        return Err(at(event, format!("{name} had been removed by then")));
    }
    let mut vouched = of_key("authenticator.vouched");
    let another = |(said, data): (&SignedEvent, &Value)| {
        let voucher = said.event.actor.reference;
        voucher != *by && data["by"] == voucher.to_string()
    };
    if !vouched.any(|(said, data)| another((said, data))) {
        return Err(at(event, format!("nobody else had vouched for {name} by then")));
    }
    let credential = &data["credential"];
    let key = credential["key"].as_str().and_then(|key| key.parse::<PersonKey>().ok());
    let site = credential["rp_id"].as_str().map(str::to_owned);
    key.zip(site).ok_or_else(|| at(registration, "the registered key can't be read"))
}
