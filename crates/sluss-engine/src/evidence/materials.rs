//! What a release is made of, by the lock files at the root of its repository and SPDX and
//! CycloneDX documents beside them, as they stand in the commit: what a step writes over them
//! changes nothing.
//!
//! # Invariants
//!
//! - Each packager whose files stand there has a lock file that is read whole, or there is no bill
//!   of materials: none of them is left out in silence.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use sluss_core::ids::{CommitId, ReleaseId, ServiceName};
use sluss_core::materials::{Materials, NoSbom};
use sluss_core::units::Millis;
use sluss_ledger::Hash;
use sluss_ledger::sbom::{
    Inventory, LockError, MAX_LOCK_BYTES, Subject, cargo_lock, cyclonedx, cyclonedx_taken,
    package_lock, poetry_lock, requirements, spdx, uv_lock,
};
use sluss_store::Blobs as _;

use super::{gone, utc};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::forge::RepositoryName;

/// Files of a commit that are looked at for lock files.
const FILES_MOST: usize = 200_000;

type Reader = fn(&str) -> Result<Inventory, LockError>;

/// A packager: which of its files say that something is needed, and which say exactly what.
struct Packager {
    manifests: &'static [&'static str],
    /// Of several that are there the first counts.
    locks: &'static [(&'static str, Reader)],
    /// Files whose like is not read.
    others: &'static [&'static str],
}

const PACKAGERS: [Packager; 7] = [
    Packager { manifests: &["Cargo.toml"], locks: &[("Cargo.lock", cargo_lock)], others: &[] },
    Packager {
        manifests: &["package.json"],
        locks: &[("npm-shrinkwrap.json", npm), ("package-lock.json", npm)],
        others: &["yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"],
    },
    Packager {
        manifests: &["pyproject.toml", "setup.py", "setup.cfg"],
        locks: &[
            ("requirements.txt", requirements),
            ("uv.lock", uv_lock),
            ("poetry.lock", poetry_lock),
        ],
        others: &["Pipfile", "Pipfile.lock", "pdm.lock"],
    },
    // What no packager knows of, such as vendored sources. They stand for no packager's lock file.
    Packager {
        manifests: &[],
        locks: &[("sbom.spdx.json", spdx)],
        others: &["sbom.spdx", "sbom.spdx.rdf", "sbom.spdx.xml", "sbom.spdx.yaml", "sbom.spdx.yml"],
    },
    Packager { manifests: &[], locks: &[("sbom.spdx3.json", spdx)], others: &[] },
    Packager {
        manifests: &[],
        locks: &[("sbom.cdx.json", cyclonedx_taken)],
        others: &["sbom.cdx.xml"],
    },
    Packager {
        manifests: &[],
        locks: &[],
        others: &[
            "go.mod",
            "pom.xml",
            "build.gradle",
            "build.gradle.kts",
            "Gemfile",
            "composer.json",
            "mix.exs",
            "Package.swift",
        ],
    },
];

fn npm(text: &str) -> Result<Inventory, LockError> {
    package_lock(text.as_bytes())
}

/// A lock file to read.
type Lock = (&'static str, Reader);

/// Says which lock files are read where these files stand at the root.
fn plan(there: &BTreeSet<&str>) -> Result<Vec<Lock>, NoSbom> {
    let mut wanted = Vec::new();
    for packager in &PACKAGERS {
        let found = |names: &'static [&'static str]| {
            names.iter().find(|name| there.contains(**name)).map(|name| (*name).to_owned())
        };
        let lock = packager.locks.iter().find(|(name, _)| there.contains(name));
        match (found(packager.others), lock, found(packager.manifests)) {
            (Some(file), _, _) => return Err(NoSbom::NotRead { file }),
            (None, Some(lock), _) => wanted.push(*lock),
            (None, None, Some(file)) => return Err(NoSbom::Unlocked { file }),
            (None, None, None) => {}
        }
    }
    if wanted.is_empty() { Err(NoSbom::NoLockFile) } else { Ok(wanted) }
}

/// Lists what `release` is made of, and keeps that; or says why it cannot be listed.
///
/// # Errors
///
/// [`Failure`]: it could not be tried.
pub async fn inventory(engine: &Engine, release: ReleaseId) -> Result<Materials, Failure> {
    let of = Of::new(engine, release)?;
    match listed(engine, &of).await? {
        Err(why) => Ok(Materials::Absent { why }),
        Ok((inventory, from)) => {
            let count = u32::try_from(inventory.len()).unwrap_or(u32::MAX);
            let Some(components) = NonZeroU32::new(count) else {
                return Ok(Materials::Absent { why: NoSbom::Nothing });
            };
            let text = cyclonedx(&of.subject()?, &inventory);
            let kept = engine.parts().blobs.put(text.into_bytes()).await;
            let sbom =
                kept.map_err(|e| Failure::upstream("A bill of materials can't be kept", &e))?;
            Ok(Materials::Listed { sbom, components, from })
        }
    }
}

struct Of {
    service: ServiceName,
    commit: CommitId,
    built: Millis,
    sha256: Option<Hash>,
}

impl Of {
    fn new(engine: &Engine, id: ReleaseId) -> Result<Self, Failure> {
        let state = engine.state();
        let release = state.releases.get(&id).ok_or_else(|| gone(id))?;
        let change = state.changes.get(&release.change).ok_or_else(|| gone(release.change))?;
        let only = match release.artifacts.as_slice() {
            [only] => Some(super::hash(&only.digest)),
            _several => None,
        };
        Ok(Self {
            service: release.service.clone(),
            commit: change.push.commit.clone(),
            built: release.created,
            sha256: only,
        })
    }

    fn subject(&self) -> Result<Subject, Failure> {
        Ok(Subject {
            name: self.service.to_string(),
            version: self.commit.to_string(),
            sha256: self.sha256,
            built: utc(self.built)?,
        })
    }
}

async fn listed(
    engine: &Engine,
    of: &Of,
) -> Result<Result<(Inventory, Vec<String>), NoSbom>, Failure> {
    let unread = |error: crate::forge::GitError| {
        Failure::upstream("The files of a release can't be read", &error)
    };
    let repository = RepositoryName::from(of.service.clone());
    let objects = engine.parts().repositories.objects(&repository);
    let objects = objects.ok_or_else(|| gone(format!("repository of {}", of.service)))?;
    let files = objects.list_files(&of.commit, FILES_MOST).await.map_err(unread)?;
    let there = files.iter().map(String::as_str).filter(|path| !path.contains('/')).collect();
    let locks = match plan(&there) {
        Ok(locks) => locks,
        Err(why) => return Ok(Err(why)),
    };
    let (mut inventory, mut from) = (Inventory::default(), Vec::new());
    for (file, read) in locks {
        let text = match objects.read_file(&of.commit, file, MAX_LOCK_BYTES).await {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err("it is no regular file".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let read = text.and_then(|text| {
            let text = String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
            read(&text).map_err(|error| error.to_string())
        });
        match read {
            Ok(found) => inventory.merge(found),
            Err(why) => {
                let why = engine.parts().prose.put_prose(&why).await.ok();
                return Ok(Err(NoSbom::Malformed { file: file.to_owned(), why }));
            }
        }
        from.push(file.to_owned());
    }
    Ok(Ok((inventory, from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(files: &[&str]) -> Result<Vec<&'static str>, NoSbom> {
        let locks = plan(&files.iter().copied().collect())?;
        Ok(locks.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn each_packager_is_read_by_its_lock_file() {
        assert_eq!(planned(&["Cargo.toml", "Cargo.lock"]), Ok(vec!["Cargo.lock"]));
        assert_eq!(planned(&["package.json", "package-lock.json"]), Ok(vec!["package-lock.json"]));
        assert_eq!(planned(&["requirements.txt"]), Ok(vec!["requirements.txt"]));
        assert_eq!(planned(&["pyproject.toml", "uv.lock"]), Ok(vec!["uv.lock"]));
        assert_eq!(planned(&["pyproject.toml", "poetry.lock"]), Ok(vec!["poetry.lock"]));
        let both = ["Cargo.lock", "package-lock.json", "README.md"];
        assert_eq!(planned(&both), Ok(vec!["Cargo.lock", "package-lock.json"]));
    }

    #[test]
    fn documents_add_to_lock_files_and_stand_for_none() {
        assert_eq!(planned(&["sbom.spdx.json", "Makefile"]), Ok(vec!["sbom.spdx.json"]));
        let both = ["Cargo.lock", "sbom.spdx.json"];
        assert_eq!(planned(&both), Ok(vec!["Cargo.lock", "sbom.spdx.json"]));
        let both = ["sbom.cdx.json", "sbom.spdx.json"];
        assert_eq!(planned(&both), Ok(vec!["sbom.spdx.json", "sbom.cdx.json"]));
        let not_read = |file: &str| Err(NoSbom::NotRead { file: file.to_owned() });
        assert_eq!(planned(&["go.mod", "sbom.cdx.json"]), not_read("go.mod"));
        assert_eq!(planned(&["sbom.cdx.xml", "Cargo.lock"]), not_read("sbom.cdx.xml"));
        assert_eq!(planned(&["go.mod", "sbom.spdx.json"]), not_read("go.mod"));
        assert_eq!(planned(&["sbom.spdx.yaml", "Cargo.lock"]), not_read("sbom.spdx.yaml"));
        let unlocked = NoSbom::Unlocked { file: "package.json".to_owned() };
        assert_eq!(planned(&["package.json", "sbom.spdx.json"]), Err(unlocked));
    }

    #[test]
    fn what_the_template_installs_counts_before_what_only_was_locked() {
        // The template for Python installs `requirements.txt`.
        assert_eq!(planned(&["uv.lock", "requirements.txt"]), Ok(vec!["requirements.txt"]));
        let both = ["package-lock.json", "npm-shrinkwrap.json"];
        assert_eq!(planned(&both), Ok(vec!["npm-shrinkwrap.json"]));
    }

    #[test]
    fn no_packager_is_left_out_in_silence() {
        let not_read = |file: &str| Err(NoSbom::NotRead { file: file.to_owned() });
        let unlocked = |file: &str| Err(NoSbom::Unlocked { file: file.to_owned() });
        assert_eq!(planned(&["README.md"]), Err(NoSbom::NoLockFile));
        assert_eq!(planned(&["go.mod", "package-lock.json"]), not_read("go.mod"));
        assert_eq!(planned(&["package-lock.json", "yarn.lock"]), not_read("yarn.lock"));
        assert_eq!(planned(&["Cargo.lock", "package.json"]), unlocked("package.json"));
        assert_eq!(planned(&["pyproject.toml"]), unlocked("pyproject.toml"));
    }
}
