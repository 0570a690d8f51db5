//! How many times as bad the candidate is: a confidence sequence for reports (verdict
//! specification §2.7).
//!
//! With `l(rho) = y_c log rho - sum over blocks of y log(1 + pi (rho - 1))`, the set
//!
//! ```text
//! { rho : l(rho) > log sum_k w_k exp(l(rho_k)) - log(1/alpha) }
//! ```
//!
//! holds the true ratio at all times together with probability 1 - alpha, where bad events are
//! independent (Poisson): for reports, not for decisions.

use crate::block::Block;
use crate::math::log_sum_exp;

/// Ratios that are looked at: e^-5 to e^7, 0.15 apart.
const RATIOS: usize = 81;
const LOWEST: f64 = -5.0;
const APART: f64 = 0.15;
/// The interval misses the truth with this probability.
const ALPHA: f64 = 0.05;

/// Between which ratios of the candidate's rate of bad events to the incumbent's the truth lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// None where nothing bounds it from below.
    pub(crate) low: Option<f64>,
    /// None where nothing bounds it from above.
    pub(crate) high: Option<f64>,
}

/// The log likelihood of each ratio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RatioInterval {
    log_likelihoods: Vec<f64>,
    /// rho - 1 of each ratio.
    excesses: Vec<f64>,
}

impl RatioInterval {
    pub(crate) fn new() -> Self {
        let excesses = (0..RATIOS).map(|index| libm::expm1(log_ratio(index))).collect();
        Self { log_likelihoods: vec![0.0; RATIOS], excesses }
    }

    /// Settles one block.
    pub(crate) fn settle(&mut self, block: &Block) {
        let bad = block.candidate.bad[0] + block.incumbent.bad[0];
        let Some(pi) = block.realised_share().filter(|_| bad > 0.0) else { return };
        let ratios = self.log_likelihoods.iter_mut().zip(&self.excesses).enumerate();
        for (index, (log_likelihood, excess)) in ratios {
            *log_likelihood += block.candidate.bad[0] * log_ratio(index);
            *log_likelihood -= bad * libm::log1p(pi * excess);
        }
    }

    /// Returns the interval of 95 %.
    pub(crate) fn bounds(&self) -> Bounds {
        let mixture = log_sum_exp(self.log_likelihoods.iter().copied()) - libm::log(RATIOS as f64);
        let least = mixture + libm::log(ALPHA);
        let is_inside = |index: &usize| self.log_likelihoods[*index] > least;
        let low = (0..RATIOS).find(is_inside).filter(|index| *index > 0);
        let high = (0..RATIOS).rev().find(is_inside).filter(|index| *index + 1 < RATIOS);
        // The bound lies between a point inside and its neighbour outside.
        Bounds {
            low: low.map(|index| libm::exp(log_ratio(index - 1))),
            high: high.map(|index| libm::exp(log_ratio(index + 1))),
        }
    }
}

fn log_ratio(index: usize) -> f64 {
    LOWEST + APART * index as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Load;

    #[test]
    fn the_interval_closes_around_the_ratio_that_was_seen() {
        let mut interval = RatioInterval::new();
        assert_eq!(interval.bounds(), Bounds { low: None, high: None });
        for _ in 0..200 {
            let mut block = Block::open(0, 0.1, 1);
            block.add([&Load::events(900, 9), &Load::events(100, 4)]);
            interval.settle(&block);
        }
        let Bounds { low, high } = interval.bounds();
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!(low < 4.0 && 4.0 < high && low > 3.0 && high < 5.2, "{low} to {high}");
    }

    #[test]
    fn without_errors_on_the_candidate_nothing_bounds_it_from_below() {
        let mut interval = RatioInterval::new();
        for _ in 0..200 {
            let mut block = Block::open(0, 0.1, 1);
            block.add([&Load::events(900, 1), &Load::events(100, 0)]);
            interval.settle(&block);
        }
        let Bounds { low, high } = interval.bounds();
        assert!(low.is_none() && high.unwrap() < 1.0, "{high:?}");
    }
}
