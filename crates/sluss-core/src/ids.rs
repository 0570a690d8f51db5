//! Names, ids and digests: every word of the domain that identifies something has its own type.
//!
//! # Invariants
//!
//! - A value of these types is well-formed: they are only made by parsing or by counting.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Says why a text is not the name, id or digest that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct Malformed {
    /// What was found.
    pub found: String,
    /// What would have been right, with its article: "a service name (…)".
    pub expected: &'static str,
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                text.strip_prefix(concat!($prefix, "-"))
                    .filter(|digits| digits.len() < 16)
                    .and_then(counted)
                    .map(Self)
                    .ok_or_else(|| Malformed {
                        found: text.to_owned(),
                        expected: concat!("an id like `", $prefix, "-7`"),
                    })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }
    };
}

numbered!(
    /// Identifies a change: what someone wants in production.
    ChangeId, "chg");
numbered!(
    /// Identifies a run: one execution of a pipeline for a change.
    RunId, "run");
numbered!(
    /// Identifies a release: an immutable set of artifacts and configuration.
    ReleaseId, "rel");
numbered!(
    /// Identifies a deployment: the decision that a release be live in an environment.
    DeploymentId, "dep");
numbered!(
    /// Identifies an incident.
    IncidentId, "inc");
numbered!(
    /// Identifies a freeze.
    FreezeId, "frz");
numbered!(
    /// Identifies an exception from a gate.
    ExceptionId, "exc");
numbered!(
    /// Identifies a registered key of a person.
    AuthenticatorId, "key");
numbered!(
    /// Identifies a stop of the line.
    StopId, "stp");
numbered!(
    /// Identifies a legal hold.
    HoldId, "hld");
numbered!(
    /// Identifies a disposal of what is kept.
    DisposalId, "dsp");
numbered!(
    /// Identifies an erasure of a person.
    ErasureId, "ers");

/// Returns the number that `digits` is the one way to write.
pub(crate) fn counted(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

fn is_slug(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $longest:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                if is_slug(text, $longest) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Malformed { found: text.chars().take(80).collect(), expected: $expected })
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }
    };
}

slug!(
    /// Names a service: a deployable thing with a repository and a pipeline.
    ServiceName, 40,
    "a service name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a product: what customers use.
    ProductName, 40,
    "a product name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a team.
    TeamName, 40,
    "a team name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a group of people who may agree to releases.
    GroupName, 40,
    "a group name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names an environment: a place a release can be live in.
    EnvironmentName, 60,
    "an environment name (1 to 60 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a step of a pipeline.
    StepName, 60,
    "a step name (1 to 60 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a golden template, without its version.
    TemplateName, 40,
    "a template name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names a contract between services, without its version.
    ContractName, 60,
    "a contract's name (1 to 60 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names an apparent cause of incidents: the same name for all that have it.
    CauseName, 40,
    "a cause (1 to 40 of a-z, 0-9 and -, not starting or ending with -)");
slug!(
    /// Names an artifact within a release.
    ArtifactName, 60,
    "an artifact name (1 to 60 of a-z, 0-9 and -, not starting or ending with -)");

fn is_lower_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

macro_rules! hexadecimal {
    ($(#[$doc:meta])* $name:ident, $lengths:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the lower-case hexadecimal text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the first twelve digits, for people.
            pub fn short(&self) -> &str {
                &self.0[..12]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                if is_lower_hex(text, &$lengths) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Malformed { found: text.chars().take(80).collect(), expected: $expected })
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }
    };
}

hexadecimal!(
    /// A SHA-256 digest, in lower-case hexadecimal.
    Digest, [64], "a SHA-256 digest (64 lower-case hexadecimal digits)");
hexadecimal!(
    /// A Git commit id (SHA-1, or SHA-256 in repositories of that kind).
    CommitId, [40, 64], "a commit id (40 or 64 lower-case hexadecimal digits)");
hexadecimal!(
    /// Stands for a person in the log without naming them: SHA-256 over a salt of theirs and
    /// their id (the directory knows which person it is).
    PersonRef, [64], "a person reference (64 lower-case hexadecimal digits)");

impl Digest {
    /// Returns the SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }
}

impl PersonRef {
    /// Returns the reference of `person_id` under that person's own `salt`:
    /// `SHA-256("sluss/person/v1" ‖ 0x00 ‖ salt ‖ person_id)`.
    pub fn derive(salt: &[u8; 32], person_id: &str) -> Self {
        let mut input = b"sluss/person/v1\0".to_vec();
        input.extend_from_slice(salt);
        input.extend_from_slice(person_id.as_bytes());
        Self(Digest::of(&input).0)
    }
}

/// A template at an exact version, written `rust-service@2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TemplateRef {
    /// Which template.
    pub name: TemplateName,
    /// Its version, from 1.
    pub version: u32,
}

impl fmt::Display for TemplateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for TemplateRef {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(80).collect(),
            expected: "a template with its version, like `rust-service@1`",
        };
        let (name, version) = text.split_once('@').ok_or_else(wrong)?;
        let version = version.parse().ok().filter(|v| *v > 0).ok_or_else(wrong)?;
        Ok(Self { name: name.parse().map_err(|_| wrong())?, version })
    }
}

impl From<TemplateRef> for String {
    fn from(value: TemplateRef) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for TemplateRef {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}
