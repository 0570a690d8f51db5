//! The keys that sign a log's checkpoints: one at first; from a hand-over on the former and the
//! present one, until the former is retired.
//!
//! `keys/log.key` is the first, `keys/log-<id>.key` each later one. `keys/log.keys` says which
//! count for which leaves (`sluss_ledger::LogKeys`); it follows from the log, and is not there
//! before the first hand-over.
//!
//! # Invariants
//!
//! - All keys that are here sign. A new one signs before the log names it: one signature more harms
//!   nobody, and there is no checkpoint that lacks one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use sluss_ledger::{Checkpoint, LogKey, LogKeys, LogVerifier, Note, NoteError};

use crate::clock::Entropy;
use crate::folder;
use crate::key::{self, KeyError};

/// The keys of one log.
#[derive(Debug)]
pub(crate) struct Ring {
    root: PathBuf,
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The keys that the log names.
    known: LogKeys,
    /// The private keys, in the order of `known`; one that the log does not name yet at the end.
    private: Vec<LogKey>,
}

impl Ring {
    /// Reads the keys, or makes the first.
    pub(crate) fn load(root: &Path, origin: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let inner = match read_known(root)? {
            None => {
                let first = key::load_or_make(root, origin, entropy)?;
                let wrong = |_| KeyError::Origin(origin.to_owned());
                let origin = origin.parse().map_err(|_| KeyError::Origin(origin.to_owned()))?;
                let known = LogKeys::new(origin, first.verifier()).map_err(wrong)?;
                let mut private = vec![first];
                private.extend(others(root, &private)?);
                Inner { known, private }
            }
            Some(known) => {
                let mut found = all(root)?;
                let mut private = Vec::new();
                for span in known.spans().iter().filter(|span| span.until_leaf().is_none()) {
                    let at = found.iter().position(|key| key.verifier() == *span.verifier());
                    let at = at.ok_or_else(|| KeyError::Lost(folder::key(root)))?;
                    private.push(found.remove(at));
                }
                let retired = |key: &LogKey| {
                    known.spans().iter().any(|span| *span.verifier() == key.verifier())
                };
                private.extend(found.into_iter().filter(|key| !retired(key)));
                Inner { known, private }
            }
        };
        Ok(Self { root: root.to_owned(), inner: RwLock::new(inner) })
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the newest key that the log names.
    pub(crate) fn newest(&self) -> LogVerifier {
        let inner = self.inner();
        let newest = inner.known.spans().last().map(|span| span.verifier().clone());
        newest.expect("BUG: a log has a key")
    }

    /// Returns the keys that the log names.
    pub(crate) fn known(&self) -> LogKeys {
        self.inner().known.clone()
    }

    /// Returns the checkpoint signed by all keys.
    pub(crate) fn sign(&self, checkpoint: &Checkpoint) -> Result<Note, NoteError> {
        let inner = self.inner();
        let (first, rest) = inner.private.split_first().expect("BUG: a log has a key");
        let text = checkpoint.to_string();
        let note = checkpoint.sign(first)?;
        Ok(rest.iter().fold(note, |note, key| note.with(key.sign(&text))))
    }

    /// Makes a key that signs from now on, and that the log does not name yet; or returns the one
    /// that was made before and never named.
    pub(crate) fn stage(&self, entropy: &dyn Entropy) -> Result<LogVerifier, KeyError> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let named = |key: &LogKey| {
            inner.known.spans().iter().any(|span| *span.verifier() == key.verifier())
        };
        if let Some(waiting) = inner.private.iter().find(|key| !named(key)) {
            return Ok(waiting.verifier());
        }
        let name = inner.private.first().expect("BUG: a log has a key").name().clone();
        let mut seed = [0; 32];
        entropy.fill(&mut seed)?;
        let key = LogKey::from_seed(name, seed);
        let path = folder::later_key(&self.root, &key.verifier().id().to_string());
        folder::write_durably(&path, key::private_text(&key, &seed).as_bytes())?;
        let verifier = key.verifier();
        inner.private.push(key);
        Ok(verifier)
    }

    /// Takes over what the log says of its keys: those that it does not name sign no more, nor do
    /// those that it retired.
    pub(crate) fn agree(&self, known: LogKeys) -> Result<(), KeyError> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let file = folder::log_keys(&self.root);
        let text = known.to_string();
        let handed_over = known.spans().len() > 1;
        if handed_over && fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            folder::write_durably(&file, text.as_bytes())?;
        }
        let signs = |key: &LogKey| {
            let mut spans = known.spans().iter();
            spans.any(|span| *span.verifier() == key.verifier() && span.until_leaf().is_none())
        };
        inner.private.retain(signs);
        for path in files(&self.root)? {
            let key = fs::read_to_string(&path).ok().and_then(|text| key::parse(&text));
            let Some(key) = key.filter(|key| !signs(key)) else { continue };
            match known.spans().iter().any(|span| *span.verifier() == key.verifier()) {
                true => fs::rename(&path, path.with_extension("retired"))?,
                // It vouched for nothing that needs it.
                false => fs::remove_file(&path)?,
            }
        }
        inner.known = known;
        drop(inner);
        let vkey = format!("{}\n", self.newest());
        if fs::read_to_string(folder::vkey(&self.root)).ok().as_deref() != Some(&*vkey) {
            folder::write_durably(&folder::vkey(&self.root), vkey.as_bytes())?;
        }
        Ok(())
    }
}

/// Returns the keys that the log named, if it ever handed one over.
pub(crate) fn read_known(root: &Path) -> Result<Option<LogKeys>, KeyError> {
    let path = folder::log_keys(root);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.parse().map_err(|_| KeyError::Malformed(path))?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the files of private keys of the log.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Some(keys) = folder::key(root).parent().map(Path::to_owned) else { return Ok(found) };
    for entry in fs::read_dir(keys)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "log.key" || (name.starts_with("log-") && name.ends_with(".key")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn all(root: &Path) -> Result<Vec<LogKey>, KeyError> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        key::parse(&text).ok_or(KeyError::Malformed(path))
    };
    files(root)?.into_iter().map(read).collect()
}

/// Returns the private keys that are there beside `known`.
fn others(root: &Path, known: &[LogKey]) -> Result<Vec<LogKey>, KeyError> {
    let is_known = |key: &LogKey| known.iter().any(|one| one.verifier() == key.verifier());
    Ok(all(root)?.into_iter().filter(|key| !is_known(key)).collect())
}

#[cfg(test)]
mod tests {
    use sluss_ledger::{Hash, TreeHead};

    use super::*;
    use crate::clock::SeededEntropy;

    const ORIGIN: &str = "bank.example/log";

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint { origin: ORIGIN.parse().unwrap(), head: TreeHead { size, root: Hash::ZERO } }
    }

    #[test]
    fn from_a_hand_over_on_both_sign_until_the_former_is_retired_and_a_restart_changes_nothing() {
        let data = tempfile::tempdir().unwrap();
        let ring = Ring::load(data.path(), ORIGIN, &SeededEntropy::new(1)).unwrap();
        let former = ring.newest();
        let old = ring.sign(&checkpoint(7)).unwrap().to_string();
        let present = ring.stage(&SeededEntropy::new(2)).unwrap();
        assert_eq!(ring.stage(&SeededEntropy::new(3)).unwrap(), present, "made once");
        let mut known = ring.known();
        known.rotate(present.clone(), 10).unwrap();
        ring.agree(known.clone()).unwrap();
        let both = ring.sign(&checkpoint(11)).unwrap().to_string();
        let _verified = known.verify(both.as_bytes()).unwrap();
        let _verified = known.verify(old.as_bytes()).unwrap();

        let again = Ring::load(data.path(), ORIGIN, &SeededEntropy::new(4)).unwrap();
        assert_eq!((again.newest(), again.known()), (present.clone(), known.clone()));
        known.retire(&former, 20).unwrap();
        again.agree(known.clone()).unwrap();
        let alone = again.sign(&checkpoint(21)).unwrap();
        assert_eq!(alone.to_string().matches('\u{2014}').count(), 1);
        let _verified = known.verify(alone.to_string().as_bytes()).unwrap();
        let last = Ring::load(data.path(), ORIGIN, &SeededEntropy::new(5)).unwrap();
        assert_eq!(last.sign(&checkpoint(21)).unwrap().to_string(), alone.to_string());
        // What was signed before still verifies, and the former key alone vouches for nothing new.
        let _verified = known.verify(old.as_bytes()).unwrap();
        let _verified = known.verify(both.as_bytes()).unwrap();
    }

    #[test]
    fn a_key_that_the_log_never_named_is_dropped() {
        let data = tempfile::tempdir().unwrap();
        let ring = Ring::load(data.path(), ORIGIN, &SeededEntropy::new(1)).unwrap();
        ring.stage(&SeededEntropy::new(2)).unwrap();
        ring.agree(ring.known()).unwrap();
        let again = Ring::load(data.path(), ORIGIN, &SeededEntropy::new(3)).unwrap();
        let signed = again.sign(&checkpoint(1)).unwrap().to_string();
        assert_eq!(signed.matches('\u{2014}').count(), 1, "{signed}");
    }
}
