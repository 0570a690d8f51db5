//! The dossier: the evidence of one release as one file, which a person reads and a machine checks
//! without the platform that wrote it.
//!
//! ```text
//! index.html  VERIFY.md  manifest.json  manifest.dsse.json  checkpoint  checkpoint.tsr
//! events/<leaf>.json  events/<leaf>.tlog-proof  attestations/<leaf>.sigstore.json
//! release.intoto.jsonl  blobs/<sha256>  sbom.cdx.json  controls.cdx.json  identities.json
//! policy/<leaf of the decision>/{bundle,data.json,input.json,result.json}
//! trust/{vkey,log-keys.json,keys.json,trusted_root.json,tlog-policy}
//! ```
//!
//! [`build`] writes it, [`verify`](verify()) checks it, [`archive`] is its form as a zip.
//!
//! # Invariants
//!
//! - The same parts give the same bytes: names are sorted, times fixed, signatures deterministic.
//! - Each check is passed, failed or *not checked*; what was not checked never counts as passed.
//! - What the dossier itself brings as keys convinces nobody: signatures are then not checked.
//!
//! Not here: reading files, and which events belong to a release.

pub mod archive;
mod build;
mod guide;
mod html;
mod layout;
mod log_keys_file;
mod manifest;
mod report;
mod trust;
mod verify;

use std::collections::BTreeMap;

pub use build::{
    AttestationPart, BuildError, EventPart, Identity, Parts, PolicyRecord, TrustParts, build,
};
pub use layout::{Place, PolicyFile, place_of};
pub use log_keys_file::LogKeysFileError;
pub use manifest::{Disposed, FileEntry, MANIFEST_PAYLOAD, Manifest, ManifestError, StreamExtent};
pub use report::{Check, Failure, Outcome, Report};
pub use trust::{KeySpan, Trust, TrustError, TrustSource, TrustedKeys};
pub use verify::{
    ApprovalRules, Options, PolicyReplay, Quorum, Replayed, SignedEvent, Timestamps, verify,
};

/// The files of a dossier by their path, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;
