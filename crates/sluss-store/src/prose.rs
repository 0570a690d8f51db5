//! Private free text (names of reasons, comments), kept apart so that it can be erased.
//!
//! A text is 32 random bytes followed by its UTF-8, under the SHA-256 of both. Leaves hold that
//! digest: it commits to the text, and guessing texts does not find it. On the disk it is encrypted
//! with a key of its own (ChaCha20-Poly1305, RFC 8439, bound to the digest):
//! `SLUSSPT1`, a nonce of 12 bytes, the ciphertext with its tag. The keys are elsewhere
//! ([`crate::text_keys`]).
//!
//! # Invariants
//!
//! - Erasing a text leaves no leaf and no proof invalid: only the digest is in the log.
//! - No file under `prose` says what a text is; nobody reads one whose key was erased.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::aead::{self, Aad, LessSafeKey, UnboundKey};
use sluss_core::ids::Digest;

use crate::blobs::blocking;
use crate::clock::Entropy;
use crate::folder;
use crate::text_keys::{self, TextKeys};

/// Longest text, in bytes of UTF-8.
const LONGEST: usize = 64 * 1024;
/// Random bytes before the text.
const SALT: usize = 32;
/// How the file of an encrypted text begins.
const MAGIC: &[u8; 8] = b"SLUSSPT1";
/// Bytes of what the cipher is begun with, drawn anew for each text.
const NONCE: usize = aead::NONCE_LEN;

/// Where private text is kept.
#[derive(Debug, Clone)]
pub struct Prose {
    root: PathBuf,
    entropy: Arc<dyn Entropy>,
    keys: Arc<Mutex<TextKeys>>,
}

/// The private texts of a data folder, as they lie there.
#[derive(Debug)]
pub struct TextsThere {
    root: PathBuf,
    /// The texts whose keys are there; nothing where the file of keys is not.
    keys: Option<BTreeMap<Digest, [u8; text_keys::KEY]>>,
}

impl TextsThere {
    /// Tells whether the file of a text is what was written; nothing where its key is not there, so
    /// that nobody can tell.
    ///
    /// # Errors
    ///
    /// Where the file can't be read.
    pub(crate) fn is_whole(&self, digest: &Digest) -> io::Result<Option<bool>> {
        let file = fs::read(self.root.join(digest.as_str()))?;
        let Some(sealed) = file.strip_prefix(MAGIC) else {
            return Ok(Some(Digest::of(&file) == *digest));
        };
        let secret = self.keys.as_ref().and_then(|keys| keys.get(digest));
        let Some(secret) = secret else { return Ok(None) };
        let content = decrypted(secret, digest, sealed)?;
        Ok(Some(content.is_some_and(|content| Digest::of(&content) == *digest)))
    }

    /// Tells whether a text is there and can be read. Where the file of keys is elsewhere, as in a
    /// backup without it, what is there counts.
    ///
    /// # Errors
    ///
    /// Where the folder can't be read.
    pub fn has(&self, digest: &Digest) -> io::Result<bool> {
        let path = self.root.join(digest.as_str());
        let keyed = self.keys.as_ref().is_none_or(|keys| keys.contains_key(digest));
        Ok(path.try_exists()? && (keyed || !is_encrypted(&path)?))
    }
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
        let keys = Arc::new(Mutex::new(TextKeys::open(&folder::text_keys(data))?));
        let prose = Self { root, entropy, keys };
        if let Err(error) = prose.encrypt_older() {
            tracing::warn!(%error, "texts of before are not encrypted yet; the next start does it");
        }
        Ok(prose)
    }

    /// Returns the texts in the data folder at `data`; writes nothing.
    ///
    /// # Errors
    ///
    /// Where the file of keys can't be read.
    pub fn there(data: &Path) -> io::Result<TextsThere> {
        let keys = TextKeys::known(&folder::text_keys(data))?;
        Ok(TextsThere { root: folder::prose(data), keys })
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
        let mut content = vec![0; SALT];
        self.entropy.fill(&mut content)?;
        content.extend_from_slice(text.as_bytes());
        let digest = Digest::of(&content);
        self.keep(&digest, content)?;
        Ok(digest)
    }

    /// Keeps a content: its key first, so that no text is there that nobody can read.
    fn keep(&self, digest: &Digest, mut content: Vec<u8>) -> io::Result<()> {
        let (mut secret, mut nonce) = ([0; text_keys::KEY], [0; NONCE]);
        self.entropy.fill(&mut secret)?;
        self.entropy.fill(&mut nonce)?;
        let cipher = cipher(&secret)?;
        let bound = Aad::from(digest.as_str().as_bytes());
        cipher
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                bound,
                &mut content,
            )
            .map_err(|_| io::Error::other("a text could not be encrypted"))?;
        self.keys().keep(digest, secret)?;
        folder::write_durably(&self.path(digest), &[&MAGIC[..], &nonce, &content].concat())
    }

    /// Returns the content of a file; nothing where its key was erased.
    fn content(&self, digest: &Digest, file: Vec<u8>) -> Result<Option<Vec<u8>>, ProseError> {
        let Some(rest) = file.strip_prefix(MAGIC) else { return Ok(Some(file)) };
        let Some(secret) = self.keys().get(digest) else { return Ok(None) };
        let content = decrypted(&secret, digest, rest)?;
        content.map(Some).ok_or_else(|| ProseError::Corrupt(digest.clone()))
    }

    /// Encrypts what an earlier version kept as it was written.
    fn encrypt_older(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            let digest = path.file_name().and_then(|name| name.to_str()?.parse::<Digest>().ok());
            let Some(digest) = digest.filter(|_| path.is_file()) else { continue };
            if is_encrypted(&path)? {
                continue;
            }
            let content = fs::read(&path)?;
            if Digest::of(&content) == digest {
                self.keep(&digest, content)?;
            }
        }
        Ok(())
    }

    fn keys(&self) -> MutexGuard<'_, TextKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a text, or `None` where it, or its key, has been erased or never was.
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
        let Some(content) = self.content(digest, content)? else { return Ok(None) };
        if Digest::of(&content) != *digest {
            return Err(ProseError::Corrupt(digest.clone()));
        }
        let text = content.get(SALT..).map(|text| String::from_utf8(text.to_vec()));
        match text {
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) | None => Err(ProseError::Corrupt(digest.clone())),
        }
    }

    /// Erases a text, its key first; erasing it again does nothing.
    ///
    /// # Errors
    ///
    /// [`ProseError::Io`].
    pub fn erase_blocking(&self, digest: &Digest) -> Result<(), ProseError> {
        self.keys().erase(digest)?;
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

/// Returns what was encrypted for `digest`; nothing where that was something else.
fn decrypted(
    secret: &[u8; text_keys::KEY],
    digest: &Digest,
    sealed: &[u8],
) -> io::Result<Option<Vec<u8>>> {
    let Some((nonce, sealed)) = sealed.split_first_chunk::<NONCE>() else { return Ok(None) };
    let (nonce, mut sealed) = (aead::Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
    let bound = Aad::from(digest.as_str().as_bytes());
    let opened = cipher(secret)?.open_in_place(nonce, bound, &mut sealed);
    Ok(opened.ok().map(|content| content.to_vec()))
}

fn cipher(secret: &[u8; text_keys::KEY]) -> io::Result<LessSafeKey> {
    let key = UnboundKey::new(&aead::CHACHA20_POLY1305, secret);
    key.map(LessSafeKey::new).map_err(|_| io::Error::other("a key of a text is none"))
}

/// Tells whether the file at `path` is an encrypted text; false where there is none.
fn is_encrypted(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    match fs::File::open(path) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut begin)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(begin == MAGIC)
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

    /// Every file under `folder` that holds `text`, by name.
    fn holding(folder: &Path, text: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(holding(&path, text));
            } else if fs::read(&path).unwrap().windows(text.len()).any(|part| part == text) {
                found.push(path);
            }
        }
        found
    }

    fn opened(data: &Path, seed: u64) -> Prose {
        Prose::open(data, Arc::new(SeededEntropy::new(seed))).unwrap()
    }

    #[test]
    fn no_file_says_what_a_text_is_and_without_the_keys_nobody_reads_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        let prose = opened(data.path(), 1);
        let one = prose.put_prose_blocking("too risky for a Friday").unwrap();
        let other = prose.put_prose_blocking("customers wait for it").unwrap();
        assert!(holding(data.path(), b"too risky").is_empty());
        let keys = folder::text_keys(data.path());
        assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
        let again = opened(data.path(), 2);
        let text = again.prose_blocking(&one).unwrap();
        assert_eq!(text.as_deref(), Some("too risky for a Friday"));

        // One is erased, also where a copy of its file is left, and the other is not.
        let copy = fs::read(again.path(&one)).unwrap();
        again.erase_blocking(&one).unwrap();
        fs::write(again.path(&one), copy).unwrap();
        let there = Prose::there(data.path()).unwrap();
        assert_eq!((there.has(&one).unwrap(), there.has(&other).unwrap()), (false, true));
        let later = opened(data.path(), 3);
        assert_eq!(later.prose_blocking(&one).unwrap(), None);
        let text = later.prose_blocking(&other).unwrap();
        assert_eq!(text.as_deref(), Some("customers wait for it"));

        // A backup without the keys shows nothing.
        fs::remove_file(&keys).unwrap();
        assert!(Prose::there(data.path()).unwrap().has(&other).unwrap());
        assert_eq!(opened(data.path(), 4).prose_blocking(&other).unwrap(), None);
    }

    #[test]
    fn what_an_earlier_version_kept_is_encrypted_at_the_next_start_and_read_as_before() {
        let data = tempfile::tempdir().unwrap();
        let content = [&[7; SALT][..], b"written long ago"].concat();
        let digest = Digest::of(&content);
        folder::write_durably(&folder::prose(data.path()).join(digest.as_str()), &content).unwrap();
        assert!(!holding(data.path(), b"long ago").is_empty());
        let prose = opened(data.path(), 1);
        assert!(holding(data.path(), b"long ago").is_empty());
        let text = prose.prose_blocking(&digest).unwrap();
        assert_eq!(text.as_deref(), Some("written long ago"));
        assert!(Prose::there(data.path()).unwrap().has(&digest).unwrap());
    }

    #[test]
    fn a_text_that_was_changed_or_put_in_place_of_another_is_not_given_out() {
        let data = tempfile::tempdir().unwrap();
        let prose = opened(data.path(), 1);
        let one = prose.put_prose_blocking("yes").unwrap();
        let other = prose.put_prose_blocking("no").unwrap();
        let mut file = fs::read(prose.path(&one)).unwrap();
        fs::write(prose.path(&other), &file).unwrap();
        assert!(matches!(prose.prose_blocking(&other), Err(ProseError::Corrupt(_))));
        *file.last_mut().unwrap() ^= 1;
        fs::write(prose.path(&one), file).unwrap();
        assert!(matches!(prose.prose_blocking(&one), Err(ProseError::Corrupt(_))));
    }
}
