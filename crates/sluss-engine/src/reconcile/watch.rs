//! Watches rollouts: once a second it reads what came back, lets the statistics judge it, and
//! reports both. It also renews the lease that a candidate's share hangs on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::deployment::{Cause, Phase};
use sluss_core::ids::{DeploymentId, ReleaseId};
use sluss_core::pipeline::{Replacement, RolloutPlan};
use sluss_core::rollout::{self, Counts, Detail, Observation, Rollout, Verdict};
use sluss_core::state::State;
use sluss_core::target::{CounterRow, Judged, RouteKey};
use sluss_core::units::{Millis, Share};

use super::judge::{self, RolloutJudge};
use super::live::Live;
use crate::engine::Engine;
use crate::target::Target;

/// How long after the end of a second its counters are read.
const LATE_MS: i64 = 120;
/// Seconds of the incumbent's past that are remembered when a rollout begins.
const PAST_SECONDS: i64 = 60;

/// Watches rollouts.
pub struct Watcher {
    engine: Engine,
    target: Arc<dyn Target>,
    /// The statistics of each rollout under way; made again from the recorded observations.
    judges: BTreeMap<DeploymentId, Watched>,
    /// Whether the last observation could be recorded. While none can, no lease is renewed: the
    /// host takes candidates back by itself, and its journal says so once the log is back.
    recording: bool,
    live: Live,
}

struct Watched {
    judge: RolloutJudge,
    leg: Option<usize>,
    unreachable: u32,
}

/// What a rollout under way looks like from here.
struct Subject {
    deployment: DeploymentId,
    key: RouteKey,
    generation: u64,
    candidate: ReleaseId,
    incumbent: Option<ReleaseId>,
    plan: RolloutPlan,
    /// Which of the service's own figures are judged.
    judged: Judged,
    share: Share,
    leg: usize,
    since: Millis,
    observations: Vec<Observation>,
    /// The seconds in which a process of either release was started, or ended.
    turns: Vec<i64>,
}

impl Watcher {
    /// Returns a watcher of all rollouts.
    pub fn new(engine: Engine, target: Arc<dyn Target>) -> Self {
        let live = Live::new(engine.clone(), Arc::clone(&target));
        Self { engine, target, judges: BTreeMap::new(), recording: true, live }
    }

    /// Watches until Sluss stops.
    pub async fn run(mut self) {
        let changed = self.engine.changed();
        loop {
            let into = self.engine.now().0.rem_euclid(1000);
            let wait = (1000 + LATE_MS - into) % 1000;
            let wait = if wait < 20 { 1000 } else { wait };
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(1000))).await;
            if changed.has_changed().is_err() {
                return;
            }
            self.watch().await;
            self.live.watch().await;
            self.engine.look().await;
        }
    }

    async fn watch(&mut self) {
        let subjects = self.subjects();
        self.judges.retain(|id, _| subjects.iter().any(|subject| subject.deployment == *id));
        for subject in subjects {
            let now = self.engine.now();
            if self.recording {
                self.renew(&subject).await;
            }
            let after = subject
                .observations
                .last()
                .map_or(subject.since.second(), |last| last.second.max(subject.since.second()));
            let from = if subject.observations.is_empty() { after - PAST_SECONDS } else { after };
            let rows = self.target.counters(&subject.key, from).await;
            match rows {
                Ok(rows) => self.observe(subject, &rows, after, now).await,
                Err(_unreachable) => self.unreachable(&subject).await,
            }
        }
    }

    async fn renew(&self, subject: &Subject) {
        if let Err(error) = self.target.renew(&subject.key, subject.generation).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a lease could not be renewed");
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        let state = self.engine.state();
        let mut subjects = Vec::new();
        for id in &state.open.deployments {
            let Some(deployment) = state.deployments.get(id) else { continue };
            let Phase::RollingOut(rollout) = &deployment.phase else { continue };
            let Replacement::Progressive(plan) = &rollout.plan else { continue };
            let (leg, since) = match leg_of(rollout) {
                Some(leg) => leg,
                None => continue,
            };
            let key = RouteKey {
                service: deployment.service.clone(),
                environment: deployment.environment.clone(),
            };
            let place = state.place(&key.service, &key.environment);
            let release = |id| state.deployments.get(&id).map(|d: &_| d.release);
            let both = [rollout.incumbent, Some(*id)].into_iter().flatten();
            let facts = both.filter_map(|id| state.deployments.get(&id)).flat_map(|d| &d.facts);
            subjects.push(Subject {
                deployment: *id,
                key,
                generation: place.map_or(0, |place| place.generation),
                candidate: deployment.release,
                incumbent: rollout.incumbent.and_then(release),
                plan: plan.clone(),
                judged: judged(&state, deployment.release),
                share: rollout.share(),
                leg,
                since,
                observations: rollout.observations.clone(),
                turns: facts.map(|fact| fact.at.second()).collect(),
            });
        }
        subjects
    }

    async fn observe(&mut self, subject: Subject, rows: &[CounterRow], after: i64, now: Millis) {
        let watched =
            self.judges.entry(subject.deployment).or_insert_with(|| from_recorded(&subject));
        watched.unreachable = 0;
        let last_whole = now.second() - 1;
        let mut observations = Vec::new();
        if subject.observations.is_empty() {
            observations.push(past(&subject, rows, after));
        }
        for second in after + 1..=last_whole {
            let of = |release| arm(rows, release, second..=second);
            let (incumbent, mut incumbent_detail) = subject.incumbent.map(of).unwrap_or_default();
            let (candidate, mut candidate_detail) = of(subject.candidate);
            let turned = |at: &i64| (0..judge::WARM_UP_SECONDS).contains(&(second - at));
            if subject.turns.iter().any(turned) {
                // A process that has just started is slower, and truthfully so, and while one is
                // away the others have its work: no latency of either release is compared then.
                forget_latency(&mut incumbent_detail);
                forget_latency(&mut candidate_detail);
            }
            observations.push(Observation {
                second,
                share: subject.share,
                incumbent,
                candidate,
                incumbent_detail,
                candidate_detail,
            });
        }
        if watched.leg != Some(subject.leg) {
            watched.leg = Some(subject.leg);
            watched.judge.begin_leg(subject.since, subject.share);
        }
        for observation in observations {
            let reading = watched.judge.feed(&observation);
            let deployment = subject.deployment;
            let over =
                !matches!(reading.verdict, Verdict::Undecided { .. } | Verdict::NoData { .. });
            let command = Command::Observe { deployment, observation, reading };
            let reported = self.engine.report(command).await;
            self.recording = reported.is_ok();
            if let Err(failure) = reported {
                tracing::warn!(%failure, "an observation could not be recorded");
                // What is not recorded is not known: judge again from what is.
                self.judges.remove(&deployment);
                return;
            }
            if over {
                return;
            }
        }
    }

    /// Nobody knows what the candidate does: after too long that takes it back.
    async fn unreachable(&mut self, subject: &Subject) {
        let watched =
            self.judges.entry(subject.deployment).or_insert_with(|| from_recorded(subject));
        watched.unreachable += 1;
        // A first release has nothing to go back to: a person is asked in time.
        let compared = subject.incumbent.is_some();
        if compared && watched.unreachable >= subject.plan.silence_seconds {
            let (deployment, cause) = (subject.deployment, Cause::Silence);
            if let Err(failure) = self.engine.report(Command::Fail { deployment, cause }).await {
                tracing::warn!(%failure, "a silent candidate could not be taken back");
            }
        }
    }
}

fn judged(state: &State, release: ReleaseId) -> Judged {
    let start = state.pipeline_of(release).and_then(|pipeline| pipeline.start.as_ref());
    let outcome = start.and_then(|start| start.traffic.outcome.as_ref());
    outcome.map(|outcome| outcome.judged).unwrap_or_default()
}

fn leg_of(rollout: &Rollout) -> Option<(usize, Millis)> {
    match &rollout.phase {
        rollout::Phase::Judging { leg, since } | rollout::Phase::Held { leg, since, .. } => {
            Some((*leg, *since))
        }
        rollout::Phase::Baking { .. } => None,
    }
}

/// Returns the incumbent's past before the rollout, as an observation without a candidate.
fn past(subject: &Subject, rows: &[CounterRow], second: i64) -> Observation {
    let seconds = second - PAST_SECONDS + 1..=second;
    let of = |release| arm(rows, release, seconds.clone());
    let (incumbent, incumbent_detail) = subject.incumbent.map(of).unwrap_or_default();
    let (candidate, candidate_detail) = <(Counts, Detail)>::default();
    let share = Share::NONE;
    Observation { second, share, incumbent, candidate, incumbent_detail, candidate_detail }
}

/// Returns what one release did in these seconds.
pub(super) fn arm(
    rows: &[CounterRow],
    release: ReleaseId,
    seconds: std::ops::RangeInclusive<i64>,
) -> (Counts, Detail) {
    let (mut counts, mut detail) = <(Counts, Detail)>::default();
    let mut latency: BTreeMap<u8, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.release == release && seconds.contains(&row.second)) {
        counts = counts.and(Counts { requests: row.requests, errors: row.errors });
        detail.retries += row.retries;
        detail.probes.add(&row.probes);
        detail.figures.add(&row.figures);
        for (bin, count) in &row.latency {
            *latency.entry(*bin).or_default() += count;
        }
        // One instance alone is the row.
        if row.instances.len() > 1 && seconds.start() == seconds.end() {
            detail.instances.extend(row.instances.iter().cloned());
        }
    }
    detail.latency = latency.into_iter().collect();
    (counts, detail)
}

fn forget_latency(detail: &mut Detail) {
    detail.latency.clear();
    detail.probes.latency.clear();
    for instance in &mut detail.instances {
        instance.latency.clear();
    }
}

/// Makes the statistics of a rollout again from what was recorded.
fn from_recorded(subject: &Subject) -> Watched {
    let mut judge = RolloutJudge::new(&subject.plan, subject.incumbent.is_none(), subject.judged);
    for observation in &subject.observations {
        judge.feed(observation);
    }
    let last = subject.observations.last();
    let since = subject.since.second();
    let same = last.is_some_and(|last| last.share == subject.share && last.second >= since);
    Watched { judge, leg: same.then_some(subject.leg), unreachable: 0 }
}
