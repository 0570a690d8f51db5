//! Evidence for people who do not trust us: statements about releases, signed, in the forms that
//! other people's programs read; and dossiers, which gather all of one release.
//!
//! # Invariants
//!
//! - A statement says what the log says: it is made from the event that it is about and what
//!   stood before it. Nothing is attested that was not recorded.
//! - A failed build has no provenance, and *no data* is never a verdict in favour.

mod automated;
mod beside;
mod checkpoint;
mod decisions;
pub mod dossier;
mod freeze;
mod gather;
mod inputs;
mod materials;
pub mod outside;
mod provenance;
mod rest;
mod scan;
mod verdict;
mod waiver;

pub use materials::inventory;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_ledger::Hash;
use sluss_ledger::attest::{
    DigestSet, HashedRekord, Predicate, Statement, StatementError, StatementSubject, UtcTime,
};
use sluss_store::{Attestation, Blobs as _, Log as _};

use crate::engine::{Engine, read_event};
use crate::failure::{Blame, Failure};

/// The event that something is attested of.
struct Said {
    event: Event,
    at: Millis,
}

/// A statement that is signed: its leaf for the log, and its envelope as a blob.
pub struct Signed {
    /// What is appended with the event that names it.
    pub attestation: Attestation,
    /// The digest of the envelope.
    pub envelope: Digest,
}

/// Signs what the event at `of` says, and keeps the envelope.
///
/// # Errors
///
/// [`Failure`]: nothing was signed, or the envelope could not be kept.
pub async fn sign(engine: &Engine, of: u64, evidence: &Evidence) -> Result<Signed, Failure> {
    let parts = engine.parts();
    let found = parts.log.read(of, 1).await?;
    let sealed = found.first().ok_or_else(|| gone(format!("entry {of}")))?;
    let said = Said { event: read_event(sealed)?.1, at: sealed.time };
    let statement = match evidence {
        Evidence::Verdict { deployment } => {
            let told = verdict::told(engine, *deployment, of).await?;
            verdict::statement(&engine.state(), *deployment, &said, &told)?
        }
        Evidence::Provenance { release } => provenance::statement(engine, *release).await?,
        Evidence::TestResult { owner, step, attempt } => {
            rest::test_result(engine, (*owner, step, *attempt), &said)?
        }
        Evidence::Sbom { release } => scan::sbom(engine, *release, &said).await?,
        Evidence::Scan { owner, step, report } => {
            scan::scan(engine, (*owner, step, report), &said).await?
        }
        Evidence::Performance { owner, step, .. } => rest::measured(engine, (*owner, step), &said)?,
        Evidence::Gate { deployment, gate } => {
            let inputs = match rest::asks_nothing(&said) {
                true => Vec::new(),
                false => inputs::of_gate(engine, of, (*deployment, *gate)).await?,
            };
            rest::gate(engine, (*deployment, *gate), inputs, &said)?
        }
        Evidence::Freeze { .. } => freeze::statement(engine, of, &said).await?,
        Evidence::Approval { subject } => rest::approval(engine, *subject, &said)?,
        Evidence::Automated { deployment } => {
            automated::statement(engine, of, *deployment, &said).await?
        }
        Evidence::Waiver { exception } => waiver::statement(&engine.state(), *exception)?,
    };
    let attestor = engine.attestor();
    let envelope = statement.sign(&attestor);
    let attestation = Attestation {
        leaf: HashedRekord::of(&envelope, attestor.verifier()).to_leaf(),
        pae: envelope.pae_digest(),
        predicate: statement.predicate_type().to_owned(),
    };
    let envelope = parts.blobs.put(envelope.to_json().into_bytes()).await;
    let envelope = envelope.map_err(|e| Failure::upstream("An envelope can't be kept", &e))?;
    Ok(Signed { attestation, envelope })
}

fn gone(what: impl std::fmt::Display) -> Failure {
    Failure::new(Blame::Bug, format!("There is no {what} to attest."), "Please report this")
}

fn contradicts(error: StatementError) -> Failure {
    let what = format!("What happened can't be attested: {error}");
    Failure::new(Blame::Bug, what, "Please report this")
}

fn about<P: Predicate>(
    subject: Vec<StatementSubject>,
    predicate: &P,
) -> Result<Statement, Failure> {
    Statement::about(subject, predicate).map_err(contradicts)
}

fn utc(at: Millis) -> Result<UtcTime, Failure> {
    let wrong = || Failure::new(Blame::Bug, "A time is beyond the year 9999.", "Set the clock");
    UtcTime::from_ms(at.0).ok_or_else(wrong)
}

/// Returns a digest as the ledger has it.
fn hash(digest: &Digest) -> Hash {
    digest.as_str().parse().expect("BUG: a digest is 64 hexadecimal digits")
}

/// Returns the artifacts of a release as subjects; where it has none, the commit it was made from.
fn artifacts(state: &State, id: ReleaseId) -> Result<Vec<StatementSubject>, Failure> {
    let release = state.releases.get(&id).ok_or_else(|| gone(id))?;
    if release.artifacts.is_empty() {
        let change = state.changes.get(&release.change).ok_or_else(|| gone(release.change))?;
        return commit(&change.service, &change.push.commit).map(|subject| vec![subject]);
    }
    let subject = |artifact: &sluss_core::event::Artifact| StatementSubject {
        name: artifact.name.to_string(),
        digest: DigestSet::sha256(hash(&artifact.digest)),
    };
    Ok(release.artifacts.iter().map(subject).collect())
}

fn commit(
    service: &sluss_core::ids::ServiceName,
    commit: &sluss_core::ids::CommitId,
) -> Result<StatementSubject, Failure> {
    let digest = DigestSet::of("gitCommit", commit.as_str()).map_err(contradicts)?;
    Ok(StatementSubject { name: service.to_string(), digest })
}
