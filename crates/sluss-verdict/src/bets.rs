//! The bets on one block: log factors whose exponentials have expectation at
//! most 1 when the release is harmless.
//!
//! A block in which one release had no request yields no bet (factor 1), which
//! is the limit of every formula below: nothing was compared.

use std::sync::LazyLock;

use crate::block::Block;
use crate::math::grid;
use crate::mixture::OnsetMixture;
use crate::plan::Mode;

/// Number of alternatives of the share bet.
pub(crate) const SHARE_ALTERNATIVES: usize = 7;
/// Number of alternatives of the fast bets on events.
pub(crate) const FAST_ALTERNATIVES: usize = 9;

/// rho_k = exp(0.25 * 1.7^k): 1.28 to 416 times as bad (specification §2.1).
pub(crate) static SHARE_GRID: LazyLock<[f64; SHARE_ALTERNATIVES]> =
    LazyLock::new(|| grid(0.25, 1.7));

/// rho_k = exp(0.15 * 1.5^k): 1.16 to 46.7 times as bad (specification §2.2).
static FAST_GRID: LazyLock<[f64; FAST_ALTERNATIVES]> = LazyLock::new(|| grid(0.15, 1.5));

/// Part of the capital on regressions that matter, where some do not.
const ON_WHAT_MATTERS: f64 = 0.8;

/// Returns the logarithms of the capital on each alternative of the bets on events.
///
/// Where it is known at which rate the incumbent fails, and from which difference on a regression
/// matters, most goes to the alternatives that would make half of that difference or more, and at
/// least to the largest: beside an incumbent that hardly ever fails, "twice as often" is still
/// harmless. Both are known before the first bet, so what is bet stays an e-process; the rest of
/// the capital keeps the power for every alternative.
pub(crate) fn prior(mode: Mode, (requests, bad): (f64, f64), matters: Option<f64>) -> Vec<f64> {
    let grid: &[f64] = match mode {
        Mode::Robust => &*SHARE_GRID,
        Mode::Fast => &*FAST_GRID,
    };
    let even = -libm::log(grid.len() as f64);
    let Some(difference) = matters.filter(|_| requests > 0.0) else {
        return vec![even; grid.len()];
    };
    let rate = (bad + 0.5) / (requests + 1.0);
    let first = grid.iter().position(|rho| rate * (rho - 1.0) >= difference / 2.0);
    let first = first.unwrap_or(grid.len() - 1);
    if first == 0 {
        return vec![even; grid.len()];
    }
    let each = |part: f64, count: usize| libm::log(part / count as f64);
    let (small, large) =
        (each(1.0 - ON_WHAT_MATTERS, first), each(ON_WHAT_MATTERS, grid.len() - first));
    (0..grid.len()).map(|k| if k < first { small } else { large }).collect()
}

/// Robust: one bounded bet per block and kind of badness (specification §2.1).
///
/// `f_k = (1 + (rho_k - 1) y_c / y) / (1 + pi (rho_k - 1))`, and 1 where y = 0.
///
/// Given both numbers of requests and all outcomes, the requests of the
/// candidate are a uniformly random subset, so y_c / y has expectation pi and
/// f_k has expectation exactly 1, whatever bursts or drift the outcomes have.
///
/// With `ratio` above 1 a candidate that is up to so many times as bad passes for harmless: pi is
/// replaced by `pi ratio / (1 + pi (ratio - 1))`.
pub(crate) fn share(block: &Block, ratio: f64) -> Vec<f64> {
    let kinds = block.candidate.bad.iter().zip(&block.incumbent.bad);
    let Some(pi) = block.realised_share().map(|pi| bad_share(pi, ratio)) else {
        return vec![0.0; SHARE_ALTERNATIVES * block.candidate.bad.len()];
    };
    let grid = *SHARE_GRID;
    kinds
        .flat_map(|(candidate, incumbent)| {
            let total = candidate + incumbent;
            let fell = if total > 0.0 { candidate / total } else { pi };
            grid.map(|rho| libm::log1p((rho - 1.0) * fell) - libm::log1p(pi * (rho - 1.0)))
        })
        .collect()
}

/// Returns the share of the bad events that falls on a candidate which carries `pi` of the
/// requests and is `ratio` times as bad.
pub(crate) fn bad_share(pi: f64, ratio: f64) -> f64 {
    if ratio > 1.0 { pi * ratio / (1.0 + pi * (ratio - 1.0)) } else { pi }
}

/// Fast: independent rare events (specification §2.2, "rare events").
///
/// `f_k = (rho_k / rho_0)^{y_c} ((1 + pi (rho_0 - 1)) / (1 + pi (rho_k - 1)))^y`, where
/// `rho_k / rho_0` is the grid and rho_0 the `ratio` that passes for harmless.
pub(crate) fn rare(block: &Block, ratio: f64) -> Vec<f64> {
    let Some(pi) = block.realised_share() else {
        return vec![0.0; FAST_ALTERNATIVES];
    };
    let (candidate, incumbent) = (block.candidate.bad[0], block.incumbent.bad[0]);
    let harmless = libm::log1p(pi * (ratio - 1.0));
    let log_factor = |excess: f64| {
        let price = libm::log1p(pi * (ratio * excess - 1.0)) - harmless;
        candidate * libm::log(excess) - (candidate + incumbent) * price
    };
    FAST_GRID.map(log_factor).to_vec()
}

/// Returns log of what a likelihood ratio with logarithm `log_ratio` costs an event whose
/// release is unknown: log(1 + pi (r - 1)).
pub(crate) fn log_price(pi: f64, log_ratio: f64) -> f64 {
    libm::log1p(pi * libm::expm1(log_ratio))
}

/// Failures among unique transactions at any base rate (specification §2.2, "any base rate",
/// and §2.3).
///
/// `f_k = prod over x in {bad, ok} of r_x^{#candidate x} / (1 + pi (r_x - 1))^{#x}` with
/// `r_bad = OR / (1 - p + OR p)` and `r_ok = 1 / (1 - p + OR p)`; p is the rate of the
/// incumbent in past blocks, so a poor estimate costs power and never validity.
///
/// f_k has expectation at most 1 where outcomes within a block are independent and equally
/// likely (by the inequality of arithmetic and geometric means: Turner, Ly and Grünwald,
/// "Generic E-variables for exact sequential k-sample tests", 2021). Unlike [`share`] it needs
/// that: given all outcomes, random routing alone leaves it slightly above 1 in small blocks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) mixture: OnsetMixture,
    requests: f64,
    failures: f64,
}

impl Binary {
    /// Returns the process, given what the incumbent did before.
    pub(crate) fn new(past_requests: f64, past_failures: f64) -> Self {
        Self {
            mixture: OnsetMixture::uniform(FAST_ALTERNATIVES),
            requests: past_requests + 1.0,
            failures: past_failures + 0.5,
        }
    }

    /// Settles one block.
    pub(crate) fn settle(&mut self, block: &Block) {
        if let Some(pi) = block.realised_share() {
            let log_factors = self.log_factors(block, pi);
            self.mixture.multiply(&log_factors);
        }
        self.requests += block.incumbent.requests;
        self.failures += block.incumbent.bad[0];
    }

    fn log_factors(&self, block: &Block, pi: f64) -> [f64; FAST_ALTERNATIVES] {
        let p = self.failures / self.requests;
        let candidate_bad = block.candidate.bad[0];
        let candidate_ok = block.candidate.requests - candidate_bad;
        let bad = candidate_bad + block.incumbent.bad[0];
        let ok = block.requests() - bad;
        FAST_GRID.map(|odds_ratio| {
            let log_norm = libm::log(1.0 - p + odds_ratio * p);
            let log_bad = libm::log(odds_ratio) - log_norm;
            let log_ok = -log_norm;
            candidate_bad * log_bad + candidate_ok * log_ok
                - bad * log_price(pi, log_bad)
                - ok * log_price(pi, log_ok)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capital_goes_to_what_matters_and_all_of_it_is_placed() {
        let placed = |past, matters| {
            let prior = prior(Mode::Robust, past, matters);
            let sum: f64 = prior.iter().map(|log| libm::exp(*log)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{past:?}: {sum}");
            prior.iter().map(|log| libm::round(libm::exp(*log) * 1e3) as u32).collect::<Vec<_>>()
        };
        let even = vec![143; 7];
        assert_eq!(placed((12_000.0, 6.0), None), even, "nothing is said to matter");
        assert_eq!(placed((0.0, 0.0), Some(0.01)), even, "nothing is known");
        assert_eq!(placed((12_000.0, 6_000.0), Some(0.01)), even, "all of it matters");
        assert_eq!(placed((12_000.0, 0.0), Some(0.01)), [33, 33, 33, 33, 33, 33, 800]);
        assert_eq!(placed((12_000.0, 60.0), Some(0.01)), [100, 100, 160, 160, 160, 160, 160]);
    }
    use crate::block::Load;

    /// A block over requests of which `on_candidate` says where each went.
    fn block(badness: &[f64], on_candidate: u32) -> Block {
        let mut block = Block::open(0, 0.1, 1);
        for (unit, bad) in badness.iter().enumerate() {
            let one = Load { requests: 1.0, bad: vec![*bad] };
            let none = Load { requests: 0.0, bad: vec![0.0] };
            match on_candidate >> unit & 1 {
                1 => block.add([&none, &one]),
                _ => block.add([&one, &none]),
            }
        }
        block
    }

    /// The mean of each factor over all ways to give `size` of the units to the candidate.
    fn mean_factors(badness: &[f64], size: u32, bet: impl Fn(&Block) -> Vec<f64>) -> Vec<f64> {
        let subsets = (0..1u32 << badness.len()).filter(|subset| subset.count_ones() == size);
        let factors: Vec<Vec<f64>> = subsets.map(|subset| bet(&block(badness, subset))).collect();
        (0..factors[0].len())
            .map(|k| factors.iter().map(|f| libm::exp(f[k])).sum::<f64>() / factors.len() as f64)
            .collect()
    }

    #[test]
    fn the_share_bet_has_expectation_one_under_every_random_assignment() {
        for badness in [
            &[0.0, 0.0, 0.0, 0.0, 0.0][..],
            &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            &[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
            &[0.02, 7.5, 1.0, 54.6, 0.3, 0.3, 0.0, 2.0],
        ] {
            for size in 1..badness.len() as u32 {
                for mean in mean_factors(badness, size, |block| share(block, 1.0)) {
                    assert!((mean - 1.0).abs() < 1e-12, "{badness:?}, {size}: {mean}");
                }
            }
        }
    }

    #[test]
    fn the_rare_bet_has_expectation_at_most_one_under_every_random_assignment() {
        let badness = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for size in 1..badness.len() as u32 {
            for mean in mean_factors(&badness, size, |block| rare(block, 1.0)) {
                assert!(mean <= 1.0 + 1e-12, "{size}: {mean}");
            }
        }
    }

    #[test]
    fn the_binary_bet_has_expectation_at_most_one_for_equal_independent_outcomes() {
        const REQUESTS: u32 = 8;
        for (rate, past_failures) in [(0.5, 20.0), (0.01, 20.0), (0.9, 0.0), (0.2, 8.0)] {
            let binary = Binary::new(40.0, past_failures);
            for size in 1..REQUESTS {
                let mut means = [0.0; FAST_ALTERNATIVES];
                for outcomes in 0..1_u32 << REQUESTS {
                    let badness: Vec<f64> =
                        (0..REQUESTS).map(|unit| f64::from(outcomes >> unit & 1)).collect();
                    let block = block(&badness, (1 << size) - 1);
                    let log_factors = binary.log_factors(&block, block.realised_share().unwrap());
                    let bad = outcomes.count_ones() as i32;
                    let chance =
                        f64::powi(rate, bad) * f64::powi(1.0 - rate, REQUESTS as i32 - bad);
                    for (mean, log_factor) in means.iter_mut().zip(log_factors) {
                        *mean += chance * libm::exp(log_factor);
                    }
                }
                assert!(means.iter().all(|mean| *mean <= 1.0 + 1e-12), "{rate}, {size}: {means:?}");
            }
        }
    }

    #[test]
    fn a_better_candidate_lowers_every_factor() {
        let worse = share(&block(&[1.0, 0.0, 0.0, 0.0], 0b0001), 1.0);
        let better = share(&block(&[1.0, 0.0, 0.0, 0.0], 0b0010), 1.0);
        assert!(worse.iter().all(|f| *f > 0.0) && better.iter().all(|f| *f < 0.0));
    }

    /// One block in which the candidate has each number of Poisson events, at `ratio` times the
    /// incumbent's rate; the expectation of each factor.
    fn mean_at_ratio(ratio: f64, bet: impl Fn(&Block) -> Vec<f64>) -> Vec<f64> {
        let poisson = |count: u32, mean: f64| {
            let log_factorial: f64 = (1..=count).map(|i| libm::log(f64::from(i))).sum();
            libm::exp(f64::from(count) * libm::log(mean) - mean - log_factorial)
        };
        let mut means = vec![0.0; bet(&Block::open(0, 0.1, 1)).len()];
        for (c, b) in (0..40).flat_map(|c| (0..40).map(move |b| (c, b))) {
            let mut block = Block::open(0, 0.1, 1);
            block.add([&Load::events(90, u64::from(b)), &Load::events(10, u64::from(c))]);
            let chance = poisson(c, 0.5 * ratio) * poisson(b, 4.5);
            for (mean, log_factor) in means.iter_mut().zip(bet(&block)) {
                *mean += chance * libm::exp(log_factor);
            }
        }
        means
    }

    #[test]
    fn a_candidate_as_bad_as_the_ignored_ratio_is_harmless() {
        for ratio in [1.0, 1.5, 3.0] {
            for mean in mean_at_ratio(ratio, |block| share(block, ratio)) {
                assert!((mean - 1.0).abs() < 1e-9, "share at {ratio}: {mean}");
            }
            for mean in mean_at_ratio(ratio, |block| rare(block, ratio)).iter().take(5) {
                assert!((mean - 1.0).abs() < 1e-6, "rare at {ratio}: {mean}");
            }
        }
    }

    #[test]
    fn a_block_without_one_of_the_releases_is_no_bet() {
        for subset in [0b00, 0b11] {
            let block = block(&[1.0, 0.0], subset);
            assert!(
                share(&block, 1.0).iter().chain(&rare(&block, 1.0)).all(|factor| *factor == 0.0)
            );
        }
    }
}
