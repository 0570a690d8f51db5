//! Bets on latency, from histograms with logarithmic bins (verdict specification §2.1, §2.2).
//!
//! # Invariants
//!
//! - How bad a bin is follows from past requests of the incumbent alone, so it
//!   is known before the requests that it weighs.
//! - Weights never fall with latency: what is tested is "stochastically slower".

use crate::bets::{self, SHARE_ALTERNATIVES, log_price};
use crate::block::Block;
use crate::mixture::OnsetMixture;
use crate::normal::quantile;

/// Seconds between new tables of weights.
const REFRESH_SECONDS: i64 = 60;
/// Requests of the incumbent from which its 99th percentile is taken for known.
const KNOWN_FROM: f64 = 300.0;
/// What lies above this share of the incumbent's past is called slow.
const SLOW_FROM: f64 = 0.99 - 1e-12;
/// Number of robust weights: e^z, e^2z, and being slower than the p99.
pub(crate) const SHARE_WEIGHTS: usize = 3;
/// Shifts d of the fast bet, in normal scores: r = exp(d z - d^2 / 2).
const SHIFTS: [f64; 5] = [0.1, 0.2, 0.4, 0.8, 1.6];
/// Quantiles of the incumbent whose exceedance the fast bet looks at.
const TAILS: [f64; 2] = [0.90, 0.99];
/// Odds ratios of that exceedance.
const TAIL_ODDS: [f64; 3] = [1.5, 3.0, 10.0];

/// Where each bin lies in the incumbent's past distribution.
struct Ranks {
    /// Share of past requests in faster bins.
    below: Vec<f64>,
    /// Normal score of the mid-rank, within -4..=4.
    score: Vec<f64>,
    /// Share of past requests in the bin.
    mass: Vec<f64>,
}

impl Ranks {
    fn of(histogram: &[f64]) -> Self {
        let smoothed: Vec<f64> = histogram.iter().map(|count| count + 1e-3).collect();
        let total: f64 = smoothed.iter().sum();
        let mut ranks = Self { below: vec![], score: vec![], mass: vec![] };
        let mut below = 0.0;
        for count in smoothed {
            let mass = count / total;
            let rank = (below + 0.5 * mass).clamp(1e-12, 1.0 - 1e-12);
            ranks.below.push(below);
            ranks.score.push(quantile(rank).clamp(-4.0, 4.0));
            ranks.mass.push(mass);
            below += mass;
        }
        ranks
    }

    fn share_weights(&self) -> Vec<Vec<f64>> {
        vec![
            self.score.iter().map(|z| libm::exp(*z)).collect(),
            self.score.iter().map(|z| libm::exp(2.0 * z)).collect(),
            self.below.iter().map(|b| if *b >= SLOW_FROM { 1.0 } else { 0.0 }).collect(),
        ]
    }

    fn fast_log_ratios(&self) -> Vec<Vec<f64>> {
        let mut rows: Vec<Vec<f64>> = SHIFTS
            .iter()
            .map(|d| self.score.iter().map(|z| d * z - 0.5 * d * d).collect())
            .collect();
        for tail in TAILS {
            let slow: Vec<bool> = self.below.iter().map(|b| *b >= tail - 1e-12).collect();
            let masses = self.mass.iter().zip(&slow);
            let p: f64 = masses.filter(|(_, slow)| **slow).map(|(mass, _)| mass).sum();
            let p = p.max(1e-6);
            rows.extend(TAIL_ODDS.map(|odds| {
                let log_norm = libm::log(1.0 - p + odds * p);
                let log_slow = libm::log(odds) - log_norm;
                slow.iter().map(|slow| if *slow { log_slow } else { -log_norm }).collect()
            }));
        }
        for row in &mut rows {
            for bin in 1..row.len() {
                row[bin] = row[bin].max(row[bin - 1]);
            }
        }
        rows
    }
}

/// Past requests of the incumbent, and the table made from them at the last refresh.
#[derive(Debug, Clone, PartialEq)]
struct Scores {
    past: Vec<f64>,
    table: Vec<Vec<f64>>,
    /// The first bin beyond the incumbent's 99th percentile.
    slow_from: Option<usize>,
    refreshed: Option<i64>,
}

impl Scores {
    fn new(past: &[f64]) -> Self {
        let past = past.to_vec();
        Self { past, table: vec![], slow_from: None, refreshed: None }
    }

    fn refresh(&mut self, elapsed_seconds: i64, table: impl Fn(&Ranks) -> Vec<Vec<f64>>) {
        let period = elapsed_seconds.div_euclid(REFRESH_SECONDS);
        if self.refreshed != Some(period) {
            self.refreshed = Some(period);
            let ranks = Ranks::of(&self.past);
            self.table = table(&ranks);
            let is_known = self.past.iter().sum::<f64>() >= KNOWN_FROM;
            let slow_from = || ranks.below.iter().filter(|below| **below < SLOW_FROM).count();
            self.slow_from = is_known.then(slow_from);
        }
    }

    fn slow(&self, histogram: &[f64]) -> Option<f64> {
        Some(histogram.iter().skip(self.slow_from?).sum())
    }

    fn remember(&mut self, incumbent: &[f64]) {
        for (past, count) in self.past.iter_mut().zip(incumbent) {
            *past += count;
        }
    }
}

/// Robust: the share bet on three totals of badness (specification §2.1, "Latency").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LatencyShare {
    pub(crate) mixture: OnsetMixture,
    scores: Scores,
}

impl LatencyShare {
    /// Returns the process, given the incumbent's past histogram.
    pub(crate) fn new(past: &[f64]) -> Self {
        let mixture = OnsetMixture::uniform(SHARE_ALTERNATIVES * SHARE_WEIGHTS);
        Self { mixture, scores: Scores::new(past) }
    }

    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        self.mixture.advance(elapsed_seconds);
        self.scores.refresh(elapsed_seconds, Ranks::share_weights);
    }

    /// Returns the totals of badness of one second's histogram.
    pub(crate) fn badness(&self, histogram: &[f64]) -> Vec<f64> {
        let total = |weights: &Vec<f64>| weights.iter().zip(histogram).map(|(w, n)| w * n).sum();
        self.scores.table.iter().map(total).collect()
    }

    /// Adds one second of the incumbent to the past, after it was weighed.
    pub(crate) fn remember(&mut self, incumbent: &[f64]) {
        self.scores.remember(incumbent);
    }

    /// Returns how many requests of a histogram are beyond the incumbent's 99th percentile, once
    /// that is known.
    pub(crate) fn slow(&self, histogram: &[f64]) -> Option<f64> {
        self.scores.slow(histogram)
    }

    /// Returns the weight e^z of each bin, for bets over instances.
    pub(crate) fn weights(&self) -> &[f64] {
        self.scores.table.first().map_or(&[], Vec::as_slice)
    }

    /// Settles one block.
    pub(crate) fn settle(&mut self, block: &Block, ratio: f64) {
        self.mixture.multiply(&bets::share(block, ratio));
    }
}

/// Fast: likelihood ratios over the bins (specification §2.2, "latency").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LatencyFast {
    pub(crate) mixture: OnsetMixture,
    scores: Scores,
}

impl LatencyFast {
    /// Returns the process, given the incumbent's past histogram.
    pub(crate) fn new(past: &[f64]) -> Self {
        let tails = TAILS.len() * TAIL_ODDS.len();
        let half_over = |count: usize| libm::log(0.5 / count as f64);
        let shifts = std::iter::repeat_n(half_over(SHIFTS.len()), SHIFTS.len());
        let weights = shifts.chain(std::iter::repeat_n(half_over(tails), tails));
        Self { mixture: OnsetMixture::new(weights), scores: Scores::new(past) }
    }

    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        self.mixture.advance(elapsed_seconds);
        self.scores.refresh(elapsed_seconds, Ranks::fast_log_ratios);
    }

    /// Returns how many requests of a histogram are beyond the incumbent's 99th percentile, once
    /// that is known.
    pub(crate) fn slow(&self, histogram: &[f64]) -> Option<f64> {
        self.scores.slow(histogram)
    }

    /// Settles one block, whose badness is the histogram itself.
    pub(crate) fn settle(&mut self, block: &Block) {
        if let Some(pi) = block.realised_share() {
            let log_factor = |ratios: &Vec<f64>| {
                let counts = block.candidate.bad.iter().zip(&block.incumbent.bad);
                let terms = counts.zip(ratios).filter(|((c, b), _)| **c + **b > 0.0);
                terms.map(|((c, b), log_r)| c * log_r - (c + b) * log_price(pi, *log_r)).sum()
            };
            let log_factors: Vec<f64> = self.scores.table.iter().map(log_factor).collect();
            self.mixture.multiply(&log_factors);
        }
        self.scores.remember(&block.incumbent.bad);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_never_fall_with_latency() {
        let histogram = [0.0, 3.0, 40.0, 200.0, 7.0, 0.0, 1.0, 0.0];
        let ranks = Ranks::of(&histogram);
        for row in ranks.share_weights().iter().chain(&ranks.fast_log_ratios()) {
            assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{row:?}");
        }
    }

    #[test]
    fn weights_are_finite_without_any_past() {
        let ranks = Ranks::of(&[0.0; 64]);
        let mut rows = ranks.share_weights();
        rows.extend(ranks.fast_log_ratios());
        assert!(rows.iter().flatten().all(|weight| weight.is_finite()));
    }
}
