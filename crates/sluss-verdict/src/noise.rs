//! Whether errors clump on single instances, more than requests that are routed at random would.
//!
//! Of a block's `y` errors, `y_i` fall on an instance that carries a share `p_i` of the requests.
//! While each request goes to an instance by a coin and fails whatever the instance,
//! `rho^y_i / (1 + p_i (rho - 1))^y` has expectation at most 1, and so has its average over
//! instances and sizes rho. The products of these, begun anew wherever they fall below 1, reach
//! [`AT`] in one of so many blocks at most (Page's procedure with e-values: Shin, Ramdas and
//! Rinaldo, "E-detectors", 2024).
//!
//! An instance that is the incumbent's only one has no other to be compared with. Of it, a block is
//! noise that has more errors than its own past makes of in [`AT`] blocks and more of all errors
//! than its share makes of in [`UNSHARED`]. Where an incident that hits both passes for that, the
//! bet over instances is a slower one, and as fair.
//!
//! # Invariants
//!
//! - A candidate that is worse, or better, as a whole is no noise: its instances are compared with
//!   one another alone, and the incumbent's with the candidate only where there is one.
//! - Nothing is decided by it but which bet is made next.

use crate::failing::Totals;
use crate::math::log_sum_exp;

/// Sizes of clumps.
const SIZES: [f64; 3] = [3.0, 10.0, 100.0];
/// The procedure's threshold.
const AT: f64 = 10_000.0;
/// The same for one block of an incumbent that is alone, beside the candidate.
const UNSHARED: f64 = 5.0;

/// What is known of clumps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Noise {
    log_e: f64,
    is_seen: bool,
    /// Requests and errors so far of an instance that is the incumbent's only one.
    alone: (f64, f64),
}

impl Noise {
    /// Whether clumps were ever seen.
    pub(crate) fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Settles a block of both releases.
    pub(crate) fn settle(&mut self, incumbent: &Totals, candidate: &Totals) {
        if self.is_seen {
            return;
        }
        let mut log_e = log_clump(candidate, &Totals::new());
        log_e += match incumbent.len() {
            1 => log_clump(incumbent, candidate),
            _ => log_clump(incumbent, &Totals::new()),
        };
        self.log_e = self.log_e.max(0.0) + log_e;
        self.is_seen = self.log_e >= libm::log(AT);
        if let (1, Some((requests, errors))) = (incumbent.len(), incumbent.values().next()) {
            let is_shared =
                !candidate.is_empty() && log_clump(incumbent, candidate) < libm::log(UNSHARED);
            let is_burst = self.log_burst(*requests as f64, *errors as f64) >= libm::log(AT);
            self.is_seen |= is_burst && !is_shared;
            self.alone.0 += *requests as f64;
            self.alone.1 += *errors as f64;
        }
    }

    /// Returns the logarithm of the e-value against "so many errors are as usual", for Poisson
    /// errors of the rate that was seen so far.
    fn log_burst(&self, requests: f64, errors: f64) -> f64 {
        let usual = requests * (self.alone.1 + 0.5) / (self.alone.0 + 1.0);
        let terms = SIZES.map(|rho| errors * libm::log(rho) - usual * (rho - 1.0));
        log_sum_exp(terms.into_iter()) - libm::log(SIZES.len() as f64)
    }
}

/// Returns the logarithm of the e-value against "errors fall on these instances, beside others, as
/// requests do".
fn log_clump(instances: &Totals, others: &Totals) -> f64 {
    let of = |totals: &Totals| {
        totals.values().fold((0.0, 0.0), |sum, (n, y)| (sum.0 + *n as f64, sum.1 + *y as f64))
    };
    let ((requests, errors), (more, more_errors)) = (of(instances), of(others));
    let (requests, errors) = (requests + more, errors + more_errors);
    let count = instances.len();
    if errors == 0.0 || count + others.len() < 2 {
        return 0.0;
    }
    let terms = instances.values().flat_map(move |(n, y)| {
        let share = *n as f64 / requests;
        SIZES.map(|rho| *y as f64 * libm::log(rho) - errors * libm::log1p(share * (rho - 1.0)))
    });
    log_sum_exp(terms) - libm::log((count * SIZES.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(instances: &[(u64, u64)]) -> Totals {
        instances.iter().enumerate().map(|(index, total)| (index as u32, *total)).collect()
    }

    #[test]
    fn one_burst_on_one_of_three_instances_is_noise() {
        let mut noise = Noise::default();
        noise.settle(&totals(&[(60, 0), (60, 18), (60, 1)]), &totals(&[(7, 0), (6, 0), (7, 0)]));
        assert!(noise.is_seen());
    }

    #[test]
    fn a_worse_candidate_and_a_shared_incident_are_none() {
        let mut random = fastrand::Rng::with_seed(4);
        for (rates, count) in [([0.005, 0.3], 3), ([0.25, 0.25], 3), ([0.005, 1.0], 1)] {
            let mut noise = Noise::default();
            for _ in 0..600 {
                let mut release = |rate: f64, requests: u64| {
                    let one = |random: &mut fastrand::Rng| {
                        let failed = (0..requests).filter(|_| random.f64() < rate).count();
                        (requests, failed as u64)
                    };
                    totals(&(0..count).map(|_| one(&mut random)).collect::<Vec<_>>())
                };
                let (incumbent, candidate) = (release(rates[0], 60), release(rates[1], 7));
                noise.settle(&incumbent, &candidate);
            }
            assert!(!noise.is_seen(), "{rates:?}");
        }
    }

    #[test]
    fn a_burst_of_an_incumbent_that_is_alone_is_noise_unless_the_candidate_shares_it() {
        let after = |burst: u64, candidate: u64| {
            let mut noise = Noise::default();
            (0..60).for_each(|_| noise.settle(&totals(&[(180, 1)]), &Totals::new()));
            assert!(!noise.is_seen());
            noise.settle(&totals(&[(180, burst)]), &totals(&[(20, candidate)]));
            noise.is_seen()
        };
        assert!(after(54, 0));
        assert!(!after(54, 6));
        assert!(!after(4, 0));
    }
}
