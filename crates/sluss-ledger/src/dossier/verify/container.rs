//! The first two checks: the files are those of the manifest, no more and no less, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::opened::Opened;
use crate::dossier::Files;
use crate::dossier::archive::check_names;
use crate::dossier::layout::place_of;
use crate::dossier::manifest::Manifest;
use crate::dossier::report::{Failure, Outcome};
use crate::hash::Hash;

/// The two files that no manifest lists.
const UNLISTED: [&str; 2] = ["manifest.json", "manifest.dsse.json"];

/// Files without which nothing is a dossier.
const NEEDED: [&str; 6] = [
    "index.html",
    "VERIFY.md",
    "checkpoint",
    "release.intoto.jsonl",
    "trust/vkey",
    "trust/keys.json",
];

/// Reads the manifest.
pub(super) fn manifest(files: &Files) -> Result<Manifest, Failure> {
    let path = "manifest.json";
    let bytes = files.get(path).ok_or_else(|| Failure::new("there is no manifest").file(path))?;
    Manifest::parse(bytes).map_err(|error| Failure::new(error).file(path))
}

/// Only files that the manifest lists, all of them, under names that dossiers have.
pub(super) fn container(files: &Files, manifest: &Manifest) -> Outcome {
    let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let mut failures = Vec::new();
    if let Err(error) = check_names(files.keys().map(String::as_str)) {
        failures.push(Failure::new(error));
    }
    for path in files.keys().map(String::as_str) {
        if place_of(path).is_none() {
            failures.push(Failure::new("dossiers have no file of this name").file(path));
        } else if !listed.contains(path) && !UNLISTED.contains(&path) {
            failures.push(Failure::new("the manifest does not list this file").file(path));
        }
    }
    let needed = NEEDED.iter().chain(&UNLISTED).filter(|path| !files.contains_key(**path));
    failures.extend(needed.map(|path| Failure::new("this file is missing").file(*path)));
    if UNLISTED.iter().any(|path| listed.contains(path)) {
        failures.push(Failure::new("the manifest lists itself").file("manifest.json"));
    }
    Outcome::of(failures, || format!("{} files, all listed", files.len()))
}

/// Every listed file has its digest, and every given artifact is one of the release's.
pub(super) fn digests(opened: &Opened<'_>, options: &Options<'_>) -> Outcome {
    let mut failures = Vec::new();
    for entry in &opened.manifest.files {
        let path = entry.path.as_str();
        let Some(content) = opened.files.get(path) else {
            failures.push(Failure::new("a listed file is missing").file(path));
            continue;
        };
        if content.len() as u64 != entry.size || Hash::sha256(content) != entry.sha256 {
            failures.push(Failure::new("the content is not the one that was listed").file(path));
        }
    }
    for (digest, path) in &opened.blobs {
        let content = opened.files.get(*path).map(|content| Hash::sha256(content));
        if content != Some(*digest) {
            failures.push(Failure::new("the content is not that of its name").file(*path));
        }
    }
    let known = artifacts(opened);
    for (name, digest) in &options.artifacts {
        if !known.contains_key(digest) {
            let reason = format!("this is no artifact of the release: sha256 {digest}");
            failures.push(Failure::new(reason).file(name));
        }
    }
    Outcome::of(failures, || {
        let given = options.artifacts.len();
        format!("{} files and {given} given artifacts", opened.manifest.files.len())
    })
}

/// The release's artifacts, from the event that created it.
pub(super) fn artifacts<'a>(opened: &'a Opened<'_>) -> BTreeMap<Hash, &'a str> {
    let own = opened.own_stream();
    let created = opened
        .events
        .iter()
        .filter(|signed| signed.event.stream == own && signed.event.kind == "release.created");
    let subjects = created.flat_map(|signed| &signed.event.subject);
    subjects.map(|subject| (subject.digest.sha256, subject.name.as_str())).collect()
}
