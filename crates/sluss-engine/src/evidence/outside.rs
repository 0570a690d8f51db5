//! Who outside of this installation vouches for its log: witnesses, and an authority that stamps
//! the time.
//!
//! # Invariants
//!
//! - An answer of the authority that does not verify under the operator's certificates is no stamp.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use sluss_ledger::WitnessVerifier;
use sluss_ledger::timestamp::{self, Stamped};

use crate::engine::Engine;

/// Asks a time-stamping authority (RFC 3161).
#[async_trait]
pub trait Authority: Debug + Send + Sync {
    /// Sends the bytes of a request and returns those of the answer.
    ///
    /// # Errors
    ///
    /// Why there is none, as a sentence.
    async fn ask(&self, request: Vec<u8>) -> Result<Vec<u8>, String>;

    /// Returns the certificates under which it stands, in PEM.
    fn certificates(&self) -> &str;
}

/// Who vouches.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Those who cosign checkpoints.
    pub witnesses: Vec<WitnessVerifier>,
    /// Who stamps the time.
    pub authority: Option<Arc<dyn Authority>>,
}

/// Has `content` stamped; returns the answer, which verifies, and what it says. Nothing where there
/// is no authority.
///
/// # Errors
///
/// Why there is no stamp, as a sentence.
pub async fn stamp(engine: &Engine, content: &[u8]) -> Result<Option<(Vec<u8>, Stamped)>, String> {
    let Some(authority) = engine.outside().authority else { return Ok(None) };
    let mut nonce = [0; 8];
    engine.parts().entropy.fill(&mut nonce).map_err(|error| error.to_string())?;
    let answer = authority.ask(timestamp::request(content, nonce)).await?;
    let trusted = authority.certificates().as_bytes();
    let stamped = timestamp::verify(&answer, content, trusted).map_err(|e| e.to_string())?;
    if stamped.nonce != Some(timestamp::nonce_of(nonce)) {
        return Err("the answer is to another request".to_owned());
    }
    Ok(Some((answer, stamped)))
}
