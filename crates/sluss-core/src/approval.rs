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

use crate::basis::{Basis, RiskSaid, Seen};
use crate::event::{Event, Stream};
use crate::ids::{
    CommitId, DeploymentId, Digest, EnvironmentName, ExceptionId, Malformed, PersonRef, ReleaseId,
    ServiceName, TemplateRef, counted,
};
use crate::state::State;
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
    /// Somebody who made it wrote, or agreed to, rules that ask less.
    OwnRules,
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
            Self::OwnRules => "Who made it has agreed to rules that ask less.",
            Self::Unisolated => "Its steps ran without isolation that holds.",
        }
    }
}

/// Everything that an approval of a deployment is bound to. Its digest is over its JSON text, with
/// the fields in this order and no whitespace; times are milliseconds since 1970.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Statement<'a> {
    pub format: &'static str,
    pub subject: Subject,
    pub service: &'a ServiceName,
    pub release: ReleaseId,
    /// Their digests, sorted.
    pub artifacts: BTreeSet<&'a Digest>,
    pub commit: &'a CommitId,
    /// What was live there, or null.
    pub base_commit: Option<&'a CommitId>,
    /// What differs from that, or null where it could not be read.
    pub diff_sha256: Option<&'a Digest>,
    pub template: &'a TemplateRef,
    pub template_sha256: &'a Digest,
    pub policy_sha256: &'a Digest,
    pub config_sha256: &'a Digest,
    pub environments: [&'a EnvironmentName; 1],
    pub evidence_sha256: &'a Digest,
    pub risk: RiskSaid,
    pub valid_from: Millis,
    pub valid_until: Millis,
    pub nonce: &'a str,
}

impl Statement<'_> {
    /// What its first field says.
    pub const FORMAT: &'static str = "urn:sluss/statement/v1";

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
    /// What was asked moved, or an approval of it counts no more.
    Invalidated {
        /// When.
        at: Millis,
        /// Why, where the log says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<VoidWhy>,
    },
    /// Too few agreed in time, which is a refusal.
    Expired {
        /// When.
        at: Millis,
    },
}

/// Why an approval, or a request for one, is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidWhy {
    /// Something of its statement moved, or it said less than statements do now.
    StatementMoved,
    /// The organisation asks for something else: policy, people, rules or calendar.
    PolicyChanged,
    /// What is live there is not what it was compared with, nor part of what was looked at.
    BaseMoved,
    /// A scanner found something critical that was not known when it was asked.
    CriticalFinding,
    /// A piece of evidence that there was is another one now.
    EvidenceReplaced,
    /// Evidence speaks against it that did not when it was asked.
    EvidenceNegative,
    /// More people contributed than were known when it was asked.
    MoreContributors,
    /// Who agreed may no longer fill a slot: a delegation ended, or a role was lost.
    RightLost,
    /// Its term ended before it was used.
    Expired,
    /// Somebody who had agreed took that back.
    Revoked,
    /// What it was about does not wait any more: something newer took its place, or it was refused.
    Overtaken,
}

impl VoidWhy {
    /// Returns the reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::StatementMoved => "What it was about is not what stands there now.",
            Self::PolicyChanged => {
                "The organisation's rules are not those that it was asked under."
            }
            Self::BaseMoved => "What is live there is not what it was compared with.",
            Self::CriticalFinding => "A scanner found something critical since.",
            Self::EvidenceReplaced => "A piece of its evidence is another one now.",
            Self::EvidenceNegative => "Evidence speaks against it now.",
            Self::MoreContributors => "More people contributed than were known.",
            Self::RightLost => "Who agreed may no longer.",
            Self::Expired => "Its term ended before it was used.",
            Self::Revoked => "Somebody who had agreed took that back.",
            Self::Overtaken => "What it was about does not wait any more.",
        }
    }
}

/// A standard change that stands for an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automated {
    /// Of what.
    pub subject: Subject,
    /// The statement that it stands for an approval of, by its digest.
    pub statement: Digest,
    /// The standard change.
    pub exception: ExceptionId,
    /// The digest of its model.
    pub model_sha256: Digest,
    /// Until when it counts, where its statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Millis>,
    /// What stands behind it, where its statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
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
    /// Until when an approval of it counts, where its statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Millis>,
    /// What stands behind it, where its statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// What there was that may be another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Where it stands.
    pub decision: Decision,
}

impl Request {
    /// Returns whether it ended with what it was about, and not by anybody's word.
    pub(crate) fn is_overtaken(&self) -> bool {
        matches!(self.decision, Decision::Invalidated { why: Some(VoidWhy::Overtaken), .. })
    }

    /// Returns until when the approval counts that was given; where its statement says nothing, so
    /// many days from then on.
    pub fn ends(&self, days: u32) -> Option<Millis> {
        let Decision::Granted { at, .. } = &self.decision else { return self.valid_until };
        Some(self.valid_until.unwrap_or_else(|| at.plus(term_ms(days))))
    }
}

/// Folds that something was asked.
pub(crate) fn ask(state: &mut State, now: Millis, event: &Event) {
    let Event::ApprovalRequested { subject, statement, why, valid_until, basis } = event else {
        return;
    };
    let request = Request {
        statement: statement.clone(),
        why: *why,
        since: now,
        contributors: state.contributors_to(*subject),
        agreed: Vec::new(),
        signed: BTreeSet::new(),
        valid_until: *valid_until,
        basis: basis.clone(),
        seen: Some(Seen::now(state, *subject)),
        decision: Decision::Open,
    };
    state.requests.insert(*subject, request);
}

/// Returns so many days in milliseconds.
pub(crate) fn term_ms(days: u32) -> i64 {
    i64::from(days) * 86_400_000
}
