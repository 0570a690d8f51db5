//! The statistics of one rollout, in the words of the domain. Live and in replay it is the same.

use sluss_core::pipeline::RolloutPlan;
use sluss_core::rollout::{Counts, Detail, Metric, Observation, Reading, Verdict};
use sluss_core::units::{Millis, QUARTER_MS, Share};
use sluss_verdict::{
    self as verdict, BlockLength, Capital, Judge, MetricPlan, Mode, Plan, Replay, Sample, Tick,
};

/// Seconds from the candidate's first request in which no latency is judged: a process that has
/// just started is slower than one that has run for long, and truthfully so.
pub(super) const WARM_UP_SECONDS: i64 = 10;
/// The least length of a block where rows last a quarter of a second. In one of half a second a
/// noisy instance does less harm than in two (docs/verdicts.md).
const QUARTERS_BLOCK_MS: u32 = 500;
/// The fewest requests of such a block.
const QUARTERS_BLOCK_REQUESTS: u32 = 30;
/// The coins that leave requests out of a replay: the same each time.
const REPLAY_SEED: u64 = 1;

/// Judges one rollout, second by second.
pub struct RolloutJudge {
    judge: Judge,
    /// The second of the candidate's first request.
    began: Option<i64>,
}

/// Returns the settings of the statistics for a plan.
pub fn settings(plan: &RolloutPlan) -> Plan {
    let errors = MetricPlan { weight: 4, ..MetricPlan::errors_within(plan.tolerance_ppm) };
    let latency = MetricPlan::latency_within(plan.slow_tolerance_ppm);
    let mut metrics = vec![errors];
    if plan.latency_permille > 0 {
        metrics.push(latency);
    }
    Plan {
        alpha_ppm: plan.alpha_ppm,
        mode: if plan.independent { Mode::Fast } else { Mode::Robust },
        metrics,
        capital: Capital::WhereItMatters,
        row_ms: if plan.quarters { QUARTER_MS as u32 } else { 1_000 },
        block: BlockLength::Fixed(match plan.quarters {
            true => QUARTERS_BLOCK_MS,
            false => plan.block_seconds.saturating_mul(1_000),
        }),
        block_requests: match plan.quarters {
            true => QUARTERS_BLOCK_REQUESTS,
            false => Plan::of_errors().block_requests,
        },
        ignored_latency_permille: plan.latency_permille,
        promotion_alpha_ppm: plan.promotion_alpha_ppm,
        silence_seconds: plan.silence_seconds,
        ..Plan::of_errors()
    }
}

impl RolloutJudge {
    /// Returns the judge of a rollout of which nothing was seen.
    pub fn new(plan: &RolloutPlan) -> Self {
        Self { judge: Judge::new(settings(plan)), began: None }
    }

    /// Begins a leg: what speaks for the candidate is counted anew.
    pub fn begin_leg(&mut self, since: Millis, share: Share) {
        self.judge.begin_leg(since.0, share.basis_points());
    }

    /// Gives it an observation, and returns what is known after it.
    pub fn feed(&mut self, observation: &Observation) -> Reading {
        let tick = tick(&mut self.began, observation);
        if observation.share == Share::NONE {
            self.judge.remember_incumbent(&tick.incumbent);
            return reading(self.judge.reading(tick.at_ms));
        }
        reading(self.judge.observe(&tick))
    }
}

/// Returns what other settings would have made of `observations`; at a smaller share, in basis
/// points, some requests to the candidate are left out.
pub fn replay(
    observations: &[Observation],
    plan: &RolloutPlan,
    mode: Mode,
    share_bp: Option<u16>,
) -> Replay {
    let mut began = None;
    let ticks: Vec<Tick> = observations.iter().map(|seen| tick(&mut began, seen)).collect();
    let ticks = match share_bp {
        Some(share_bp) => verdict::thin_to(share_bp, &ticks, REPLAY_SEED),
        None => ticks,
    };
    verdict::replay(&Plan { mode, ..settings(plan) }, [], &ticks)
}

/// Returns an observation as the statistics know it. `began` is the second of the candidate's
/// first request, once there was one.
fn tick(began: &mut Option<i64>, observation: &Observation) -> Tick {
    if began.is_none() && observation.candidate.requests > 0 {
        *began = Some(observation.second);
    }
    // Before the rollout the incumbent is alone, and warm.
    let warm = began.is_none_or(|began| observation.second - began >= WARM_UP_SECONDS);
    Tick {
        at_ms: observation.begins().begins().0,
        share_bp: observation.share.basis_points(),
        incumbent: sample(observation.incumbent, &observation.incumbent_detail, warm),
        candidate: sample(observation.candidate, &observation.candidate_detail, warm),
    }
}

fn sample(counts: Counts, detail: &Detail, warm: bool) -> Sample {
    let histogram = |rows: &[(u8, u64)]| {
        // What was not recorded was not measured; it is no evidence.
        (warm && !rows.is_empty())
            .then(|| rows.iter().map(|(bin, count)| (usize::from(*bin), *count)).collect())
    };
    let instance = |row: &sluss_core::target::InstanceRow| verdict::Instance {
        index: u32::from(row.index),
        requests: row.requests,
        errors: row.errors,
        latency: histogram(&row.latency),
    };
    Sample {
        latency: histogram(&detail.latency),
        instances: detail.instances.iter().map(instance).collect(),
        ..Sample::events(counts.requests, counts.errors)
    }
}

fn reading(of: verdict::Reading) -> Reading {
    let metric = |metric| match metric {
        verdict::Metric::Latency => Metric::Latency,
        verdict::Metric::Error | verdict::Metric::Exceptions | verdict::Metric::Conversion => {
            Metric::Errors
        }
    };
    let alone = |wanted| {
        let mut metrics = of.metrics.iter();
        metrics.find(|known| known.metric == wanted).map(|known| known.log_e_micronats)
    };
    let mut read = Reading::new(
        (of.log_e_micronats, of.rollback_at_micronats),
        (of.promotion_micronats, of.promote_at_micronats),
        Verdict::Favourable,
    );
    read.errors_micronats = alone(verdict::Metric::Error);
    read.latency_micronats = alone(verdict::Metric::Latency);
    read.lone_instance = of.lone_instance.and_then(|index| u16::try_from(index).ok());
    read.verdict = match of.verdict {
        verdict::Verdict::Favourable => Verdict::Favourable,
        verdict::Verdict::Unfavourable { metric: worst } => {
            read.worse_in = Some(metric(worst));
            Verdict::Unfavourable
        }
        verdict::Verdict::Undecided { needs_requests, needs_seconds } => {
            read.needs_seconds = needs_seconds;
            Verdict::Undecided { needs_requests }
        }
        verdict::Verdict::NoData { seconds } => Verdict::NoData { seconds },
    };
    read
}
