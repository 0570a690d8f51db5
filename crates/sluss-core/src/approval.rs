//! Approval: a second person's recorded decision, bound to one statement about one thing.
//!
//! # Invariants
//!
//! - Only [`Approval::grant`] makes an [`Approval`], and it refuses whoever contributed.
//! - A statement names everything that was decided; when any of it moves, its digest moves.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::{Artifact, Stream};
use crate::ids::{
    CommitId, DeploymentId, Digest, EnvironmentName, Malformed, PersonRef, ReleaseId, ServiceName,
    TemplateRef, counted,
};
use crate::units::Millis;

/// What is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// A deployment, written as its id.
    Deployment(DeploymentId),
    /// A proposed configuration, written `cfg-3`.
    Configuration(u64),
}

impl Subject {
    /// Returns the stream that its decisions belong to.
    pub fn stream(self) -> Stream {
        match self {
            Self::Deployment(id) => Stream::Deployment(id),
            Self::Configuration(_) => Stream::Config,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployment(id) => id.fmt(f),
            Self::Configuration(number) => write!(f, "cfg-{number}"),
        }
    }
}

impl FromStr for Subject {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(80).collect(),
            expected: "something to approve, like `dep-7` or `cfg-2`",
        };
        match text.strip_prefix("cfg-") {
            Some(number) => counted(number).map(Self::Configuration).ok_or_else(wrong),
            None => text.parse().map(Self::Deployment).map_err(|_| wrong()),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// Why the policy asks for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// It is the first release of the service there.
    FirstRelease,
    /// The policy asks each time.
    EachRelease,
    /// Policy, people or templates change.
    PlatformChange,
    /// It ran without isolation that holds.
    Unisolated,
    /// A rule of the organisation names who must agree.
    Rule,
    /// No request says what is left of its error budget, or too little was counted.
    NoTraffic,
    /// Measurements do not say whether it is slower, or it may be slower than what is live might.
    Pace,
}

impl Asked {
    /// Returns the reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::FirstRelease => "It is the first release of this service here.",
            Self::EachRelease => "The policy asks for a second person each time.",
            Self::PlatformChange => "It changes policy, people or templates.",
            Self::Rule => "A rule says who must agree each time.",
            Self::Pace => "It is not proved to be as fast as what is live.",
            Self::NoTraffic => "Too little was counted to say what is left of its error budget.",
            Self::Unisolated => "Its steps ran without isolation that holds.",
        }
    }
}

/// Everything that an approval of a deployment is bound to. Its digest is over its JSON text, with
/// the fields in this order and no whitespace.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Statement<'a> {
    pub subject: Subject,
    pub service: &'a ServiceName,
    pub release: ReleaseId,
    pub commit: &'a CommitId,
    pub artifacts: &'a [Artifact],
    pub configuration: &'a Digest,
    pub environment: &'a EnvironmentName,
    pub policy: &'a Digest,
    pub template: &'a TemplateRef,
    pub template_digest: &'a Digest,
    pub nonce: &'a str,
}

impl Statement<'_> {
    /// Returns the exact bytes whose digest stands for the statement.
    pub fn to_text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("BUG: plain data has a JSON form")
    }
}

/// Proof that a second person approved what `statement` says. Nothing but [`Approval::grant`]
/// makes one.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an approval that nothing consumes lets nothing through"]
pub struct Approval {
    statement: Digest,
    by: PersonRef,
}

/// Why nobody may approve here, or not this person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// Who decides contributed.
    #[error("who contributed to a change does not decide over it")]
    Contributor,
    /// Who decides has no such role.
    #[error("only people with the role of an approver decide")]
    NotAnApprover,
    /// What was looked at is not what stands there now.
    #[error("what was to be approved has changed since")]
    Moved,
    /// They have agreed already.
    #[error("who has agreed already fills no other place")]
    Twice,
}

impl Approval {
    /// Checks that `by` may decide over `asked`, and that `seen` is what stands there now.
    pub fn grant(
        asked: &Request,
        seen: &Digest,
        approvers: &BTreeSet<PersonRef>,
        by: PersonRef,
    ) -> Result<Self, NotGranted> {
        if asked.contributors.contains(&by) {
            Err(NotGranted::Contributor)
        } else if !approvers.contains(&by) {
            Err(NotGranted::NotAnApprover)
        } else if asked.statement != *seen {
            Err(NotGranted::Moved)
        } else if asked.agreed.iter().any(|(known, _)| *known == by) {
            Err(NotGranted::Twice)
        } else {
            Ok(Self { statement: seen.clone(), by })
        }
    }

    /// Returns the statement and who approved it.
    pub fn into_parts(self) -> (Digest, PersonRef) {
        (self.statement, self.by)
    }
}

/// Where a request for a second person stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Nobody decided.
    Open,
    /// Someone agreed.
    Granted {
        /// Who.
        by: PersonRef,
        /// When.
        at: Millis,
    },
    /// Someone did not agree.
    Refused {
        /// Who.
        by: PersonRef,
        /// When.
        at: Millis,
        /// Why: a private text.
        reason: Option<Digest>,
    },
    /// What was asked moved.
    Invalidated {
        /// When.
        at: Millis,
    },
    /// Too few agreed in time, which is a refusal.
    Expired {
        /// When.
        at: Millis,
    },
}

/// A request for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked, as the digest of its statement.
    pub statement: Digest,
    /// Why a person is asked.
    pub why: Asked,
    /// Since when.
    pub since: Millis,
    /// Who contributed and so does not decide.
    pub contributors: BTreeSet<PersonRef>,
    /// Who agreed so far, and when.
    pub agreed: Vec<(PersonRef, Millis)>,
    /// Who of them signed it with a key of their own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<PersonRef>,
    /// Where it stands.
    pub decision: Decision,
}
