//! SHA-256 digests and the two hashes of the RFC 6962 Merkle tree.
//!
//! Leaves and inner nodes are hashed under different first bytes (RFC 6962 section 2.1), so
//! that no leaf can be passed off as a node.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hex digits.
///
/// In JSON it is that hex string. Upper-case digits are refused, so that a digest has one
/// spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// 32 zero bytes: what stands for "the previous event" in the first event of a stream.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps 32 bytes that are a digest already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the digest's 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the plain SHA-256 of `content`, as blobs and subjects are named by.
    pub fn sha256(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Returns the leaf hash `SHA-256(0x00 ‖ leaf)` of RFC 6962 section 2.1.
    pub fn leaf(leaf: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0x00]).chain_update(leaf).finalize().into())
    }

    /// Returns the node hash `SHA-256(0x01 ‖ left ‖ right)` of RFC 6962 section 2.1.
    pub fn node(left: &Self, right: &Self) -> Self {
        let hasher = Sha256::new().chain_update([0x01]).chain_update(left.0);
        Self(hasher.chain_update(right.0).finalize().into())
    }

    /// Returns the root of the tree without leaves, `SHA-256("")` (RFC 6962 section 2.1).
    pub fn empty_root() -> Self {
        Self::sha256(b"")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.pad(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// A text is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 lower-case hex digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(HashError);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;

        impl Visitor<'_> for HexVisitor {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 lower-case hex digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hash, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(HexVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_root_and_the_empty_leaf_are_those_of_rfc_6962() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::empty_root().to_string(), empty);
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(Hash::leaf(b"").to_string(), leaf);
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let text = Hash::sha256(b"abc").to_string();
        assert_eq!(text.parse::<Hash>(), Ok(Hash::sha256(b"abc")));
        assert_eq!(text.to_uppercase().parse::<Hash>(), Err(HashError));
        assert_eq!(text[1..].parse::<Hash>(), Err(HashError));
        assert_eq!(format!("{text}00").parse::<Hash>(), Err(HashError));
    }

    #[test]
    fn json_holds_a_digest_as_a_hex_string() {
        let json = serde_json::to_string(&Hash::ZERO).unwrap();
        assert_eq!(json, format!("\"{}\"", "0".repeat(64)));
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), Hash::ZERO);
        assert!(serde_json::from_str::<Hash>("\"00\"").is_err());
    }
}
