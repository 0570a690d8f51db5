//! What a push brings, and what is made of it: parts of events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{ArtifactName, CommitId, Digest, PersonRef, StepName};
use crate::pipeline::Pipeline;
use crate::units::Millis;

/// An artifact of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name.
    pub name: ArtifactName,
    /// The digest of its OCI manifest.
    pub digest: Digest,
    /// Its bytes, unpacked size included.
    pub bytes: u64,
}

/// Why a change ends without having been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnReason {
    /// The push that announced it did not complete.
    PushIncomplete,
    /// Its branch was deleted before it was merged.
    BranchDeleted,
    /// A newer push to the same branch replaced it.
    Replaced,
}

/// What a change is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The branch.
    pub branch: String,
    /// Whether it is the branch that is delivered.
    pub trunk: bool,
    /// The branch's commit before.
    pub old: Option<CommitId>,
    /// The branch's commit now.
    pub commit: CommitId,
    /// How many commits came.
    pub commits: u32,
    /// When the earliest of them was written, as far as Git says.
    pub written: Millis,
    /// Everyone who contributed: authors, committers, co-authors and who pushed.
    pub contributors: BTreeSet<PersonRef>,
    /// Who had which hand in it, where that is known.
    #[serde(default, skip_serializing_if = "Hands::is_unknown")]
    pub hands: Hands,
    /// Work items that it names, like `PAY-123`.
    pub work_items: BTreeSet<String>,
    /// The first line of its message, as a private text.
    pub title: Digest,
    /// What is to be done with it.
    pub pipeline: Pipeline,
    /// Steps whose condition does not hold for its branch and paths.
    pub left_out: BTreeSet<StepName>,
}

/// Who had which hand in a push. Each of them is among its contributors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hands {
    /// Who wrote commits.
    #[serde(default)]
    pub authors: BTreeSet<PersonRef>,
    /// Who committed them.
    #[serde(default)]
    pub committers: BTreeSet<PersonRef>,
    /// Whom their messages name as ones who wrote them.
    #[serde(default)]
    pub co_authors: BTreeSet<PersonRef>,
    /// Who pushed them.
    #[serde(default)]
    pub pusher: Option<PersonRef>,
    /// Who triggered the run: by that push.
    #[serde(default)]
    pub trigger: Option<PersonRef>,
}

impl Hands {
    /// Returns whether nothing is known of them: the log was written before they were told apart.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
