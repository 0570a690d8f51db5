//! Lays the release and the live one out beside each other, for a step that measures both.
//!
//! # Invariants
//!
//! - What a step was given to measure beside is noted where no step can write, before it starts.
//! - Both are unpacked anew for each attempt, whatever earlier steps did to them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sluss_core::ids::{DeploymentId, Digest, ReleaseId};
use sluss_core::pipeline::{ReportKind, Step};
use sluss_core::state::State;
use sluss_core::wanted::AttemptKey;
use sluss_store::FileBlobs;

use super::steps::ARTIFACT;
use crate::artifact;
use crate::executor::measure::{LIVE_ARTIFACT, SLOWER_PPM};
use crate::failure::Failure;

/// Where a step finds the live release, relative to its work tree.
const LIVE: &str = ".sluss-live";

/// What a step measures beside: the live release, if one was live when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beside {
    /// The release, and its artifact.
    pub(super) live: Option<(ReleaseId, Digest)>,
    /// How much slower the release may be, in parts per million.
    tolerance_ppm: u32,
}

impl Beside {
    /// Returns what `step` of the acceptance of a deployment is to measure beside, if it measures.
    pub(super) fn of(state: &State, id: DeploymentId, step: &Step) -> Option<Self> {
        let tolerance_ppm = step.reports.iter().find_map(|report| match report.kind {
            ReportKind::Performance { tolerance_ppm } => Some(tolerance_ppm),
            ReportKind::Junit | ReportKind::Sarif => None,
        })?;
        let deployment = state.deployments.get(&id)?;
        let live = state.live_beside(deployment).and_then(|release| {
            let start = state.pipeline_of(release)?.start.as_ref()?;
            let known = state.releases.get(&release)?;
            let artifact = known.artifacts.iter().find(|one| one.name == start.artifact)?;
            Some((release, artifact.digest.clone()))
        });
        Some(Self { live, tolerance_ppm })
    }

    /// Unpacks both below `tree`, notes what the live one is, and adds the variables that tell of
    /// them.
    pub(super) async fn lay_out(
        self,
        key: &AttemptKey,
        (own, blobs): (Digest, FileBlobs),
        tree: &Path,
        environment: &mut BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        environment.insert(SLOWER_PPM.to_owned(), self.tolerance_ppm.to_string());
        if self.live.is_some() {
            environment.insert(LIVE_ARTIFACT.to_owned(), LIVE.to_owned());
        }
        let (note, tree) = (note(key, tree), tree.to_owned());
        let task = tokio::task::spawn_blocking(move || -> Result<(), Failure> {
            let wrong = |error: &dyn std::error::Error| {
                Failure::upstream("What is to be measured could not be unpacked", error)
            };
            let live = self.live.as_ref().map(|(_, digest)| digest);
            for (digest, name) in [(Some(&own), ARTIFACT), (live, LIVE)] {
                let folder = tree.join(name);
                match std::fs::remove_dir_all(&folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(wrong(&error));
                    }
                    Ok(()) | Err(_) => {}
                }
                if let Some(digest) = digest {
                    artifact::unpack(digest, &blobs, &folder).map_err(|error| wrong(&error))?;
                }
            }
            let text = serde_json::to_vec(&self).map_err(|error| wrong(&error))?;
            std::fs::write(&note, text).map_err(|error| wrong(&error))
        });
        task.await
            .map_err(|error| Failure::upstream("The artifacts could not be unpacked", &error))?
    }

    /// Returns what an attempt was given to measure beside, as it was noted.
    pub(super) fn noted(key: &AttemptKey, tree: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(note(key, tree)).ok()?).ok()
    }
}

fn note(key: &AttemptKey, tree: &Path) -> PathBuf {
    tree.with_file_name(format!("beside-{}-{}.json", key.step, key.attempt))
}
