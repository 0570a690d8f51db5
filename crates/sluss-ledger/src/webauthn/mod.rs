//! Signatures of people's own authenticators (W3C Web Authentication Level 2), for ES256 and
//! Ed25519: what a server checks when they are given, and an auditor once more without it.
//!
//! # Invariants
//!
//! - A signature counts only with its user present and verified, for the site and the challenge
//!   that were asked, and never from a page inside of another site's.
//! - A decision's challenge is the digest of a text that says what is decided, over which
//!   statement, by whom, and in answer to which nonce; the text is kept with the signature.
//! - Attestation of the authenticator's make is not asked for, and nothing is claimed of it.

mod cbor;
mod decision;
mod key;

use serde::Deserialize;

use crate::hash::Hash;
use cbor::Value;

pub use decision::{DecisionText, SignedDecision};
pub use key::PersonKey;

/// The user touched the authenticator.
const PRESENT: u8 = 0x01;
/// The authenticator verified its user: by PIN or by body.
const VERIFIED: u8 = 0x04;
/// A new credential follows.
const ATTESTED: u8 = 0x40;
/// Extensions follow.
const EXTENDED: u8 = 0x80;
/// Longest id of a credential, in bytes (Web Authentication Level 2, section 7.1).
const CREDENTIAL_LONGEST: usize = 1023;

/// For which site and in answer to what something is signed.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The site's id: its host name, without scheme and port.
    pub rp_id: &'a str,
    /// The page's origin, like `https://sluss.bank.example`; where it is not known, any that
    /// belongs to the site.
    pub origin: Option<&'a str>,
    /// What was to be signed.
    pub challenge: &'a Hash,
}

/// A credential that an authenticator has just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id, as the authenticator knows it.
    pub credential: Vec<u8>,
    /// Its public key.
    pub key: PersonKey,
    /// The model of the authenticator, a UUID; zero where it does not say.
    pub aaguid: String,
    /// How often it has signed.
    pub counter: u32,
}

/// What an authenticator signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// How often it has signed by its own count; zero where it does not count.
    pub counter: u32,
}

/// Why a signature of an authenticator, or a new credential, does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebauthnFault {
    /// Bytes that are not as the standard has them.
    #[error("it is not as Web Authentication writes it")]
    Malformed,
    /// Another kind of key.
    #[error("the key is neither ES256 nor Ed25519")]
    Key,
    /// It is an answer to something else.
    #[error("another challenge was signed: not this decision over this statement")]
    Challenge,
    /// It was given on another site, or inside of one.
    #[error("it was given on another site")]
    Origin,
    /// Nobody was there, or it was not checked who.
    #[error("the authenticator did not verify its user")]
    NotVerified,
    /// The signature is not of this key.
    #[error("it is not signed by this key")]
    Signature,
}

/// Reads a new credential from what `navigator.credentials.create` answered.
///
/// # Errors
///
/// [`WebauthnFault`]: nothing is to be registered.
pub fn register(
    client_data: &[u8],
    attestation_object: &[u8],
    asked: Asked<'_>,
) -> Result<Registered, WebauthnFault> {
    use WebauthnFault::Malformed;
    check_client(client_data, "webauthn.create", asked)?;
    let (object, rest) = cbor::read(attestation_object).ok_or(Malformed)?;
    let data = object.at(&Value::Text("authData")).and_then(Value::bytes).ok_or(Malformed)?;
    if !rest.is_empty() {
        return Err(Malformed);
    }
    let (flags, counter, rest) = head(data, asked.rp_id)?;
    if flags & ATTESTED == 0 {
        return Err(Malformed);
    }
    let (aaguid, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (credential, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    if credential.is_empty() || credential.len() > CREDENTIAL_LONGEST {
        return Err(Malformed);
    }
    let (key, rest) = PersonKey::from_cose(rest)?;
    extensions(flags, rest)?;
    Ok(Registered { credential: credential.to_vec(), key, aaguid: uuid(aaguid), counter })
}

/// Checks what `navigator.credentials.get` answered.
///
/// # Errors
///
/// [`WebauthnFault`]: it does not count.
pub fn verify(
    key: &PersonKey,
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
    asked: Asked<'_>,
) -> Result<Asserted, WebauthnFault> {
    check_client(client_data, "webauthn.get", asked)?;
    let (flags, counter, rest) = head(authenticator_data, asked.rp_id)?;
    if flags & ATTESTED != 0 {
        return Err(WebauthnFault::Malformed);
    }
    extensions(flags, rest)?;
    let signed = [authenticator_data, Hash::sha256(client_data).as_bytes()].concat();
    if !key.accepts(&signed, signature) {
        return Err(WebauthnFault::Signature);
    }
    Ok(Asserted { counter })
}

/// Reads what all authenticator data begin with: flags and counter.
fn head<'a>(data: &'a [u8], rp_id: &str) -> Result<(u8, u32, &'a [u8]), WebauthnFault> {
    let (site, rest) = data.split_first_chunk::<32>().ok_or(WebauthnFault::Malformed)?;
    let (flags, rest) = rest.split_first().ok_or(WebauthnFault::Malformed)?;
    let (counter, rest) = rest.split_first_chunk::<4>().ok_or(WebauthnFault::Malformed)?;
    if Hash::sha256(rp_id.as_bytes()).as_bytes() != site {
        return Err(WebauthnFault::Origin);
    }
    if flags & PRESENT == 0 || flags & VERIFIED == 0 {
        return Err(WebauthnFault::NotVerified);
    }
    Ok((*flags, u32::from_be_bytes(*counter), rest))
}

/// Nothing follows but extensions, where they are announced.
fn extensions(flags: u8, rest: &[u8]) -> Result<(), WebauthnFault> {
    let rest = match flags & EXTENDED {
        0 => rest,
        _announced => match cbor::read(rest) {
            Some((Value::Map(_), rest)) => rest,
            Some(_) | None => return Err(WebauthnFault::Malformed),
        },
    };
    if rest.is_empty() { Ok(()) } else { Err(WebauthnFault::Malformed) }
}

/// What a browser says of what it asked for.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

fn check_client(text: &[u8], kind: &str, asked: Asked<'_>) -> Result<(), WebauthnFault> {
    let data: ClientData = serde_json::from_slice(text).map_err(|_| WebauthnFault::Malformed)?;
    if data.kind != kind {
        return Err(WebauthnFault::Malformed);
    }
    if data.challenge != decision::encode(asked.challenge.as_bytes()) {
        return Err(WebauthnFault::Challenge);
    }
    let right = match asked.origin {
        Some(origin) => data.origin == origin,
        None => belongs(&data.origin, asked.rp_id),
    };
    if right && !data.cross_origin && data.top_origin.is_none() {
        Ok(())
    } else {
        Err(WebauthnFault::Origin)
    }
}

/// Whether a page of this origin may use keys of the site `rp_id`: over TLS, or on this machine.
fn belongs(origin: &str, rp_id: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return false,
        None => host,
    };
    let own = name == rp_id || name.strip_suffix(rp_id).is_some_and(|sub| sub.ends_with('.'));
    own && (scheme == "https" || (scheme == "http" && name == "localhost"))
}

fn uuid(bytes: &[u8; 16]) -> String {
    let text = hex::encode(bytes);
    let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
