//! The log, snapshots, blobs and local accounts, on the disk of one machine.
//!
//! [`Log`] and [`Blobs`] are the seams; [`SqliteLog`] and [`FileBlobs`] are their embedded
//! defaults. Beside the log's table stand files derived from it (tiles, entry bundles, the
//! signed checkpoint), written by the publisher and compared by [`verify::verify`].
//!
//! # Invariants
//!
//! - The table `leaf` is the truth; whatever else is under `log/` and `snapshots/` can be
//!   deleted and is written again, the same bytes.
//! - An append that was answered is on the disk; one that failed left nothing behind.
//! - One process at a time has a data folder open for writing.
//!
//! Not here: what an event means (`sluss-core`), how leaves are hashed and proven
//! (`sluss-ledger`).

mod accounts;
mod attestation_key;
mod blobs;
mod clock;
mod folder;
mod key;
mod log;
mod prose;
mod publish;
mod reader;
mod ring;
mod snapshot;
mod sqlite;
mod text_keys;
mod tiles;
pub mod verify;

pub use accounts::{
    Account, AccountError, Accounts, ApiToken, NewAccount, NewSession, NewToken, Session,
};
pub use attestation_key::{adopt_attestation_key, attestation_key, stage_attestation_key};
pub use blobs::{BlobError, Blobs, FileBlobs, Removed};
pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy};
pub use folder::{DataFolder, FolderError};
pub use key::KeyError;
pub use log::{
    AppendError, Appended, Attestation, Draft, Log, ReadError, Refusal, Sealed, command_digest,
    is_stream,
};
pub use prose::{Prose, ProseError, TextsThere};
pub use reader::LogReader;
pub use sluss_spare::{Found, Spare};
pub use snapshot::{Snapshot, SnapshotError, Snapshots};
pub use sqlite::{Inclusion, InclusionError, LogOptions, OpenError, SqliteLog};
