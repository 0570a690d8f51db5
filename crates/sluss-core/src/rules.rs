//! What the texts of the platform repository say of a deployment: its calendar and its policies.
//!
//! Decisions here stay pure: whoever folds the log hands in an implementation that is a function of
//! the texts, the state and the time. Where a text cannot be had or read, the answer is shut.

use serde::{Deserialize, Serialize};

use crate::exception::Changed;
use crate::freezes::FreezeDecided;
use crate::ids::{CommitId, DeploymentId, Digest};
use crate::policies::Mode;
use crate::risk::Size;
use crate::state::State;
use crate::units::Millis;

/// What the calendar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarSays {
    /// Nothing keeps it.
    Open,
    /// These windows keep it.
    Shut {
        /// The first instant at which the answer may be another.
        until: Option<Millis>,
        /// Their names.
        windows: Vec<String>,
    },
    /// The calendar cannot be read.
    Unreadable,
}

/// What the calendar says of a rollout that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunningSays {
    /// It goes on.
    GoesOn,
    /// It keeps its share.
    Keeps {
        /// The first instant at which the answer may be another.
        until: Option<Millis>,
        /// The windows' names.
        windows: Vec<String>,
    },
    /// It is taken back.
    TakenBack,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one answer is at hand at a time")]
pub enum PolicySays {
    /// Nothing: they could not be asked, which denies it.
    NotAsked {
        /// Why not, in a word or a few: `unreadable`, `input`, …
        why: String,
    },
    /// They were asked.
    Asked {
        /// What with, and what came out.
        record: PolicyRecord,
        /// The answer.
        answer: PolicyAnswer,
    },
}

/// What policies were asked with and what came out, by the digests under which that is kept: who
/// has these four contents decides again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// The policies.
    pub bundle_sha256: Digest,
    /// The data that they were given besides their own.
    pub data_sha256: Digest,
    /// What they were asked about.
    pub input_sha256: Digest,
    /// All that came out: what they allow, deny, warn of and require, and why it is shut.
    pub result_sha256: Digest,
    /// Bytes of what they were asked about; decisions from before the log said so have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_size: Option<u64>,
    /// The engine that evaluated them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineUsed>,
    /// How long it took, in microseconds, as whoever evaluated them measured; of several tries all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// Whether what they deny is enforced.
    #[serde(default, skip_serializing_if = "Mode::is_block")]
    pub mode: Mode,
    /// The commit of the platform repository by which they came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The position of the approval by which they did, where a second person was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_leaf: Option<u64>,
}

/// What evaluated policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineUsed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The features that it was built with.
    pub features: Vec<String>,
}

impl PolicyRecord {
    /// Returns it with what the log knows of the policies: how they came into force, and whether
    /// what they deny is enforced.
    pub(crate) fn by_version(self, state: &State) -> Self {
        let version = state.policy_version.as_ref().filter(|of| of.bundle == self.bundle_sha256);
        let mode = state.organisation.as_ref().map_or(Mode::Block, |known| known.policy.mode);
        Self {
            mode,
            commit: version.map(|of| of.commit.clone()),
            approved_leaf: version.and_then(|of| of.approved_leaf),
            ..self
        }
    }

    /// Returns the digests of all that is kept of it.
    pub fn all(&self) -> [&Digest; 4] {
        [&self.bundle_sha256, &self.data_sha256, &self.input_sha256, &self.result_sha256]
    }
}

/// The answer of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyAnswer {
    /// It may go; these rules of policies that only warn would have denied it.
    Allows {
        /// Their names.
        warnings: Vec<String>,
    },
    /// These rules deny it.
    Denies {
        /// Their names.
        rules: Vec<String>,
    },
    /// They came to no answer, which denies it.
    Fails {
        /// Why, in a word of the engine: `timeout`, `undefined`, …
        why: String,
    },
}

/// What differs between what is live somewhere and a release that is to go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The SHA-256 of what `git diff-tree -r -z --no-renames LIVE NEW` says: of each file that
    /// differs its modes, the names of both contents, and its path. Where nothing is live, `LIVE`
    /// is the empty tree.
    pub sha256: Digest,
    /// How much that is.
    pub size: Size,
}

/// Answers by the texts of the platform repository. A function of what it is given.
pub trait Rules: Sync {
    /// Says whether the calendar of this digest lets `deployment` begin at `now`.
    fn calendar(
        &self,
        calendar: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> CalendarSays;

    /// Says what others need to check what the calendar said of the start of `deployment` at `now`;
    /// nothing where it could not be asked, or nobody keeps that.
    fn calendar_said(
        &self,
        _calendar: &Digest,
        _state: &State,
        _deployment: DeploymentId,
        _now: Millis,
    ) -> Option<FreezeDecided> {
        None
    }

    /// Says what the calendar of this digest makes at `now` of the rollout of `deployment`.
    fn running(
        &self,
        calendar: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> RunningSays;

    /// Says what `deployment` changes beside what is live where it goes; nothing where that is not
    /// known, or nothing is live there.
    fn changed(&self, state: &State, deployment: DeploymentId) -> Option<Changed>;

    /// Says what differs from what is live where `deployment` goes, or that all of it is new there;
    /// nothing where that could not be read.
    fn diff(&self, _state: &State, _deployment: DeploymentId) -> Option<Diff> {
        None
    }

    /// Says what the policies of this digest make of `deployment` at `now`.
    fn policy(
        &self,
        policies: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> PolicySays;
}

/// Rules whose texts cannot be had: everything that asks them stays shut.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTexts;

impl Rules for NoTexts {
    fn calendar(&self, _: &Digest, _: &State, _: DeploymentId, _: Millis) -> CalendarSays {
        CalendarSays::Unreadable
    }

    fn running(&self, _: &Digest, _: &State, _: DeploymentId, _: Millis) -> RunningSays {
        RunningSays::Keeps { until: None, windows: Vec::new() }
    }

    fn changed(&self, _: &State, _: DeploymentId) -> Option<Changed> {
        None
    }

    fn policy(&self, _: &Digest, _: &State, _: DeploymentId, _: Millis) -> PolicySays {
        PolicySays::NotAsked { why: "unreadable".to_owned() }
    }
}
