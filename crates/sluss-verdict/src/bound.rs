//! The fewest requests in which any valid test can find a regression, to measure ours against.
//!
//! For tests that do not know the incumbent's rate and stop a harmless release with probability
//! at most alpha, whatever that rate is,
//!
//! ```text
//! E[requests of both releases] >= log(1/alpha) / JS_w,
//! JS_w = w KL(p_c || m) + (1 - w) KL(p_b || m),   m = w p_c + (1 - w) p_b,
//! ```
//!
//! by data processing on "it stops" (verdict specification, "The bound").

/// Returns JS_w in nats a request, of two distributions over the same outcomes, with the
/// candidate at share `w`: its, then the incumbent's. Both sum to 1.
///
/// # Panics
///
/// When the two have different numbers of outcomes.
pub fn divergence(w: f64, candidate: &[f64], incumbent: &[f64]) -> f64 {
    assert_eq!(candidate.len(), incumbent.len(), "BUG: distributions over the same outcomes");
    let terms = candidate.iter().zip(incumbent).map(|(c, b)| {
        let mixed = w * c + (1.0 - w) * b;
        let term = |p: f64| if p > 0.0 { p * libm::log(p / mixed) } else { 0.0 };
        w * term(*c) + (1.0 - w) * term(*b)
    });
    terms.sum()
}

/// Returns the least expected number of requests of both releases until a rate of bad events of
/// `candidate` in place of `incumbent` (0 to 1) is found at `alpha`, with the candidate at share
/// `w`. Infinite where the two are equal.
pub fn least_requests(alpha: f64, w: f64, candidate: f64, incumbent: f64) -> f64 {
    if candidate == incumbent {
        return f64::INFINITY;
    }
    let outcomes = |rate: f64| [rate, 1.0 - rate];
    -libm::log(alpha) / divergence(w, &outcomes(candidate), &outcomes(incumbent))
}

/// Returns the same for events that a request may have several of (Poisson), with so many a
/// request on average.
pub fn least_requests_of_counts(alpha: f64, w: f64, candidate: f64, incumbent: f64) -> f64 {
    if candidate == incumbent {
        return f64::INFINITY;
    }
    let mixed = w * candidate + (1.0 - w) * incumbent;
    let term = |rate: f64| if rate > 0.0 { rate * libm::log(rate / mixed) } else { 0.0 };
    -libm::log(alpha) / (w * term(candidate) + (1.0 - w) * term(incumbent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_specification() {
        // 0.5 to 5 % at 200 requests a second and a share of 5 %: 7.5 s.
        let seconds = least_requests(0.01, 0.05, 0.05, 0.005) / 200.0;
        assert!((seconds - 7.5).abs() < 0.15, "{seconds}");
        let seconds = least_requests_of_counts(0.01, 0.05, 0.05, 0.005) / 200.0;
        assert!((seconds - 7.5).abs() < 0.15, "{seconds}");
    }

    #[test]
    fn the_bound_is_infinite_for_equals_and_falls_with_the_size() {
        assert_eq!(least_requests(0.01, 0.1, 0.02, 0.02), f64::INFINITY);
        let bounds = [0.03, 0.05, 0.2, 1.0].map(|rate| least_requests(0.01, 0.1, rate, 0.02));
        assert!(bounds.windows(2).all(|pair| pair[0] > pair[1]), "{bounds:?}");
    }

    #[test]
    fn outcomes_that_both_split_alike_add_nothing() {
        let two = divergence(0.2, &[0.3, 0.7], &[0.1, 0.9]);
        let three = divergence(0.2, &[0.3, 0.35, 0.35], &[0.1, 0.45, 0.45]);
        assert!((two - three).abs() < 1e-12);
    }
}
