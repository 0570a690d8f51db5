//! Unknown size and unknown onset of a regression: one recursion over a grid of
//! alternatives (verdict specification §2.4).
//!
//! ```text
//! E = a sum_k w_k L_k + (1 - a) (cash + sum_k S_k),   a = 0.6
//! L_k <- L_k f_k                                       worse from the first second on
//! S_k <- (S_k + v_j w_k at each onset candidate) f_k   worse from a later second on
//! cash <- cash - v_j
//! ```
//!
//! # Invariants
//!
//! - If every factor has expectation at most 1 given the past, so has E: a
//!   mixture of test martingales is one (Ville 1939; Robbins 1970).
//! - An onset candidate only moves capital: it never changes E.
//! - State is two numbers per alternative; no history is kept.

use crate::math::{LOG_ZERO, log_sum_exp};

/// Capital on "worse from the first second".
const FROM_START: f64 = 0.6;
/// Seconds between onset candidates.
const ONSET_EVERY_SECONDS: i64 = 10;
/// Number of onset candidates: 24 hours of them.
const ONSETS: u32 = 8_640;
/// Candidate j gets capital proportional to 1 / (j + 10).
const ONSET_OFFSET: u32 = 10;

/// Sum of 1 / (j + 10) over all onset candidates.
const ONSET_TOTAL: f64 = {
    let mut total = 0.0;
    let mut onset = 0;
    while onset < ONSETS {
        total += 1.0 / (onset + ONSET_OFFSET) as f64;
        onset += 1;
    }
    total
};

/// One alternative: how much worse the candidate would be.
#[derive(Debug, Clone, PartialEq)]
struct Alternative {
    log_weight: f64,
    /// log L_k.
    from_start: f64,
    /// log S_k.
    late: f64,
}

/// The e-process of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnsetMixture {
    alternatives: Vec<Alternative>,
    onsets: u32,
    cash: f64,
    /// log E, which changes with a block and at no other time.
    log_e: f64,
}

impl OnsetMixture {
    /// Returns the process before any evidence, with the prior `log_weights` over alternatives.
    pub(crate) fn new(log_weights: impl IntoIterator<Item = f64>) -> Self {
        let alternatives = log_weights
            .into_iter()
            .map(|log_weight| Alternative { log_weight, from_start: 0.0, late: LOG_ZERO })
            .collect();
        Self { alternatives, onsets: 0, cash: 1.0, log_e: 0.0 }
    }

    /// Returns the process with equal weights on `count` alternatives.
    pub(crate) fn uniform(count: usize) -> Self {
        Self::new(std::iter::repeat_n(-libm::log(count as f64), count))
    }

    /// Takes every onset candidate up to `elapsed_seconds` after the first second.
    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        while self.onsets < ONSETS
            && i64::from(self.onsets) * ONSET_EVERY_SECONDS <= elapsed_seconds
        {
            self.take_onset();
        }
    }

    fn take_onset(&mut self) {
        let capital = 1.0 / (f64::from(self.onsets + ONSET_OFFSET) * ONSET_TOTAL);
        self.onsets += 1;
        self.cash = (self.cash - capital).max(0.0);
        let log_capital = libm::log(capital);
        for alternative in &mut self.alternatives {
            let terms = [alternative.late, log_capital + alternative.log_weight];
            alternative.late = log_sum_exp(terms.into_iter());
        }
    }

    /// Multiplies in one block: `log_factors` has log f_k of each alternative.
    pub(crate) fn multiply(&mut self, log_factors: &[f64]) {
        assert_eq!(log_factors.len(), self.alternatives.len(), "BUG: a bet per alternative");
        for (alternative, log_factor) in self.alternatives.iter_mut().zip(log_factors) {
            alternative.from_start += log_factor;
            alternative.late += log_factor;
        }
        self.log_e = self.sum();
    }

    /// Returns log E, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        self.log_e
    }

    fn sum(&self) -> f64 {
        let alternatives = self.alternatives.iter();
        let from_start = log_sum_exp(alternatives.clone().map(|a| a.from_start + a.log_weight));
        let cash = libm::log(self.cash.max(1e-300));
        let late = log_sum_exp(alternatives.map(|a| a.late).chain([cash]));
        let terms = [libm::log(FROM_START) + from_start, libm::log(1.0 - FROM_START) + late];
        log_sum_exp(terms.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onset_candidates_move_capital_and_change_nothing() {
        let mut mixture = OnsetMixture::uniform(7);
        for second in 0..100_000 {
            mixture.advance(second);
        }
        assert!(mixture.sum().abs() < 1e-9);
        assert_eq!(mixture.onsets, ONSETS);
    }

    #[test]
    fn a_jump_of_the_clock_equals_the_seconds_it_skipped() {
        let mut stepped = OnsetMixture::uniform(3);
        (0..=500).for_each(|second| stepped.advance(second));
        let mut jumped = OnsetMixture::uniform(3);
        jumped.advance(500);
        assert_eq!(stepped, jumped);
    }

    #[test]
    fn a_late_regression_is_found_sooner_for_its_onset_candidates() {
        let mut mixture = OnsetMixture::uniform(1);
        for second in 0..600 {
            mixture.advance(second);
            mixture.multiply(&[-0.05]);
        }
        let before = mixture.log_e();
        for second in 600..620 {
            mixture.advance(second);
            mixture.multiply(&[0.5]);
        }
        assert!(mixture.log_e() - before > 3.0, "{before} -> {}", mixture.log_e());
    }
}
