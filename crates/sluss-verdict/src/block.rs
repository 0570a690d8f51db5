//! What both releases did since the last bet: the unit on which a bet is settled.
//!
//! # Invariants
//!
//! - When a block closes depends on the clock and on total traffic only, never
//!   on outcomes or on how traffic was divided (verdict specification §2).
//! - A block lies within one configured share.

/// Requests below which no block closes, whatever the share.
const LEAST_REQUESTS: f64 = 50.0;
/// Expected candidate requests below which no block closes.
const LEAST_CANDIDATE_REQUESTS: f64 = 3.0;

/// What one release did within a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Requests answered.
    pub(crate) requests: f64,
    /// Bad events, or one total for each weight or bin of a latency.
    pub(crate) bad: Vec<f64>,
}

impl Load {
    fn empty(width: usize) -> Self {
        Self { requests: 0.0, bad: vec![0.0; width] }
    }

    /// Returns the load of a metric that counts events.
    pub(crate) fn events(requests: u64, bad: u64) -> Self {
        Self { requests: requests as f64, bad: vec![bad as f64] }
    }

    fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        for (sum, bad) in self.bad.iter_mut().zip(&more.bad) {
            *sum += bad;
        }
    }
}

/// A block that is being filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    share: f64,
    opened_at: i64,
    /// What the incumbent did.
    pub(crate) incumbent: Load,
    /// What the candidate did.
    pub(crate) candidate: Load,
}

impl Block {
    /// Returns an empty block from the second `opened_at` on, at the configured `share` (0..=1),
    /// with `width` kinds of badness.
    pub(crate) fn open(opened_at: i64, share: f64, width: usize) -> Self {
        Self { share, opened_at, incumbent: Load::empty(width), candidate: Load::empty(width) }
    }

    /// Returns the configured share of the candidate, 0..=1.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// Counts one second of both releases.
    pub(crate) fn add(&mut self, incumbent: &Load, candidate: &Load) {
        self.incumbent.add(incumbent);
        self.candidate.add(candidate);
    }

    /// Whether the block closes with the second `now`, given blocks of at least `least_seconds`.
    pub(crate) fn is_ripe(&self, now: i64, least_seconds: u32) -> bool {
        let least = LEAST_REQUESTS.max(LEAST_CANDIDATE_REQUESTS / self.share);
        let age = now.saturating_sub(self.opened_at).saturating_add(1);
        self.requests() >= least && age >= i64::from(least_seconds)
    }

    /// Takes the block out and leaves an empty one that opens in the second after `now`.
    pub(crate) fn close(&mut self, now: i64) -> Self {
        let width = self.candidate.bad.len();
        std::mem::replace(self, Self::open(now.saturating_add(1), self.share, width))
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
