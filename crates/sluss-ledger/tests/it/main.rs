//! Attestations and dossiers as their readers see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod attest;
mod dossier;
mod exceptions;
mod others;
mod person_keys;
mod sarif;
mod sbom;
mod schema;
mod statements;
mod webauthn;
