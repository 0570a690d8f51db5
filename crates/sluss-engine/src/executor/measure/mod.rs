//! Measures a release beside the one that is live, by turns on one machine, and reads what was
//! measured.
//!
//! A measured command prints its results in Go's benchmark format
//! (<https://go.dev/design/14313-benchmark-format>): `BenchmarkCheckout 1 12.5 ms/op`. The report
//! is JSON of the form `sluss.performance.v1`, which [`Report`] describes.
//!
//! # Invariants
//!
//! - What follows from a report is found from its figures alone, whatever its step thought of them.
//! - A report in which something lacks its other half is no report.

mod command;
mod lines;

pub use command::measure_main;

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::performance::{self, Beside, Label, METRICS_MOST, Measured};
use sluss_verdict::pace::{Comparison, Pace, Pairs, median};

/// The form of reports, and its version.
pub const FORMAT: &str = "sluss.performance.v1";
/// The variable that says where the unpacked release is, relative to the work tree.
pub const ARTIFACT: &str = "SLUSS_ARTIFACT";
/// The variable that says where the unpacked live release is; not set if none is live.
pub const LIVE_ARTIFACT: &str = "SLUSS_LIVE_ARTIFACT";
/// The variable that says how much slower a release may be, in parts per million.
pub const SLOWER_PPM: &str = "SLUSS_SLOWER_PPM";
/// The variable that tells a measured command in which folder lies what it measures.
pub const MEASURED: &str = "SLUSS_MEASURED";

/// The probability of calling a release slower that is not, all its metrics together.
const SLOWER_ALPHA: f64 = 0.01;
/// The probability of calling one within the tolerance that is slower, for each metric.
const WITHIN_ALPHA: f64 = 0.05;
/// The pairs that one metric may have.
const PAIRS_MOST: usize = 10_000;

/// Which values of a metric are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The lower ones: times, sizes.
    Lower,
    /// The higher ones: throughput.
    Higher,
}

/// The values of a metric, in the order in which they were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Its name.
    pub name: Label,
    /// Its unit.
    pub unit: Label,
    /// Which values are the better ones.
    pub better: Better,
    /// Those of the release.
    pub candidate: Vec<f64>,
    /// Those of the live release, each measured just before or after the one of the release at the
    /// same place; none if nothing is live.
    pub live: Vec<f64>,
}

/// What a step measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// What was measured.
    pub metrics: Vec<Series>,
}

impl Series {
    /// Returns its pairs as they are judged among `metrics` of them.
    fn pairs(&self, tolerance_ppm: u32, metrics: usize) -> Pairs {
        let mut pairs = Pairs::new(Comparison {
            tolerance: f64::from(tolerance_ppm) / 1e6,
            slower_alpha: SLOWER_ALPHA / metrics.max(1) as f64,
            within_alpha: WITHIN_ALPHA,
        });
        for (candidate, live) in self.candidate.iter().zip(&self.live) {
            match self.better {
                Better::Lower => pairs.add(*candidate, *live),
                Better::Higher => pairs.add(*live, *candidate),
            }
        }
        pairs
    }

    fn unfit(&self) -> Option<String> {
        let Self { name, unit, candidate, live, .. } = self;
        let numbers = candidate.iter().chain(live);
        if candidate.is_empty() || candidate.len() > PAIRS_MOST {
            let count = candidate.len();
            return Some(format!("{name} was measured {count} times, not 1 to {PAIRS_MOST}"));
        }
        if !live.is_empty() && live.len() != candidate.len() {
            return Some(format!("{name} was not measured as often of the live release"));
        }
        let bad = numbers.copied().find(|value| !(value.is_finite() && *value > 0.0));
        bad.map(|value| format!("{name} measured {value} {unit}, and must be above 0"))
    }

    fn judged(&self, tolerance_ppm: u32, metrics: usize) -> Option<performance::Metric> {
        let pairs = self.pairs(tolerance_ppm, metrics);
        let pace = match pairs.pace() {
            Pace::Slower => performance::Pace::Slower,
            Pace::Within => performance::Pace::Within,
            Pace::Undecided => performance::Pace::Undecided,
        };
        let count = u16::try_from(pairs.count()).ok().and_then(NonZeroU16::new);
        let beside = count.zip(pairs.median_ratio()).map(|(pairs, ratio)| {
            // A ratio beyond a million is told as a million.
            let more_ppm = ((ratio.min(1e6) - 1.0) * 1e6).round() as i64;
            Beside { pairs, more_ppm, pace }
        });
        // The largest integer that all readers of JSON hold exactly.
        let micros = (median(&self.candidate)? * 1e6).min(9_007_199_254_740_991.0).round() as u64;
        Some(performance::Metric {
            name: self.name.clone(),
            unit: self.unit.clone(),
            micros,
            beside,
        })
    }
}

/// Reads a report of measurements beside the live release `against`, if one was live.
///
/// # Errors
///
/// Why it can't be used.
pub(crate) fn read(
    text: &[u8],
    report: Digest,
    (against, tolerance_ppm): (Option<ReleaseId>, u32),
) -> Result<Measured, String> {
    let read: Report = serde_json::from_slice(text)
        .map_err(|error| format!("it is no report of measurements: {error}"))?;
    if read.format != FORMAT {
        return Err(format!("its `format` is not {FORMAT}"));
    }
    let count = read.metrics.len();
    if count == 0 || count > METRICS_MOST {
        return Err(format!("it has {count} metrics, not 1 to {METRICS_MOST}"));
    }
    let names: BTreeSet<_> = read.metrics.iter().map(|one| (&one.name, &one.unit)).collect();
    if names.len() != count {
        return Err("a metric is there twice".to_owned());
    }
    if let Some(why) = read.metrics.iter().find_map(Series::unfit) {
        return Err(why);
    }
    let alone = read.metrics.iter().find(|one| one.live.is_empty());
    let beside = read.metrics.iter().find(|one| !one.live.is_empty());
    match (against, alone, beside) {
        (Some(live), Some(alone), _) => {
            return Err(format!("{} was not measured beside {live}, which is live", alone.name));
        }
        (None, _, Some(beside)) => {
            return Err(format!(
                "{} was measured beside something, and nothing is live",
                beside.name
            ));
        }
        (Some(_), None, _) | (None, _, None) => {}
    }
    let metrics = read.metrics.iter().filter_map(|one| one.judged(tolerance_ppm, count)).collect();
    Ok(Measured { report, against, tolerance_ppm, metrics })
}

#[cfg(test)]
mod tests;
