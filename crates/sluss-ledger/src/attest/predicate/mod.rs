//! What statements say: the predicates of others that we speak, and our own.
//!
//! | evidence | predicate |
//! | --- | --- |
//! | what was built, from what, by whom | [`Provenance`] (SLSA v1.2) |
//! | a gate's decision, refusals too | [`VerificationSummary`] (SLSA VSA v1) |
//! | a run of tests | [`TestResult`] (in-toto v0.1) |
//! | a scan's findings | [`Vulns`] (in-toto v0.2) |
//! | a scanner's report in numbers | [`Scan`] |
//! | what it is made of | [`Sbom`] (CycloneDX) |
//! | a person's decision | [`Approval`] |
//! | what the calendar said | [`FreezeDecision`] |
//! | a control that is not met | [`Waiver`] |
//! | what became of a rollout | [`RolloutVerdict`] |
//!
//! # Invariants
//!
//! - A predicate is checked by its own rules when it is written and when it is read.
//! - Unknown fields are refused in what we define. What others define may grow: its unknown fields
//!   are ignored, but those of `externalParameters` are not, as SLSA asks.

mod approval;
mod freeze;
mod provenance;
mod rollout;
mod sbom;
mod scan;
mod test_result;
mod vsa;
mod vulns;
mod waiver;

pub use approval::{Approval, ApprovalDecision, Automated, StatementDigest, Webauthn};
pub use freeze::{FreezeDecision, FreezeOverride};
pub use provenance::{
    BuildDefinition, BuildMetadata, Builder, ExternalParameters, Provenance, RunDetails,
};
pub use rollout::{Metric, RolloutAction, RolloutResult, RolloutStep, RolloutVerdict};
pub use sbom::Sbom;
pub use scan::{OpenFindings, Scan, ScanTool};
pub use test_result::{TestResult, TestVerdict};
pub use vsa::{InputAttestation, PolicyRef, VerificationResult, VerificationSummary, Verifier};
pub use vulns::{ScanMetadata, Scanner, ScannerDatabase, Severity, Vulnerability, Vulns};
pub use waiver::Waiver;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the addresses of our own predicates begin with, until the project has a domain.
pub const PREDICATE_BASE: &str = "urn:sluss";

/// Something that a statement says.
pub trait Predicate: Serialize + DeserializeOwned {
    /// The predicate's type, a URI.
    const TYPE: &'static str;

    /// Checks what types alone do not hold.
    ///
    /// # Errors
    ///
    /// The rule that it breaks, as a sentence.
    fn check(&self) -> Result<(), &'static str>;
}

/// The first rule that does not hold.
fn rules(rules: &[(bool, &'static str)]) -> Result<(), &'static str> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(rule),
        None => Ok(()),
    }
}
