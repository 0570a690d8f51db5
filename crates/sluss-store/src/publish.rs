//! The publisher: derives tiles, bundles and the signed checkpoint from the leaves, within a
//! second of each append.
//!
//! # Invariants
//!
//! - A checkpoint is signed only over durable leaves, only after the files that it commits to
//!   are on the disk, and only if they prove that it extends the last one.
//! - A failure changes nothing of what was published; it is tried again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluss_ledger::{Checkpoint, Hash, Note, Origin, ProofError, TreeHead};
use sluss_ledger::{consistency_proof, verify_consistency};
use sqlx::{Row, SqlitePool};
use tokio::sync::watch;

use crate::blobs::blocking;
use crate::folder;
use crate::ring::Ring;
use crate::sqlite::rows::{signed, unsigned};
use crate::tiles::{DiskTiles, TileFile, Tiling};

/// How long appends may gather before they are published.
const GATHER: Duration = Duration::from_millis(200);
/// How long until the next attempt after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Leaves that are read and written at once.
const CHUNK: u64 = 8192;
/// More new files than this are made durable by one call for all, instead of one for each.
const MANY_FILES: usize = 64;

/// The last checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// Size and root.
    pub(crate) head: TreeHead,
    /// The checkpoint as it is in its file.
    pub(crate) note: Note,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("the leaves cannot be read: {0}")]
    Leaves(#[from] sqlx::Error),
    #[error("the files cannot be written: {0}")]
    Files(#[from] io::Error),
    #[error("leaf {0} is not where it should be")]
    Gap(u64),
    #[error("the log does not extend its last checkpoint: {0}")]
    Inconsistent(#[from] ProofError),
    #[error("the checkpoint cannot be signed: {0}")]
    Signing(#[from] sluss_ledger::NoteError),
}

/// The one task that writes under `log/`.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) root: PathBuf,
    pub(crate) leaves: SqlitePool,
    pub(crate) ring: Arc<Ring>,
    pub(crate) origin: Origin,
    /// What the files have now: at least what is published, more after a failure.
    pub(crate) tiling: Tiling,
    /// None until there is a first checkpoint.
    pub(crate) published: watch::Sender<Option<Published>>,
}

impl Publisher {
    /// Publishes whenever the log has grown, until nothing appends any more.
    pub(crate) async fn run(mut self, mut sizes: watch::Receiver<u64>) {
        loop {
            let size = *sizes.borrow_and_update();
            if let Err(error) = self.publish(size).await {
                tracing::warn!(%error, "no checkpoint was published");
                tokio::time::sleep(PAUSE).await;
                if sizes.has_changed().is_err() {
                    return;
                }
                continue;
            }
            if sizes.changed().await.is_err() {
                let size = *sizes.borrow();
                if let Err(error) = self.publish(size).await {
                    tracing::warn!(%error, "no last checkpoint was published");
                }
                return;
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Writes what the log of `size` leaves needs and is not there, and its checkpoint.
    pub(crate) async fn publish(&mut self, size: u64) -> Result<(), PublishError> {
        let last = self.published.borrow().as_ref().map(|last| last.head);
        let signed = last.is_some_and(|last| last.size >= size);
        if signed && self.tiling.size() >= size {
            return Ok(());
        }
        let done = self.publish_since(last, size).await;
        if let Err(PublishError::Inconsistent(_)) = done {
            // The files may have been damaged: make them again, from the leaves.
            self.tiling = Tiling::default();
        }
        done
    }

    async fn publish_since(
        &mut self,
        last: Option<TreeHead>,
        size: u64,
    ) -> Result<(), PublishError> {
        let mut tiling = self.tiling.clone();
        while tiling.size() < size {
            let mut files = Vec::new();
            self.extend(&mut tiling, size, &mut files).await?;
            if tiling.size() == size {
                files.extend(tiling.partial());
            }
            let log = folder::derived(&self.root);
            blocking(move || write_files(&log, &files)).await?;
            self.tiling = tiling.clone();
        }
        let head = tiling.head();
        if last.is_some_and(|last| last.size >= head.size) {
            return Ok(());
        }
        let note = self.ring.sign(&Checkpoint { origin: self.origin.clone(), head })?;
        let root = self.root.clone();
        let text = note.to_string();
        blocking(move || {
            prove_extends(&folder::derived(&root), last, head)?;
            folder::write_durably(&folder::checkpoint(&root), text.as_bytes())?;
            Ok::<_, PublishError>(())
        })
        .await?;
        self.published.send_replace(Some(Published { head, note }));
        Ok(())
    }

    /// Adds the next leaves, at most a chunk of them, and collects the files that they fill.
    async fn extend(
        &self,
        tiling: &mut Tiling,
        size: u64,
        files: &mut Vec<TileFile>,
    ) -> Result<(), PublishError> {
        let from = tiling.size();
        let sql = "SELECT position, hash, bytes FROM leaf \
                   WHERE position >= ? AND position < ? ORDER BY position";
        let rows = sqlx::query(sql)
            .bind(signed(from))
            .bind(signed(size.min(from + CHUNK)))
            .fetch_all(&self.leaves)
            .await?;
        if rows.is_empty() {
            return Err(PublishError::Gap(from));
        }
        for row in rows {
            let position = tiling.size();
            let (hash, bytes): (Vec<u8>, Vec<u8>) = (row.try_get(1)?, row.try_get(2)?);
            let leaf = Hash::leaf(&bytes);
            if unsigned(row.try_get(0)?) != position || leaf.as_bytes()[..] != hash[..] {
                return Err(PublishError::Gap(position));
            }
            tiling.push(leaf, &bytes, |file| files.push(file));
        }
        Ok(())
    }
}

/// Proves from the files on the disk that the tree of `head` extends the last one.
fn prove_extends(log: &Path, last: Option<TreeHead>, head: TreeHead) -> Result<(), ProofError> {
    let Some(last) = last else { return Ok(()) };
    let proof = consistency_proof(last.size, head.size, DiskTiles::new(log, head.size))?;
    verify_consistency(&last, &head, &proof)
}

fn write_files(log: &Path, files: &[TileFile]) -> io::Result<()> {
    let mut written = Vec::new();
    let mut folders = BTreeSet::new();
    for file in files {
        let path = log.join(file.path());
        written.push(folder::write_whole(&path, &file.content)?);
        folders.extend(
            path.ancestors().skip(1).take_while(|up| up.starts_with(log)).map(Path::to_owned),
        );
    }
    if files.len() <= MANY_FILES {
        written.iter().try_for_each(fs::File::sync_data)?;
        folders.iter().try_for_each(|path| folder::sync_folder(path))?;
    } else {
        rustix::fs::syncfs(fs::File::open(log)?)?;
    }
    // Partial files are needed until the full one is there.
    for file in files.iter().filter(|file| file.is_full()) {
        let partial = log.join(format!("{}.p", file.path()));
        match fs::remove_dir_all(partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
