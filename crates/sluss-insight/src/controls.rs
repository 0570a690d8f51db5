//! Controls: what the log has to show for each of a catalogue's, over a period.
//!
//! # Invariants
//!
//! - A control is evidenced only if everything that it asks for happened in the period. What
//!   nothing here records, and what did not happen, is a gap; an empty period is all gaps.
//! - What spoke against a control stands beside its evidence, never instead of it.
//!
//! The wording of controls is our own; their ids are those of the catalogues.

mod catalogue;

use std::collections::BTreeMap;

use serde::Serialize;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::gate::GateOutcome;
use sluss_core::incident::clocks::{Limit, Standing as Stands};
use sluss_core::materials::Materials;
use sluss_core::pipeline::GateKind;
use sluss_core::state::State;
use sluss_core::units::Millis;

pub use catalogue::{Catalogue, Control};

/// How many limits of incidents are named one by one.
const LIMITS_NAMED: usize = 20;

/// What an event is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`Fact::sentence` says each in words")]
pub enum Fact {
    ChangeReceived,
    WorkItemNamed,
    TestsReported,
    TestsDecided,
    GateDecided,
    Refused,
    ReleaseMade,
    ComponentsListed,
    Scanned,
    FindingsDecided,
    FindingsOverdue,
    Provenance,
    Agreed,
    ConfigurationActivated,
    DeploymentBegun,
    Judged,
    RolledBack,
    Observed,
    Sealed,
    Heartbeat,
    Witnessed,
    KeyHandedOver,
    IncidentOpened,
    IncidentClosed,
    IncidentClassified,
    AuthorityTold,
    DossierGiven,
    SignedIn,
    AccessRefused,
    ExceptionGranted,
    EmergencyReviewed,
    ShadowFound,
    ClockJumped,
    WitnessLagged,
    LogDistrusted,
}

impl Fact {
    /// Returns it in words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ChangeReceived => "a change was received, with everyone who contributed",
            Self::WorkItemNamed => "a change named its work item",
            Self::TestsReported => "a step reported tests",
            Self::TestsDecided => "the gate of tests decided",
            Self::GateDecided => "a gate decided, with its reason",
            Self::Refused => "a deployment was refused",
            Self::ReleaseMade => "a release was made, named by digests",
            Self::ComponentsListed => "what a release is made of was listed",
            Self::Scanned => "a step reported what a scanner found",
            Self::FindingsDecided => "the gate of findings decided, by how old each is",
            Self::FindingsOverdue => "what customers had was past its term to be mended",
            Self::Provenance => "how a release was built was signed",
            Self::Agreed => "a second person agreed to a release as it stands",
            Self::ConfigurationActivated => "a configuration of people and policies was activated",
            Self::DeploymentBegun => "a deployment was begun, with its intent before its effect",
            Self::Judged => "live traffic was judged",
            Self::RolledBack => "a release was taken back",
            Self::Observed => "what really runs was recorded",
            Self::Sealed => "the list of deployments was sealed",
            Self::Heartbeat => "the log recorded that nothing happened",
            Self::Witnessed => "a witness cosigned the log",
            Self::KeyHandedOver => "a key was handed over",
            Self::IncidentOpened => "an incident was opened",
            Self::IncidentClosed => "an incident was closed",
            Self::IncidentClassified => "a person classified an incident by its effects",
            Self::AuthorityTold => "the authority was told of a major incident",
            Self::DossierGiven => "the evidence of a release was given away",
            Self::SignedIn => "a person signed in",
            Self::AccessRefused => "somebody was refused something",
            Self::ExceptionGranted => "an exception from a gate was granted",
            Self::EmergencyReviewed => "an emergency was reviewed",
            Self::ShadowFound => "something ran that nobody deployed",
            Self::ClockJumped => "the clock jumped",
            Self::WitnessLagged => "a witness lagged",
            Self::LogDistrusted => "a witness knew another history of the log",
        }
    }

    /// Returns what `event` is evidence of.
    fn of(event: &Event) -> Vec<Self> {
        let one = match event {
            Event::ChangePushed { push, .. } if !push.work_items.is_empty() => Self::WorkItemNamed,
            Event::ChangeReceived { .. } => Self::ChangeReceived,
            Event::StepFinished { tests: Some(_), .. } => Self::TestsReported,
            Event::GateDecided { gate, outcome, .. } => {
                let decided = !matches!(outcome, GateOutcome::Waiting { .. });
                let of_its_own = match gate {
                    GateKind::Tests => Some(Self::TestsDecided),
                    GateKind::Findings => Some(Self::FindingsDecided),
                    _no_fact_of_its_own => None,
                };
                let of_its_own = of_its_own.filter(|_| decided);
                return of_its_own.into_iter().chain([Self::GateDecided]).collect();
            }
            Event::DeploymentRefused { .. } => Self::Refused,
            Event::ReleaseCreated { .. } => Self::ReleaseMade,
            Event::SbomRecorded { materials: Materials::Listed { .. }, .. } => {
                Self::ComponentsListed
            }
            Event::FindingsRecorded { .. } => Self::Scanned,
            Event::FindingsOverdue { late, .. } if !late.is_empty() => Self::FindingsOverdue,
            Event::AttestationRecorded { evidence: Evidence::Provenance { .. }, .. } => {
                Self::Provenance
            }
            Event::ApprovalGranted { .. } => Self::Agreed,
            Event::ConfigActivated { .. } => Self::ConfigurationActivated,
            Event::DeploymentStarted { .. } => Self::DeploymentBegun,
            Event::RolloutObserved { .. } => Self::Judged,
            Event::DeploymentRolledBack { .. } => Self::RolledBack,
            Event::EnvironmentObserved { .. } => Self::Observed,
            Event::PopulationSealed(_) => Self::Sealed,
            Event::LogHeartbeat { .. } => Self::Heartbeat,
            Event::LogWitnessed { .. } => Self::Witnessed,
            Event::LogKeyRotated { .. } | Event::LogKeyRetired { .. } => Self::KeyHandedOver,
            Event::IncidentShadow { .. } => return vec![Self::ShadowFound, Self::IncidentOpened],
            Event::IncidentOpened { .. } | Event::IncidentReported { .. } => Self::IncidentOpened,
            Event::IncidentClosed { .. } => Self::IncidentClosed,
            Event::IncidentClassified(_) => Self::IncidentClassified,
            Event::IncidentNotified(_) => Self::AuthorityTold,
            Event::DossierExported { .. } => Self::DossierGiven,
            Event::AccessLogin { .. } => Self::SignedIn,
            Event::AccessRefused { .. } | Event::AccessRefusedCounted { .. } => Self::AccessRefused,
            Event::ExceptionGranted { .. } => Self::ExceptionGranted,
            Event::ExceptionReviewed { .. } => Self::EmergencyReviewed,
            Event::LogGap { .. } => Self::ClockJumped,
            Event::LogWitnessLagging { .. } => Self::WitnessLagged,
            Event::LogRollbackDetected { .. } => Self::LogDistrusted,
            _no_evidence => return Vec::new(),
        };
        vec![one]
    }
}

/// How often something happened in a period, and where the log says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "fields are named by what they hold")]
pub struct Seen {
    pub fact: Fact,
    pub count: u64,
    /// The first and the last entry.
    pub first: u64,
    pub last: u64,
}

/// How a control stands over a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// All that it asks for happened.
    Evidenced,
    /// Some of it did.
    Partial,
    /// None of it did, or nothing here records it.
    Gap,
}

/// What the log has to show for a control.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Assessed {
    pub control: Control,
    pub standing: Standing,
    pub evidence: Vec<Seen>,
    /// What spoke against it.
    pub exceptions: Vec<Seen>,
    /// What is missing, in sentences.
    pub gaps: Vec<String>,
}

/// What happened in a period, as far as controls ask: a fold over its events.
#[derive(Debug, Clone, Default)]
pub struct Period {
    seen: BTreeMap<Fact, Seen>,
    /// How many entries were in it.
    entries: u64,
    /// Incidents that were not classified by their limit, in sentences.
    unclassified: Vec<String>,
    /// Reports that were not sent by theirs.
    untold: Vec<String>,
}

impl Period {
    /// Takes an event of the period, which stands at `position`.
    pub fn take(&mut self, position: u64, event: &Event) {
        self.entries += 1;
        for fact in Fact::of(event) {
            let new = Seen { fact, count: 0, first: position, last: position };
            let seen = self.seen.entry(fact).or_insert(new);
            seen.count += 1;
            seen.last = position;
        }
    }

    /// Takes the limits of incidents that ended in the period, by what is known of them at `now`:
    /// what was not done by then, and what was done too late.
    pub fn take_limits(&mut self, state: &State, (from, to): (Millis, Millis), now: Millis) {
        for (id, incident) in &state.incidents {
            for clock in incident.recorded().clocks() {
                let (what, due) = (clock.limit.words(), clock.due.utc_minute());
                let said = match clock.standing(now) {
                    _ if clock.due < from || clock.due >= to => continue,
                    Stands::Ahead | Stands::Near | Stands::InTime => continue,
                    Stands::Overdue => format!("{id}: {what} was due by {due}, and is missing"),
                    Stands::Late => {
                        let met = clock.met.unwrap_or(now).utc_minute();
                        format!("{id}: {what} was due by {due}, and came {met}")
                    }
                };
                match clock.limit {
                    Limit::Classification => self.unclassified.push(said),
                    Limit::Initial | Limit::Intermediate | Limit::Final => self.untold.push(said),
                }
            }
        }
    }

    /// Adds what happened in a later one.
    fn add(&mut self, later: &Self) {
        self.entries += later.entries;
        for (fact, seen) in &later.seen {
            let known = self.seen.entry(*fact).or_insert(Seen { count: 0, ..*seen });
            known.count += seen.count;
            known.last = seen.last;
        }
    }

    /// Returns how many entries were in it.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns how each control of `catalogue` stands.
    pub fn assess(&self, catalogue: Catalogue) -> Vec<Assessed> {
        catalogue.controls().iter().map(|control| self.one(*control)).collect()
    }

    fn one(&self, control: Control) -> Assessed {
        let seen = |facts: &[Fact]| -> Vec<Seen> {
            facts.iter().filter_map(|fact| self.seen.get(fact).copied()).collect()
        };
        let (evidence, exceptions) = (seen(control.asks), seen(control.against));
        let missing = control.asks.iter().filter(|fact| !self.seen.contains_key(fact));
        let mut gaps: Vec<String> =
            missing.map(|fact| format!("never in the period: {}", fact.sentence())).collect();
        gaps.extend(control.unrecorded.iter().map(|what| format!("nothing here records: {what}")));
        let limits = [&self.untold, &self.unclassified].into_iter().flatten();
        let limits: Vec<&String> = limits.filter(|_| control.in_time).collect();
        gaps.extend(limits.iter().take(LIMITS_NAMED).map(|said| (*said).clone()));
        let more = limits.len().saturating_sub(LIMITS_NAMED);
        gaps.extend((more > 0).then(|| format!("{more} more limits of incidents")));
        // A report that was not sent in time is no part of what is asked for.
        let untold = control.in_time && !self.untold.is_empty();
        let standing = match (evidence.is_empty() || untold, gaps.is_empty()) {
            (true, _) => Standing::Gap,
            (false, true) => Standing::Evidenced,
            (false, false) => Standing::Partial,
        };
        Assessed { control, standing, evidence, exceptions, gaps }
    }
}

/// What happened day by day of UTC, as far as controls ask: a fold over the whole log.
///
/// A day takes a kilobyte, whatever happened on it, so that a period is added up from its days, and
/// only what is new is read again.
#[derive(Debug, Clone, Default)]
pub struct Days {
    days: BTreeMap<i64, Period>,
    /// The position of the next entry.
    next: u64,
}

impl Days {
    /// Returns the position of the entry that is to be taken next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes the entry at `position`, if it was not taken before.
    pub fn take(&mut self, position: u64, at: Millis, event: &Event) {
        if position >= self.next {
            self.days.entry(day(at)).or_default().take(position, event);
            self.next = position + 1;
        }
    }

    /// Returns the period from the day that `from` lies in to that of `to`, included.
    pub fn between(&self, from: Millis, to: Millis) -> Period {
        let mut whole = Period::default();
        if day(from) <= day(to) {
            self.days.range(day(from)..=day(to)).for_each(|(_, day)| whole.add(day));
        }
        whole
    }
}

fn day(at: Millis) -> i64 {
    at.0.div_euclid(24 * 60 * 60 * 1000)
}
