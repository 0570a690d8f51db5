//! Watches rollouts: once a second, or four times, it reads what came back, lets the statistics
//! judge it, and reports both. It also renews the lease that a candidate's share hangs on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::deployment::{Cause, Phase};
use sluss_core::ids::{DeploymentId, ReleaseId};
use sluss_core::pipeline::{Replacement, RolloutPlan};
use sluss_core::rollout::{self, Counts, Detail, Observation, Rollout, Verdict};
use sluss_core::target::{CounterRow, InstanceRow, RouteKey};
use sluss_core::units::{Millis, QUARTER_MS, Quarter, Share};

use super::judge::{self, RolloutJudge};
use super::live::Live;
use crate::engine::Engine;
use crate::target::Target;

/// How long after the end of a quarter of a second its counters are read.
const LATE_MS: i64 = 20;
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
        let mut second = self.engine.now().second();
        loop {
            let into = self.engine.now().0.rem_euclid(QUARTER_MS);
            let wait = u64::try_from(QUARTER_MS + LATE_MS - into).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if changed.has_changed().is_err() {
                return;
            }
            let now = self.engine.now().second();
            let is_another_second = std::mem::replace(&mut second, now) != now;
            self.watch(is_another_second).await;
            if is_another_second {
                self.live.watch().await;
                self.engine.look().await;
            }
        }
    }

    /// Observes what is over. In another second also those whose rows last one, and every lease is
    /// renewed.
    async fn watch(&mut self, is_another_second: bool) {
        let subjects = self.subjects();
        self.judges.retain(|id, _| subjects.iter().any(|subject| subject.deployment == *id));
        for subject in subjects {
            let now = self.engine.now();
            if self.recording && is_another_second {
                self.renew(&subject).await;
            }
            if !subject.plan.quarters && !is_another_second {
                continue;
            }
            let after = subject.after();
            let is_first = subject.observations.is_empty();
            let from = after.second() - if is_first { PAST_SECONDS } else { 1 };
            let rows = self.target.counters(&subject.key, from).await;
            match rows {
                Ok(rows) => self.observe(subject, &rows, after, now).await,
                Err(_unreachable) if is_another_second => self.unreachable(&subject).await,
                Err(_unreachable) => {}
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
                share: rollout.share(),
                leg,
                since,
                observations: rollout.observations.clone(),
                turns: facts.map(|fact| fact.at.second()).collect(),
            });
        }
        subjects
    }

    async fn observe(
        &mut self,
        subject: Subject,
        rows: &[CounterRow],
        after: Quarter,
        now: Millis,
    ) {
        let watched =
            self.judges.entry(subject.deployment).or_insert_with(|| from_recorded(&subject));
        watched.unreachable = 0;
        let mut observations = Vec::new();
        if subject.observations.is_empty() {
            observations.push(past(&subject, rows, after));
        }
        for row in subject.rows(after, now) {
            let second = row.start.second();
            let of = |release| arm(rows, release, &row);
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
                quarter: row.start.in_second(),
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
        if watched.unreachable >= subject.plan.silence_seconds {
            let (deployment, cause) = (subject.deployment, Cause::Silence);
            if let Err(failure) = self.engine.report(Command::Fail { deployment, cause }).await {
                tracing::warn!(%failure, "a silent candidate could not be taken back");
            }
        }
    }
}

fn leg_of(rollout: &Rollout) -> Option<(usize, Millis)> {
    match &rollout.phase {
        rollout::Phase::Judging { leg, since } | rollout::Phase::Held { leg, since, .. } => {
            Some((*leg, *since))
        }
        rollout::Phase::Baking { .. } => None,
    }
}

impl Subject {
    /// Returns the quarter after which nothing of this leg is observed yet.
    fn after(&self) -> Quarter {
        let begun = match self.plan.quarters {
            true => self.since.quarter(),
            false => Quarter::last_of(self.since.second()),
        };
        self.observations.last().map_or(begun, |last| self.row_from(last.begins()).end.max(begun))
    }

    fn row_from(&self, start: Quarter) -> Span {
        let length = if self.plan.quarters { 1 } else { 4 };
        Span { start, end: start.plus(length - 1) }
    }

    /// Returns the rows after `after` that are over at `now`.
    fn rows(&self, after: Quarter, now: Millis) -> Vec<Span> {
        let first = self.row_from(after.plus(1));
        let next = |row: &Span| Some(self.row_from(row.end.plus(1)));
        let rows = std::iter::successors(Some(first), next);
        rows.take_while(|row| row.end < now.quarter()).collect()
    }
}

/// Returns the incumbent's past before the rollout, as an observation without a candidate.
fn past(subject: &Subject, rows: &[CounterRow], last: Quarter) -> Observation {
    let span = Span { start: Quarter::last_of(last.second() - PAST_SECONDS).plus(1), end: last };
    let of = |release| arm(rows, release, &span);
    let (incumbent, mut incumbent_detail) = subject.incumbent.map(of).unwrap_or_default();
    // Their long past says nothing of how instances differ now.
    incumbent_detail.instances.clear();
    let begins = if subject.plan.quarters { last } else { Quarter::of(last.second(), 0) };
    Observation {
        quarter: begins.in_second(),
        incumbent_detail,
        ..Observation::new(begins.second(), Share::NONE, incumbent, Counts::default())
    }
}

/// Quarters of a second, from the first to the last.
pub(super) struct Span {
    pub(super) start: Quarter,
    pub(super) end: Quarter,
}

impl Span {
    /// Returns a second.
    pub(super) fn second(second: i64) -> Self {
        Self { start: Quarter::of(second, 0), end: Quarter::last_of(second) }
    }
}

/// Returns what one release did in this time.
pub(super) fn arm(rows: &[CounterRow], release: ReleaseId, span: &Span) -> (Counts, Detail) {
    let (mut counts, mut detail) = <(Counts, Detail)>::default();
    let mut latency: BTreeMap<u8, u64> = BTreeMap::new();
    let mut instances: BTreeMap<u16, Instance> = BTreeMap::new();
    let within = |row: &&CounterRow| (span.start..=span.end).contains(&row.when());
    for row in rows.iter().filter(|row| row.release == release).filter(within) {
        counts = counts.and(Counts { requests: row.requests, errors: row.errors });
        detail.retries += row.retries;
        add(&mut latency, &row.latency);
        for part in &row.instances {
            let instance = instances.entry(part.index).or_default();
            let more = Counts { requests: part.requests, errors: part.errors };
            instance.counts = instance.counts.and(more);
            add(&mut instance.latency, &part.latency);
        }
    }
    detail.latency = latency.into_iter().collect();
    // One instance alone is the row.
    if instances.len() > 1 {
        detail.instances = instances.into_iter().map(Instance::row).collect();
    }
    (counts, detail)
}

/// What one instance did in some time.
#[derive(Default)]
struct Instance {
    counts: Counts,
    latency: BTreeMap<u8, u64>,
}

impl Instance {
    fn row((index, instance): (u16, Self)) -> InstanceRow {
        let Counts { requests, errors } = instance.counts;
        InstanceRow { index, requests, errors, latency: instance.latency.into_iter().collect() }
    }
}

fn add(histogram: &mut BTreeMap<u8, u64>, more: &[(u8, u64)]) {
    for (bin, count) in more {
        *histogram.entry(*bin).or_default() += count;
    }
}

fn forget_latency(detail: &mut Detail) {
    detail.latency.clear();
    for instance in &mut detail.instances {
        instance.latency.clear();
    }
}

/// Makes the statistics of a rollout again from what was recorded.
fn from_recorded(subject: &Subject) -> Watched {
    let mut judge = RolloutJudge::new(&subject.plan);
    for observation in &subject.observations {
        judge.feed(observation);
    }
    let last = subject.observations.last();
    let since = subject.since.quarter();
    let same = last.is_some_and(|last| last.share == subject.share && last.begins() >= since);
    Watched { judge, leg: same.then_some(subject.leg), unreachable: 0 }
}
