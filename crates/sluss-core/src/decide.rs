//! Decisions: what a command means in a state. Pure; no clock, no I/O, no randomness.
//!
//! # Invariants
//!
//! - A refusal that a signed-in caller meets carries the event that records it.
//! - A command of a machine that no longer fits the state means nothing, and no error.

use std::collections::BTreeSet;

use crate::approval::{Approval, Decision, NotGranted, Subject};
use crate::config::Organisation;
use crate::deployment::{Cause, HoldReason, Phase};
use crate::event::{Artifact, Event, Push, RefusedWhy, WithdrawnReason};
use crate::follow::{carry_out, request, take_back};
use crate::ids::{
    ChangeId, CommitId, DeploymentId, Digest, EnvironmentName, FreezeId, IncidentId, PersonRef,
    ProductName, ReleaseId, RunId, ServiceName,
};
use crate::pipeline::EnvironmentKind;
use crate::rollout::{Observation, Reading, Rollout};
use crate::state::{ChangePhase, State};
use crate::steps::{Isolation, StepOutcome, TestCounts};
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
            Self::Person { who, .. } | Self::Agent { who } => Some(who),
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
    },
    Cancel {
        run: RunId,
    },
    Unbar {
        release: ReleaseId,
    },
    Close {
        incident: IncidentId,
    },
    /// Somebody signed in, or was refused.
    SignedIn {
        person: PersonRef,
    },
    Denied {
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

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was asked makes no sense.
    Caller,
    /// Who asked may not.
    Denied,
    /// It does not fit what is true now.
    Conflict,
    /// There is no such thing.
    NotFound,
}

/// Why a command has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// Who can mend it.
    pub blame: Blame,
    /// What happened, and why.
    pub what: String,
    /// What to do next.
    pub hint: String,
    /// What is recorded of it.
    pub record: Option<Box<Event>>,
}

impl Refusal {
    fn new(blame: Blame, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { blame, what: what.into(), hint: hint.into(), record: None }
    }

    fn recorded(mut self, subject: Option<Subject>, act: &str, why: RefusedWhy) -> Self {
        let act = act.to_owned();
        self.record = Some(Box::new(Event::AccessRefused { subject, act, why }));
        self
    }
}

/// Returns what `command` of `actor` means in `state` at `now`.
pub fn decide(
    state: &State,
    command: Command,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    use Command as C;
    match command {
        C::Approve { subject, statement } => approve(state, subject, &statement, actor),
        C::Refuse { subject, statement, reason } => {
            let approval = second_person(state, subject, &statement, actor, "refuse")?;
            let (statement, by) = approval.into_parts();
            Ok(vec![Event::ApprovalRefused { subject, statement, by, reason }])
        }
        C::Promote { release, environment, nonce } => {
            developer(state, actor, "promote")?;
            promote(state, release, environment, &nonce)
        }
        C::Rollback { service, environment } => {
            developer(state, actor, "rollback")?;
            rollback(state, &service, &environment)
        }
        C::Hold { deployment } => {
            developer(state, actor, "hold")?;
            let why = HoldReason::ByHand;
            match rolling(state, deployment)?.phase {
                crate::rollout::Phase::Judging { .. } => {
                    Ok(vec![Event::RolloutHeld { deployment, why }])
                }
                crate::rollout::Phase::Baking { .. } | crate::rollout::Phase::Held { .. } => {
                    Err(not_now(format!("The rollout of {deployment} is not being judged now.")))
                }
            }
        }
        C::Resume { deployment } => {
            developer(state, actor, "resume")?;
            match rolling(state, deployment)?.phase {
                crate::rollout::Phase::Held { .. } => {
                    Ok(vec![Event::RolloutResumed { deployment }])
                }
                crate::rollout::Phase::Baking { .. } | crate::rollout::Phase::Judging { .. } => {
                    Err(not_now(format!("The rollout of {deployment} is not held.")))
                }
            }
        }
        C::Freeze { service, environment, from, until, reason } => {
            developer(state, actor, "freeze")?;
            if until <= from || until <= now {
                return Err(Refusal::new(
                    Blame::Caller,
                    "A freeze must end after it begins, and after now.",
                    "Give a later end: `sluss freeze set --for 2h --reason …`",
                ));
            }
            let freeze = state.next_freeze();
            Ok(vec![Event::FreezeSet { freeze, service, environment, from, until, reason }])
        }
        C::Lift { freeze } => {
            developer(state, actor, "lift")?;
            match state.freezes.get(&freeze) {
                Some(set) if set.lifted.is_none() && now < set.until => {
                    Ok(vec![Event::FreezeLifted { freeze }])
                }
                Some(_) => Err(not_now(format!("The freeze {freeze} is over."))),
                None => Err(missing(format!("There is no freeze {freeze}."), "sluss freeze list")),
            }
        }
        C::Cancel { run } => {
            developer(state, actor, "cancel")?;
            match state.open.runs.contains(&run) {
                true => Ok(vec![Event::RunCancelled { run }]),
                false => Err(not_now(format!("The run {run} is not running."))),
            }
        }
        C::Unbar { release } => {
            developer(state, actor, "unbar")?;
            match state.releases.get(&release) {
                Some(found) if found.barred.is_some() => {
                    Ok(vec![Event::ReleaseUnbarred { release }])
                }
                Some(_) => Err(not_now(format!("The release {release} is not barred."))),
                None => Err(missing(format!("There is no release {release}."), "sluss status")),
            }
        }
        C::Close { incident } => {
            developer(state, actor, "close")?;
            match state.open.incidents.contains(&incident) {
                true => Ok(vec![Event::IncidentClosed { incident, by_deployment: None }]),
                false => Err(not_now(format!("The incident {incident} is not open."))),
            }
        }
        C::Push { service, product, push } => {
            developer(state, actor, "push")?;
            push_change(state, service, product, push)
        }
        C::Propose { commit, organisation, contributors, nonce } => {
            if state.organisation.is_some() {
                developer(state, actor, "push")?;
            }
            let number = state.next_proposal();
            Ok(vec![Event::ConfigProposed { number, commit, organisation, contributors, nonce }])
        }
        C::ClockReturned { confirmed } => {
            if confirmed {
                developer(state, actor, "confirm-clock")?;
            }
            Ok(if state.gap { vec![Event::LogGapEnded { confirmed }] } else { vec![] })
        }
        machine => Ok(of_machine(state, machine)),
    }
}

/// What the running system reports: it either fits the state, or means nothing any more.
fn of_machine(state: &State, command: Command) -> Vec<Event> {
    use Command as C;
    match command {
        C::Open { origin, demo } if state.size == 0 => vec![Event::LogOpened { origin, demo }],
        C::ClockJumped { milliseconds } if !state.gap => vec![Event::LogGap { milliseconds }],
        C::Received { change } => received(state, change),
        C::Lost { change } => match state.changes.get(&change).map(|change| change.phase) {
            Some(ChangePhase::Announced) => {
                let why = WithdrawnReason::PushIncomplete;
                vec![Event::ChangeWithdrawn { change, why }]
            }
            Some(_) | None => vec![],
        },
        C::Merged { change, into } => match state.changes.get(&change).map(|change| change.phase) {
            Some(ChangePhase::Proposed) => vec![Event::ChangeMerged { change, into }],
            Some(_) | None => vec![],
        },
        C::BranchDeleted { service, branch } => {
            withdraw(state, &service, &branch, None, WithdrawnReason::BranchDeleted)
        }
        C::Claim(AttemptKey { owner, step, attempt }) => {
            let wanted = state
                .claimable()
                .iter()
                .any(|key| key.owner == owner && key.step == step && key.attempt == attempt);
            if wanted { vec![Event::StepStarted { owner, step, attempt }] } else { vec![] }
        }
        C::Finish { attempt: key, outcome, isolation, log, tests } => {
            let AttemptKey { owner, step, attempt } = key;
            let running =
                state.steps(owner).is_some_and(|s| s.running().contains(&(step.clone(), attempt)));
            let finished =
                Event::StepFinished { owner, step, attempt, outcome, isolation, log, tests };
            if running { vec![finished] } else { vec![] }
        }
        C::Packed { run, artifacts } if state.to_pack().contains(&run) => {
            let configuration = state
                .runs
                .get(&run)
                .and_then(|run| state.changes.get(&run.change))
                .map(|change| change.push.pipeline.configuration_digest());
            let release = state.next_release();
            configuration
                .map(|configuration| Event::ReleaseCreated {
                    release,
                    run,
                    artifacts,
                    configuration,
                })
                .into_iter()
                .collect()
        }
        C::NotPacked { run, why } if state.to_pack().contains(&run) => {
            vec![Event::ReleaseFailed { run, why }]
        }
        C::Ready { deployment } => rolling(state, deployment)
            .map(|rollout| carry_out(state, deployment, rollout, rollout.ready()))
            .unwrap_or_default(),
        C::Observe { deployment, observation, reading } => {
            observe(state, deployment, observation, reading)
        }
        C::Fail { deployment, cause } => fail(state, deployment, cause),
        C::Instance { deployment, row } => instance(state, deployment, row),
        C::Applied { key, generation } => applied(state, &key, generation),
        C::SignedIn { person } => vec![Event::AccessLogin { person }],
        C::Denied { act, why } => vec![Event::AccessRefused { subject: None, act, why }],
        C::DeniedCounted { route, why, count, minute } => {
            vec![Event::AccessRefusedCounted { route, why, count, minute }]
        }
        _does_not_fit => vec![],
    }
}

fn not_now(what: impl Into<String>) -> Refusal {
    Refusal::new(Blame::Conflict, what, "See how it stands: `sluss status`")
}

fn missing(what: impl Into<String>, see: &str) -> Refusal {
    Refusal::new(Blame::NotFound, what, format!("See what there is: `{see}`"))
}

/// Checks that `actor` has the role of a developer. Before a policy is activated nobody has one.
fn developer(state: &State, actor: &Actor, act: &str) -> Result<(), Refusal> {
    let may = match actor {
        Actor::System => true,
        Actor::Person { who, .. } | Actor::Agent { who } => {
            state.organisation.as_ref().is_some_and(|o| o.developers.contains(who))
        }
    };
    match may {
        true => Ok(()),
        false => Err(Refusal::new(
            Blame::Denied,
            format!("To {act} takes the role of a developer, and you don't have it."),
            "Ask for it by a change of `organisation.yaml` in the platform repository",
        )
        .recorded(None, act, RefusedWhy::MissingRole)),
    }
}

fn approve(
    state: &State,
    subject: Subject,
    statement: &Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let approval = second_person(state, subject, statement, actor, "approve")?;
    let (statement, by) = approval.into_parts();
    Ok(vec![Event::ApprovalGranted { subject, statement, by }])
}

/// Checks that `actor` may decide over `subject` as it stands now.
fn second_person(
    state: &State,
    subject: Subject,
    seen: &Digest,
    actor: &Actor,
    act: &str,
) -> Result<Approval, Refusal> {
    let denied = |what: &str, hint: &str, why| {
        Refusal::new(Blame::Denied, what, hint).recorded(Some(subject), act, why)
    };
    let who = match actor {
        Actor::Person { who, reauthenticated: true } => who.clone(),
        Actor::Person { reauthenticated: false, .. } => {
            return Err(denied(
                "A decision asks for your password again.",
                "Give it with the decision",
                RefusedWhy::NotReauthenticated,
            ));
        }
        Actor::System | Actor::Agent { .. } => {
            return Err(denied(
                "Only a person decides; tokens and programs do not.",
                "Sign in as a person and decide there",
                RefusedWhy::NotAPerson,
            ));
        }
    };
    let Some(request) = state.requests.get(&subject) else {
        return Err(missing(format!("Nobody was asked about {subject}."), "sluss status"));
    };
    if request.decision != Decision::Open {
        return Err(not_now(format!("{subject} is decided already.")));
    }
    let approvers = state.organisation.as_ref().map_or_else(BTreeSet::new, |o| o.approvers.clone());
    Approval::grant(request, seen, &approvers, who).map_err(|error| match error {
        NotGranted::Contributor => denied(
            "You contributed to this change, so someone else must decide.",
            "An approver who did not contribute can: `sluss status` shows for whom it waits",
            RefusedWhy::Contributor,
        ),
        NotGranted::NotAnApprover => denied(
            "Deciding takes the role of an approver, and you don't have it.",
            "Ask someone who has it: `sluss status` shows for whom it waits",
            RefusedWhy::MissingRole,
        ),
        NotGranted::Moved => denied(
            "What you looked at is not what stands there now.",
            "Look again and decide over that",
            RefusedWhy::StatementMoved,
        ),
    })
}

fn promote(
    state: &State,
    id: ReleaseId,
    environment: Option<EnvironmentName>,
    nonce: &str,
) -> Result<Vec<Event>, Refusal> {
    let see = "sluss status";
    let release = state
        .releases
        .get(&id)
        .ok_or_else(|| missing(format!("There is no release {id}."), see))?;
    if release.barred.is_some() {
        return Err(Refusal::new(
            Blame::Conflict,
            format!("The release {id} was taken back and is barred."),
            format!("Lift that first, if you are sure: `sluss promote {id} --unbar`"),
        ));
    }
    let stages = state.pipeline_of(id).map_or(&[][..], |pipeline| &pipeline.deliver);
    let reached = release.deployments.iter().filter_map(|id| state.deployments.get(id));
    let next =
        reached.clone().filter(|d| d.lets_on()).map(|d| d.stage_index + 1).max().unwrap_or(0);
    let index = match &environment {
        None => next,
        Some(name) => stages
            .iter()
            .position(|stage| stage.environment == *name)
            .ok_or_else(|| missing(format!("{id} is not delivered to `{name}`."), see))?,
    };
    let passed = reached.clone().filter(|d| d.live.is_some()).map(|d| d.stage_index).max();
    if index > next && passed.is_none_or(|passed| index > passed) {
        return Err(not_now(format!(
            "{id} has not passed `{}` yet.",
            stages.get(next).map_or("the stage before", |stage| stage.environment.as_str()),
        )));
    }
    let Some(stage) = stages.get(index) else {
        return Err(not_now(format!("{id} is in its last environment.")));
    };
    if reached.clone().any(|d| d.stage_index == index && !d.is_over()) {
        return Err(not_now(format!("{id} is in `{}`, or on its way there.", stage.environment)));
    }
    Ok(vec![request(state, id, index, stage, nonce)])
}

fn rollback(
    state: &State,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Result<Vec<Event>, Refusal> {
    let place = state
        .place(service, environment)
        .ok_or_else(|| missing(format!("{service} is not in `{environment}`."), "sluss status"))?;
    if let Some(id) = place.rolling {
        return Ok(take_back(state, id, Cause::ByHand, place.live));
    }
    let live = place.live.and_then(|id| Some((id, state.deployments.get(&id)?)));
    let Some((id, live)) = live else {
        return Err(not_now(format!("Nothing of {service} is live in `{environment}`.")));
    };
    let good = |id: &DeploymentId| {
        let release = state.deployments.get(id).and_then(|d| state.releases.get(&d.release));
        release.is_some_and(|release| release.barred.is_none())
    };
    let mut before = live.before;
    while let Some(candidate) = before.filter(|id| !good(id)) {
        before = state.deployments.get(&candidate).and_then(|d| d.before);
    }
    match before {
        Some(to) => Ok(take_back(state, id, Cause::ByHand, Some(to))),
        None => Err(not_now(format!(
            "There is no earlier release of {service} in `{environment}` to go back to."
        ))),
    }
}

fn push_change(
    state: &State,
    service: ServiceName,
    product: ProductName,
    push: Push,
) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::new();
    let organisation = state.organisation.as_ref();
    if !state.services.contains_key(&service) {
        let listed = organisation.and_then(|o| o.services.get(&service)).cloned();
        let open = organisation.is_some_and(|o| o.open_registration);
        let product = match listed {
            Some(product) => product,
            None if open => product,
            None => {
                return Err(Refusal::new(
                    Blame::Denied,
                    format!("There is no service `{service}` in the platform repository."),
                    "Add it to `organisation.yaml` there, and push that first",
                ));
            }
        };
        events.push(Event::ServiceRegistered { service: service.clone(), product });
    }
    events.push(Event::ChangePushed { change: state.next_change(), service, push });
    Ok(events)
}

fn received(state: &State, id: ChangeId) -> Vec<Event> {
    let Some(change) = state.changes.get(&id) else { return vec![] };
    if change.phase != ChangePhase::Announced {
        return vec![];
    }
    let mut events = vec![Event::ChangeReceived { change: id }];
    if !change.push.trunk {
        let why = WithdrawnReason::Replaced;
        events.extend(withdraw(state, &change.service, &change.push.branch, Some(id), why));
    }
    events
}

/// Ends the proposed changes of `branch`, but for `keep`, and their runs.
fn withdraw(
    state: &State,
    service: &ServiceName,
    branch: &str,
    keep: Option<ChangeId>,
    why: WithdrawnReason,
) -> Vec<Event> {
    let mut events = Vec::new();
    for id in state.open.changes.iter().filter(|id| Some(**id) != keep) {
        let Some(change) = state.changes.get(id) else { continue };
        let same = change.service == *service && change.push.branch == branch;
        if same && change.phase == ChangePhase::Proposed {
            events.push(Event::ChangeWithdrawn { change: *id, why });
            let run = change.run.filter(|run| state.open.runs.contains(run));
            events.extend(run.map(|run| Event::RunCancelled { run }));
        }
    }
    events
}

fn rolling(state: &State, id: DeploymentId) -> Result<&Rollout, Refusal> {
    match state.deployments.get(&id).map(|deployment| &deployment.phase) {
        Some(Phase::RollingOut(rollout)) => Ok(rollout),
        Some(_) => Err(not_now(format!("{id} is not rolling out."))),
        None => Err(missing(format!("There is no deployment {id}."), "sluss status")),
    }
}

fn observe(
    state: &State,
    id: DeploymentId,
    observation: Observation,
    reading: Reading,
) -> Vec<Event> {
    let Ok(rollout) = rolling(state, id) else { return vec![] };
    let known = rollout.observations.last().map(|last| last.second);
    if known.is_some_and(|last| observation.second <= last) {
        return vec![];
    }
    let now = Millis(observation.second * 1000);
    let mut events = vec![Event::RolloutObserved { deployment: id, observation, reading }];
    events.extend(carry_out(state, id, rollout, rollout.judge(reading.verdict, now)));
    events
}

fn fail(state: &State, id: DeploymentId, cause: Cause) -> Vec<Event> {
    match rolling(state, id) {
        Ok(rollout) => take_back(state, id, cause, rollout.incumbent),
        Err(_over) => vec![],
    }
}

fn instance(state: &State, id: DeploymentId, row: JournalRow) -> Vec<Event> {
    let Some(deployment) = state.deployments.get(&id) else { return vec![] };
    if deployment.facts.iter().any(|fact| fact.number == row.number) {
        return vec![];
    }
    let JournalRow { number, at, what, .. } = row;
    vec![Event::InstanceObserved { deployment: id, number, at, what }]
}

/// Once the target has confirmed what a rollback made true, customers are no longer affected.
fn applied(state: &State, key: &RouteKey, generation: u64) -> Vec<Event> {
    let current = state.place(&key.service, &key.environment).map(|place| place.generation);
    if current.is_none_or(|current| current > generation) {
        return vec![];
    }
    let here = |id: &&IncidentId| {
        state.incidents.get(id).is_some_and(|incident| {
            incident.service == key.service
                && incident.environment == key.environment
                && incident.mitigated.is_none()
        })
    };
    let mitigated = |id: &IncidentId| Event::IncidentMitigated { incident: *id };
    state.open.incidents.iter().filter(here).map(mitigated).collect()
}

/// Returns whether a stage of this kind has customers.
pub fn has_customers(kind: EnvironmentKind) -> bool {
    match kind {
        EnvironmentKind::Lasting => true,
        EnvironmentKind::Ephemeral => false,
    }
}
