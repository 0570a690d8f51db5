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
use sluss_core::materials::Materials;
use sluss_core::pipeline::GateKind;
use sluss_core::units::Millis;

pub use catalogue::{Catalogue, Control};

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
                let of_tests = (*gate == GateKind::Tests && decided).then_some(Self::TestsDecided);
                return of_tests.into_iter().chain([Self::GateDecided]).collect();
            }
            Event::DeploymentRefused { .. } => Self::Refused,
            Event::ReleaseCreated { .. } => Self::ReleaseMade,
            Event::SbomRecorded { materials: Materials::Listed { .. }, .. } => {
                Self::ComponentsListed
            }
            Event::FindingsRecorded { .. } => Self::Scanned,
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
            Event::DossierExported { .. } => Self::DossierGiven,
            Event::AccessLogin { .. } => Self::SignedIn,
            Event::AccessRefused { .. } | Event::AccessRefusedCounted { .. } => Self::AccessRefused,
            Event::ExceptionGranted { .. } => Self::ExceptionGranted,
            Event::ExceptionReviewed { .. } => Self::EmergencyReviewed,
            Event::LogGap { missed: false, .. } => Self::ClockJumped,
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
        let standing = match (evidence.is_empty(), gaps.is_empty()) {
            (true, _) => Standing::Gap,
            (false, true) => Standing::Evidenced,
            (false, false) => Standing::Partial,
        };
        Assessed { control, standing, evidence, exceptions, gaps }
    }
}

/// Returns whether an instant lies in a period that begins with `from` and ends before `to`.
pub fn within(at: Millis, from: Millis, to: Millis) -> bool {
    from <= at && at < to
}
