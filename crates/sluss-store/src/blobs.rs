//! Large things under their digest: reports, logs of steps, artifacts.
//!
//! # Invariants
//!
//! - A blob's name is the SHA-256 of its content, and it appears under it whole or not at all.
//! - Blobs are never changed; putting one that is there already only renews its time.
//! - None is removed that was put, first or again, within the last hour: what names it may still be
//!   on its way into the log.
//!
//! Not here: private text ([`crate::Prose`]), and what may be removed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sluss_core::ids::Digest;
use sluss_core::units::Millis;

use crate::folder;

/// For how long after it was put a blob is not removed.
const YOUNG_MS: i64 = 60 * 60 * 1000;

/// What became of a blob that is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is not there any more, or was not.
    Gone,
    /// It was put within the last hour, so that it stays until that is over.
    Young,
}

/// Content-addressed storage, as the engine and the pages use it.
#[async_trait]
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Stores `content` and returns its digest.
    async fn put(&self, content: Vec<u8>) -> Result<Digest, BlobError>;

    /// Stores what `reader` gives, at most `limit` bytes, and returns digest and size.
    async fn put_reader(
        &self,
        reader: Box<dyn Read + Send>,
        limit: u64,
    ) -> Result<(Digest, u64), BlobError>;

    /// Returns the content, after checking that it still has this digest.
    async fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError>;

    /// Opens the content for reading, unchecked: for streaming large blobs.
    async fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, BlobError>;

    /// Returns the content's size in bytes, or `None` where there is no such blob.
    async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError>;

    /// Tells whether there is such a blob.
    async fn exists(&self, digest: &Digest) -> Result<bool, BlobError> {
        Ok(self.size(digest).await?.is_some())
    }
}

/// Why a blob cannot be stored or had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is none of this digest.
    #[error("there is no blob {0}")]
    Missing(Digest),
    /// Its content is not what it was.
    #[error("blob {expected} has been changed: its content has digest {found}")]
    Corrupt {
        /// The digest it is named by.
        expected: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// More came than was allowed.
    #[error("the content is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The disk refused.
    #[error("the blob store cannot be used")]
    Io(#[from] io::Error),
}

/// Blobs as files, `sha256/ab/cdef…`. Its methods block; through [`Blobs`] they run on threads
/// for that.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    root: PathBuf,
}

impl FileBlobs {
    /// Opens the blobs in the data folder at `data`, whose folder is made if need be.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made.
    pub fn open(data: &Path) -> Result<Self, BlobError> {
        let blobs = Self::at(data);
        folder::make_folder(&blobs.root)?;
        Ok(blobs)
    }

    /// Returns the blobs in the data folder at `data`, whether or not there are any.
    pub fn at(data: &Path) -> Self {
        Self { root: folder::blobs(data).join("sha256") }
    }

    /// Returns where the blob's file is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let (shard, rest) = digest.as_str().split_at(2);
        self.root.join(shard).join(rest)
    }

    /// Stores `content` and returns its digest.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`].
    pub fn put_blocking(&self, content: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(content);
        let path = self.path(&digest);
        if !renewed(&path)? {
            folder::write_durably(&path, content)?;
            folder::sync_folder(&self.root)?;
        }
        Ok(digest)
    }

    /// Stores what `reader` gives, at most `limit` bytes, and returns digest and size.
    ///
    /// # Errors
    ///
    /// [`BlobError::TooLarge`], after which nothing is kept, or [`BlobError::Io`].
    pub fn put_reader_blocking(
        &self,
        mut reader: impl Read,
        limit: u64,
    ) -> Result<(Digest, u64), BlobError> {
        let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(&self.root)?;
        let (mut hasher, mut size) = (Sha256::new(), 0_u64);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            size += count as u64;
            if size > limit {
                return Err(BlobError::TooLarge { limit });
            }
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count])?;
        }
        let digest = digest_of(hasher);
        let path = self.path(&digest);
        if !renewed(&path)? {
            let shard = path.parent().unwrap_or(&self.root);
            folder::make_folder(shard)?;
            file.as_file().sync_data()?;
            file.persist(&path).map_err(|error| error.error)?;
            folder::sync_folder(shard)?;
            folder::sync_folder(&self.root)?;
        }
        Ok((digest, size))
    }

    /// Removes a blob, unless it was put within the last hour before `now`; removing it again does
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`]: it may still be there.
    pub fn remove_blocking(&self, digest: &Digest, now: Millis) -> Result<Removed, BlobError> {
        let path = self.path(digest);
        let Some(shard) = path.parent() else { return Ok(Removed::Gone) };
        // Put aside first: who puts it again meanwhile either renews this file's time, which is
        // looked at once more, or finds none and writes another.
        let aside = shard.join(format!(".tmp-gone-{}", digest.as_str()));
        match is_young(&path, now)? {
            Some(true) => return Ok(Removed::Young),
            Some(false) => fs::rename(&path, &aside)?,
            None => {}
        }
        match is_young(&aside, now)? {
            Some(true) => {
                fs::rename(&aside, &path)?;
                Ok(Removed::Young)
            }
            Some(false) => {
                fs::remove_file(&aside)?;
                folder::sync_folder(shard)?;
                Ok(Removed::Gone)
            }
            None => Ok(Removed::Gone),
        }
    }

    /// Returns the content, after checking that it still has this digest.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], [`BlobError::Corrupt`] or [`BlobError::Io`].
    pub fn get_blocking(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let mut content = Vec::new();
        self.open_blocking(digest)?.read_to_end(&mut content)?;
        match Digest::of(&content) {
            found if found == *digest => Ok(content),
            found => Err(BlobError::Corrupt { expected: digest.clone(), found }),
        }
    }

    /// Opens the content for reading, unchecked.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`] or [`BlobError::Io`].
    pub fn open_blocking(&self, digest: &Digest) -> Result<File, BlobError> {
        match File::open(self.path(digest)) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BlobError::Missing(digest.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the content's size in bytes, or `None` where there is no such blob.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`].
    pub fn size_blocking(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        match fs::metadata(self.path(digest)) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks a blob's digest by reading it once, without holding it in memory.
    ///
    /// # Errors
    ///
    /// [`BlobError::Missing`], [`BlobError::Corrupt`] or [`BlobError::Io`].
    pub fn verify_blocking(&self, digest: &Digest) -> Result<u64, BlobError> {
        let mut file = self.open_blocking(digest)?;
        let (mut hasher, mut size) = (Sha256::new(), 0);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => {
                    hasher.update(&buffer[..count]);
                    size += count as u64;
                }
            }
        }
        match digest_of(hasher) {
            found if found == *digest => Ok(size),
            found => Err(BlobError::Corrupt { expected: digest.clone(), found }),
        }
    }
}

/// Renews the time of what is there already; false where nothing is.
#[expect(clippy::disallowed_methods, reason = "a file's time is the disk's, not the log's")]
fn renewed(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.set_modified(SystemTime::now()) {
        // Where nothing can be written, nothing can be removed.
        Err(error) if error.kind() != io::ErrorKind::ReadOnlyFilesystem => Err(error),
        // It may have been put aside to be removed since it was opened.
        Ok(()) | Err(_) => path.try_exists(),
    }
}

/// Returns whether a file was put within the last hour; nothing where there is none.
fn is_young(path: &Path, now: Millis) -> io::Result<Option<bool>> {
    let put = match fs::metadata(path) {
        Ok(file) => file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let put = i64::try_from(put.as_millis()).unwrap_or(i64::MAX);
    Ok(Some(now.since(Millis(put)) < YOUNG_MS))
}

/// What a finished SHA-256 says, as a [`Digest`].
fn digest_of(hasher: Sha256) -> Digest {
    hex::encode(hasher.finalize()).parse().expect("a SHA-256 is 64 lower-case hex digits")
}

/// Runs what blocks on a thread for that.
pub(crate) async fn blocking<T, E, F>(work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
    F: FnOnce() -> Result<T, E> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error).into()),
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, content: Vec<u8>) -> Result<Digest, BlobError> {
        let store = self.clone();
        blocking(move || store.put_blocking(&content)).await
    }

    async fn put_reader(
        &self,
        reader: Box<dyn Read + Send>,
        limit: u64,
    ) -> Result<(Digest, u64), BlobError> {
        let store = self.clone();
        blocking(move || store.put_reader_blocking(reader, limit)).await
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || store.get_blocking(&digest)).await
    }

    async fn open(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, BlobError> {
        let (store, digest) = (self.clone(), digest.clone());
        let file = blocking(move || store.open_blocking(&digest)).await?;
        Ok(Box::new(file))
    }

    async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || store.size_blocking(&digest)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_found_under_its_digest_and_nowhere_else() {
        let data = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(data.path()).unwrap();
        let digest = blobs.put_blocking(b"abc").unwrap();
        assert_eq!(blobs.put_blocking(b"abc").unwrap(), digest);
        assert_eq!(blobs.get_blocking(&digest).unwrap(), b"abc");
        assert_eq!(blobs.size_blocking(&digest).unwrap(), Some(3));
        let other = Digest::of(b"other");
        assert!(matches!(blobs.get_blocking(&other), Err(BlobError::Missing(_))));
        assert_eq!(blobs.size_blocking(&other).unwrap(), None);
    }

    #[test]
    fn a_stream_over_its_limit_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(data.path()).unwrap();
        let content = vec![7; 200_000];
        let refused = blobs.put_reader_blocking(&content[..], 199_999);
        assert!(matches!(refused, Err(BlobError::TooLarge { limit: 199_999 })));
        assert_eq!(fs::read_dir(data.path().join("blobs/sha256")).unwrap().count(), 0);
        let (digest, size) = blobs.put_reader_blocking(&content[..], 200_000).unwrap();
        assert_eq!((digest.clone(), size), (Digest::of(&content), 200_000));
        assert_eq!(blobs.verify_blocking(&digest).unwrap(), 200_000);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files have the disk's time")]
    fn a_blob_is_removed_once_and_not_within_an_hour_of_being_put_again() {
        let data = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(data.path()).unwrap();
        let digest = blobs.put_blocking(b"abc").unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = Millis(i64::try_from(now).unwrap());
        assert_eq!(blobs.remove_blocking(&digest, now).unwrap(), Removed::Young);
        let later = now.plus(YOUNG_MS + 60_000);
        let file = File::open(blobs.path(&digest)).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(blobs.put_blocking(b"abc").unwrap(), digest);
        assert_eq!(blobs.remove_blocking(&digest, now).unwrap(), Removed::Young);
        assert_eq!(blobs.get_blocking(&digest).unwrap(), b"abc");
        assert_eq!(blobs.remove_blocking(&digest, later).unwrap(), Removed::Gone);
        assert_eq!(blobs.remove_blocking(&digest, later).unwrap(), Removed::Gone);
        let shard = blobs.path(&digest).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(shard).unwrap().count(), 0);
        assert_eq!(blobs.put_blocking(b"abc").unwrap(), digest);
        assert_eq!(blobs.get_blocking(&digest).unwrap(), b"abc");
    }

    #[test]
    fn a_removal_that_was_killed_on_its_way_is_ended_by_the_next() {
        let data = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(data.path()).unwrap();
        let digest = blobs.put_blocking(b"abc").unwrap();
        let path = blobs.path(&digest);
        let aside = path.parent().unwrap().join(format!(".tmp-gone-{}", digest.as_str()));
        File::open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        fs::rename(&path, &aside).unwrap();
        let removed = blobs.remove_blocking(&digest, Millis(YOUNG_MS)).unwrap();
        assert_eq!((removed, aside.exists()), (Removed::Gone, false));
    }

    #[test]
    fn a_changed_blob_is_not_given_out() {
        let data = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(data.path()).unwrap();
        let digest = blobs.put_blocking(b"abc").unwrap();
        fs::write(blobs.path(&digest), b"abd").unwrap();
        assert!(matches!(blobs.get_blocking(&digest), Err(BlobError::Corrupt { .. })));
        assert!(matches!(blobs.verify_blocking(&digest), Err(BlobError::Corrupt { .. })));
    }
}
