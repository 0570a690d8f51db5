//! The proof: a fold over all leaves that checks every seal, and lists what a period holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sluss_core::event::Event;
use sluss_core::ids::{DeploymentId, EnvironmentName};
use sluss_core::population::day;
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_ledger::attest::UtcTime;
use sluss_ledger::{Counted, DeploymentWay, PopulationFact, Populations, SealFault};
use sluss_store::Sealed;

use super::{counted, fact};
use crate::engine::{fold, read_event};
use crate::failure::{Blame, Failure};

const DAY_MS: i64 = 86_400_000;
/// For how long the log must have been written on a day before a seal of that day is missed.
const MISSED_AFTER_MS: i64 = 60 * 60 * 1000;

/// A day of UTC, written `2026-11-22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// Returns the day that an instant lies in.
    pub fn of(at: Millis) -> Self {
        Self(day(at))
    }

    /// Returns its first instant.
    pub fn begins(self) -> Millis {
        Millis(self.0 * DAY_MS)
    }

    /// Returns the first instant after it.
    pub fn ends(self) -> Millis {
        Millis((self.0 + 1) * DAY_MS)
    }
}

impl FromStr for Day {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self, Failure> {
        let read = (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse::<UtcTime>());
        match read {
            Some(Ok(time)) => Ok(Self(time.ms().div_euclid(DAY_MS))),
            Some(Err(_)) | None => {
                let what = format!("`{text}` is not a day.");
                Err(Failure::new(Blame::Caller, what, "Write it like `2026-01-31`; days are UTC"))
            }
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = UtcTime::from_ms(self.begins().0).map(|time| time.to_string());
        f.write_str(text.as_deref().and_then(|text| text.get(..10)).unwrap_or("beyond the years"))
    }
}

/// A deployment of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The entry that says so.
    pub position: u64,
    /// When it was appended.
    pub time_ms: i64,
    /// Which deployment.
    pub deployment: String,
    /// Which release.
    pub release: String,
    /// Which service.
    pub service: String,
    /// `deployed`, `refused` or `rolled back`.
    pub what: &'static str,
    /// Whether an emergency let it through.
    pub emergency: bool,
    /// Whether a standard change stood for its approval.
    pub standard: bool,
}

/// What is proven of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentProof {
    /// Its name.
    pub environment: String,
    /// Deployments that were begun in the period.
    pub deploys: u64,
    /// Those of them that an emergency let through.
    pub emergency: u64,
    /// Those of them that a standard change let through.
    pub standard: u64,
    /// Deployments that were refused.
    pub refused: u64,
    /// Deployments that were taken back.
    pub rollbacks: u64,
    /// Seals of the period.
    pub seals: u64,
    /// The first entry that no seal counts yet, of the whole log.
    pub unsealed_from: u64,
    /// All of them, in the order of the log.
    pub listed: Vec<Listed>,
}

/// What was proven of a period, and what does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Whether no deployment is missing.
    pub holds: bool,
    /// The first day.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// Entries of the log that were read.
    pub entries: u64,
    /// The root over them (RFC 6962): compare it with the checkpoint that a witness cosigned.
    pub root: String,
    /// The environments with customers, by name.
    pub environments: Vec<EnvironmentProof>,
    /// What does not hold, in the order in which it was found.
    pub findings: Vec<String>,
}

/// What is known of an environment on the way through the log.
#[derive(Debug, Clone)]
struct Known {
    since: Millis,
    /// The days on which it was sealed.
    sealed: BTreeSet<i64>,
    /// A seal of it was wrong: those after it can't be right either.
    broken: bool,
    proof: EnvironmentProof,
}

/// The proof on its way through the log, from its first entry on.
#[derive(Debug)]
pub struct Prover {
    from: Day,
    to: Day,
    state: State,
    populations: Populations,
    tree: sluss_ledger::Frontier,
    environments: BTreeMap<EnvironmentName, Known>,
    /// First and last time of an entry, by day.
    days: BTreeMap<i64, (Millis, Millis)>,
    findings: Vec<String>,
    stopped: bool,
}

impl Prover {
    /// Begins a proof of the days from `from` to `to`, both included.
    ///
    /// # Errors
    ///
    /// The last day is before the first.
    pub fn new(from: Day, to: Day) -> Result<Self, Failure> {
        if to < from {
            let what = format!("{to} is before {from}.");
            return Err(Failure::new(Blame::Caller, what, "Give the earlier day as `--from`"));
        }
        Ok(Self {
            from,
            to,
            state: State::default(),
            populations: Populations::new(),
            tree: sluss_ledger::Frontier::new(),
            environments: BTreeMap::new(),
            days: BTreeMap::new(),
            findings: Vec::new(),
            stopped: false,
        })
    }

    /// Returns the position of the entry that comes next.
    pub fn next(&self) -> u64 {
        match self.stopped {
            true => u64::from(u32::MAX) << 16,
            false => self.state.size,
        }
    }

    /// Takes the next entry.
    pub fn take(&mut self, sealed: &Sealed) {
        if self.stopped {
            return;
        }
        let read = read_event(sealed).and_then(|(_, event)| {
            fold(&mut self.state, sealed)?;
            Ok(event)
        });
        let event = match read {
            Ok(event) => event,
            Err(failure) => {
                self.findings.push(failure.what);
                self.stopped = true;
                return;
            }
        };
        self.tree.push(sealed.hash);
        let day = day(sealed.time);
        let times = self.days.entry(day).or_insert((sealed.time, sealed.time));
        times.1 = sealed.time;
        if let Event::DeploymentRequested { environment, .. } = &event
            && let Some(known) = self.state.populations.get(environment)
        {
            let since = known.since;
            self.environments.entry(environment.clone()).or_insert_with(|| new(environment, since));
        }
        if let Some((id, counted)) = counted(&self.state, &event) {
            self.list(id, counted, sealed);
        }
        self.check(&event, sealed);
    }

    /// Checks what the entry says about populations, as the ledger does.
    fn check(&mut self, event: &Event, sealed: &Sealed) {
        let of = match event {
            Event::PopulationSealed(seal) => self.environments.get_mut(&seal.environment),
            _other => None,
        };
        let mut fact = fact(&self.state, event);
        if let Some(known) = of {
            known.sealed.insert(day(sealed.time));
            if known.broken {
                fact = PopulationFact::Nothing;
            }
            let within = self.from.begins() <= sealed.time && sealed.time < self.to.ends();
            known.proof.seals += u64::from(within);
        }
        let taken = self.populations.take(sealed.position, sealed.hash, fact);
        let Err(fault) = taken else { return };
        self.findings.push(say(&fault));
        if let Event::PopulationSealed(seal) = event
            && let Some(known) = self.environments.get_mut(&seal.environment)
        {
            known.broken = true;
        }
        // The leaf itself counts as nothing, so that the rest is still checked.
        let went_on = self.populations.take(sealed.position, sealed.hash, PopulationFact::Nothing);
        self.stopped = went_on.is_err();
    }

    fn list(&mut self, id: DeploymentId, counted: Counted, sealed: &Sealed) {
        let within = self.from.begins() <= sealed.time && sealed.time < self.to.ends();
        let Some(deployment) = self.state.deployments.get(&id).filter(|_| within) else { return };
        let known = self.environments.get_mut(&deployment.environment);
        let Some(proof) = known.map(|known| &mut known.proof) else { return };
        let emergency = counted == Counted::Deployment(DeploymentWay::Emergency);
        let standard = counted == Counted::Deployment(DeploymentWay::Standard);
        let what = match counted {
            Counted::Deployment(_) => {
                proof.deploys += 1;
                proof.emergency += u64::from(emergency);
                proof.standard += u64::from(standard);
                "deployed"
            }
            Counted::Refused => {
                proof.refused += 1;
                "refused"
            }
            Counted::Rollback => {
                proof.rollbacks += 1;
                "rolled back"
            }
        };
        proof.listed.push(Listed {
            position: sealed.position,
            time_ms: sealed.time.0,
            deployment: id.to_string(),
            release: deployment.release.to_string(),
            service: deployment.service.to_string(),
            what,
            emergency,
            standard,
        });
    }

    /// Ends the proof at an entry that is not what was written.
    pub fn broken(mut self, position: u64, what: &str) -> Proof {
        self.findings.push(format!("Entry {position} is not what was written: {what}."));
        self.finish()
    }

    /// Ends the proof at the log's end.
    pub fn finish(mut self) -> Proof {
        let first = self.from.0;
        let last = self.to.0;
        if self.days.range(first..=last).next().is_none() {
            let period = format!("from {} to {}", self.from, self.to);
            self.findings.push(format!("The log has no entry {period}: nothing is proven."));
        }
        for (name, known) in &self.environments {
            let written = self.days.range(first..=last);
            let missed = written
                .filter(|(day, (began, ended))| {
                    ended.since(*began) >= MISSED_AFTER_MS
                        && **day > day_of(known.since)
                        && !known.sealed.contains(day)
                })
                .map(|(day, _)| format!("There is no seal of {name} on {}.", Day(*day)));
            self.findings.extend(missed);
        }
        let populations = &self.populations;
        let proofs = self.environments.into_values().map(|known| {
            let unsealed_from = populations.sealed_until(&known.proof.environment);
            EnvironmentProof { unsealed_from, ..known.proof }
        });
        Proof {
            holds: self.findings.is_empty(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            entries: self.state.size,
            root: self.tree.root().to_string(),
            environments: proofs.collect(),
            findings: self.findings,
        }
    }
}

fn day_of(at: Millis) -> i64 {
    day(at)
}

fn new(environment: &EnvironmentName, since: Millis) -> Known {
    let proof = EnvironmentProof {
        environment: environment.to_string(),
        deploys: 0,
        emergency: 0,
        standard: 0,
        refused: 0,
        rollbacks: 0,
        seals: 0,
        unsealed_from: 0,
        listed: Vec::new(),
    };
    Known { since, sealed: BTreeSet::new(), broken: false, proof }
}

/// Returns what is wrong, as a sentence.
fn say(fault: &SealFault) -> String {
    let text = fault.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}
