//! Who can want something, and what: the commands that [`decide`](super::decide) answers.

use std::collections::BTreeSet;

use super::assure::Assure;
use super::classify::Reporting;
use crate::approval::Subject;
use crate::aside::PutAside;
use crate::authenticator::{Credential, Signed};
use crate::budget::TrafficCounted;
use crate::config::Organisation;
use crate::deployment::Cause;
use crate::event::{Artifact, Push, RefusedWhy};
use crate::evidence::Evidence;
use crate::exception::{ExceptionKind, Terms};
use crate::findings::Report;
use crate::hold::HoldScope;
use crate::ids::{
    AuthenticatorId, ChangeId, CommitId, DeploymentId, Digest, DisposalId, EnvironmentName,
    ErasureId, ExceptionId, FreezeId, HoldId, IncidentId, PersonRef, ProductName, ReleaseId, RunId,
    ServiceName, StopId,
};
use crate::incident::Reporter;
use crate::keys::KeyOf;
use crate::materials::Materials;
use crate::observed::Running;
use crate::performance::Measured;
use crate::population::PopulationSealed;
use crate::rollout::{Counts, Observation, Reading};
use crate::seal::Closed;
use crate::silence::ClockSource;
use crate::steps::{Isolation, StepOutcome, TestCounts};
use crate::stop::StopScope;
use crate::target::{JournalRow, RouteKey};
use crate::units::Millis;
use crate::wanted::AttemptKey;

/// Who wants something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Sluss itself.
    System,
    /// A person in a session of their own.
    Person {
        /// Who.
        who: PersonRef,
        /// Whether they have just given their password again.
        reauthenticated: bool,
    },
    /// A person whose own key signed what they want.
    Signer {
        /// Who.
        who: PersonRef,
        /// The signature, which has been verified.
        signed: Signed,
        /// When they signed in.
        signed_in: Millis,
    },
    /// A program that holds a person's token.
    Agent {
        /// For whom it acts.
        who: PersonRef,
    },
}

impl Actor {
    /// Returns the person, or for whom the program acts.
    pub fn who(&self) -> Option<&PersonRef> {
        match self {
            Self::System => None,
            Self::Person { who, .. } | Self::Signer { who, .. } | Self::Agent { who } => Some(who),
        }
    }
}

/// What anybody can want.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
#[expect(clippy::large_enum_variant, reason = "one command is in flight at a time")]
pub enum Command {
    /// Begin the log.
    Open {
        origin: String,
        demo: bool,
    },
    /// The wall clock left the monotonic clock, or came back.
    ClockJumped {
        milliseconds: i64,
    },
    ClockReturned {
        confirmed: bool,
    },
    /// The platform repository was pushed with this content.
    Propose {
        commit: CommitId,
        organisation: Organisation,
        contributors: BTreeSet<PersonRef>,
        nonce: String,
    },
    /// What proposed policies would have made of the past was compared with those in force.
    Compared {
        number: u64,
        lets_more_pass: bool,
        report: Option<Digest>,
        checked: Option<u64>,
    },
    /// The times that a proposed calendar leaves open were compared with those of the one in force.
    CalendarCompared {
        number: u64,
        opens_more: bool,
    },
    /// Someone pushes commits.
    Push {
        service: ServiceName,
        product: ProductName,
        push: Push,
    },
    /// The ref has moved.
    Received {
        change: ChangeId,
    },
    /// The ref did not move.
    Lost {
        change: ChangeId,
    },
    /// Commits of a proposed change are part of what was pushed as `into`.
    Merged {
        change: ChangeId,
        into: ChangeId,
    },
    /// A branch that is not delivered is gone.
    BranchDeleted {
        service: ServiceName,
        branch: String,
    },
    /// The engine takes on an attempt.
    Claim(AttemptKey),
    /// An attempt ended.
    Finish {
        attempt: AttemptKey,
        outcome: StepOutcome,
        isolation: Isolation,
        log: Option<Digest>,
        tests: Option<TestCounts>,
        /// Reports of scanners that it left.
        scans: Vec<Report>,
        /// What it measured.
        measured: Vec<Measured>,
    },
    /// Outputs were packed, or could not be.
    Packed {
        run: RunId,
        artifacts: Vec<Artifact>,
    },
    NotPacked {
        run: RunId,
        why: Digest,
    },
    /// It is known what a release is made of, or why that cannot be known.
    Inventoried {
        release: ReleaseId,
        materials: Materials,
    },
    /// The target says that all instances of the candidate are ready.
    Ready {
        deployment: DeploymentId,
    },
    /// A second of evidence is in.
    Observe {
        deployment: DeploymentId,
        observation: Observation,
        reading: Reading,
    },
    /// The target says that a candidate can't be kept.
    /// A live release failed more often than it may.
    Alarm {
        deployment: DeploymentId,
        counts: Counts,
        limit_ppm: u32,
    },
    /// What is live fails its probes.
    ProbesFail {
        /// Which deployment.
        deployment: DeploymentId,
    },
    /// What is live has answered its probes again for a while, each of them.
    ProbesAnswer {
        /// Which deployment.
        deployment: DeploymentId,
    },
    Fail {
        deployment: DeploymentId,
        cause: Cause,
    },
    /// The target's journal has a new row.
    Instance {
        deployment: DeploymentId,
        row: JournalRow,
    },
    /// The target confirmed a generation.
    Applied {
        key: RouteKey,
        generation: u64,
    },
    /// What was put aside while the log could not be written is taken in.
    TakeIn {
        record: PutAside,
        digest: Digest,
    },
    /// A second person decides.
    Approve {
        subject: Subject,
        statement: Digest,
    },
    Refuse {
        subject: Subject,
        statement: Digest,
        reason: Option<Digest>,
    },
    Revoke {
        subject: Subject,
        reason: Digest,
    },
    /// Somebody asks for a deployment into the next environment, or the one named.
    Promote {
        release: ReleaseId,
        environment: Option<EnvironmentName>,
        nonce: String,
    },
    /// Somebody takes back what is rolling out or live.
    Rollback {
        service: ServiceName,
        environment: EnvironmentName,
    },
    Hold {
        deployment: DeploymentId,
    },
    Resume {
        deployment: DeploymentId,
    },
    Freeze {
        service: Option<ServiceName>,
        environment: Option<EnvironmentName>,
        from: Millis,
        until: Millis,
        reason: Digest,
    },
    Lift {
        freeze: FreezeId,
        reason: Digest,
    },
    /// Somebody stops the line, or agrees that it runs again.
    StopLine {
        scope: StopScope,
        reason: Digest,
    },
    LiftStop {
        stop: StopId,
        reason: Digest,
    },
    /// Somebody wants something held, disposed of, or somebody erased.
    Retain(Retain),
    /// Somebody looked at, rehearsed or accepts something.
    Assure(Assure),
    Cancel {
        run: RunId,
    },
    Unbar {
        release: ReleaseId,
    },
    Close {
        incident: IncidentId,
    },
    /// Somebody, or an alert, says that customers are affected.
    Report {
        service: ServiceName,
        environment: EnvironmentName,
        by: Reporter,
        summary: Digest,
    },
    /// Somebody classifies an incident, or says that the authority was told of it.
    Reporting(Reporting),
    /// An alert is over.
    Resolved {
        fingerprint: Digest,
    },
    /// Somebody asks for an exception, grants one, ends one, or says what came of an emergency.
    AskException {
        what: ExceptionKind,
        reason: Digest,
        until: Millis,
        terms: Terms,
    },
    GrantException {
        exception: ExceptionId,
    },
    EndException {
        exception: ExceptionId,
    },
    ReviewException {
        exception: ExceptionId,
        findings: Digest,
    },
    /// Somebody lets another person decide for them.
    Delegate {
        to: PersonRef,
        until: Millis,
    },
    Identify {
        unknown: PersonRef,
        person: Option<PersonRef>,
    },
    /// Somebody registers a key of their own.
    RegisterKey {
        credential: Credential,
    },
    /// Someone who may decide vouches that a key is that of the person who registered it.
    VouchForKey {
        authenticator: AuthenticatorId,
    },
    /// Somebody removes a key of their own.
    RemoveKey {
        authenticator: AuthenticatorId,
    },
    /// A witness cosigned the log.
    Witnessed {
        witness: String,
        size: u64,
    },
    /// A witness knows another history of the log.
    Distrust {
        witness: String,
        seen: u64,
        size: u64,
    },
    /// It has cosigned nothing since then; or it did again, or is no witness any more.
    WitnessLags {
        witness: String,
        since: Millis,
    },
    WitnessLagEnded {
        witness: String,
        cosigned: bool,
    },
    /// Somebody hands over from one key to another, or ends a former one.
    RotateKey {
        of: KeyOf,
        former: String,
        present: String,
    },
    RetireKey {
        of: KeyOf,
        key: String,
    },
    /// Time has passed in which perhaps nothing happened.
    Heartbeat {
        clock: ClockSource,
    },
    /// The deployments of an environment were counted.
    SealPopulation(PopulationSealed),
    /// Time went on: findings of what customers have may be past their terms.
    AgeFindings,
    /// Customers' requests of a period were counted.
    CountTraffic(TrafficCounted),
    /// This runs on a route by the target's own answer.
    Found {
        key: RouteKey,
        running: BTreeSet<Running>,
    },
    /// What the event at this position says was signed.
    Attested {
        of: u64,
        evidence: Evidence,
        envelope: Digest,
    },
    /// These streams, of which the first is the release's own, are closed.
    Seal {
        release: ReleaseId,
        closed: Vec<Closed>,
    },
    /// A release's evidence was given to somebody.
    Exported {
        release: ReleaseId,
        manifest: Digest,
        identities: bool,
    },
    /// Somebody says which deployment caused an incident.
    Link {
        incident: IncidentId,
        deployment: DeploymentId,
    },
    /// Somebody signed in, or was refused.
    SignedIn {
        person: PersonRef,
    },
    Denied {
        subject: Option<Subject>,
        act: String,
        why: RefusedWhy,
    },
    DeniedCounted {
        route: String,
        why: RefusedWhy,
        count: u32,
        minute: i64,
    },
}

/// What anybody can want of what is kept, and of whom it names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub enum Retain {
    /// Somebody places a legal hold, or agrees that it be lifted.
    PlaceHold {
        scope: HoldScope,
        reason: Digest,
    },
    LiftHold {
        hold: HoldId,
        reason: Digest,
    },
    /// Somebody proposes to dispose of contents, agrees to that, or does not.
    ProposeDisposal {
        contents: BTreeSet<Digest>,
        early: Option<Digest>,
    },
    AgreeDisposal {
        disposal: DisposalId,
    },
    RefuseDisposal {
        disposal: DisposalId,
    },
    /// Somebody proposes to erase a person, agrees to that, or does not.
    ProposeErasure {
        person: PersonRef,
        reason: Digest,
    },
    AgreeErasure {
        erasure: ErasureId,
    },
    RefuseErasure {
        erasure: ErasureId,
    },
}

impl Command {
    /// Returns whether it reports what Sluss itself did or saw, so that nobody else may say it.
    #[rustfmt::skip] // A command a line would be a page long.
    pub fn is_a_report(&self) -> bool {
        match self {
            Self::Open { .. } | Self::ClockJumped { .. } | Self::Received { .. }
            | Self::Lost { .. } | Self::Merged { .. } | Self::BranchDeleted { .. }
            | Self::Claim(_) | Self::Finish { .. } | Self::Packed { .. } | Self::NotPacked { .. }
            | Self::Inventoried { .. } | Self::Ready { .. } | Self::Observe { .. }
            | Self::Alarm { .. } | Self::ProbesFail { .. } | Self::ProbesAnswer { .. }
            | Self::Fail { .. } | Self::Instance { .. } | Self::Applied { .. }
            | Self::Attested { .. } | Self::Witnessed { .. } | Self::Distrust { .. }
            | Self::WitnessLags { .. } | Self::WitnessLagEnded { .. } | Self::Heartbeat { .. }
            | Self::SealPopulation(_) | Self::CountTraffic(_) | Self::Found { .. }
            | Self::Seal { .. } | Self::Compared { .. } | Self::CalendarCompared { .. }
            | Self::AgeFindings | Self::DeniedCounted { .. } | Self::TakeIn { .. } => true,
            Self::ClockReturned { confirmed } => !confirmed,
            // What somebody did at the door is of whoever did it.
            Self::SignedIn { .. } | Self::Exported { .. } | Self::Denied { .. }
            | Self::Propose { .. } | Self::Push { .. } | Self::Approve { .. }
            | Self::Refuse { .. } | Self::Revoke { .. } | Self::Promote { .. }
            | Self::Rollback { .. } | Self::Hold { .. } | Self::Resume { .. }
            | Self::Freeze { .. } | Self::Lift { .. }
            | Self::StopLine { .. } | Self::LiftStop { .. } | Self::Retain(_)
            | Self::Cancel { .. } | Self::Unbar { .. } | Self::Close { .. } | Self::Report { .. }
            | Self::Reporting(_) | Self::Assure(_) | Self::Resolved { .. } | Self::Link { .. }
            | Self::AskException { .. } | Self::GrantException { .. } | Self::EndException { .. }
            | Self::ReviewException { .. } | Self::Delegate { .. } | Self::Identify { .. }
            | Self::RotateKey { .. }
            | Self::RetireKey { .. } | Self::RegisterKey { .. } | Self::VouchForKey { .. }
            | Self::RemoveKey { .. } => false,
        }
    }
}
