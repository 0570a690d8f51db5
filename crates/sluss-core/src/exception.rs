//! Exceptions: what lets a deployment through although a gate would keep it, for a reason, for a
//! time, by two people, and never unseen.
//!
//! # Invariants
//!
//! - Who asked, and whoever contributed, never grants.
//! - None of them reaches the provenance of what is deployed, its digests, or what the log holds.
//! - An emergency is reviewed afterwards by someone who had no part in it; until then, once that is
//!   overdue, its service's four-eyes gate stays shut.

use serde::{Deserialize, Serialize};

use crate::ids::{DeploymentId, Digest, PersonRef, ServiceName};
use crate::units::Millis;

/// What an exception is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExceptionKind {
    /// This deployment goes on although a freeze covers it.
    Freeze {
        /// Which.
        deployment: DeploymentId,
    },
    /// This deployment goes on without the people that rules ask for, and against what policies
    /// deny: something is broken, and this mends it.
    Emergency {
        /// Which.
        deployment: DeploymentId,
    },
    /// What this rule of a policy denies of this service does not keep its releases.
    Waiver {
        /// Whose releases.
        service: ServiceName,
        /// Which rule, as its policy calls it.
        rule: String,
    },
    /// The log is the right one, against what a witness knows of it.
    LogTrust {
        /// The position of the event that says what the witness knows.
        found: u64,
    },
}

impl ExceptionKind {
    /// Returns it in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Freeze { .. } => "freeze override",
            Self::Emergency { .. } => "emergency",
            Self::Waiver { .. } => "waiver",
            Self::LogTrust { .. } => "trust in the log",
        }
    }

    /// Returns the longest time that it may last, in milliseconds.
    pub fn longest_ms(&self) -> i64 {
        const HOUR: i64 = 60 * 60 * 1000;
        match self {
            Self::Freeze { .. } | Self::LogTrust { .. } => 24 * HOUR,
            Self::Emergency { .. } => HOUR,
            Self::Waiver { .. } => 90 * 24 * HOUR,
        }
    }

    /// Returns how many people must agree, beside whoever asks.
    pub fn people(&self) -> usize {
        match self {
            Self::Freeze { .. } | Self::Emergency { .. } | Self::LogTrust { .. } => 1,
            Self::Waiver { .. } => 2,
        }
    }

    /// Returns the deployment that it is for, if it is for one.
    pub fn deployment(&self) -> Option<DeploymentId> {
        match self {
            Self::Freeze { deployment } | Self::Emergency { deployment } => Some(*deployment),
            Self::Waiver { .. } | Self::LogTrust { .. } => None,
        }
    }
}

/// How long after an emergency its review may take: two days of 24 hours.
pub const REVIEW_MS: i64 = 48 * 60 * 60 * 1000;

/// An exception that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Exception {
    pub what: ExceptionKind,
    pub asked_by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
    pub asked: Millis,
    pub until: Millis,
    pub granted_by: Vec<PersonRef>,
    /// Since when it holds.
    pub granted: Option<Millis>,
    /// When someone refused it, or ended it before its time.
    pub ended: Option<Millis>,
    /// When an emergency was reviewed, and by whom.
    pub reviewed: Option<(Millis, PersonRef)>,
}

impl Exception {
    /// Returns whether it holds at `now`.
    pub fn holds(&self, now: Millis) -> bool {
        self.granted.is_some() && self.ended.is_none() && now < self.until
    }

    /// Returns whether its review is overdue at `now`.
    pub fn is_overdue(&self, now: Millis) -> bool {
        matches!(self.what, ExceptionKind::Emergency { .. })
            && self.reviewed.is_none()
            && self.granted.is_some_and(|at| now.since(at) >= REVIEW_MS)
    }

    /// Returns where it stands in a word.
    pub fn word(&self, now: Millis) -> &'static str {
        match (self.ended, self.granted) {
            (Some(_), None) => "refused",
            (Some(_), Some(_)) => "ended",
            (None, None) if now >= self.until => "expired",
            (None, None) => "asked",
            (None, Some(_)) if now >= self.until => "over",
            (None, Some(_)) => "holds",
        }
    }
}
