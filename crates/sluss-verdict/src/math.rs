//! The few functions of a real number that the statistics need, the same bytes on every platform.
//!
//! # Invariants
//!
//! - Transcendental functions come from `libm` alone, never from the platform.
//! - What leaves the crate as evidence is an integer number of micro-nats: a
//!   millionth of the natural logarithm of an e-value.

/// Logarithm of nothing at all.
pub(crate) const LOG_ZERO: f64 = f64::NEG_INFINITY;

/// Returns log(sum of exp(x)) without overflow; the sum of nothing is [`LOG_ZERO`].
pub(crate) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(LOG_ZERO, f64::max);
    if largest == LOG_ZERO {
        return LOG_ZERO;
    }
    largest + libm::log(terms.map(|term| libm::exp(term - largest)).sum::<f64>())
}

/// Returns the logarithmic evidence `nats` in micro-nats, rounded to the nearest.
pub(crate) fn micronats(nats: f64) -> i64 {
    assert!(!nats.is_nan(), "BUG: evidence is not a number");
    libm::round(nats * 1e6) as i64
}

/// Returns the boundary ln(1/alpha) in micro-nats, with `alpha` in parts per million.
///
/// It is rounded so far up that evidence which reaches it after its own rounding
/// has truly reached it: rounding never costs any of the guarantee.
pub(crate) fn boundary_micronats(alpha_ppm: u32) -> i64 {
    let nats = -libm::log(f64::from(alpha_ppm) / 1e6);
    libm::ceil(nats * 1e6 + 0.5) as i64
}

/// Returns `start`, `start * ratio`, … as exponents: exp(start * ratio^k) for k = 0..K.
pub(crate) fn grid<const K: usize>(start: f64, ratio: f64) -> [f64; K] {
    let mut exponent = start;
    std::array::from_fn(|_| {
        let value = libm::exp(exponent);
        exponent *= ratio;
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_exponentials_neither_overflows_nor_loses_nothingness() {
        assert_eq!(log_sum_exp([LOG_ZERO; 2].into_iter()), LOG_ZERO);
        assert!((log_sum_exp([1e6, 1e6].into_iter()) - 1e6 - core::f64::consts::LN_2).abs() < 1e-9);
        assert_eq!(log_sum_exp([LOG_ZERO, 2.5].into_iter()), 2.5);
    }

    #[test]
    fn evidence_that_rounds_to_the_boundary_has_reached_it() {
        for alpha_ppm in [1, 77, 1_000, 10_000, 50_000, 123_456, 999_999] {
            let nats = -libm::log(f64::from(alpha_ppm) / 1e6);
            let below = (boundary_micronats(alpha_ppm) - 1) as f64 / 1e6;
            assert!(boundary_micronats(alpha_ppm) > micronats(nats - 1e-9));
            assert!(below + 1.5e-6 >= nats);
        }
        assert_eq!(boundary_micronats(10_000), 4_605_171);
    }
}
