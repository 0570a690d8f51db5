//! The bet on shares with everything free that the crate has fixed: grid, prior, block.
//!
//! With [`Design::standing`] it is the judge's own (a test compares them block by block).

use sluss_verdict::{BlockLength, Plan};

/// Seconds between onset candidates, their number, and the offset of their capital.
const ONSETS: (i64, u32, u32) = (10, 8_640, 10);

/// How evidence is gathered.
#[derive(Clone)]
pub struct Design {
    /// How many times as bad, of each alternative.
    pub grid: Vec<f64>,
    /// The prior, not in logarithms; sums to 1.
    pub weights: Vec<f64>,
    /// Capital on "worse from the first second".
    pub from_start: f64,
    pub block_ms: i64,
    pub least_requests: f64,
    /// Expected requests to the candidate that a block has at least.
    pub least_candidate: f64,
    /// Evidence at which it is taken back, in nats.
    pub boundary: f64,
}

/// Returns exp(start * ratio^k) for k = 0..count.
pub fn grid(start: f64, ratio: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| (start * ratio.powi(k as i32)).exp()).collect()
}

impl Design {
    /// Returns what the crate does where a service names its units, beside an incumbent that fails
    /// at `rate` and with a tolerance of one percentage point.
    pub fn standing(rate: f64) -> Self {
        Self::of(grid(0.25, 1.7, 7), rate)
    }

    /// Returns the same on another grid: four fifths of the capital where it matters.
    pub fn of(grid: Vec<f64>, rate: f64) -> Self {
        let first = grid.iter().position(|rho| rate * (rho - 1.0) >= 0.005);
        let first = first.unwrap_or(grid.len() - 1);
        let large = (grid.len() - first) as f64;
        let weight = |k: usize| match (first, k < first) {
            (0, _) => 1.0 / grid.len() as f64,
            (_, true) => 0.2 / first as f64,
            (_, false) => 0.8 / large,
        };
        let weights = (0..grid.len()).map(weight).collect();
        Self {
            grid,
            weights,
            from_start: 0.6,
            block_ms: 500,
            least_requests: 30.0,
            least_candidate: 3.0,
            boundary: 100_f64.ln(),
        }
    }

    /// Returns the settings of the judge that does the same with even capital.
    pub fn plan(&self) -> Plan {
        Plan {
            row_ms: 250,
            block: BlockLength::Fixed(self.block_ms as u32),
            block_requests: self.least_requests as u32,
            ..Plan::of_errors()
        }
    }
}

/// The evidence of one rollout.
pub struct Gambler<'a> {
    design: &'a Design,
    /// L and S of each alternative, with its weight.
    from_start: Vec<f64>,
    late: Vec<f64>,
    cash: f64,
    onsets: u32,
    onset_total: f64,
    opened_ms: i64,
    share: f64,
    /// Requests and bad events of incumbent and candidate in the open block.
    block: [f64; 4],
    log_e: f64,
}

impl<'a> Gambler<'a> {
    pub fn new(design: &'a Design) -> Self {
        let (_, count, offset) = ONSETS;
        Self {
            design,
            from_start: design.weights.clone(),
            late: vec![0.0; design.grid.len()],
            cash: 1.0,
            onsets: 0,
            onset_total: (0..count).map(|j| 1.0 / f64::from(j + offset)).sum(),
            opened_ms: 0,
            share: 0.0,
            block: [0.0; 4],
            log_e: 0.0,
        }
    }

    /// Counts a row of `row_ms` at a configured share: requests and bad events of incumbent, then
    /// candidate.
    pub fn count(&mut self, at_ms: i64, row_ms: i64, share: f64, row: [f64; 4]) {
        let (every, count, offset) = ONSETS;
        while self.onsets < count && i64::from(self.onsets) * every * 1_000 <= at_ms {
            let capital = 1.0 / (f64::from(self.onsets + offset) * self.onset_total);
            self.onsets += 1;
            self.cash = (self.cash - capital).max(0.0);
            for (late, weight) in self.late.iter_mut().zip(&self.design.weights) {
                *late += capital * weight;
            }
        }
        if share != self.share {
            (self.share, self.opened_ms, self.block) = (share, at_ms, [0.0; 4]);
        }
        self.block.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        let requests = self.block[0] + self.block[2];
        let is_full =
            requests >= self.design.least_requests.max(self.design.least_candidate / share);
        if is_full && at_ms + row_ms - self.opened_ms >= self.design.block_ms {
            self.settle(requests);
            (self.opened_ms, self.block) = (at_ms + row_ms, [0.0; 4]);
        }
    }

    fn settle(&mut self, requests: f64) {
        let [_, incumbent, carried, candidate] = self.block;
        let (pi, bad) = (carried / requests, incumbent + candidate);
        if pi <= 0.0 || pi >= 1.0 || bad == 0.0 {
            return;
        }
        let capital = self.from_start.iter_mut().zip(&mut self.late);
        for ((from_start, late), rho) in capital.zip(&self.design.grid) {
            let factor = (1.0 + (rho - 1.0) * candidate / bad) / (1.0 + pi * (rho - 1.0));
            *from_start *= factor;
            *late *= factor;
        }
        let (from_start, late): (f64, f64) = (self.from_start.iter().sum(), self.late.iter().sum());
        let part = self.design.from_start;
        self.log_e = (part * from_start + (1.0 - part) * (self.cash + late)).ln();
    }

    /// Returns log E.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    pub fn is_against(&self) -> bool {
        self.log_e() >= self.design.boundary
    }
}
