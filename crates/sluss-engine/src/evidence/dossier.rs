//! A release's dossier from the running system, and the keys that an auditor checks it with.

use std::path::Path;
use std::time::Duration;

use sluss_core::decide::{Actor, Command};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::retention::Class;
use sluss_ledger::attest::TrustedRoot;
use sluss_ledger::attest::predicate::{Predicate as _, Sbom};
use sluss_ledger::dossier::{
    AttestationPart, Disposed, EventPart, Files, Identity, Parts, TrustParts, TrustedKeys, archive,
    build,
};
use sluss_ledger::{Hash, Note, NoteSignature};
use sluss_store::Log as _;

use super::gather::{Gathered, gather};
use super::utc;
use crate::engine::Engine;
use crate::failure::{Blame, Failure};
use crate::keys::attestation_keys;
use crate::reconcile::attest::seal;

/// How long an export waits for what is still to be signed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it looks again meanwhile.
const AGAIN: Duration = Duration::from_millis(200);

/// A dossier as one file.
#[derive(Debug)]
pub struct Dossier {
    /// What the file is called.
    pub name: String,
    /// Its content, a zip.
    pub archive: Vec<u8>,
    /// The digest of its manifest.
    pub manifest: Digest,
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
    if !engine.state().releases.contains_key(&id) {
        let what = format!("There is no release {id}.");
        return Err(Failure::new(Blame::NotFound, what, "See what there is: `sluss status`"));
    }
    signed(engine, id).await;
    let unsealed = engine.state().unsealed.contains(&id);
    if unsealed {
        seal(engine, id).await?;
    }
    let gathered = gather(engine, id).await?;
    let identities_of = match identities {
        true => disclosed(engine, &gathered).await?,
        false => Vec::new(),
    };
    let parts = parts(engine, id, gathered, identities_of).await?;
    let files = build(&parts, &engine.attestor());
    let files = files.map_err(|error| Failure::upstream("The dossier can't be made", &error))?;
    let manifest = files.get("manifest.json").map(|text| Digest::of(text));
    let manifest = manifest.expect("BUG: each dossier has a manifest");
    let archive = archive::write(&files);
    let archive = archive.map_err(|e| Failure::upstream("The dossier can't be packed", &e))?;
    let exported = Command::Exported { release: id, manifest: manifest.clone(), identities };
    engine.command(exported, actor, None).await?;
    Ok(Dossier { name: format!("release-{id}.sluss.zip"), archive, manifest })
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
    identities: Vec<Identity>,
) -> Result<Parts, Failure> {
    let trust = trust(engine).await?;
    let Gathered { events, attestations, blobs, disposed, persons: _ } = gathered;
    let retention = engine.state().periods().of(Class::Evidence).to_string();
    let positions = events.keys().chain(attestations.keys()).copied().collect();
    let proven = engine.parts().log.prove(positions).await;
    let proven = proven.map_err(|e| Failure::upstream("The log's entries can't be proven", &e))?;
    let proof = |index: u64| proven.hashes.get(&index).cloned().unwrap_or_default();
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
    Ok(Parts {
        release: id.to_string(),
        retention,
        events: events.into_iter().map(event).collect(),
        attestations: attestations.into_iter().map(attestation).collect(),
        blobs: blobs.into_values().collect(),
        disposed: disposed.into_iter().map(gone).collect(),
        sbom,
        controls: None,
        policy: Default::default(),
        identities,
        checkpoint: cosigned(engine, &proven.checkpoint).await,
        timestamp: None,
        trust,
    })
}

fn gone((digest, (class, leaf)): (Digest, (Class, u64))) -> Disposed {
    let sha256 = digest.as_str().parse().expect("BUG: a digest is 64 hexadecimal digits");
    Disposed { sha256, class: class.to_string(), leaf }
}

/// Where the cosigned checkpoints of a data folder are, a file for each witness.
pub const WITNESSED: &str = "witnessed";

/// Adds the cosignatures that witnesses gave this checkpoint; waits for them a while where there
/// are witnesses. Who verifies counts them by a policy of their own.
async fn cosigned(engine: &Engine, checkpoint: &str) -> String {
    let Ok(note) = Note::parse(checkpoint.as_bytes()) else { return checkpoint.to_owned() };
    let folder = engine.parts().data.join(WITNESSED);
    let wait = async {
        loop {
            let (lines, all) = cosignatures(&folder, &note);
            if all {
                return lines;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    let lines = tokio::time::timeout(PATIENCE, wait).await;
    let lines = lines.unwrap_or_else(|_late| cosignatures(&folder, &note).0);
    lines.into_iter().fold(note, Note::with).to_string()
}

/// Returns the cosignatures of this checkpoint, and whether each witness that cosigned before gave
/// one.
fn cosignatures(folder: &Path, checkpoint: &Note) -> (Vec<NoteSignature>, bool) {
    let (mut lines, mut all) = (Vec::new(), true);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_none()) {
        let note = std::fs::read(&path).ok().and_then(|text| Note::parse(&text).ok());
        match note.filter(|note| note.unverified_text() == checkpoint.unverified_text()) {
            Some(note) => {
                let own = checkpoint.signatures();
                lines.extend(note.signatures().iter().filter(|line| !own.contains(line)).cloned());
            }
            None => all = false,
        }
    }
    (lines, all)
}

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
    for span in parts.log.keys().spans() {
        let named = match span.from_leaf() {
            0 => began,
            from => parts.log.read(from, 1).await?.first().map_or(began, |named| named.time),
        };
        logs.push((span.verifier().clone(), utc(named)?));
    }
    let keys = TrustedKeys::of(attestation_keys(engine)?);
    Ok(TrustParts { logs, keys, tlog_policy: None })
}

/// Returns the files of a trust folder: what an auditor needs to check dossiers and bundles of this
/// installation, and should get from people, not from the dossier.
///
/// # Errors
///
/// When the log can't be read.
pub async fn trust_folder(engine: &Engine) -> Result<Files, Failure> {
    let TrustParts { logs, keys, .. } = trust(engine).await?;
    let vkeys: String = logs.iter().map(|(log, _)| format!("{log}\n")).collect();
    let files = [
        ("vkey", vkeys),
        ("keys.json", keys.to_json()),
        ("trusted_root.json", TrustedRoot::of(logs).to_json()),
        ("attestation.pub", engine.attestor().verifier().to_pem()),
    ];
    Ok(files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into())
}
