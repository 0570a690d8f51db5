//! A decision that a person signed with their own key, as it is kept: the text, and the signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Asked, Asserted, PersonKey, WebauthnFault, verify};
use crate::hash::Hash;

/// The format of what is kept.
const FORMAT: &str = "urn:sluss/webauthn/v1";
/// The format of the text whose digest is signed.
const TEXT: &str = "urn:sluss/decision/v1";

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, WebauthnFault> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| WebauthnFault::Malformed)
}

/// What is decided: the text whose SHA-256 is the challenge, read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionText {
    format: String,
    /// `approve`, `refuse` or `grant`.
    pub decision: String,
    /// Over what: `dep-7`, `cfg-2`, `exc-1`.
    pub subject: String,
    /// The digest of the statement that was shown.
    pub statement: Hash,
    /// Who decides, as the log knows them.
    pub by: Hash,
    /// What the server gave for this one answer.
    pub nonce: String,
}

/// A decision and the signature of a person's own key under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDecision {
    format: String,
    /// The exact text whose SHA-256 is the challenge.
    text: String,
    /// `authenticatorData`, base64url.
    authenticator_data: String,
    /// `clientDataJSON`, base64url.
    client_data: String,
    /// The signature over both, base64url.
    signature: String,
}

impl SignedDecision {
    /// Puts together what a browser answered, each part in base64url, with the text that was to
    /// be signed. Nothing is checked by that: see [`SignedDecision::verify`].
    pub fn new(text: String, authenticator_data: &str, client_data: &str, signature: &str) -> Self {
        let [authenticator_data, client_data, signature] =
            [authenticator_data, client_data, signature].map(str::to_owned);
        Self { format: FORMAT.to_owned(), text, authenticator_data, client_data, signature }
    }

    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// [`WebauthnFault::Malformed`] where it is nothing of the kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, WebauthnFault> {
        let found: Self = serde_json::from_slice(bytes).map_err(|_| WebauthnFault::Malformed)?;
        if found.format == FORMAT { Ok(found) } else { Err(WebauthnFault::Malformed) }
    }

    /// Returns the bytes that are kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("BUG: text has a JSON form")
    }

    /// Checks that `key` signed this text for the site `rp_id`, and returns what it says.
    ///
    /// # Errors
    ///
    /// [`WebauthnFault`]: it does not count.
    pub fn verify(
        &self,
        key: &PersonKey,
        rp_id: &str,
        origin: Option<&str>,
    ) -> Result<(DecisionText, Asserted), WebauthnFault> {
        let said: DecisionText =
            serde_json::from_str(&self.text).map_err(|_| WebauthnFault::Malformed)?;
        if said.format != TEXT {
            return Err(WebauthnFault::Malformed);
        }
        let asked = Asked { rp_id, origin, challenge: &Hash::sha256(self.text.as_bytes()) };
        let (client, data) = (decode(&self.client_data)?, decode(&self.authenticator_data)?);
        let asserted = verify(key, &client, &data, &decode(&self.signature)?, asked)?;
        Ok((said, asserted))
    }
}
