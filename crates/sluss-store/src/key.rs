//! The key that signs checkpoints, as a file: made at the first start, 0600.
//!
//! The file has the spelling that Go's `note` package gave private keys,
//! `PRIVATE+KEY+<name>+<id>+<base64 of type and seed>`; beside it stands the public half.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_ledger::{LogKey, LogVerifier};

use crate::clock::Entropy;
use crate::folder;

/// Signature type of Ed25519 keys.
const ED25519: u8 = 0x01;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The origin cannot name a key.
    #[error("`{0}` cannot be the origin of a log: it is a URL prefix without scheme")]
    Origin(String),
    /// The file is not a key.
    #[error("{} is not the private key that belongs there", .0.display())]
    Malformed(PathBuf),
    /// The key is another log's.
    #[error("the key {} is of log {found}, not of {expected}", path.display())]
    OtherLog {
        /// The key's file.
        path: PathBuf,
        /// The log that is opened.
        expected: String,
        /// The log that the key is named for.
        found: String,
    },
    /// There is a checkpoint but the key that signed it is gone: a new one would not be trusted.
    #[error("the key {} is missing, but there is a checkpoint that it signed", .0.display())]
    Lost(PathBuf),
    /// The key that signs attestations is gone, but its public half is there: what it signed is
    /// trusted by that.
    #[error("the key {} is missing, but it has signed: put it back from a backup", .0.display())]
    LostAttestation(PathBuf),
    /// The disk or the source of randomness refused.
    #[error("a key cannot be read or made")]
    Io(#[from] io::Error),
}

/// Returns the log's key, which is made if there is none and nothing was ever signed.
pub(crate) fn load_or_make(
    root: &Path,
    origin: &str,
    entropy: &dyn Entropy,
) -> Result<LogKey, KeyError> {
    let path = folder::key(root);
    let key = match fs::read_to_string(&path) {
        Ok(text) => {
            let key = parse(&text).ok_or_else(|| KeyError::Malformed(path.clone()))?;
            if key.name().as_str() != origin {
                let found = key.name().to_string();
                return Err(KeyError::OtherLog { path, expected: origin.to_owned(), found });
            }
            key
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if folder::checkpoint(root).try_exists()? {
                return Err(KeyError::Lost(path));
            }
            let name = origin.parse().map_err(|_| KeyError::Origin(origin.to_owned()))?;
            let mut seed = [0; 32];
            entropy.fill(&mut seed)?;
            let key = LogKey::from_seed(name, seed);
            folder::write_durably(&path, private_text(&key, &seed).as_bytes())?;
            key
        }
        Err(error) => return Err(error.into()),
    };
    let vkey = format!("{}\n", key.verifier());
    let vkey_path = folder::vkey(root);
    if fs::read_to_string(&vkey_path).ok().as_deref() != Some(&vkey) {
        folder::write_durably(&vkey_path, vkey.as_bytes())?;
    }
    Ok(key)
}

/// Returns the public key of the log in the data folder at `root`.
pub(crate) fn load_verifier(root: &Path) -> io::Result<LogVerifier> {
    let text = fs::read_to_string(folder::vkey(root))?;
    text.trim_end().parse().map_err(io::Error::other)
}

pub(crate) fn private_text(key: &LogKey, seed: &[u8; 32]) -> String {
    let mut typed = vec![ED25519];
    typed.extend(seed);
    format!("PRIVATE+KEY+{}+{}+{}\n", key.name(), key.verifier().id(), STANDARD.encode(typed))
}

pub(crate) fn parse(text: &str) -> Option<LogKey> {
    let rest = text.trim_end().strip_prefix("PRIVATE+KEY+")?;
    let (name, rest) = rest.split_once('+')?;
    let (id, encoded) = rest.split_once('+')?;
    let typed = STANDARD.decode(encoded).ok()?;
    let (&ED25519, seed) = typed.split_first()? else { return None };
    let key = LogKey::from_seed(name.parse().ok()?, seed.try_into().ok()?);
    (key.verifier().id().to_string() == id).then_some(key)
}
