//! Artifacts: what a run leaves, as OCI artifacts that any registry can hold.
//!
//! # Invariants
//!
//! - The same files under the same labels have the same digest: order, times and owners are fixed.
//! - Nothing is unpacked whose digest was not checked first, and nothing outside the destination
//!   is ever written; a destination appears whole or not at all.
//!
//! Where blobs are kept is behind [`BlobSink`] and [`BlobSource`].

use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sluss_core::ids::{ArtifactName, CommitId, Digest, ServiceName};

mod files;
mod pack;
mod path;
#[cfg(test)]
mod tests;
mod unpack;

pub use pack::pack;
pub use unpack::{parts, unpack};

/// The most bytes of a layer, and of all files of an artifact together.
pub(crate) const MOST_BYTES: u64 = 8 << 30;
/// The most files and folders of an artifact.
pub(crate) const MOST_ENTRIES: usize = 200_000;
/// The most bytes of a manifest.
const MOST_MANIFEST: u64 = 1 << 20;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT: &str = "application/vnd.sluss.artifact.v1";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Takes blobs.
pub trait BlobSink {
    /// Stores what `reader` gives; returns its digest and size.
    fn put(&self, reader: &mut dyn Read) -> io::Result<(Digest, u64)>;
}

/// Gives blobs.
pub trait BlobSource {
    /// Opens the blob of this digest; what is read need not have that digest.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>>;
}

/// What an artifact says about where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Whose it is.
    pub service: ServiceName,
    /// What it was built from.
    pub commit: CommitId,
}

/// An artifact that has been stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its name.
    pub name: ArtifactName,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The size of its files, as packed.
    pub bytes: u64,
}

/// Why an artifact could not be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// An output is not as promised.
    #[error("the output `{}` {why}", path.display())]
    Output {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What is stored is not what its digest says.
    #[error("the content of {0} was changed")]
    Changed(Digest),
    /// What is stored is no artifact of ours.
    #[error("{digest} is not an artifact: {why}")]
    NotAnArtifact {
        /// Which.
        digest: Digest,
        /// Why not.
        why: String,
    },
    /// It has too many or too large files.
    #[error("the artifact has more than {MOST_ENTRIES} files or {MOST_BYTES} bytes")]
    TooLarge,
    /// A file or blob could not be read or written.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl ArtifactError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// An OCI image manifest (1.1), as far as it is used here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// Names a blob.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Descriptor {
    fn of(media_type: &str, (digest, size): (Digest, u64)) -> Self {
        Self { media_type: media_type.to_owned(), digest: format!("sha256:{digest}"), size }
    }

    fn digest(&self) -> Option<Digest> {
        self.digest.strip_prefix("sha256:")?.parse().ok()
    }
}
