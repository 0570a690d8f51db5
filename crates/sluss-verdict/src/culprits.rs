//! Which of several metrics are proved worse, with the chance to name any wrongly at most alpha.
//!
//! By closed testing with weighted averages, of which e-Holm is the short form (Vovk and Wang,
//! "E-values: calibration, combination and applications", Annals of Statistics 49 (2021), §3): a
//! metric is named when in *every* group of metrics with it the weighted average of the evidence
//! reaches 1/alpha.

use crate::math::log_sum_exp;

/// Returns which of the metrics, given as weight and log E in nats, are proved worse at the
/// boundary log(1/alpha).
pub(crate) fn culprits(metrics: &[(f64, f64)], boundary: f64) -> Vec<bool> {
    let average = |group: u32| {
        let members = || {
            let in_group = move |(index, _): &(usize, &(f64, f64))| group >> index & 1 == 1;
            metrics.iter().enumerate().filter(in_group).map(|(_, metric)| metric)
        };
        let weight: f64 = members().map(|(weight, _)| weight).sum();
        log_sum_exp(members().map(|(weight, log_e)| libm::log(*weight) + log_e)) - libm::log(weight)
    };
    let groups = 1_u32 << metrics.len();
    let is_proved = |index: usize| {
        (1..groups).filter(|group| group >> index & 1 == 1).all(|group| average(group) >= boundary)
    };
    (0..metrics.len()).map(is_proved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_named_only_where_no_group_with_it_speaks_against_it() {
        let third = 1.0 / 3.0;
        let named = |log_es: [f64; 3]| culprits(&log_es.map(|log_e| (third, log_e)), 4.605);
        assert_eq!(named([6.0, 0.0, -1.0]), [true, false, false]);
        assert_eq!(named([4.7, 0.0, -1.0]), [false, false, false]);
        assert_eq!(named([6.0, 5.3, -9.0]), [true, true, false]);
        assert_eq!(culprits(&[(1.0, 4.7)], 4.605), [true]);
    }
}
