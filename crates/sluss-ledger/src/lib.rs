//! The transparency log: Merkle tree, tiles, checkpoints, proofs, event leaves and their audit.
//!
//! Everything here is a function of bytes: the crate has no I/O, no clock and no source of
//! randomness. Keys come in as bytes, files and HTTP are the caller's.
//!
//! # Invariants
//!
//! - The bytes of a leaf as written are the truth: nothing here canonicalises before it hashes.
//! - Tree and proofs are those of RFC 6962 section 2.1 with SHA-256, and no other.
//! - Files and notes are those of C2SP `tlog-tiles`, `signed-note`, `tlog-checkpoint` and
//!   `tlog-proof`, so that other people's programs can check them.

mod add_checkpoint;
pub mod attest;
mod audit;
mod checkpoint;
mod cosignature;
pub mod dossier;
mod envelope;
mod hash;
mod leaf;
mod log_keys;
mod note;
#[cfg(feature = "sample")]
pub mod sample;
pub mod sarif;
pub mod sbom;
mod seal;
mod stream_seal;
mod tile;
pub mod timestamp;
mod tlog_proof;
mod tree;
mod trust_policy;
pub mod webauthn;

mod witness;
mod witness_client;

pub use add_checkpoint::{
    AddCheckpoint, AddCheckpointError, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, SIZE_CONTENT_TYPE,
    WitnessAnswer, WitnessAnswerError,
};
pub use audit::{AuditError, Audited, StreamChecker, StreamHead};
pub use checkpoint::{Checkpoint, CheckpointError, Origin, VerifiedCheckpoint};
pub use cosignature::{Cosignature, WitnessKey, WitnessVerifier};
pub use envelope::{
    Actor, ActorKind, AttestationRef, Envelope, OpenError, Ref, SealError, Subject, SubjectDigest,
};
pub use hash::{Hash, HashError};
pub use leaf::{
    ATTESTATION_PREFIX, EVENT_PREFIX, Fault, LeafKind, LintError, MAX_DEPTH, MAX_LEAF_BYTES,
    lint_json, lint_leaf,
};
pub use log_keys::{KeySpan, LogKeys, LogKeysError};
pub use note::{
    KeyId, KeyName, LogKey, LogVerifier, MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError,
    NoteSignature, VerifiedNote,
};
pub use seal::{Counted, DeploymentWay, PopulationFact, PopulationSeal, Populations, SealFault};
pub use stream_seal::{SealedStream, StreamSeal, StreamSealFault};
pub use tile::{
    Bundle, FULL_WIDTH, Tile, TileEdge, TileError, TileReader, bundles_between, decode_entries,
    encode_entries, encode_hashes, tiles_between, tiles_of,
};
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree::{
    Frontier, HashReader, MemoryTree, ProofError, TreeHead, consistency_proof, inclusion_proof,
    verify_consistency, verify_inclusion,
};
pub use trust_policy::{PolicyError, PolicyFault, Quorate, TrustPolicy, TrustRefusal};
pub use witness::{Extension, WitnessRefusal, WitnessState};
pub use witness_client::{
    WitnessAlarm, WitnessAskError, WitnessAsked, WitnessSaid, WitnessTrouble, WitnessView,
};
