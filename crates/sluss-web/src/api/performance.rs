//! Measurements as answers and pages tell them.

use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::ReleaseId;
use sluss_core::performance::{Metric, Pace};
use sluss_core::state::State as Known;

/// A metric of a release.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MetricView {
    pub name: String,
    pub unit: String,
    /// The median of the release, in millionths of the unit.
    pub micros: u64,
    /// How much more it takes than the live release at the median, in parts per million.
    pub more_ppm: Option<i64>,
    /// How often both were measured.
    pub pairs: Option<u16>,
    /// `slower`, `within` or `undecided`; nothing where nothing was live.
    pub pace: Option<&'static str>,
    /// The change in words.
    pub change: Option<String>,
}

/// What a step measured of a release.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MeasuredView {
    /// The step.
    pub step: String,
    /// The release that was live then, if one was.
    pub against: Option<String>,
    /// How much slower the release may be, in parts per million.
    pub tolerance_ppm: u32,
    /// The digest of the report with all figures.
    pub report: String,
    pub metrics: Vec<MetricView>,
}

impl MetricView {
    /// Returns the median as a decimal.
    pub(crate) fn value(&self) -> String {
        let text = format!("{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl MeasuredView {
    /// Returns how much slower the release may be, in words.
    pub(crate) fn tolerance(&self) -> String {
        format!("{} %", f64::from(self.tolerance_ppm) / 1e4)
    }
}

/// Returns what was measured of a release on its way.
pub(crate) fn measured(state: &Known, release: ReleaseId) -> Vec<MeasuredView> {
    let metric = |metric: &Metric| MetricView {
        name: metric.name.to_string(),
        unit: metric.unit.to_string(),
        micros: metric.micros,
        more_ppm: metric.beside.map(|beside| beside.more_ppm),
        pairs: metric.beside.map(|beside| beside.pairs.get()),
        pace: metric.beside.map(|beside| match beside.pace {
            Pace::Slower => "slower",
            Pace::Within => "within",
            Pace::Undecided => "undecided",
        }),
        change: metric.change(),
    };
    let all = state.measured_of(release, usize::MAX).into_iter();
    all.map(|one| MeasuredView {
        step: one.step.to_string(),
        against: one.measured.against.map(|live| live.to_string()),
        tolerance_ppm: one.measured.tolerance_ppm,
        report: one.measured.report.to_string(),
        metrics: one.measured.metrics.iter().map(metric).collect(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_told_without_idle_zeros() {
        let view = |micros| MetricView {
            name: "Checkout".to_owned(),
            unit: "ms/op".to_owned(),
            micros,
            more_ppm: None,
            pairs: None,
            pace: None,
            change: None,
        };
        let told = [12_500_000, 3_000_000, 40, 0].map(|micros| view(micros).value());
        assert_eq!(told, ["12.5", "3", "0.00004", "0"]);
    }
}
