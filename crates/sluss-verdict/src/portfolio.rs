//! Divides the evidence of one metric between bets on shares of requests and bets over instances.
//!
//! A stall hits an instance, not a request. Where every instance carries about the same load, both
//! say the same; where the candidate's instances carry less than the incumbent's, its stalls are
//! as frequent as the incumbent's while its requests are fewer, so each of them looks like a
//! regression to a bet on shares, and only the bet over instances is valid.
//!
//! # Invariants
//!
//! - Capital is divided anew at a change of share or of the number of instances, both of which
//!   are known before the outcomes that are bet on: so the whole is an e-process if its parts are.

/// The candidate's instances from which bets over instances are worth half of the capital.
const CANDIDATES_LEAST: usize = 3;
/// Loads of the candidate's instances, relative to an even division, that pass for even.
const EVEN: std::ops::RangeInclusive<f64> = 0.7..=1.4;

/// How capital is divided now, and what it was when it was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Portfolio {
    base: f64,
    shares_from: f64,
    instances_from: f64,
    /// The part of the capital on bets over instances.
    part: f64,
    share: f64,
    incumbents: usize,
    candidates: usize,
}

impl Portfolio {
    pub(crate) fn new() -> Self {
        Self {
            base: 0.0,
            shares_from: 0.0,
            instances_from: 0.0,
            part: 0.0,
            share: 0.0,
            incumbents: 0,
            candidates: 0,
        }
    }

    /// Divides anew where the share or the number of instances (the most in this leg) is another.
    /// `shares` and `instances` are the evidence of either bet so far, in nats.
    pub(crate) fn divide(
        &mut self,
        share: f64,
        [incumbents, candidates]: [usize; 2],
        [shares, instances]: [f64; 2],
    ) {
        let is_same_leg = share == self.share;
        let most = |before: usize, now: usize| if is_same_leg { before.max(now) } else { now };
        let incumbents = most(self.incumbents, incumbents);
        let candidates = most(self.candidates, candidates);
        if is_same_leg && incumbents == self.incumbents && candidates == self.candidates {
            return;
        }
        self.base = self.log_e([shares, instances]);
        (self.shares_from, self.instances_from) = (shares, instances);
        (self.share, self.incumbents, self.candidates) = (share, incumbents, candidates);
        self.part = self.part_for_instances();
    }

    /// Whether any capital is on bets over instances.
    pub(crate) fn is_by_instance(&self) -> bool {
        self.part > 0.0
    }

    fn part_for_instances(&self) -> f64 {
        if self.candidates == 0 || self.incumbents == 0 {
            return 0.0;
        }
        let even = self.candidates as f64 / (self.candidates + self.incumbents) as f64;
        match EVEN.contains(&(self.share / even)) {
            false => 1.0,
            true if self.candidates >= CANDIDATES_LEAST => 0.5,
            true => 0.0,
        }
    }

    /// Returns the evidence of both together, in nats.
    pub(crate) fn log_e(&self, [shares, instances]: [f64; 2]) -> f64 {
        let (shares, instances) = (shares - self.shares_from, instances - self.instances_from);
        let largest = match self.part {
            0.0 => return self.base + shares,
            1.0 => return self.base + instances,
            _both => shares.max(instances),
        };
        let sum = (1.0 - self.part) * libm::exp(shares - largest)
            + self.part * libm::exp(instances - largest);
        self.base + largest + libm::log(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capital_is_neither_made_nor_lost_where_it_is_divided() {
        let mut portfolio = Portfolio::new();
        let legs = [(0.1, [3, 3]), (0.5, [3, 3]), (0.5, [3, 4]), (0.5, [0, 0]), (0.9, [0, 0])];
        for (step, (share, instances)) in legs.into_iter().enumerate() {
            let evidence = [0.3 * step as f64, -0.1 * step as f64];
            let before = portfolio.log_e(evidence);
            portfolio.divide(share, instances, evidence);
            assert!((portfolio.log_e(evidence) - before).abs() < 1e-12, "{step}");
        }
    }

    #[test]
    fn instances_of_uneven_load_are_judged_by_instances_alone() {
        let part = |share, instances| {
            let mut portfolio = Portfolio::new();
            portfolio.divide(share, instances, [0.0; 2]);
            portfolio.part
        };
        assert_eq!(part(0.1, [3, 3]), 1.0);
        assert_eq!(part(0.1, [1, 1]), 1.0);
        assert_eq!(part(0.5, [3, 3]), 0.5);
        assert_eq!(part(0.1, [9, 1]), 0.0);
        assert_eq!(part(0.1, [0, 0]), 0.0);
    }
}
