//! Emergencies: what let a deployment go on past an approval that was asked for.
//!
//! # Invariants
//!
//! - What an emergency let through is never *passed*: it is *excepted* where its evidence holds,
//!   and failed where it does not.
//! - Somebody else than who asked for it granted it, before it was used and for a time that had not
//!   ended; nobody with a hand in the release granted or reviewed it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::opened::Opened;
use super::{SignedEvent, approvals};
use crate::dossier::report::Failure;
use crate::envelope::ActorKind;
use crate::hash::Hash;

/// How many business days after it was granted an emergency's review may take.
const REVIEW_DAYS: u8 = 2;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Returns by when an emergency granted at `granted` is reviewed: the same time of day two business
/// days later, Monday to Friday in UTC; what begins at a weekend counts from Monday, 00:00.
fn review_due(granted: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    let weekday = |ms: i64| (ms.div_euclid(DAY_MS) + 3).rem_euclid(7);
    let mut due = granted;
    if weekday(due) >= 5 {
        due = (due.div_euclid(DAY_MS) + 7 - weekday(due)).saturating_mul(DAY_MS);
    }
    for _ in 0..REVIEW_DAYS {
        due = due.saturating_add(DAY_MS);
        if weekday(due) >= 5 {
            due = due.saturating_add(2 * DAY_MS);
        }
    }
    due
}

/// Looks for the emergency that opened the gate for people before `start`, an event of a
/// deployment. Returns nothing where none did, else what is to be said of it.
pub(super) fn behind(
    opened: &Opened<'_>,
    start: &SignedEvent,
    contributors: &BTreeSet<Hash>,
) -> Option<Result<String, Vec<Failure>>> {
    let gate = |(signed, data): &(&SignedEvent, &Value)| {
        signed.index < start.index
            && signed.event.stream == start.event.stream
            && signed.event.kind == "gate.decided"
            && data["gate"] == "four_eyes"
    };
    let (_, decided) = opened.told().filter(gate).last()?;
    let exception = decided["outcome"]["why"]["exception"]["exception"].as_str()?;
    Some(named(opened, exception, start, contributors))
}

/// Checks the emergency `exception` that was used at `start`, an event of a deployment.
pub(super) fn named(
    opened: &Opened<'_>,
    exception: &str,
    start: &SignedEvent,
    contributors: &BTreeSet<Hash>,
) -> Result<String, Vec<Failure>> {
    Exception::read(opened, exception, start).checked(contributors)
}

/// What the events of an exception say.
pub(super) struct Exception<'a> {
    pub(super) name: &'a str,
    /// What it was used for.
    pub(super) start: &'a SignedEvent,
    /// Who asked for what, until when.
    pub(super) asked: Option<(Option<Hash>, &'a Value, i64)>,
    /// Where alone it holds.
    pub(super) environment: Option<&'a str>,
    pub(super) granted: Vec<&'a SignedEvent>,
    reviewed: Option<&'a SignedEvent>,
    /// The leaf from which on it was ended.
    pub(super) ended: Option<u64>,
    /// The latest time that the dossier knows of.
    last_ms: i64,
}

impl<'a> Exception<'a> {
    pub(super) fn read(opened: &'a Opened<'_>, name: &'a str, start: &'a SignedEvent) -> Self {
        let mut found = Self {
            name,
            start,
            asked: None,
            environment: None,
            granted: Vec::new(),
            reviewed: None,
            ended: None,
            last_ms: opened.told().map(|(signed, _)| signed.event.time_ms).max().unwrap_or(0),
        };
        let stream = format!("exception/{name}");
        for (signed, data) in opened.told().filter(|(signed, _)| signed.event.stream == stream) {
            match signed.event.kind.as_str() {
                "exception.requested" => {
                    let until = data["until"].as_i64().unwrap_or(0);
                    found.asked = Some((by(data), &data["what"], until));
                    found.environment = data["terms"]["environment"].as_str();
                }
                "exception.granted" => found.granted.push(signed),
                "exception.reviewed" => found.reviewed = Some(signed),
                "exception.ended" => found.ended = found.ended.or(Some(signed.index)),
                _ => {}
            }
        }
        found
    }

    fn checked(self, contributors: &BTreeSet<Hash>) -> Result<String, Vec<Failure>> {
        let name = self.name;
        let start = self.start;
        let wrong = |why: &str| approvals::at(start, format!("the exception {name} {why}"));
        let Some((asked_by, what, until)) = self.asked else {
            return Err(vec![wrong("that let it through is not here")]);
        };
        let deployment = start.event.stream.strip_prefix("deployment/");
        let mut failures = Vec::new();
        if what["kind"] != "emergency" || what["deployment"].as_str() != deployment {
            failures.push(wrong("is no emergency of this deployment (core.breakglass.scope)"));
        }
        if until <= start.event.time_ms {
            failures.push(wrong("was over by then (core.breakglass.scope)"));
        }
        if self.ended.is_some_and(|at| at < start.index) {
            failures.push(wrong("had been ended by then"));
        }
        let before = self.granted.iter().filter(|signed| signed.index < start.index);
        let granters: BTreeSet<Hash> = before.filter_map(|signed| person(signed)).collect();
        let free = |who: &Hash| Some(*who) != asked_by && !contributors.contains(who);
        if asked_by.is_none() || !granters.iter().any(free) || !granters.iter().all(free) {
            failures.push(wrong(
                "was not granted by somebody else who had no hand in it (core.sod.contributor)",
            ));
        }
        let reviewer = self.reviewed.map(person);
        let review = match reviewer {
            Some(Some(who)) if free(&who) && !granters.contains(&who) => "reviewed by another",
            Some(_) => {
                failures.push(wrong("was reviewed by somebody who had a part in it"));
                ""
            }
            None => {
                let granted = self.granted.first().map_or(0, |signed| signed.event.time_ms);
                if self.last_ms >= review_due(granted) {
                    failures.push(wrong("was not reviewed within two business days"));
                }
                "not reviewed yet"
            }
        };
        let granted = granters.len();
        let said = || {
            let what = deployment.unwrap_or_default();
            format!("{what} let through by the emergency {name}: {granted} agreed, {review}")
        };
        if failures.is_empty() { Ok(said()) } else { Err(failures) }
    }
}

fn by(data: &Value) -> Option<Hash> {
    data["by"].as_str()?.parse().ok()
}

/// The person who did it, where the event says so twice.
pub(super) fn person(signed: &SignedEvent) -> Option<Hash> {
    let data: Value = serde_json::from_str(signed.event.data.get()).ok()?;
    let actor = &signed.event.actor;
    let same = actor.kind == ActorKind::Person && by(&data) == Some(actor.reference);
    (same && actor.reference != Hash::ZERO).then_some(actor.reference)
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, review_due};

    #[test]
    fn a_review_is_due_after_two_business_days() {
        // 2026-11-20 is a Friday.
        let friday = 1_795_132_800_000;
        let days = |from: i64| (review_due(friday + from * DAY_MS) - friday) / DAY_MS;
        assert_eq!([-4, -1, 0, 1, 2, 3].map(days), [-2, 3, 4, 5, 5, 5]);
    }
}
