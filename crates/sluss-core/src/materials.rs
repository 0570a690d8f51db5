//! What a release is made of: its bill of materials, or why there is none.
//!
//! # Invariants
//!
//! - A bill of materials that cannot be made is absent and says why; it is never empty.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{Digest, ReleaseId};
use crate::state::State;

/// What a release is made of, as far as its lock files say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Materials {
    /// A bill of materials (CycloneDX 1.6) lists it.
    Listed {
        /// The digest of its text.
        sbom: Digest,
        /// How many components it lists.
        components: NonZeroU32,
        /// The lock files that it was made from.
        from: Vec<String>,
    },
    /// There is none.
    Absent {
        /// Why not.
        why: NoSbom,
    },
}

/// Why there is no bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NoSbom {
    /// No lock file stands at the root of the repository.
    NoLockFile,
    /// This file says what is needed, and no lock file beside it which versions of that.
    Unlocked {
        /// Which file.
        file: String,
    },
    /// This file belongs to a packager whose lock files are not read, or is a document in a form
    /// that is not.
    NotRead {
        /// Which file.
        file: String,
    },
    /// This lock file is not understood.
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong with it: a private text.
        why: Option<Digest>,
    },
    /// The lock files list nothing.
    Nothing,
}

impl NoSbom {
    /// Returns the reason as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::NoLockFile => "No lock file stands at the root of its repository.".to_owned(),
            Self::Unlocked { file } => {
                format!("`{file}` has no lock file beside it, so versions are not known.")
            }
            Self::NotRead { file } => {
                format!("`{file}` belongs to a packager, or has a form, that is not read.")
            }
            Self::Malformed { file, .. } => {
                format!("`{file}` does not say exactly what is installed.")
            }
            Self::Nothing => "Its lock files list nothing.".to_owned(),
        }
    }
}

impl State {
    /// Returns the releases of which it is not recorded yet what they are made of.
    pub fn to_inventory(&self) -> Vec<ReleaseId> {
        let open = self.releases.iter().filter(|(_, release)| release.materials.is_none());
        open.map(|(id, _)| *id).collect()
    }

    /// Returns what is appended to record it; nothing where it is known already.
    pub(crate) fn record_materials(&self, release: ReleaseId, materials: Materials) -> Vec<Event> {
        let unknown = self.releases.get(&release).is_some_and(|known| known.materials.is_none());
        let recorded = Event::SbomRecorded { release, materials };
        unknown.then_some(recorded).into_iter().collect()
    }
}
