//! How long a block must be, so that what depends on one another lies within one: the shortest
//! length whose blocks show no dependence on the block before (verdict specification, "Pitfalls").
//!
//! What is looked at is the share residual of a block, `(y_c - pi y) / sqrt(pi (1 - pi) y)`.
//! Whatever the errors do, its mean is zero under random routing of a harmless release; and where
//! callers stick to a release and retry across blocks, it follows the one before it.
//!
//! # Invariants
//!
//! - The choice rests on past blocks alone. It is a proposal of measured, not of proved, merit:
//!   see docs/verdicts.md.

use crate::block::{Block, LEAST_REQUESTS, Least, Load};

/// The lengths to choose from, in milliseconds.
pub(crate) const LENGTHS_MS: [i64; 5] = [1_000, 3_000, 10_000, 30_000, 60_000];
/// Which length is taken while nothing is known.
pub(crate) const CAUTIOUS: usize = 2;
/// Blocks that must have been seen before a length is trusted.
const BLOCKS_LEAST: f64 = 60.0;
/// Standard scores of the autocorrelation at which blocks pass for dependent.
const DEPENDENT: f64 = 1.0;

/// What is known of each length.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dependence {
    lengths: [Residuals; LENGTHS_MS.len()],
}

/// Sums over the residuals of blocks of one length.
#[derive(Debug, Clone, PartialEq)]
struct Residuals {
    block: Block,
    last: Option<f64>,
    count: f64,
    sum: f64,
    squares: f64,
    products: f64,
}

impl Dependence {
    pub(crate) fn new() -> Self {
        let none = || Residuals {
            block: Block::open(0, 1.0, 1),
            last: None,
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            products: 0.0,
        };
        Self { lengths: std::array::from_fn(|_| none()) }
    }

    /// Discards unfinished blocks.
    pub(crate) fn open(&mut self, at_ms: i64, share: f64) {
        for residuals in &mut self.lengths {
            residuals.block = Block::open(at_ms, share, 1);
            residuals.last = None;
        }
    }

    /// Counts one row that ends at `end_ms`.
    pub(crate) fn count(&mut self, end_ms: i64, loads: [&Load; 2]) {
        for (residuals, ms) in self.lengths.iter_mut().zip(LENGTHS_MS) {
            residuals.block.add(loads);
            let least = Least { ms, requests: f64::from(LEAST_REQUESTS) };
            if residuals.block.is_ripe(end_ms, least) {
                let block = residuals.block.close(end_ms);
                residuals.settle(&block);
            }
        }
    }

    /// Returns which of [`LENGTHS_MS`] to bet on.
    pub(crate) fn chosen(&self) -> usize {
        let is_clear = |residuals: &Residuals| {
            residuals.count >= BLOCKS_LEAST && residuals.score() < DEPENDENT
        };
        let unknown = |index: &usize| self.lengths[*index].count < BLOCKS_LEAST;
        match self.lengths.iter().position(is_clear) {
            Some(index) => index,
            // All that are known are dependent: the first that nobody knows, with caution.
            None => (0..LENGTHS_MS.len()).find(unknown).unwrap_or(4).max(CAUTIOUS),
        }
    }
}

impl Residuals {
    fn settle(&mut self, block: &Block) {
        let bad = block.candidate.bad[0] + block.incumbent.bad[0];
        let residual = match block.realised_share().filter(|_| bad > 0.0) {
            Some(pi) => (block.candidate.bad[0] - pi * bad) / libm::sqrt(pi * (1.0 - pi) * bad),
            None => return,
        };
        if let Some(last) = self.last.replace(residual) {
            self.count += 1.0;
            self.sum += residual;
            self.squares += residual * residual;
            self.products += residual * last;
        }
    }

    /// Returns the lag-1 autocorrelation in its standard errors, around the mean, so that a
    /// regression is not taken for dependence.
    fn score(&self) -> f64 {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        let covariance = self.products / self.count - mean * mean;
        if variance > 0.0 { covariance / variance * libm::sqrt(self.count) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `seconds` in which the candidate's number of 5 errors is as `errors` says.
    fn played(seconds: i64, errors: impl Fn(i64) -> u64) -> Dependence {
        let mut dependence = Dependence::new();
        dependence.open(0, 0.5);
        for t in 0..seconds {
            let candidate = errors(t);
            let loads = [&Load::events(100, 5 - candidate), &Load::events(100, candidate)];
            dependence.count((t + 1) * 1_000, loads);
        }
        dependence
    }

    #[test]
    fn nothing_known_is_a_cautious_length() {
        assert_eq!(LENGTHS_MS[played(20, |_| 2).chosen()], 10_000);
    }

    #[test]
    fn errors_that_come_and_go_within_a_second_need_a_second() {
        let mixed = |t: i64| (t as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62;
        assert_eq!(LENGTHS_MS[played(600, mixed).chosen()], 1_000);
    }

    #[test]
    fn errors_that_stick_to_a_release_for_seconds_need_longer_blocks() {
        let sticky = |t: i64| ((t / 7) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62;
        assert!(LENGTHS_MS[played(600, sticky).chosen()] >= 10_000);
    }
}
