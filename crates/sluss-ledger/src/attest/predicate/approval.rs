//! Our own: a person's decision about one release for one environment.
//!
//! Schema: `docs/schema/attestation/approval.v1.json`.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::UtcTime;
use crate::hash::Hash;

/// A person's decision, or that of a model that persons approved in advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The bytes that were decided about.
    pub statement: StatementDigest,
    /// What was decided.
    pub decision: ApprovalDecision,
    /// Role in which.
    pub role: String,
    /// The rule's slot that it is meant for.
    pub slot: String,
    /// Salted reference of who decided.
    pub person_ref: Hash,
    /// How strongly they had signed in (`acr` of OpenID Connect).
    pub acr: String,
    /// By which means (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// When they had signed in.
    pub auth_time: UtcTime,
    /// The signature of their own key.
    pub webauthn: Option<Webauthn>,
    /// The model in whose scope it was decided without a person.
    pub automated: Option<Automated>,
    /// Until when it holds.
    pub valid_until: UtcTime,
}

/// The bytes that were decided about, by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementDigest {
    /// Their SHA-256.
    pub sha256: Hash,
    /// How many they are.
    pub size: u64,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalDecision {
    /// It may go on.
    Granted,
    /// It may not.
    Refused,
}

/// A signature of the person's own authenticator (W3C Web Authentication).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webauthn {
    /// Model of the authenticator, a UUID.
    pub aaguid: String,
    /// Whether the authenticator verified its user.
    pub uv: bool,
    /// Which credential, by the digest of its id.
    pub credential_sha256: Hash,
    /// The assertion, by the digest of its blob.
    pub assertion_ref: Hash,
}

/// A model that persons approved in advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automated {
    /// The model.
    pub model_digest: Hash,
    /// The summary that says that the change is in its scope, by its digest.
    pub vsa: Hash,
}

impl Predicate for Approval {
    const TYPE: &'static str = "urn:sluss/attestation/approval/v1";

    fn check(&self) -> Result<(), &'static str> {
        let known = self.person_ref != Hash::ZERO;
        let granted = self.decision == ApprovalDecision::Granted;
        rules(&[
            (known, "nobody decided"),
            (self.auth_time < self.valid_until, "it ends before its person signed in"),
            (granted || self.automated.is_none(), "a model only ever grants"),
            (self.automated.is_none() || self.webauthn.is_none(), "a model has no authenticator"),
            (!self.role.is_empty() && !self.slot.is_empty(), "no role or no slot"),
        ])
    }
}
