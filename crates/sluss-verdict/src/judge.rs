//! The live judge of a rollout: one [`Tick`] in, one [`Reading`] out.
//!
//! # What is judged over which time
//!
//! - The evidence *against* the candidate grows over the whole rollout and is
//!   never reset; a change of share discards the unfinished block alone.
//! - The proof *for* it begins anew with each leg. A leg begins with
//!   [`Judge::begin_leg`], or by itself with a second whose share differs.
//!
//! # Invariants
//!
//! - `Unfavourable` wins over everything and stays: a candidate that has once
//!   been proved worse is worse.
//! - `NoData` wins over `Favourable`, which needs requests to the candidate in
//!   this leg and is not remembered: it holds as long as the evidence does.
//! - Every row counts at most once, and only in the leg whose share it had.
//!
//! # Missing, late and repeated rows
//!
//! A missing row is as good as one without requests: it is no evidence, it
//! counts as silence, and the clock goes on. A row may come up to 63 rows late;
//! it then goes into the block that is open now. One that comes later, twice,
//! or from before this leg is not counted. When no row came at all, ask
//! [`Judge::reading`]; do not make up an empty one, since the real one would
//! then come twice.
//!
//! # A candidate with all traffic
//!
//! Without requests to the incumbent (share 100 %) nothing is compared: both
//! kinds of evidence stand still and the verdict is `Undecided` or `NoData`. How
//! long such a leg lasts is the plan's business.

use serde::{Deserialize, Serialize};

use crate::guard::Claim;
use crate::math::{boundary_micronats, micronats};
use crate::panel::{Panel, Settings};
use crate::plan::{BlockLength, Capital, Guard, MetricPlan, Plan};
use crate::reading::{Counts, MetricReading, Reading, Verdict};
use crate::sample::{LATENCY_BINS, Sample};
use crate::sentence;
use crate::trace::Metric;
use crate::watch::{Moment, Setup, Watch};

/// Seconds without a candidate request from which the verdict is [`Verdict::NoData`].
const NO_DATA_SECONDS: u32 = 5;
/// All of the candidate's traffic, in basis points.
const ALL_BP: u16 = 10_000;

/// What both releases did in one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick {
    /// When the row began, in milliseconds of Unix time. Rows begin at multiples of the plan's
    /// `row_ms`.
    pub at_ms: i64,
    /// The share configured for the candidate in this row, in basis points. It says when
    /// blocks close; bets use the share that was realised.
    pub share_bp: u16,
    /// The incumbent.
    pub incumbent: Sample,
    /// The candidate.
    pub candidate: Sample,
}

/// The state of one rollout's evidence. Constant memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    plan: Plan,
    panel: Panel,
    course: Option<Course>,
    condemned: Option<Metric>,
}

/// What began with the first leg. Time is counted in rows since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    began_at: i64,
    leg: Leg,
}

/// What began with this leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    share_bp: u16,
    began_at: i64,
    last_row: i64,
    last_candidate_row: i64,
    /// Bit i: the row `last_row - i` is counted, or older than the leg.
    seen: u64,
    candidate: Counts,
    incumbent: Counts,
}

impl Judge {
    /// Returns the judge of a rollout of which nothing was seen.
    pub fn new(plan: Plan) -> Self {
        let plan = tidy(plan);
        let panel = Panel::new(settings(&plan), setups(&plan.metrics));
        Self { plan, panel, course: None, condemned: None }
    }

    /// Tells what the incumbent did before the rollout, best in its last minutes and row by row.
    ///
    /// That is no evidence of either kind; it says what is usual, for latency and for rates. To
    /// be called before the first leg; later it changes nothing.
    pub fn remember_incumbent(&mut self, past: &Sample) {
        self.panel.remember(past);
    }

    /// Begins a leg at `at_ms` (Unix time) with the candidate's share in basis points.
    ///
    /// The proof for the candidate begins anew and the unfinished block is discarded; the
    /// evidence against it stays. Silence is counted from here.
    pub fn begin_leg(&mut self, at_ms: i64, share_bp: u16) {
        self.begin_leg_at(self.row(at_ms), share_bp.min(ALL_BP));
    }

    fn begin_leg_at(&mut self, row: i64, share_bp: u16) {
        let began_at = self.course.map_or(row, |course| course.began_at);
        self.course = Some(Course { began_at, leg: Leg::begin(row, share_bp) });
        self.panel.begin_leg(self.elapsed_ms(row), share_of(share_bp));
    }

    /// Counts one row of both releases and returns what is known now.
    pub fn observe(&mut self, tick: &Tick) -> Reading {
        self.count(tick);
        self.reading(tick.at_ms)
    }

    /// Counts one row of both releases, and says nothing of it.
    pub fn count(&mut self, tick: &Tick) {
        let row = self.row(tick.at_ms);
        let share_bp = tick.share_bp.min(ALL_BP);
        let begins = self.course.is_none_or(|course| course.leg.is_left_by(row, share_bp));
        if begins {
            self.begin_leg_at(row, share_bp);
        }
        if let Some(course) = &mut self.course
            && course.leg.count(row, share_bp, tick)
        {
            let last = course.leg.last_row;
            self.panel.count(&Moment {
                at_ms: self.elapsed_ms(last),
                end_ms: self.elapsed_ms(last.saturating_add(1)),
                share: share_of(share_bp),
                incumbent: &tick.incumbent,
                candidate: &tick.candidate,
            });
            if self.condemned.is_none() && self.log_e_micronats() >= self.rollback_at_micronats() {
                self.condemned = Some(self.panel.culprit());
            }
        }
    }

    /// Returns what is known at `now_ms` (Unix time) without anything new; silence goes on.
    pub fn reading(&self, now_ms: i64) -> Reading {
        let (promotion_micronats, promote_at_micronats) = self.promotion();
        let leg = self.course.map(|course| course.leg);
        let mut reading = Reading {
            log_e_micronats: self.log_e_micronats(),
            rollback_at_micronats: self.rollback_at_micronats(),
            promotion_micronats,
            promote_at_micronats,
            verdict: self.verdict(now_ms),
            sentence: String::new(),
            candidate: leg.map_or(Counts::default(), |leg| leg.candidate),
            incumbent: leg.map_or(Counts::default(), |leg| leg.incumbent),
            metrics: self.metrics(),
            lone_instance: self.panel.lone_instance(),
            is_share_off: self.panel.is_share_off(),
        };
        reading.sentence = sentence::of(&reading, &self.plan, leg.map(|leg| leg.share_bp));
        reading
    }

    fn metrics(&self) -> Vec<MetricReading> {
        let culprits = self.panel.culprits(self.rollback_at_micronats() as f64 / 1e6);
        self.panel.watches().iter().map(|watch| metric_reading(watch, &culprits)).collect()
    }

    fn log_e_micronats(&self) -> i64 {
        micronats(self.panel.log_e())
    }

    fn rollback_at_micronats(&self) -> i64 {
        boundary_micronats(self.plan.alpha_ppm)
    }

    /// Returns the evidence for the weakest guard, and where it suffices.
    fn promotion(&self) -> (i64, i64) {
        let boundary = boundary_micronats(self.plan.promotion_alpha_ppm);
        match self.panel.weakest_guard() {
            Some((_, log_e)) => (micronats(log_e), boundary),
            None if self.plan.metrics.iter().any(|metric| metric.guard != Guard::None) => {
                (0, boundary)
            }
            None => (0, i64::MAX),
        }
    }

    /// Returns what follows at `now_ms` (Unix time) from all that was counted.
    pub fn verdict(&self, now_ms: i64) -> Verdict {
        if let Some(metric) = self.condemned {
            return Verdict::Unfavourable { metric };
        }
        let Some(course) = &self.course else {
            return Verdict::Undecided { needs_requests: None, needs_seconds: None };
        };
        let seconds = course.leg.silent_seconds(self.row(now_ms), self.plan.row_ms);
        if seconds >= NO_DATA_SECONDS.min(self.plan.silence_seconds).max(1) {
            return Verdict::NoData { seconds };
        }
        let (evidence, boundary) = self.promotion();
        if evidence >= boundary && course.leg.candidate.requests > 0 {
            return Verdict::Favourable;
        }
        let share = share_of(course.leg.share_bp);
        let needs_requests = self.panel.requests_until(boundary as f64 / 1e6, share);
        let needs_seconds =
            needs_requests.and_then(|requests| course.leg.seconds_for(requests, self.plan.row_ms));
        Verdict::Undecided { needs_requests, needs_seconds }
    }

    fn row(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(i64::from(self.plan.row_ms))
    }

    /// Returns when a row began, in milliseconds since the first one.
    fn elapsed_ms(&self, row: i64) -> i64 {
        let began_at = self.course.map_or(row, |course| course.began_at);
        row.saturating_sub(began_at).saturating_mul(i64::from(self.plan.row_ms))
    }
}

impl Leg {
    fn begin(at: i64, share_bp: u16) -> Self {
        let before = at.saturating_sub(1);
        Self {
            share_bp,
            began_at: at,
            last_row: before,
            last_candidate_row: before,
            seen: u64::MAX,
            candidate: Counts::default(),
            incumbent: Counts::default(),
        }
    }

    fn is_left_by(&self, row: i64, share_bp: u16) -> bool {
        row > self.last_row && share_bp != self.share_bp
    }

    /// Counts the row, unless it was counted or is not of this leg; returns whether it was.
    fn count(&mut self, row: i64, share_bp: u16, tick: &Tick) -> bool {
        if share_bp != self.share_bp || !self.mark(row) {
            return false;
        }
        if tick.candidate.requests > 0 {
            self.last_candidate_row = self.last_candidate_row.max(row);
        }
        self.candidate.add(&tick.candidate);
        self.incumbent.add(&tick.incumbent);
        true
    }

    /// Marks the row as counted; returns whether it was not yet.
    fn mark(&mut self, row: i64) -> bool {
        if row > self.last_row {
            let ahead = row.abs_diff(self.last_row);
            let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.last_row = row;
            return true;
        }
        let behind = self.last_row.abs_diff(row);
        let bit = u32::try_from(behind).ok().and_then(|behind| 1_u64.checked_shl(behind));
        let Some(bit) = bit.filter(|bit| self.seen & bit == 0) else {
            return false;
        };
        self.seen |= bit;
        true
    }

    fn silent_seconds(&self, now: i64, row_ms: u32) -> u32 {
        let rows = now.max(self.last_row).saturating_sub(self.last_candidate_row);
        let seconds = rows.saturating_mul(i64::from(row_ms)) / 1_000;
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// Returns how long so many requests take at the traffic of this leg.
    fn seconds_for(&self, requests: u64, row_ms: u32) -> Option<u64> {
        let rows = self.last_row.saturating_sub(self.began_at).saturating_add(1);
        let had = u128::from(self.candidate.requests) + u128::from(self.incumbent.requests);
        let passed_ms = u128::try_from(rows).ok()? * u128::from(row_ms);
        let seconds = (u128::from(requests) * passed_ms).checked_div(had * 1_000)?;
        u64::try_from(seconds.saturating_add(1)).ok()
    }
}

impl Counts {
    fn add(&mut self, more: &Sample) {
        self.requests = self.requests.saturating_add(more.requests);
        let errors = more.bad_events(Metric::Error).unwrap_or(0);
        self.errors = self.errors.saturating_add(errors);
    }
}

fn metric_reading(watch: &Watch, culprits: &[Metric]) -> MetricReading {
    let permille = |ratio: f64| libm::round(ratio * 1e3) as u64;
    let ratio = watch.ratio();
    MetricReading {
        metric: watch.setup.metric,
        is_culprit: culprits.contains(&watch.setup.metric),
        ratio_low_permille: ratio.low.map(permille),
        ratio_high_permille: ratio.high.map(permille),
        block_ms: u64::try_from(watch.block_ms()).unwrap_or(0),
        log_e_micronats: micronats(watch.log_e()),
        promotion_micronats: watch.guard.as_ref().map(|guard| micronats(guard.log_e())),
        sentence: sentence::of_metric(watch.setup.metric, &watch.tallies, watch.log_e()),
    }
}

/// Returns the plan with every number where it makes sense.
fn tidy(plan: Plan) -> Plan {
    let mut metrics: Vec<MetricPlan> = vec![];
    for metric in plan.metrics {
        if metrics.iter().all(|known| known.metric != metric.metric) {
            metrics.push(metric);
        }
    }
    if metrics.is_empty() {
        metrics.push(MetricPlan::of(Metric::Error));
    }
    let row_ms = if plan.row_ms == 0 { 1_000 } else { plan.row_ms };
    Plan {
        alpha_ppm: plan.alpha_ppm.clamp(1, 999_999),
        promotion_alpha_ppm: plan.promotion_alpha_ppm.clamp(1, 999_999),
        ignored_ratio_permille: plan.ignored_ratio_permille.max(1_000),
        ignored_latency_permille: plan.ignored_latency_permille.max(1_000),
        row_ms,
        metrics,
        ..plan
    }
}

fn settings(plan: &Plan) -> Settings {
    Settings {
        mode: plan.mode,
        bins: LATENCY_BINS,
        events_ms: match plan.block {
            BlockLength::Fixed(milliseconds) => i64::from(milliseconds),
            BlockLength::Chosen => 1_000,
        },
        latency_ms: i64::from(plan.latency_block_ms),
        least_requests: f64::from(plan.block_requests),
        is_chosen: plan.block == BlockLength::Chosen,
        is_weighed: plan.capital == Capital::WhereItMatters,
        is_told: true,
        ratio: f64::from(plan.ignored_ratio_permille) / 1e3,
        latency_ratio: f64::from(plan.ignored_latency_permille) / 1e3,
    }
}

fn setups(metrics: &[MetricPlan]) -> Vec<Setup> {
    let weight = |metric: &MetricPlan| f64::from(metric.weight.max(1));
    let total: f64 = metrics.iter().map(weight).sum();
    let claim = |metric: &MetricPlan| match (metric.guard, metric.metric) {
        (Guard::None, _) => Claim::None,
        (Guard::Difference(ppm), _) => Claim::Difference(f64::from(ppm) / 1e6),
        (Guard::Ratio(permille), _) => Claim::Ratio(f64::from(permille.max(1_000)) / 1e3),
    };
    let setup = |metric: &MetricPlan| Setup {
        metric: metric.metric,
        weight: weight(metric) / total,
        claim: claim(metric),
    };
    metrics.iter().map(setup).collect()
}

fn share_of(share_bp: u16) -> f64 {
    f64::from(share_bp) / f64::from(ALL_BP)
}
