//! Attestations and dossiers as their readers see them.

mod attest;
mod dossier;
