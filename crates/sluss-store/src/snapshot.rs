//! Snapshots of folds: what has been folded up to a position, so that a start need not fold all.
//!
//! # Invariants
//!
//! - A snapshot is only a shortcut: one that is damaged, or of another name, reads as absent.
//!
//! Not here: whether a snapshot fits the log's or the program's version (the folder decides).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluss_core::ids::Digest;

use crate::blobs::blocking;
use crate::folder;

/// A fold up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How many events are folded into it: the next to fold is at this position.
    pub position: u64,
    /// The folded state, in whatever form the folder wrote it.
    pub bytes: Vec<u8>,
}

/// Why a snapshot cannot be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A name of other than `a-z`, `0-9` and `-`.
    #[error("`{0}` cannot name a snapshot")]
    Name(String),
    /// The disk refused.
    #[error("the snapshot cannot be saved or read")]
    Io(#[from] io::Error),
}

/// Where snapshots are kept.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: PathBuf,
}

impl Snapshots {
    /// Returns the snapshots in the data folder at `data`.
    pub fn open(data: &Path) -> Self {
        Self { root: data.join("snapshots") }
    }

    /// Saves the fold called `name`, of the first `position` events, in place of an earlier one.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Name`] or [`SnapshotError::Io`].
    pub async fn save(
        &self,
        name: &str,
        position: u64,
        bytes: Vec<u8>,
    ) -> Result<(), SnapshotError> {
        let path = self.path(name)?;
        let head = header(name, position, &bytes);
        blocking(move || Ok(folder::write_durably(&path, &[head.as_bytes(), &bytes].concat())?))
            .await
    }

    /// Returns the fold called `name`, or `None` where there is none or it is damaged.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Name`] or [`SnapshotError::Io`].
    pub async fn load(&self, name: &str) -> Result<Option<Snapshot>, SnapshotError> {
        let (path, name) = (self.path(name)?, name.to_owned());
        blocking(move || match fs::read(path) {
            Ok(content) => Ok(parse(&name, &content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    fn path(&self, name: &str) -> Result<PathBuf, SnapshotError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if name.is_empty() || name.len() > 60 || !name.bytes().all(plain) {
            return Err(SnapshotError::Name(name.to_owned()));
        }
        Ok(self.root.join(format!("{name}.snapshot")))
    }
}

/// The first line, which covers name, position and content.
fn header(name: &str, position: u64, bytes: &[u8]) -> String {
    let mut covered = format!("{name}\n{position}\n").into_bytes();
    covered.extend_from_slice(bytes);
    format!("sluss-snapshot/1 {position} {}\n", Digest::of(&covered))
}

fn parse(name: &str, content: &[u8]) -> Option<Snapshot> {
    let end = content.iter().position(|byte| *byte == b'\n')? + 1;
    let (head, bytes) = content.split_at(end);
    let position = std::str::from_utf8(head).ok()?.split(' ').nth(1)?.parse().ok()?;
    let whole = header(name, position, bytes).as_bytes() == head;
    whole.then(|| Snapshot { position, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_snapshot_comes_back_whole_or_not_at_all() {
        let data = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::open(data.path());
        assert_eq!(snapshots.load("board").await.unwrap(), None);
        snapshots.save("board", 7, b"one\ntwo".to_vec()).await.unwrap();
        let expected = Snapshot { position: 7, bytes: b"one\ntwo".to_vec() };
        assert_eq!(snapshots.load("board").await.unwrap(), Some(expected));
        let path = data.path().join("snapshots/board.snapshot");
        let whole = fs::read(&path).unwrap();
        fs::write(data.path().join("snapshots/other.snapshot"), &whole).unwrap();
        assert_eq!(snapshots.load("other").await.unwrap(), None);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert_eq!(snapshots.load("board").await.unwrap(), None, "byte {at}");
        }
        assert!(snapshots.load("../x").await.is_err());
    }
}
