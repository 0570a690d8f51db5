//! How long finding a bad release took, beside the least time in which any valid test can find it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluss_verdict::bound::least_requests;

use super::figures::{ALPHA, Spread};
use super::history::Release;
use super::variants::Kind;

/// From which bound on the ratio to it is asked for; below it the blocks of evidence decide.
const FROM_S: f64 = 5.0;
/// The greatest ratio of the median to the bound that is asked for.
const RATIO: f64 = 2.2;
/// The blocks of a second that a share of 10 % needs at least at 1 % (verdict specification, "The
/// bound"), and the second in which the last of them is read.
const BLOCKS_S: f64 = 5.0;

/// Of one bad kind, how long it took and how long it had to take.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Which.
    pub kind: Kind,
    /// Median from its first share to the decision, in seconds.
    pub median_s: f64,
    /// Median of the bounds, in seconds.
    pub bound_s: f64,
}

impl Detection {
    /// Returns the greatest median that is asked for, in seconds.
    pub fn asked_s(&self) -> f64 {
        if self.bound_s >= FROM_S { RATIO * self.bound_s } else { BLOCKS_S }
    }

    /// Returns everything for a program.
    pub fn json(&self) -> Value {
        json!({
            "kind": self.kind.word(), "median_s": self.median_s, "bound_s": self.bound_s,
            "asked_s": self.asked_s(), "reached": self.median_s <= self.asked_s(),
        })
    }
}

/// Returns the detection of each kind that fails a known part of its requests, where the statistics
/// found one.
pub fn detections(bad: &[&Release]) -> Vec<Detection> {
    let mut found: BTreeMap<Kind, Vec<(i64, i64)>> = BTreeMap::new();
    for release in bad.iter().filter(|release| release.judged_worse()) {
        let kind = release.pushed.kind;
        let Some((took, bound)) = release.detected_ms().zip(bound_ms(release)) else { continue };
        found.entry(kind).or_default().push((took, bound));
    }
    let detection = |(kind, both): (Kind, Vec<(i64, i64)>)| {
        let median_s = Spread::of(both.iter().map(|(took, _)| *took)).quantile(0.5)?;
        let bound_s = Spread::of(both.iter().map(|(_, bound)| *bound)).quantile(0.5)?;
        Some(Detection { kind, median_s, bound_s })
    };
    found.into_iter().filter_map(detection).collect()
}

/// Returns the bound for the traffic that a release had in its first share.
fn bound_ms(release: &Release) -> Option<i64> {
    let rate = release.pushed.kind.fails()?;
    let total = release.total();
    let requests = (total.incumbent + total.candidate) as f64;
    let seconds = release.seconds.len() as f64;
    if total.candidate == 0 || total.incumbent == 0 || release.pushed.kind.begins_s() > 0.0 {
        return None;
    }
    let share = total.candidate as f64 / requests;
    let incumbent = total.incumbent_errors as f64 / total.incumbent as f64;
    let least = least_requests(ALPHA, share, rate, incumbent.min(rate / 2.0));
    // Far below 2^63: hours at most.
    Some((least / (requests / seconds) * 1e3) as i64)
}
