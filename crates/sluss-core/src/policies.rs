//! Policies as versions: by which approval they came into force, who answers for them, when they
//! are to be looked at again, and whether what they deny is enforced.
//!
//! # Invariants
//!
//! - What policies that only warn would have refused is in the log, and let through by no other
//!   word than that ([`crate::gate::ClearedWhy::WouldRefuse`]).
//! - Nothing that is compiled in only warns.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{CommitId, Digest, TeamName};
use crate::state::State;
use crate::units::Millis;

/// How long a version is in force before it is looked at again: 365 days, in milliseconds (FINOS
/// mi-12: gating policies are reviewed every year).
pub const REVIEW_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// Whether what policies deny keeps a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Block,
    /// It is recorded and shown, and nothing is kept.
    Warn,
}

impl Mode {
    /// Returns it as the platform repository writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Warn => "warn",
        }
    }

    /// Returns whether it is the usual one.
    pub fn is_block(&self) -> bool {
        *self == Self::Block
    }
}

/// What the organisation says of its policies, beside their texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governance {
    /// Whether what they deny is enforced.
    #[serde(default, skip_serializing_if = "Mode::is_block")]
    pub mode: Mode,
    /// Rules that only warn, whatever the mode.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub warn: BTreeSet<String>,
    /// Which team answers for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TeamName>,
    /// When they were last looked at as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Millis>,
}

impl Governance {
    /// Returns whether nothing is said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether `after` enforces less.
    pub(crate) fn enforces_less(&self, after: &Self) -> bool {
        let relaxed = self.mode == Mode::Block && after.mode == Mode::Warn;
        relaxed || self.mode == Mode::Block && !after.warn.is_subset(&self.warn)
    }
}

/// Policies that came into force together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Their digest.
    pub bundle: Digest,
    /// The configuration that brought them.
    pub number: u64,
    /// Its commit in the platform repository.
    pub commit: CommitId,
    /// When they came into force.
    pub activated: Millis,
    /// The position of the approval by which they did, where a second person was asked.
    pub approved_leaf: Option<u64>,
    /// The digest of the report on what they would have made of the past, where they were compared.
    pub report: Option<Digest>,
    /// The end of the year for which it was said that nobody looked at them.
    pub overdue: Option<Millis>,
}

impl State {
    /// Folds that the configuration `number` is in force.
    pub(crate) fn versioned(&mut self, number: u64, now: Millis) {
        let Some(proposal) = self.proposals.get(&number) else { return };
        let known = self.policy_version.as_ref().map(|version| &version.bundle);
        if proposal.organisation.policies.as_ref() == known {
            return;
        }
        self.policy_version = proposal.organisation.policies.clone().map(|bundle| PolicyVersion {
            bundle,
            number,
            commit: proposal.commit.clone(),
            activated: now,
            approved_leaf: proposal.approved_leaf,
            report: proposal.report.clone(),
            overdue: None,
        });
    }

    /// Returns by when the policies in force are to be looked at again.
    pub fn policy_review_due(&self) -> Option<Millis> {
        let version = self.policy_version.as_ref()?;
        let reviewed = self.organisation.as_ref().and_then(|known| known.policy.reviewed);
        // Nobody looked at them after they had said so.
        let said = self.proposals.values().filter_map(|one| one.activated).max();
        let reviewed = reviewed.map(|at| said.map_or(at, |said| at.min(said)));
        let last = reviewed.map_or(version.activated, |at| at.max(version.activated));
        Some(last.plus(REVIEW_MS))
    }

    /// Returns since when the review of the policies in force is overdue, if it is.
    pub fn policy_review_overdue(&self, now: Millis) -> Option<Millis> {
        self.policy_review_due().filter(|due| now >= *due)
    }

    /// Returns that nobody looked at the policies for a year, if that is new.
    pub(crate) fn unreviewed(&self, now: Millis) -> Option<Vec<Event>> {
        let due = self.policy_review_overdue(now)?;
        let version = self.policy_version.as_ref().filter(|of| of.overdue != Some(due))?;
        let bundle = version.bundle.clone();
        Some(vec![Event::PolicyReviewOverdue { bundle, due }])
    }
}
