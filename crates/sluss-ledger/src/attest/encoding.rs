//! Base64 as the formats around attestations write it: standard with padding on our side, either
//! alphabet when it is read.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::Serializer;

use crate::hash::Hash;

/// Writes standard base64 with padding (RFC 4648 section 4).
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64, or the URL-safe alphabet with or without padding (RFC 4648 sections 4
/// and 5). Alphabets are not mixed, and left-over bits must be zero.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text))
        .ok()
}

/// Bytes that stand in JSON as standard base64.
pub(crate) mod base64_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        decode(&text).ok_or_else(|| D::Error::custom("expected base64"))
    }
}

/// A digest that stands in JSON as base64 of its 32 bytes, as Sigstore writes digests.
pub(crate) mod base64_hash {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(hash: &Hash, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&encode(hash.as_bytes()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let bytes = base64_bytes::deserialize(from)?;
        let bytes = bytes.try_into().map_err(|_| D::Error::custom("expected 32 bytes"))?;
        Ok(Hash::from_bytes(bytes))
    }
}

/// A list of digests, each as in [`base64_hash`].
pub(crate) mod base64_hashes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(hashes: &[Hash], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(hashes.iter().map(|hash| encode(hash.as_bytes())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let hash = |text: &String| {
            let bytes = decode(text)?.try_into().ok()?;
            Some(Hash::from_bytes(bytes))
        };
        let hashes: Option<_> = texts.iter().map(hash).collect();
        hashes.ok_or_else(|| D::Error::custom("expected base64 of 32 bytes each"))
    }
}

/// A 64-bit number that stands in JSON as a string (protobuf's JSON mapping).
pub(crate) mod text_number {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(number: &u64, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let number: u64 = text.parse().map_err(D::Error::custom)?;
        if number.to_string() != text {
            return Err(D::Error::custom("expected a decimal number without leading zeros"));
        }
        Ok(number)
    }
}
