//! Files of what is gone by the log are removed, and what the log names is looked for.
//!
//! # Invariants
//!
//! - The event comes first: a file is removed only where the fold says that its content is gone.
//! - What an artifact consists of goes before its manifest, so that a kill in between leaves what
//!   the next start needs to go on; layers that another artifact has too stay.
//! - What is missing and not gone by the log is named, never taken as gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sluss_core::contents::{GoneWhy, Kept, Kind};
use sluss_core::ids::{Digest, PersonRef};
use sluss_core::retention::Class;
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_store::{AccountError, FileBlobs, Prose, Removed};

use crate::artifact;
use crate::engine::{Engine, fold};
use crate::failure::{Blame, Failure};

const PERIOD: Duration = Duration::from_secs(2);
/// Entries that are read at once.
const PAGE: usize = 2_000;
/// Where unpacked artifacts are in a data folder.
const UNPACKED: &str = "unpacked";

/// What was removed since the start, and needs not be looked at again.
#[derive(Debug, Default)]
pub struct Done {
    contents: BTreeSet<Digest>,
    persons: BTreeSet<PersonRef>,
}

/// Reconciles until Sluss stops.
pub async fn run(engine: Engine) {
    let mut done = Done::default();
    let mut seen = None;
    loop {
        let (size, now) = (engine.state().size, engine.now());
        // What is young may be removed later without another event.
        if seen != Some(size) || !waiting(&engine, &done).is_empty() {
            match once(&engine, &mut done, now).await {
                Ok(()) => seen = Some(size),
                Err(failure) => {
                    tracing::warn!(%failure, "what is gone could not be removed; trying again");
                }
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

fn waiting(engine: &Engine, done: &Done) -> Vec<(Digest, Kind, Class)> {
    let state = engine.state();
    let waits = state.to_remove().filter(|(digest, ..)| !done.contents.contains(*digest));
    waits.map(|(digest, kept, _)| (digest.clone(), kept.kind, kept.class)).collect()
}

/// Removes the files of what is gone, and the accounts of who is erased.
///
/// # Errors
///
/// When a file can't be removed; the others were.
pub async fn once(engine: &Engine, done: &mut Done, now: Millis) -> Result<(), Failure> {
    {
        let state = engine.state();
        let is_gone =
            |digest: &Digest| state.contents.get(digest).is_some_and(|kept| kept.gone.is_some());
        done.contents.retain(is_gone);
    }
    erase(engine, done).await?;
    let waiting = waiting(engine, done);
    if waiting.is_empty() {
        return Ok(());
    }
    let kept = kept_artifacts(&engine.state());
    let (blobs, prose) = (engine.parts().blobs.clone(), engine.parts().prose.clone());
    let data = engine.parts().data.clone();
    let work = move || {
        let (mut removed, mut failed) = (Vec::new(), None);
        for (digest, kind, class) in waiting {
            let gone = match (kind, class) {
                (Kind::Text, _) => {
                    prose.erase_blocking(&digest).map_err(|e| wrong(&e)).map(|()| true)
                }
                (Kind::Blob, Class::Artifacts) => take_apart(&blobs, &data, &digest, (&kept, now))
                    .and_then(|whole| match whole {
                        true => remove(&blobs, &digest, now),
                        false => Ok(false),
                    }),
                (Kind::Blob, _) => remove(&blobs, &digest, now),
            };
            match gone {
                Ok(true) => removed.push(digest),
                Ok(false) => {}
                Err(failure) => failed = Some(failure),
            }
        }
        (removed, failed)
    };
    let (removed, failed) =
        tokio::task::spawn_blocking(work).await.map_err(|error| wrong(&error))?;
    done.contents.extend(removed);
    failed.map_or(Ok(()), Err)
}

/// Erases the accounts of who is erased by the log, and what the disk still holds of them. Whether
/// an earlier program came to that is not known, so that each start does it once more.
async fn erase(engine: &Engine, done: &mut Done) -> Result<(), Failure> {
    let erased: Vec<PersonRef> = engine.state().erased().cloned().collect();
    let open: Vec<PersonRef> =
        erased.into_iter().filter(|person| !done.persons.contains(person)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let accounts = &engine.parts().accounts;
    for person in &open {
        match accounts.erase(person).await {
            Ok(()) | Err(AccountError::Unknown) => {}
            Err(error) => return Err(wrong(&error)),
        }
    }
    accounts.scrub().await.map_err(|error| wrong(&error))?;
    done.persons.extend(open);
    Ok(())
}

fn wrong(error: &dyn std::error::Error) -> Failure {
    Failure::upstream("What is disposed of can't be removed", error)
}

fn remove(blobs: &FileBlobs, digest: &Digest, now: Millis) -> Result<bool, Failure> {
    let removed = blobs.remove_blocking(digest, now).map_err(|error| wrong(&error))?;
    Ok(removed == Removed::Gone)
}

/// What still needs layers: the artifacts that are kept, and everything else that is.
struct Needed {
    artifacts: Vec<Digest>,
    contents: BTreeSet<Digest>,
}

fn kept_artifacts(state: &State) -> Needed {
    let kept = || state.contents.iter().filter(|(_, kept)| kept.gone.is_none());
    let artifacts = kept().filter(|(_, kept)| kept.class == Class::Artifacts);
    Needed {
        artifacts: artifacts.map(|(digest, _)| digest.clone()).collect(),
        contents: kept().map(|(digest, _)| digest.clone()).collect(),
    }
}

/// Removes what an artifact consists of beside its manifest; false where something is too young.
fn take_apart(
    blobs: &FileBlobs,
    data: &Path,
    digest: &Digest,
    (needed, now): (&Needed, Millis),
) -> Result<bool, Failure> {
    let unpacked = data.join(UNPACKED).join(digest.as_str());
    if unpacked.exists() {
        std::fs::remove_dir_all(&unpacked).map_err(|error| wrong(&error))?;
    }
    let there = |digest: &Digest| {
        Ok::<_, Failure>(blobs.size_blocking(digest).map_err(|error| wrong(&error))?.is_some())
    };
    if !there(digest)? {
        return Ok(true);
    }
    let mut parts = artifact::parts(digest, blobs).map_err(|error| wrong(&error))?;
    for other in &needed.artifacts {
        if there(other)? {
            let theirs = artifact::parts(other, blobs).map_err(|error| wrong(&error))?;
            parts.retain(|part| !theirs.contains(part));
        }
    }
    let mut whole = true;
    for part in parts.difference(&needed.contents) {
        whole &= remove(blobs, part, now)?;
    }
    Ok(whole)
}

/// A content that is gone by the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneContent {
    /// Its digest.
    pub digest: String,
    /// What it was kept as.
    pub class: Class,
    /// The entry that says so.
    pub leaf: u64,
    /// `disposed under policy` or `erased with its author`.
    pub why: &'static str,
    /// Whether its file is still there: it goes within an hour.
    pub file_there: bool,
}

/// A content that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingContent {
    /// Its digest.
    pub digest: String,
    /// What it is kept as.
    pub class: Class,
    /// The streams whose events name it.
    pub streams: Vec<String>,
}

/// Whether everything that the log names is there, or gone by the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// How many are there.
    pub there: u64,
    /// Those that are gone by the log.
    pub gone: Vec<GoneContent>,
    /// Those that are missing, and nothing says why.
    pub missing: Vec<MissingContent>,
}

/// Looks for everything that the log in a data folder names, beside a running Sluss or without one.
///
/// # Errors
///
/// There is no log there, or it can't be read.
pub async fn look(data: &Path) -> Result<Contents, Failure> {
    let reader = sluss_store::LogReader::open(data).await?;
    let mut reader = reader.ok_or_else(|| {
        let what = format!("There is no log in {}.", data.display());
        Failure::new(Blame::NotFound, what, "Name the data folder: `--data FOLDER`")
    })?;
    let mut state = State::default();
    loop {
        loop {
            let page = reader.read(state.size, PAGE).await?;
            if page.is_empty() {
                break;
            }
            page.iter().try_for_each(|sealed| fold(&mut state, sealed))?;
        }
        let (read, folder) = (state.size, data.to_owned());
        let (found, back) = tokio::task::spawn_blocking(move || (found(&state, &folder), state))
            .await
            .map_err(|error| Failure::upstream("The contents can't be looked for", &error))?;
        let found = found.map_err(|e| Failure::upstream("The contents can't be looked for", &e))?;
        state = back;
        // What went while we looked has an entry by now.
        let more = reader.read(read, 1).await?;
        if found.missing.is_empty() || more.is_empty() {
            return Ok(found);
        }
    }
}

fn found(state: &State, data: &Path) -> std::io::Result<Contents> {
    let (blobs, texts) = (FileBlobs::at(data), Prose::there(data)?);
    let is_there = |digest: &Digest, kind: Kind| match kind {
        Kind::Text => texts.has(digest),
        Kind::Blob => blobs.path(digest).try_exists(),
    };
    let mut contents = Contents { there: 0, gone: Vec::new(), missing: Vec::new() };
    let mut parts: BTreeMap<Digest, &Kept> = BTreeMap::new();
    for (digest, kept) in &state.contents {
        let there = is_there(digest, kept.kind)?;
        match &kept.gone {
            Some(gone) => contents.gone.push(GoneContent {
                digest: digest.to_string(),
                class: kept.class,
                leaf: gone.leaf,
                why: match gone.why {
                    GoneWhy::Disposed(_) => "disposed under policy",
                    GoneWhy::Erased => "erased with its author",
                },
                file_there: there,
            }),
            None if there => contents.there += 1,
            None => contents.missing.push(missing(digest, kept)),
        }
        if there && kept.gone.is_none() && kept.class == Class::Artifacts {
            let of_it = artifact::parts(digest, &blobs).unwrap_or_default();
            parts.extend(of_it.into_iter().map(|part| (part, kept)));
        }
    }
    for (part, kept) in parts {
        if !is_there(&part, Kind::Blob)? {
            contents.missing.push(missing(&part, kept));
        }
    }
    Ok(contents)
}

fn missing(digest: &Digest, kept: &Kept) -> MissingContent {
    let streams = kept.streams.iter().map(ToString::to_string).collect();
    MissingContent { digest: digest.to_string(), class: kept.class, streams }
}
