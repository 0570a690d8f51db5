//! in-toto Statement v1: which artifacts something is said about, and what.
//!
//! # Invariants
//!
//! - Every subject has a digest, in lower-case hex under the name of its algorithm; artifacts are
//!   matched by digest and never by name.
//! - A statement that we write is strict JSON: no whitespace between tokens, no floats.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::dsse::{Dsse, IN_TOTO_PAYLOAD};
use super::key::AttestationKey;
use super::predicate::Predicate;
use crate::hash::Hash;

/// The `_type` of statements.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Digests of one thing, by algorithm, each as lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DigestSet(BTreeMap<String, String>);

impl DigestSet {
    /// Returns the set of one SHA-256 digest.
    pub fn sha256(digest: Hash) -> Self {
        Self(BTreeMap::from([("sha256".to_owned(), digest.to_string())]))
    }

    /// Returns the set of one digest under the name of its algorithm, such as `gitCommit`.
    ///
    /// # Errors
    ///
    /// [`StatementError::Digest`] where the value is not lower-case hex of that algorithm.
    pub fn of(algorithm: &str, value: &str) -> Result<Self, StatementError> {
        Self::checked(BTreeMap::from([(algorithm.to_owned(), value.to_owned())]))
    }

    /// Returns the SHA-256 digest, if the set has one.
    pub fn as_sha256(&self) -> Option<Hash> {
        self.0.get("sha256")?.parse().ok()
    }

    /// Returns every algorithm with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(algorithm, value)| (algorithm.as_str(), value.as_str()))
    }

    fn checked(set: BTreeMap<String, String>) -> Result<Self, StatementError> {
        let well_formed = |(algorithm, value): (&String, &String)| {
            let length = match algorithm.as_str() {
                "sha256" | "sha3_256" => value.len() == 64,
                "sha384" => value.len() == 96,
                "sha512" => value.len() == 128,
                "sha1" => value.len() == 40,
                "gitCommit" | "gitTree" => matches!(value.len(), 40 | 64),
                _ => !value.is_empty(),
            };
            length && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if set.is_empty() || !set.iter().all(well_formed) {
            return Err(StatementError::Digest);
        }
        Ok(Self(set))
    }
}

impl<'de> Deserialize<'de> for DigestSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digests;

        impl<'de> Visitor<'de> for Digests {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("digests by algorithm")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut set = BTreeMap::new();
                while let Some((algorithm, value)) = map.next_entry::<String, String>()? {
                    match set.entry(algorithm) {
                        Entry::Vacant(entry) => drop(entry.insert(value)),
                        Entry::Occupied(_) => return Err(A::Error::custom("duplicate algorithm")),
                    }
                }
                Ok(set)
            }
        }

        Self::checked(from.deserialize_map(Digests)?).map_err(D::Error::custom)
    }
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementSubject {
    /// Name for people; nothing is matched by it.
    #[serde(default)]
    pub name: String,
    /// What it is matched by.
    pub digest: DigestSet,
}

/// A thing that a predicate refers to (in-toto `ResourceDescriptor` v1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestSet>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// MIME type of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl ResourceDescriptor {
    /// Returns the descriptor of something with an address and a digest.
    pub fn new(uri: impl Into<String>, digest: DigestSet) -> Self {
        Self { uri: Some(uri.into()), digest: Some(digest), name: None, media_type: None }
    }
}

/// What is said about artifacts.
#[derive(Debug, Clone)]
pub struct Statement {
    subject: Vec<StatementSubject>,
    predicate_type: String,
    predicate: Box<RawValue>,
}

impl Statement {
    /// Returns the statement of `predicate` about `subject`.
    ///
    /// # Errors
    ///
    /// [`StatementError`] where there is no subject, or the predicate contradicts its own rules.
    pub fn about<P: Predicate>(
        subject: Vec<StatementSubject>,
        predicate: &P,
    ) -> Result<Self, StatementError> {
        predicate.check().map_err(StatementError::Predicate)?;
        if subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        let predicate = serde_json::value::to_raw_value(predicate)?;
        Ok(Self { subject, predicate_type: P::TYPE.to_owned(), predicate })
    }

    /// Reads a statement.
    ///
    /// # Errors
    ///
    /// [`StatementError`] where it is of another type, has no subject, or one without digest.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire = serde_json::from_slice(payload)?;
        if wire.kind != STATEMENT_TYPE {
            return Err(StatementError::OtherType(wire.kind));
        }
        if wire.subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        let (subject, predicate_type) = (wire.subject, wire.predicate_type);
        Ok(Self { subject, predicate_type, predicate: wire.predicate })
    }

    /// Returns the bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = Wire {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.subject.clone(),
            predicate_type: self.predicate_type.clone(),
            predicate: self.predicate.clone(),
        };
        serde_json::to_vec(&wire).expect("BUG: text has a JSON form")
    }

    /// Returns the statement in an envelope signed by `key`.
    pub fn sign(&self, key: &AttestationKey) -> Dsse {
        Dsse::sign(IN_TOTO_PAYLOAD, self.to_bytes(), key)
    }

    /// Returns what the statement is about.
    pub fn subject(&self) -> &[StatementSubject] {
        &self.subject
    }

    /// Returns the type of what is said, a URI.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Returns what is said, as JSON text.
    pub fn predicate(&self) -> &RawValue {
        &self.predicate
    }

    /// Reads what is said as a predicate of type `P`, and checks it by its own rules.
    ///
    /// # Errors
    ///
    /// [`StatementError::OtherPredicate`], [`StatementError::Json`], [`StatementError::Predicate`].
    pub fn read<P: Predicate>(&self) -> Result<P, StatementError> {
        if self.predicate_type != P::TYPE {
            let found = self.predicate_type.clone();
            return Err(StatementError::OtherPredicate { expected: P::TYPE, found });
        }
        let predicate: P = serde_json::from_str(self.predicate.get())?;
        predicate.check().map_err(StatementError::Predicate)?;
        Ok(predicate)
    }
}

/// Why a statement was refused.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It is not of the form.
    #[error("not an in-toto statement of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// It has another `_type`.
    #[error("a statement of type {0:?}, where {STATEMENT_TYPE} is read")]
    OtherType(String),
    /// It is about nothing.
    #[error("a statement without subject says nothing of anything")]
    NoSubject,
    /// A digest is missing or not of its algorithm's form.
    #[error("a subject has at least one digest, in lower-case hex as long as its algorithm says")]
    Digest,
    /// Something else is said than was asked for.
    #[error("the statement says {found:?}, where {expected:?} is read")]
    OtherPredicate {
        /// Type that was asked for.
        expected: &'static str,
        /// Type that it has.
        found: String,
    },
    /// What is said contradicts its own rules.
    #[error("the predicate contradicts its own rules: {0}")]
    Predicate(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<StatementSubject>,
    predicate_type: String,
    predicate: Box<RawValue>,
}
