//! What a gate is told: the contract `sluss.gate.input.v1` as types.
//!
//! Every field is there in every input and none is null: what does not apply says so by a field of
//! its own (`known`, `present`, `active`), so that a rule never meets an undefined value. Times are
//! integer milliseconds since 1970-01-01 UTC. Shares are in thousandths. [`GateInput::parse`] is
//! the only way in from bytes; it refuses an unknown field, a missing one, a value outside its
//! range, and rows that do not agree with [`Counts`].

mod check;
mod parts;
mod values;

pub use check::InputRefused;
pub use parts::{
    Approval, ApprovalKind, Contributor, Coverage, Dependency, Emergency, Environment,
    EnvironmentClass, ErrorBudget, Finding, FindingStatus, Freeze, HistoryOutcome, Part,
    PastDeployment, Performance, PersonKind, Provenance, Release, Run, RunOutcome, Sbom, Scan,
    ScanOutcome, Severity, Size, Tests, Waiver,
};
pub use values::{Commit, Count, Millis, Permille, Sha256, SignedPermille, Text, ValueRefused};

pub(crate) use values::INTEGER_MOST;

use serde::{Deserialize, Serialize};

/// The contract's name, as it stands in each input.
pub const CONTRACT: &str = "sluss.gate.input.v1";

/// The contract as a JSON Schema (draft 2020-12), as it is published.
pub const GATE_INPUT_SCHEMA: &str = include_str!("../../../../docs/schema/gate-input.schema.json");

/// The contract's name as a type: no other text parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contract {
    /// `sluss.gate.input.v1`.
    #[serde(rename = "sluss.gate.input.v1")]
    V1,
}

/// Everything that a gate's policy may decide from, built from the log at `state_size`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateInput {
    /// Which contract this is.
    pub contract: Contract,
    /// The gate that is to be cleared, such as `policy`.
    pub gate: Text,
    /// When the decision is made.
    pub now_ms: Millis,
    /// Leaves in the log that the input was built from.
    pub state_size: Count,
    /// Where the release wants to go.
    pub environment: Environment,
    /// What wants to go there.
    pub release: Release,
    /// Everyone who had a hand in it; at least one.
    pub contributors: Vec<Contributor>,
    /// Approvals of this release for this environment, those still good and those run out.
    pub approvals: Vec<Approval>,
    /// The checks that are required and every run of them.
    pub tests: Tests,
    /// How quick it is beside what is live.
    pub performance: Performance,
    /// How much of it its tests reach.
    pub coverage: Coverage,
    /// The scans that were made; a finding that is absent means nothing without one.
    pub scans: Vec<Scan>,
    /// What the scans found.
    pub findings: Vec<Finding>,
    /// Its software bill of materials.
    pub sbom: Sbom,
    /// Where it was built, and by what.
    pub provenance: Provenance,
    /// Whether the calendar lets it pass.
    pub freeze: Freeze,
    /// Services that it needs.
    pub dependencies: Vec<Dependency>,
    /// What the service's objective leaves to spend.
    pub error_budget: ErrorBudget,
    /// Waivers that apply to it.
    pub waivers: Vec<Waiver>,
    /// Whether it goes by break-glass.
    pub emergency: Emergency,
    /// The service's recent deployments in this environment, latest first.
    pub history: Vec<PastDeployment>,
    /// How many rows each list was given, so that a list that lost some is seen.
    pub counts: Counts,
}

/// How many rows each list of the input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows of `release.artifacts`.
    pub artifacts: Count,
    /// Rows of `release.changed_paths`.
    pub changed_paths: Count,
    /// Rows of `contributors`.
    pub contributors: Count,
    /// Rows of `approvals`.
    pub approvals: Count,
    /// Rows of `tests.required`.
    pub required: Count,
    /// Rows of `tests.runs`.
    pub runs: Count,
    /// Rows of `scans`.
    pub scans: Count,
    /// Rows of `findings`.
    pub findings: Count,
    /// Rows of `dependencies`.
    pub dependencies: Count,
    /// Rows of `waivers`.
    pub waivers: Count,
    /// Rows of `history`.
    pub history: Count,
}
