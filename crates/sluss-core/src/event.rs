//! The vocabulary: everything that can happen, as one enum.
//!
//! # Invariants
//!
//! - An event says what happened and can't fail to be applied.
//! - No names of people, no free text, no floats: people are references, texts are digests of
//!   blobs, rates are integers.
//! - Each event belongs to exactly one stream.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{AccessReview, RoleChanged};
use crate::agent::AgentRun;
use crate::approval::{Asked, Automated, Subject, VoidWhy};
use crate::aside::TakenIn;
use crate::assurance::{Rehearsal, TestsAccepted};
use crate::authenticator::{Credential, Signed};
use crate::basis::Basis;
use crate::bounds::RolloutStarted;
use crate::budget::TrafficCounted;
use crate::config::{Delegation, Organisation};
use crate::deployment::{Cause, HoldReason, RefusalReason};
use crate::evidence::Evidence;
use crate::exception::{ExceptionKind, Terms};
use crate::findings::{FindingCounts, Named};
use crate::freezes::FreezeDecided;
use crate::gate::GateOutcome;
use crate::hold::HoldScope;
use crate::ids::{
    AuthenticatorId, ChangeId, CommitId, DeploymentId, Digest, DisposalId, EnvironmentName,
    ErasureId, ExceptionId, FreezeId, HoldId, IncidentId, PersonRef, ProductName, ReleaseId, RunId,
    ServiceName, StepName, StopId,
};
use crate::incident::{Classified, LimitNear, LookedBack, Notified, Reporter};
use crate::invariant::Invariant;
use crate::keys::KeyOf;
use crate::materials::Materials;
use crate::observed::Running;
use crate::performance::Measured;
use crate::pipeline::GateKind;
use crate::population::PopulationSealed;
use crate::remediation::Late;
use crate::retention::Class;
use crate::review::ChangeReviewed;
use crate::rollout::{Counts, Observation, Reading};
use crate::rules::PolicyRecord;
use crate::seal::Closed;
use crate::significance::{CleanCheck, Confirmed, Marked};
use crate::silence::ClockSource;
use crate::steps::{Isolation, StepOutcome, StepOwner, TestCounts};
pub use crate::stream::Stream;
use crate::target::JournalEntry;
use crate::units::{Millis, Share};

pub use crate::pushed::{Artifact, Hands, Push, WithdrawnReason};
pub use crate::refused::RefusedWhy;
use crate::stop::StopScope;
pub use crate::stored::Unreadable;

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "fields say by name and type what the variant's sentence leaves open"
)]
#[expect(clippy::large_enum_variant, reason = "events are few at once, and read where they are")]
pub enum Event {
    /// The log begins. A demo says so in its first leaf, for ever.
    #[serde(rename = "log.opened")]
    LogOpened { origin: String, demo: bool },
    /// The wall clock left the monotonic clock; forward gates are shut until it returns. Or, where
    /// heartbeats were missed: nothing was recorded for so long.
    #[serde(rename = "log.gap")]
    LogGap {
        milliseconds: i64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missed: bool,
    },
    /// A witness cosigned the log up to this size; recorded at most once an hour.
    #[serde(rename = "log.witnessed")]
    LogWitnessed { witness: String, size: u64 },
    /// A witness cosigned more of the log than there is, or another one: its data were rolled back
    /// or forked. Forward gates stay shut until the log is the one that was cosigned.
    #[serde(rename = "log.rollback_detected")]
    LogRollbackDetected { witness: String, seen: u64, size: u64 },
    /// Nothing else happened for so long, and that was recorded: silence is not loss.
    #[serde(rename = "log.heartbeat")]
    LogHeartbeat {
        interval_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<ClockSource>,
    },
    /// A person handed over from one key to another; from here on both count.
    #[serde(rename = "log.key_rotated")]
    LogKeyRotated { of: KeyOf, former: String, present: String },
    /// A former key counts no more.
    #[serde(rename = "log.key_retired")]
    LogKeyRetired { of: KeyOf, key: String },
    /// A witness has cosigned nothing for too long, though there is something to cosign.
    #[serde(rename = "log.witness_lagging")]
    LogWitnessLagging { witness: String, since: Millis },
    /// It cosigned again, or is no witness any more.
    #[serde(rename = "log.witness_lag_ended")]
    LogWitnessLagEnded { witness: String, cosigned: bool },
    /// Two people took the log as the right one, against what this witness knows of it.
    #[serde(rename = "log.trust_restored")]
    LogTrustRestored { exception: ExceptionId, witness: String, seen: u64 },
    /// A rollback that was put aside while the log could not be written. What it did follows it.
    #[serde(rename = "log.record_taken_in")]
    LogRecordTakenIn(TakenIn),
    /// So many deployments of an environment there were, refused ones included.
    #[serde(rename = "population.sealed")]
    PopulationSealed(PopulationSealed),
    /// Customers' requests to a service in a period, as its target counted them.
    #[serde(rename = "traffic.counted")]
    TrafficCounted(TrafficCounted),
    /// What really runs there is another than before, as the target itself says.
    #[serde(rename = "environment.observed")]
    EnvironmentObserved {
        service: ServiceName,
        environment: EnvironmentName,
        running: BTreeSet<Running>,
    },
    /// The clock is trusted again.
    #[serde(rename = "log.gap_ended")]
    LogGapEnded {
        confirmed: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
    },
    /// The platform repository was pushed with this content.
    #[serde(rename = "config.proposed")]
    ConfigProposed {
        number: u64,
        commit: CommitId,
        organisation: Organisation,
        contributors: BTreeSet<PersonRef>,
        nonce: String,
    },
    /// What its policies would have made of the past was compared with those in force: the report
    /// on that, and how many decisions were made again.
    #[serde(rename = "config.compared")]
    ConfigCompared {
        number: u64,
        lets_more_pass: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checked: Option<u64>,
    },
    /// Nobody looked at the policies in force for a year.
    #[serde(rename = "policy.review_overdue")]
    PolicyReviewOverdue { bundle: Digest, due: Millis },
    /// The times that a proposed calendar leaves open were compared with those of the one in force.
    #[serde(rename = "config.calendar_compared")]
    ConfigCalendarCompared { number: u64, opens_more: bool },
    /// From now on this content decides.
    #[serde(rename = "config.activated")]
    ConfigActivated { number: u64, commit: CommitId },
    /// This content will not be activated.
    #[serde(rename = "config.refused")]
    ConfigRefused { number: u64 },
    /// A service is known from now on.
    #[serde(rename = "service.registered")]
    ServiceRegistered { service: ServiceName, product: ProductName },
    /// Someone pushed commits; the ref has not moved yet.
    #[serde(rename = "change.pushed")]
    ChangePushed { change: ChangeId, service: ServiceName, push: Push },
    /// The ref has moved.
    #[serde(rename = "change.received")]
    ChangeReceived { change: ChangeId },
    /// A change that was proposed on a branch is part of the trunk now.
    #[serde(rename = "change.merged")]
    ChangeMerged { change: ChangeId, into: ChangeId },
    /// Customers have it.
    #[serde(rename = "change.delivered")]
    ChangeDelivered { change: ChangeId, deployment: DeploymentId },
    /// It ended without having been delivered.
    #[serde(rename = "change.withdrawn")]
    ChangeWithdrawn { change: ChangeId, why: WithdrawnReason },
    /// A person who did not contribute looked at its code, at an exact commit.
    #[serde(rename = "change.reviewed")]
    ChangeReviewed(ChangeReviewed),
    /// A person marked it as significant: all that it may touch is to be confirmed.
    #[serde(rename = "change.significant")]
    ChangeSignificant(Marked),
    /// A person who did not contribute confirmed that.
    #[serde(rename = "change.confirmed")]
    ChangeConfirmed(Confirmed),
    /// A person looked whether data and accounts of tests are gone.
    #[serde(rename = "release.clean_check")]
    ReleaseCleanCheck(CleanCheck),
    /// An agent did something for a change: software that acted for a person.
    #[serde(rename = "agent.run")]
    AgentRun(AgentRun),
    /// A pipeline is to be executed for a change.
    #[serde(rename = "run.queued")]
    RunQueued { run: RunId, change: ChangeId },
    /// An attempt of a step is claimed, and begins.
    #[serde(rename = "step.started")]
    StepStarted { owner: StepOwner, step: StepName, attempt: u16 },
    /// An attempt of a step ended.
    #[serde(rename = "step.finished")]
    StepFinished {
        owner: StepOwner,
        step: StepName,
        attempt: u16,
        outcome: StepOutcome,
        isolation: Isolation,
        log: Option<Digest>,
        tests: Option<TestCounts>,
    },
    /// A scanner's report that a step left was read.
    #[serde(rename = "findings.recorded")]
    FindingsRecorded {
        owner: StepOwner,
        step: StepName,
        attempt: u16,
        report: Digest,
        findings: FindingCounts,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        named: Option<Named>,
    },
    /// What a step measured was read.
    #[serde(rename = "performance.measured")]
    PerformanceMeasured { owner: StepOwner, step: StepName, attempt: u16, measured: Measured },
    /// Of what customers have, other findings are past their terms than before, or none any more.
    #[serde(rename = "findings.overdue")]
    FindingsOverdue { deployment: DeploymentId, late: Late },
    /// Somebody asked for the run to end.
    #[serde(rename = "run.cancelled")]
    RunCancelled { run: RunId },
    /// All steps that could be executed are done, and all succeeded.
    #[serde(rename = "run.succeeded")]
    RunSucceeded { run: RunId },
    /// A step did not succeed.
    #[serde(rename = "run.failed")]
    RunFailed { run: RunId, step: Option<StepName> },
    /// A release exists.
    #[serde(rename = "release.created")]
    ReleaseCreated {
        release: ReleaseId,
        run: RunId,
        artifacts: Vec<Artifact>,
        configuration: Digest,
    },
    /// What a release is made of is listed, or why it cannot be.
    #[serde(rename = "sbom.recorded")]
    SbomRecorded { release: ReleaseId, materials: Materials },
    /// The outputs that a release is made of could not be packed.
    #[serde(rename = "release.failed")]
    ReleaseFailed { run: RunId, why: Digest },
    /// A release must not go to an environment until someone lifts that.
    #[serde(rename = "release.barred")]
    ReleaseBarred { release: ReleaseId },
    /// It may go there again.
    #[serde(rename = "release.unbarred")]
    ReleaseUnbarred {
        release: ReleaseId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
    },
    /// So many events tell of it: none can be left away unseen.
    #[serde(rename = "release.sealed")]
    ReleaseSealed { release: ReleaseId, n: u64, count: u64, head: Digest, streams: Vec<Closed> },
    /// Its evidence was given away as a dossier with this manifest, and perhaps who people are.
    #[serde(rename = "dossier.exported")]
    DossierExported { release: ReleaseId, manifest_sha256: Digest, identities: bool },
    /// A release is to be live in an environment.
    #[serde(rename = "deployment.requested")]
    DeploymentRequested {
        deployment: DeploymentId,
        release: ReleaseId,
        stage: usize,
        environment: EnvironmentName,
        nonce: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customers: Option<bool>,
    },
    /// A gate saw something new; which compiled-in invariant shuts it, if one does; where it asked
    /// policies, with what, and what came out.
    #[serde(rename = "gate.decided")]
    GateDecided {
        deployment: DeploymentId,
        gate: GateKind,
        outcome: GateOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        core: Option<Invariant>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<PolicyRecord>,
    },
    /// What the calendar said at the gate of freezes, which is decided next.
    #[serde(rename = "freeze.decided")]
    FreezeDecided(FreezeDecided),
    /// A second person is asked.
    #[serde(rename = "approval.requested")]
    ApprovalRequested {
        subject: Subject,
        statement: Digest,
        why: Asked,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_until: Option<Millis>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        basis: Option<Basis>,
    },
    /// A second person agreed.
    #[serde(rename = "approval.granted")]
    ApprovalGranted {
        subject: Subject,
        statement: Digest,
        by: PersonRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// A second person did not agree.
    #[serde(rename = "approval.refused")]
    ApprovalRefused {
        subject: Subject,
        statement: Digest,
        by: PersonRef,
        reason: Option<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Too few people agreed in time.
    #[serde(rename = "approval.expired")]
    ApprovalExpired { subject: Subject, statement: Digest },
    /// What was to be approved is no longer what it was, or its approval counts no more.
    #[serde(rename = "approval.invalidated")]
    ApprovalInvalidated {
        subject: Subject,
        statement: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<VoidWhy>,
    },
    /// Somebody who had agreed took that back; it is asked anew.
    #[serde(rename = "approval.revoked")]
    ApprovalRevoked { subject: Subject, statement: Digest, by: PersonRef, reason: Digest },
    /// All gates are clear.
    #[serde(rename = "deployment.cleared")]
    DeploymentCleared { deployment: DeploymentId },
    /// It will not be made.
    #[serde(rename = "deployment.refused")]
    DeploymentRefused { deployment: DeploymentId, why: RefusalReason },
    /// The target is about to be asked.
    #[serde(rename = "deployment.started")]
    DeploymentStarted { deployment: DeploymentId },
    /// The candidate is about to get its first share: customers test it within these bounds.
    #[serde(rename = "rollout.started")]
    RolloutStarted(RolloutStarted),
    /// The candidate is ready and gets this share from now on.
    #[serde(rename = "rollout.shifted")]
    RolloutShifted { deployment: DeploymentId, leg: usize, share: Share },
    /// One second of evidence, and what it says.
    #[serde(rename = "rollout.observed")]
    RolloutObserved { deployment: DeploymentId, observation: Observation, reading: Reading },
    /// It stays at its share until a person decides.
    #[serde(rename = "rollout.held")]
    RolloutHeld { deployment: DeploymentId, why: HoldReason },
    /// A person let it go on.
    #[serde(rename = "rollout.resumed")]
    RolloutResumed {
        deployment: DeploymentId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
    },
    /// A window of the calendar began that does not let it finish: it keeps its share.
    #[serde(rename = "rollout.window_began")]
    RolloutWindowBegan { deployment: DeploymentId, windows: Vec<String>, until: Option<Millis> },
    /// No window keeps it any more.
    #[serde(rename = "rollout.window_over")]
    RolloutWindowOver { deployment: DeploymentId },
    /// It is live and failed more often than it may: it is compared once more, with the release
    /// that was live before, which has the traffic again but for the first share.
    #[serde(rename = "rollout.reopened")]
    RolloutReopened { deployment: DeploymentId, to: DeploymentId, counts: Counts, limit_ppm: u32 },
    /// Customers have it.
    #[serde(rename = "deployment.live")]
    DeploymentLive { deployment: DeploymentId },
    /// It gets no request any more; what was live before has all of them.
    #[serde(rename = "deployment.rolled_back")]
    DeploymentRolledBack { deployment: DeploymentId, cause: Cause, to: Option<DeploymentId> },
    /// Another one took its place.
    #[serde(rename = "deployment.superseded")]
    DeploymentSuperseded { deployment: DeploymentId, by: DeploymentId },
    /// A test environment is to be set up for this deployment.
    #[serde(rename = "environment.created")]
    EnvironmentCreated { deployment: DeploymentId, environment: EnvironmentName },
    /// A test environment is to be removed.
    #[serde(rename = "environment.removed")]
    EnvironmentRemoved { deployment: DeploymentId, accepted: bool },
    /// The data plane did something by itself.
    #[serde(rename = "instance.observed")]
    InstanceObserved { deployment: DeploymentId, number: u64, at: Millis, what: JournalEntry },
    /// A degradation began.
    #[serde(rename = "incident.opened")]
    IncidentOpened { incident: IncidentId, deployment: DeploymentId, cause: Cause },
    /// Somebody, or an alert, says that customers are affected.
    #[serde(rename = "incident.reported")]
    IncidentReported {
        incident: IncidentId,
        service: ServiceName,
        environment: EnvironmentName,
        by: Reporter,
        summary: Digest,
        suspect: Option<DeploymentId>,
    },
    /// Something runs there that nobody deployed.
    #[serde(rename = "incident.shadow_found")]
    IncidentShadow {
        incident: IncidentId,
        service: ServiceName,
        environment: EnvironmentName,
        digest: Digest,
    },
    /// A person named the deployment that caused it.
    #[serde(rename = "incident.linked")]
    IncidentLinked { incident: IncidentId, deployment: DeploymentId },
    /// A person said what it did, and whether it is major.
    #[serde(rename = "incident.classified")]
    IncidentClassified(Classified),
    /// A person said that the authority was told of it, when, and by which report.
    #[serde(rename = "incident.notified")]
    IncidentNotified(Notified),
    /// A person looked back at it: what was learnt, and what follows.
    #[serde(rename = "incident.reviewed")]
    IncidentReviewed(LookedBack),
    /// There is little time until it is to be classified, or a report to be sent.
    #[serde(rename = "incident.limit_near")]
    IncidentLimitNear(LimitNear),
    /// Customers are no longer affected: the target confirmed that no request goes there.
    #[serde(rename = "incident.mitigated")]
    IncidentMitigated { incident: IncidentId },
    /// It is over.
    #[serde(rename = "incident.closed")]
    IncidentClosed { incident: IncidentId, by_deployment: Option<DeploymentId> },
    /// A gate stays shut for a time.
    #[serde(rename = "freeze.set")]
    FreezeSet {
        freeze: FreezeId,
        service: Option<ServiceName>,
        environment: Option<EnvironmentName>,
        from: Millis,
        until: Millis,
        reason: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
    },
    /// It does not, any more.
    #[serde(rename = "freeze.lifted")]
    FreezeLifted {
        freeze: FreezeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
    /// Somebody stopped the line: nothing in this scope starts, and no share grows.
    #[serde(rename = "line.stopped")]
    LineStopped { stop: StopId, scope: StopScope, by: PersonRef, reason: Digest },
    /// Somebody else agreed that it may run again.
    #[serde(rename = "line.lift_agreed")]
    LineLiftAgreed { stop: StopId, by: PersonRef, reason: Digest },
    /// Enough people agreed: it runs again.
    #[serde(rename = "line.lifted")]
    LineLifted { stop: StopId },
    /// Somebody asks for an exception from a gate.
    #[serde(rename = "exception.requested")]
    ExceptionRequested {
        exception: ExceptionId,
        what: ExceptionKind,
        by: PersonRef,
        reason: Digest,
        until: Millis,
        #[serde(default, skip_serializing_if = "Terms::is_bare")]
        terms: Terms,
    },
    /// Another person agreed; once enough did, it holds.
    #[serde(rename = "exception.granted")]
    ExceptionGranted {
        exception: ExceptionId,
        by: PersonRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    /// Somebody did not agree, or ended it before its time.
    #[serde(rename = "exception.ended")]
    ExceptionEnded { exception: ExceptionId, by: PersonRef },
    /// What an emergency did was looked at afterwards, by someone who had no part in it.
    #[serde(rename = "exception.reviewed")]
    ExceptionReviewed { exception: ExceptionId, by: PersonRef, findings: Digest },
    /// So many releases of a standard change were taken back that it no longer holds.
    #[serde(rename = "exception.suspended")]
    ExceptionSuspended { exception: ExceptionId, failures: u32 },
    /// A waiver is over: what it let by is kept again.
    #[serde(rename = "waiver.expired")]
    WaiverExpired { exception: ExceptionId },
    /// The review of an emergency is overdue: its team's gates are shut until it is there.
    #[serde(rename = "retrospective.overdue")]
    RetrospectiveOverdue { exception: ExceptionId },
    /// A standard change stands for the approval of what was asked about, by this very model.
    #[serde(rename = "approval.automated")]
    ApprovalAutomated(Automated),
    /// A person accepted tests that failed or could not run, of one release.
    #[serde(rename = "test.result_accepted")]
    TestResultAccepted(TestsAccepted),
    /// A backup was restored to see whether that works.
    #[serde(rename = "backup.restored_test")]
    BackupRestoredTest(Rehearsal),
    /// Going back was rehearsed.
    #[serde(rename = "rollback.drill")]
    RollbackDrill(Rehearsal),
    /// With a configuration, others may decide, deploy or administer.
    #[serde(rename = "access.role_changed")]
    AccessRoleChanged(RoleChanged),
    /// A person looked at who may do what.
    #[serde(rename = "access.review")]
    AccessReviewed(AccessReview),
    /// Somebody decides for somebody else, for a time.
    #[serde(rename = "access.delegated")]
    AccessDelegated { delegation: Delegation },
    /// Somebody said who an unknown contributor is: this person, or nobody who decides here.
    #[serde(rename = "access.identified")]
    AccessIdentified { unknown: PersonRef, person: Option<PersonRef>, by: PersonRef },
    /// Somebody registered a key of their own.
    #[serde(rename = "authenticator.registered")]
    AuthenticatorRegistered {
        authenticator: AuthenticatorId,
        person: PersonRef,
        credential: Credential,
    },
    /// Another person who may decide vouches that it is theirs; from now on it counts.
    #[serde(rename = "authenticator.vouched")]
    AuthenticatorVouched { authenticator: AuthenticatorId, by: PersonRef },
    /// It does not count any more.
    #[serde(rename = "authenticator.removed")]
    AuthenticatorRemoved { authenticator: AuthenticatorId, by: PersonRef },
    /// Somebody placed a legal hold: nothing in this scope is disposed of.
    #[serde(rename = "hold.placed")]
    HoldPlaced { hold: HoldId, scope: HoldScope, by: PersonRef, reason: Digest },
    /// Somebody else agreed that it be lifted.
    #[serde(rename = "hold.lift_agreed")]
    HoldLiftAgreed { hold: HoldId, by: PersonRef, reason: Digest },
    /// Enough people agreed: it holds nothing any more.
    #[serde(rename = "hold.lifted")]
    HoldLifted { hold: HoldId },
    /// Somebody proposes to dispose of contents; before their period for a reason only.
    #[serde(rename = "disposal.proposed")]
    DisposalProposed {
        disposal: DisposalId,
        contents: Vec<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        early: Option<Digest>,
        by: PersonRef,
    },
    /// A second person agreed; what that disposes of follows.
    #[serde(rename = "disposal.agreed")]
    DisposalAgreed { disposal: DisposalId, by: PersonRef },
    /// Somebody did not agree, or took it back.
    #[serde(rename = "disposal.refused")]
    DisposalRefused { disposal: DisposalId, by: PersonRef },
    /// A content is disposed of: from here on its file is removed.
    #[serde(rename = "blob.disposed")]
    BlobDisposed {
        sha256: Digest,
        class: Class,
        disposal: DisposalId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
    /// Somebody proposes to erase a person.
    #[serde(rename = "erasure.proposed")]
    ErasureProposed { erasure: ErasureId, person: PersonRef, by: PersonRef, reason: Digest },
    /// Somebody did not agree, or took it back.
    #[serde(rename = "erasure.refused")]
    ErasureRefused { erasure: ErasureId, by: PersonRef },
    /// A second person agreed: from here on nothing but this reference is left of them.
    #[serde(rename = "person.erased")]
    PersonErased { erasure: ErasureId, person: PersonRef, by: PersonRef },
    /// A leaf that is an attestation; the event after it says of what.
    #[serde(rename = "attestation")]
    Attestation {},
    /// What an event says was signed, in the form that other people's programs read.
    #[serde(rename = "attestation.recorded")]
    AttestationRecorded { of: u64, evidence: Evidence, envelope: Digest },
    /// Somebody signed in.
    #[serde(rename = "access.login")]
    AccessLogin { person: PersonRef },
    /// A signed-in person or token was refused something.
    #[serde(rename = "access.refused")]
    AccessRefused {
        subject: Option<Subject>,
        act: String,
        why: RefusedWhy,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        core: Option<Invariant>,
    },
    /// Callers who are not signed in were refused, counted per route and minute.
    #[serde(rename = "access.refused_counted")]
    AccessRefusedCounted { route: String, why: RefusedWhy, count: u32, minute: i64 },
}
