//! What follows from what is true: the events that nobody has to ask for.
//!
//! Pure, and a function of state and time alone: after a crash the same state gives the same
//! events. Each call returns what follows next; the engine appends it and asks again, until
//! nothing follows.

mod ask;
mod back;
mod budget;
mod dependencies;
mod evidence;
mod gates;
mod performance;

use std::collections::BTreeSet;

use crate::approval::{Asked, Decision, Subject};
use crate::config::FourEyes;
use crate::deployment::{Cause, Deployment, HoldReason, Phase, RefusalReason};
use crate::event::Event;
use crate::exception::ExceptionKind;
use crate::freezes;
use crate::gate::{GateOutcome, RefusedWhy};
use crate::ids::{ChangeId, DeploymentId, EnvironmentName, PersonRef, ReleaseId};
use crate::pipeline::{EnvironmentKind, GateKind, Stage};
use crate::rollout::{Next, Rollout, Verdict};
use crate::rules::{Rules, RunningSays};
use crate::state::{ChangePhase, State};
use crate::steps::Progress;
use crate::units::Millis;

use ask::{ask, automated, moved};
pub(crate) use back::{carry_out, take_back};
use gates::decide_gate;

/// Returns what follows next from `state` at `now`; empty when nothing does. `nonce` is random and
/// makes a statement to approve unlike any other.
pub fn follow_up(state: &State, now: Millis, nonce: &str, rules: &dyn Rules) -> Vec<Event> {
    let at = (now, rules);
    configuration(state, now)
        .or_else(|| state.trust_restored(now))
        .or_else(|| suspension(state, now))
        .or_else(|| state.newly_overdue(now))
        .or_else(|| state.unreviewed(now))
        .or_else(|| state.newly_expired(now))
        .or_else(|| state.open.changes.iter().find_map(|id| of_change(state, *id)))
        .or_else(|| state.open.runs.iter().find_map(|id| of_run(state, *id)))
        .or_else(|| state.open.releases.iter().find_map(|id| of_release(state, *id, nonce)))
        .or_else(|| state.open.deployments.iter().find_map(|id| of_deployment(state, *id, at)))
        .or_else(|| state.limit_near(now))
        .unwrap_or_default()
}

/// Returns the end of a standard change whose releases were taken back too often.
fn suspension(state: &State, now: Millis) -> Option<Vec<Event>> {
    state.exceptions.iter().find_map(|(id, one)| {
        let ExceptionKind::Standard { model } = &one.what else { return None };
        let failures = if one.holds(now) { state.failures_of(*id) } else { 0 };
        (failures > 0 && failures >= model.failures)
            .then(|| vec![Event::ExceptionSuspended { exception: *id, failures }])
    })
}

fn configuration(state: &State, now: Millis) -> Option<Vec<Event>> {
    let (number, proposal) = state.proposals.iter().next_back()?;
    if proposal.over {
        return None;
    }
    let subject = Subject::Configuration(*number);
    let asked = match state.organisation.as_ref().map(|now| now.four_eyes) {
        // Nobody is there yet who could be a second person.
        None | Some(FourEyes::Never) => false,
        Some(FourEyes::FirstRelease | FourEyes::Always) => true,
    };
    let activated = Event::ConfigActivated { number: *number, commit: proposal.commit.clone() };
    match (asked, state.requests.get(&subject)) {
        (false, _) => Some(state.with_roles(*number, activated)),
        (true, None) => ask(state, subject, Asked::PlatformChange),
        (true, Some(request)) => match &request.decision {
            Decision::Granted { .. } => {
                let activates = || state.with_roles(*number, activated);
                Some(moved(state, subject, request).unwrap_or_else(activates))
            }
            Decision::Refused { .. } | Decision::Expired { .. } => {
                Some(vec![Event::ConfigRefused { number: *number }])
            }
            Decision::Open => moved(state, subject, request)
                .or_else(|| gates::expired(state, subject, request, now)),
            Decision::Invalidated { .. } => ask(state, subject, Asked::PlatformChange),
        },
    }
}

fn of_change(state: &State, id: ChangeId) -> Option<Vec<Event>> {
    let change = state.changes.get(&id)?;
    match change.phase {
        ChangePhase::Proposed | ChangePhase::Merged if change.run.is_none() => {
            Some(vec![Event::RunQueued { run: state.next_run(), change: id }])
        }
        ChangePhase::Announced
        | ChangePhase::Proposed
        | ChangePhase::Merged
        | ChangePhase::MergedInto { .. }
        | ChangePhase::Delivered { .. }
        | ChangePhase::Withdrawn { .. } => None,
    }
}

fn of_run(state: &State, id: crate::ids::RunId) -> Option<Vec<Event>> {
    match state.runs.get(&id)?.steps.progress() {
        Progress::Going => None,
        Progress::Succeeded => Some(vec![Event::RunSucceeded { run: id }]),
        Progress::Failed(step) => Some(vec![Event::RunFailed { run: id, step: Some(step) }]),
    }
}

/// Requests the deployment of a release into the next stage, once the stage before let it on.
fn of_release(state: &State, id: ReleaseId, nonce: &str) -> Option<Vec<Event>> {
    let release = state.releases.get(&id)?;
    let pipeline = state.pipeline_of(id)?;
    if release.barred.is_some() {
        return None;
    }
    let last = release.deployments.iter().filter_map(|id| state.deployments.get(id)).next_back();
    let index = match last {
        None => 0,
        Some(last) if last.lets_on() => last.stage_index + 1,
        Some(_) => return None,
    };
    let stage = pipeline.deliver.get(index)?;
    let there = |id: &DeploymentId| {
        state.deployments.get(id).is_some_and(|d| d.stage_index == index && !d.is_over())
    };
    // Asked for by hand once more, it may still be where it would go next.
    if release.deployments.iter().any(there) {
        return None;
    }
    if stage.by_hand || newer_is_there(state, release.change, id, stage) {
        return None;
    }
    Some(vec![request(state, id, index, (stage, nonce), None)])
}

/// Returns the request of `by`, or of nobody, for a deployment of `release` into `stage`.
pub(crate) fn request(
    state: &State,
    release: ReleaseId,
    index: usize,
    (stage, nonce): (&Stage, &str),
    by: Option<PersonRef>,
) -> Event {
    let deployment = state.next_deployment();
    let environment = match stage.kind {
        EnvironmentKind::Lasting => stage.environment.clone(),
        EnvironmentKind::Ephemeral => numbered(&stage.environment, deployment),
    };
    let nonce = nonce.to_owned();
    let customers = Some(state.has_customers(release, index));
    Event::DeploymentRequested {
        deployment,
        release,
        stage: index,
        environment,
        nonce,
        by,
        customers,
    }
}

fn numbered(stem: &EnvironmentName, deployment: DeploymentId) -> EnvironmentName {
    let name = format!("{:.48}-{}", stem.as_str(), deployment.0);
    name.parse().unwrap_or_else(|_| stem.clone())
}

/// Returns whether a newer change than `change` is live where `stage` leads, or on its way there.
fn newer_is_there(state: &State, change: ChangeId, release: ReleaseId, stage: &Stage) -> bool {
    if stage.kind == EnvironmentKind::Ephemeral {
        return false;
    }
    let Some(release) = state.releases.get(&release) else { return false };
    let newer = |deployment: &Deployment| {
        deployment.service == release.service
            && deployment.environment == stage.environment
            && state.releases.get(&deployment.release).is_some_and(|other| other.change > change)
    };
    state.open.deployments.iter().filter_map(|id| state.deployments.get(id)).any(newer)
}

impl Deployment {
    /// Returns whether its release may go to the next stage.
    pub fn lets_on(&self) -> bool {
        match self.phase {
            Phase::Removed { accepted, .. } => accepted,
            Phase::Live { .. } => {
                self.stage.kind == EnvironmentKind::Lasting
                    && self.acceptance.progress() == Progress::Succeeded
            }
            Phase::Requested
            | Phase::Cleared
            | Phase::RollingOut(_)
            | Phase::RolledBack { .. }
            | Phase::Superseded { .. }
            | Phase::Refused { .. } => false,
        }
    }
}

fn of_deployment(
    state: &State,
    id: DeploymentId,
    (now, rules): (Millis, &dyn Rules),
) -> Option<Vec<Event>> {
    let deployment = state.deployments.get(&id)?;
    match &deployment.phase {
        Phase::Requested | Phase::Cleared => at_the_gates(state, id, deployment, (now, rules)),
        Phase::RollingOut(rollout) => {
            if let Some(cause) = barred_elsewhere(state, deployment) {
                let events = take_back(state, id, cause, rollout.incumbent);
                return (!events.is_empty()).then_some(events);
            }
            if let Some(events) = calendar_of(state, id, rollout, (now, rules)) {
                return Some(events);
            }
            let silent = Verdict::Undecided { needs_requests: None };
            let verdict = rollout.reading.map_or(silent, |reading| match reading.verdict {
                Verdict::NoData { seconds } => Verdict::NoData { seconds },
                Verdict::Favourable | Verdict::Unfavourable | Verdict::Undecided { .. } => silent,
            });
            let gives_way = match rollout.phase {
                // What no customer has met gives way to what may go.
                crate::rollout::Phase::Baking { .. } => true,
                // What cannot go back is mended by what comes after it.
                crate::rollout::Phase::Held { why, .. } => why == HoldReason::ForwardOnly,
                crate::rollout::Phase::Judging { .. } => false,
            };
            if let Some(by) = newer_request(state, id, deployment)
                && gives_way
                && state.deployments.get(&by).is_some_and(|newer| newer.phase == Phase::Cleared)
            {
                return Some(vec![Event::DeploymentSuperseded { deployment: id, by }]);
            }
            let in_time = match (state.stop_over(deployment), &rollout.kept) {
                (None, None) => {
                    let kept = state.line_runs_since(deployment).max(rollout.let_go);
                    match rollout.bake(now, kept) {
                        // A day is counted by the clock.
                        Next::Stay if state.gap => Next::Stay,
                        Next::Stay => {
                            let goes_back = !state.is_forward_only(deployment.release);
                            rollout.hold_ends(now, kept, goes_back)
                        }
                        late => late,
                    }
                }
                // It is not slow where it may not go on, nor does anybody let it.
                (Some(_), _) | (None, Some(_)) => Next::Stay,
            };
            let next = match in_time {
                Next::Stay => rollout.judge(verdict, now),
                decided => decided,
            };
            let events = carry_out(state, id, rollout, next);
            (!events.is_empty()).then_some(events)
        }
        Phase::Live { .. } => when_live(state, id, deployment),
        Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => None,
    }
}

/// Returns what the calendar makes of a rollout that is under way, where it asks anything of it and
/// where that is new. An override of the freeze lets it go on.
fn calendar_of(
    state: &State,
    id: DeploymentId,
    rollout: &Rollout,
    (now, rules): (Millis, &dyn Rules),
) -> Option<Vec<Event>> {
    let deployment = state.deployments.get(&id)?;
    let calendar = state.organisation.as_ref().and_then(|known| known.calendar.as_ref());
    let asked = calendar.filter(|_| deployment.stage.gates.contains(&GateKind::Freeze));
    let of = ExceptionKind::Freeze { deployment: id };
    let says = match asked {
        Some(calendar) if state.exception(id, now, |what| *what == of).is_none() => {
            rules.running(calendar, state, id, now)
        }
        Some(_) | None => RunningSays::GoesOn,
    };
    match (says, &rollout.kept) {
        (RunningSays::GoesOn, None) => None,
        (RunningSays::GoesOn, Some(_)) => Some(vec![Event::RolloutWindowOver { deployment: id }]),
        (RunningSays::Keeps { windows, .. }, Some(kept)) if kept.windows == windows => None,
        (RunningSays::Keeps { until, windows }, _) => {
            Some(vec![Event::RolloutWindowBegan { deployment: id, windows, until }])
        }
        // What cannot be put back keeps its share instead.
        (RunningSays::TakenBack, kept) if state.is_forward_only(deployment.release) => {
            let (windows, until) = (Vec::new(), None);
            let began = Event::RolloutWindowBegan { deployment: id, windows, until };
            kept.is_none().then(|| vec![began])
        }
        (RunningSays::TakenBack, _) => Some(take_back(state, id, Cause::Window, rollout.incumbent)),
    }
}

/// Returns why the release of `deployment` was taken back from another place and is barred, if so.
fn barred_elsewhere(state: &State, deployment: &Deployment) -> Option<Cause> {
    let release = state.releases.get(&deployment.release)?;
    release.barred?;
    let cause = |id: &DeploymentId| match state.deployments.get(id)?.phase {
        Phase::RolledBack { cause, .. } => Some(cause),
        Phase::Requested
        | Phase::Cleared
        | Phase::RollingOut(_)
        | Phase::Live { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => None,
    };
    Some(release.deployments.iter().rev().find_map(cause).unwrap_or(Cause::ByHand))
}

fn at_the_gates(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    at: (Millis, &dyn Rules),
) -> Option<Vec<Event>> {
    if let Some(by) = newer_request(state, id, deployment) {
        return Some(vec![Event::DeploymentSuperseded { deployment: id, by }]);
    }
    if state.releases.get(&deployment.release).is_some_and(|release| release.barred.is_some()) {
        return Some(vec![Event::DeploymentRefused { deployment: id, why: RefusalReason::Barred }]);
    }
    let mut shut = false;
    let gates = &deployment.stage.gates;
    // A stop of the line is asked about everywhere, and said at the gate of the calendar.
    let stops =
        state.stop_over(deployment).is_some() || deployment.gates.contains_key(&GateKind::Freeze);
    let line = (stops && !gates.contains(&GateKind::Freeze)).then_some(GateKind::Freeze);
    let needs = dependencies::are_asked(state, deployment).then_some(GateKind::Dependencies);
    let budget = budget::is_asked(state, deployment).then_some(GateKind::ErrorBudget);
    let pace = performance::is_asked(state, deployment).then_some(GateKind::Performance);
    for gate in gates.iter().chain(&line).chain(&needs).chain(&budget).chain(&pace) {
        let (outcome, policy) = match decide_gate(state, id, deployment, *gate, at) {
            Ok(decided) => decided,
            Err(first) => return Some(first),
        };
        shut |= !outcome.is_cleared();
        let refused = refusal(*gate, &outcome);
        if !deployment.gates.get(gate).is_some_and(|known| known.says_as(&outcome)) {
            let said = freezes::said(state, (id, deployment), (*gate, &outcome), at);
            let before = said.map(Event::FreezeDecided).into_iter();
            let before = before.chain(automated(state, id, &outcome, at));
            let core = state.shut_by(id, *gate, &outcome);
            let decided = Event::GateDecided { deployment: id, gate: *gate, outcome, core, policy };
            return Some(before.chain([decided]).collect());
        }
        if let Some(refused) = refused {
            // Nobody is asked about what will not be made anyway.
            return Some(vec![Event::DeploymentRefused { deployment: id, why: refused }]);
        }
    }
    if shut {
        None
    } else if deployment.phase == Phase::Cleared {
        start(state, id, deployment)
    } else {
        Some(vec![Event::DeploymentCleared { deployment: id }])
    }
}

/// Returns why a deployment is not made at a gate that refuses it.
fn refusal(gate: GateKind, outcome: &GateOutcome) -> Option<RefusalReason> {
    let GateOutcome::Refused { why } = outcome else { return None };
    Some(match gate {
        GateKind::Tests => RefusalReason::Tests,
        GateKind::Sbom => RefusalReason::Sbom,
        GateKind::Findings => RefusalReason::Findings,
        GateKind::Performance => RefusalReason::Performance,
        GateKind::ErrorBudget if *why == RefusedWhy::NoObjective => RefusalReason::Objective,
        GateKind::ErrorBudget
        | GateKind::Dependencies
        | GateKind::Provenance
        | GateKind::Policy
        | GateKind::FourEyes
        | GateKind::Freeze => RefusalReason::Approval,
    })
}

/// Returns the newest deployment into the same place that was requested after `id` and has not
/// begun. What a person asked for last goes, also when it is of an older change.
fn newer_request(state: &State, id: DeploymentId, of: &Deployment) -> Option<DeploymentId> {
    let waits = |other: &Deployment| matches!(other.phase, Phase::Requested | Phase::Cleared);
    state.open.deployments.range(id..).copied().rfind(|other| {
        *other != id && {
            state.deployments.get(other).is_some_and(|other| {
                waits(other) && other.service == of.service && other.environment == of.environment
            })
        }
    })
}

/// Starts a cleared deployment when nothing else is rolling out there.
fn start(state: &State, id: DeploymentId, deployment: &Deployment) -> Option<Vec<Event>> {
    let place = state.place(&deployment.service, &deployment.environment);
    if place.is_some_and(|place| place.rolling.is_some()) {
        return None;
    }
    let started = Event::DeploymentStarted { deployment: id };
    Some(match deployment.stage.kind {
        EnvironmentKind::Lasting => vec![started],
        EnvironmentKind::Ephemeral => {
            let environment = deployment.environment.clone();
            vec![Event::EnvironmentCreated { deployment: id, environment }, started]
        }
    })
}

fn when_live(state: &State, id: DeploymentId, deployment: &Deployment) -> Option<Vec<Event>> {
    let progress = deployment.acceptance.progress();
    match deployment.stage.kind {
        EnvironmentKind::Ephemeral => match progress {
            Progress::Going => None,
            Progress::Succeeded => {
                Some(vec![Event::EnvironmentRemoved { deployment: id, accepted: true }])
            }
            Progress::Failed(_) => {
                Some(vec![Event::EnvironmentRemoved { deployment: id, accepted: false }])
            }
        },
        EnvironmentKind::Lasting => {
            let stages = state.pipeline_of(deployment.release)?.deliver.len();
            if deployment.stage_index + 1 != stages || progress != Progress::Succeeded {
                return None;
            }
            let release = state.releases.get(&deployment.release)?;
            let trunk = &state.services.get(&deployment.service)?.trunk;
            let open: BTreeSet<_> = trunk
                .iter()
                .filter(|change| **change <= release.change)
                .filter(|change| state.open.changes.contains(change))
                .collect();
            let delivered =
                |change: &&ChangeId| Event::ChangeDelivered { change: **change, deployment: id };
            (!open.is_empty()).then(|| open.iter().map(delivered).collect())
        }
    }
}
