//! SLSA verification summary v1: a gate's decision. Refusals are attested too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::{DigestSet, UtcTime};

/// A gate's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSummary {
    /// Who decided.
    pub verifier: Verifier,
    /// When.
    pub time_verified: UtcTime,
    /// What it was decided about.
    pub resource_uri: String,
    /// By which policy.
    pub policy: PolicyRef,
    /// All attestations that were seen, or none.
    #[serde(default)]
    pub input_attestations: Vec<InputAttestation>,
    /// The decision.
    pub verification_result: VerificationResult,
    /// What was found to hold; `["FAILED"]` where it was refused.
    pub verified_levels: Vec<String>,
    /// Version of SLSA that the words are of.
    pub slsa_version: String,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// Its id, a URI.
    pub id: String,
    /// Versions of its parts.
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

/// By which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Where it is.
    pub uri: String,
    /// What it is.
    pub digest: DigestSet,
}

/// An attestation that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputAttestation {
    /// Where it is.
    pub uri: String,
    /// What it is.
    pub digest: DigestSet,
}

/// Whether something was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// It was.
    Passed,
    /// It was not.
    Failed,
}

/// Levels of SLSA v1.2 that may be claimed, each under its own rules. Whatever is ours begins with
/// `SLUSS_`.
const SLSA_LEVELS: &[&str] = &[
    "SLSA_BUILD_LEVEL_0",
    "SLSA_BUILD_LEVEL_1",
    "SLSA_BUILD_LEVEL_2",
    "SLSA_BUILD_LEVEL_3",
    "SLSA_SOURCE_LEVEL_1",
    "SLSA_SOURCE_LEVEL_2",
    "SLSA_SOURCE_LEVEL_3",
    "SLSA_SOURCE_LEVEL_4",
    "SLSA_SOURCE_TWO_PARTY_REVIEWED",
];

impl Predicate for VerificationSummary {
    const TYPE: &'static str = "https://slsa.dev/verification_summary/v1";

    fn check(&self) -> Result<(), &'static str> {
        let levels = &self.verified_levels;
        let known =
            |level: &String| !level.starts_with("SLSA_") || SLSA_LEVELS.contains(&level.as_str());
        let agrees = match self.verification_result {
            VerificationResult::Passed => !levels.iter().any(|level| level == "FAILED"),
            VerificationResult::Failed => levels.as_slice() == ["FAILED"],
        };
        rules(&[
            (agrees, "levels are exactly FAILED where it failed, and never where it passed"),
            (levels.iter().all(known), "a level of SLSA that SLSA does not have"),
            (!self.verifier.id.is_empty(), "no verifier"),
            (self.slsa_version == "1.2", "another version of SLSA than 1.2"),
        ])
    }
}
