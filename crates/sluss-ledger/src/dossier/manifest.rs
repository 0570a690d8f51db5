//! `manifest.json`: every file of a dossier by digest, and the streams that it has.
//!
//! # Invariants
//!
//! - A manifest has one spelling: [`Manifest::parse`] accepts only what [`Manifest::to_json`]
//!   writes. Files are sorted by path and listed once; the manifest and its signature are not.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// Payload type of the signed manifest.
pub const MANIFEST_PAYLOAD: &str = "application/vnd.sluss.dossier-manifest.v1+json";

/// The `format` of manifests.
const FORMAT: &str = "sluss.dossier-manifest.v1";

/// What is in a dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// The release that it is about.
    pub release: String,
    /// Origin of the log.
    pub origin: String,
    /// Size of the log at the dossier's checkpoint.
    pub size: u64,
    /// Root of the log at that size.
    pub root: Hash,
    /// How long it is kept, such as `10y`.
    pub retention: String,
    /// The streams that the events are of, sorted by name.
    pub streams: Vec<StreamExtent>,
    /// What was deleted under a policy, sorted by digest.
    pub disposed: Vec<Disposed>,
    /// All other files, sorted by path.
    pub files: Vec<FileEntry>,
}

/// How much of a stream is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamExtent {
    /// The stream.
    pub stream: String,
    /// Whether it is there from its first event on without a gap; else it is an excerpt.
    pub complete: bool,
    /// Number of its first event that is there.
    pub first: u64,
    /// Number of its last event that is there.
    pub last: u64,
    /// How many events of it are there.
    pub count: u64,
    /// Leaf hash of its last event that is there.
    pub head: Hash,
}

/// Something that was deleted under a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposed {
    /// Digest of what it was.
    pub sha256: Hash,
    /// Its retention class.
    pub class: String,
    /// Leaf of the `blob.disposed` event that says so, which is in the dossier.
    pub leaf: u64,
}

/// A file by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: Hash,
    /// Its length in bytes.
    pub size: u64,
}

/// What a manifest is made of; lists may come in any order.
pub(crate) struct Draft {
    pub(crate) release: String,
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) retention: String,
    pub(crate) streams: Vec<StreamExtent>,
    pub(crate) disposed: Vec<Disposed>,
    pub(crate) files: Vec<FileEntry>,
}

impl From<Draft> for Manifest {
    fn from(draft: Draft) -> Self {
        let Draft { release, origin, size, root, retention, mut streams, mut disposed, mut files } =
            draft;
        streams.sort_by(|left, right| left.stream.cmp(&right.stream));
        disposed.sort_by_key(|disposed| disposed.sha256);
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let format = FORMAT.to_owned();
        Self { format, release, origin, size, root, retention, streams, disposed, files }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] where the bytes are not exactly those that [`Manifest::to_json`] writes,
    /// or a list is not sorted.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format(manifest.format));
        }
        check_release(&manifest.release)?;
        let sorted = manifest.files.windows(2).all(|two| two[0].path < two[1].path)
            && manifest.streams.windows(2).all(|two| two[0].stream < two[1].stream)
            && manifest.disposed.windows(2).all(|two| two[0].sha256 < two[1].sha256);
        if !sorted {
            return Err(ManifestError::Order);
        }
        if manifest.to_json().as_bytes() != bytes {
            return Err(ManifestError::Spelling);
        }
        Ok(manifest)
    }

    /// Returns the manifest as JSON, which is what is signed.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("BUG: text and numbers have a JSON form")
    }
}

/// A release is named by letters, digits, `.`, `_` and `-`: its name stands in files' names, on the
/// page and in reports.
pub(crate) fn check_release(release: &str) -> Result<(), ManifestError> {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if release.is_empty() || release.len() > 100 || !release.bytes().all(byte) {
        return Err(ManifestError::Release(release.chars().take(100).collect()));
    }
    Ok(())
}

/// Why a manifest was refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not of the form.
    #[error("not a manifest of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another format.
    #[error("a manifest of format {0:?}, where {FORMAT} is read")]
    Format(String),
    /// The release has a name that releases do not have.
    #[error("{0:?} is not the name of a release: letters, digits, `.`, `_` and `-`, at most 100")]
    Release(String),
    /// A list is not sorted, or has something twice.
    #[error("files, streams or disposed blobs are not sorted, or listed twice")]
    Order,
    /// The content is right, but not written in the one way.
    #[error("the manifest is not written in its one spelling")]
    Spelling,
}
