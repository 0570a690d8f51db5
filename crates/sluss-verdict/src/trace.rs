//! Rows of a recorded rollout: a header, then two rows a second (verdict
//! specification, "Trace format").
//!
//! Types, and what is wrong with them. The caller reads lines and JSON; [`crate::Analyzer`]
//! judges.
//!
//! # Invariants
//!
//! - A row that lacks what its header promises, or that counts what cannot be, is an error and
//!   never evidence.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sample::{Histogram, Instance, Sample};

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

/// Says that a line is the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    /// It is.
    Header,
}

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// That this is the header.
    pub r#type: LineType,
    /// Name of the trace.
    #[serde(default)]
    pub trace: String,
    /// Largest share of harmless releases that may ever be taken back, 0 to 1.
    pub alpha: f64,
    /// The metrics that are judged, together at `alpha` and with equal parts of it.
    pub metrics: Vec<Metric>,
    /// From which second on which share (0 to 1) was configured for the candidate.
    pub weight_schedule: Vec<(i64, f64)>,
    /// Edges of the latency bins in milliseconds, one more than there are bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_edges_ms: Vec<f64>,
    /// By how much each rate may be worse for a promotion, absolute, 0 to 1; of latency, the rate
    /// of requests that are slower than the incumbent's 99th percentile.
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
    pub latency: Option<Histogram>,
    /// The same by instance, where it was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
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
    #[error("the row of the {arm} at {t} s has no {field}, which its metric needs")]
    Missing {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
        /// The field.
        field: &'static str,
    },
    /// A row counts what cannot be: more errors than requests, a bin that is not there.
    #[error("the row of the {arm} at {t} s contradicts itself: {reason}")]
    Contradiction {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
        /// What cannot be.
        reason: &'static str,
    },
    /// A row comes after a later one, or twice.
    #[error("the row of the {arm} at {t} s is out of order: {reason}")]
    OutOfOrder {
        /// Second of the row.
        t: i64,
        /// Release of the row.
        arm: Arm,
        /// What should have come.
        reason: &'static str,
    },
    /// The trace ends within a second, or before the first.
    #[error("the trace ends too early: {reason}")]
    Truncated {
        /// What is missing.
        reason: &'static str,
    },
}

impl Header {
    /// Returns the share that is configured at second `t`; the first entry holds before it too.
    pub(crate) fn share_at(&self, t: i64) -> f64 {
        let entry = self.weight_schedule.iter().take_while(|(since, _)| *since <= t).last();
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
        let repeats = |(i, metric): (usize, &Metric)| self.metrics[..i].contains(metric);
        let edges = &self.latency_edges_ms;
        let is_rising = |edges: &[f64]| edges.windows(2).all(|pair| pair[0] < pair[1]);
        let reason = if !is_probability(self.alpha) {
            "needs an `alpha` between 0 and 1"
        } else if self.metrics.is_empty() {
            "names no metric"
        } else if self.metrics.iter().enumerate().any(repeats) {
            "names a metric twice"
        } else if self.weight_schedule.is_empty() {
            "has no `weight_schedule`"
        } else if self.weight_schedule.windows(2).any(|pair| pair[1].0 <= pair[0].0) {
            "has a `weight_schedule` whose seconds do not rise"
        } else if shares().any(|share| !(0.0..=1.0).contains(&share)) {
            "has a share outside 0 to 1"
        } else if self.metrics.contains(&Metric::Latency) && self.bins() == 0 {
            "judges latency without `latency_edges_ms`"
        } else if self.bins() > BINS_MOST || !is_rising(edges) {
            "has `latency_edges_ms` that do not rise, or too many"
        } else if self.tolerance.values().any(|tolerance| !is_probability(*tolerance)) {
            "has a tolerance outside 0 to 1"
        } else if self.tolerance.keys().any(|metric| !self.metrics.contains(metric)) {
            "has a tolerance of a metric that is not judged"
        } else if self.alpha_p.is_some_and(|alpha_p| !is_probability(alpha_p)) {
            "needs an `alpha_p` between 0 and 1"
        } else {
            return Ok(());
        };
        Err(TraceError::Header { reason })
    }
}

/// Bins that a histogram may have.
const BINS_MOST: usize = 4_096;

impl Row {
    /// Returns the error, if any, for which the row cannot be judged under `header`.
    pub(crate) fn fault(&self, header: &Header) -> Result<(), TraceError> {
        let (t, arm) = (self.t, self.arm);
        let requests = self.requests;
        let more = |part: Option<u64>| part.is_some_and(|part| part > requests);
        if more(self.errors) {
            let reason = "more errors than requests";
            return Err(TraceError::Contradiction { t, arm, reason });
        }
        if more(self.conversions) {
            let reason = "more conversions than requests";
            return Err(TraceError::Contradiction { t, arm, reason });
        }
        for metric in &header.metrics {
            let (is_there, field) = match metric {
                Metric::Error => (self.errors.is_some(), "errors"),
                Metric::Exceptions => (self.exceptions.is_some(), "exceptions"),
                Metric::Conversion => (self.conversions.is_some(), "conversions"),
                Metric::Latency => (self.latency.is_some(), "latency"),
            };
            if !is_there {
                return Err(TraceError::Missing { t, arm, field });
            }
        }
        match self.latency.as_ref().filter(|_| header.metrics.contains(&Metric::Latency)) {
            Some(latency) => self.latency_fault(latency, header.bins()),
            None => Ok(()),
        }
    }

    fn latency_fault(&self, latency: &Histogram, bins: usize) -> Result<(), TraceError> {
        let mut seen = vec![false; bins];
        let mut total = 0_u64;
        for (bin, count) in latency {
            let reason = match seen.get_mut(*bin) {
                None => "a latency bin that the header does not have",
                Some(true) => "a latency bin twice",
                Some(seen) => {
                    *seen = true;
                    total = total.saturating_add(*count);
                    continue;
                }
            };
            return Err(TraceError::Contradiction { t: self.t, arm: self.arm, reason });
        }
        if total > self.requests {
            let reason = "more latencies than requests";
            return Err(TraceError::Contradiction { t: self.t, arm: self.arm, reason });
        }
        Ok(())
    }

    /// Returns what was measured, without time and release.
    pub fn into_sample(self) -> Sample {
        let Self { t: _, arm: _, requests, errors, exceptions, conversions, latency, instances } =
            self;
        Sample { requests, errors, exceptions, conversions, latency, instances }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Canary => "canary",
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Exceptions => "exceptions",
            Self::Conversion => "conversion",
            Self::Latency => "latency",
        })
    }
}
