//! Bills of materials: lock files, SPDX 2.3 and 3.0, CycloneDX 1.4 to 1.7 in; CycloneDX 1.6 out.
//!
//! # Invariants
//!
//! - The same lock file and subject give the same bytes: components are sorted, the serial number
//!   is made from the content.
//! - What a lock file has and this does not understand is an error with its line or key, never a
//!   component that is quietly missing.
//!
//! Not here: reading files, and looking licences up where the lock file does not name them.

mod cargo;
mod cyclonedx;
mod cyclonedx_taken;
mod npm;
mod python;
mod spdx;
mod toml;
mod toml_locks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::hash::Hash;

pub use cargo::cargo_lock;
pub use cyclonedx::{Subject, cyclonedx};
pub use cyclonedx_taken::cyclonedx_taken;
pub use npm::package_lock;
pub use python::requirements;
pub use spdx::spdx;
pub use toml_locks::{poetry_lock, uv_lock};

/// Largest lock file that is read, in bytes.
pub const MAX_LOCK_BYTES: usize = 64 << 20;

/// All that something is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    components: BTreeMap<Purl, Component>,
}

/// A part of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digests of what is downloaded, by algorithm as CycloneDX names it, in lower-case hex.
    pub hashes: BTreeMap<&'static str, String>,
    /// Its licence as the lock file has it.
    pub licence: Option<String>,
    /// What it needs.
    pub needs: BTreeSet<Purl>,
}

/// The address of a component (package-url), which tells it from all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl(String);

impl Purl {
    fn new(kind: &str, namespace: Option<&str>, name: &str, version: &str) -> Self {
        let name = match namespace {
            Some(namespace) => format!("{}/{}", encoded(namespace), encoded(name)),
            None => encoded(name),
        };
        Self(format!("pkg:{kind}/{name}@{}", encoded(version)))
    }

    /// Takes an address over as it is written: `pkg:kind/name`, with a namespace, a version,
    /// qualifiers and a subpath where it has them.
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix("pkg:")?.split_once('/')?;
        let path = rest.split(['@', '?', '#']).next()?;
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
        let named = path.split('/').all(|part| !part.is_empty());
        let good = !kind.is_empty() && kind.bytes().all(letter) && named;
        (good && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    fn with(self, key: &str, value: &str) -> Self {
        Self(format!("{}?{key}={}", self.0, encoded(value)))
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3), and leaves `:` as
/// package-url does.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

impl Inventory {
    /// Returns every component with its address, sorted by it.
    pub fn components(&self) -> impl Iterator<Item = (&Purl, &Component)> {
        self.components.iter()
    }

    /// Returns how many components there are.
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Adds what another lock file of the same thing has.
    pub fn merge(&mut self, other: Self) {
        for (purl, component) in other.components {
            self.add(purl, component);
        }
    }

    /// Adds what a document has under `purl`, which may stand there more than once.
    fn add_same(&mut self, purl: Purl, component: Component) -> Result<(), &'static str> {
        let same = |known: &Component| {
            (&known.name, &known.version) == (&component.name, &component.version)
        };
        if !self.components.get(&purl).is_none_or(same) {
            return Err("another one of this package-url has another name or version");
        }
        self.add(purl, component);
        Ok(())
    }

    fn add(&mut self, purl: Purl, component: Component) {
        match self.components.get_mut(&purl) {
            None => drop(self.components.insert(purl, component)),
            Some(known) => {
                known.hashes.extend(component.hashes);
                known.licence = known.licence.take().or(component.licence);
                known.needs.extend(component.needs);
            }
        }
    }
}

/// Why a lock file was refused.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is larger than is read.
    #[error("the lock file has more than {MAX_LOCK_BYTES} bytes")]
    TooLarge,
    /// A line is not understood.
    #[error("line {line}: {what}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What was expected there.
        what: String,
    },
    /// It is not the JSON of such a lock file.
    #[error("not a package-lock.json: {0}")]
    Json(#[from] serde_json::Error),
    /// It is not the JSON of such a document.
    #[error("not an SPDX document: {0}")]
    Spdx(#[source] serde_json::Error),
    /// It is not the JSON of such a document.
    #[error("not a CycloneDX document: {0}")]
    CycloneDx(#[source] serde_json::Error),
    /// It is not the TOML of such a lock file.
    #[error("not the lock file of {of}: {what}")]
    Toml {
        /// Of which packager.
        of: &'static str,
        /// What is wrong.
        what: String,
    },
    /// An entry is not understood.
    #[error("{entry:?}: {what}")]
    Entry {
        /// Its key.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

fn line(line: usize, what: impl Into<String>) -> LockError {
    LockError::Line { line, what: what.into() }
}

fn check_size(length: usize) -> Result<(), LockError> {
    if length > MAX_LOCK_BYTES { Err(LockError::TooLarge) } else { Ok(()) }
}

/// An algorithm as CycloneDX names it, and the bytes of its digests.
fn algorithm(name: &str) -> Option<(&'static str, usize)> {
    const KNOWN: [(&str, usize); 12] = [
        ("MD5", 16),
        ("SHA-1", 20),
        ("SHA-256", 32),
        ("SHA-384", 48),
        ("SHA-512", 64),
        ("SHA3-256", 32),
        ("SHA3-384", 48),
        ("SHA3-512", 64),
        ("BLAKE2b-256", 32),
        ("BLAKE2b-384", 48),
        ("BLAKE2b-512", 64),
        ("BLAKE3", 32),
    ];
    KNOWN.into_iter().find(|(known, _)| *known == name)
}

/// Whether `text` is so many bytes in lower-case hex.
fn is_hex(text: &str, bytes: usize) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 2 * bytes && text.bytes().all(digit)
}

/// A JSON object none of whose keys is there twice.
#[derive(Debug)]
struct Unique<V>(BTreeMap<String, V>);

impl<V> Default for Unique<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Keys<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Keys<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<V>, A::Error> {
                let mut found = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if found.contains_key(&key) {
                        return Err(A::Error::custom(format!("duplicate key {key:?}")));
                    }
                    found.insert(key, value);
                }
                Ok(Unique(found))
            }
        }

        from.deserialize_map(Keys(std::marker::PhantomData))
    }
}

/// A UUID made from a digest (RFC 9562 version 8).
fn uuid_of(digest: &Hash) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
