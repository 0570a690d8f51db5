//! What other settings would have decided on what was recorded.
//!
//! The rows are given to a judge of their own, in order, as they would have been live.
//!
//! What a replay cannot know is traffic that never was: at a share that was not configured, the
//! candidate would have had other requests. [`thin_to`] is as near as one comes to a smaller one:
//! it leaves out requests to the candidate by coins of a fixed seed.

use serde::{Deserialize, Serialize};

use crate::coins::Coins;
use crate::judge::{Judge, Tick};
use crate::plan::Plan;
use crate::reading::{Reading, Verdict};
use crate::sample::Sample;
use crate::trace::Metric;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// What would have been decided, and when; the last is what ended it.
    pub decisions: Vec<Replayed>,
    /// What was known after the last row that was used; none without rows.
    pub reading: Option<Reading>,
    /// How many rows were used.
    pub rows: u64,
    /// Failed requests to the candidate in the rows that were used.
    pub candidate_errors: u64,
}

/// One decision of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// When it would have been made: the end of a row, in milliseconds of Unix time.
    pub at_ms: i64,
    /// Seconds since the candidate first took traffic.
    pub time_s: i64,
    /// The share that the candidate had, in basis points.
    pub share_bp: u16,
    /// What it would have been.
    pub what: ReplayDecision,
}

/// What a replayed judge would have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayDecision {
    /// Take the candidate back, by this metric.
    TakenBack {
        /// The metric.
        metric: Metric,
    },
    /// Take it back because nothing was heard of it.
    Silent,
    /// Let the leg pass.
    Passed,
}

/// Replays recorded rows, oldest first, under `plan`, after what the incumbent did before.
///
/// Rows with a share of nothing are history too. A leg that passes is recorded once; its other
/// rows still count against the candidate, as they did then. The first decision to take back ends
/// the replay.
pub fn replay<'a>(
    plan: &Plan,
    past: impl IntoIterator<Item = &'a Sample>,
    rows: impl IntoIterator<Item = &'a Tick>,
) -> Replay {
    let mut judge = Judge::new(plan.clone());
    past.into_iter().for_each(|sample| judge.remember_incumbent(sample));
    let row_ms = i64::from(if plan.row_ms == 0 { 1_000 } else { plan.row_ms });
    let mut replay = Replay { decisions: vec![], reading: None, rows: 0, candidate_errors: 0 };
    let mut began_at = None;
    for tick in rows {
        if tick.share_bp == 0 && began_at.is_none() {
            judge.remember_incumbent(&tick.incumbent);
            continue;
        }
        let began_at = *began_at.get_or_insert(tick.at_ms);
        let reading = judge.observe(tick);
        replay.rows += 1;
        let errors = tick.candidate.bad_events(Metric::Error).unwrap_or(0);
        replay.candidate_errors = replay.candidate_errors.saturating_add(errors);
        let what = decision(&reading, plan);
        replay.reading = Some(reading);
        let Some(what) = what else { continue };
        let has_passed = |decision: &Replayed| {
            decision.what == ReplayDecision::Passed && decision.share_bp == tick.share_bp
        };
        if what == ReplayDecision::Passed && replay.decisions.last().is_some_and(has_passed) {
            continue;
        }
        let at_ms = tick.at_ms.saturating_add(row_ms);
        let time_s = at_ms.saturating_sub(began_at).saturating_add(999) / 1_000;
        replay.decisions.push(Replayed { at_ms, time_s, share_bp: tick.share_bp, what });
        if what != ReplayDecision::Passed {
            break;
        }
    }
    replay
}

fn decision(reading: &Reading, plan: &Plan) -> Option<ReplayDecision> {
    match reading.verdict {
        Verdict::Unfavourable { metric } => Some(ReplayDecision::TakenBack { metric }),
        Verdict::NoData { seconds } if seconds >= plan.silence_seconds => {
            Some(ReplayDecision::Silent)
        }
        Verdict::Favourable => Some(ReplayDecision::Passed),
        Verdict::Undecided { .. } | Verdict::NoData { .. } => None,
    }
}

/// Returns the rows as they might have been at the share `share_bp` (basis points), where that is
/// smaller than the recorded one: each request to the candidate is kept by a coin, and those left
/// out are left out of everything. Rows of a share that is no larger stay as they are.
///
/// Evidence of latency by instance is left out, since its requests are not told apart.
pub fn thin_to(share_bp: u16, rows: &[Tick], seed: u64) -> Vec<Tick> {
    let mut coins = Coins::new(seed);
    rows.iter().map(|tick| thinned(tick, share_bp, &mut coins)).collect()
}

fn thinned(tick: &Tick, share_bp: u16, coins: &mut Coins) -> Tick {
    if tick.share_bp <= share_bp || tick.share_bp >= 10_000 {
        return tick.clone();
    }
    // Of odds w / (1 - w) those at the smaller share are kept; the incumbent keeps its requests.
    let odds = |share_bp: u16| f64::from(share_bp) / (10_000.0 - f64::from(share_bp));
    let kept = odds(share_bp) / odds(tick.share_bp);
    let candidate = &tick.candidate;
    let errors = candidate.bad_events(Metric::Error);
    let bad = coins.keep(errors.unwrap_or(0), kept);
    let good = coins.keep(candidate.requests - errors.unwrap_or(0), kept);
    let requests = good + bad;
    let mut keep = |count: u64| coins.keep(count, kept);
    let thin = Sample {
        requests,
        errors: errors.map(|_| bad),
        exceptions: candidate.exceptions.map(&mut keep),
        conversions: candidate.conversions.map(|count| keep(count).min(requests)),
        latency: candidate
            .latency
            .as_ref()
            .map(|histogram| histogram.iter().map(|(bin, count)| (*bin, keep(*count))).collect()),
        instances: vec![],
    };
    let incumbent = Sample { instances: vec![], ..tick.incumbent.clone() };
    Tick { at_ms: tick.at_ms, share_bp, incumbent, candidate: thin }
}
