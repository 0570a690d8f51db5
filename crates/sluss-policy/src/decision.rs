//! What a gate's policy came to: the decision, its reasons and what it asks for.

use serde::{Deserialize, Serialize};

use crate::obligation::Obligation;

/// One reason why a release may not pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The rule's id; [`LEGACY`] for a bare text.
    pub rule: String,
    /// Controls that it stands for.
    pub controls: Vec<String>,
    /// Why, in a sentence.
    pub msg: String,
    /// What it was decided from: ids and digests.
    pub evidence: Vec<String>,
}

/// The rule's id of a denial that was only a text, as conftest writes them.
pub const LEGACY: &str = "legacy";

/// Why a gate is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClosedBecause {
    /// The policy did not say `allow`.
    #[error("the policy does not allow it; the conditions of `allow` do not all hold")]
    NotAllowed,
    /// A rule denied it.
    #[error("{count} reason(s) of the policy stand against it")]
    Denied {
        /// How many.
        count: usize,
    },
    /// `evidence_complete` does not hold.
    #[error("`evidence_complete` does not hold: a fact that the policy decides from is missing")]
    EvidenceIncomplete,
    /// An output has no value.
    #[error("`{output}` has no value (undefined); an output without one is never a yes")]
    Undefined {
        /// The output.
        output: String,
    },
    /// An output is not of the kind that the contract says.
    #[error("`{output}` is not what the contract says: {what}")]
    Shape {
        /// The output.
        output: String,
        /// What is wrong.
        what: String,
    },
    /// An obligation that the core can't check.
    #[error("`require` holds what the core can't check: {what}")]
    UnknownObligation {
        /// What it holds.
        what: String,
    },
    /// The engine failed.
    #[error("the policy failed while it was evaluated: {message}")]
    Failed {
        /// What the engine says.
        message: String,
    },
    /// It took too long.
    #[error("the policy was not done within {limit_ms} ms; make it simpler, or try again")]
    TimedOut {
        /// Milliseconds that it had.
        limit_ms: u64,
    },
    /// Something is larger than is taken.
    #[error("`{what}` is {size} bytes; at most {most} are taken")]
    Oversize {
        /// What.
        what: String,
        /// Its bytes.
        size: usize,
        /// Bytes that are taken.
        most: usize,
    },
    /// The input does not follow the contract.
    #[error("{problem}")]
    Input {
        /// What is wrong with it.
        problem: String,
    },
    /// The data is not what a policy can be given.
    #[error("the data can't be given to the policy: {problem}")]
    Data {
        /// What is wrong with it.
        problem: String,
    },
    /// The engine panicked.
    #[error("the policy engine broke down: {message}; report it, the gate stays closed")]
    Panicked {
        /// What it said.
        message: String,
    },
}

impl ClosedBecause {
    /// Returns it in the word or two by which gates record it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotAllowed | Self::Denied { .. } => "denied",
            Self::EvidenceIncomplete => "evidence",
            Self::Undefined { .. } => "undefined",
            Self::Shape { .. } => "shape",
            Self::UnknownObligation { .. } => "unknown obligation",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timeout",
            Self::Oversize { .. } => "oversize",
            Self::Input { .. } => "input",
            Self::Data { .. } => "data",
            Self::Panicked { .. } => "panicked",
        }
    }

    /// Whether the same bytes may come to another end the next time: nothing is known of them.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Panicked { .. } => true,
            Self::NotAllowed
            | Self::Denied { .. }
            | Self::EvidenceIncomplete
            | Self::Undefined { .. }
            | Self::Shape { .. }
            | Self::UnknownObligation { .. }
            | Self::Failed { .. }
            | Self::Oversize { .. }
            | Self::Input { .. }
            | Self::Data { .. } => false,
        }
    }
}

/// Which engine decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineId {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The features that it was built with.
    pub features: Vec<String>,
}

/// What a policy came to over one input. Everything but a policy that says yes, without reasons
/// against it and without an error, is closed and says why.
///
/// It has no `Deserialize`: what was decided is decided again from what was recorded
/// ([`crate::reevaluate`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use = "a decision that nothing consumes lets nothing through"]
pub struct Decision {
    /// What the policy's `allow` said; false where it said nothing.
    pub allow: bool,
    /// Whether `evidence_complete` held; a release whose denials are waived still needs it.
    pub evidence_complete: bool,
    /// The reasons against it, in order.
    pub deny: Vec<Denial>,
    /// What the core has to check besides.
    pub require: Vec<Obligation>,
    /// What the policy wants to be seen, and lets pass.
    pub warnings: Vec<Denial>,
    /// Why it is closed; absent when it is open.
    pub closed_because: Option<ClosedBecause>,
    /// Who decided.
    pub engine: EngineId,
    /// SHA-256 of the bundle, see [`crate::Bundle::sha256`].
    pub bundle_sha256: String,
    /// SHA-256 of the data's bytes.
    pub data_sha256: String,
    /// SHA-256 of the input's bytes.
    pub input_sha256: String,
    /// The input's size in bytes.
    pub input_size: usize,
}

/// Whether a closed decision holds a release up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    Block,
    /// It is only recorded and shown, while a policy is new.
    Warn,
}

/// What follows from a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ruling<'a> {
    /// It may pass once the core has found every obligation met.
    Open {
        /// What the core has to check.
        require: &'a [Obligation],
    },
    /// It may not pass.
    Closed {
        /// Why.
        because: &'a ClosedBecause,
        /// The policy's reasons.
        deny: &'a [Denial],
    },
    /// It may pass, though it would not if the policy were enforced.
    WouldClose {
        /// Why it would not.
        because: &'a ClosedBecause,
        /// The policy's reasons.
        deny: &'a [Denial],
    },
}

impl Decision {
    /// Whether nothing but its obligations stands between the release and the gate.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allow && self.deny.is_empty() && self.closed_because.is_none()
    }

    /// What follows from it in a mode.
    pub fn ruling(&self, mode: Mode) -> Ruling<'_> {
        match (&self.closed_because, mode) {
            (None, Mode::Block | Mode::Warn) => Ruling::Open { require: &self.require },
            (Some(because), Mode::Block) => Ruling::Closed { because, deny: &self.deny },
            (Some(because), Mode::Warn) => Ruling::WouldClose { because, deny: &self.deny },
        }
    }
}
