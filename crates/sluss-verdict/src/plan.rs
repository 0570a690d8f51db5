//! How a rollout is judged: the settings of the live judge and of replay.

use serde::{Deserialize, Serialize};

use crate::trace::Metric;

/// Requests that a block of a live rollout has at least. One block proves no more than
/// log(1/share), so at little traffic many small ones find what few large ones do not.
const BLOCK_REQUESTS: u32 = 10;

/// Which bets are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Holds whatever bursts, clumps or drift there are within a block (specification §2.1).
    Robust,
    /// Sets no bound on what one block can prove, and is valid only where every request is routed
    /// and fails independently: no retries, no session affinity (specification §2.2).
    Fast,
}

/// What a metric must prove before a leg passes (verdict specification §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Nothing.
    None,
    /// Its rate of bad events exceeds the incumbent's by less than this, absolute, in parts per
    /// million: 10 000 is one percentage point. Of a latency, what is bad is to be slower than the
    /// incumbent's 99th percentile. Valid where requests fail independently. Nothing can be
    /// proved with zero.
    Difference(u32),
    /// Its rate, or badness of latency, is less than this many thousandths of the incumbent's:
    /// 1 500 is one and a half times. Holds whatever bursts there are within a block, needs bad
    /// events to be proved at all, and is slow at small shares.
    Ratio(u32),
}

/// One metric that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetricPlan {
    /// Which.
    pub metric: Metric,
    /// Its part of alpha, relative to those of the other metrics; zero counts as one.
    pub weight: u32,
    /// What it must prove before a leg passes.
    pub guard: Guard,
}

impl MetricPlan {
    /// Returns a metric of weight one that has nothing to prove.
    pub fn of(metric: Metric) -> Self {
        Self { metric, weight: 1, guard: Guard::None }
    }

    /// Returns latency of weight one, of which at most `tolerance_ppm` more than the incumbent's
    /// may be slower than the incumbent's 99th percentile; nothing is proved where that is zero.
    pub fn latency_within(tolerance_ppm: u32) -> Self {
        let guard = match tolerance_ppm {
            0 => Guard::None,
            tolerance_ppm => Guard::Difference(tolerance_ppm),
        };
        Self { guard, ..Self::of(Metric::Latency) }
    }

    /// Returns errors of weight one that must prove to be at most `tolerance_ppm` above the
    /// incumbent's.
    pub fn errors_within(tolerance_ppm: u32) -> Self {
        Self { guard: Guard::Difference(tolerance_ppm), ..Self::of(Metric::Error) }
    }
}

/// How long a block of events lasts at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockLength {
    /// So many milliseconds. Events that depend on one another must lie within a block: 10 s or
    /// 60 s where callers retry for seconds.
    Fixed(u32),
    /// The shortest of 1, 3, 10, 30 and 60 s whose blocks show no dependence on the one before
    /// them (verdict specification, "Pitfalls").
    Chosen,
}

/// Where the capital of bets on events is placed before the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capital {
    /// Evenly on every size of regression (verdict specification §2.4).
    Even,
    /// Four fifths on those that a guard's [`Guard::Difference`] would not allow, given how often
    /// the incumbent failed before the rollout. With no past or no such guard as [`Capital::Even`].
    WhereItMatters,
}

/// How a rollout is judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// Largest share of harmless releases that is ever taken back by statistics, in parts per
    /// million; taken within 1..=999 999.
    pub alpha_ppm: u32,
    /// Which bets are made.
    pub mode: Mode,
    /// The metrics, together at alpha; none counts as errors alone.
    pub metrics: Vec<MetricPlan>,
    /// Where capital is placed.
    pub capital: Capital,
    /// How long a row lasts, in milliseconds; zero counts as a second.
    pub row_ms: u32,
    /// How long a block of errors or exceptions lasts at least.
    pub block: BlockLength,
    /// Requests to both releases that a block has at least. Fewer find a high rate of errors
    /// sooner, since one block proves no more than log(1/share); more a low one.
    pub block_requests: u32,
    /// How long a block of latencies lasts at least, in milliseconds: longer than instances
    /// usually stall.
    pub latency_block_ms: u32,
    /// Candidates whose rate of bad events is less than this many thousandths of the incumbent's
    /// are not to be taken back (rho_0 of the verdict specification §2.1); taken as at least
    /// 1 000, which is "not worse at all".
    pub ignored_ratio_permille: u32,
    /// The same of latency, whose badness weighs slow answers more than it counts them.
    pub ignored_latency_permille: u32,
    /// Largest probability per leg to pass a candidate that is worse than a guard allows, in
    /// parts per million; taken within 1..=999 999. With no guard no verdict is ever favourable.
    pub promotion_alpha_ppm: u32,
    /// Seconds without a request to the candidate after which the rollout takes it back. The
    /// judge reports silence and leaves that to its caller.
    pub silence_seconds: u32,
}

impl Plan {
    /// Returns the plan for errors alone: alpha 1 %, robust, rows and blocks of a second, at most
    /// one percentage point worse with an error of 5 % a leg, a minute of silence.
    pub fn of_errors() -> Self {
        Self {
            alpha_ppm: 10_000,
            mode: Mode::Robust,
            metrics: vec![MetricPlan::errors_within(10_000)],
            capital: Capital::Even,
            row_ms: 1_000,
            block: BlockLength::Fixed(1_000),
            block_requests: BLOCK_REQUESTS,
            latency_block_ms: 3_000,
            ignored_ratio_permille: 1_000,
            ignored_latency_permille: 1_000,
            promotion_alpha_ppm: 50_000,
            silence_seconds: 60,
        }
    }
}

impl Default for Plan {
    /// Returns [`Plan::of_errors`] with latency beside the errors, at equal weights.
    fn default() -> Self {
        let errors = Self::of_errors();
        let latency = MetricPlan::of(Metric::Latency);
        Self { metrics: vec![errors.metrics[0], latency], ..errors }
    }
}
