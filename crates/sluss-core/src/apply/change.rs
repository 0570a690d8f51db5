//! The fold of changes, their runs, and the releases that come of them.

use crate::event::Event;
use crate::findings::Scanned;
use crate::ids::{ChangeId, ReleaseId};
use crate::performance::Recorded;
use crate::state::{Change, ChangePhase, Release, Run, RunEnd, State};
use crate::steps::{Attempt, StepOwner, StepState, Steps};
use crate::units::Millis;

pub(super) fn apply_change(state: &mut State, now: Millis, event: &Event) {
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
                // Received in another order than pushed, changes still stand in that of their ids.
                let at = service.trunk.partition_point(|earlier| earlier < id);
                service.trunk.insert(at, *id);
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

pub(super) fn apply_run(state: &mut State, now: Millis, event: &Event) {
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
                Some(StepState::Running { since, .. }) => *since,
                Some(_) | None => now,
            };
            if let Some(attempt) = attempt_of(event, started, now) {
                steps.finish(&definition, attempt);
            }
        }
        Event::FindingsRecorded { owner, step, attempt, report, findings, named } => {
            let (step, report, findings) = (step.clone(), report.clone(), *findings);
            let (attempt, named) = (*attempt, named.clone());
            if let Some(steps) = steps_mut(state, *owner) {
                steps.scanned(Scanned { step, attempt, report, findings, named, at: now });
            }
        }
        Event::PerformanceMeasured { owner, step, attempt, measured } => {
            let (step, measured) = (step.clone(), measured.clone());
            if let Some(steps) = steps_mut(state, *owner) {
                steps.measure(Recorded { step, attempt: *attempt, measured });
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

pub(super) fn apply_release(state: &mut State, now: Millis, event: &Event) {
    let mut bar = |id: &ReleaseId, barred| {
        if let Some(release) = state.releases.get_mut(id) {
            release.barred = barred;
        }
    };
    match event {
        Event::ReleaseBarred { release } => bar(release, Some(now)),
        Event::ReleaseUnbarred { release } => bar(release, None),
        Event::SbomRecorded { release, materials } => {
            if let Some(release) = state.releases.get_mut(release) {
                release.materials = Some(materials.clone());
            }
        }
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
                provenance: None,
                materials: None,
                sbom: None,
                seals: 0,
            };
            state.releases.insert(*id, release);
            state.open.releases.insert(*id);
        }
        _other => unreachable!("BUG: not an event of a release"),
    }
}

fn steps_mut(state: &mut State, owner: StepOwner) -> Option<&mut Steps> {
    match owner {
        StepOwner::Run(run) => Some(&mut state.runs.get_mut(&run)?.steps),
        StepOwner::Deployment(id) => Some(&mut state.deployments.get_mut(&id)?.acceptance),
    }
}
