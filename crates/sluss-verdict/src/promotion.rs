//! Proof that a candidate is not worse than a stated tolerance: a sequential
//! test of non-inferiority (verdict specification §2.6).
//!
//! The hypothesis to refute is `rate_c >= rate_b + D`. With the pooled rate p of
//! past blocks and the nearest point of the hypothesis,
//!
//! ```text
//! q_b = ((p - D) + sqrt((p - D)^2 + 4 p (1 - pi) D)) / 2,   q_c = q_b + D,
//! f   = (p / q_c)^{y_c} (p / q_b)^{y_b} exp(-n_c (p - q_c) - n_b (p - q_b)).
//! ```
//!
//! # Invariants
//!
//! - Under the hypothesis f has expectation at most 1 for whatever p, exactly for
//!   Poisson counts and conservatively for Bernoulli ones; so the product of all f
//!   reaches 1/alpha with probability at most alpha (Ville's inequality).
//! - A block in which one release had no request proves nothing.
//! - Outcomes must be independent between requests: retries are not to be counted.

use crate::block::Block;

/// The test of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NonInferiority {
    tolerance: f64,
    log_e: f64,
    past_requests: f64,
    past_bad: f64,
}

/// The nearest point of the hypothesis.
struct Nearest {
    candidate: f64,
    incumbent: f64,
}

impl NonInferiority {
    /// Returns the test before any evidence; `tolerance` is D, an absolute difference of rates.
    pub(crate) fn new(tolerance: f64) -> Self {
        Self { tolerance, log_e: 0.0, past_requests: 0.0, past_bad: 0.0 }
    }

    /// Tells what was seen before the first block; it only shapes p.
    pub(crate) fn remember(&mut self, requests: f64, bad: f64) {
        self.past_requests += requests;
        self.past_bad += bad;
    }

    /// Begins a new proof. What is known of the rate stays: any predictable p is valid.
    pub(crate) fn restart(&mut self) {
        self.log_e = 0.0;
    }

    /// Returns the evidence that the candidate is within the tolerance, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        self.log_e
    }

    /// Settles one block.
    pub(crate) fn settle(&mut self, block: &Block) {
        let (candidate, incumbent) = (&block.candidate, &block.incumbent);
        if let Some(pi) = block.realised_share() {
            let p = self.rate();
            let q = self.nearest(p, pi);
            self.log_e += candidate.bad[0] * libm::log(p / q.candidate)
                + incumbent.bad[0] * libm::log(p / q.incumbent)
                - candidate.requests * (p - q.candidate)
                - incumbent.requests * (p - q.incumbent);
        }
        self.past_requests += block.requests();
        self.past_bad += candidate.bad[0] + incumbent.bad[0];
    }

    /// Returns how many more requests of both releases together are expected until the evidence
    /// reaches `target` nats, if both fail at the rate seen so far and the candidate has `share`:
    /// what is missing over `w kl(p, q_c) + (1 - w) kl(p, q_b)`, `kl(a, b) = a log(a/b) - a + b`.
    ///
    /// None where nothing is known of the rate, and where nothing can be compared.
    pub(crate) fn requests_until(&self, target: f64, share: f64) -> Option<u64> {
        if self.past_requests == 0.0 || share <= 0.0 || share >= 1.0 {
            return None;
        }
        let p = self.rate();
        let q = self.nearest(p, share);
        let kl = |b: f64| p * libm::log(p / b) - p + b;
        let gain = share * kl(q.candidate) + (1.0 - share) * kl(q.incumbent);
        let missing = (target - self.log_e).max(0.0);
        (gain > 0.0).then(|| libm::ceil(missing / gain) as u64)
    }

    /// Returns p = (bad + 1/2) / (n + 1), over both releases in past blocks.
    fn rate(&self) -> f64 {
        (self.past_bad + 0.5) / (self.past_requests + 1.0)
    }

    fn nearest(&self, p: f64, pi: f64) -> Nearest {
        let excess = p - self.tolerance;
        let product = 4.0 * p * (1.0 - pi) * self.tolerance;
        let root = libm::sqrt(excess * excess + product);
        // The second form is the first without the cancellation.
        let incumbent = match excess >= 0.0 {
            true => 0.5 * (excess + root),
            false => 0.5 * product / (root - excess),
        };
        Nearest { candidate: incumbent + self.tolerance, incumbent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Load;

    fn block(candidate: (u64, u64), incumbent: (u64, u64)) -> Block {
        let mut block = Block::open(0, 0.1, 1);
        let load = |(requests, bad)| Load::events(requests, bad);
        block.add([&load(incumbent), &load(candidate)]);
        block
    }

    /// log of the probability of `count` under a Poisson law.
    fn log_poisson(count: u64, mean: f64) -> f64 {
        let log_factorial: f64 = (1..=count).map(|i| libm::log(i as f64)).sum();
        count as f64 * libm::log(mean) - mean - log_factorial
    }

    #[test]
    fn at_the_tolerance_the_expected_factor_is_at_most_one() {
        for (past_bad, true_rate) in [(0, 0.001), (3, 0.005), (60, 0.0), (9, 0.03)] {
            let mut test = NonInferiority::new(0.01);
            test.settle(&block((100, 0), (900, past_bad)));
            let (n_c, n_b): (u64, u64) = (40, 160);
            let (mean_c, mean_b) = (n_c as f64 * (true_rate + 0.01), n_b as f64 * true_rate);
            let mut expected = 0.0;
            for (y_c, y_b) in (0..40).flat_map(|c| (0..60).map(move |b| (c, b))) {
                let mut after = test.clone();
                after.settle(&block((n_c, y_c), (n_b, y_b)));
                let log_b = match mean_b > 0.0 {
                    true => log_poisson(y_b, mean_b),
                    false if y_b == 0 => 0.0,
                    false => f64::NEG_INFINITY,
                };
                let gain = after.log_e() - test.log_e();
                expected += libm::exp(log_poisson(y_c, mean_c) + log_b + gain);
            }
            assert!(expected <= 1.0 + 1e-9, "{past_bad} {true_rate}: {expected}");
            assert!(expected > 0.5, "{past_bad} {true_rate}: {expected}");
        }
    }

    #[test]
    fn a_clean_leg_is_proved_in_the_time_of_the_specification() {
        for (candidate, seconds) in [(20, 16), (50, 7), (100, 4)] {
            let mut test = NonInferiority::new(0.01);
            test.remember(12_000.0, 0.0);
            let mut took = 0;
            while test.log_e() < libm::log(20.0) {
                test.settle(&block((candidate, 0), (200 - candidate, 0)));
                took += 1;
            }
            assert_eq!(took, seconds, "with {candidate} of 200 requests a second");
        }
    }

    #[test]
    fn nothing_is_proved_without_both_releases() {
        let mut test = NonInferiority::new(0.01);
        test.settle(&block((0, 0), (500, 1)));
        test.settle(&block((500, 0), (0, 0)));
        assert_eq!(test.log_e(), 0.0);
        assert_eq!(test.requests_until(3.0, 1.0), None);
        assert!(test.requests_until(3.0, 0.1).is_some());
    }
}
