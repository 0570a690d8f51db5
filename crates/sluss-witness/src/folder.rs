//! The witness' folder: its key, the last checkpoint of each log, and evidence of logs that lied.
//!
//! ```text
//! key                       private key, readable by this user alone
//! vkey                      public key
//! lock                      held while a witness serves
//! logs/<SHA-256 of origin>  last checkpoint that was cosigned, as the log signed it
//! evidence/<SHA-256>        requests that a log signed and that contradict the checkpoint above
//! ```
//!
//! # Invariants
//!
//! - A file is there whole or not at all, and durable when its writer returns: temporary file,
//!   fsync, rename, fsync of the folder.
//! - One process at a time serves from a folder.
//! - A folder without `logs` is not a new witness but one that lost its memory, and is refused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sluss_ledger::{Checkpoint, CheckpointError, Hash, Note, Origin};
use tempfile::NamedTempFile;

/// Most requests that are kept as evidence: a log that lies a thousand times has lied.
const MAX_EVIDENCE: usize = 1000;

/// The folder of a witness.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// A folder that this process alone serves from, until this value is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// Another process serves from it.
    #[error("another witness serves from {}", .0.display())]
    InUse(PathBuf),
    /// There is a witness in it already.
    #[error("{} has the key of a witness already", .0.display())]
    Taken(PathBuf),
    /// There is no witness in it.
    #[error("{} is not the folder of a witness, or has lost its key or its logs", .0.display())]
    NoWitness(PathBuf),
    /// A checkpoint in it cannot be read.
    #[error("the last checkpoint in {} is damaged", path.display())]
    Damaged {
        /// File of the checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// A checkpoint in it is of another log than its name says.
    #[error("the last checkpoint in {} is of another log, {found}", path.display())]
    Misplaced {
        /// File of the checkpoint.
        path: PathBuf,
        /// Whose it is.
        found: Origin,
    },
    /// The disk refused.
    #[error("{} cannot be read or written", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<(&Path, io::Error)> for FolderError {
    fn from((path, source): (&Path, io::Error)) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

impl Folder {
    /// Returns the folder at `root`, which need not be there.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the folder of a new witness.
    ///
    /// # Errors
    ///
    /// [`FolderError::Taken`] where there is one.
    pub(crate) fn make(&self, key: &str, vkey: &str) -> Result<(), FolderError> {
        for folder in [&self.root, &self.logs(), &self.evidence()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|source| (folder.as_path(), source))?;
        }
        let path = self.key();
        let failed = |source| FolderError::from((path.as_path(), source));
        match temporary(&path, key.as_bytes()).map_err(failed)?.persist_noclobber(&path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FolderError::Taken(self.root.clone()));
            }
            Err(error) => return Err(failed(error.error)),
        }
        write_durably(&self.vkey(), format!("{vkey}\n").as_bytes())
    }

    /// Keeps other processes from serving from the folder.
    ///
    /// # Errors
    ///
    /// [`FolderError::InUse`], or [`FolderError::NoWitness`] where it was not made or lost a part.
    pub(crate) fn hold(&self) -> Result<Held, FolderError> {
        if !self.key().is_file() || !self.logs().is_dir() {
            return Err(FolderError::NoWitness(self.root.clone()));
        }
        let path = self.root.join("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(|source| (path.as_path(), source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Held { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(self.root.clone())),
            Err(TryLockError::Error(source)) => Err((path.as_path(), source).into()),
        }
    }

    /// Returns the text of the private key.
    pub(crate) fn read_key(&self) -> Result<String, FolderError> {
        let path = self.key();
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FolderError::NoWitness(self.root.clone()))
            }
            read => read.map_err(|source| (path.as_path(), source).into()),
        }
    }

    /// Returns the last checkpoint of a log, or `None` where none was cosigned.
    pub(crate) fn last(&self, origin: &Origin) -> Result<Option<Checkpoint>, FolderError> {
        let path = self.log(origin);
        let found = read_checkpoint(&path)?;
        match found {
            Some(found) if found.origin != *origin => {
                Err(FolderError::Misplaced { path, found: found.origin })
            }
            found => Ok(found),
        }
    }

    /// Makes `checkpoint` the last one of the log at `origin`; it is durable on return.
    pub(crate) fn keep(&self, origin: &Origin, checkpoint: &Note) -> Result<(), FolderError> {
        write_durably(&self.log(origin), checkpoint.to_string().as_bytes())
    }

    /// Returns the last checkpoint of every log, by origin, with the file's time in seconds since
    /// 1970.
    pub(crate) fn all(&self) -> Result<Vec<(Checkpoint, u64)>, FolderError> {
        let logs = self.logs();
        let mut all = Vec::new();
        for entry in fs::read_dir(&logs).map_err(|source| (logs.as_path(), source))? {
            let entry = entry.map_err(|source| (logs.as_path(), source))?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            let at = entry.metadata().and_then(|file| file.modified());
            let at = at.map_err(|source| (path.as_path(), source))?;
            let at = at.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            all.extend(read_checkpoint(&path)?.map(|checkpoint| (checkpoint, at)));
        }
        all.sort_by(|(left, _), (right, _)| left.origin.cmp(&right.origin));
        Ok(all)
    }

    /// Keeps a request that a log signed and that contradicts its last checkpoint.
    pub(crate) fn keep_evidence(&self, request: &[u8]) -> Result<(), FolderError> {
        let path = self.evidence().join(Hash::sha256(request).to_string());
        if path.exists() || self.count_evidence()? >= MAX_EVIDENCE {
            return Ok(());
        }
        write_durably(&path, request)
    }

    /// Returns how many requests are kept as evidence.
    pub(crate) fn count_evidence(&self) -> Result<usize, FolderError> {
        let folder = self.evidence();
        let entries = fs::read_dir(&folder).map_err(|source| (folder.as_path(), source))?;
        Ok(entries.count())
    }

    fn key(&self) -> PathBuf {
        self.root.join("key")
    }

    fn vkey(&self) -> PathBuf {
        self.root.join("vkey")
    }

    fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Where evidence is kept.
    pub(crate) fn evidence(&self) -> PathBuf {
        self.root.join("evidence")
    }

    fn log(&self, origin: &Origin) -> PathBuf {
        self.logs().join(Hash::sha256(origin.as_str().as_bytes()).to_string())
    }
}

fn read_checkpoint(path: &Path) -> Result<Option<Checkpoint>, FolderError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| (path, source))?,
    };
    let parsed = |bytes: &[u8]| -> Result<Checkpoint, CheckpointError> {
        Note::parse(bytes)?.unverified_text().parse()
    };
    let damaged = |source| FolderError::Damaged { path: path.to_owned(), source };
    parsed(&bytes).map(Some).map_err(damaged)
}

/// Writes a file beside `path` and makes its content durable. Temporary files are readable by
/// this user alone, and so is what they become.
fn temporary(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn write_durably(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let failed = |source| FolderError::from((path, source));
    let file = temporary(path, content).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    let folder = path.parent().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), FolderError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| (folder, source).into())
}
