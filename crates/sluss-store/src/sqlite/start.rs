//! Opening a log: lock, key, database, and the check that it is what was last signed.
//!
//! # Invariants
//!
//! - Nothing is appended to a log that has fewer leaves than its checkpoint, or others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt as _;
use sluss_ledger::{Checkpoint, CheckpointError, Frontier, Hash, Note, Origin, TreeHead};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::sync::{mpsc, watch};

use super::rows::{LeafRow, signed};
use super::schema::{self, SchemaError, select_leaf};
use super::sequencer::{self, LogClock, Sequencer};
use super::{LogOptions, QUEUE, SqliteLog};
use crate::folder::{self, DataFolder, FolderError};
use crate::key::KeyError;
use crate::log::ReadError;
use crate::publish::{PublishError, Published, Publisher};
use crate::ring::Ring;
use crate::tiles::{self, Tiling};

/// Leaves at the end that are hashed again at every start.
const TAIL: u64 = 256;
/// Connections that read.
const READERS: u32 = 4;

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be used, or another process uses it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key that signs checkpoints cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database cannot be opened.
    #[error("the log's database {} cannot be used: {reason}", path.display())]
    Database {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A position has no leaf, though a later one has.
    #[error("the log has {leaves} leaves, but its last has position {last}")]
    Gap {
        /// Rows in the table.
        leaves: u64,
        /// Position of the last.
        last: u64,
    },
    /// One of the last leaves is not what was written.
    #[error("the end of the log is damaged: run `sluss log verify`")]
    Damaged(#[from] ReadError),
    /// The checkpoint's file is damaged, or another key's or log's.
    #[error("the checkpoint {} is not one of this log", path.display())]
    Checkpoint {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// The database has fewer leaves than were signed: it was replaced by an older one.
    #[error("the checkpoint covers {signed} leaves, but the log has {found}: an older database?")]
    RolledBack {
        /// Leaves that the checkpoint covers.
        signed: u64,
        /// Leaves in the database.
        found: u64,
    },
    /// The leaves are others than were signed.
    #[error("the checkpoint of {size} leaves has root {expected}, but the leaves have {found}")]
    Diverged {
        /// Leaves that the checkpoint covers.
        size: u64,
        /// The root that was signed.
        expected: Hash,
        /// The root of the leaves as they are.
        found: Hash,
    },
    /// A derived file cannot be read or written.
    #[error("the files derived from the log cannot be used: {reason}")]
    Derived {
        /// What is wrong.
        reason: String,
    },
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Derived { reason: error.to_string() }
    }
}

pub(super) async fn open(options: LogOptions) -> Result<SqliteLog, OpenError> {
    let folder = Arc::new(DataFolder::open(&options.data)?);
    let root = folder.root();
    let ring = Arc::new(Ring::load(root, &options.origin, &*options.entropy)?);
    let origin: Origin =
        options.origin.parse().map_err(|_| KeyError::Origin(options.origin.clone()))?;
    let path = folder::database(root);
    let broken = |error: SchemaError| database(&path, &error);
    let mut writer = schema::open_writer(&path).await.map_err(broken)?;
    let end = sequencer::end_of(&mut writer).await.map_err(|error| database(&path, &error))?;
    check_tail(&mut writer, end.size, &path).await?;
    let last = read_checkpoint(root, &origin, &ring)?;
    let tiling = check_checkpoint(&mut writer, root, end.size, last.as_ref()).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(schema::reader(&path))
        .await
        .map_err(|error| database(&path, &error))?;

    let (sizes_sender, sizes) = watch::channel(end.size);
    let (published_sender, published) = watch::channel(last);
    let (stop, stopped) = watch::channel(false);
    let (requests, waiting) = mpsc::channel(QUEUE);
    let publisher = Publisher {
        root: root.to_owned(),
        leaves: readers.clone(),
        ring: Arc::clone(&ring),
        origin,
        tiling,
        published: published_sender,
    };
    let publisher = first_checkpoint(publisher, end.size).await?;
    let clock = Arc::new(LogClock::new(options.clock, end.last));
    let entropy = Arc::clone(&options.entropy);
    let sequencer = Sequencer::new(path, writer, Arc::clone(&clock), options.entropy, sizes_sender);
    let tasks = vec![
        tokio::spawn(hold(Arc::clone(&folder), sequencer.run(waiting, stopped))),
        tokio::spawn(hold(Arc::clone(&folder), publisher.run(sizes.clone()))),
    ];
    let tasks = Mutex::new(tasks);
    Ok(SqliteLog { folder, requests, readers, sizes, published, clock, ring, entropy, stop, tasks })
}

/// Keeps the data folder locked for as long as a task works in it.
async fn hold(_folder: Arc<DataFolder>, task: impl Future<Output = ()>) {
    task.await;
}

fn database(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError::Database { path: path.to_owned(), reason: super::batch::chain(error) }
}

/// Sees that no position is missing, and that the last leaves are what was written.
async fn check_tail(
    connection: &mut SqliteConnection,
    size: u64,
    path: &Path,
) -> Result<(), OpenError> {
    let broken = |error: sqlx::Error| database(path, &error);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM leaf")
        .fetch_one(&mut *connection)
        .await
        .map_err(broken)?;
    if signed(size) != count {
        let last = size.saturating_sub(1);
        return Err(OpenError::Gap { leaves: super::rows::unsigned(count), last });
    }
    let rows = sqlx::query(select_leaf!("WHERE position >= ? ORDER BY position"))
        .bind(signed(size.saturating_sub(TAIL)))
        .fetch_all(connection)
        .await
        .map_err(broken)?;
    for row in &rows {
        LeafRow::read(row).map_err(broken)?.sealed()?;
    }
    Ok(())
}

fn read_checkpoint(
    root: &Path,
    origin: &Origin,
    ring: &Ring,
) -> Result<Option<Published>, OpenError> {
    let path = folder::checkpoint(root);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let refused = |source| OpenError::Checkpoint { path: path.clone(), source };
    let spans = ring.known();
    let keys: Vec<_> = spans.spans().iter().map(|span| span.verifier().clone()).collect();
    let opened = Checkpoint::open(&bytes, origin, &keys).map_err(refused)?;
    let note = Note::parse(&bytes).map_err(|error| refused(error.into()))?;
    Ok(Some(Published { head: *opened.head(), note }))
}

/// Sees that the checkpoint is of these leaves, and returns the edge that the derived files go
/// on from: the beginning, where they are not all there.
async fn check_checkpoint(
    connection: &mut SqliteConnection,
    root: &Path,
    size: u64,
    last: Option<&Published>,
) -> Result<Tiling, OpenError> {
    let Some(Published { head, .. }) = last else { return Ok(Tiling::default()) };
    if head.size > size {
        return Err(OpenError::RolledBack { signed: head.size, found: size });
    }
    let log = folder::derived(root);
    let path = folder::database(root);
    let entries: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT bytes FROM leaf WHERE position >= ? AND position < ? ORDER BY position",
    )
    .bind(signed(head.size / 256 * 256))
    .bind(signed(head.size))
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| database(&path, &error))?;
    let tiling = match tiles::missing(&log, head.size) {
        Some(_) => None,
        None => Tiling::resume(&log, head.size, &entries),
    };
    if let Some(tiling) = tiling.filter(|tiling| tiling.head() == *head) {
        return Ok(tiling);
    }
    tracing::info!("the files derived from the log are incomplete and are made again");
    let found =
        head_of_table(connection, head.size).await.map_err(|error| database(&path, &error))?;
    if found != *head {
        let (size, expected, found) = (head.size, head.root, found.root);
        return Err(OpenError::Diverged { size, expected, found });
    }
    Ok(Tiling::default())
}

/// The size and root of the first `size` leaves, from the hashes in the table.
async fn head_of_table(connection: &mut SqliteConnection, size: u64) -> sqlx::Result<TreeHead> {
    let mut frontier = Frontier::new();
    let mut hashes =
        sqlx::query_scalar("SELECT hash FROM leaf WHERE position < ? ORDER BY position")
            .bind(signed(size))
            .fetch(connection);
    while let Some(hash) = hashes.try_next().await? {
        let hash: Vec<u8> = hash;
        // A hash of another length leads to another root, and so is found.
        frontier.push(Hash::from_bytes(hash.try_into().unwrap_or([0; 32])));
    }
    Ok(frontier.head())
}

/// Publishes before anything else where nothing was ever published, so that a log always has a
/// checkpoint; a long log is not waited for.
async fn first_checkpoint(mut publisher: Publisher, size: u64) -> Result<Publisher, OpenError> {
    const SHORT: u64 = 10_000;
    let unpublished = publisher.published.borrow().is_none();
    if unpublished && size <= SHORT {
        let failed = |error: PublishError| OpenError::Derived { reason: error.to_string() };
        publisher.publish(size).await.map_err(failed)?;
    }
    Ok(publisher)
}
