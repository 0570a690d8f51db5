//! The fold of deployments and their rollouts, and of the places that they take.

use std::collections::BTreeSet;

use crate::approval::Subject;
use crate::config::{self, Demand};
use crate::deployment::{Deployment, Phase};
use crate::event::Event;
use crate::ids::DeploymentId;
use crate::pipeline::{EnvironmentKind, Stage};
use crate::rollout::{self, Kept, Rollout};
use crate::state::{Place, State};
use crate::steps::Steps;
use crate::units::Millis;

pub(super) fn request_deployment(state: &mut State, now: Millis, event: &Event) {
    let Event::DeploymentRequested { deployment: id, release: release_id, .. } = event else {
        unreachable!("BUG: not a request for a deployment")
    };
    let Event::DeploymentRequested {
        stage: stage_index, environment, nonce, by, customers, ..
    } = event
    else {
        return;
    };
    let Some(pipeline) = state.pipeline_of(*release_id) else { return };
    let Some(stage) = pipeline.deliver.get(*stage_index).cloned() else { return };
    let lasting = |stage: &Stage| stage.kind == EnvironmentKind::Lasting;
    let last = pipeline.deliver.iter().rposition(lasting) == Some(*stage_index);
    let product = state.releases.get(release_id).and_then(|of| state.product_of(&of.service));
    let demands = match &state.organisation {
        Some(organisation) => organisation.demands(product),
        None => Demand::USUAL.into(),
    };
    let stage = match customers.unwrap_or(last) {
        true => config::under(stage, &demands, pipeline.objectives),
        false => stage,
    };
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
        customers: *customers,
        requested_by: by.clone(),
        requested: now,
        started: None,
        live: None,
        gates: Default::default(),
        before: None,
        phase: Phase::Requested,
        facts: Vec::new(),
        late: Default::default(),
    };
    state.deployments.insert(*id, deployment);
    state.open.deployments.insert(*id);
    state.count_from(*id, now);
}

pub(super) fn with(state: &mut State, id: DeploymentId, change: impl FnOnce(&mut Deployment)) {
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

fn live_again(state: &mut State, id: DeploymentId, now: Millis) {
    state.open.deployments.insert(id);
    with(state, id, |d| match d.phase {
        Phase::Live { .. } => {}
        Phase::Requested
        | Phase::Cleared
        | Phase::RollingOut(_)
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => d.phase = Phase::Live { since: now, judged: None },
    });
}

/// What was live there is kept beside it, without traffic, until the next one begins.
fn goes_live(state: &mut State, id: DeploymentId, position: u64, now: Millis) {
    let mut before = None;
    with_place(state, id, position, |place| {
        before = place.live;
        *place = Place { live: Some(id), standby: before, ..Place::default() };
    });
    with(state, id, |d| {
        d.before = before;
        d.live = Some(now);
        let judged = match std::mem::replace(&mut d.phase, Phase::Cleared) {
            Phase::RollingOut(rollout) => Some(rollout),
            _by_hand => None,
        };
        d.phase = Phase::Live { since: now, judged };
    });
}

fn is_rolling(state: &State, id: DeploymentId) -> bool {
    let deployment = state.deployments.get(&id);
    deployment.is_some_and(|deployment| matches!(deployment.phase, Phase::RollingOut(_)))
}

pub(super) fn apply_deployment(state: &mut State, position: u64, now: Millis, event: &Event) {
    match event {
        Event::GateDecided { deployment, gate, outcome, core: _, policy: _ } => {
            with(state, *deployment, |d| {
                d.gates.insert(*gate, outcome.clone());
                if !outcome.is_cleared() && d.phase == Phase::Cleared {
                    d.phase = Phase::Requested;
                }
            });
        }
        Event::FindingsOverdue { deployment, late } => {
            with(state, *deployment, |d| d.late = late.clone());
        }
        Event::DeploymentCleared { deployment } => {
            with(state, *deployment, |d| d.phase = Phase::Cleared);
        }
        Event::DeploymentRefused { deployment, why } => {
            with(state, *deployment, |d| d.phase = Phase::Refused { since: now, why: *why });
            state.overtaken(Subject::Deployment(*deployment), now);
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
            // What went past a request by an exception waits for nobody's word any more.
            state.overtaken(Subject::Deployment(*id), now);
        }
        Event::DeploymentLive { deployment } => goes_live(state, *deployment, position, now),
        Event::DeploymentRolledBack { deployment: id, cause, to } => {
            with_place(state, *id, position, |place| {
                *place = Place { live: *to, ..Place::default() };
            });
            with(state, *id, |d| d.phase = Phase::RolledBack { since: now, cause: *cause });
            if let Some(to) = to {
                live_again(state, *to, now);
            }
        }
        Event::DeploymentSuperseded { deployment, by } => {
            if is_rolling(state, *deployment) {
                with_place(state, *deployment, position, |place| place.rolling = None);
            }
            with(state, *deployment, |d| d.phase = Phase::Superseded { since: now, by: *by });
            state.overtaken(Subject::Deployment(*deployment), now);
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

/// The time for a leg's proof begins again once what kept it is over.
pub(super) fn begin_leg_again(rollout: &mut Rollout, now: Millis) {
    if let rollout::Phase::Judging { since, .. } = &mut rollout.phase {
        *since = now;
    }
}

pub(super) fn apply_rollout(state: &mut State, position: u64, now: Millis, event: &Event) {
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
                rollout.legs_begun.push(now);
            });
            with_place(state, *deployment, position, |_place| {});
        }
        Event::RolloutReopened { deployment: id, to, .. } => {
            with_place(state, *id, position, |place| {
                *place = Place { live: Some(*to), rolling: Some(*id), ..Place::default() };
            });
            with(state, *id, |d| {
                let Phase::Live { judged, .. } = &mut d.phase else { return };
                let mut rollout = judged.take().map_or_else(
                    || Rollout::new(d.stage.replacement.clone(), Some(*to), now),
                    |rollout| *rollout,
                );
                rollout.incumbent = Some(*to);
                rollout.phase = rollout::Phase::Judging { leg: 0, since: now };
                rollout.first_share = rollout.first_share.or(Some(now));
                rollout.legs_begun.push(now);
                d.phase = Phase::RollingOut(Box::new(rollout));
            });
            live_again(state, *to, now);
        }
        Event::RolloutObserved { deployment, observation, reading } => {
            rolling(deployment, &|rollout| {
                rollout.observations.push(observation.clone());
                rollout.reading = Some(*reading);
            });
        }
        Event::RolloutWindowBegan { deployment, windows, until } => {
            let kept = Kept { since: now, windows: windows.clone(), until: *until };
            rolling(deployment, &|rollout| rollout.kept = Some(kept.clone()));
        }
        Event::RolloutWindowOver { deployment } => {
            rolling(deployment, &|rollout| {
                rollout.kept = None;
                rollout.let_go = Some(now);
                begin_leg_again(rollout, now);
            });
        }
        Event::RolloutHeld { deployment, why } => rolling(deployment, &|rollout| {
            // What is held once more is asked about again.
            if let rollout::Phase::Judging { leg, .. } | rollout::Phase::Held { leg, .. } =
                rollout.phase
            {
                rollout.phase = rollout::Phase::Held { leg, since: now, why: *why };
            }
        }),
        Event::RolloutResumed { deployment, .. } => rolling(deployment, &|rollout| {
            if let rollout::Phase::Held { leg, .. } = rollout.phase {
                rollout.phase = rollout::Phase::Judging { leg, since: now };
            }
        }),
        _other => unreachable!("BUG: not an event of a rollout"),
    }
}
