//! Waivers: what let a release through although a policy denied it, or a finding was past its term.
//!
//! # Invariants
//!
//! - What a waiver let through is never *passed*: it is *excepted* where its evidence holds, and
//!   failed where it does not.
//! - A waiver counts only where two people granted it before it was used, for a time that had not
//!   ended, neither of whom asked for it or wrote what it let through, and both of whom might
//!   decide by the configuration that was in force.

use std::collections::BTreeSet;

use serde_json::Value;

use super::emergencies::{Exception, person};
use super::opened::Opened;
use super::{SignedEvent, approvals, decisions};
use crate::dossier::report::{Failure, Outcome};
use crate::hash::Hash;

/// People who must agree to a waiver, beside whoever asked.
const PEOPLE: usize = 2;

/// What a decision says that waivers let through.
enum Waived<'a> {
    /// These rules of a policy, by these waivers.
    Rules(&'a Value, &'a Value),
    /// Findings past their terms: how many, by which waivers.
    Findings(&'a Value),
}

/// Every decision that waivers opened.
pub(super) fn used<'a>(
    opened: &'a Opened<'_>,
) -> impl Iterator<Item = (&'a SignedEvent, &'a Value)> {
    let decided = opened.told().filter(|(signed, _)| signed.event.kind == "gate.decided");
    decided.filter(|(_, data)| waived(data).is_some())
}

fn waived(data: &Value) -> Option<Waived<'_>> {
    let why = &data["outcome"]["why"];
    let of_findings = &why["findings_in_term"]["waived"];
    match &why["waived"] {
        Value::Object(of) => Some(Waived::Rules(of.get("rules")?, &why["waived"]["by"])),
        _none if of_findings.is_object() => Some(Waived::Findings(of_findings)),
        _none => None,
    }
}

/// Each waiver that let something through.
pub(super) fn waivers(opened: &Opened<'_>) -> Outcome {
    let wrote = approvals::authors(opened);
    let mut failures = Vec::new();
    let mut excepted = BTreeSet::new();
    for (signed, data) in used(opened) {
        let of = match waived(data) {
            Some(Waived::Rules(rules, by)) => of_rules(opened, signed, (rules, by), &wrote),
            Some(Waived::Findings(by)) => of_findings(opened, signed, by, &wrote),
            None => continue,
        };
        match of {
            Ok(said) => excepted.extend(said),
            Err(wrong) => failures.extend(wrong),
        }
    }
    match (failures.is_empty(), excepted.is_empty()) {
        (false, _) => Outcome::Failed(failures),
        (true, true) => Outcome::not_checked("no waiver let anything through"),
        (true, false) => Outcome::Excepted(Vec::from_iter(excepted).join("; ")),
    }
}

/// Each waived rule is one that a named waiver is of.
fn of_rules(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    (rules, by): (&Value, &Value),
    wrote: &BTreeSet<Hash>,
) -> Result<Vec<String>, Vec<Failure>> {
    let texts = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let (mut said, mut failures, mut covered) = (Vec::new(), Vec::new(), BTreeSet::new());
    for name in texts(by) {
        let waiver = Exception::read(opened, &name, signed);
        match holds(opened, &waiver, "waiver", wrote) {
            Ok((what, granted)) => {
                let rule = what["rule"].as_str().unwrap_or_default().to_owned();
                said.push(format!("{rule} waived by {name}: {granted} agreed"));
                covered.insert(rule);
            }
            Err(wrong) => failures.extend(wrong),
        }
    }
    for rule in texts(rules).iter().filter(|rule| !covered.contains(*rule)) {
        failures.push(approvals::at(signed, format!("no waiver here lets {rule} through")));
    }
    if failures.is_empty() { Ok(said) } else { Err(failures) }
}

/// Each named waiver is of findings that scans reported here, of as many as it let stay.
fn of_findings(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    by: &Value,
    wrote: &BTreeSet<Hash>,
) -> Result<Vec<String>, Vec<Failure>> {
    let found = reported(opened, signed);
    let (mut said, mut failures) = (Vec::new(), Vec::new());
    for (name, count) in by.as_object().into_iter().flatten() {
        let waiver = Exception::read(opened, name, signed);
        match holds(opened, &waiver, "findings", wrote) {
            Ok((what, granted)) => {
                let of = what["findings"].as_array().into_iter().flatten();
                let of = of.filter_map(Value::as_str).filter(|key| found.contains(*key)).count();
                match count.as_u64().is_some_and(|count| count > 0 && count <= of as u64) {
                    true => said.push(format!(
                        "{count} past their terms waived by {name}: {granted} agreed"
                    )),
                    false => failures.push(approvals::at(
                        signed,
                        format!("the waiver {name} is not of what scanners found here"),
                    )),
                }
            }
            Err(wrong) => failures.extend(wrong),
        }
    }
    if failures.is_empty() { Ok(said) } else { Err(failures) }
}

/// The keys of findings that scans reported here before a decision.
fn reported<'a>(opened: &'a Opened<'_>, decided: &SignedEvent) -> BTreeSet<&'a str> {
    let own = opened.own_streams();
    let recorded = opened.told().filter(|(signed, _)| {
        signed.event.kind == "findings.recorded"
            && signed.index < decided.index
            && own.contains(&signed.event.stream)
    });
    let lists = recorded.flat_map(|(_, data)| {
        [&data["named"]["open"], &data["named"]["suppressed"]]
            .into_iter()
            .filter_map(Value::as_object)
    });
    let keys = lists.flat_map(|of| of.values()).filter_map(Value::as_array).flatten();
    keys.filter_map(Value::as_str).collect()
}

/// Returns what a waiver is of, and how many granted it, where that holds at the decision that it
/// was used for.
fn holds<'a>(
    opened: &Opened<'_>,
    waiver: &Exception<'a>,
    kind: &str,
    wrote: &BTreeSet<Hash>,
) -> Result<(&'a Value, usize), Vec<Failure>> {
    let (name, start) = (waiver.name, waiver.start);
    let wrong = |why: &str| approvals::at(start, format!("the waiver {name} {why}"));
    let Some((asked_by, what, until)) = waiver.asked else {
        return Err(vec![wrong("that let it through is not here")]);
    };
    let mut failures = Vec::new();
    if what["kind"] != kind || service(opened) != what["service"].as_str() {
        failures.push(wrong("is of something else"));
    }
    if waiver.environment.is_some_and(|only| environment(opened, start) != Some(only)) {
        failures.push(wrong("is for another environment"));
    }
    if until <= start.event.time_ms {
        failures.push(wrong("was over by then"));
    }
    if waiver.ended.is_some_and(|at| at < start.index) {
        failures.push(wrong("had been ended by then"));
    }
    let before = waiver.granted.iter().filter(|signed| signed.index < start.index);
    let granters: BTreeSet<Hash> = before.filter_map(|signed| person(signed)).collect();
    let Some(deciders) = deciders(opened, start) else {
        return Err(vec![wrong("was used under a configuration that is not here")]);
    };
    let free = |who: &&Hash| {
        Some(**who) != asked_by && !wrote.contains(*who) && deciders.contains(&who.to_string())
    };
    let granted = granters.iter().filter(free).count();
    if asked_by.is_none() || granted < PEOPLE {
        failures.push(wrong(
            "was not granted by two others who may decide and did not write what it let through",
        ));
    }
    if failures.is_empty() { Ok((what, granted)) } else { Err(failures) }
}

/// The service that the release is of.
fn service<'a>(opened: &'a Opened<'_>) -> Option<&'a str> {
    let own = opened.own_streams();
    let pushed = opened.told().find(|(signed, _)| {
        signed.event.kind == "change.pushed" && own.contains(&signed.event.stream)
    });
    pushed?.1["service"].as_str()
}

/// The environment that a deployment goes to.
fn environment<'a>(opened: &'a Opened<'_>, start: &SignedEvent) -> Option<&'a str> {
    let requested = opened.told().find(|(signed, _)| {
        signed.event.kind == "deployment.requested" && signed.event.stream == start.event.stream
    });
    requested?.1["environment"].as_str()
}

/// Who might decide by the configuration that was in force.
fn deciders(opened: &Opened<'_>, start: &SignedEvent) -> Option<BTreeSet<String>> {
    let organisation = decisions::in_force(opened, start)?;
    let groups = organisation["groups"].as_object();
    let lists = groups.into_iter().flat_map(|groups| groups.values());
    let people = lists.chain([&organisation["approvers"]]).filter_map(Value::as_array).flatten();
    Some(people.filter_map(|who| who.as_str().map(str::to_owned)).collect())
}
