//! Attestations: signed statements about artifacts, in the formats that other people's tools read.
//!
//! A statement (in-toto v1) is signed in an envelope (DSSE, ECDSA P-256), the envelope becomes a
//! leaf of the log (Rekor v2 `hashedrekord`), and a bundle (Sigstore v0.3) carries envelope, leaf
//! and proof together.
//!
//! # Invariants
//!
//! - What was verified is what is used: a [`Verified`] payload comes out of [`Dsse::verify`] alone,
//!   and nothing reads an envelope again after it.
//! - The key id of an envelope is a hint; no decision rests on it alone.
//! - One envelope has exactly one signature, and one spelling in which we write it.
//! - Predicates are monotonic: leaving one away never lets anything through. What is revoked is
//!   revoked by an event.
//!
//! Not here: which event names which attestation (see [`crate::Envelope`]), and who may sign what.

mod bundle;
mod dsse;
mod encoding;
mod hashedrekord;
mod key;
pub mod predicate;
mod statement;
mod time;
mod trusted_root;

pub use bundle::{BUNDLE_MEDIA_TYPE, Bundle, BundleError, LogEntry, VerifiedBundle};
pub use dsse::{Dsse, DsseError, IN_TOTO_PAYLOAD, MAX_ENVELOPE_BYTES, Verified, pae};
pub(crate) use encoding::base64_bytes;
pub use hashedrekord::{HashedRekord, HashedRekordError};
pub use key::{AttestationKey, AttestationVerifier, KeyError};
pub use predicate::{PREDICATE_BASE, Predicate};
pub use statement::{
    DigestSet, ResourceDescriptor, STATEMENT_TYPE, Statement, StatementError, StatementSubject,
};
pub use time::UtcTime;
pub use trusted_root::{TrustedRoot, TrustedRootError, log_id};
