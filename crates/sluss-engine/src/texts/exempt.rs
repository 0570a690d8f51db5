//! `controls.yaml`: which controls the organisation takes not to apply, and why.
//!
//! # Invariants
//!
//! - A control without a reason is a mistake.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluss_core::controls::ControlName;

/// The file's name.
pub const CONTROLS: &str = "controls.yaml";
/// Bytes that it may have.
pub(super) const CONTROLS_BYTES_MOST: usize = 256 * 1024;
/// Characters that a reason may have.
const REASON_MOST: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    not_applicable: BTreeMap<String, String>,
}

/// Reads which controls do not apply, or says everything that is wrong, a line each.
pub(super) fn exempt_of(bytes: &[u8]) -> Result<BTreeMap<ControlName, Vec<u8>>, Vec<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| vec![format!("{CONTROLS}: not UTF-8.")])?;
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        format!("{CONTROLS}: {error}").lines().map(str::to_owned).collect::<Vec<_>>()
    })?;
    let mut exempt = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, reason) in file.not_applicable {
        let reason = reason.trim();
        match name.parse::<ControlName>() {
            Err(error) => wrong.push(format!("{CONTROLS}: not_applicable: {error}")),
            Ok(_) if reason.is_empty() || reason.chars().count() > REASON_MOST => {
                wrong.push(format!(
                    "{CONTROLS}: not_applicable: `{name}` needs a reason of 1 to {REASON_MOST} \
                     characters: why it does not apply, and no names of people"
                ));
            }
            Ok(name) => {
                exempt.insert(name, reason.as_bytes().to_vec());
            }
        }
    }
    if wrong.is_empty() { Ok(exempt) } else { Err(wrong) }
}
