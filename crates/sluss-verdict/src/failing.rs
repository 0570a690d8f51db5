//! Errors by instance, for where instances carry uneven loads and fail by themselves.
//!
//! What makes one instance fail for a second hits an instance, not a request. Where three of the
//! candidate's carry a tenth beside three of the incumbent's, the candidate is hit as often and
//! has a ninth of the requests: each time looks like a regression to a bet on shares of requests.
//!
//! As long as errors fall on instances as requests do, bets on shares are right and quickest. Once
//! errors were seen to clump on single instances ([`Noise`]), the bet is made over instances, each
//! counting as one: with `y_i` the errors in equally many requests of each,
//!
//! ```text
//! e = C(M, m) * prod over the candidate's of a_i / e_m(a_1 .. a_M),   a_i = rho^min(y_i, 2).
//! ```
//!
//! # Invariants
//!
//! - Whether errors clump is known from blocks before the one that is bet on, so capital that is
//!   moved by it makes no evidence.
//! - Nothing is thinned by how it ended, and the average over thinnings is an e-value as each is.

use std::collections::BTreeMap;

use crate::bets::SHARE_GRID;
use crate::coins::Coins;
use crate::instances::INSTANCES_MOST;
use crate::mixture::OnsetMixture;
use crate::noise::Noise;
use crate::portfolio::Portfolio;
use crate::sample::Instance;
use crate::watch::Moment;

/// Requests that each of the candidate's instances is expected to have before a block is bet on.
const REQUESTS_LEAST: f64 = 3.0;
/// Errors of an instance in a block that are counted: what clumps shall not count for more.
const ERRORS_MOST: i32 = 2;
/// Requests that are drawn from an instance at most.
const DRAWN_MOST: u64 = 64;
/// Thinnings that a bet is averaged over.
const THINNINGS: usize = 6;

/// Requests and errors of each instance in a block.
pub(crate) type Totals = BTreeMap<u32, (u64, u64)>;

/// The evidence of errors by instance beside that by shares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failing {
    noise: Noise,
    mixture: OnsetMixture,
    portfolio: Portfolio,
    /// Incumbent and candidate in the open block.
    totals: [Totals; 2],
    coins: Coins,
}

impl Failing {
    /// Returns it before any evidence, with the noise that was seen before.
    pub(crate) fn new(noise: Noise) -> Self {
        Self {
            noise,
            mixture: OnsetMixture::uniform(SHARE_GRID.len()),
            portfolio: Portfolio::new(),
            totals: [Totals::new(), Totals::new()],
            coins: Coins::new(0x1F2E_3D4C_5B6A_7988),
        }
    }

    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        self.mixture.advance(elapsed_seconds);
    }

    /// Discards the unfinished block.
    pub(crate) fn open(&mut self) {
        self.totals = [Totals::new(), Totals::new()];
    }

    /// Counts one row; `shares` is the evidence by shares so far, in nats.
    pub(crate) fn count(&mut self, moment: &Moment<'_>, shares: f64) {
        let sides = [&moment.incumbent.instances, &moment.candidate.instances];
        let counted = |side: &Vec<Instance>| side.len().min(INSTANCES_MOST);
        // Until errors clump, instances are as good as unknown.
        let known = if self.noise.is_seen() { sides.map(counted) } else { [0; 2] };
        self.portfolio.divide(moment.share, known, [shares, self.mixture.log_e()]);
        for (totals, side) in self.totals.iter_mut().zip(sides) {
            add(totals, side);
        }
    }

    /// Settles the block, which has closed for bets on shares; it goes on where instances have
    /// too few requests.
    pub(crate) fn settle(&mut self, share: f64) {
        let requests: u64 = self.totals.iter().flat_map(|side| side.values()).map(|(n, _)| n).sum();
        if (requests as f64) * share < REQUESTS_LEAST * self.totals[1].len() as f64 {
            return;
        }
        if self.portfolio.is_by_instance() {
            self.bet();
        }
        let [incumbent, candidate] = &self.totals;
        self.noise.settle(incumbent, candidate);
        self.open();
    }

    fn bet(&mut self) {
        let sides = self.totals.iter().zip([false, true]);
        let instances: Vec<(u64, u64, bool)> = sides
            .flat_map(|(side, is_candidate)| {
                side.values().map(move |(n, y)| (*n, *y, is_candidate))
            })
            .filter(|(requests, ..)| *requests > 0)
            .collect();
        let candidates = instances.iter().filter(|(.., is_candidate)| *is_candidate).count();
        let draws = instances.iter().map(|(requests, ..)| *requests).fold(DRAWN_MOST, u64::min);
        if candidates == 0 || candidates == instances.len() {
            return;
        }
        let mut means = [0.0; SHARE_GRID_LEN];
        for _ in 0..THINNINGS {
            let drawn: Vec<(i32, bool)> = instances
                .iter()
                .map(|(requests, errors, is_candidate)| {
                    let errors = self.coins.draw(*requests, *errors, draws);
                    (i32::try_from(errors).unwrap_or(ERRORS_MOST).min(ERRORS_MOST), *is_candidate)
                })
                .collect();
            for (mean, rho) in means.iter_mut().zip(SHARE_GRID.iter()) {
                *mean += bet(&drawn, candidates, *rho) / THINNINGS as f64;
            }
        }
        self.mixture.multiply(&means.map(libm::log));
    }

    /// Returns the evidence of both together, in nats; `shares` is that by shares.
    pub(crate) fn log_e(&self, shares: f64) -> f64 {
        self.portfolio.log_e([shares, self.mixture.log_e()])
    }
}

const SHARE_GRID_LEN: usize = crate::bets::SHARE_ALTERNATIVES;

/// Adds the instances of one row, the first [`INSTANCES_MOST`] of them.
pub(crate) fn add(totals: &mut Totals, instances: &[Instance]) {
    for instance in instances {
        if totals.len() >= INSTANCES_MOST && !totals.contains_key(&instance.index) {
            continue;
        }
        let total = totals.entry(instance.index).or_default();
        total.0 += instance.requests;
        total.1 += instance.errors.min(instance.requests);
    }
}

/// Returns e of instances given as errors and whether the candidate's, of whom are `candidates`.
fn bet(instances: &[(i32, bool)], candidates: usize, rho: f64) -> f64 {
    // Symmetric polynomials of each degree, one instance after the other; and the same with all
    // a_i = 1, which counts the subsets. At most 64 instances: nothing overflows.
    let mut weighed = vec![0.0; candidates + 1];
    let mut counted = weighed.clone();
    (weighed[0], counted[0]) = (1.0, 1.0);
    let mut own = 1.0;
    for (errors, is_candidate) in instances {
        let badness = (0..*errors).fold(1.0, |power, _| power * rho);
        for degree in (1..=candidates).rev() {
            weighed[degree] += weighed[degree - 1] * badness;
            counted[degree] += counted[degree - 1];
        }
        if *is_candidate {
            own *= badness;
        }
    }
    counted[candidates] * own / weighed[candidates]
}

impl Coins {
    /// Returns how many of the errors are among `draws` requests, drawn without returning them.
    fn draw(&mut self, requests: u64, errors: u64, draws: u64) -> u64 {
        let (mut left, mut wanted, mut drawn) = (requests, draws, 0);
        for _ in 0..errors {
            if self.unit() * (left as f64) < wanted as f64 {
                wanted -= 1;
                drawn += 1;
            }
            left -= 1;
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_all_ways_to_choose_the_candidates_the_mean_bet_is_one() {
        let errors = [0, 2, 1, 0, 0, 2, 1];
        for (rho, size) in SHARE_GRID.iter().zip([1, 2, 3, 4, 6]) {
            let subsets = (0..1_u32 << errors.len()).filter(|s| s.count_ones() == size);
            let bets: Vec<f64> = subsets
                .map(|subset| {
                    let of = |(i, errors): (usize, &i32)| (*errors, subset >> i & 1 == 1);
                    let instances: Vec<_> = errors.iter().enumerate().map(of).collect();
                    bet(&instances, size as usize, *rho)
                })
                .collect();
            let mean = bets.iter().sum::<f64>() / bets.len() as f64;
            assert!((mean - 1.0).abs() < 1e-9, "{rho}, {size}: {mean}");
        }
    }

    #[test]
    fn errors_are_drawn_in_proportion_and_none_is_lost_where_all_are_drawn() {
        let mut coins = Coins::new(3);
        let drawn: u64 = (0..2_000).map(|_| coins.draw(60, 18, 10)).sum();
        assert!((5_700..6_300).contains(&drawn), "{drawn}");
        assert_eq!(coins.draw(9, 4, 9), 4);
    }
}
