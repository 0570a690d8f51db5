//! What a push is, in types: who pushes what to where, and how it is answered.
//!
//! # Invariants
//!
//! - A [`RefName`] lies under `refs/heads/` or `refs/tags/`, is at most 250 bytes long and has no
//!   control characters.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sluss_core::ids::{CommitId, Malformed, ServiceName};

use super::MAIN;
use super::git::ObjectAccess;

/// Names a repository: like the service it holds, or `platform`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RepositoryName(ServiceName);

impl RepositoryName {
    /// Returns the name of the repository that holds the organisation's configuration.
    pub fn platform() -> Self {
        Self("platform".parse().expect("`platform` is well-formed"))
    }

    /// Says whether this is the repository that holds the organisation's configuration.
    pub fn is_platform(&self) -> bool {
        self.as_str() == "platform"
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<ServiceName> for RepositoryName {
    fn from(name: ServiceName) -> Self {
        Self(name)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0.into()
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl FromStr for RepositoryName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.parse().map(Self).map_err(|error: Malformed| Malformed {
            found: error.found,
            expected: "a repository name (1 to 40 of a-z, 0-9 and -, not starting or ending \
                       with -)",
        })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The login that a push came in with, as the HTTP layer authenticated it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pusher(pub String);

impl fmt::Display for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const LONGEST_REF_BYTES: usize = 250;

/// The full name of a branch or a tag, such as `refs/heads/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RefName(String);

impl RefName {
    /// Returns the ref of the branch `name`.
    pub fn of_branch(name: &str) -> Result<Self, Malformed> {
        format!("refs/heads/{name}").parse()
    }

    /// Returns the full name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the branch's short name, if this is a branch.
    pub fn branch(&self) -> Option<&str> {
        self.0.strip_prefix("refs/heads/")
    }

    /// Returns the tag's short name, if this is a tag.
    pub fn tag(&self) -> Option<&str> {
        self.0.strip_prefix("refs/tags/")
    }

    /// Says whether this is the branch that changes go to production from.
    pub fn is_main(&self) -> bool {
        self.branch() == Some(MAIN)
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RefName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let short = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
        let usable = |short: &&str| {
            !short.is_empty()
                && text.len() <= LONGEST_REF_BYTES
                && *short != "HEAD"
                && !short.contains("..")
                && !short.contains("@{")
                && short.split('/').all(|part| {
                    !part.is_empty()
                        && !part.starts_with(['.', '-'])
                        && !part.ends_with('.')
                        && !part.ends_with(".lock")
                })
                && !short.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
        };
        match short.filter(usable) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(Malformed {
                found: text.chars().filter(|c| !c.is_control()).take(80).collect(),
                expected: "a branch or tag name (refs/heads/… or refs/tags/…, at most 250 bytes)",
            }),
        }
    }
}

impl From<RefName> for String {
    fn from(name: RefName) -> Self {
        name.0
    }
}

impl TryFrom<String> for RefName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// One ref that a push moves: made where `old` is absent, deleted where `new` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// Which ref.
    pub name: RefName,
    /// What it is before the push.
    pub old: Option<CommitId>,
    /// What it becomes; for an annotated tag the id of the tag.
    pub new: Option<CommitId>,
}

/// A push that waits for its answer; no ref has moved.
#[derive(Debug, Clone)]
pub struct Push {
    /// Where to.
    pub repository: RepositoryName,
    /// By whom.
    pub pusher: Pusher,
    /// Which refs, at least one.
    pub updates: Vec<RefUpdate>,
    /// What the pusher gave with `git push -o`.
    pub options: Vec<String>,
    /// Reads the repository together with what was just pushed.
    pub objects: ObjectAccess,
}

/// The answer to a push; the messages are shown to who pushes, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAnswer {
    /// The refs may move.
    Accepted {
        /// What the pusher is told.
        messages: Vec<String>,
    },
    /// No ref moves.
    Refused {
        /// Why not, for the pusher.
        messages: Vec<String>,
    },
}

/// What became of an accepted push.
#[derive(Debug, Clone)]
pub struct Received {
    /// Where to.
    pub repository: RepositoryName,
    /// By whom.
    pub pusher: Pusher,
    /// The refs that moved.
    pub moved: Vec<RefUpdate>,
    /// The refs that were accepted and did not move: Git failed, or the pusher went away.
    pub lost: Vec<RefUpdate>,
}

/// Decides over pushes and is told what became of them.
#[async_trait]
pub trait Pushes: Send + Sync + 'static {
    /// Decides over a push before any ref moves.
    async fn pushed(&self, push: Push) -> PushAnswer;

    /// Learns which refs of an accepted push have moved.
    async fn received(&self, push: Received);
}
