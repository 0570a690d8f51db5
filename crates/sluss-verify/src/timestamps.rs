//! Checks the token of a time-stamping authority over the checkpoint (RFC 3161).

use sluss_ledger::dossier::Timestamps;
use sluss_ledger::timestamp;

/// Checks tokens.
pub(crate) struct Stamps;

impl Timestamps for Stamps {
    fn verify(&self, token: &[u8], content: &[u8], certificate: &[u8]) -> Result<i64, String> {
        let stamped = timestamp::verify(token, content, certificate);
        stamped.map(|stamped| stamped.time_ms).map_err(|error| error.to_string())
    }
}
