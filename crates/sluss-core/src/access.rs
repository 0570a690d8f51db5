//! Access: who may decide, deploy and administer at which time, what changed that, and who looked.
//!
//! # Invariants
//!
//! - Who had which role at a time follows from the configurations that were in force and from what
//!   was delegated then; nothing else gives one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::{Delegation, Organisation};
use crate::event::Event;
use crate::ids::{Digest, GroupName, Malformed, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// What somebody may do, written `developer`, `approver` or `group:NAME`. Who develops deploys, and
/// proposes changes of the platform repository; who is in a group or an approver decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Role {
    /// May push, promote, freeze and roll back.
    Developer,
    /// May be the second person where no rule says who.
    Approver,
    /// May be the second person where a rule names this group.
    Group(GroupName),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Developer => f.write_str("developer"),
            Self::Approver => f.write_str("approver"),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl FromStr for Role {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        match (text, text.strip_prefix("group:")) {
            ("developer", _) => Ok(Self::Developer),
            ("approver", _) => Ok(Self::Approver),
            (_, Some(name)) => Ok(Self::Group(name.parse()?)),
            (_, None) => Err(Malformed {
                found: text.chars().take(80).collect(),
                expected: "`developer`, `approver` or `group:NAME`",
            }),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// Who got a role and who lost it, with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleChanged {
    /// The number of the configuration.
    pub number: u64,
    /// Which role.
    pub role: Role,
    /// Who has it from now on.
    pub gained: BTreeSet<PersonRef>,
    /// Who has it no more.
    pub lost: BTreeSet<PersonRef>,
}

/// A person looked at who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessReview {
    /// Who looked.
    pub by: PersonRef,
    /// The number of the configuration that was in force.
    pub number: u64,
    /// What they found: a private text.
    pub findings: Digest,
}

/// How long after one review of access the next is due: a year of 365 days
/// (RTS (EU) 2024/1774, Article 21; to be verified against the original).
pub const REVIEW_EVERY_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// Who had which role at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessAt<'a> {
    /// The number of the configuration that was in force.
    pub number: u64,
    /// Since when it was.
    pub since: Millis,
    /// Who had which role by it.
    pub roles: BTreeMap<Role, BTreeSet<PersonRef>>,
    /// Who decided for somebody else.
    pub delegations: Vec<&'a Delegation>,
}

impl Organisation {
    /// Returns who has which role.
    pub fn roles(&self) -> BTreeMap<Role, BTreeSet<PersonRef>> {
        let groups = self.groups.iter();
        let groups = groups.map(|(name, members)| (Role::Group(name.clone()), members.clone()));
        let own =
            [(Role::Developer, self.developers.clone()), (Role::Approver, self.approvers.clone())];
        own.into_iter().chain(groups).collect()
    }
}

impl State {
    /// Returns that a configuration is activated, and what that changes of people's roles.
    pub(crate) fn with_roles(&self, number: u64, activated: Event) -> Vec<Event> {
        let before = self.organisation.as_ref().map(Organisation::roles).unwrap_or_default();
        let after = self.proposals.get(&number).map(|one| one.organisation.roles());
        let after = after.unwrap_or_default();
        let none = BTreeSet::new();
        let roles: BTreeSet<&Role> = before.keys().chain(after.keys()).collect();
        let changed = roles.into_iter().filter_map(|role| {
            let (old, new) = (before.get(role).unwrap_or(&none), after.get(role).unwrap_or(&none));
            let gained: BTreeSet<PersonRef> = new.difference(old).cloned().collect();
            let lost: BTreeSet<PersonRef> = old.difference(new).cloned().collect();
            let any = !gained.is_empty() || !lost.is_empty();
            any.then(|| RoleChanged { number, role: role.clone(), gained, lost })
        });
        [activated].into_iter().chain(changed.map(Event::AccessRoleChanged)).collect()
    }

    /// Returns who had which role at `at`; nothing before the first configuration.
    pub fn access_at(&self, at: Millis) -> Option<AccessAt<'_>> {
        let activated = self.proposals.iter().filter_map(|(number, one)| {
            let since = one.activated.filter(|since| *since <= at)?;
            Some((since, *number, one))
        });
        let (since, number, found) =
            activated.max_by_key(|(since, number, _)| (*since, *number))?;
        let delegations = self.delegations.iter().filter(|one| one.holds(at)).collect();
        Some(AccessAt { number, since, roles: found.organisation.roles(), delegations })
    }

    /// Returns when the next review of access is due: a year after the last one, or after the first
    /// configuration.
    pub fn access_review_due(&self) -> Option<Millis> {
        let last = self.assurance.access_reviews.last().map(|review| review.at);
        let first = || self.proposals.values().filter_map(|one| one.activated).min();
        Some(last.or_else(first)?.plus(REVIEW_EVERY_MS))
    }
}
