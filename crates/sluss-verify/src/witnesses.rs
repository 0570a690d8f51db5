//! Counts witnesses by the auditor's own policy (C2SP `tlog-policy`).

use sluss_ledger::TrustPolicy;
use sluss_ledger::dossier::Quorum;

/// Counts cosignatures.
pub(crate) struct Witnesses;

impl Quorum for Witnesses {
    fn satisfied(&self, policy: &str, checkpoint: &[u8]) -> Result<String, String> {
        let policy = TrustPolicy::parse(policy.as_bytes())
            .map_err(|error| format!("tlog-policy: {error}"))?;
        if !policy.asks_for_witnesses() {
            return Err("`tlog-policy` asks for no witness, so none was counted".to_owned());
        }
        let quorate = policy.verify(checkpoint).map_err(|error| error.to_string())?;
        let names: Vec<&str> = quorate.cosigned().keys().map(String::as_str).collect();
        Ok(format!("cosigned by {}, of {} listed", names.join(", "), policy.witnesses().count()))
    }
}
