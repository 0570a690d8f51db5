//! The fold itself: what each event makes true, in one `match` without wildcard.

use std::collections::BTreeSet;

use crate::approval::{Decision, Request, Subject};
use crate::deployment::{Deployment, InstanceFact, Phase};
use crate::event::Event;
use crate::ids::{ChangeId, DeploymentId, ReleaseId};
use crate::incident::{Freeze, Incident};
use crate::pipeline::Step;
use crate::rollout::{self, Rollout};
use crate::state::{Change, ChangePhase, Place, Proposal, Release, Run, RunEnd, Service, State};
use crate::steps::{Attempt, StepOwner, Steps};
use crate::units::Millis;

/// Folds `event`, which stands at `position` and was appended at `now`.
pub(crate) fn apply(state: &mut State, position: u64, now: Millis, event: &Event) {
    use Event as E;
    match event {
        E::LogOpened { origin, demo } => {
            state.origin.clone_from(origin);
            state.demo = *demo;
        }
        E::LogGap { .. } => state.gap = true,
        E::LogGapEnded { .. } => state.gap = false,
        E::ConfigProposed { .. } | E::ConfigActivated { .. } | E::ConfigRefused { .. } => {
            apply_config(state, now, event);
        }
        E::ServiceRegistered { service, product } => {
            let (product, trunk) = (product.clone(), Vec::new());
            let service = service.clone();
            state.services.entry(service).or_insert(Service {
                product,
                trunk,
                places: Default::default(),
            });
        }
        E::ChangePushed { .. }
        | E::ChangeReceived { .. }
        | E::ChangeMerged { .. }
        | E::ChangeDelivered { .. }
        | E::ChangeWithdrawn { .. } => apply_change(state, now, event),
        E::RunQueued { .. }
        | E::StepStarted { .. }
        | E::StepFinished { .. }
        | E::RunCancelled { .. }
        | E::RunSucceeded { .. }
        | E::RunFailed { .. }
        | E::ReleaseFailed { .. } => apply_run(state, now, event),
        E::ReleaseCreated { .. } | E::ReleaseBarred { .. } | E::ReleaseUnbarred { .. } => {
            apply_release(state, now, event);
        }
        E::DeploymentRequested { .. } => request_deployment(state, now, event),
        E::GateDecided { deployment, gate, outcome } => {
            with(state, *deployment, |d| {
                d.gates.insert(*gate, outcome.clone());
                if !outcome.is_cleared() && d.phase == Phase::Cleared {
                    d.phase = Phase::Requested;
                }
            });
        }
        E::ApprovalRequested { .. }
        | E::ApprovalGranted { .. }
        | E::ApprovalRefused { .. }
        | E::ApprovalInvalidated { .. } => apply_approval(state, now, event),
        E::DeploymentCleared { .. }
        | E::DeploymentRefused { .. }
        | E::DeploymentStarted { .. }
        | E::DeploymentLive { .. }
        | E::DeploymentRolledBack { .. }
        | E::DeploymentSuperseded { .. }
        | E::EnvironmentCreated { .. }
        | E::EnvironmentRemoved { .. } => apply_deployment(state, position, now, event),
        E::RolloutShifted { .. }
        | E::RolloutObserved { .. }
        | E::RolloutHeld { .. }
        | E::RolloutResumed { .. } => apply_rollout(state, position, now, event),
        E::InstanceObserved { deployment, number, at, what } => {
            let fact = InstanceFact { number: *number, at: *at, what: what.clone() };
            with(state, *deployment, |d| d.facts.push(fact));
        }
        E::IncidentOpened { .. } | E::IncidentMitigated { .. } | E::IncidentClosed { .. } => {
            apply_incident(state, now, event);
        }
        E::FreezeSet { freeze, service, environment, from, until, reason } => {
            let freeze_set = Freeze {
                service: service.clone(),
                environment: environment.clone(),
                from: *from,
                until: *until,
                reason: reason.clone(),
                lifted: None,
            };
            state.freezes.insert(*freeze, freeze_set);
        }
        E::FreezeLifted { freeze } => {
            if let Some(freeze) = state.freezes.get_mut(freeze) {
                freeze.lifted = Some(now);
            }
        }
        E::AccessLogin { .. } | E::AccessRefused { .. } | E::AccessRefusedCounted { .. } => {}
    }
}

fn apply_config(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::ConfigProposed { number, commit, organisation, contributors, nonce } => {
            for earlier in state.proposals.values_mut() {
                earlier.over = true;
            }
            let proposal = Proposal {
                commit: commit.clone(),
                organisation: organisation.clone(),
                contributors: contributors.clone(),
                nonce: nonce.clone(),
                at: now,
                over: false,
            };
            state.proposals.insert(*number, proposal);
        }
        Event::ConfigActivated { number, .. } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.over = true;
            state.organisation = Some(proposal.organisation.clone());
        }
        Event::ConfigRefused { number } => {
            if let Some(proposal) = state.proposals.get_mut(number) {
                proposal.over = true;
            }
        }
        _other => unreachable!("BUG: not an event of the configuration"),
    }
}

fn apply_change(state: &mut State, now: Millis, event: &Event) {
    let end = |state: &mut State, id: &ChangeId, phase| {
        state.open.changes.remove(id);
        if let Some(change) = state.changes.get_mut(id) {
            change.phase = phase;
        }
    };
    match event {
        Event::ChangePushed { change, service, push } => {
            let phase = ChangePhase::Announced;
            let (service, push) = (service.clone(), push.clone());
            state.changes.insert(*change, Change { service, push, at: now, phase, run: None });
            state.open.changes.insert(*change);
        }
        Event::ChangeReceived { change: id } => {
            let Some(change) = state.changes.get_mut(id) else { return };
            let trunk = change.push.trunk;
            change.phase = if trunk { ChangePhase::Merged } else { ChangePhase::Proposed };
            if let (true, Some(service)) = (trunk, state.services.get_mut(&change.service)) {
                service.trunk.push(*id);
            }
        }
        Event::ChangeMerged { change, into } => {
            end(state, change, ChangePhase::MergedInto { into: *into });
        }
        Event::ChangeDelivered { change, deployment } => {
            let (at, deployment) = (now, *deployment);
            end(state, change, ChangePhase::Delivered { at, deployment });
        }
        Event::ChangeWithdrawn { change, why } => {
            end(state, change, ChangePhase::Withdrawn { why: *why });
        }
        _other => unreachable!("BUG: not an event of a change"),
    }
}

fn apply_run(state: &mut State, now: Millis, event: &Event) {
    let end = |state: &mut State, id, how| {
        state.open.runs.remove(id);
        if let Some(run) = state.runs.get_mut(id) {
            run.ended = run.ended.or(Some((now, how)));
        }
    };
    match event {
        Event::RunQueued { run: id, change: change_id } => {
            let Some(change) = state.changes.get_mut(change_id) else { return };
            change.run = Some(*id);
            let steps = Steps::new(change.push.pipeline.steps(), &change.push.left_out);
            let run = Run {
                change: *change_id,
                queued: now,
                started: None,
                ended: None,
                steps,
                release: None,
                not_packed: None,
            };
            state.runs.insert(*id, run);
            state.open.runs.insert(*id);
        }
        Event::StepStarted { owner, step, attempt } => {
            if let StepOwner::Run(run) = owner
                && let Some(run) = state.runs.get_mut(run)
            {
                run.started = run.started.or(Some(now));
            }
            if let Some(steps) = steps_mut(state, *owner) {
                steps.start(step, *attempt, now);
            }
        }
        Event::StepFinished { owner, step, .. } => {
            let Some(definition) = state.step(*owner, step).cloned() else { return };
            let Some(steps) = steps_mut(state, *owner) else { return };
            let started = match steps.state(step) {
                Some(crate::steps::StepState::Running { since, .. }) => *since,
                Some(_) | None => now,
            };
            if let Some(attempt) = attempt_of(event, started, now) {
                steps.finish(&definition, attempt);
            }
        }
        Event::RunCancelled { run } => end(state, run, RunEnd::Cancelled),
        Event::RunSucceeded { run } => end(state, run, RunEnd::Succeeded),
        Event::RunFailed { run, .. } => end(state, run, RunEnd::Failed),
        Event::ReleaseFailed { run, why } => {
            if let Some(run) = state.runs.get_mut(run) {
                run.not_packed = Some(why.clone());
            }
        }
        _other => unreachable!("BUG: not an event of a run"),
    }
}

fn attempt_of(event: &Event, started: Millis, finished: Millis) -> Option<Attempt> {
    let Event::StepFinished { attempt, outcome, isolation, log, tests, .. } = event else {
        return None;
    };
    Some(Attempt {
        number: *attempt,
        started,
        finished,
        outcome: outcome.clone(),
        isolation: *isolation,
        log: log.clone(),
        tests: *tests,
    })
}

impl State {
    /// Returns the steps that `owner` consists of, as defined.
    pub fn definitions(&self, owner: StepOwner) -> &[Step] {
        match owner {
            StepOwner::Run(run) => self
                .runs
                .get(&run)
                .and_then(|run| self.changes.get(&run.change))
                .map_or(&[], |change| change.push.pipeline.steps()),
            StepOwner::Deployment(deployment) => {
                self.deployments.get(&deployment).map_or(&[], |d| &d.stage.acceptance)
            }
        }
    }

    /// Returns one step of `owner`, as defined.
    pub fn step(&self, owner: StepOwner, name: &crate::ids::StepName) -> Option<&Step> {
        self.definitions(owner).iter().find(|step| step.name == *name)
    }

    /// Returns where the steps of `owner` stand.
    pub fn steps(&self, owner: StepOwner) -> Option<&Steps> {
        match owner {
            StepOwner::Run(run) => Some(&self.runs.get(&run)?.steps),
            StepOwner::Deployment(id) => Some(&self.deployments.get(&id)?.acceptance),
        }
    }
}

fn steps_mut(state: &mut State, owner: StepOwner) -> Option<&mut Steps> {
    match owner {
        StepOwner::Run(run) => Some(&mut state.runs.get_mut(&run)?.steps),
        StepOwner::Deployment(id) => Some(&mut state.deployments.get_mut(&id)?.acceptance),
    }
}

fn apply_release(state: &mut State, now: Millis, event: &Event) {
    let mut bar = |id: &ReleaseId, barred| {
        if let Some(release) = state.releases.get_mut(id) {
            release.barred = barred;
        }
    };
    match event {
        Event::ReleaseBarred { release } => bar(release, Some(now)),
        Event::ReleaseUnbarred { release } => bar(release, None),
        Event::ReleaseCreated { release: id, run: run_id, artifacts, configuration } => {
            let Some(run) = state.runs.get_mut(run_id) else { return };
            run.release = Some(*id);
            let Some(change) = state.changes.get(&run.change) else { return };
            let release = Release {
                service: change.service.clone(),
                change: run.change,
                run: *run_id,
                artifacts: artifacts.clone(),
                configuration: configuration.clone(),
                created: now,
                barred: None,
                deployments: Vec::new(),
            };
            state.releases.insert(*id, release);
            state.open.releases.insert(*id);
        }
        _other => unreachable!("BUG: not an event of a release"),
    }
}

fn request_deployment(state: &mut State, now: Millis, event: &Event) {
    let Event::DeploymentRequested { deployment: id, release: release_id, .. } = event else {
        unreachable!("BUG: not a request for a deployment")
    };
    let Event::DeploymentRequested { stage: stage_index, environment, nonce, .. } = event else {
        return;
    };
    let Some(pipeline) = state.pipeline_of(*release_id) else { return };
    let Some(stage) = pipeline.deliver.get(*stage_index).cloned() else { return };
    let Some(release) = state.releases.get_mut(release_id) else { return };
    release.deployments.push(*id);
    let deployment = Deployment {
        release: *release_id,
        service: release.service.clone(),
        environment: environment.clone(),
        stage_index: *stage_index,
        acceptance: Steps::new(&stage.acceptance, &BTreeSet::new()),
        stage,
        nonce: nonce.clone(),
        requested: now,
        started: None,
        live: None,
        gates: Default::default(),
        before: None,
        phase: Phase::Requested,
        facts: Vec::new(),
    };
    state.deployments.insert(*id, deployment);
    state.open.deployments.insert(*id);
}

fn with(state: &mut State, id: DeploymentId, change: impl FnOnce(&mut Deployment)) {
    if let Some(deployment) = state.deployments.get_mut(&id) {
        change(deployment);
        if deployment.is_over() {
            state.open.deployments.remove(&id);
        }
    }
}

/// Changes the place that `id` is deployed to, and stamps it with `position`.
fn with_place(state: &mut State, id: DeploymentId, position: u64, change: impl FnOnce(&mut Place)) {
    let Some(deployment) = state.deployments.get(&id) else { return };
    let Some(service) = state.services.get_mut(&deployment.service) else { return };
    let place = service.places.entry(deployment.environment.clone()).or_default();
    change(place);
    place.generation = position;
}

fn apply_deployment(state: &mut State, position: u64, now: Millis, event: &Event) {
    match event {
        Event::DeploymentCleared { deployment } => {
            with(state, *deployment, |d| d.phase = Phase::Cleared);
        }
        Event::DeploymentRefused { deployment, why } => {
            with(state, *deployment, |d| d.phase = Phase::Refused { since: now, why: *why });
        }
        Event::DeploymentStarted { deployment: id } => {
            let mut incumbent = None;
            with_place(state, *id, position, |place| {
                incumbent = place.live;
                place.rolling = Some(*id);
                place.standby = None;
            });
            with(state, *id, |d| {
                d.started = Some(now);
                let rollout = Rollout::new(d.stage.replacement.clone(), incumbent, now);
                d.phase = Phase::RollingOut(Box::new(rollout));
            });
        }
        Event::DeploymentLive { deployment: id } => {
            let mut before = None;
            with_place(state, *id, position, |place| {
                before = place.live;
                *place = Place { live: Some(*id), standby: before, ..Place::default() };
            });
            with(state, *id, |d| {
                d.before = before;
                d.live = Some(now);
                d.phase = Phase::Live { since: now };
            });
        }
        Event::DeploymentRolledBack { deployment: id, cause, to } => {
            with_place(state, *id, position, |place| {
                *place = Place { live: *to, ..Place::default() };
            });
            with(state, *id, |d| d.phase = Phase::RolledBack { since: now, cause: *cause });
            if let Some(to) = to {
                state.open.deployments.insert(*to);
                with(state, *to, |d| match d.phase {
                    Phase::Live { .. } => {}
                    _ => d.phase = Phase::Live { since: now },
                });
            }
        }
        Event::DeploymentSuperseded { deployment, by } => {
            with(state, *deployment, |d| d.phase = Phase::Superseded { since: now, by: *by });
        }
        Event::EnvironmentCreated { deployment, .. } => {
            with_place(state, *deployment, position, |_place| {});
        }
        Event::EnvironmentRemoved { deployment: id, accepted } => {
            let Some(deployment) = state.deployments.get(id) else { return };
            if let Some(service) = state.services.get_mut(&deployment.service) {
                service.places.remove(&deployment.environment);
            }
            with(state, *id, |d| d.phase = Phase::Removed { since: now, accepted: *accepted });
        }
        _other => unreachable!("BUG: not an event of a deployment"),
    }
}

fn apply_rollout(state: &mut State, position: u64, now: Millis, event: &Event) {
    let mut rolling = |id: &DeploymentId, change: &dyn Fn(&mut Rollout)| {
        if let Some(deployment) = state.deployments.get_mut(id)
            && let Phase::RollingOut(rollout) = &mut deployment.phase
        {
            change(rollout);
        }
    };
    match event {
        Event::RolloutShifted { deployment, leg, .. } => {
            rolling(deployment, &|rollout| {
                rollout.phase = rollout::Phase::Judging { leg: *leg, since: now };
                rollout.first_share = rollout.first_share.or(Some(now));
            });
            with_place(state, *deployment, position, |_place| {});
        }
        Event::RolloutObserved { deployment, observation, reading } => {
            rolling(deployment, &|rollout| {
                rollout.observations.push(*observation);
                rollout.reading = Some(*reading);
            });
        }
        Event::RolloutHeld { deployment, why } => rolling(deployment, &|rollout| {
            if let rollout::Phase::Judging { leg, .. } = rollout.phase {
                rollout.phase = rollout::Phase::Held { leg, since: now, why: *why };
            }
        }),
        Event::RolloutResumed { deployment } => rolling(deployment, &|rollout| {
            if let rollout::Phase::Held { leg, .. } = rollout.phase {
                rollout.phase = rollout::Phase::Judging { leg, since: now };
            }
        }),
        _other => unreachable!("BUG: not an event of a rollout"),
    }
}

fn apply_approval(state: &mut State, now: Millis, event: &Event) {
    let mut decided = |subject, decision| {
        if let Some(request) = state.requests.get_mut(subject) {
            request.decision = decision;
        }
    };
    match event {
        Event::ApprovalRequested { subject, statement, why } => {
            let contributors = match subject {
                Subject::Deployment(id) => state.contributors(*id),
                Subject::Configuration(number) => state
                    .proposals
                    .get(number)
                    .map_or_else(BTreeSet::new, |proposal| proposal.contributors.clone()),
            };
            let (statement, decision) = (statement.clone(), Decision::Open);
            let request = Request { statement, why: *why, since: now, contributors, decision };
            state.requests.insert(*subject, request);
        }
        Event::ApprovalGranted { subject, by, .. } => {
            decided(subject, Decision::Granted { by: by.clone(), at: now });
        }
        Event::ApprovalRefused { subject, by, reason, .. } => {
            let (by, reason) = (by.clone(), reason.clone());
            decided(subject, Decision::Refused { by, at: now, reason });
        }
        Event::ApprovalInvalidated { subject, .. } => {
            decided(subject, Decision::Invalidated { at: now });
        }
        _other => unreachable!("BUG: not an event of an approval"),
    }
}

fn apply_incident(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::IncidentOpened { incident, deployment: id, cause } => {
            let Some(deployment) = state.deployments.get(id) else { return };
            let opened = Incident {
                service: deployment.service.clone(),
                environment: deployment.environment.clone(),
                deployment: *id,
                cause: *cause,
                opened: now,
                mitigated: None,
                closed: None,
            };
            state.incidents.insert(*incident, opened);
            state.open.incidents.insert(*incident);
        }
        Event::IncidentMitigated { incident } => {
            if let Some(incident) = state.incidents.get_mut(incident) {
                incident.mitigated = incident.mitigated.or(Some(now));
            }
        }
        Event::IncidentClosed { incident: id, .. } => {
            state.open.incidents.remove(id);
            if let Some(incident) = state.incidents.get_mut(id) {
                incident.closed = Some(now);
            }
        }
        _other => unreachable!("BUG: not an event of an incident"),
    }
}
