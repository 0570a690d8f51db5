//! The statistics of one rollout, in the words of the domain. Live and in replay it is the same.

use sluss_core::pipeline::RolloutPlan;
use sluss_core::probe::{Probed, summed};
use sluss_core::rollout::{Counts, Detail, Metric, Observation, Reading, Verdict};
use sluss_core::target::{Figures, Judged};
use sluss_core::units::{Millis, QUARTER_MS, Share};
use sluss_verdict::{
    self as verdict, Absolute, BlockLength, Capital, Judge, MetricPlan, Mode, Objectives, Plan,
    Replay, Sample, Tick,
};

use super::quiet::Lately;

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
    judge: By,
    course: Course,
    /// How many legs it knows of.
    legs: usize,
}

/// What is remembered of the seconds before.
#[derive(Default)]
struct Course {
    /// The second of the candidate's first request.
    began: Option<i64>,
    lately: Lately,
    /// Whether probes were ever judged beside customers' requests.
    by_probes: bool,
}

/// By what a candidate is judged.
enum By {
    /// By what the incumbent does meanwhile.
    Incumbent(Box<Judge>),
    /// By what the plan asks of a first release.
    Objectives(Absolute),
}

/// Returns what a plan asks of a first release.
fn objectives(plan: &RolloutPlan) -> Objectives {
    Objectives {
        errors_ppm: plan.objectives.errors_ppm,
        slow_ms: if plan.latency_permille > 0 { plan.objectives.slow_ms } else { 0 },
        least_requests: u64::from(plan.objectives.requests),
        least_seconds: plan.objectives.seconds,
        alpha_ppm: plan.alpha_ppm,
        promotion_alpha_ppm: plan.promotion_alpha_ppm,
    }
}

/// Returns the settings of the statistics for a plan, and for the figures that are judged.
pub fn settings(plan: &RolloutPlan, judged: Judged) -> Plan {
    let errors = MetricPlan { weight: 4, ..MetricPlan::errors_within(plan.tolerance_ppm) };
    let latency = MetricPlan::latency_within(plan.slow_tolerance_ppm);
    let mut metrics = vec![errors];
    if plan.latency_permille > 0 {
        metrics.push(latency);
    }
    // They can only speak against it: no tolerance of theirs was stated.
    metrics.extend(judged.exceptions.then(|| MetricPlan::of(verdict::Metric::Exceptions)));
    metrics.extend(judged.conversion.then(|| MetricPlan::of(verdict::Metric::Conversion)));
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
    /// Returns the judge of a rollout of which nothing was seen, beside an incumbent or as a
    /// first release.
    pub fn new(plan: &RolloutPlan, is_first: bool, judged: Judged) -> Self {
        let judge = match is_first {
            true => By::Objectives(Absolute::new(objectives(plan))),
            false => By::Incumbent(Box::new(Judge::new(settings(plan, judged)))),
        };
        Self { judge, course: Course::default(), legs: 0 }
    }

    /// Gives it an observation, and returns what is known after it. `legs_begun` are the times at
    /// which each share began so far; with each, what speaks for the candidate is counted anew.
    ///
    /// Nothing goes in but what is recorded: so a judge that is made again from the log is the same
    /// judge, block by block. Were it another one, each restart would be one more chance to take a
    /// harmless release back.
    pub fn feed(&mut self, legs_begun: &[Millis], observation: &Observation) -> Reading {
        let tick = tick(&mut self.course, observation);
        let is_past = observation.share == Share::NONE;
        if !is_past {
            self.begin_legs(legs_begun, &tick);
        }
        let read = reading(match &mut self.judge {
            By::Incumbent(judge) if is_past => {
                judge.remember_incumbent(&tick.incumbent);
                judge.reading(tick.at_ms)
            }
            By::Incumbent(judge) => judge.observe(&tick),
            By::Objectives(judge) if is_past => judge.reading(tick.at_ms),
            By::Objectives(judge) => judge.observe(&tick),
        });
        Reading { by_probes: self.course.by_probes, ..read }
    }

    fn begin_legs(&mut self, legs_begun: &[Millis], tick: &Tick) {
        let known = legs_begun.iter().skip(self.legs);
        for at in known.take_while(|at| at.0 <= tick.at_ms) {
            match &mut self.judge {
                By::Incumbent(judge) => judge.begin_leg(at.0, tick.share_bp),
                By::Objectives(judge) => judge.begin(at.0),
            }
            self.legs += 1;
        }
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
    let told = |of: fn(&Figures) -> u64| {
        let mut seen = observations.iter();
        seen.any(|seen| of(&seen.incumbent_detail.figures) + of(&seen.candidate_detail.figures) > 0)
    };
    let judged = Judged { exceptions: told(|f| f.exceptions), conversion: told(|f| f.conversions) };
    let mut course = Course::default();
    let ticks: Vec<Tick> = observations.iter().map(|seen| tick(&mut course, seen)).collect();
    let ticks = match share_bp {
        Some(share_bp) => verdict::thin_to(share_bp, &ticks, REPLAY_SEED),
        None => ticks,
    };
    verdict::replay(&Plan { mode, ..settings(plan, judged) }, [], &ticks)
}

/// Returns an observation as the statistics know it.
fn tick(course: &mut Course, observation: &Observation) -> Tick {
    let (second, customers) =
        (observation.second, observation.incumbent.and(observation.candidate));
    let is_quiet = course.lately.is_quiet(second);
    course.lately.note(second, customers.requests);
    let probed = |detail: &Detail| detail.probes.requests > 0;
    let (of_incumbent, of_candidate) =
        (&observation.incumbent_detail, &observation.candidate_detail);
    let probes = is_quiet && (probed(of_incumbent) || probed(of_candidate));
    course.by_probes |= probes && observation.share > Share::NONE;
    let of = |counts, detail: &Detail| match probes {
        true => with_probes(counts, detail),
        false => (counts, detail.clone()),
    };
    let (incumbent, incumbent_detail) = of(observation.incumbent, of_incumbent);
    let (candidate, candidate_detail) = of(observation.candidate, of_candidate);
    if course.began.is_none() && candidate.requests > 0 {
        course.began = Some(second);
    }
    // Before the rollout the incumbent is alone, and warm.
    let warm = course.began.is_none_or(|began| second - began >= WARM_UP_SECONDS);
    Tick {
        at_ms: observation.begins().begins().0,
        share_bp: observation.share.basis_points(),
        incumbent: sample(incumbent, &incumbent_detail, warm, !probes),
        candidate: sample(candidate, &candidate_detail, warm, !probes),
    }
}

/// Returns customers' requests and probes together: both drew their arm by the same coin. Probes
/// are not told apart by instance, so nothing is by then.
fn with_probes(counts: Counts, detail: &Detail) -> (Counts, Detail) {
    let Probed { requests, errors, latency } = &detail.probes;
    let counts = counts.and(Counts { requests: *requests, errors: *errors });
    let latency = summed(&detail.latency, latency);
    (counts, Detail { latency, retries: detail.retries, ..Detail::default() })
}

/// Of probes no answer says anything: figures are then unmeasured.
fn sample(counts: Counts, detail: &Detail, warm: bool, has_figures: bool) -> Sample {
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
        exceptions: has_figures.then_some(detail.figures.exceptions),
        conversions: has_figures.then_some(detail.figures.conversions.min(counts.requests)),
        ..Sample::events(counts.requests, counts.errors)
    }
}

fn reading(of: verdict::Reading) -> Reading {
    let metric = |metric| match metric {
        verdict::Metric::Latency => Metric::Latency,
        verdict::Metric::Error => Metric::Errors,
        verdict::Metric::Exceptions => Metric::Exceptions,
        verdict::Metric::Conversion => Metric::Conversion,
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
    read.exceptions_micronats = alone(verdict::Metric::Exceptions);
    read.conversion_micronats = alone(verdict::Metric::Conversion);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_made_again_from_what_was_recorded_is_the_same_judge() {
        let plan = RolloutPlan { quarters: true, ..RolloutPlan::default() };
        let legs_begun = [Millis(1_000_130), Millis(1_020_990), Millis(1_041_260)];
        let mut rows = vec![Observation { quarter: 0, ..row(4_000_000, 0, 0) }];
        for quarter in 4_000_001..4_000_240_i64 {
            let leg = legs_begun.iter().filter(|at| at.quarter().0 < quarter).count();
            // The quarter in which a share begins is not observed.
            if legs_begun.iter().all(|at| at.quarter().0 != quarter) && leg > 0 {
                rows.push(row(quarter, [1_000, 5_000, 1_000][leg - 1], quarter % 7));
            }
        }
        let judge_of = |rows: &[Observation]| {
            let mut judge = RolloutJudge::new(&plan, false, Judged::default());
            let read = rows.iter().map(|row| judge.feed(&legs_begun, row)).last();
            (judge, read)
        };
        let (mut living, _) = judge_of(&[]);
        for (index, observation) in rows.iter().enumerate() {
            let read = living.feed(&legs_begun, observation);
            if index % 13 == 0 {
                let again = judge_of(&rows[..=index]).1;
                assert_eq!(Some(read), again, "made again after row {index}");
            }
        }
        assert_eq!(living.legs, 3);
    }

    fn row(quarter: i64, share: u16, failed: i64) -> Observation {
        let at = sluss_core::units::Quarter(quarter);
        let counts = |requests, errors| Counts { requests, errors };
        let share = Share::from_basis_points(share).unwrap();
        let slow = |count| Detail { latency: vec![(3, count), (20, 2)], ..Detail::default() };
        Observation {
            quarter: at.in_second(),
            incumbent_detail: slow(16),
            candidate_detail: slow(4),
            ..Observation::new(
                at.second(),
                share,
                counts(18, u64::from(failed == 3)),
                counts(6, u64::from(failed == 5)),
            )
        }
    }
}
