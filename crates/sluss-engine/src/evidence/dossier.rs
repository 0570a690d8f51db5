//! A release's dossier from the running system, and the keys that an auditor checks it with.

use std::collections::BTreeSet;
use std::time::Duration;

use sluss_core::decide::{Actor, Command};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::keys::KeyOf;
use sluss_core::retention::Class;
use sluss_ledger::Hash;
use sluss_ledger::attest::predicate::{Predicate as _, Sbom};
use sluss_ledger::dossier::{
    AttestationPart, Disposed, EventPart, Files, Identity, Parts, TrustParts, TrustedKeys, archive,
    build,
};
use sluss_store::Log as _;

use super::checkpoint::{Vouched, vouched};
use super::gather::{Gathered, gather};
use super::outside::stamp;
use super::utc;
use crate::engine::Engine;
use crate::failure::{Blame, Failure};
use crate::keys::attestation_keys;
use crate::reconcile::attest::seal;

/// How long an export waits for what is still to be signed.
const PATIENCE: Duration = Duration::from_secs(3);

/// A dossier as one file.
#[derive(Debug)]
pub struct Dossier {
    /// What the file is called.
    pub name: String,
    /// Its content, a zip.
    pub archive: Vec<u8>,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What whoever asked for it should know: who did not vouch for it in time. Sentences.
    pub remarks: Vec<String>,
}

/// Makes the dossier of a release as it is now, and records that it was given away; with
/// `identities`, it says who the references of people stand for.
///
/// # Errors
///
/// [`Failure`]: there is no such release, something of it can't be read or proven, or `actor` may
/// not disclose who people are.
pub async fn export(
    engine: &Engine,
    id: ReleaseId,
    identities: bool,
    actor: Actor,
) -> Result<Dossier, Failure> {
    known(engine, id)?;
    signed(engine, id).await;
    let unsealed = engine.state().unsealed.contains(&id);
    if unsealed {
        seal(engine, id).await?;
    }
    let (files, remarks) = files(engine, id, identities, Timestamped::Asked).await?;
    let manifest = files.get("manifest.json").map(|text| Digest::of(text));
    let manifest = manifest.expect("BUG: each dossier has a manifest");
    let archive = archive::write(&files);
    let archive = archive.map_err(|e| Failure::upstream("The dossier can't be packed", &e))?;
    let exported = Command::Exported { release: id, manifest: manifest.clone(), identities };
    engine.command(exported, actor, None).await?;
    Ok(Dossier { name: format!("release-{id}.sluss.zip"), archive, manifest, remarks })
}

/// Makes the files of a release's dossier as they would be now, for looking at: nobody is named,
/// nothing is sealed, no authority is asked for the time, and nothing is recorded.
///
/// # Errors
///
/// [`Failure`]: there is no such release, or something of it can't be read or proven.
pub async fn draft(engine: &Engine, id: ReleaseId) -> Result<Files, Failure> {
    known(engine, id)?;
    let (files, _remarks) = files(engine, id, false, Timestamped::NotAsked).await?;
    Ok(files)
}

fn known(engine: &Engine, id: ReleaseId) -> Result<(), Failure> {
    if engine.state().releases.contains_key(&id) {
        return Ok(());
    }
    let what = format!("There is no release {id}.");
    Err(Failure::new(Blame::NotFound, what, "See what there is: `sluss status`"))
}

/// Whether an authority is asked to say when it saw the checkpoint.
#[derive(Clone, Copy, PartialEq)]
enum Timestamped {
    Asked,
    NotAsked,
}

async fn files(
    engine: &Engine,
    id: ReleaseId,
    identities: bool,
    timestamped: Timestamped,
) -> Result<(Files, Vec<String>), Failure> {
    let gathered = gather(engine, id).await?;
    let identities_of = match identities {
        true => disclosed(engine, &gathered).await?,
        false => Vec::new(),
    };
    let (parts, remarks) = parts(engine, id, gathered, (identities_of, timestamped)).await?;
    let files = build(&parts, &engine.attestor());
    let files = files.map_err(|error| Failure::upstream("The dossier can't be made", &error))?;
    Ok((files, remarks))
}

/// Waits until everything of the release is signed, or no longer.
async fn signed(engine: &Engine, id: ReleaseId) {
    let mut changed = engine.changed();
    let wait = async {
        while engine.state().is_unattested(id) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.ok();
}

async fn parts(
    engine: &Engine,
    id: ReleaseId,
    gathered: Gathered,
    (identities, timestamped): (Vec<Identity>, Timestamped),
) -> Result<(Parts, Vec<String>), Failure> {
    let trust = trust(engine).await?;
    let Gathered { events, attestations, blobs, decisions, disposed, persons: _ } = gathered;
    let retention = engine.state().periods().of(Class::Evidence).to_string();
    let positions: BTreeSet<u64> = events.keys().chain(attestations.keys()).copied().collect();
    // The key that signs the manifest counts from a leaf on that must be in it, too.
    let counts_from =
        engine.state().signing_keys(KeyOf::Attestations).last().map(|of| of.from_leaf);
    let last = positions.last().copied().into_iter().chain(counts_from).max().unwrap_or_default();
    let Vouched { note, head, missing } = vouched(engine, last).await.ok_or_else(|| {
        let what = "No signed checkpoint covers the release yet.";
        Failure::new(Blame::Upstream, what, "Try again in a moment; else see `sluss log verify`")
    })?;
    let proven = engine.parts().log.prove(positions, head.size).await;
    let proven = proven.map_err(|e| Failure::upstream("The log's entries can't be proven", &e))?;
    let proof = |index: u64| proven.get(&index).cloned().unwrap_or_default();
    let checkpoint = note.to_string();
    let not_cosigned = |name: String| format!("The witness {name} has not cosigned it in time.");
    let mut remarks: Vec<String> = missing.into_iter().map(not_cosigned).collect();
    let timestamp = match timestamped {
        Timestamped::NotAsked => None,
        Timestamped::Asked => match stamp(engine, checkpoint.as_bytes()).await {
            Ok(stamped) => stamped.map(|(answer, _)| answer),
            Err(why) => {
                remarks.push(format!("It has no time-stamp: {why}."));
                None
            }
        },
    };
    let sbom = attestations.values().find_map(|(_, envelope)| {
        let statement = envelope.unverified_statement().ok()?;
        let found = statement.predicate_type() == Sbom::TYPE;
        found.then(|| statement.predicate().get().to_owned())
    });
    let event = |(index, sealed): (u64, sluss_store::Sealed)| EventPart {
        index,
        leaf: sealed.bytes.to_vec(),
        hashes: proof(index),
    };
    let attestation =
        |(index, (leaf, envelope))| AttestationPart { index, leaf, hashes: proof(index), envelope };
    let parts = Parts {
        release: id.to_string(),
        retention,
        events: events.into_iter().map(event).collect(),
        attestations: attestations.into_iter().map(attestation).collect(),
        blobs: blobs.into_values().collect(),
        disposed: disposed.into_iter().map(gone).collect(),
        sbom,
        controls: None,
        policy: decisions,
        identities,
        checkpoint,
        timestamp,
        trust,
    };
    Ok((parts, remarks))
}

fn gone((digest, (class, leaf)): (Digest, (Class, u64))) -> Disposed {
    let sha256 = digest.as_str().parse().expect("BUG: a digest is 64 hexadecimal digits");
    Disposed { sha256, class: class.to_string(), leaf }
}

/// Where the cosigned checkpoints of a data folder are, a file for each witness.
pub const WITNESSED: &str = "witnessed";

async fn disclosed(engine: &Engine, gathered: &Gathered) -> Result<Vec<Identity>, Failure> {
    let found = engine.parts().accounts.disclose(&gathered.persons).await;
    let found = found.map_err(|error| Failure::upstream("People can't be looked up", &error))?;
    let identity = |(reference, salt, person): (sluss_core::ids::PersonRef, [u8; 32], String)| {
        let reference = reference.as_str().parse().ok()?;
        Some(Identity { reference, salt: Hash::from_bytes(salt), person })
    };
    Ok(found.into_iter().filter_map(identity).collect())
}

/// Returns the keys of this installation, as a dossier has them.
async fn trust(engine: &Engine) -> Result<TrustParts, Failure> {
    let parts = engine.parts();
    let first = parts.log.read(0, 1).await?;
    let began = first.first().map_or_else(|| engine.now(), |first| first.time);
    let mut logs = Vec::new();
    let spans = parts.log.keys();
    for span in spans.spans() {
        let named = match span.from_leaf() {
            0 => began,
            from => parts.log.read(from, 1).await?.first().map_or(began, |named| named.time),
        };
        logs.push((span.verifier().clone(), utc(named)?));
    }
    let keys = TrustedKeys::of(attestation_keys(engine)?);
    Ok(TrustParts { logs, spans, keys, tlog_policy: None })
}

/// Returns the files of a trust folder: what an auditor needs to check dossiers and bundles of this
/// installation, and should get from people, not from the dossier.
///
/// # Errors
///
/// When the log can't be read.
pub async fn trust_folder(engine: &Engine) -> Result<Files, Failure> {
    let mut files = trust(engine).await?.files();
    let own = engine.attestor().verifier().to_pem();
    files.insert("attestation.pub".to_owned(), own.into_bytes());
    if let Some(authority) = engine.outside().authority {
        files.insert("tsa.pem".to_owned(), authority.certificates().as_bytes().to_vec());
    }
    Ok(files)
}
