//! Rows of a recorded rollout: a header, then two rows a second (verdict
//! specification, "Trace format").
//!
//! Types only. The caller reads lines and JSON; [`crate::Analyzer`] judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a trace can judge a candidate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Requests that failed.
    Error,
    /// Exceptions that were thrown; a request may throw several.
    Exceptions,
    /// Unique transactions that came to their end; more is better.
    Conversion,
    /// Time to answer, as a histogram.
    Latency,
}

/// Which release a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The incumbent.
    Baseline,
    /// The candidate.
    Canary,
}

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Name of the trace.
    pub trace: String,
    /// Largest share of harmless releases that may ever be taken back, 0 to 1.
    pub alpha: f64,
    /// The metrics that are judged, together at `alpha`.
    pub metrics: Vec<Metric>,
    /// From which second on which share (0 to 1) was configured for the candidate.
    pub weight_schedule: Vec<(i64, f64)>,
    /// Edges of the latency bins in milliseconds, one more than there are bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_edges_ms: Vec<f64>,
    /// By how much each rate may be worse for a promotion, absolute, 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tolerance: BTreeMap<Metric, f64>,
    /// Largest probability to promote a candidate that is worse than that, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha_p: Option<f64>,
}

/// One second of one release; the rows of a second come baseline first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Seconds since the candidate first took traffic; below zero is history of the incumbent.
    pub t: i64,
    /// The release.
    pub arm: Arm,
    /// Requests (or transactions) answered.
    pub requests: u64,
    /// How many of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// Exceptions thrown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<u64>,
    /// Transactions that came to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<u64>,
    /// Sparse histogram: pairs of bin and count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Vec<(usize, u64)>>,
}

/// What makes a trace unfit to be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// The header asks for what cannot be.
    #[error("the header {reason}")]
    Header {
        /// What is wrong, to be read after "the header".
        reason: &'static str,
    },
    /// A row lacks the field of a metric that is judged.
    #[error("the row of {arm:?} at {t} s lacks the field of the metric {metric:?}")]
    Missing {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
        /// The metric.
        metric: Metric,
    },
    /// A row counts what cannot be: a bin that is not there, more conversions than requests.
    #[error("the row of {arm:?} at {t} s contradicts itself in the metric {metric:?}")]
    Contradiction {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
        /// The metric.
        metric: Metric,
    },
    /// A row comes after a later one, or twice.
    #[error("the row of {arm:?} at {t} s is out of order")]
    OutOfOrder {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
    },
}

impl Header {
    /// Returns the share that is configured at second `t`; the first entry holds before it too.
    pub(crate) fn share_at(&self, t: i64) -> f64 {
        let begun = self.weight_schedule.iter().filter(|(since, _)| *since <= t);
        let entry = begun.max_by_key(|(since, _)| *since);
        entry.or(self.weight_schedule.first()).map_or(0.0, |(_, share)| *share)
    }

    /// Returns the number of latency bins.
    pub(crate) fn bins(&self) -> usize {
        self.latency_edges_ms.len().saturating_sub(1)
    }

    /// Returns the error, if any, for which nothing can be judged under this header.
    pub(crate) fn fault(&self) -> Result<(), TraceError> {
        let is_probability = |p: f64| p > 0.0 && p < 1.0;
        let shares = || self.weight_schedule.iter().map(|(_, share)| *share);
        let reason = if !is_probability(self.alpha) {
            "needs an `alpha` between 0 and 1"
        } else if self.metrics.is_empty() {
            "names no metric"
        } else if self.weight_schedule.is_empty() {
            "has no `weight_schedule`"
        } else if shares().any(|share| !(0.0..=1.0).contains(&share)) {
            "has a share outside 0 to 1"
        } else if self.metrics.contains(&Metric::Latency) && self.bins() == 0 {
            "judges latency without `latency_edges_ms`"
        } else if self.tolerance.values().any(|tolerance| !is_probability(*tolerance)) {
            "has a tolerance outside 0 to 1"
        } else if self.tolerance.contains_key(&Metric::Latency) {
            "has a tolerance of latency, which no promotion test can prove"
        } else if self.tolerance.keys().any(|metric| !self.metrics.contains(metric)) {
            "has a tolerance of a metric that is not judged"
        } else if !self.tolerance.is_empty() && !self.alpha_p.is_some_and(is_probability) {
            "needs an `alpha_p` between 0 and 1 with its `tolerance`"
        } else {
            return Ok(());
        };
        Err(TraceError::Header { reason })
    }
}

impl Row {
    /// Returns the bad events of `metric` in this row, for metrics that count events.
    pub(crate) fn bad_events(&self, metric: Metric) -> Result<u64, TraceError> {
        let missing = TraceError::Missing { t: self.t, arm: self.arm, metric };
        match metric {
            Metric::Error => self.errors.ok_or(missing),
            Metric::Exceptions => self.exceptions.ok_or(missing),
            Metric::Conversion => self
                .requests
                .checked_sub(self.conversions.ok_or(missing)?)
                .ok_or(TraceError::Contradiction { t: self.t, arm: self.arm, metric }),
            Metric::Latency => Err(missing),
        }
    }

    /// Returns the histogram over `bins` bins.
    pub(crate) fn histogram(&self, bins: usize) -> Result<Vec<u64>, TraceError> {
        let (t, arm, metric) = (self.t, self.arm, Metric::Latency);
        let sparse = self.latency.as_ref().ok_or(TraceError::Missing { t, arm, metric })?;
        let mut histogram = vec![0_u64; bins];
        for (bin, count) in sparse {
            let total = histogram.get_mut(*bin);
            let total = total.ok_or(TraceError::Contradiction { t, arm, metric })?;
            *total = total.saturating_add(*count);
        }
        Ok(histogram)
    }
}
