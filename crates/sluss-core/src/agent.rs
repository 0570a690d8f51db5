//! Runs of agents: software that acted for a person, and what it was.
//!
//! # Invariants
//!
//! - Only a program that holds a person's token records one, and it acts for that person.
//! - Whom it acts for contributed to the change, whoever wrote its commits.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::assurance::At;
use crate::ids::{ChangeId, CommitId, Digest, Malformed, PersonRef, ReleaseId};
use crate::state::State;
use crate::units::Millis;

/// Names a model or a harness, like `vendor/model-5@2026-01`: no sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Software(String);

impl Software {
    /// How many characters a name may have.
    const LONGEST: usize = 100;
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Software {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
        let named = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match named && text.len() <= Self::LONGEST && text.bytes().all(plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(Malformed {
                found: text.chars().take(80).collect(),
                expected: "a name of software (1 to 100 of letters, digits and ._:/@+-)",
            }),
        }
    }
}

impl From<Software> for String {
    fn from(name: Software) -> Self {
        name.0
    }
}

impl TryFrom<String> for Software {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// How a run of an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentResult {
    /// It did what it was to do.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody or something ended it before.
    Stopped,
}

impl AgentResult {
    /// Returns it in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "was stopped",
        }
    }
}

/// What an agent did for a change, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRun {
    /// For which change.
    pub change: ChangeId,
    /// The commits that came of it.
    pub commits: BTreeSet<CommitId>,
    /// Who answers for it.
    pub acts_for: PersonRef,
    /// Which model it ran on.
    pub model: Software,
    /// Which program ran that.
    pub harness: Software,
    /// SHA-256 of the list of tools that it was given.
    pub tools_sha256: Digest,
    /// SHA-256 of what it was told.
    pub prompts_sha256: Digest,
    /// Where its own log is: a private text.
    pub log: Digest,
    /// SHA-256 of that log, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sha256: Option<Digest>,
    /// When it began.
    pub started: Millis,
    /// When it ended.
    pub ended: Millis,
    /// How it ended.
    pub result: AgentResult,
}

/// A run of an agent, and the entry that tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The position of that entry.
    pub leaf: u64,
    /// When it was recorded, and what.
    #[serde(flatten)]
    pub run: At<AgentRun>,
}

/// Folds a run of an agent.
pub(crate) fn apply(state: &mut State, now: Millis, of: &AgentRun) {
    let leaf = state.size.saturating_sub(1);
    let recorded = Recorded { leaf, run: At { at: now, what: of.clone() } };
    state.assurance.agents.entry(of.change).or_default().push(recorded);
}

impl State {
    /// Returns the runs of agents that a change, and what became part of it, came of.
    pub fn agent_runs(&self, id: ChangeId) -> impl Iterator<Item = &Recorded> {
        self.whole(id).filter_map(|(id, _)| self.assurance.agents.get(&id)).flatten()
    }

    /// Returns the changes that a release was made of: its own, and each earlier one of the trunk
    /// that no release of the service before it had.
    pub fn changes_in(&self, id: ReleaseId) -> BTreeSet<ChangeId> {
        let Some(release) = self.releases.get(&id) else { return BTreeSet::new() };
        let before = self.releases.range(..id).map(|(_, one)| one);
        let before = before
            .filter(|one| one.service == release.service && one.change < release.change)
            .map(|one| one.change)
            .max();
        let trunk = self.services.get(&release.service).map_or(&[][..], |of| &of.trunk);
        let new = trunk.iter().filter(|change| {
            **change <= release.change && before.is_none_or(|before| **change > before)
        });
        new.copied().chain([release.change]).collect()
    }

    /// Returns the runs of agents that the commits of a release came of.
    pub fn agent_runs_in(&self, id: ReleaseId) -> impl Iterator<Item = &Recorded> {
        self.changes_in(id).into_iter().flat_map(|change| self.agent_runs(change))
    }

    /// Returns those changes that a release was made of, parts of them included, of which somebody
    /// told something: a review of their code, or what an agent did.
    pub fn told_of(&self, id: ReleaseId) -> BTreeSet<ChangeId> {
        let all = self.changes_in(id).into_iter();
        let parts = all.flat_map(|change| self.whole(change).map(|(part, _)| part));
        let told = |part: &ChangeId| {
            self.assurance.reviews.contains_key(part) || self.assurance.agents.contains_key(part)
        };
        parts.filter(told).collect()
    }
}
