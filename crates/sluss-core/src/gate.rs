//! Gates: named conditions that a deployment must clear, each with its reason.
//!
//! # Invariants
//!
//! - No data is not a pass: a gate that cannot decide stays shut and says why.

use serde::{Deserialize, Serialize};

use crate::ids::FreezeId;
use crate::steps::TestCounts;
use crate::units::Millis;

/// What a gate saw, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateOutcome {
    /// It is open.
    Cleared {
        /// Why.
        why: ClearedWhy,
    },
    /// It is shut, and may open.
    Waiting {
        /// Until what.
        on: WaitingOn,
    },
    /// It is shut for good.
    Refused {
        /// Why.
        why: RefusedWhy,
    },
}

/// Why a gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClearedWhy {
    /// These tests passed and none failed.
    TestsPassed(TestCounts),
    /// The policy asks for no second person here.
    NobodyAsked,
    /// A second person agreed.
    Approved,
    /// No freeze covers it.
    NoFreeze,
}

/// What a gate waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// The decision of a second person.
    SecondPerson,
    /// The end of a freeze.
    Freeze {
        /// Which.
        freeze: FreezeId,
        /// When it ends by itself.
        until: Millis,
    },
    /// A clock that can be trusted.
    Clock,
}

/// Why a gate is shut for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedWhy {
    /// Some tests failed.
    TestsFailed(TestCounts),
    /// No step reported any test.
    NoTests,
    /// A second person did not agree.
    NotApproved,
}

impl GateOutcome {
    /// Returns whether the gate is open.
    pub fn is_cleared(&self) -> bool {
        matches!(self, Self::Cleared { .. })
    }

    /// Returns the outcome as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Cleared { why: ClearedWhy::TestsPassed(tests) } => {
                format!("{} passed, none failed.", tests_in(tests.passed))
            }
            Self::Cleared { why: ClearedWhy::NobodyAsked } => {
                "The policy asks for no second person here.".to_owned()
            }
            Self::Cleared { why: ClearedWhy::Approved } => "A second person agreed.".to_owned(),
            Self::Cleared { why: ClearedWhy::NoFreeze } => "No freeze covers it.".to_owned(),
            Self::Waiting { on: WaitingOn::SecondPerson } => {
                "Waits for the decision of a second person.".to_owned()
            }
            Self::Waiting { on: WaitingOn::Freeze { freeze, .. } } => {
                format!("The freeze {freeze} covers it.")
            }
            Self::Waiting { on: WaitingOn::Clock } => {
                "The clock jumped; it waits until the clock is trusted again.".to_owned()
            }
            Self::Refused { why: RefusedWhy::TestsFailed(tests) } => {
                format!("{} failed.", tests_in(tests.failed))
            }
            Self::Refused { why: RefusedWhy::NoTests } => {
                "No step reported any test; no data is not a pass.".to_owned()
            }
            Self::Refused { why: RefusedWhy::NotApproved } => {
                "A second person did not agree.".to_owned()
            }
        }
    }
}

/// Returns a number of tests in words.
fn tests_in(count: u32) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}
