//! The public keys of authenticators: ES256 and Ed25519, read as COSE keys.

use std::fmt;
use std::str::FromStr;

use p256::ecdsa::signature::Verifier as _;

use super::WebauthnFault;
use super::cbor;

/// A public key that an authenticator made for one person and one site.
///
/// As text, `es256:` with the uncompressed point (SEC 1) or `ed25519:` with the 32 bytes of
/// RFC 8032, in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonKey(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Es256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PersonKey {
    /// Reads a COSE key (RFC 9052 section 7, RFC 9053) and returns the bytes that follow it.
    ///
    /// # Errors
    ///
    /// [`WebauthnFault::Key`] for any other kind than ES256 and Ed25519.
    pub(super) fn from_cose(input: &[u8]) -> Result<(Self, &[u8]), WebauthnFault> {
        let (map, rest) = cbor::read(input).ok_or(WebauthnFault::Key)?;
        let number = |label| map.at_number(label).and_then(cbor::Value::integer);
        let coordinate = |label| map.at_number(label)?.bytes().filter(|bytes| bytes.len() == 32);
        let key = match (number(1), number(3), number(-1)) {
            // EC2, ES256, P-256.
            (Some(2), Some(-7), Some(1)) => {
                coordinate(-2).zip(coordinate(-3)).and_then(|(x, y)| {
                    let point = [&[4], x, y].concat();
                    p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Kind::Es256)
                })
            }
            // OKP, EdDSA, Ed25519.
            (Some(1), Some(-8), Some(6)) => coordinate(-2).and_then(ed25519),
            _of_another_kind => None,
        };
        Ok((Self(key.ok_or(WebauthnFault::Key)?), rest))
    }

    /// Returns whether `signature` over `message` is of this key: DER for ES256, 64 bytes for
    /// Ed25519.
    #[must_use]
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Es256(key) => p256::ecdsa::DerSignature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Kind::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

fn ed25519(bytes: &[u8]) -> Option<Kind> {
    let bytes: &[u8; 32] = bytes.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
    (!key.is_weak()).then_some(Kind::Ed25519(key))
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Es256(key) => {
                write!(f, "es256:{}", hex::encode(key.to_sec1_point(false).as_bytes()))
            }
            Kind::Ed25519(key) => write!(f, "ed25519:{}", hex::encode(key.as_bytes())),
        }
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKey({self})")
    }
}

impl FromStr for PersonKey {
    type Err = WebauthnFault;
    fn from_str(text: &str) -> Result<Self, WebauthnFault> {
        let (kind, digits) = text.split_once(':').ok_or(WebauthnFault::Key)?;
        let bytes = hex::decode(digits).map_err(|_| WebauthnFault::Key)?;
        let key = match (kind, bytes.len()) {
            ("es256", 65) => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes).ok().map(Kind::Es256)
            }
            ("ed25519", 32) => ed25519(&bytes),
            _of_another_kind => None,
        };
        let key = key.map(Self).ok_or(WebauthnFault::Key)?;
        // One spelling only.
        if key.to_string() == text { Ok(key) } else { Err(WebauthnFault::Key) }
    }
}
