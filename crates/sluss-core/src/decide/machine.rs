//! What the running system reports: it either fits the state, or means nothing any more.

use std::collections::BTreeSet;

use super::change::{lost, merged, received, withdraw};
use super::incident::call;
use super::promotion::earlier;
use super::{Command, rolling};
use crate::approval::Subject;
use crate::deployment::{Cause, Deployment, InstanceFact, Phase};
use crate::event::{Artifact, Event, RefusedWhy, WithdrawnReason};
use crate::findings::Report;
use crate::follow::{carry_out, take_back};
use crate::ids::{DeploymentId, IncidentId, RunId};
use crate::performance::Measured;
use crate::pipeline::Replacement;
use crate::rollout::{Counts, Metric, Next, Observation, Reading};
use crate::state::State;
use crate::target::{JournalEntry, JournalRow, RouteKey};
use crate::units::Millis;
use crate::wanted::AttemptKey;

pub(super) fn decide(state: &State, command: Command) -> Vec<Event> {
    use Command as C;
    match command {
        C::Open { origin, demo } => only_if(state.size == 0, Event::LogOpened { origin, demo }),
        C::ClockJumped { milliseconds } => {
            only_if(!state.gap, Event::LogGap { milliseconds, missed: false })
        }
        C::Received { change } => received(state, change),
        C::Lost { change } => lost(state, change),
        C::Merged { change, into } => merged(state, change, into),
        C::BranchDeleted { service, branch } => {
            withdraw(state, &service, &branch, WithdrawnReason::BranchDeleted)
        }
        C::Claim(key) => {
            let wanted = state.claimable().contains(&key);
            let AttemptKey { owner, step, attempt } = key;
            only_if(wanted, Event::StepStarted { owner, step, attempt })
        }
        C::Finish { attempt, outcome, isolation, log, tests, scans, measured } => {
            finish(state, attempt, (scans, measured), |AttemptKey { owner, step, attempt }| {
                Event::StepFinished { owner, step, attempt, outcome, isolation, log, tests }
            })
        }
        C::Packed { run, artifacts } => packed(state, run, artifacts),
        C::NotPacked { run, why } => {
            only_if(state.to_pack().contains(&run), Event::ReleaseFailed { run, why })
        }
        C::Ready { deployment } => rolling(state, deployment)
            .map(|rollout| carry_out(state, deployment, rollout, rollout.ready()))
            .unwrap_or_default(),
        C::Observe { deployment, observation, reading } => {
            observe(state, deployment, observation, reading)
        }
        C::Alarm { deployment, counts, limit_ppm } => alarm(state, deployment, counts, limit_ppm),
        C::ProbesFail { deployment } => probes_fail(state, deployment),
        C::ProbesAnswer { deployment } => {
            let over = state.unanswered(deployment);
            over.map(|incident| Event::IncidentMitigated { incident }).collect()
        }
        C::Fail { deployment, cause } => fail(state, deployment, cause),
        C::Instance { deployment, row } => instance(state, deployment, row),
        C::Witnessed { witness, size } => vec![Event::LogWitnessed { witness, size }],
        C::Distrust { witness, seen, size } => state.distrust(witness, seen, size),
        C::WitnessLags { witness, since } => {
            let known = state.lagging.contains_key(&witness);
            only_if(!known, Event::LogWitnessLagging { witness, since })
        }
        C::WitnessLagEnded { witness, cosigned } => {
            let known = state.lagging.contains_key(&witness);
            only_if(known, Event::LogWitnessLagEnded { witness, cosigned })
        }
        C::Found { key, running } => crate::observed::observe(state, &key, running),
        C::CountTraffic(counted) => state.count_traffic(counted),
        C::Attested { of, evidence, envelope } => {
            let wanted = state.unattested.get(&of) == Some(&evidence);
            only_if(wanted, Event::AttestationRecorded { of, evidence, envelope })
        }
        C::Inventoried { release, materials } => state.record_materials(release, materials),
        compared @ (C::Compared { .. } | C::CalendarCompared { .. }) => found(state, &compared),
        C::Seal { release, closed } => state.seal(release, closed),
        C::TakeIn { record, digest } => state.take_in(&record, &digest),
        C::Applied { key, generation } => applied(state, &key, generation),
        C::SignedIn { person } => vec![Event::AccessLogin { person }],
        C::Denied { subject, act, why } => vec![denied(subject, act, why)],
        C::DeniedCounted { route, why, count, minute } => {
            vec![Event::AccessRefusedCounted { route, why, count, minute }]
        }
        _of_a_person => unreachable!("BUG: not a command of a machine"),
    }
}

fn denied(subject: Option<Subject>, act: String, why: RefusedWhy) -> Event {
    Event::AccessRefused { subject, act, why, core: why.invariant() }
}

/// Returns that an attempt finished, and what its reports found, if it was running.
fn finish(
    state: &State,
    key: AttemptKey,
    (scans, measured): (Vec<Report>, Vec<Measured>),
    finished: impl FnOnce(AttemptKey) -> Event,
) -> Vec<Event> {
    let AttemptKey { owner, step, attempt } = key.clone();
    if !state.steps(owner).is_some_and(|s| s.running().contains(&(step.clone(), attempt))) {
        return vec![];
    }
    let read = |Report { report, findings, named }| {
        let (step, named) = (step.clone(), Some(named));
        Event::FindingsRecorded { owner, step, attempt, report, findings, named }
    };
    let read: Vec<Event> = scans.into_iter().map(read).collect();
    let told =
        |measured| Event::PerformanceMeasured { owner, step: step.clone(), attempt, measured };
    let told: Vec<Event> = measured.into_iter().map(told).collect();
    std::iter::once(finished(key)).chain(read).chain(told).collect()
}

fn only_if(fits: bool, event: Event) -> Vec<Event> {
    if fits { vec![event] } else { vec![] }
}

fn packed(state: &State, run: RunId, artifacts: Vec<Artifact>) -> Vec<Event> {
    if !state.to_pack().contains(&run) {
        return vec![];
    }
    let change = state.runs.get(&run).and_then(|run| state.changes.get(&run.change));
    let configuration = change.map(|change| change.push.pipeline.configuration_digest());
    let release = state.next_release();
    let created = |configuration| Event::ReleaseCreated { release, run, artifacts, configuration };
    configuration.map(created).into_iter().collect()
}

fn observe(
    state: &State,
    id: DeploymentId,
    observation: Observation,
    reading: Reading,
) -> Vec<Event> {
    let Ok(rollout) = rolling(state, id) else { return vec![] };
    let known = rollout.observations.last().map(Observation::begins);
    if known.is_some_and(|last| observation.begins() <= last) {
        return vec![];
    }
    let now = observation.begins().begins();
    let next = match (rollout.judge(reading.verdict, now), reading.worse_in) {
        (Next::TakeBack(Cause::Verdict), Some(Metric::Latency)) => Next::TakeBack(Cause::Slower),
        (Next::TakeBack(Cause::Verdict), Some(Metric::Exceptions | Metric::Conversion)) => {
            Next::TakeBack(Cause::Figures)
        }
        (next, _) => next,
    };
    let mut events = vec![Event::RolloutObserved { deployment: id, observation, reading }];
    events.extend(carry_out(state, id, rollout, next));
    events
}

fn fail(state: &State, id: DeploymentId, cause: Cause) -> Vec<Event> {
    match rolling(state, id) {
        Ok(rollout) => take_back(state, id, cause, rollout.incumbent),
        Err(_over) => vec![],
    }
}

/// A live release failed more often than it may. That may be its own fault or not, so nothing is
/// taken back: it is compared once more with what was live before, whose verdict decides. Where
/// nothing is there to compare it with, a person is called.
fn alarm(state: &State, id: DeploymentId, counts: Counts, limit_ppm: u32) -> Vec<Event> {
    let Some(deployment) = state.deployments.get(&id) else { return vec![] };
    let judged = matches!(deployment.stage.replacement, Replacement::Progressive(_));
    let place = state.place(&deployment.service, &deployment.environment);
    let alone = place.is_some_and(|place| place.live == Some(id) && place.rolling.is_none());
    if !judged || !alone || !matches!(deployment.phase, Phase::Live { .. }) {
        return vec![];
    }
    match earlier(state, id).filter(|_before| !state.is_forward_only(deployment.release)) {
        Some(to) => vec![Event::RolloutReopened { deployment: id, to, counts, limit_ppm }],
        None => call(state, id, deployment, Cause::Failing),
    }
}

/// What is live does not answer its probes. No customer may have seen that, so nothing is taken
/// back; a person is called, and again when it had answered meanwhile.
fn probes_fail(state: &State, id: DeploymentId) -> Vec<Event> {
    match state.deployments.get(&id) {
        Some(deployment) if matches!(deployment.phase, Phase::Live { .. }) => {
            let answered = |incident: &IncidentId| {
                state
                    .incidents
                    .get(incident)
                    .is_some_and(|of| of.is_of_probes(id) && of.mitigated.is_some())
            };
            match state.open.incidents.iter().rfind(|id| answered(id)) {
                Some(_) if state.unanswered(id).next().is_none() => {
                    let incident = state.next_incident();
                    vec![Event::IncidentOpened { incident, deployment: id, cause: Cause::Probe }]
                }
                Some(_) | None => call(state, id, deployment, Cause::Probe),
            }
        }
        _gone => vec![],
    }
}

/// Unasked ends within [`CRASHES_WITHIN_MS`] that take a release back.
const CRASHES: usize = 3;
const CRASHES_WITHIN_MS: i64 = 4 * 60 * 1000;
/// How long after it went live a release is blamed for its crashes.
const BLAMED_MS: i64 = 30 * 60 * 1000;

/// Returns how often instances ended unasked within [`CRASHES_WITHIN_MS`] before `at`, where
/// `instance` ends once more. What is reported twice without a start between ended once: a host
/// that was killed may find the same end again.
fn recent_ends(facts: &[InstanceFact], instance: u16, at: Millis) -> usize {
    let mut ended: BTreeSet<u16> = BTreeSet::new();
    let mut ends = 0;
    for fact in facts.iter().filter(|fact| at.since(fact.at) < CRASHES_WITHIN_MS) {
        match fact.what {
            JournalEntry::Exited { instance, .. } => ends += usize::from(ended.insert(instance)),
            JournalEntry::Started { instance, .. } => _ = ended.remove(&instance),
            JournalEntry::Ready { .. }
            | JournalEntry::Stopped { .. }
            | JournalEntry::Killed { .. }
            | JournalEntry::NotReadyInTime { .. }
            | JournalEntry::Lapsed
            | JournalEntry::Adopted { .. } => {}
        }
    }
    // This one is counted by the caller.
    ends - usize::from(ended.contains(&instance))
}

/// Returns what follows from one more unasked end of an instance of `id`.
fn crashed(
    state: &State,
    id: DeploymentId,
    of: &Deployment,
    instance: u16,
    at: Millis,
) -> Vec<Event> {
    if recent_ends(&of.facts, instance, at) + 1 < CRASHES {
        return vec![];
    }
    match &of.phase {
        Phase::RollingOut(rollout) => take_back(state, id, Cause::Crashes, rollout.incumbent),
        Phase::Live { since, .. } if at.since(*since) < BLAMED_MS => match earlier(state, id) {
            Some(to) => take_back(state, id, Cause::Crashes, Some(to)),
            None => call(state, id, of, Cause::Crashes),
        },
        Phase::Live { .. }
        | Phase::Requested
        | Phase::Cleared
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => vec![],
    }
}

fn instance(state: &State, id: DeploymentId, row: JournalRow) -> Vec<Event> {
    let Some(deployment) = state.deployments.get(&id) else { return vec![] };
    if deployment.facts.iter().any(|fact| fact.number == row.number) {
        return vec![];
    }
    let JournalRow { number, at, what, .. } = row;
    let follows = match &what {
        JournalEntry::Exited { instance, .. } => crashed(state, id, deployment, *instance, at),
        _other => vec![],
    };
    let observed = Event::InstanceObserved { deployment: id, number, at, what };
    std::iter::once(observed).chain(follows).collect()
}

/// What was found of a proposed configuration is said once, while it is one.
fn found(state: &State, compared: &Command) -> Vec<Event> {
    let open = |number: &u64| state.proposals.get(number).filter(|of| !of.over);
    match *compared {
        Command::Compared { number, lets_more_pass, ref report, checked } => only_if(
            open(&number).is_some_and(|of| of.lets_more_pass.is_none()),
            Event::ConfigCompared { number, lets_more_pass, report: report.clone(), checked },
        ),
        Command::CalendarCompared { number, opens_more } => only_if(
            open(&number).is_some_and(|of| of.opens_more.is_none()),
            Event::ConfigCalendarCompared { number, opens_more },
        ),
        _ => Vec::new(),
    }
}

/// Once the target has confirmed what a rollback made true, customers are no longer affected.
fn applied(state: &State, key: &RouteKey, generation: u64) -> Vec<Event> {
    let place = state.place(&key.service, &key.environment);
    if place.is_none_or(|place| place.generation > generation) {
        return vec![];
    }
    // A candidate that is held as it is takes its share still.
    let is_served = |id: DeploymentId| {
        place.is_some_and(|place| place.live == Some(id) || place.rolling == Some(id))
    };
    let here = |id: &&IncidentId| {
        state.incidents.get(id).is_some_and(|incident| {
            incident.service == key.service
                && incident.environment == key.environment
                && incident.mitigated.is_none()
                && incident.deployment().is_some_and(|id| !is_served(id))
        })
    };
    let mitigated = |id: &IncidentId| Event::IncidentMitigated { incident: *id };
    state.open.incidents.iter().filter(here).map(mitigated).collect()
}
