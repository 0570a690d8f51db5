//! The board: every change in one lane, with what it waits for.

use std::collections::BTreeSet;

use serde::Serialize;
use sluss_core::approval::{Decision, Subject};
use sluss_core::deployment::{Deployment, Phase, RefusalReason};
use sluss_core::event::WithdrawnReason;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::{
    ChangeId, DeploymentId, ExceptionId, FreezeId, PersonRef, ProductName, ReleaseId, RunId,
    ServiceName, StopId,
};
use sluss_core::pipeline::{EnvironmentKind, Stage};
use sluss_core::rollout::{self, Rollout};
use sluss_core::state::{Change, ChangePhase, Run, RunEnd, State};
use sluss_core::steps::Progress;
use sluss_core::units::Millis;

/// How many changes that are over are looked at, newest first.
const RECENT: usize = 60;

/// Where on the board a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// It waits for somebody or something outside of its own path.
    Waiting,
    /// It goes on by itself.
    InProgress,
    /// Its release may go on when a person asks for it.
    Ready,
    /// Customers have it.
    Live,
    /// It was taken back.
    TakenBack,
    /// It ended on its way: someone has to push again.
    Stopped,
    /// A later one took its place.
    Over,
}

impl Lane {
    /// All lanes, in the order of the board.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::InProgress,
        Self::Ready,
        Self::Live,
        Self::TakenBack,
        Self::Stopped,
        Self::Over,
    ];

    /// Returns the lane in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InProgress => "in progress",
            Self::Ready => "ready",
            Self::Live => "live",
            Self::TakenBack => "taken back",
            Self::Stopped => "stopped",
            Self::Over => "over",
        }
    }
}

/// What a change waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Waiting {
    /// One of these people decides.
    Approval {
        /// Who may.
        people: BTreeSet<PersonRef>,
    },
    /// A held rollout waits for a developer.
    Held,
    /// A freeze.
    Freeze {
        /// Which.
        freeze: FreezeId,
        /// Until when.
        until: Millis,
    },
    /// Two people who let the line run again.
    Stopped {
        /// Which stop.
        stop: StopId,
    },
    /// A clock that can be trusted.
    Clock,
    /// The signed provenance of its release.
    Provenance,
    /// The calendar.
    Calendar {
        /// The first instant at which it may go, as far as that is known.
        until: Option<Millis>,
    },
    /// An error budget of which something is left.
    Budget {
        /// When that is, if no further request comes.
        until: Option<Millis>,
    },
    /// Releases of other services.
    Dependencies,
    /// Policies.
    Policy,
    /// The review of an emergency.
    Review {
        /// Which.
        exception: ExceptionId,
    },
}

/// A change on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoardRow {
    /// Which change.
    pub change: ChangeId,
    /// Of which service.
    pub service: ServiceName,
    /// Of which product, as far as the service is known.
    pub product: Option<ProductName>,
    /// Where it stands.
    pub lane: Lane,
    /// What it waits for.
    pub waiting_on: Option<Waiting>,
    /// Since when it stands there.
    pub since: Millis,
    /// Where it stands, as a sentence.
    pub sentence: String,
    /// Its run.
    pub run: Option<RunId>,
    /// Its release.
    pub release: Option<ReleaseId>,
    /// The deployment that the sentence is about.
    pub deployment: Option<DeploymentId>,
}

/// All changes that are not long over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Board {
    /// Its rows, by lane, and there the latest first.
    pub rows: Vec<BoardRow>,
}

/// Returns the board.
pub fn board(state: &State, now: Millis) -> Board {
    let live = state
        .services
        .values()
        .flat_map(|service| service.places.values())
        .flat_map(|place| [place.live, place.rolling])
        .flatten()
        .filter_map(|id| state.deployments.get(&id))
        .filter_map(|deployment| state.releases.get(&deployment.release))
        .map(|release| release.change);
    let shown: BTreeSet<ChangeId> = state
        .open
        .changes
        .iter()
        .copied()
        .chain(state.changes.keys().rev().take(RECENT).copied())
        .chain(live)
        .collect();
    let mut rows: Vec<BoardRow> =
        shown.into_iter().filter_map(|id| row_of(state, id, now)).collect();
    rows.sort_by_key(|row| (row.lane, std::cmp::Reverse((row.since, row.change))));
    Board { rows }
}

/// Where a change stands: what rows are made from.
struct Stands {
    lane: Lane,
    waiting_on: Option<Waiting>,
    since: Millis,
    sentence: String,
    deployment: Option<DeploymentId>,
}

impl Stands {
    fn new(lane: Lane, since: Millis, sentence: impl Into<String>) -> Self {
        Self { lane, waiting_on: None, since, sentence: sentence.into(), deployment: None }
    }

    fn about(mut self, id: DeploymentId) -> Self {
        self.deployment = Some(id);
        self
    }
}

/// Returns the row of one change.
pub fn row_of(state: &State, id: ChangeId, now: Millis) -> Option<BoardRow> {
    let change = state.changes.get(&id)?;
    let run = change.run.and_then(|id| state.runs.get(&id));
    let release = run.and_then(|run| run.release);
    let mut stands = stands(state, change, run, release, now);
    if stands.lane == Lane::Stopped && pushed_again(state, id, change) {
        stands.lane = Lane::Over;
    }
    Some(BoardRow {
        change: id,
        service: change.service.clone(),
        product: state.product_of(&change.service).cloned(),
        lane: stands.lane,
        waiting_on: stands.waiting_on,
        since: stands.since,
        sentence: stands.sentence,
        run: change.run,
        release,
        deployment: stands.deployment,
    })
}

/// Returns whether a later change came by the same branch.
fn pushed_again(state: &State, id: ChangeId, change: &Change) -> bool {
    let same =
        |later: &Change| later.service == change.service && later.push.branch == change.push.branch;
    state.changes.range(ChangeId(id.0 + 1)..).any(|(_, later)| same(later))
}

fn stands(
    state: &State,
    change: &Change,
    run: Option<&Run>,
    release: Option<ReleaseId>,
    now: Millis,
) -> Stands {
    match change.phase {
        ChangePhase::Announced => {
            return Stands::new(Lane::InProgress, change.at, "Its push is under way.");
        }
        ChangePhase::MergedInto { into } => {
            let since = state.changes.get(&into).map_or(change.at, |into| into.at);
            return Stands::new(Lane::Over, since, format!("It became part of {into}."));
        }
        ChangePhase::Withdrawn { why } => {
            return Stands::new(Lane::Over, change.at, withdrawn(why));
        }
        ChangePhase::Proposed | ChangePhase::Merged | ChangePhase::Delivered { .. } => {}
    }
    let reached = release.and_then(|id| state.releases.get(&id));
    let reached = reached.and_then(|release| release.deployments.last());
    let deployment = reached.and_then(|id| Some((*id, state.deployments.get(id)?)));
    match (deployment, run) {
        (Some((id, deployment)), _) => of_deployment(state, change, id, deployment, now).about(id),
        (None, Some(run)) => of_run(change, run, release),
        (None, None) => Stands::new(Lane::InProgress, change.at, "Its run begins."),
    }
}

fn withdrawn(why: WithdrawnReason) -> &'static str {
    match why {
        WithdrawnReason::PushIncomplete => "Its push did not complete.",
        WithdrawnReason::BranchDeleted => "Its branch was deleted before it was merged.",
        WithdrawnReason::Replaced => "A newer push to its branch replaced it.",
    }
}

fn of_run(change: &Change, run: &Run, release: Option<ReleaseId>) -> Stands {
    let proposed = change.phase == ChangePhase::Proposed;
    match (run.ended, release, run.started) {
        (Some((at, RunEnd::Failed)), _, _) => {
            let failed = match run.steps.progress() {
                Progress::Failed(step) => format!("Its run failed at the step `{step}`."),
                Progress::Going | Progress::Succeeded => "Its run failed.".to_owned(),
            };
            Stands::new(Lane::Stopped, at, failed)
        }
        (Some((at, RunEnd::Cancelled)), _, _) => {
            Stands::new(Lane::Stopped, at, "Its run was cancelled.")
        }
        (Some((at, RunEnd::Succeeded)), _, _) if proposed => {
            Stands::new(Lane::Ready, at, "Its branch passed; it is ready to be merged.")
        }
        (Some((at, RunEnd::Succeeded)), None, _) if run.not_packed.is_some() => {
            Stands::new(Lane::Stopped, at, "Its release could not be packed.")
        }
        (Some((at, RunEnd::Succeeded)), None, _) => {
            Stands::new(Lane::InProgress, at, "Its release is being packed.")
        }
        (Some((at, RunEnd::Succeeded)), Some(_), _) => {
            Stands::new(Lane::Ready, at, "Its release waits for someone to promote it.")
        }
        (None, _, None) => Stands::new(Lane::InProgress, run.queued, "Its run is queued."),
        (None, _, Some(at)) => {
            let running: Vec<String> =
                run.steps.running().iter().map(|(step, _)| format!("`{step}`")).collect();
            let sentence = match running.as_slice() {
                [] => "Its run goes on.".to_owned(),
                steps => format!("Its run is at {}.", steps.join(", ")),
            };
            Stands::new(Lane::InProgress, at, sentence)
        }
    }
}

fn of_deployment(
    state: &State,
    change: &Change,
    id: DeploymentId,
    deployment: &Deployment,
    now: Millis,
) -> Stands {
    let place = &deployment.environment;
    match &deployment.phase {
        Phase::Requested | Phase::Cleared => of_gates(state, id, deployment, now),
        Phase::RollingOut(rollout) => of_rollout(deployment, rollout),
        Phase::Live { since, .. } => match deployment.stage.kind {
            EnvironmentKind::Ephemeral => {
                Stands::new(Lane::InProgress, *since, format!("It is being accepted in {place}."))
            }
            EnvironmentKind::Lasting => of_live(change, deployment, *since),
        },
        Phase::RolledBack { since, cause } => Stands::new(
            Lane::TakenBack,
            *since,
            format!("Taken back from {place}: it {}.", cause.sentence()),
        ),
        Phase::Superseded { since, by } => {
            Stands::new(Lane::Over, *since, format!("{by} took its place in {place}."))
        }
        Phase::Refused { since, why } => {
            let why = match why {
                RefusalReason::Tests => "the tests did not pass",
                RefusalReason::Approval => "the second person did not agree",
                RefusalReason::Sbom => "there is no bill of materials",
                RefusalReason::Findings => "findings are past their terms, or nobody looked",
                RefusalReason::Performance => "it is slower than what is live, or was not measured",
                RefusalReason::Objective => "it states no objective of its traffic",
                RefusalReason::Barred => "the release is barred",
            };
            Stands::new(Lane::Stopped, *since, format!("Refused in {place}: {why}."))
        }
        Phase::Removed { since, accepted: false } => {
            Stands::new(Lane::Stopped, *since, format!("It was not accepted in {place}."))
        }
        Phase::Removed { since, accepted: true } => match next_stage(change, deployment) {
            Some(next) if next.by_hand => ready(*since, next),
            Some(_) => Stands::new(Lane::Over, *since, "A later change went before it."),
            None => Stands::new(Lane::Over, *since, format!("It was accepted in {place}.")),
        },
    }
}

fn next_stage<'a>(change: &'a Change, deployment: &Deployment) -> Option<&'a Stage> {
    change.push.pipeline.deliver.get(deployment.stage_index + 1)
}

fn ready(since: Millis, next: &Stage) -> Stands {
    let sentence = format!("Ready for {}: someone has to promote it.", next.environment);
    Stands::new(Lane::Ready, since, sentence)
}

fn of_live(change: &Change, deployment: &Deployment, since: Millis) -> Stands {
    let place = &deployment.environment;
    match next_stage(change, deployment) {
        Some(_) if deployment.acceptance.progress() != Progress::Succeeded => {
            Stands::new(Lane::InProgress, since, format!("It is being accepted in {place}."))
        }
        Some(next) if next.by_hand => ready(since, next),
        Some(next) => {
            let sentence = format!("It is live in {place} and goes on to {}.", next.environment);
            Stands::new(Lane::InProgress, since, sentence)
        }
        None => Stands::new(Lane::Live, since, format!("It is live in {place}.")),
    }
}

fn of_rollout(deployment: &Deployment, rollout: &Rollout) -> Stands {
    let (place, share) = (&deployment.environment, rollout.share());
    match &rollout.phase {
        rollout::Phase::Baking { since } => {
            Stands::new(Lane::InProgress, *since, format!("It starts in {place}."))
        }
        rollout::Phase::Judging { since, .. } => {
            let sentence = format!("It rolls out in {place}, at {share} of the traffic.");
            Stands::new(Lane::InProgress, *since, sentence)
        }
        rollout::Phase::Held { since, .. } => {
            let sentence = format!("Its rollout in {place} is held at {share} of the traffic.");
            let stands = Stands::new(Lane::Waiting, *since, sentence);
            Stands { waiting_on: Some(Waiting::Held), ..stands }
        }
    }
}

fn of_gates(state: &State, id: DeploymentId, deployment: &Deployment, now: Millis) -> Stands {
    let place = &deployment.environment;
    let waiting = deployment.gates.values().find_map(|outcome| match outcome {
        GateOutcome::Waiting { on } => Some(on),
        GateOutcome::Cleared { .. } | GateOutcome::Refused { .. } => None,
    });
    let Some(on) = waiting else {
        let sentence = format!("It is next in {place}.");
        return Stands::new(Lane::InProgress, deployment.requested, sentence);
    };
    let (waiting, since, what) = match on {
        WaitingOn::SecondPerson
        | WaitingOn::NoTraffic
        | WaitingOn::TooLittle { .. }
        | WaitingOn::Pace { .. } => {
            let (people, since) = deciders(state, id, deployment.requested);
            (Waiting::Approval { people }, since, "a second person".to_owned())
        }
        WaitingOn::Freeze { freeze, until } => {
            let from = state.freezes.get(freeze).map_or(now, |freeze| freeze.from);
            let since = from.max(deployment.requested);
            let (freeze, until) = (*freeze, *until);
            (Waiting::Freeze { freeze, until }, since, format!("the end of {freeze}"))
        }
        WaitingOn::Stopped { stop, scope } => {
            let since = state.stops.get(stop).map_or(now, |stop| stop.since);
            let what = format!("the line, which {stop} stopped for {}", scope.words());
            (Waiting::Stopped { stop: *stop }, since.max(deployment.requested), what)
        }
        WaitingOn::Provenance => {
            (Waiting::Provenance, deployment.requested, "its signed provenance".to_owned())
        }
        WaitingOn::Sbom => {
            (Waiting::Provenance, deployment.requested, "its bill of materials".to_owned())
        }
        WaitingOn::Calendar { until, windows } => {
            let what = format!("the calendar ({})", windows.join(", "));
            (Waiting::Calendar { until: *until }, deployment.requested, what)
        }
        WaitingOn::CalendarText => {
            let what = "a calendar that can be read".to_owned();
            (Waiting::Calendar { until: None }, deployment.requested, what)
        }
        WaitingOn::Nobody { group } => {
            let people = BTreeSet::new();
            let what = format!("someone in `{group}` who did not contribute");
            (Waiting::Approval { people }, deployment.requested, what)
        }
        WaitingOn::Review { exception } => {
            let what = format!("the review of {exception}");
            (Waiting::Review { exception: *exception }, deployment.requested, what)
        }
        WaitingOn::Log => {
            let what = "the log that witnesses know".to_owned();
            (Waiting::Clock, deployment.requested, what)
        }
        WaitingOn::Clock => {
            (Waiting::Clock, deployment.requested, "a clock that can be trusted".to_owned())
        }
        rules => of_rules(rules, deployment.requested),
    };
    let stands = Stands::new(Lane::Waiting, since, format!("For {place} it waits for {what}."));
    Stands { waiting_on: Some(waiting), ..stands }
}

/// Returns what a deployment waits for that no person opens: rules, budgets, other services.
fn of_rules(on: &WaitingOn, requested: Millis) -> (Waiting, Millis, String) {
    match on {
        WaitingOn::Budget { until, .. } => {
            let what = "its error budget, which is spent".to_owned();
            (Waiting::Budget { until: *until }, requested, what)
        }
        WaitingOn::Dependencies { missing, drops, .. } => {
            let first = missing.iter().flat_map(|one| &one.first).map(|one| &one.service);
            let all = first.chain(drops.iter().map(|one| &one.service));
            let all: BTreeSet<&str> = all.map(|service| service.as_str()).collect();
            let all: Vec<&str> = all.into_iter().collect();
            let what = format!("other services ({})", all.join(", "));
            (Waiting::Dependencies, requested, what)
        }
        WaitingOn::Policy { rules, .. } => {
            let what = format!("what policies ask ({})", rules.join(", "));
            (Waiting::Policy, requested, what)
        }
        WaitingOn::PolicyAnswer { why } => {
            (Waiting::Policy, requested, format!("an answer of the policies ({why})"))
        }
        _of_others => unreachable!("BUG: no rule keeps it"),
    }
}

/// Returns who may decide over a deployment, and since when they are asked.
fn deciders(state: &State, id: DeploymentId, requested: Millis) -> (BTreeSet<PersonRef>, Millis) {
    let Some(request) = state.requests.get(&Subject::Deployment(id)) else {
        return (BTreeSet::new(), requested);
    };
    if request.decision != Decision::Open {
        return (BTreeSet::new(), request.since);
    }
    (state.may_decide(Subject::Deployment(id), state.time), request.since)
}
