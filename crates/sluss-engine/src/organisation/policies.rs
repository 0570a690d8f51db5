//! What `organisation.yaml` says of the policies: whether they are enforced, and who answers for
//! them.

use std::collections::BTreeSet;

use serde::Deserialize;
use sluss_core::ids::TeamName;
use sluss_core::invariant::CORE;
use sluss_core::policies::{Governance, Mode};
use sluss_core::units::Millis;
use sluss_ledger::attest::UtcTime;

use super::FILE;

/// The part of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoliciesFile {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    warn: BTreeSet<String>,
    #[serde(default)]
    owner: Option<TeamName>,
    #[serde(default)]
    reviewed: Option<String>,
}

impl PoliciesFile {
    /// Reads it, and says what is wrong with it.
    pub(super) fn read(self, wrong: &mut Vec<String>) -> Governance {
        let Self { mode, warn, owner, reviewed } = self;
        for rule in warn.iter().filter(|rule| rule.is_empty() || rule.starts_with(CORE)) {
            wrong.push(format!(
                "{FILE}: policies: warn: `{rule}` is no rule of a policy; what is compiled in never \
                 only warns"
            ));
        }
        let day = |day: &String| match format!("{day}T00:00:00Z").parse::<UtcTime>() {
            Ok(at) => Some(Millis(at.ms())),
            Err(_) => {
                wrong.push(format!(
                    "{FILE}: policies: reviewed: `{day}` is not a day, like `2026-03-01`"
                ));
                None
            }
        };
        let reviewed = reviewed.as_ref().and_then(day);
        Governance { mode, warn, owner, reviewed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Governance, String> {
        let file: PoliciesFile = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        let mut wrong = Vec::new();
        let read = file.read(&mut wrong);
        if wrong.is_empty() { Ok(read) } else { Err(wrong.join("\n")) }
    }

    #[test]
    fn policies_block_unless_it_is_said_that_they_warn() {
        assert_eq!(read("{}").unwrap().mode, Mode::Block);
        let said = read("{mode: warn, owner: risk, reviewed: 2026-11-01}").unwrap();
        assert_eq!((said.mode, said.owner.unwrap().as_str()), (Mode::Warn, "risk"));
        assert_eq!(said.reviewed.unwrap().utc_minute(), "2026-11-01 00:00 UTC");
        let rules = read("{warn: [sbom.present]}").unwrap().warn;
        assert_eq!(Vec::from_iter(rules), ["sbom.present"]);
        assert!(read("{mode: off}").is_err());
        assert!(read("{skip: true}").is_err());
    }

    #[test]
    fn what_is_compiled_in_never_only_warns() {
        for rule in ["core.evidence", "core.freeze", "''"] {
            let wrong = read(&format!("{{warn: [{rule}]}}")).unwrap_err();
            assert!(wrong.contains("is no rule of a policy"), "{wrong}");
        }
        assert!(read("{reviewed: soon}").unwrap_err().contains("`soon` is not a day"));
    }
}
