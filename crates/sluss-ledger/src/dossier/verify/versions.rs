//! How policies came into force, as their decisions say it: by which commit and approval, and
//! whether what they deny was enforced.
//!
//! # Invariants
//!
//! - What only warned was said to only warn by the configuration that was in force.
//! - An approval that a decision names is the last one that its configuration had before it came
//!   into force; one that is not in the dossier is not looked for.

use serde_json::Value;

use super::SignedEvent;
use super::decisions::{at, in_force};
use super::opened::Opened;
use crate::dossier::report::Failure;

/// How the ids of what is compiled in begin.
const CORE: &str = "core.";

/// The configuration that brought the policies of a decision.
struct Brought<'a> {
    number: &'a Value,
    commit: &'a Value,
    leaf: u64,
}

/// Returns the configuration by which `bundle` came into force that was so before `signed`.
fn brought<'a>(
    opened: &'a Opened<'_>,
    signed: &SignedEvent,
    bundle: &Value,
) -> Option<Brought<'a>> {
    let mut found: Option<Brought<'a>> = None;
    let activated = opened
        .told()
        .filter(|(other, _)| other.index < signed.index && other.event.kind == "config.activated");
    for (other, data) in activated {
        let (number, commit, leaf) = (&data["number"], &data["commit"], other.index);
        let proposed = opened.told().filter(|(earlier, of)| {
            earlier.index < leaf
                && earlier.event.kind == "config.proposed"
                && of["number"] == *number
        });
        let policies = proposed.last().map(|(_, of)| &of["organisation"]["policies"]);
        found = match (policies == Some(bundle), found) {
            (false, _) => None,
            (true, None) => Some(Brought { number, commit, leaf }),
            (true, same) => same,
        };
    }
    found
}

/// What a decision says of how its policies came into force is so.
pub(super) fn came_into_force(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    named: &Value,
) -> Result<(), Failure> {
    let (commit, leaf) = (&named["commit"], named["approved_leaf"].as_u64());
    if commit.is_null() && leaf.is_none() {
        // Before decisions said it.
        return Ok(());
    }
    let wrong = |why: &str| Err(at(signed, why));
    let Some(brought) = brought(opened, signed, &named["bundle_sha256"]) else {
        return wrong("how its policies came into force is not here");
    };
    if *commit != *brought.commit {
        return wrong("its policies came into force by another commit than it says");
    }
    let subject = brought.number.as_u64().map(|number| format!("cfg-{number}"));
    let granted = opened.told().filter(|(other, data)| {
        other.index < brought.leaf
            && other.event.kind == "approval.granted"
            && data["subject"].as_str() == subject.as_deref()
    });
    let last = granted.last().map(|(other, _)| other.index);
    match (leaf, last) {
        (Some(leaf), Some(last)) if leaf != last => {
            wrong("its policies came into force by another approval than it says")
        }
        (Some(leaf), None) if opened.event(leaf).is_some() => {
            wrong("what it names as the approval of its policies is none")
        }
        (None, Some(_)) => wrong("it does not name the approval of its policies"),
        (Some(_), _) | (None, None) => Ok(()),
    }
}

/// What a decision let pass because it only warned, the configuration says to only warn.
pub(super) fn enforced(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    data: &Value,
) -> Result<(), Failure> {
    let policy = in_force(opened, signed).map_or(&Value::Null, |of| &of["policy"]);
    let mode = |of: &Value| of.as_str().unwrap_or("block").to_owned();
    let in_force = mode(&policy["mode"]);
    if mode(&data["policy"]["mode"]) != in_force {
        return Err(at(
            signed,
            format!("the policies were in the mode `{in_force}`, and not so here"),
        ));
    }
    if in_force == "warn" {
        return Ok(());
    }
    let (why, on) = (&data["outcome"]["why"], &data["outcome"]["on"]);
    let would = &why["would_refuse"];
    if would["why"].is_string() {
        return Err(at(signed, "policies that came to no answer let it pass, and were enforced"));
    }
    let lists = [&would["rules"], &why["waived"]["warned"], &on["policy"]["warned"]];
    let warned = lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    let only_warns = |rule: &str| {
        let mut rules = policy["warn"].as_array().into_iter().flatten();
        !rule.starts_with(CORE) && rules.any(|known| known == rule)
    };
    match warned.into_iter().find(|rule| !only_warns(rule)) {
        Some(rule) => {
            Err(at(signed, format!("`{rule}` was enforced, and let it pass as a warning")))
        }
        None => Ok(()),
    }
}
