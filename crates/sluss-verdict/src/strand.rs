//! An e-process with the block that it bets on next.

use crate::block::{Block, Least, Load};
use crate::detector::Detector;

/// An e-process with the block that it bets on next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strand {
    pub(crate) detector: Detector,
    block: Block,
    least: Least,
    width: usize,
}

impl Strand {
    /// Returns a strand that bets on blocks of at least `least`. It has none open.
    pub(crate) fn new(detector: Detector, least: Least, bins: usize) -> Self {
        let width = detector.width(bins);
        Self { detector, block: Block::open(0, -1.0, width), least, width }
    }

    /// Discards the unfinished block and opens one at `at_ms`.
    pub(crate) fn open(&mut self, at_ms: i64, share: f64) {
        self.block = Block::open(at_ms, share, self.width);
    }

    /// Counts a row that ends at `end_ms`, incumbent first; returns whether a block closed.
    pub(crate) fn add(&mut self, end_ms: i64, loads: [&Load; 2], ratio: f64) -> bool {
        self.block.add(loads);
        let is_ripe = self.block.is_ripe(end_ms, self.least);
        if is_ripe {
            let block = self.block.close(end_ms);
            self.detector.settle(&block, ratio);
        }
        is_ripe
    }

    /// Returns what a block has at least.
    pub(crate) fn least(&self) -> Least {
        self.least
    }

    /// Returns log E, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        self.detector.log_e()
    }
}
