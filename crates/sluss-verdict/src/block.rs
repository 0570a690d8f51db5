//! What both releases did since the last bet: the unit on which a bet is settled.
//!
//! # Invariants
//!
//! - When a block closes depends on the clock and on total traffic only, never
//!   on outcomes or on how traffic was divided (verdict specification §2).
//! - A block lies within one configured share.

/// Requests below which no block of a trace closes, whatever the share (specification §2).
pub(crate) const LEAST_REQUESTS: u32 = 50;
/// Expected candidate requests below which no block closes, and for how many of the least requests
/// of a block one of these is asked for: in blocks that may be small, fewer than three.
const LEAST_CANDIDATE_REQUESTS: f64 = 3.0;
const REQUESTS_A_CANDIDATE: f64 = 10.0;

/// What a block has at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Least {
    /// How long it lasts, in milliseconds.
    pub(crate) ms: i64,
    /// Requests to both releases.
    pub(crate) requests: f64,
}

/// What one release did within a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Requests answered.
    pub(crate) requests: f64,
    /// Bad events, or one total for each weight or bin of a latency.
    pub(crate) bad: Vec<f64>,
}

impl Load {
    /// Returns nothing, with `width` kinds of badness.
    pub(crate) fn empty(width: usize) -> Self {
        Self { requests: 0.0, bad: vec![0.0; width] }
    }

    /// Returns the load of a metric that counts events.
    pub(crate) fn events(requests: u64, bad: u64) -> Self {
        Self { requests: requests as f64, bad: vec![bad as f64] }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        for (sum, bad) in self.bad.iter_mut().zip(&more.bad) {
            *sum += bad;
        }
    }

    /// Returns this load without a part of it.
    pub(crate) fn without(&self, part: &Self) -> Self {
        let bad = self.bad.iter().zip(&part.bad).map(|(all, part)| (all - part).max(0.0));
        Self { requests: (self.requests - part.requests).max(0.0), bad: bad.collect() }
    }
}

/// A block that is being filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    share: f64,
    opened_at_ms: i64,
    /// What the incumbent did.
    pub(crate) incumbent: Load,
    /// What the candidate did.
    pub(crate) candidate: Load,
}

impl Block {
    /// Returns an empty block from `opened_at_ms` on, at the configured `share` (0..=1), with
    /// `width` kinds of badness.
    pub(crate) fn open(opened_at_ms: i64, share: f64, width: usize) -> Self {
        Self { share, opened_at_ms, incumbent: Load::empty(width), candidate: Load::empty(width) }
    }

    /// Returns the configured share of the candidate, 0..=1.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// Counts one row of both releases.
    pub(crate) fn add(&mut self, [incumbent, candidate]: [&Load; 2]) {
        self.incumbent.add(incumbent);
        self.candidate.add(candidate);
    }

    /// Whether the block closes with a row that ends at `end_ms`.
    pub(crate) fn is_ripe(&self, end_ms: i64, least: Least) -> bool {
        let candidate = LEAST_CANDIDATE_REQUESTS.min(least.requests / REQUESTS_A_CANDIDATE);
        let requests = least.requests.max(candidate / self.share);
        self.requests() >= requests && end_ms.saturating_sub(self.opened_at_ms) >= least.ms
    }

    /// Takes the block out and leaves an empty one that opens at `end_ms`.
    pub(crate) fn close(&mut self, end_ms: i64) -> Self {
        let width = self.candidate.bad.len();
        std::mem::replace(self, Self::open(end_ms, self.share, width))
    }

    /// Returns the requests of both releases together.
    pub(crate) fn requests(&self) -> f64 {
        self.candidate.requests + self.incumbent.requests
    }

    /// Returns the realised share pi = n_c / n, unless one release had no request at all:
    /// then the block compares nothing and no bet on it is possible.
    pub(crate) fn realised_share(&self) -> Option<f64> {
        let share = self.candidate.requests / self.requests();
        // Beside 2^53 times as many requests, one is as good as none.
        (share > 0.0 && share < 1.0).then_some(share)
    }
}
