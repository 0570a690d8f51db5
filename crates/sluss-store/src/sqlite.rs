//! The log in SQLite: one table, one writer, readers beside it.
//!
//! # Invariants
//!
//! - A log opens only if its last checkpoint is of the leaves that it has.
//!
//! Not here: full verification ([`crate::verify`]).

mod batch;
pub(crate) mod rows;
pub(crate) mod schema;
mod sequencer;
mod start;
mod timekeeper;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sluss_ledger::inclusion_proof;
use sluss_ledger::{Hash, HashReader, LogKeys, LogVerifier, ProofError, TlogProof};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::start::OpenError;

use self::batch::Request;
use self::rows::{LeafRow, signed};
use self::schema::select_leaf;
use self::sequencer::LogClock;
use crate::blobs::blocking;
use crate::clock::{Clock, Entropy};
use crate::folder::{self, DataFolder};
use crate::key::KeyError;
use crate::log::{AppendError, Appended, Draft, Log, ReadError, Sealed, command_digest};
use crate::publish::Published;
use crate::ring::Ring;
use crate::tiles::DiskTiles;

/// Appends that may wait before those who append have to.
const QUEUE: usize = 1024;
/// How long a proof waits for the checkpoint that covers its leaf.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a log is opened with.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The data folder; made if it does not exist.
    pub data: PathBuf,
    /// The log's identity in its checkpoints: a URL prefix without scheme, such as
    /// `sluss.bank.example/ledger`.
    pub origin: String,
    /// What leaves are stamped by.
    pub clock: Arc<dyn Clock>,
    /// What ids and the first key are made from.
    pub entropy: Arc<dyn Entropy>,
}

/// The log of one data folder, which this process alone has open.
#[derive(Debug)]
pub struct SqliteLog {
    folder: Arc<DataFolder>,
    requests: mpsc::Sender<Request>,
    readers: SqlitePool,
    sizes: watch::Receiver<u64>,
    published: watch::Receiver<Option<Published>>,
    clock: Arc<LogClock>,
    ring: Arc<Ring>,
    entropy: Arc<dyn Entropy>,
    stop: watch::Sender<bool>,
    /// Sequencer and publisher; taken by whoever closes the log.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// A leaf with the proof of its place in the log.
#[derive(Debug, Clone)]
pub struct Inclusion {
    /// The content of a `.tlog-proof` file (C2SP `tlog-proof`).
    pub proof: String,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// How many leaves the checkpoint in the proof covers.
    pub size: u64,
}

/// Why a leaf's place cannot be proven.
#[derive(Debug, thiserror::Error)]
pub enum InclusionError {
    /// No leaf has this position.
    #[error("the log has {size} leaves; there is none at {position}")]
    Absent {
        /// The position asked for.
        position: u64,
        /// Leaves in the log.
        size: u64,
    },
    /// No checkpoint covers the leaf yet, though one should by now.
    #[error("no checkpoint covers leaf {0} yet")]
    NotPublished(u64),
    /// A tile is missing or changed.
    #[error("the tiles do not prove the leaf's place")]
    Tiles(#[from] ProofError),
    /// The leaf cannot be read.
    #[error("the leaf cannot be read")]
    Read(#[from] ReadError),
    /// The tiles cannot be read.
    #[error("the tiles cannot be read")]
    Io(#[from] std::io::Error),
}

impl SqliteLog {
    /// Opens the log of a data folder and starts its sequencer and its publisher. The folder,
    /// the database and the key are made at the first start.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the folder is in use, or the log is not what its last checkpoint says.
    pub async fn open(options: LogOptions) -> Result<Self, OpenError> {
        start::open(options).await
    }

    /// Returns where the log's data folder is.
    pub fn data(&self) -> &Path {
        self.folder.root()
    }

    /// Returns the newest public key that checkpoints are checked with; it writes itself as a
    /// vkey.
    pub fn verifier(&self) -> LogVerifier {
        self.ring.newest()
    }

    /// Returns every key that the log names, with the leaves that it counts for.
    pub fn keys(&self) -> LogKeys {
        self.ring.known()
    }

    /// Makes a new key, which signs beside the others from now on; the log is still to name it.
    ///
    /// # Errors
    ///
    /// The disk or the source of randomness refused.
    pub fn stage_key(&self) -> Result<LogVerifier, KeyError> {
        self.ring.stage(&*self.entropy)
    }

    /// Takes over what the log says of its keys. What it does not name, or retired, signs no more.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub fn agree_on_keys(&self, keys: LogKeys) -> Result<(), KeyError> {
        self.ring.agree(keys)
    }

    /// Returns the last checkpoint as it is in its file, once there is one.
    pub fn checkpoint(&self) -> Option<String> {
        self.published.borrow().as_ref().map(|last| last.note.to_string())
    }

    /// Waits until a checkpoint covers `size` leaves; `false` where the publisher has ended.
    pub async fn published(&self, size: u64) -> bool {
        let covers =
            |last: &Option<Published>| last.as_ref().is_some_and(|last| last.head.size >= size);
        self.published.clone().wait_for(covers).await.is_ok()
    }

    /// Hands the tree's hashes under the last checkpoint to `look`, read from the tiles as they are
    /// asked for; nothing before the first checkpoint.
    pub fn with_tree<T>(&self, look: impl FnOnce(&dyn HashReader) -> T) -> Option<T> {
        let size = self.published.borrow().as_ref().map(|last| last.head.size)?;
        let log = folder::derived(self.folder.root());
        Some(look(&DiskTiles::new(&log, size)))
    }

    /// Returns a leaf with the proof of its place; waits a little for the checkpoint of a leaf
    /// that has just been appended.
    ///
    /// # Errors
    ///
    /// [`InclusionError`].
    pub async fn inclusion(&self, position: u64) -> Result<Inclusion, InclusionError> {
        let size = *self.sizes.borrow();
        if position >= size {
            return Err(InclusionError::Absent { position, size });
        }
        tokio::time::timeout(PATIENCE, self.published(position + 1)).await.ok();
        let published = self.published.borrow().clone();
        let Some(Published { head, note }) = published.filter(|last| last.head.size > position)
        else {
            return Err(InclusionError::NotPublished(position));
        };
        let leaf = self.read(position, 1).await?;
        let Some(leaf) = leaf.first() else {
            return Err(InclusionError::Absent { position, size });
        };
        let log = folder::derived(self.folder.root());
        let hashes = blocking(move || {
            let tiles = DiskTiles::new(&log, head.size);
            Ok::<_, InclusionError>(inclusion_proof(head.size, position, tiles)?)
        })
        .await?;
        sluss_ledger::verify_inclusion(&leaf.hash, position, &hashes, &head)?;
        let proof = TlogProof { extra: None, index: position, hashes, checkpoint: note };
        Ok(Inclusion { proof: proof.to_string(), leaf: leaf.bytes.to_vec(), size: head.size })
    }

    /// Proves the places of several leaves in the tree of a checkpoint of `size` leaves, which is
    /// the last one or came before it.
    ///
    /// # Errors
    ///
    /// [`InclusionError`]. The leaves are not read: whoever has their bytes checks the proofs.
    pub async fn prove(
        &self,
        positions: BTreeSet<u64>,
        size: u64,
    ) -> Result<BTreeMap<u64, Vec<Hash>>, InclusionError> {
        let last = positions.last().copied().unwrap_or(0);
        let published = self.published.borrow().as_ref().map_or(0, |known| known.head.size);
        if size <= last || published < size {
            return Err(InclusionError::NotPublished(last));
        }
        let log = folder::derived(self.folder.root());
        blocking(move || {
            let tiles = DiskTiles::new(&log, published);
            let prove = |position: &u64| Ok((*position, inclusion_proof(size, *position, &tiles)?));
            positions.iter().map(prove).collect::<Result<_, InclusionError>>()
        })
        .await
    }

    /// Ends the log: what waits is appended and published, then the folder is free for another
    /// process once this value is dropped.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.await.ok();
        }
        self.readers.close().await;
        // The last one out folds the write-ahead log into the database: readers cannot.
        if let Ok(writer) = schema::open_writer(&folder::database(self.data())).await {
            writer.close().await.ok();
        }
    }
}

#[async_trait]
impl Log for SqliteLog {
    async fn append(
        &self,
        preconditions: &[(String, u64)],
        drafts: Vec<Draft>,
        command_key: Option<&str>,
    ) -> Result<Appended, AppendError> {
        batch::check_shape(&drafts, command_key)?;
        let (reply, answer) = oneshot::channel();
        let preconditions = preconditions.to_vec();
        let command_key = command_key.map(command_digest);
        let closed = || AppendError::Unavailable { reason: "the log is closed".to_owned() };
        self.requests
            .send(Request { preconditions, drafts, command_key, reply })
            .await
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Sealed>, ReadError> {
        let rows = sqlx::query(select_leaf!("WHERE position >= ? ORDER BY position LIMIT ?"))
            .bind(signed(from))
            .bind(signed(limit as u64))
            .fetch_all(&self.readers)
            .await;
        events(rows)
    }

    async fn stream(
        &self,
        stream: &str,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Sealed>, ReadError> {
        let sql = select_leaf!("WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?");
        let rows = sqlx::query(sql)
            .bind(stream)
            .bind(signed(from_seq))
            .bind(signed(limit as u64))
            .fetch_all(&self.readers)
            .await;
        events(rows)
    }

    async fn command(&self, key: &str) -> Result<Vec<Sealed>, ReadError> {
        let rows = sqlx::query(select_leaf!("WHERE command_key = ? ORDER BY position"))
            .bind(command_digest(key))
            .fetch_all(&self.readers)
            .await;
        events(rows)
    }

    async fn size(&self) -> Result<u64, ReadError> {
        Ok(*self.sizes.borrow())
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.sizes.clone()
    }

    fn clock_jumped(&self) -> bool {
        self.clock.with(|time, reading| time.jumped(reading))
    }

    fn confirm_clock(&self) {
        self.clock.with(|time, reading| time.confirm(reading));
    }
}

fn events(rows: sqlx::Result<Vec<SqliteRow>>) -> Result<Vec<Sealed>, ReadError> {
    let unavailable = |error: sqlx::Error| ReadError::Unavailable { reason: error.to_string() };
    rows.map_err(unavailable)?
        .iter()
        .map(|row| LeafRow::read(row).map_err(unavailable)?.sealed())
        .collect()
}
