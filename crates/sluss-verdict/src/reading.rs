//! What the live judge says: evidence as integers, a verdict, and sentences for people.

use serde::{Deserialize, Serialize};

use crate::trace::Metric;

/// What one release did in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Requests answered.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
}

/// What the evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every guard is proved in this leg.
    Favourable,
    /// Worse than the incumbent: take it back.
    Unfavourable {
        /// The metric that had most of the evidence when the boundary was reached.
        metric: Metric,
    },
    /// Neither yet.
    Undecided {
        /// How many more requests to both releases together are expected until a proof, if the
        /// candidate is as bad as the incumbent; none where that cannot be said.
        needs_requests: Option<u64>,
        /// How many seconds that is at the traffic of this leg.
        needs_seconds: Option<u64>,
    },
    /// The candidate had no request in the last five or more seconds of this leg (fewer, where
    /// the plan's `silence_seconds` are fewer).
    NoData {
        /// For how many seconds in a row.
        seconds: u32,
    },
}

/// What is known after a row. Evidence is in micro-nats: 1e6 ln E.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// Evidence that the candidate is worse, over all metrics and the whole rollout.
    pub log_e_micronats: i64,
    /// The evidence at which it is taken back: ln(1/alpha).
    pub rollback_at_micronats: i64,
    /// Evidence in this leg for the guard that has least of it; 0 without a guard.
    pub promotion_micronats: i64,
    /// The evidence at which the leg passes; `i64::MAX` without a guard.
    pub promote_at_micronats: i64,
    /// What follows.
    pub verdict: Verdict,
    /// The same in one sentence for people.
    pub sentence: String,
    /// What the candidate did in this leg.
    pub candidate: Counts,
    /// What the incumbent did in this leg.
    pub incumbent: Counts,
    /// Each metric, in the order of the plan; none before the first row.
    pub metrics: Vec<MetricReading>,
    /// The instance of the candidate that alone is the reason for the evidence, where one is:
    /// another in its place may do. Needs rows by instance.
    pub lone_instance: Option<u32>,
    /// Whether it is proved (at 1 in 10 000) that the candidate gets another share of the
    /// requests than is configured. Bets use the share that it gets.
    pub is_share_off: bool,
}

/// One metric of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetricReading {
    /// Which.
    pub metric: Metric,
    /// Evidence that the candidate is worse by this metric alone, over the whole rollout.
    pub log_e_micronats: i64,
    /// Evidence in this leg for its guard; none without one.
    pub promotion_micronats: Option<i64>,
    /// Whether it is proved worse by itself: the chance to say so of any metric wrongly is at
    /// most alpha.
    pub is_culprit: bool,
    /// How many thousandths as bad as the incumbent it is at least, with 95 % confidence at all
    /// times together; none where nothing bounds it.
    pub ratio_low_permille: Option<u64>,
    /// The same, at most.
    pub ratio_high_permille: Option<u64>,
    /// The least length of the blocks that are bet on now, in milliseconds.
    pub block_ms: u64,
    /// The same in one sentence for people.
    pub sentence: String,
}
