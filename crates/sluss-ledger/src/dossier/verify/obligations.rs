//! What a policy required beyond its rules: whether the events of the dossier show that it was met
//! when the gate opened.
//!
//! # Invariants
//!
//! - A person counts for a role where the organisation that was in force lists them in the group of
//!   that name, or somebody listed there had handed over to them; never where they contributed, and
//!   once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::SignedEvent;
use super::decisions::in_force;
use super::opened::Opened;
use crate::envelope::ActorKind;
use crate::hash::Hash;

/// The group of those who agree where no rule says who; its members stand on their own.
const APPROVERS: &str = "approvers";

/// Why an obligation does not count as met.
pub(super) enum NotMet {
    /// Events show that it was not.
    Shown(String),
    /// Events do not show it either way.
    Unknown(String),
}

/// Looks whether what the gate that `decided` required was met: `required` is one obligation, as
/// the contract of policies writes it.
pub(super) fn met(
    opened: &Opened<'_>,
    decided: &SignedEvent,
    required: &Value,
    contributors: &BTreeSet<Hash>,
) -> Result<(), NotMet> {
    match required["kind"].as_str() {
        Some("approvals") => {
            let (Some(role), Some(count)) = (required["role"].as_str(), required["count"].as_u64())
            else {
                return Err(NotMet::Unknown("it is not written as approvals are".to_owned()));
            };
            approvals(opened, decided, (role, count), contributors)
        }
        Some("canary_at_most") => match required["permille"].as_u64() {
            Some(permille) => first_share(opened, decided, permille),
            None => Err(NotMet::Unknown("it is not written as a first share is".to_owned())),
        },
        _ => Err(NotMet::Unknown("this program does not know how to look for it".to_owned())),
    }
}

fn approvals(
    opened: &Opened<'_>,
    decided: &SignedEvent,
    (role, count): (&str, u64),
    contributors: &BTreeSet<Hash>,
) -> Result<(), NotMet> {
    let Some(organisation) = in_force(opened, decided) else {
        return Err(NotMet::Unknown("which organisation was in force is not here".to_owned()));
    };
    let listed = match role {
        APPROVERS => &organisation["approvers"],
        named => &organisation["groups"][named],
    };
    let mut members: BTreeSet<Hash> =
        listed.as_array().into_iter().flatten().filter_map(person).collect();
    members.extend(stand_ins(opened, decided, &members, contributors));
    let mut agreed = BTreeSet::new();
    let mut statement = "";
    for (signed, data) in opened.told() {
        if signed.event.stream != decided.event.stream || signed.index >= decided.index {
            continue;
        }
        match signed.event.kind.as_str() {
            "approval.requested" => {
                agreed.clear();
                statement = data["statement"].as_str().unwrap_or_default();
            }
            "approval.granted" if data["statement"] == statement => {
                let actor = &signed.event.actor;
                let same =
                    actor.kind == ActorKind::Person && person(&data["by"]) == Some(actor.reference);
                agreed.extend(same.then_some(actor.reference));
            }
            "approval.refused"
            | "approval.denied"
            | "approval.invalidated"
            | "approval.revoked"
            | "approval.expired" => agreed.clear(),
            _ => {}
        }
    }
    let counted = agreed.difference(contributors).filter(|who| members.contains(who)).count();
    match counted as u64 >= count {
        true => Ok(()),
        false => Err(NotMet::Shown(format!("{counted} of {count} agreed of role {role}"))),
    }
}

/// Who decided at that time for somebody of `members`: by the newest word of one about another.
fn stand_ins(
    opened: &Opened<'_>,
    decided: &SignedEvent,
    members: &BTreeSet<Hash>,
    contributors: &BTreeSet<Hash>,
) -> Vec<Hash> {
    let now = decided.event.time_ms;
    let handed = opened.told().filter(|(signed, _)| {
        signed.event.kind == "access.delegated" && signed.index < decided.index
    });
    let word = |(signed, data): (&SignedEvent, &Value)| {
        let of = &data["delegation"];
        let (from, to) = (person(&of["from"])?, person(&of["to"])?);
        // Nobody but who is away hands over.
        let theirs = signed.event.actor.reference == from;
        let time = (of["since"].as_i64()?, of["until"].as_i64()?);
        theirs.then_some(((from, to), (signed.index, time)))
    };
    let mut newest: BTreeMap<(Hash, Hash), (u64, (i64, i64))> = BTreeMap::new();
    for (pair, said) in handed.filter_map(word) {
        let known = newest.entry(pair).or_insert(said);
        *known = (*known).max(said);
    }
    let holds = |((from, to), (_, (since, until))): ((Hash, Hash), (u64, (i64, i64)))| {
        let may = members.contains(&from) && !contributors.contains(&from);
        (may && since <= now && now < until).then_some(to)
    };
    newest.into_iter().filter_map(holds).collect()
}

/// What the release got first, of a thousand parts of the traffic.
fn first_share(opened: &Opened<'_>, decided: &SignedEvent, permille: u64) -> Result<(), NotMet> {
    let of_stream = opened.told().filter(|(signed, _)| {
        signed.event.stream == decided.event.stream && signed.index > decided.index
    });
    for (signed, data) in of_stream {
        match signed.event.kind.as_str() {
            "rollout.shifted" => {
                return match data["share"].as_u64() {
                    Some(share) if share <= permille * 10 => Ok(()),
                    Some(share) => {
                        let first = format!("its first share was {share} of 10000");
                        Err(NotMet::Shown(first))
                    }
                    None => Err(NotMet::Unknown("its first share is not said".to_owned())),
                };
            }
            "deployment.live" => {
                return Err(NotMet::Shown("it got all traffic at once".to_owned()));
            }
            _ => {}
        }
    }
    // Nothing has reached anybody.
    Ok(())
}

fn person(name: &Value) -> Option<Hash> {
    name.as_str()?.parse().ok()
}
