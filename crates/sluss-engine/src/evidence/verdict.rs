//! What live traffic said of a release, and what was done about it.

use sluss_core::bounds::{RolloutStarted, TestedWhy};
use sluss_core::deployment::{Cause, Deployment};
use sluss_core::event::{Event, Stream};
use sluss_core::ids::{DeploymentId, Digest};
use sluss_core::pipeline::Replacement;
use sluss_core::rollout::{Counts, Reading, Rollout, Verdict};
use sluss_core::state::State;
use sluss_ledger::attest::Statement;
use sluss_ledger::attest::predicate::{
    Metric, RolloutAction, RolloutResult, RolloutStep, RolloutVerdict,
};
use sluss_store::Log as _;

use super::{Said, about, artifacts, gone, hash, utc};
use crate::engine::{Engine, read_event};
use crate::failure::Failure;

/// Events of a stream that are read at once.
const PAGE: usize = 500;
const WHOLE_PPM: u32 = 1_000_000;
/// By which method errors and latency are judged (see `docs/verdicts.md`).
const METHOD: &str = "e-process";

/// What a deployment's stream says of its rollout, up to an event.
#[derive(Default)]
pub(super) struct Told {
    steps: Vec<RolloutStep>,
    incumbent: Counts,
    candidate: Counts,
    reading: Option<Reading>,
    /// How often people let it go on.
    resumed: u32,
    /// What was said at its first share.
    began: Option<RolloutStarted>,
}

/// Reads a deployment's stream up to the event at position `until`.
pub(super) async fn told(engine: &Engine, id: DeploymentId, until: u64) -> Result<Told, Failure> {
    let stream = Stream::Deployment(id).to_string();
    let mut told = Told::default();
    let mut next = 0;
    loop {
        let page = engine.parts().log.stream(&stream, next, PAGE).await?;
        for sealed in &page {
            if sealed.position >= until {
                return Ok(told);
            }
            match read_event(sealed)?.1 {
                Event::RolloutShifted { share, .. } => {
                    let share_ppm = u32::from(share.basis_points()) * 100;
                    told.steps.push(RolloutStep { share_ppm, from: utc(sealed.time)? });
                }
                Event::RolloutObserved { observation, reading, .. } => {
                    told.incumbent = told.incumbent.and(observation.incumbent);
                    told.candidate = told.candidate.and(observation.candidate);
                    told.reading = Some(reading);
                }
                Event::RolloutResumed { .. } => told.resumed += 1,
                Event::RolloutStarted(began) => told.began = Some(began),
                _another => {}
            }
            next = sealed.seq + 1;
        }
        if page.is_empty() {
            return Ok(told);
        }
    }
}

pub(super) fn statement(
    state: &State,
    id: DeploymentId,
    said: &Said,
    told: &Told,
) -> Result<Statement, Failure> {
    let deployment = state.deployments.get(&id).ok_or_else(|| gone(id))?;
    if deployment.stage.replacement == Replacement::AtOnce {
        return Err(gone("plan of a rollout"));
    }
    let text = serde_json::to_vec(&deployment.stage.replacement);
    let text = text.expect("BUG: plain data has a JSON form");
    let (result, action) = match &said.event {
        Event::DeploymentLive { .. } => (result(told, None), RolloutAction::Promoted),
        Event::DeploymentRolledBack { cause, .. } => {
            (result(told, Some(*cause)), RolloutAction::RolledBack)
        }
        _other => return Err(gone("end of a rollout")),
    };
    let live = matches!(said.event, Event::DeploymentLive { .. });
    let shares = told.steps.iter().map(|step| step.share_ppm);
    let max_traffic_ppm = shares.chain(live.then_some(WHOLE_PPM)).max().unwrap_or(0);
    let predicate = RolloutVerdict {
        release: deployment.release.to_string(),
        env: deployment.environment.to_string(),
        plan_digest: hash(&Digest::of(&text)),
        steps: told.steps.clone(),
        metrics: metrics(told),
        result,
        action,
        max_traffic_ppm,
        max_duration_ms: most_ms(deployment, told),
    };
    about(artifacts(state, deployment.release)?, &predicate)
}

/// How long it could last at most: as it was said when it began, and as long again for each time
/// that a person let it go on.
fn most_ms(deployment: &Deployment, told: &Told) -> u64 {
    let incumbent = match told.began.as_ref().map(|began| began.why) {
        Some(TestedWhy::Compared { with }) => Some(with),
        Some(TestedWhy::FirstRelease) => None,
        // Rollouts of before did not say so.
        None => deployment.before,
    };
    let plan = deployment.stage.replacement.clone();
    let most = Rollout::new(plan, incumbent, deployment.requested).most_ms(told.resumed);
    u64::try_from(most).unwrap_or(0)
}

/// What the evidence came to. Where a release was taken back for another reason than its evidence,
/// that is what the evidence said all the same.
fn result(told: &Told, cause: Option<Cause>) -> RolloutResult {
    match (cause, told.reading) {
        (Some(Cause::Verdict | Cause::Slower | Cause::Figures | Cause::Objectives), _) => {
            RolloutResult::Fail
        }
        (Some(Cause::Silence), _) | (_, None) => RolloutResult::NoData,
        (_, Some(reading)) => came_to(reading.verdict),
    }
}

fn came_to(verdict: Verdict) -> RolloutResult {
    match verdict {
        Verdict::Favourable => RolloutResult::Pass,
        Verdict::Unfavourable => RolloutResult::Fail,
        Verdict::Undecided { .. } => RolloutResult::Inconclusive,
        Verdict::NoData { .. } => RolloutResult::NoData,
    }
}

fn metrics(told: &Told) -> Vec<Metric> {
    let Some(reading) = told.reading else { return vec![] };
    let verdict = came_to(reading.verdict);
    let n = told.candidate.requests;
    let errors = Metric {
        name: "failures_ppm".to_owned(),
        baseline: ppm(told.incumbent),
        candidate: ppm(told.candidate),
        n,
        method: METHOD.to_owned(),
        verdict,
    };
    let evidence = |(name, value): (&str, i64)| Metric {
        name: name.to_owned(),
        baseline: None,
        candidate: Some(value),
        n,
        method: METHOD.to_owned(),
        verdict,
    };
    let against = ("evidence_against_micronats", reading.against_micronats);
    let latency = reading.latency_micronats.map(|value| ("latency_against_micronats", value));
    let more = std::iter::once(against).chain(latency).map(evidence);
    std::iter::once(errors).chain(more).collect()
}

/// How many of a million requests failed.
fn ppm(counts: Counts) -> Option<i64> {
    let failed = counts.errors.saturating_mul(u64::from(WHOLE_PPM));
    i64::try_from(failed.checked_div(counts.requests)?).ok()
}
