//! Our own: a control that is not met, by whom that is borne, and until when.
//!
//! Schema: `docs/schema/attestation/waiver.v1.json`.

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::UtcTime;
use crate::hash::Hash;

/// A control that is not met, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// What kind, such as `finding`.
    pub kind: String,
    /// Which controls.
    pub control_ids: Vec<String>,
    /// For what, such as `payments@production`.
    pub scope: String,
    /// Which findings.
    pub findings: Vec<String>,
    /// What stands in for the control meanwhile.
    pub compensating_control: String,
    /// Who asked, as a salted reference.
    pub requester: Hash,
    /// Two others who agreed.
    pub approvers: [Hash; 2],
    /// Why, by the digest of a private text.
    pub reason_ref: Hash,
    /// Until when.
    pub valid_until: UtcTime,
}

impl Predicate for Waiver {
    const TYPE: &'static str = "urn:sluss/attestation/waiver/v1";

    fn check(&self) -> Result<(), &'static str> {
        let [first, second] = self.approvers;
        let core = |control: &String| control.starts_with("core.");
        rules(&[
            (first != second, "one person is not two"),
            (!self.approvers.contains(&self.requester), "who asks does not agree"),
            (!self.control_ids.is_empty(), "no control is named"),
            (!self.control_ids.iter().any(core), "what holds always can not be waived"),
            (!self.scope.is_empty(), "no scope"),
        ])
    }
}
