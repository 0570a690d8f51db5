//! Attestations and dossiers as their readers see them.

mod attest;
mod dossier;
mod sarif;
mod sbom;
mod schema;
