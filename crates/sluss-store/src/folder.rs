//! The data folder: where each file is, and the lock that keeps a second control plane out.
//!
//! # Invariants
//!
//! - Folders made here are 0700: what is in them is the bank's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data folder that this process alone may write to, until this value is dropped.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    _lock: File,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it open.
    #[error("the data folder {} is in use by another Sluss process{by}", folder.display())]
    InUse {
        /// Which folder.
        folder: PathBuf,
        /// " (process 123)" where known, else nothing.
        by: String,
    },
    /// The folder or its lock cannot be made.
    #[error("the data folder {} cannot be used", folder.display())]
    Unusable {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl DataFolder {
    /// Opens the data folder at `root`, which is made if it does not exist, for this process
    /// alone.
    ///
    /// # Errors
    ///
    /// [`FolderError::InUse`] while another process has it open.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { folder: root.to_owned(), source };
        make_folder(root).map_err(unusable)?;
        let path = root.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let by = match holder.trim() {
                    "" => String::new(),
                    process => format!(" (process {process})"),
                };
                return Err(FolderError::InUse { folder: root.to_owned(), by });
            }
            Err(fs::TryLockError::Error(source)) => return Err(unusable(source)),
        }
        lock.set_len(0).map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Returns where the folder is.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Makes a folder, and those above it, readable by this user alone.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty file, readable by this user alone, where there is none. SQLite gives its
/// companion files the same mode.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let options = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    options.sync_all()
}

/// Writes a file so that after a crash it is either as before or whole: temporary file, fsync,
/// rename, fsync of the folder.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Writes a file so that nobody reads a part of it. Neither it nor its name is durable yet.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<File> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The database whose table `leaf` is the truth.
pub(crate) fn database(root: &Path) -> PathBuf {
    root.join("log.db")
}

/// Tiles, bundles and checkpoint: all derived from the database.
pub(crate) fn derived(root: &Path) -> PathBuf {
    root.join("log")
}

/// The signed checkpoint.
pub(crate) fn checkpoint(root: &Path) -> PathBuf {
    derived(root).join("checkpoint")
}

/// The private key that checkpoints are signed with.
pub(crate) fn key(root: &Path) -> PathBuf {
    root.join("keys").join("log.key")
}

/// The public key, in the spelling of C2SP `signed-note`.
pub(crate) fn vkey(root: &Path) -> PathBuf {
    root.join("keys").join("log.vkey")
}

/// The private key that a log was handed over to.
pub(crate) fn later_key(root: &Path, id: &str) -> PathBuf {
    root.join("keys").join(format!("log-{id}.key"))
}

/// Which keys count for which leaves, once one was handed over.
pub(crate) fn log_keys(root: &Path) -> PathBuf {
    root.join("keys").join("log.keys")
}

/// The private key that attestations are to be signed with next.
pub(crate) fn next_attestation_key(root: &Path) -> PathBuf {
    root.join("keys").join("attestation.next.key")
}

/// The private key that attestations are signed with.
pub(crate) fn attestation_key(root: &Path) -> PathBuf {
    root.join("keys").join("attestation.key")
}

/// Its public half, in PEM.
pub(crate) fn attestation_pub(root: &Path) -> PathBuf {
    root.join("keys").join("attestation.pub")
}

/// The keys of private texts.
pub(crate) fn text_keys(root: &Path) -> PathBuf {
    root.join("keys").join("texts.keys")
}

/// Content-addressed storage.
pub(crate) fn blobs(root: &Path) -> PathBuf {
    root.join("blobs")
}

/// Private free text, erasable.
pub(crate) fn prose(root: &Path) -> PathBuf {
    root.join("prose")
}
