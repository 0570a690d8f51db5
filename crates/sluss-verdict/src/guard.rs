//! What a metric must prove before a leg passes, and the robust form of that proof.
//!
//! The robust form bets on the *incumbent's* share of the bad events (verdict specification
//! §2.6): to refute that the candidate is at least R times as bad,
//!
//! ```text
//! f_k = (1 + (k - 1) (1 - y_c / y)) / (1 + (k - 1) (1 - theta)),  theta = pi R / (1 + pi (R - 1)).
//! ```
//!
//! # Invariants
//!
//! - If the candidate is R times as bad or worse, y_c / y has expectation theta or more and f_k
//!   has expectation 1 or less, whatever bursts there are within a block.
//! - A block in which one release had no request, or nothing was bad, proves nothing.

use crate::bets::bad_share;
use crate::block::Block;
use crate::math::log_sum_exp;
use crate::promotion::NonInferiority;

/// The bets k of the robust form.
const BETS: [f64; 5] = [1.5, 3.0, 10.0, 100.0, 10_000.0];

/// What is claimed of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Claim {
    /// Nothing.
    None,
    /// The rate exceeds the incumbent's by less than this, absolute.
    Difference(f64),
    /// The rate is less than this many times the incumbent's.
    Ratio(f64),
}

/// The proof of a claim within a leg.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guard {
    proof: Proof,
}

#[derive(Debug, Clone, PartialEq)]
enum Proof {
    Difference(NonInferiority),
    Ratio(RatioProof),
}

#[derive(Debug, Clone, PartialEq)]
struct RatioProof {
    ratio: f64,
    log_products: [f64; BETS.len()],
}

impl Guard {
    /// Returns the proof before any evidence, given what the incumbent did before as requests and
    /// bad events; none where nothing is claimed.
    pub(crate) fn new(claim: Claim, past: (f64, f64)) -> Option<Self> {
        let proof = match claim {
            Claim::None => return None,
            Claim::Difference(tolerance) => {
                let mut test = NonInferiority::new(tolerance);
                test.remember(past.0, past.1);
                Proof::Difference(test)
            }
            Claim::Ratio(ratio) => {
                Proof::Ratio(RatioProof { ratio, log_products: [0.0; BETS.len()] })
            }
        };
        Some(Self { proof })
    }

    /// Begins the proof anew.
    pub(crate) fn restart(&mut self) {
        match &mut self.proof {
            Proof::Difference(test) => test.restart(),
            Proof::Ratio(test) => test.log_products = [0.0; BETS.len()],
        }
    }

    /// Settles one block.
    pub(crate) fn settle(&mut self, block: &Block) {
        match &mut self.proof {
            Proof::Difference(test) => test.settle(block),
            Proof::Ratio(test) => test.settle(block),
        }
    }

    /// Returns the evidence for the claim in this leg, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        match &self.proof {
            Proof::Difference(test) => test.log_e(),
            Proof::Ratio(test) => test.log_e(),
        }
    }

    /// Returns how many more requests of both releases are expected until the evidence is
    /// `target` nats, with the candidate at `share` and as bad as the incumbent.
    pub(crate) fn requests_until(&self, target: f64, share: f64) -> Option<u64> {
        match &self.proof {
            Proof::Difference(test) => test.requests_until(target, share),
            // How bursty the bad events are decides that, and nobody knows.
            Proof::Ratio(_) => None,
        }
    }
}

impl RatioProof {
    fn settle(&mut self, block: &Block) {
        let bad = block.candidate.bad[0] + block.incumbent.bad[0];
        let Some(pi) = block.realised_share().filter(|_| bad > 0.0) else { return };
        let theta = bad_share(pi, self.ratio);
        let fell = block.candidate.bad[0] / bad;
        for (product, bet) in self.log_products.iter_mut().zip(BETS) {
            *product += libm::log1p((bet - 1.0) * (1.0 - fell));
            *product -= libm::log1p((bet - 1.0) * (1.0 - theta));
        }
    }

    fn log_e(&self) -> f64 {
        log_sum_exp(self.log_products.iter().copied()) - libm::log(BETS.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Load;

    fn guard(ratio: f64) -> Guard {
        Guard::new(Claim::Ratio(ratio), (0.0, 0.0)).unwrap()
    }

    /// Gives a block in which `candidate` of 100 and `incumbent` of 900 requests were bad.
    fn give(guard: &mut Guard, candidate: u64, incumbent: u64) {
        let mut block = Block::open(0, 0.1, 1);
        block.add([&Load::events(900, incumbent), &Load::events(100, candidate)]);
        guard.settle(&block);
    }

    #[test]
    fn at_the_ratio_the_expected_factor_is_one() {
        // Two bad events, each on the candidate with probability theta.
        let theta = bad_share(0.1, 1.5);
        let chances = [(1.0 - theta).powi(2), 2.0 * theta * (1.0 - theta), theta * theta];
        let mut expected = 0.0;
        for (fell, chance) in chances.into_iter().enumerate() {
            let mut guard = guard(1.5);
            give(&mut guard, fell as u64, 2 - fell as u64);
            expected += chance * libm::exp(guard.log_e());
        }
        assert!((expected - 1.0).abs() < 1e-12, "{expected}");
    }

    #[test]
    fn bad_events_on_the_incumbent_alone_prove_it_and_clean_blocks_do_not() {
        let mut guard = guard(3.0);
        (0..50).for_each(|_| give(&mut guard, 0, 0));
        assert_eq!(guard.log_e(), 0.0);
        (0..50).for_each(|_| give(&mut guard, 0, 4));
        assert!(guard.log_e() > libm::log(20.0));
        guard.restart();
        assert!(guard.log_e().abs() < 1e-12);
    }
}
