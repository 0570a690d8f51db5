//! Invariants that are compiled in: what no policy, configuration or person relaxes. Whatever is
//! refused or shut for one of them names its id.
//!
//! # Invariants
//!
//! - An id is never given to anything else, and never renamed: logs hold them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::approval::{Asked, Decision, Subject, VoidWhy};
use crate::deployment::{Cause, HoldReason};
use crate::gate::{GateOutcome, RefusedWhy as ShutWhy, WaitingOn};
use crate::ids::{DeploymentId, GroupName, Malformed, PersonRef};
use crate::pipeline::GateKind;
use crate::refused::RefusedWhy;
use crate::state::State;

/// How the names begin of what no policy says and nobody waives.
pub const CORE: &str = "core.";

/// An invariant that is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Invariant {
    /// Who contributed does not decide.
    #[serde(rename = "core.sod.contributor")]
    SodContributor,
    /// Each place that a rule asks for is filled by another person.
    #[serde(rename = "core.sod.distinct")]
    SodDistinct,
    /// Who agreed to rules that ask less does not go by them alone.
    #[serde(rename = "core.sod.policy_approver")]
    SodPolicyApprover,
    /// It is known which people contributed.
    #[serde(rename = "core.identity.mapped")]
    IdentityMapped,
    /// Only a person who was just there decides: no program, no token, no old session.
    #[serde(rename = "core.identity.human")]
    IdentityHuman,
    /// A decision is about the digests that it was made for, and about no others.
    #[serde(rename = "core.digest_binding")]
    DigestBinding,
    /// A decision is about what stands there now.
    #[serde(rename = "core.statement_current")]
    StatementCurrent,
    /// Evidence counts once it is signed and in the log.
    #[serde(rename = "core.evidence_signed")]
    EvidenceSigned,
    /// Nothing starts or grows in a freeze, by whatever way it comes.
    #[serde(rename = "core.freeze")]
    Freeze,
    /// An emergency, or a waiver, reaches no further than what it was made for.
    #[serde(rename = "core.breakglass.scope")]
    BreakglassScope,
    /// What customers test is bounded in share and time.
    #[serde(rename = "core.canary.bounded")]
    CanaryBounded,
    /// Nothing is done that the log did not say before.
    #[serde(rename = "core.intent_logged")]
    IntentLogged,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SodContributor,
        Self::SodDistinct,
        Self::SodPolicyApprover,
        Self::IdentityMapped,
        Self::IdentityHuman,
        Self::DigestBinding,
        Self::StatementCurrent,
        Self::EvidenceSigned,
        Self::Freeze,
        Self::BreakglassScope,
        Self::CanaryBounded,
        Self::IntentLogged,
    ];

    /// Returns its id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SodContributor => "core.sod.contributor",
            Self::SodDistinct => "core.sod.distinct",
            Self::SodPolicyApprover => "core.sod.policy_approver",
            Self::IdentityMapped => "core.identity.mapped",
            Self::IdentityHuman => "core.identity.human",
            Self::DigestBinding => "core.digest_binding",
            Self::StatementCurrent => "core.statement_current",
            Self::EvidenceSigned => "core.evidence_signed",
            Self::Freeze => "core.freeze",
            Self::BreakglassScope => "core.breakglass.scope",
            Self::CanaryBounded => "core.canary.bounded",
            Self::IntentLogged => "core.intent_logged",
        }
    }

    /// Returns what it holds, as a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SodContributor => "Who contributed does not decide.",
            Self::SodDistinct => "Each place that a rule asks for is filled by another person.",
            Self::SodPolicyApprover => {
                "Who agreed to rules that ask less does not go by them alone."
            }
            Self::IdentityMapped => "It is known which people contributed.",
            Self::IdentityHuman => {
                "Only a person who was just there decides: no program, no token, no old session."
            }
            Self::DigestBinding => {
                "A decision is about the digests that it was made for, and about no others."
            }
            Self::StatementCurrent => "A decision is about what stands there now.",
            Self::EvidenceSigned => "Evidence counts once it is signed and in the log.",
            Self::Freeze => "Nothing starts or grows in a freeze, by whatever way it comes.",
            Self::BreakglassScope => {
                "An emergency, or a waiver, reaches no further than what it was made for."
            }
            Self::CanaryBounded => "What customers test is bounded in share and time.",
            Self::IntentLogged => "Nothing is done that the log did not say before.",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Invariant {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "the id of an invariant, like `core.freeze`",
        })
    }
}

impl RefusedWhy {
    /// Returns the invariant that who is refused for this would break, if it is one.
    pub const fn invariant(self) -> Option<Invariant> {
        match self {
            Self::Contributor => Some(Invariant::SodContributor),
            Self::SamePerson | Self::OwnKey | Self::NotAdmitted => Some(Invariant::SodDistinct),
            Self::StatementMoved => Some(Invariant::StatementCurrent),
            Self::OtherStatement => Some(Invariant::DigestBinding),
            Self::NotAPerson
            | Self::NotReauthenticated
            | Self::SignInTooOld
            | Self::UserNotVerified => Some(Invariant::IdentityHuman),
            Self::Unidentified => Some(Invariant::IdentityMapped),
            Self::OutOfScope => Some(Invariant::BreakglassScope),
            Self::Unbounded => Some(Invariant::CanaryBounded),
            Self::NotIntended => Some(Invariant::IntentLogged),
            Self::MissingRole
            | Self::ForgedForm
            | Self::SignIn
            | Self::SignedOut
            | Self::NotSigned
            | Self::KeyUnknown
            | Self::KeyNotVouched
            | Self::SignatureInvalid
            | Self::OtherOrigin
            | Self::CounterWentBack => None,
        }
    }
}

impl VoidWhy {
    /// Returns the invariant for which an approval counts no more, if it is one.
    pub const fn invariant(self) -> Option<Invariant> {
        match self {
            Self::StatementMoved
            | Self::PolicyChanged
            | Self::BaseMoved
            | Self::CriticalFinding
            | Self::EvidenceReplaced
            | Self::EvidenceNegative
            | Self::Expired => Some(Invariant::StatementCurrent),
            Self::MoreContributors => Some(Invariant::SodContributor),
            Self::RightLost | Self::Revoked | Self::Overtaken => None,
        }
    }
}

impl Cause {
    /// Returns the invariant for which it was taken back, if it is one.
    pub const fn invariant(self) -> Option<Invariant> {
        match self {
            Self::HeldTooLong => Some(Invariant::CanaryBounded),
            Self::Window => Some(Invariant::Freeze),
            Self::Verdict
            | Self::Slower
            | Self::Figures
            | Self::Objectives
            | Self::Silence
            | Self::Crashes
            | Self::NotReady
            | Self::LeaseLapsed
            | Self::ByHand
            | Self::Probe
            | Self::Failing => None,
        }
    }
}

impl HoldReason {
    /// Returns the invariant for which it grows no further, if it is one.
    pub const fn invariant(self) -> Option<Invariant> {
        match self {
            Self::NoProofInTime => Some(Invariant::CanaryBounded),
            Self::ByHand | Self::ForwardOnly => None,
        }
    }
}

impl WaitingOn {
    /// Returns the invariant that shuts the gate, as far as what it waits for says that.
    const fn invariant(&self) -> Option<Invariant> {
        match self {
            Self::Unknown { .. } => Some(Invariant::IdentityMapped),
            // Without a clock nobody knows which freeze holds.
            Self::Freeze { .. }
            | Self::Stopped { .. }
            | Self::Calendar { .. }
            | Self::CalendarText
            | Self::Clock => Some(Invariant::Freeze),
            Self::Provenance | Self::Sbom => Some(Invariant::EvidenceSigned),
            Self::Log => Some(Invariant::IntentLogged),
            Self::Review { .. } => Some(Invariant::BreakglassScope),
            Self::SecondPerson
            | Self::Budget { .. }
            | Self::NoTraffic
            | Self::Pace { .. }
            | Self::TooLittle { .. }
            | Self::Dependencies { .. }
            | Self::Policy { .. }
            | Self::PolicyAnswer { .. }
            | Self::Nobody { .. } => None,
        }
    }
}

impl State {
    /// Returns the invariant that shuts `gate` of a deployment by `outcome`, if it is one and not
    /// what policies or the configuration ask.
    pub fn shut_by(
        &self,
        id: DeploymentId,
        gate: GateKind,
        outcome: &GateOutcome,
    ) -> Option<Invariant> {
        match outcome {
            GateOutcome::Cleared { .. } => None,
            GateOutcome::Waiting { on: WaitingOn::SecondPerson } => {
                let request = self.requests.get(&Subject::Deployment(id));
                let own = request.is_some_and(|request| {
                    request.why == Asked::OwnRules && request.decision == Decision::Open
                });
                (gate == GateKind::FourEyes && own).then_some(Invariant::SodPolicyApprover)
            }
            GateOutcome::Waiting { on: WaitingOn::Nobody { group } } => {
                Some(self.why_nobody(id, group))
            }
            GateOutcome::Waiting { on } => on.invariant(),
            GateOutcome::Refused { why: ShutWhy::NoSbom { .. } } => Some(Invariant::EvidenceSigned),
            GateOutcome::Refused { .. } => None,
        }
    }

    /// Says why nobody of `group` may decide over a deployment: all contributed, or who did not is
    /// asked for another place already.
    fn why_nobody(&self, id: DeploymentId, group: &GroupName) -> Invariant {
        let subject = Subject::Deployment(id);
        let contributors = self.contributors_to(subject);
        let groups = self.groups_for(subject, self.time);
        let is_free = |all: &BTreeSet<PersonRef>| all.iter().any(|who| !contributors.contains(who));
        match groups.get(group).is_some_and(is_free) {
            true => Invariant::SodDistinct,
            false => Invariant::SodContributor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_the_same_everywhere() {
        for one in Invariant::ALL {
            assert_eq!(one.as_str().parse(), Ok(one));
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
            assert!(one.as_str().starts_with("core."));
        }
        assert!("core.allow".parse::<Invariant>().is_err());
    }
}
