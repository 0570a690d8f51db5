//! Our own: what the freeze calendar said at the moment of an effect.
//!
//! Schema: `docs/schema/attestation/freeze-decision.v1.json`.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::UtcTime;
use crate::hash::Hash;

/// What the calendar said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeDecision {
    /// Which calendar, by digest.
    pub calendar_digest: Hash,
    /// Version of the time zone data.
    pub tzdb_version: String,
    /// For what, such as `payments@production`.
    pub scope: String,
    /// What was to be done, such as `deploy`.
    pub operation: String,
    /// At which moment.
    pub evaluated_at: UtcTime,
    /// Whether it might be done.
    pub allowed: bool,
    /// Until when that holds.
    pub until: Option<UtcTime>,
    /// Ids of the windows that decided.
    pub windows: Vec<String>,
    /// The reason, in one sentence.
    pub sentence: String,
    /// Two persons who let it through all the same.
    #[serde(rename = "override")]
    pub overridden: Option<FreezeOverride>,
}

/// Two persons who let something through a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeOverride {
    /// Who, as salted references.
    pub persons: [Hash; 2],
    /// Why, by the digest of a private text.
    pub reason_ref: Hash,
    /// Until when.
    pub expires: UtcTime,
}

impl Predicate for FreezeDecision {
    const TYPE: &'static str = "urn:sluss/attestation/freeze-decision/v1";

    fn check(&self) -> Result<(), &'static str> {
        let later = self.until.is_none_or(|until| until > self.evaluated_at);
        let two = self.overridden.as_ref().is_none_or(|by| by.persons[0] != by.persons[1]);
        let valid = self.overridden.as_ref().is_none_or(|by| by.expires > self.evaluated_at);
        rules(&[
            (later, "it ends before it was evaluated"),
            (two, "one person is not two"),
            (valid, "the override had expired"),
            (!self.sentence.is_empty(), "no reason"),
            (!self.tzdb_version.is_empty(), "no version of the time zone data"),
        ])
    }
}
