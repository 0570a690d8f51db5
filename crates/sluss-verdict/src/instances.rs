//! Bets over instances: whether the candidate's are slower than those of the incumbent, each
//! counting as one whatever it carries (verdict specification, "Bets over instances").
//!
//! With a_i = (badness per request of instance i)^lambda over M instances, m of them the
//! candidate's,
//!
//! ```text
//! e = C(M, m) * prod over the candidate's of a_i / e_m(a_1 .. a_M),
//! ```
//!
//! e_m the elementary symmetric polynomial. It has expectation 1 where instances are exchangeable,
//! stalls and all: up to ln C(M, m) nats a block.
//!
//! # Beyond the specification
//!
//! Instances that carry different loads are not exchangeable: the mean of few requests scatters
//! more. So each is thinned to the load of the smallest, by coins of a fixed seed, and the bet is
//! the average over a few thinnings, which is an e-value as each of them is.
//!
//! # Invariants
//!
//! - Nothing depends on what an instance is called, only on whose it is.
//! - At most [`INSTANCES_MOST`] instances of each release are looked at.

use std::collections::BTreeMap;

use crate::coins::Coins;
use crate::math::{LOG_ZERO, log_sum_exp};
use crate::mixture::OnsetMixture;
use crate::sample::{Instance, dense};

/// Instances of a release that are looked at.
pub(crate) const INSTANCES_MOST: usize = 32;
/// Requests in a block without which an instance is left out of it.
const REQUESTS_LEAST: f64 = 3.0;
/// Requests that are drawn from an instance at most.
const DRAWN_MOST: f64 = 64.0;
/// Thinnings that a bet is averaged over.
const THINNINGS: usize = 3;
const LAMBDAS: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];

/// The e-process over instances.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InstanceBets {
    mixture: OnsetMixture,
    incumbent: BTreeMap<u32, Vec<f64>>,
    candidate: BTreeMap<u32, Vec<f64>>,
    bins: usize,
    coins: Coins,
}

/// One instance's histogram in a block.
struct Drawn<'a> {
    histogram: &'a [f64],
    is_candidate: bool,
}

impl InstanceBets {
    pub(crate) fn new(bins: usize) -> Self {
        let coins = Coins::new(0x5DEE_CE66_D1CE_CAFE);
        let mixture = OnsetMixture::uniform(LAMBDAS.len());
        Self { mixture, incumbent: BTreeMap::new(), candidate: BTreeMap::new(), bins, coins }
    }

    /// Returns how many instances of a release were measured in a row.
    pub(crate) fn measured(instances: &[Instance]) -> usize {
        let measured = instances.iter().filter(|instance| instance.latency.is_some());
        measured.count().min(INSTANCES_MOST)
    }

    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        self.mixture.advance(elapsed_seconds);
    }

    /// Discards the unfinished block.
    pub(crate) fn open(&mut self) {
        self.incumbent.clear();
        self.candidate.clear();
    }

    /// Counts one row.
    pub(crate) fn count(&mut self, incumbent: &[Instance], candidate: &[Instance]) {
        let sides = [(&mut self.incumbent, incumbent), (&mut self.candidate, candidate)];
        for (totals, instances) in sides {
            for instance in instances {
                let Some(latency) = &instance.latency else { continue };
                if totals.len() >= INSTANCES_MOST && !totals.contains_key(&instance.index) {
                    continue;
                }
                let total = totals.entry(instance.index).or_insert_with(|| vec![0.0; self.bins]);
                for (sum, count) in total.iter_mut().zip(dense(latency, self.bins)) {
                    *sum += count;
                }
            }
        }
    }

    /// Settles the block, with the badness of each bin.
    pub(crate) fn settle(&mut self, weights: &[f64]) {
        let (incumbent, candidate) =
            (std::mem::take(&mut self.incumbent), std::mem::take(&mut self.candidate));
        let sides = [(&incumbent, false), (&candidate, true)];
        let instances: Vec<Drawn<'_>> = sides
            .into_iter()
            .flat_map(|(side, is_candidate)| {
                side.values().map(move |histogram| Drawn { histogram, is_candidate })
            })
            .filter(|instance| instance.histogram.iter().sum::<f64>() >= REQUESTS_LEAST)
            .collect();
        let candidates = instances.iter().filter(|instance| instance.is_candidate).count();
        if candidates == 0 || candidates == instances.len() {
            return;
        }
        let loads = instances.iter().map(|instance| instance.histogram.iter().sum::<f64>());
        let draws = loads.fold(DRAWN_MOST, f64::min);
        let thinnings: Vec<[f64; LAMBDAS.len()]> = (0..THINNINGS)
            .map(|_| {
                let mut badness = |instance: &Drawn<'_>| {
                    libm::log(self.coins.badness(instance.histogram, weights, draws))
                };
                let logs =
                    instances.iter().map(|i| (badness(i), i.is_candidate)).collect::<Vec<_>>();
                LAMBDAS.map(|lambda| log_bet(&logs, lambda))
            })
            .collect();
        let averages: [f64; LAMBDAS.len()] = std::array::from_fn(|k| {
            log_sum_exp(thinnings.iter().map(|bets| bets[k])) - libm::log(THINNINGS as f64)
        });
        self.mixture.multiply(&averages);
    }

    /// Returns log E, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}

/// Returns log e of instances given as log badness and whether the candidate's.
fn log_bet(instances: &[(f64, bool)], lambda: f64) -> f64 {
    let candidates = instances.iter().filter(|(_, is_candidate)| *is_candidate).count();
    // Symmetric polynomials of each degree, in logs, one instance after the other; and the same
    // with all badness 1, which counts the subsets.
    let mut weighed = vec![LOG_ZERO; candidates + 1];
    let mut counted = weighed.clone();
    (weighed[0], counted[0]) = (0.0, 0.0);
    let mut own = 0.0;
    for (log_badness, is_candidate) in instances {
        for degree in (1..=candidates).rev() {
            let with = weighed[degree - 1] + lambda * log_badness;
            weighed[degree] = log_sum_exp([weighed[degree], with].into_iter());
            counted[degree] = log_sum_exp([counted[degree], counted[degree - 1]].into_iter());
        }
        if *is_candidate {
            own += lambda * log_badness;
        }
    }
    counted[candidates] + own - weighed[candidates]
}

impl Coins {
    /// Returns the mean badness of `draws` requests drawn without returning them.
    fn badness(&mut self, histogram: &[f64], weights: &[f64], draws: f64) -> f64 {
        let mut left = histogram.to_vec();
        let mut total: f64 = left.iter().sum();
        let (mut drawn, mut badness) = (0.0, 0.0);
        while drawn < draws && total >= 1.0 {
            let mut place = self.unit() * total;
            let mut last = 0;
            for (bin, count) in left.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                last = bin;
                if place < *count {
                    break;
                }
                place -= count;
            }
            left[last] -= 1.0;
            total -= 1.0;
            drawn += 1.0;
            badness += weights.get(last).copied().unwrap_or(1.0);
        }
        (badness / drawn).max(1e-12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_all_ways_to_choose_the_candidates_the_mean_bet_is_one() {
        let badness = [0.3, 1.0, 1.1, 40.0, 0.9, 2.0, 1.0];
        for (lambda, size) in LAMBDAS.into_iter().zip([1, 2, 3, 4, 6]) {
            let subsets = (0..1_u32 << badness.len()).filter(|s| s.count_ones() == size);
            let bets: Vec<f64> = subsets
                .map(|subset| {
                    let of = |(i, b): (usize, &f64)| (libm::log(*b), subset >> i & 1 == 1);
                    let instances: Vec<_> = badness.iter().enumerate().map(of).collect();
                    libm::exp(log_bet(&instances, lambda))
                })
                .collect();
            let mean = bets.iter().sum::<f64>() / bets.len() as f64;
            assert!((mean - 1.0).abs() < 1e-9, "{lambda}, {size}: {mean}");
        }
    }

    #[test]
    fn one_block_gives_at_most_the_log_of_the_number_of_choices() {
        let slow = |i: usize| (if i < 3 { 6.0 } else { 0.0 }, i < 3);
        let instances: Vec<_> = (0..20).map(slow).collect();
        let bet = log_bet(&instances, 16.0);
        assert!((bet - libm::log(1_140.0)).abs() < 1e-6, "{bet}");
    }

    #[test]
    fn drawing_all_there_is_gives_the_mean() {
        let mut coins = Coins::new(7);
        let mean = coins.badness(&[2.0, 0.0, 2.0], &[1.0, 9.0, 4.0], 64.0);
        assert!((mean - 2.5).abs() < 1e-12);
    }
}
