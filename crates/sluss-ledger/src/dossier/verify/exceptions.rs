//! Exceptions that opened gates: emergencies, overrides of a freeze, standard changes; and what the
//! calendar said. For each deployment that was begun, by its last decisions before that.
//!
//! # Invariants
//!
//! - What an emergency or an override let through is never *passed*: it is *excepted* where its
//!   evidence holds, and failed where it does not. A standard change is an approval in advance: it
//!   passes where its model covers what the gate says, and was agreed to as it must be.
//! - Who granted is another than who asked, had no hand in the release, and was one who decides by
//!   the configuration in force; they did so before the start, and for a time that had not ended.
//! - Where nothing here says who asked and granted, nothing is passed.
//!
//! Not here: whether rules ask for more people or for keys, and the names of the files that differ,
//! which no event has. Waived rules of policies are looked at where policies are decided again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::decisions::in_force;
use super::emergencies::{self, Exception, person};
use super::opened::Opened;
use super::{SignedEvent, approvals, freezes};
use crate::dossier::report::{Failure, Outcome};
use crate::hash::Hash;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// The longest time for which a freeze may be gone past.
const OVERRIDE_MOST_MS: i64 = 24 * HOUR_MS;
/// The longest time for which a standard change may hold.
const STANDARD_MOST_MS: i64 = 365 * 24 * HOUR_MS;

/// What is known of all exceptions so far.
#[derive(Default)]
struct Found {
    failures: Vec<Failure>,
    unknown: BTreeSet<String>,
    excepted: BTreeSet<String>,
    standard: BTreeSet<String>,
}

/// Why an exception does not count.
enum Not {
    Shown(Vec<Failure>),
    Unknown(String),
}

/// Checks every exception by which a gate of a deployment was open that was begun.
pub(super) fn exceptions(opened: &Opened<'_>) -> Outcome {
    let contributors = approvals::contributors(opened);
    let mut found = Found::default();
    for start in begun(opened) {
        found.failures.extend(freezes::answered(opened, start));
        for (gate, decided) in last_decisions(opened, start) {
            let why = &decided["outcome"]["why"];
            if let Some(name) = why["standard"]["exception"].as_str() {
                let of = Exception::read(opened, name, start);
                match standard(opened, of, &why["standard"], &contributors) {
                    Ok(said) => drop(found.standard.insert(said)),
                    Err(not) => found.takes(not),
                }
            }
            let Some(name) = why["exception"]["exception"].as_str() else { continue };
            let said = match gate {
                "freeze" => {
                    let of = Exception::read(opened, name, start);
                    freeze_override(opened, of, &contributors)
                }
                _another => {
                    emergencies::named(opened, name, start, &contributors).map_err(Not::Shown)
                }
            };
            match said {
                Ok(said) => drop(found.excepted.insert(said)),
                Err(not) => found.takes(not),
            }
        }
    }
    found.outcome()
}

impl Found {
    fn takes(&mut self, not: Not) {
        match not {
            Not::Shown(failures) => self.failures.extend(failures),
            Not::Unknown(why) => drop(self.unknown.insert(why)),
        }
    }

    fn outcome(self) -> Outcome {
        if !self.failures.is_empty() {
            return Outcome::Failed(self.failures);
        }
        let joined = |all: BTreeSet<String>| Vec::from_iter(all).join("; ");
        if !self.unknown.is_empty() {
            return Outcome::not_checked(joined(self.unknown));
        }
        if !self.excepted.is_empty() {
            return Outcome::Excepted(joined(self.excepted));
        }
        Outcome::Passed(match self.standard.is_empty() {
            true => "no gate was opened by an exception".to_owned(),
            false => joined(self.standard),
        })
    }
}

/// The release's deployments that were begun, each by the event that says so.
fn begun<'a>(opened: &'a Opened<'_>) -> impl Iterator<Item = &'a SignedEvent> {
    let own = opened.own_streams();
    let started = ["deployment.started", "deploy.started"];
    opened.events.iter().filter(move |signed| {
        started.contains(&signed.event.kind.as_str()) && own.contains(&signed.event.stream)
    })
}

/// What each gate of a deployment decided last before it was begun.
fn last_decisions<'a>(opened: &'a Opened<'_>, start: &SignedEvent) -> BTreeMap<&'a str, &'a Value> {
    let before = opened.told().filter(|(signed, _)| {
        signed.index < start.index
            && signed.event.stream == start.event.stream
            && signed.event.kind == "gate.decided"
    });
    before.map(|(_, data)| (data["gate"].as_str().unwrap_or_default(), data)).collect()
}

/// Two people, neither of whom had a hand in it, let it past a freeze.
fn freeze_override(
    opened: &Opened<'_>,
    of: Exception<'_>,
    contributors: &BTreeSet<Hash>,
) -> Result<String, Not> {
    let missing = wrong(&of, "that let it past a freeze is not here");
    let Some(asked) = Asked::read(opened, of) else { return Err(Not::Shown(vec![missing])) };
    let mut failures = asked.not_in_time(OVERRIDE_MOST_MS);
    let deployment = asked.of.start.event.stream.strip_prefix("deployment/");
    if asked.what["kind"] != "freeze" || asked.what["deployment"].as_str() != deployment {
        failures.push(asked.wrong("is no override of a freeze for this deployment"));
    }
    if asked.by.is_none_or(|by| contributors.contains(&by)) {
        failures.push(asked.wrong("was asked for by somebody who had a hand in it"));
    }
    if asked.agreed(opened, contributors)?.is_empty() {
        failures.push(asked.wrong("was not granted by somebody else who decides"));
    }
    let said = || {
        let what = deployment.unwrap_or_default();
        format!("{what} let past a freeze by {}: two persons, at least", asked.of.name)
    };
    if failures.is_empty() { Ok(said()) } else { Err(Not::Shown(failures)) }
}

/// The model that was agreed to in advance covers what the gate says of the release.
fn standard(
    opened: &Opened<'_>,
    of: Exception<'_>,
    fits: &Value,
    contributors: &BTreeSet<Hash>,
) -> Result<String, Not> {
    // Dossiers did not have them once; where the decision refers to it, its absence fails.
    let why = "which this dossier does not have: export it anew";
    let unknown = format!("it passed by the standard change {}, {why}", of.name);
    let Some(asked) = Asked::read(opened, of) else { return Err(Not::Unknown(unknown)) };
    let mut failures = asked.not_in_time(STANDARD_MOST_MS);
    let model = &asked.what["model"];
    if asked.what["kind"] != "standard" {
        failures.push(asked.wrong("is no standard change"));
    }
    let of_it = |services: BTreeSet<&str>| services.iter().all(|one| model["service"] == *one);
    if !services(opened).is_some_and(of_it) {
        failures.push(asked.wrong("is one of another service"));
    }
    if fits["files"].as_u64().is_none_or(|files| files == 0) {
        failures.push(asked.wrong("is said to cover what changes nothing"));
    }
    for bound in ["files", "lines"] {
        let within = fits[bound].as_u64().zip(model[bound].as_u64());
        if within.is_none_or(|(found, most)| found > most) {
            failures.push(asked.wrong(&format!("allows fewer {bound}")));
        }
    }
    let agreed = asked.agreed(opened, contributors)?;
    if agreed.is_empty() {
        failures
            .push(asked.wrong("was not agreed to by somebody who decides and had no hand in it"));
    }
    let said = || {
        let (files, lines, count) = (&fits["files"], &fits["lines"], agreed.len());
        let what = asked.of.start.event.stream.strip_prefix("deployment/").unwrap_or_default();
        let within = format!("files {files}, lines {lines}, within what {count} agreed to");
        format!("{what} fits the standard change {}: {within}", asked.of.name)
    };
    if failures.is_empty() { Ok(said()) } else { Err(Not::Shown(failures)) }
}

/// The services whose changes the release was made of; nothing where none is named.
fn services<'a>(opened: &'a Opened<'_>) -> Option<BTreeSet<&'a str>> {
    let own = opened.own_streams();
    let pushed = opened.told().filter(|(signed, _)| {
        signed.event.kind == "change.pushed" && own.contains(&signed.event.stream)
    });
    let named: BTreeSet<&str> = pushed.filter_map(|(_, data)| data["service"].as_str()).collect();
    (!named.is_empty()).then_some(named)
}

/// An exception that is no emergency: what somebody asked for, seen from where it was used.
struct Asked<'a> {
    of: Exception<'a>,
    /// Who asked; nothing where that is not said twice alike.
    by: Option<Hash>,
    what: &'a Value,
    at_ms: i64,
    until_ms: i64,
    /// Whether its failures had suspended it by then.
    suspended: bool,
}

impl<'a> Asked<'a> {
    /// Nothing where it was not asked for by then.
    fn read(opened: &'a Opened<'_>, of: Exception<'a>) -> Option<Self> {
        let stream = format!("exception/{}", of.name);
        let before = || {
            let start = of.start.index;
            let theirs = opened.told().filter(|(signed, _)| signed.event.stream == stream);
            theirs.filter(move |(signed, _)| signed.index < start)
        };
        let suspended = before().any(|(signed, _)| signed.event.kind == "exception.suspended");
        let (signed, data) =
            before().find(|(signed, _)| signed.event.kind == "exception.requested")?;
        let until_ms = data["until"].as_i64().unwrap_or(0);
        let (by, at_ms, what) = (person(signed), signed.event.time_ms, &data["what"]);
        Some(Self { of, by, what, at_ms, until_ms, suspended })
    }

    fn wrong(&self, why: &str) -> Failure {
        wrong(&self.of, why)
    }

    /// What is wrong with the time for which it was asked, at which it was used.
    fn not_in_time(&self, most_ms: i64) -> Vec<Failure> {
        let start = self.of.start;
        let mut failures = Vec::new();
        if self.until_ms <= start.event.time_ms {
            failures.push(self.wrong("was over by then"));
        }
        if self.until_ms.saturating_sub(self.at_ms) > most_ms {
            failures.push(self.wrong("was asked for a longer time than one of its kind may last"));
        }
        if self.suspended || self.of.ended.is_some_and(|at| at < start.index) {
            failures.push(self.wrong("had been ended or suspended by then"));
        }
        failures
    }

    /// Who granted it that counts: another than who asked, without a hand in the release, and one
    /// who decides by the configuration in force when it was used.
    fn agreed(
        &self,
        opened: &Opened<'_>,
        contributors: &BTreeSet<Hash>,
    ) -> Result<BTreeSet<Hash>, Not> {
        let start = self.of.start;
        let Some(organisation) = in_force(opened, start) else {
            let why = "who decided then is not here";
            return Err(Not::Unknown(format!("the exception {}: {why}", self.of.name)));
        };
        let groups = organisation["groups"].as_object().into_iter().flat_map(|all| all.values());
        let listed = groups.chain([&organisation["approvers"]]);
        let deciders: BTreeSet<Hash> = listed
            .flat_map(|members| members.as_array().into_iter().flatten())
            .filter_map(|member| member.as_str()?.parse().ok())
            .collect();
        let free = |who: &Hash| {
            self.by.is_some_and(|by| by != *who)
                && !contributors.contains(who)
                && deciders.contains(who)
        };
        let before = self.of.granted.iter().filter(|signed| signed.index < start.index);
        Ok(before.filter_map(|signed| person(signed)).filter(free).collect())
    }
}

fn wrong(of: &Exception<'_>, why: &str) -> Failure {
    approvals::at(of.start, format!("the exception {} {why}", of.name))
}
