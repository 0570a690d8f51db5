//! Reviews of code, from what the events alone show.
//!
//! # Invariants
//!
//! - A review is told by the person who made it, of the commit that its change was pushed with, and
//!   whoever was listed as a contributor by then made none.

use serde_json::Value;

use super::SignedEvent;
use super::approvals::at;
use super::emergencies::person;
use super::opened::Opened;
use crate::dossier::report::Failure;

/// What people say about a change that they had no hand in, by the types of its events.
pub(super) const OF_OTHERS: [&str; 3] =
    ["change.reviewed", "change.significant", "change.confirmed"];

/// Returns what is wrong with reviews of what the release was made of.
pub(super) fn wrong(opened: &Opened<'_>) -> Vec<Failure> {
    let own = opened.own_streams();
    let all = opened.told().filter(|(signed, _)| {
        signed.event.kind == "change.reviewed" && own.contains(&signed.event.stream)
    });
    all.filter_map(|(signed, data)| reviewed(opened, signed, data).err()).collect()
}

fn reviewed(opened: &Opened<'_>, signed: &SignedEvent, data: &Value) -> Result<(), Failure> {
    let by = person(signed).map(|who| who.to_string());
    if by.is_none() || by.as_deref() != data["by"].as_str() {
        return Err(at(signed, "it is not known which person reviewed the code"));
    }
    let pushed = opened.told().find(|(other, _)| {
        other.event.kind == "change.pushed" && other.event.stream == signed.event.stream
    });
    let Some((_, pushed)) = pushed.filter(|(other, _)| other.index < signed.index) else {
        return Err(at(signed, "what was reviewed was not pushed before"));
    };
    let push = &pushed["push"];
    if !push["commit"].is_string() || push["commit"] != data["commit"] {
        return Err(at(signed, "the review is of another commit than was pushed"));
    }
    let listed = push["contributors"].as_array().into_iter().flatten();
    match listed.filter_map(Value::as_str).any(|who| Some(who) == by.as_deref()) {
        true => Err(at(signed, "who reviewed the code had contributed")),
        false => Ok(()),
    }
}
