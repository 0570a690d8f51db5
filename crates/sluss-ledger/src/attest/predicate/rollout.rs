//! Our own: what the evidence said of a candidate, and what was done about it.
//!
//! Schema: `docs/schema/attestation/rollout-verdict.v1.json`. No floats: figures are whole numbers
//! in the unit that their name ends in.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::UtcTime;
use crate::hash::Hash;

/// What the evidence said of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutVerdict {
    /// Which release.
    pub release: String,
    /// In which environment.
    pub env: String,
    /// Which plan, by digest.
    pub plan_digest: Hash,
    /// The shares that it had, in their order.
    pub steps: Vec<RolloutStep>,
    /// What was compared.
    pub metrics: Vec<Metric>,
    /// What came out.
    pub result: RolloutResult,
    /// What was done.
    pub action: RolloutAction,
    /// The largest share that it had, in millionths.
    pub max_traffic_ppm: u32,
    /// How long it may take at most, in milliseconds.
    pub max_duration_ms: u64,
}

/// A share that the candidate had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// Its share, in millionths.
    pub share_ppm: u32,
    /// From when on.
    pub from: UtcTime,
}

/// Something that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What, with its unit last, such as `failures_ppm`.
    pub name: String,
    /// What it was in the incumbent; none where there is none.
    pub baseline: Option<i64>,
    /// What it was in the candidate.
    pub candidate: Option<i64>,
    /// How many requests of the candidate it rests on.
    pub n: u64,
    /// By which method it was judged.
    pub method: String,
    /// What came out.
    pub verdict: RolloutResult,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutResult {
    /// Not worse.
    Pass,
    /// Worse.
    Fail,
    /// The evidence did not suffice.
    Inconclusive,
    /// There was none.
    NoData,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutAction {
    /// It got the traffic.
    Promoted,
    /// It lost it.
    RolledBack,
    /// It kept its share until a person decided.
    Held,
}

impl Predicate for RolloutVerdict {
    const TYPE: &'static str = "urn:sluss/attestation/rollout-verdict/v1";

    fn check(&self) -> Result<(), &'static str> {
        let may = match (self.result, self.action) {
            (RolloutResult::Pass, _) => true,
            (_, RolloutAction::RolledBack | RolloutAction::Held) => true,
            (_, RolloutAction::Promoted) => false,
        };
        let most = self.steps.iter().map(|step| step.share_ppm).max().unwrap_or(0);
        rules(&[
            (may, "only a verdict in its favour promotes"),
            (most <= self.max_traffic_ppm, "a share was larger than the largest"),
            (self.max_traffic_ppm <= 1_000_000, "more than all of the traffic"),
            (self.max_duration_ms > 0, "without bound in time"),
        ])
    }
}
