//! Private free text (names of reasons, comments), kept apart so that it can be erased.
//!
//! A text is stored as 32 random bytes followed by its UTF-8, under the SHA-256 of both. Leaves
//! hold that digest: it commits to the text, and guessing texts does not find it.
//!
//! # Invariants
//!
//! - Erasing a text leaves no leaf and no proof invalid: only the digest is in the log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluss_core::ids::Digest;

use crate::blobs::blocking;
use crate::clock::Entropy;
use crate::folder;

/// Longest text, in bytes of UTF-8.
const LONGEST: usize = 64 * 1024;
/// Random bytes before the text.
const NONCE: usize = 32;

/// Where private text is kept.
#[derive(Debug, Clone)]
pub struct Prose {
    root: PathBuf,
    entropy: Arc<dyn Entropy>,
}

/// Why a text cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ProseError {
    /// Longer than is sensible for something that people write.
    #[error("the text has {found} bytes; at most {LONGEST} are kept")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// The file is not what was written.
    #[error("the text {0} has been changed on the disk")]
    Corrupt(Digest),
    /// The disk refused.
    #[error("private text cannot be stored or read")]
    Io(#[from] io::Error),
}

impl Prose {
    /// Opens the private texts in the data folder at `data`, whose folder is made if need be.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made.
    pub fn open(data: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, ProseError> {
        let root = folder::prose(data);
        folder::make_folder(&root)?;
        Ok(Self { root, entropy })
    }

    /// Tells whether a text is in the data folder at `data`; writes nothing.
    ///
    /// # Errors
    ///
    /// Where the folder can't be read.
    pub fn is_at(data: &Path, digest: &Digest) -> io::Result<bool> {
        folder::prose(data).join(digest.as_str()).try_exists()
    }

    /// Stores a text and returns what a leaf may say of it.
    ///
    /// # Errors
    ///
    /// [`ProseError::TooLong`] or [`ProseError::Io`].
    pub fn put_prose_blocking(&self, text: &str) -> Result<Digest, ProseError> {
        if text.len() > LONGEST {
            return Err(ProseError::TooLong { found: text.len() });
        }
        let mut content = vec![0; NONCE];
        self.entropy.fill(&mut content)?;
        content.extend_from_slice(text.as_bytes());
        let digest = Digest::of(&content);
        folder::write_durably(&self.path(&digest), &content)?;
        Ok(digest)
    }

    /// Returns a text, or `None` where it has been erased or never was.
    ///
    /// # Errors
    ///
    /// [`ProseError::Corrupt`] or [`ProseError::Io`].
    pub fn prose_blocking(&self, digest: &Digest) -> Result<Option<String>, ProseError> {
        let content = match fs::read(self.path(digest)) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if Digest::of(&content) != *digest {
            return Err(ProseError::Corrupt(digest.clone()));
        }
        let text = content.get(NONCE..).map(|text| String::from_utf8(text.to_vec()));
        match text {
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) | None => Err(ProseError::Corrupt(digest.clone())),
        }
    }

    /// Erases a text; erasing it again does nothing.
    ///
    /// # Errors
    ///
    /// [`ProseError::Io`].
    pub fn erase_blocking(&self, digest: &Digest) -> Result<(), ProseError> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(folder::sync_folder(&self.root)?),
        }
    }

    /// As [`Prose::put_prose_blocking`], on a thread for blocking.
    ///
    /// # Errors
    ///
    /// [`ProseError::TooLong`] or [`ProseError::Io`].
    pub async fn put_prose(&self, text: impl Into<String>) -> Result<Digest, ProseError> {
        let (store, text) = (self.clone(), text.into());
        blocking(move || store.put_prose_blocking(&text)).await
    }

    /// As [`Prose::prose_blocking`], on a thread for blocking.
    ///
    /// # Errors
    ///
    /// [`ProseError::Corrupt`] or [`ProseError::Io`].
    pub async fn prose(&self, digest: &Digest) -> Result<Option<String>, ProseError> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || store.prose_blocking(&digest)).await
    }

    /// As [`Prose::erase_blocking`], on a thread for blocking.
    ///
    /// # Errors
    ///
    /// [`ProseError::Io`].
    pub async fn erase(&self, digest: &Digest) -> Result<(), ProseError> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || store.erase_blocking(&digest)).await
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_digest_of_a_text_says_nothing_about_it_and_the_text_can_be_erased() {
        let data = tempfile::tempdir().unwrap();
        let prose = Prose::open(data.path(), Arc::new(SeededEntropy::new(1))).unwrap();
        let first = prose.put_prose_blocking("too risky").unwrap();
        let second = prose.put_prose_blocking("too risky").unwrap();
        assert_ne!(first, second);
        assert_ne!(first, Digest::of(b"too risky"));
        assert_eq!(prose.prose_blocking(&first).unwrap().as_deref(), Some("too risky"));
        prose.erase_blocking(&first).unwrap();
        prose.erase_blocking(&first).unwrap();
        assert_eq!(prose.prose_blocking(&first).unwrap(), None);
        assert_eq!(prose.prose_blocking(&second).unwrap().as_deref(), Some("too risky"));
    }
}
