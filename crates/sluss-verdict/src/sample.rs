//! What one release did in one row, as both the live judge and a trace give it.
//!
//! # Invariants
//!
//! - A field that is none was not measured. It is never taken for zero.
//! - Bad events of a metric never exceed what can be bad: the numbers are bounded here, once.

use serde::{Deserialize, Serialize};

use crate::trace::Metric;

/// Number of latency bins of a live row.
pub const LATENCY_BINS: usize = 64;

/// A sparse histogram: pairs of bin and count.
pub type Histogram = Vec<(usize, u64)>;

/// Returns the bin of a time to answer, in milliseconds: bin b holds 2^(b/4) to 2^((b+1)/4) ms,
/// the first one also what is quicker and the last one also what is slower (verdict
/// specification, "Trace format").
pub fn latency_bin(milliseconds: f64) -> usize {
    if milliseconds.is_nan() || milliseconds <= 1.0 {
        return 0;
    }
    let bin = libm::floor(4.0 * libm::log2(milliseconds));
    if bin >= (LATENCY_BINS - 1) as f64 { LATENCY_BINS - 1 } else { bin as usize }
}

/// What one release did in one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Requests (or unique transactions) that ended.
    pub requests: u64,
    /// How many of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// Exceptions that were thrown; a request may throw several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<u64>,
    /// How many of the requests came to their commercial end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<u64>,
    /// Times to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Histogram>,
    /// The same for each instance, where it is known; at most the first 32 are looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
}

/// What one instance of a release did in one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Instance {
    /// Which instance of its release.
    pub index: u32,
    /// Requests that ended.
    pub requests: u64,
    /// How many of them failed.
    #[serde(default)]
    pub errors: u64,
    /// Times to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Histogram>,
}

impl Sample {
    /// Returns a sample of requests and errors alone.
    pub fn events(requests: u64, errors: u64) -> Self {
        Self { requests, errors: Some(errors), ..Self::default() }
    }

    /// Returns the bad events of a metric that counts events; none where it was not measured.
    pub(crate) fn bad_events(&self, metric: Metric) -> Option<u64> {
        match metric {
            Metric::Error => self.errors.map(|errors| errors.min(self.requests)),
            Metric::Exceptions => self.exceptions,
            Metric::Conversion => {
                self.conversions.map(|conversions| self.requests.saturating_sub(conversions))
            }
            Metric::Latency => None,
        }
    }

    /// Returns the histogram over `bins` bins; none where it was not measured.
    pub(crate) fn histogram(&self, bins: usize) -> Option<Vec<f64>> {
        self.latency.as_ref().map(|sparse| dense(sparse, bins))
    }
}

impl Instance {
    /// Returns the instance as a sample of its own.
    pub(crate) fn sample(&self) -> Sample {
        let latency = self.latency.clone();
        Sample { latency, ..Sample::events(self.requests, self.errors) }
    }
}

/// Returns a sparse histogram over `bins` bins; what lies beyond counts in the last one.
pub(crate) fn dense(sparse: &Histogram, bins: usize) -> Vec<f64> {
    let mut histogram = vec![0.0; bins];
    for (bin, count) in sparse {
        if let Some(total) = histogram.get_mut((*bin).min(bins.saturating_sub(1))) {
            *total += *count as f64;
        }
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_quarters_of_an_octave_from_one_millisecond() {
        let bins =
            [0.0, 1.0, 1.19, 1.9999, 2.0001, 16.1, 60_000.0, 1e9, f64::INFINITY].map(latency_bin);
        assert_eq!(bins, [0, 0, 1, 3, 4, 16, 63, 63, 63]);
        assert_eq!(latency_bin(f64::NAN), 0);
    }

    #[test]
    fn what_was_not_measured_is_not_zero() {
        let sample = Sample { requests: 9, ..Sample::default() };
        for metric in [Metric::Error, Metric::Exceptions, Metric::Conversion] {
            assert_eq!(sample.bad_events(metric), None);
        }
        assert_eq!(sample.histogram(64), None);
        assert_eq!(Sample::events(3, 7).bad_events(Metric::Error), Some(3));
    }
}
