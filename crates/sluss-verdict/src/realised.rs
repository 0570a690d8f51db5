//! Whether the candidate gets the share that is configured: an e-process against "each request
//! goes to it by a coin of that share" (sample ratio mismatch).
//!
//! A likelihood ratio of binomials, mixed over odds of the coin (Lindon and Malek, "Anytime-valid
//! inference for multinomial count data", 2022, with a grid in place of their Dirichlet prior).
//! It raises an alarm and decides nothing: bets use the share that was realised.

use crate::math::log_sum_exp;

/// Odds ratios exp(+-0.05 * 2^k), k = 0..6: 5 % to 24-fold.
const STEPS: usize = 7;
/// The alarm is false with this probability.
const ALPHA: f64 = 1e-4;

/// The evidence that the share is another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShareCheck {
    log_products: [f64; 2 * STEPS],
    is_off: bool,
}

impl ShareCheck {
    pub(crate) fn new() -> Self {
        Self { log_products: [0.0; 2 * STEPS], is_off: false }
    }

    /// Counts the requests of one row at the configured `share`.
    pub(crate) fn count(&mut self, share: f64, incumbent: f64, candidate: f64) {
        if share <= 0.0 || share >= 1.0 {
            return;
        }
        for (index, product) in self.log_products.iter_mut().enumerate() {
            let size = 0.05 * f64::from(1_u32 << (index / 2));
            let odds = libm::exp(if index % 2 == 0 { size } else { -size });
            let price = libm::log1p(share * (odds - 1.0));
            *product += candidate * libm::log(odds) - (candidate + incumbent) * price;
        }
        let mixture = log_sum_exp(self.log_products.iter().copied());
        self.is_off |= mixture - libm::log(2.0 * STEPS as f64) >= -libm::log(ALPHA);
    }

    /// Whether it was ever proved that the share is another.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_differs_by_a_tenth_is_noticed_and_the_right_one_is_not() {
        let (mut right, mut wrong) = (ShareCheck::new(), ShareCheck::new());
        for _ in 0..3_600 {
            right.count(0.1, 180.0, 20.0);
            wrong.count(0.1, 178.0, 22.0);
        }
        assert!(!right.is_off() && wrong.is_off());
    }

    #[test]
    fn the_expected_factor_is_one_at_the_configured_share() {
        let mut expected = 0.0;
        for bits in 0..1_u32 << 10 {
            let candidate = f64::from(bits.count_ones());
            let mut check = ShareCheck::new();
            check.count(0.2, 10.0 - candidate, candidate);
            let chance = libm::pow(0.2, candidate) * libm::pow(0.8, 10.0 - candidate);
            let e = check.log_products.iter().map(|product| libm::exp(*product)).sum::<f64>();
            expected += chance * e / check.log_products.len() as f64;
        }
        assert!((expected - 1.0).abs() < 1e-9, "{expected}");
    }
}
