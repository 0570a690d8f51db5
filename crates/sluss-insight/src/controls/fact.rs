//! Facts: what happened, counted day by day.

use serde::Serialize;
use sluss_core::event::Event;
use sluss_core::silence::ClockSource;

/// What an event says that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`Fact::sentence` says each in words")]
pub enum Fact {
    Refused,
    RolledBack,
    Judged,
    Tested,
    Scanned,
    TestsAccepted,
    FindingsOverdue,
    Observed,
    Heartbeat,
    Witnessed,
    KeyHandedOver,
    ConfigurationActivated,
    IncidentOpened,
    DossierGiven,
    AgentRan,
    AccessReviewed,
    PoliciesOverdue,
    BackupRestored,
    RollbackDrilled,
    ClockTold,
    Measured,
    SignedIn,
    HoldPlaced,
    LineStopped,
    AccessRefused,
    ExceptionGranted,
    RealDataAllowed,
    WaiverExpired,
    EmergencyGranted,
    DisposedEarly,
    ShadowFound,
    ClockJumped,
    WasSilent,
    PutAside,
    WitnessLagged,
    LogDistrusted,
    SealsApart,
}

impl Fact {
    /// Returns it in words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Refused => "a deployment was refused",
            Self::RolledBack => "a release was taken back",
            Self::Judged => "live traffic was judged",
            Self::Tested => "a step reported tests",
            Self::Scanned => "a step reported what a scanner found",
            Self::TestsAccepted => "a person accepted that tests failed or could not run",
            Self::FindingsOverdue => "what customers had was past its term to be mended",
            Self::Observed => "what really runs was recorded",
            Self::Heartbeat => "the log recorded that nothing happened",
            Self::Witnessed => "a witness cosigned the log",
            Self::KeyHandedOver => "a key was handed over",
            Self::ConfigurationActivated => "a configuration of people and policies was activated",
            Self::IncidentOpened => "an incident was opened",
            Self::DossierGiven => "the evidence of a release was given away",
            Self::AgentRan => "what an agent did, and for whom, was recorded",
            Self::AccessReviewed => "a person reviewed who may do what",
            Self::PoliciesOverdue => "nobody had looked at the policies for a year",
            Self::BackupRestored => "a backup was restored in a test",
            Self::RollbackDrilled => "going back was drilled",
            Self::ClockTold => "what keeps the clock right, and how far it is off, was recorded",
            Self::Measured => "a release was measured beside the live one",
            Self::SignedIn => "a person signed in",
            Self::HoldPlaced => "a legal hold was placed",
            Self::LineStopped => "somebody stopped the line",
            Self::AccessRefused => "somebody was refused something",
            Self::RealDataAllowed => "real data were allowed outside of production",
            Self::WaiverExpired => "a waiver came to its end",
            Self::ExceptionGranted => "an exception from a gate was granted",
            Self::EmergencyGranted => "an emergency was granted",
            Self::DisposedEarly => "something was disposed of before its term",
            Self::ShadowFound => "something ran that nobody deployed",
            Self::ClockJumped => "the clock jumped",
            Self::WasSilent => "nothing was recorded for longer than two heartbeats",
            Self::PutAside => "a rollback was put aside while the log could not be written",
            Self::WitnessLagged => "a witness lagged",
            Self::LogDistrusted => "a witness knew another history of the log",
            Self::SealsApart => "a sealed list did not begin where the one before ended",
        }
    }

    /// Returns what `event` says that happened, by itself: that an exception holds takes several.
    pub(super) fn of(event: &Event) -> &'static [Self] {
        match event {
            Event::DeploymentRefused { .. } => &[Self::Refused],
            Event::DeploymentRolledBack { .. } => &[Self::RolledBack],
            Event::RolloutObserved { .. } => &[Self::Judged],
            Event::StepFinished { tests: Some(_), .. } => &[Self::Tested],
            Event::TestResultAccepted(_) => &[Self::TestsAccepted],
            Event::FindingsRecorded { .. } => &[Self::Scanned],
            Event::FindingsOverdue { late, .. } if !late.is_empty() => &[Self::FindingsOverdue],
            Event::EnvironmentObserved { .. } => &[Self::Observed],
            Event::LogHeartbeat { clock: Some(ClockSource { offset_ms: Some(_), .. }), .. } => {
                &[Self::Heartbeat, Self::ClockTold]
            }
            Event::LogHeartbeat { .. } => &[Self::Heartbeat],
            Event::PerformanceMeasured { .. } => &[Self::Measured],
            Event::WaiverExpired { .. } => &[Self::WaiverExpired],
            Event::AgentRun(_) => &[Self::AgentRan],
            Event::AccessReviewed(_) => &[Self::AccessReviewed],
            // One that failed is no evidence that it works.
            Event::BackupRestoredTest(done) if done.passed => &[Self::BackupRestored],
            Event::RollbackDrill(done) if done.passed => &[Self::RollbackDrilled],
            Event::LogWitnessed { .. } => &[Self::Witnessed],
            Event::LogKeyRotated { .. } | Event::LogKeyRetired { .. } => &[Self::KeyHandedOver],
            Event::ConfigActivated { .. } => &[Self::ConfigurationActivated],
            Event::PolicyReviewOverdue { .. } => &[Self::PoliciesOverdue],
            Event::IncidentShadow { .. } => &[Self::ShadowFound, Self::IncidentOpened],
            Event::IncidentOpened { .. } | Event::IncidentReported { .. } => {
                &[Self::IncidentOpened]
            }
            Event::DossierExported { .. } => &[Self::DossierGiven],
            Event::AccessLogin { .. } => &[Self::SignedIn],
            Event::HoldPlaced { .. } => &[Self::HoldPlaced],
            Event::LineStopped { .. } => &[Self::LineStopped],
            Event::AccessRefused { .. } | Event::AccessRefusedCounted { .. } => {
                &[Self::AccessRefused]
            }
            Event::BlobDisposed { reason: Some(_), .. } => &[Self::DisposedEarly],
            Event::LogGap { missed: true, .. } => &[Self::WasSilent],
            Event::LogGap { missed: false, .. } => &[Self::ClockJumped],
            Event::LogRecordTakenIn(_) => &[Self::PutAside],
            Event::LogWitnessLagging { .. } => &[Self::WitnessLagged],
            Event::LogRollbackDetected { .. } => &[Self::LogDistrusted],
            _says_nothing_that_is_counted => &[],
        }
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

impl Seen {
    /// Returns it once, in the entry at `position`.
    pub(super) fn once(fact: Fact, position: u64) -> Self {
        Self { fact, count: 1, first: position, last: position }
    }

    /// Returns both together; `later` is of later entries.
    pub(super) fn and(self, later: Self) -> Self {
        Self { count: self.count + later.count, last: later.last, ..self }
    }
}
