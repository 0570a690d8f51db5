//! Watches releases that are live, with nothing beside them to compare them with: one that begins
//! to fail more often than it may is reported, and compared once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluss_core::decide::Command;
use sluss_core::deployment::{Deployment, Phase};
use sluss_core::ids::{DeploymentId, ReleaseId};
use sluss_core::pipeline::Replacement;
use sluss_core::probe::Probed;
use sluss_core::rollout::{Counts, Rollout};
use sluss_core::target::RouteKey;
use sluss_verdict::{self as verdict, Alarm};

use super::watch::{Span, arm};
use crate::engine::Engine;
use crate::target::Target;

/// More than so many of a million probes that fail are too many.
const PROBES_MOST_PPM: u32 = 10_000;

/// So many probes in a row that are answered say that it is over: at a failure of 5 % of them, one
/// in twenty would come by chance, and at 10 % two in a thousand.
const ANSWERED_AGAIN: u64 = 60;

/// Watches what is live.
pub(super) struct Live {
    engine: Engine,
    target: Arc<dyn Target>,
    alarms: BTreeMap<DeploymentId, Watched>,
}

struct Watched {
    alarm: Alarm,
    /// Over probes, which no customer sees.
    probes: Alarm,
    /// Probes in a row that were answered as they should be.
    answered: u64,
    /// The last second that the alarm has heard of.
    heard: i64,
}

impl Watched {
    /// Adds a second of probes; returns what is to be recorded.
    fn probed(&mut self, deployment: DeploymentId, probes: verdict::Counts) -> Option<Command> {
        self.answered = if probes.errors == 0 { self.answered + probes.requests } else { 0 };
        if self.probes.observe(probes).is_some() {
            self.probes = Alarm::new(PROBES_MOST_PPM);
            return Some(Command::ProbesFail { deployment });
        }
        if self.answered < ANSWERED_AGAIN {
            return None;
        }
        self.answered = 0;
        Some(Command::ProbesAnswer { deployment })
    }
}

struct Subject {
    deployment: DeploymentId,
    key: RouteKey,
    release: ReleaseId,
    since: i64,
    limit_ppm: Option<u32>,
}

impl Live {
    pub(super) fn new(engine: Engine, target: Arc<dyn Target>) -> Self {
        Self { engine, target, alarms: BTreeMap::new() }
    }

    /// Gives each alarm the seconds that it has not heard of. What can't be read is read later:
    /// the target keeps it.
    pub(super) async fn watch(&mut self) {
        let subjects = self.subjects();
        self.alarms.retain(|id, _| subjects.iter().any(|subject| subject.deployment == *id));
        let last_whole = self.engine.now().second() - 1;
        for subject in subjects {
            let Subject { deployment, key, release, since, limit_ppm } = subject;
            let watched = self.alarms.entry(deployment).or_insert_with(|| Watched {
                alarm: Alarm::new(limit_ppm.unwrap_or_default()),
                probes: Alarm::new(PROBES_MOST_PPM),
                answered: 0,
                heard: since,
            });
            let Ok(rows) = self.target.counters(&key, watched.heard).await else { continue };
            for second in watched.heard + 1..=last_whole {
                let (Counts { requests, errors }, detail) =
                    arm(&rows, release, &Span::second(second));
                watched.heard = second;
                let Probed { requests: sent, errors: failed, .. } = detail.probes;
                let probes = verdict::Counts { requests: sent, errors: failed };
                if let Some(command) = watched.probed(deployment, probes)
                    && let Err(failure) = self.engine.report(command).await
                {
                    tracing::warn!(%failure, "what came of probes could not be recorded");
                }
                let Some(limit_ppm) = limit_ppm else { continue };
                let told = watched.alarm.observe(verdict::Counts { requests, errors });
                let Some(verdict::Counts { requests, errors }) = told else { continue };
                let counts = Counts { requests, errors };
                let alarm = Command::Alarm { deployment, counts, limit_ppm };
                watched.alarm = Alarm::new(limit_ppm);
                if let Err(failure) = self.engine.report(alarm).await {
                    tracing::warn!(%failure, "an alarm could not be recorded");
                }
                break;
            }
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        let state = self.engine.state();
        let subject = |id: &DeploymentId| {
            let deployment = state.deployments.get(id)?;
            let Phase::Live { since, judged } = &deployment.phase else { return None };
            let key = RouteKey {
                service: deployment.service.clone(),
                environment: deployment.environment.clone(),
            };
            let place = state.place(&key.service, &key.environment)?;
            let alone = place.live == Some(*id) && place.rolling.is_none();
            let limit_ppm = limit_ppm(deployment, judged.as_deref());
            let start = state.pipeline_of(deployment.release)?.start.as_ref()?;
            let watched = limit_ppm.is_some() || start.traffic.probe.is_some();
            let release = deployment.release;
            let since = since.second();
            (alone && watched).then_some(Subject {
                deployment: *id,
                key,
                release,
                since,
                limit_ppm,
            })
        };
        state.open.deployments.iter().filter_map(subject).collect()
    }
}

/// Returns how often requests may fail, in parts per million: what was seen of it and of the
/// release before it while they were compared, and the tolerance of the rollout on top.
fn limit_ppm(deployment: &Deployment, judged: Option<&Rollout>) -> Option<u32> {
    let Replacement::Progressive(plan) = &deployment.stage.replacement else { return None };
    let observations = judged.map_or(&[][..], |rollout| &rollout.observations);
    let seen = observations
        .iter()
        .fold(Counts::default(), |all, second| all.and(second.incumbent).and(second.candidate));
    let before = seen.errors.saturating_mul(1_000_000) / seen.requests.max(1);
    Some(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(plan.tolerance_ppm))
}
