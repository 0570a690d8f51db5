//! Which keys the verifier trusts: given by whoever verifies, not by the dossier.
//!
//! A trust folder has `vkey` (the log's keys, one a line), `log-keys.json` (the same keys, each
//! with the leaves that it vouches for), `keys.json` (the keys of attestations, each with the part
//! of the log in which it was valid), and where they are used `trusted_root.json` (for Sigstore
//! tools; must agree with `vkey`), `tlog-policy` (witnesses) and `tsa.pem` (a time-stamping
//! authority).
//!
//! # Invariants
//!
//! - Keys that came with the dossier are marked as such and never make a signature check pass.

use serde::{Deserialize, Serialize};

use super::log_keys_file::LogKeysFileError;
use super::{Files, log_keys_file};
use crate::attest::{AttestationVerifier, KeyError, TrustedRoot, TrustedRootError};
use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::log_keys::LogKeys;
use crate::note::{LogVerifier, NoteError};

/// Where trusted keys are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustSource {
    /// From whoever verifies.
    Independent,
    /// From the dossier's own convenience copy.
    Enclosed,
}

/// What the verifier trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    source: TrustSource,
    origin: Origin,
    logs: Vec<LogVerifier>,
    spans: Option<LogKeys>,
    keys: TrustedKeys,
    tlog_policy: Option<String>,
    tsa: Option<Vec<u8>>,
}

impl Trust {
    /// Reads the files of a trust folder, by their names in it.
    ///
    /// # Errors
    ///
    /// [`TrustError`] where `vkey` or `keys.json` is missing, any file is malformed, or
    /// `log-keys.json` is of other keys than `vkey`.
    pub fn read(files: &Files, source: TrustSource) -> Result<Self, TrustError> {
        let text = |name: &'static str| {
            let bytes = files.get(name);
            let text = bytes.map(|bytes| std::str::from_utf8(bytes));
            text.transpose().map_err(|_| TrustError::Utf8(name))
        };
        let vkeys = text("vkey")?.ok_or(TrustError::Missing("vkey"))?;
        let lines = vkeys.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let logs: Vec<LogVerifier> = lines.map(str::parse).collect::<Result<_, _>>()?;
        let first = logs.first().ok_or(TrustError::Missing("vkey"))?;
        let origin: Origin = first.name().as_str().parse().map_err(|_| TrustError::SeveralLogs)?;
        if logs.iter().any(|log| log.name() != first.name()) {
            return Err(TrustError::SeveralLogs);
        }
        let spans =
            files.get("log-keys.json").map(|file| log_keys_file::parse(file)).transpose()?;
        if spans.as_ref().is_some_and(|spans| !are_of(spans, &logs)) {
            return Err(TrustError::OtherKeys);
        }
        let keys = files.get("keys.json").ok_or(TrustError::Missing("keys.json"))?;
        let keys = TrustedKeys::parse(keys)?;
        if let Some(root) = files.get("trusted_root.json") {
            TrustedRoot::check(root, &logs)?;
        }
        let tlog_policy = text("tlog-policy")?.map(str::to_owned);
        let tsa = files.get("tsa.pem").cloned();
        Ok(Self { source, origin, logs, spans, keys, tlog_policy, tsa })
    }

    /// Reads the convenience copy in a dossier.
    ///
    /// # Errors
    ///
    /// As [`Trust::read`].
    pub fn enclosed(dossier: &Files) -> Result<Self, TrustError> {
        let inside = dossier.iter().filter_map(|(path, content)| {
            Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
        });
        Self::read(&inside.collect(), TrustSource::Enclosed)
    }

    /// Returns where the keys are from.
    pub fn source(&self) -> TrustSource {
        self.source
    }

    /// Returns the origin of the log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the log's keys.
    pub fn logs(&self) -> &[LogVerifier] {
        &self.logs
    }

    /// Returns the log's keys with the leaves that each vouches for, where they are known.
    pub fn spans(&self) -> Option<&LogKeys> {
        self.spans.as_ref()
    }

    /// Returns the keys of attestations.
    pub fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    /// Returns the text of the policy over witnesses (C2SP `tlog-policy`).
    pub fn tlog_policy(&self) -> Option<&str> {
        self.tlog_policy.as_deref()
    }

    /// Returns the certificate of the time-stamping authority, in PEM.
    pub fn tsa(&self) -> Option<&[u8]> {
        self.tsa.as_deref()
    }
}

/// Whether these are the spans of exactly these keys.
fn are_of(spans: &LogKeys, logs: &[LogVerifier]) -> bool {
    let known: Vec<&LogVerifier> = spans.spans().iter().map(|span| span.verifier()).collect();
    known.len() == logs.len() && logs.iter().all(|log| known.contains(&log))
}

/// Keys of attestations, each with the part of the log in which it was valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedKeys(Vec<KeySpan>);

/// A key and the leaves for which it was valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    /// The key.
    pub key: AttestationVerifier,
    /// First leaf for which it is valid.
    pub from_leaf: u64,
    /// First leaf for which it no longer is; none while it is in use.
    pub to_leaf: Option<u64>,
}

impl KeySpan {
    fn covers(&self, leaf: u64) -> bool {
        leaf >= self.from_leaf && self.to_leaf.is_none_or(|to| leaf < to)
    }
}

/// The `format` of `keys.json`.
const KEYS_FORMAT: &str = "sluss.attestation-keys.v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    format: String,
    keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    keyid: Hash,
    #[serde(with = "crate::attest::base64_bytes")]
    spki: Vec<u8>,
    from_leaf: u64,
    to_leaf: Option<u64>,
}

impl TrustedKeys {
    /// Returns the keys with their spans.
    pub fn of(keys: Vec<KeySpan>) -> Self {
        Self(keys)
    }

    /// Returns the keys with their spans.
    pub fn spans(&self) -> &[KeySpan] {
        &self.0
    }

    /// Returns the key that `hint` names, if it was valid at `leaf`.
    pub fn at(&self, hint: &str, leaf: u64) -> Option<&AttestationVerifier> {
        let named = self.0.iter().filter(|span| span.key.id().to_string() == hint);
        named.into_iter().find(|span| span.covers(leaf)).map(|span| &span.key)
    }

    /// Returns whether there is a key that `hint` names, whenever it was valid.
    pub fn knows(&self, hint: &str) -> bool {
        self.0.iter().any(|span| span.key.id().to_string() == hint)
    }

    /// Returns the text of `keys.json`.
    pub fn to_json(&self) -> String {
        let entry = |span: &KeySpan| KeyEntry {
            keyid: span.key.id(),
            spki: span.key.spki().to_vec(),
            from_leaf: span.from_leaf,
            to_leaf: span.to_leaf,
        };
        let keys = self.0.iter().map(entry).collect();
        let file = KeysFile { format: KEYS_FORMAT.to_owned(), keys };
        serde_json::to_string_pretty(&file).expect("BUG: text and numbers have a JSON form") + "\n"
    }

    /// Reads `keys.json`.
    ///
    /// # Errors
    ///
    /// [`TrustError`] where it is malformed, or an id is not that of its key.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let file: KeysFile = serde_json::from_slice(bytes)?;
        if file.format != KEYS_FORMAT {
            return Err(TrustError::Format(file.format));
        }
        let span = |entry: KeyEntry| {
            let key = AttestationVerifier::from_spki(&entry.spki)?;
            if key.id() != entry.keyid {
                return Err(TrustError::KeyId(entry.keyid));
            }
            Ok(KeySpan { key, from_leaf: entry.from_leaf, to_leaf: entry.to_leaf })
        };
        Ok(Self(file.keys.into_iter().map(span).collect::<Result<_, _>>()?))
    }
}

/// Why trusted files were refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file is missing.
    #[error("`{0}` is missing among the trusted files; get it from whoever runs the log")]
    Missing(&'static str),
    /// A file is not text.
    #[error("`{0}` is not UTF-8")]
    Utf8(&'static str),
    /// A line of `vkey` is malformed.
    #[error("`vkey`: {0}")]
    Vkey(#[from] NoteError),
    /// The keys are of several logs.
    #[error("`vkey` has keys of several logs; a dossier is of one")]
    SeveralLogs,
    /// `log-keys.json` is malformed.
    #[error("`log-keys.json`: {0}")]
    Spans(#[from] LogKeysFileError),
    /// `log-keys.json` and `vkey` do not agree.
    #[error(
        "`log-keys.json` is of other keys than `vkey`; get both anew from whoever runs the log"
    )]
    OtherKeys,
    /// `keys.json` is malformed.
    #[error("`keys.json`: {0}")]
    Keys(#[from] serde_json::Error),
    /// `keys.json` is of another format.
    #[error("`keys.json` is of format {0:?}, where {KEYS_FORMAT} is read")]
    Format(String),
    /// A key was refused.
    #[error("`keys.json`: {0}")]
    Key(#[from] KeyError),
    /// An id is not that of its key.
    #[error("`keys.json`: {0} is not the SHA-256 of the key beside it")]
    KeyId(Hash),
    /// `trusted_root.json` does not agree.
    #[error("`trusted_root.json`: {0}")]
    Root(#[from] TrustedRootError),
}
