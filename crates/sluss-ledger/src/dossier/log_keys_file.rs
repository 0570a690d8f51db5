//! `log-keys.json`: the log's keys, each with the leaves that it vouches for, as a trust folder has
//! them.

use serde::{Deserialize, Serialize};

use crate::log_keys::{LogKeys, LogKeysError};
use crate::note::{LogVerifier, NoteError};

/// The `format` of `log-keys.json`.
const FORMAT: &str = "sluss.log-keys.v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    vkey: String,
    from_leaf: u64,
    to_leaf: Option<u64>,
}

/// Returns the text of `log-keys.json`.
pub(crate) fn to_json(keys: &LogKeys) -> String {
    let entry = |span: &crate::log_keys::KeySpan| Entry {
        vkey: span.verifier().to_string(),
        from_leaf: span.from_leaf(),
        to_leaf: span.until_leaf(),
    };
    let file = File { format: FORMAT.to_owned(), keys: keys.spans().iter().map(entry).collect() };
    serde_json::to_string_pretty(&file).expect("BUG: text and numbers have a JSON form") + "\n"
}

/// Reads `log-keys.json`.
///
/// # Errors
///
/// [`LogKeysFileError`] where it is malformed, or no log ever has such keys.
pub(crate) fn parse(bytes: &[u8]) -> Result<LogKeys, LogKeysFileError> {
    let file: File = serde_json::from_slice(bytes)?;
    if file.format != FORMAT {
        return Err(LogKeysFileError::Format(file.format));
    }
    let spans = file.keys.iter().map(|entry| Ok((entry.vkey.parse::<LogVerifier>()?, entry)));
    let spans = spans.collect::<Result<Vec<_>, NoteError>>()?;
    let [(first, began), later @ ..] = &spans[..] else { return Err(LogKeysFileError::First) };
    if began.from_leaf != 0 {
        return Err(LogKeysFileError::First);
    }
    let origin = first.name().as_str().parse().map_err(LogKeysError::from)?;
    let mut keys = LogKeys::new(origin, first.clone())?;
    for (verifier, entry) in later {
        keys.rotate(verifier.clone(), entry.from_leaf)?;
    }
    for (verifier, entry) in &spans {
        if let Some(until) = entry.to_leaf {
            keys.retire(verifier, until)?;
        }
    }
    Ok(keys)
}

/// Why `log-keys.json` was refused.
#[derive(Debug, thiserror::Error)]
pub enum LogKeysFileError {
    /// It is malformed.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is of another format.
    #[error("it is of format {0:?}, where {FORMAT} is read")]
    Format(String),
    /// No key is valid from the first leaf on.
    #[error("the first key is valid from leaf 0 on")]
    First,
    /// A vkey is malformed.
    #[error("{0}")]
    Vkey(#[from] NoteError),
    /// No log has such keys.
    #[error("{0}")]
    Keys(#[from] LogKeysError),
}
