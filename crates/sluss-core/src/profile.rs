//! Named rules that supervisors' texts ask for: who may agree under them, beside who did not
//! contribute.

use serde::{Deserialize, Serialize};

use crate::approval::Subject;
use crate::config::Organisation;
use crate::ids::{GroupName, PersonRef};
use crate::slots::Rule;
use crate::state::State;
use crate::units::Millis;

/// How long training counts: 365 days, in milliseconds (PCI DSS 4.0.1, 6.2.2: every 12 months).
const TRAINED_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// A named rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Who approves is of another function than who requests and implements (RTS (EU) 2024/1774,
    /// Article 17(1)(b)): nobody with the role of a developer agrees.
    Dora,
    /// Author, reviewer and who approves the release are three people; the reviewer reviewed the
    /// code of each change of it, and was trained within a year (PCI DSS 4.0.1, 6.2.3.1 and 6.2.2).
    PciManualReview,
}

impl Profile {
    /// The group of reviewers.
    pub const REVIEWERS: &str = "reviewers";

    /// Returns the groups that agree where its rule names none, each with one person.
    pub fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Dora => &[Organisation::APPROVERS],
            Self::PciManualReview => &[Self::REVIEWERS, Organisation::APPROVERS],
        }
    }

    /// Returns whether `who` may fill a slot of `group` at `now`.
    pub fn admits(
        self,
        organisation: &Organisation,
        group: &GroupName,
        who: &PersonRef,
        now: Millis,
    ) -> bool {
        match self {
            Self::Dora => !organisation.developers.contains(who),
            Self::PciManualReview if group.as_str() == Self::REVIEWERS => organisation
                .training
                .get(who)
                .is_some_and(|at| (0..=TRAINED_MS).contains(&now.since(*at))),
            Self::PciManualReview => true,
        }
    }

    /// Returns whether who fills the place of a reviewer reviewed the code of what is released.
    pub fn reviews_code(self) -> bool {
        match self {
            Self::Dora => false,
            Self::PciManualReview => true,
        }
    }

    /// Returns why somebody whom it does not admit may not agree.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Dora => {
                "Under `dora`, who may request and implement releases does not approve them."
            }
            Self::PciManualReview => {
                "Under `pci-manual-review`, a reviewer was trained within the last year."
            }
        }
    }
}

impl State {
    /// Returns whether the profile of `rule` lets `who` fill its slot of `group` at `now`.
    pub fn admits(&self, rule: &Rule, group: &GroupName, who: &PersonRef, now: Millis) -> bool {
        match (rule.profile, &self.organisation) {
            (None, _) => true,
            (Some(profile), Some(organisation)) => profile.admits(organisation, group, who, now),
            (Some(_), None) => false,
        }
    }

    /// Returns whether `who` may fill some slot of the rules of `subject`.
    pub fn admits_some(&self, subject: Subject, who: &PersonRef, now: Millis) -> bool {
        self.kept_out(subject, who, now).is_none_or(|(_, some)| some)
    }

    /// Returns a profile that keeps `who` from a slot of a group that they are in, and whether
    /// there is another slot for them.
    pub(crate) fn kept_out(
        &self,
        subject: Subject,
        who: &PersonRef,
        now: Millis,
    ) -> Option<(Profile, bool)> {
        let (rules, groups) = (self.rules_of(subject), self.groups_for(subject, now));
        let slots = rules.iter().flat_map(|rule| rule.slots.keys().map(move |group| (rule, group)));
        let theirs = slots.filter(|(_, of)| groups.get(*of).is_some_and(|all| all.contains(who)));
        let (open, shut): (Vec<_>, Vec<_>) =
            theirs.partition(|(rule, group)| self.admits(rule, group, who, now));
        let profile = shut.iter().find_map(|(rule, _)| rule.profile)?;
        Some((profile, !open.is_empty()))
    }
}
