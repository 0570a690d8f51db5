//! Streams: each event belongs to exactly one, in which it is numbered and chained.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agent::AgentRun;
use crate::approval::Automated;
use crate::assurance::TestsAccepted;
use crate::bounds::RolloutStarted;
use crate::event::Event;
use crate::freezes::FreezeDecided;
use crate::ids::{ChangeId, DeploymentId, ExceptionId, IncidentId, ReleaseId, RunId};
use crate::review::ChangeReviewed;
use crate::significance::{CleanCheck, Confirmed, Marked};
use crate::steps::StepOwner;

impl Event {
    /// Returns the stream that the event belongs to.
    pub fn stream(&self) -> Stream {
        use Event as E;
        match self {
            E::ChangePushed { change, .. }
            | E::ChangeReceived { change }
            | E::ChangeMerged { change, .. }
            | E::ChangeDelivered { change, .. }
            | E::ChangeWithdrawn { change, .. } => Stream::Change(*change),
            E::RunQueued { run, .. }
            | E::RunCancelled { run }
            | E::RunSucceeded { run }
            | E::RunFailed { run, .. }
            | E::ReleaseFailed { run, .. } => Stream::Run(*run),
            E::StepStarted { owner, .. }
            | E::StepFinished { owner, .. }
            | E::FindingsRecorded { owner, .. }
            | E::PerformanceMeasured { owner, .. } => (*owner).into(),
            E::ReleaseCreated { release, .. }
            | E::SbomRecorded { release, .. }
            | E::ReleaseBarred { release }
            | E::ReleaseUnbarred { release, .. }
            | E::ReleaseSealed { release, .. }
            | E::DossierExported { release, .. } => Stream::Release(*release),
            E::DeploymentRequested { deployment, .. }
            | E::GateDecided { deployment, .. }
            | E::FindingsOverdue { deployment, .. }
            | E::DeploymentCleared { deployment }
            | E::DeploymentRefused { deployment, .. }
            | E::DeploymentStarted { deployment }
            | E::RolloutShifted { deployment, .. }
            | E::RolloutObserved { deployment, .. }
            | E::FreezeDecided(FreezeDecided { deployment, .. })
            | E::RolloutStarted(RolloutStarted { deployment, .. })
            | E::RolloutHeld { deployment, .. }
            | E::RolloutResumed { deployment, .. }
            | E::RolloutReopened { deployment, .. }
            | E::RolloutWindowBegan { deployment, .. }
            | E::RolloutWindowOver { deployment }
            | E::DeploymentLive { deployment }
            | E::DeploymentRolledBack { deployment, .. }
            | E::DeploymentSuperseded { deployment, .. }
            | E::EnvironmentCreated { deployment, .. }
            | E::EnvironmentRemoved { deployment, .. }
            | E::InstanceObserved { deployment, .. } => Stream::Deployment(*deployment),
            E::ApprovalRequested { subject, .. }
            | E::ApprovalGranted { subject, .. }
            | E::ApprovalRefused { subject, .. }
            | E::ApprovalExpired { subject, .. }
            | E::ApprovalRevoked { subject, .. }
            | E::ApprovalInvalidated { subject, .. }
            | E::ApprovalAutomated(Automated { subject, .. }) => subject.stream(),
            E::ExceptionRequested { exception, .. }
            | E::ExceptionGranted { exception, .. }
            | E::ExceptionEnded { exception, .. }
            | E::ExceptionSuspended { exception, .. }
            | E::ExceptionReviewed { exception, .. }
            | E::WaiverExpired { exception }
            | E::RetrospectiveOverdue { exception } => Stream::Exception(*exception),
            other => match other.incident() {
                Some(incident) => Stream::Incident(incident),
                None => {
                    other.stream_of_what_is_said().unwrap_or_else(|| other.stream_of_the_whole())
                }
            },
        }
    }

    /// Returns the incident that it is about, if it is about one.
    fn incident(&self) -> Option<IncidentId> {
        use Event as E;
        match self {
            E::IncidentOpened { incident, .. }
            | E::IncidentReported { incident, .. }
            | E::IncidentShadow { incident, .. }
            | E::IncidentLinked { incident, .. }
            | E::IncidentMitigated { incident }
            | E::IncidentClosed { incident, .. } => Some(*incident),
            E::IncidentClassified(of) => Some(of.incident),
            E::IncidentNotified(of) => Some(of.incident),
            E::IncidentReviewed(of) => Some(of.incident),
            E::IncidentLimitNear(of) => Some(of.incident),
            _of_something_else => None,
        }
    }

    /// Returns the stream of what a person or a program says of a change or a release.
    fn stream_of_what_is_said(&self) -> Option<Stream> {
        use Event as E;
        match self {
            E::ChangeReviewed(ChangeReviewed { change, .. })
            | E::AgentRun(AgentRun { change, .. })
            | E::ChangeSignificant(Marked { change, .. })
            | E::ChangeConfirmed(Confirmed { change, .. }) => Some(Stream::Change(*change)),
            E::ReleaseCleanCheck(CleanCheck { release, .. })
            | E::TestResultAccepted(TestsAccepted { release, .. }) => {
                Some(Stream::Release(*release))
            }
            _of_something_else => None,
        }
    }

    /// Returns the stream of an event that is about no single thing, or signs another one.
    fn stream_of_the_whole(&self) -> Stream {
        use Event as E;
        match self {
            E::AttestationRecorded { evidence, .. } => evidence.stream(),
            E::LogWitnessed { .. }
            | E::LogHeartbeat { .. }
            | E::LogKeyRotated { .. }
            | E::LogKeyRetired { .. }
            | E::LogWitnessLagging { .. }
            | E::LogWitnessLagEnded { .. }
            | E::LogTrustRestored { .. }
            | E::LogRecordTakenIn(_)
            | E::LogRollbackDetected { .. }
            | E::LogOpened { .. }
            | E::LogGap { .. }
            | E::LogGapEnded { .. } => Stream::Log,
            E::ConfigProposed { .. }
            | E::ConfigCompared { .. }
            | E::PolicyReviewOverdue { .. }
            | E::ConfigCalendarCompared { .. }
            | E::ConfigActivated { .. }
            | E::ConfigRefused { .. }
            | E::ServiceRegistered { .. } => Stream::Config,
            E::BackupRestoredTest(_) | E::RollbackDrill(_) => Stream::Rehearsals,
            E::PopulationSealed(_) => Stream::Populations,
            E::EnvironmentObserved { .. } | E::TrafficCounted(_) => Stream::Observations,
            E::FreezeSet { .. }
            | E::FreezeLifted { .. }
            | E::LineStopped { .. }
            | E::LineLiftAgreed { .. }
            | E::LineLifted { .. } => Stream::Calendar,
            E::HoldPlaced { .. }
            | E::HoldLiftAgreed { .. }
            | E::HoldLifted { .. }
            | E::DisposalProposed { .. }
            | E::DisposalAgreed { .. }
            | E::DisposalRefused { .. }
            | E::BlobDisposed { .. }
            | E::ErasureProposed { .. }
            | E::ErasureRefused { .. }
            | E::PersonErased { .. } => Stream::Retention,
            E::Attestation {} => Stream::Attestations,
            E::AccessDelegated { .. }
            | E::AccessIdentified { .. }
            | E::AccessRoleChanged(_)
            | E::AccessReviewed(_)
            | E::AccessLogin { .. }
            | E::AccessRefused { .. }
            | E::AccessRefusedCounted { .. }
            | E::AuthenticatorRegistered { .. }
            | E::AuthenticatorVouched { .. }
            | E::AuthenticatorRemoved { .. } => Stream::Access,
            _other => unreachable!("BUG: an event without a stream"),
        }
    }
}

/// A stream: the events of one thing, numbered and chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the word of the domain that it names")]
pub enum Stream {
    Log,
    Config,
    Calendar,
    Access,
    Attestations,
    Populations,
    Observations,
    Retention,
    Rehearsals,
    Change(ChangeId),
    Run(RunId),
    Release(ReleaseId),
    Deployment(DeploymentId),
    Incident(IncidentId),
    Exception(ExceptionId),
}

impl From<StepOwner> for Stream {
    fn from(owner: StepOwner) -> Self {
        match owner {
            StepOwner::Run(run) => Self::Run(run),
            StepOwner::Deployment(deployment) => Self::Deployment(deployment),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Config => f.write_str("config"),
            Self::Calendar => f.write_str("calendar"),
            Self::Access => f.write_str("access"),
            Self::Attestations => f.write_str("attestations"),
            Self::Populations => f.write_str("populations"),
            Self::Observations => f.write_str("observations"),
            Self::Retention => f.write_str("retention"),
            Self::Rehearsals => f.write_str("rehearsals"),
            Self::Change(id) => write!(f, "change/{id}"),
            Self::Run(id) => write!(f, "run/{id}"),
            Self::Release(id) => write!(f, "release/{id}"),
            Self::Deployment(id) => write!(f, "deployment/{id}"),
            Self::Incident(id) => write!(f, "incident/{id}"),
            Self::Exception(id) => write!(f, "exception/{id}"),
        }
    }
}
