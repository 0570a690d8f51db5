//! An alarm over a release that has all traffic, so that nothing is there to compare it with.
//!
//! It asks whether requests fail more often than an absolute rate. It is an e-detector (Shin,
//! Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
//! 2024) in the Shiryaev-Roberts form `M <- (M + 1) f`, one for each of several sizes, averaged.
//! While each request fails with at most that rate whatever came before, the mean time to a false
//! alarm is at least [`AT`] seconds, and a change is found whenever it begins.
//!
//! Failures that come in bursts break that. An alarm is therefore no verdict: it asks for a
//! comparison.

use crate::math::{LOG_ZERO, log_sum_exp};
use crate::reading::Counts;

/// How many times the rate is bet on.
const SIZES: [f64; 5] = [1.5, 2.0, 4.0, 10.0, 50.0];
/// The alarm: at least a day between two false ones, in seconds.
const AT: f64 = 86_400.0;
/// Below this nothing has begun, and what was counted is forgotten.
const NOTHING: f64 = 10.0;

/// An alarm over one release.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    limit_ppm: u32,
    logs: [f64; SIZES.len()],
    counts: Counts,
}

impl Alarm {
    /// Returns an alarm at more than `limit_ppm` failures in a million requests; at least 1.
    pub fn new(limit_ppm: u32) -> Self {
        let logs = [LOG_ZERO; SIZES.len()];
        Self { limit_ppm: limit_ppm.clamp(1, 999_999), logs, counts: Counts::default() }
    }

    /// Returns the rate, in failures per million requests.
    pub fn limit_ppm(&self) -> u32 {
        self.limit_ppm
    }

    /// Adds one second; returns what failed since it began, if that is too much.
    pub fn observe(&mut self, second: Counts) -> Option<Counts> {
        let rate = f64::from(self.limit_ppm) * 1e-6;
        let (requests, errors) = (second.requests as f64, second.errors as f64);
        for (log, size) in self.logs.iter_mut().zip(SIZES) {
            // E[size^errors] <= exp(requests rate (size - 1)), since 1 + x <= e^x.
            let bet = errors * libm::log(size) - requests * rate * (size - 1.0);
            *log = log_sum_exp([*log, 0.0].into_iter()) + bet;
        }
        self.counts.requests += second.requests;
        self.counts.errors += second.errors;
        let mean = log_sum_exp(self.logs.into_iter()) - libm::log(SIZES.len() as f64);
        if mean < libm::log(NOTHING) {
            self.counts = Counts::default();
        }
        (mean >= libm::log(AT)).then_some(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of `requests` of which each fails by a coin, until an alarm or the end.
    fn first_alarm(
        limit_ppm: u32,
        requests: u64,
        rate: f64,
        seconds: u32,
        seed: u64,
    ) -> Option<u32> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut alarm = Alarm::new(limit_ppm);
        (0..seconds).find(|_| {
            let errors = (0..requests).filter(|_| random.f64() < rate).count() as u64;
            alarm.observe(Counts { requests, errors }).is_some()
        })
    }

    #[test]
    fn a_release_that_begins_to_fail_is_found_in_seconds() {
        for seed in 0..20 {
            let after = first_alarm(10_000, 70, 0.05, 600, seed).unwrap();
            assert!(after < 30, "{after}");
        }
    }

    #[test]
    fn a_release_at_the_rate_raises_no_alarm_for_hours() {
        let alarms = (0..20).filter(|seed| first_alarm(10_000, 50, 0.01, 7_200, *seed).is_some());
        assert!(alarms.count() <= 4);
    }

    #[test]
    fn silence_and_success_raise_no_alarm() {
        assert_eq!(first_alarm(10_000, 0, 0.0, 1_000, 1), None);
        assert_eq!(first_alarm(10_000, 100, 0.0, 1_000, 1), None);
    }

    #[test]
    fn an_alarm_says_what_failed_since_it_began() {
        let mut alarm = Alarm::new(10_000);
        for _ in 0..100 {
            assert_eq!(alarm.observe(Counts { requests: 100, errors: 0 }), None);
        }
        let told =
            (0..60).find_map(|_| alarm.observe(Counts { requests: 100, errors: 10 })).unwrap();
        assert_eq!(told.requests, told.errors * 10);
    }
}
