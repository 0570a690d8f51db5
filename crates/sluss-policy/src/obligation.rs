//! What a policy may ask for besides: only what the core knows how to check.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Approvals that one obligation may ask for.
pub const APPROVALS_MOST: u8 = 20;

/// One thing that the core checks before a gate opens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Obligation {
    /// So many persons of a role, none of them a contributor, no person twice.
    Approvals {
        /// The role.
        role: Role,
        /// How many, 1 to [`APPROVALS_MOST`].
        count: HowMany,
    },
    /// The candidate's first share is at most this until a verdict is in its favour.
    CanaryAtMost {
        /// The share in thousandths, 1 to 1000.
        permille: Share,
    },
}

impl Obligation {
    /// Returns it by the name that gates record while it is not met: `require:approvals:risk:1`.
    #[must_use]
    pub fn rule(&self) -> String {
        match self {
            Self::Approvals { role, count } => {
                format!("require:approvals:{}:{}", role.as_str(), count.get())
            }
            Self::CanaryAtMost { permille } => {
                format!("require:canary_at_most:{}", permille.get())
            }
        }
    }

    /// Whether meeting this one meets the other too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Approvals { role, count },
                Self::Approvals { role: their_role, count: theirs },
            ) => role == their_role && count >= theirs,
            (Self::CanaryAtMost { permille }, Self::CanaryAtMost { permille: theirs }) => {
                permille <= theirs
            }
            (Self::Approvals { .. }, Self::CanaryAtMost { .. })
            | (Self::CanaryAtMost { .. }, Self::Approvals { .. }) => false,
        }
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approvals { role, count } => {
                write!(f, "{} approval(s) by role {}", count.0, role.0)
            }
            Self::CanaryAtMost { permille } => {
                write!(f, "a first share of at most {} thousandths", permille.0)
            }
        }
    }
}

/// A role's name, not empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Role(String);

/// How many approvals, 1 to [`APPROVALS_MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct HowMany(u8);

/// A share in thousandths, 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Share(u16);

/// A value that no obligation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObligationRefused {
    /// A role without a name.
    #[error("a role without a name")]
    Role,
    /// No approvals, or too many.
    #[error("{0} approvals; ask for 1 to {APPROVALS_MOST}")]
    Count(u8),
    /// A share outside 1 to 1000.
    #[error("{0} thousandths; a share is 1 to 1000 of them")]
    Share(u16),
}

impl TryFrom<String> for Role {
    type Error = ObligationRefused;

    fn try_from(name: String) -> Result<Self, ObligationRefused> {
        if name.trim().is_empty() { Err(ObligationRefused::Role) } else { Ok(Self(name)) }
    }
}

impl TryFrom<u8> for HowMany {
    type Error = ObligationRefused;

    fn try_from(count: u8) -> Result<Self, ObligationRefused> {
        match count {
            1..=APPROVALS_MOST => Ok(Self(count)),
            _ => Err(ObligationRefused::Count(count)),
        }
    }
}

impl TryFrom<u16> for Share {
    type Error = ObligationRefused;

    fn try_from(permille: u16) -> Result<Self, ObligationRefused> {
        match permille {
            1..=1000 => Ok(Self(permille)),
            _ => Err(ObligationRefused::Share(permille)),
        }
    }
}

impl From<Role> for String {
    fn from(of: Role) -> Self {
        of.0
    }
}

impl From<HowMany> for u8 {
    fn from(of: HowMany) -> Self {
        of.0
    }
}

impl From<Share> for u16 {
    fn from(of: Share) -> Self {
        of.0
    }
}

impl Role {
    /// The role's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HowMany {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Share {
    /// The share in thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}
