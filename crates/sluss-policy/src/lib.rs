//! Rego gates: a policy as a bundle of texts, an input built from the log, a decision with reasons.
//!
//! Pure: no I/O, no clock, no randomness. The time is a field of the input; only the engine looks
//! at a clock of its own, to stop a policy that takes too long.
//!
//! # Invariants
//!
//! - A gate is open in one way: the policy says `allow`, `evidence_complete` holds, `deny` is
//!   empty, and nothing failed, timed out, was undefined or too large. Everything else is closed
//!   and says why ([`ClosedBecause`]).
//! - An open decision may still carry obligations ([`Obligation`]); one that the core does not know
//!   closes.
//! - A bundle that could fail open is refused when it is loaded ([`Bundle::load`]), with the place
//!   of each problem.
//! - The same bundle, data and input come to the same decision, so that what was recorded can be
//!   decided again ([`reevaluate`], [`diff`]), here and by another engine.

mod bundle;
mod decision;
mod engine;
mod evaluate;
pub mod input;
mod json;
mod lint;
mod obligation;
mod problem;
mod replay;
mod testing;

pub use bundle::{BUNDLE_BYTES_MOST, Bundle, digest};
pub use decision::{ClosedBecause, Decision, Denial, EngineId, LEGACY, Mode, Ruling};
pub use engine::{Answer, Ask, EngineFault, PolicyEngine};
pub use evaluate::{Limits, NO_DATA, evaluate, evaluate_with};
pub use input::{GATE_INPUT_SCHEMA, GateInput, InputRefused};
pub use obligation::{APPROVALS_MOST, HowMany, Obligation, ObligationRefused, Role, Share};
pub use problem::{BundleRefused, LintRule, Problem};
pub use replay::{
    Change, DiffReport, DiffResult, Difference, Flip, Recorded, RecordedDecision, Reevaluation,
    Side, diff, reevaluate,
};
pub use testing::{FileCoverage, TestCase, TestOutcome, TestReport, test_bundle};
