//! Releases: what they are made of, and where they went.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::ReleaseId;
use sluss_core::state::State as Known;

use super::answer::{Answer, nothing, parse};
use super::deployments::{DeploymentBrief, brief_of};
use super::words::{Words, view};
use crate::app::App;

/// An artifact.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ArtifactView {
    /// Its name.
    pub name: String,
    /// The digest of its OCI manifest.
    pub digest: String,
    /// Its size, unpacked, in bytes.
    pub bytes: u64,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReleaseView {
    pub release: String,
    pub service: String,
    pub change: String,
    pub run: String,
    pub commit: Option<String>,
    pub title: Option<String>,
    pub template: Option<String>,
    pub artifacts: Vec<ArtifactView>,
    /// The digest of its configuration.
    pub configuration: String,
    pub created_ms: i64,
    /// Since when it must not be promoted.
    pub barred_ms: Option<i64>,
    /// The environments that it passes, in order.
    pub environments: Vec<String>,
    pub deployments: Vec<DeploymentBrief>,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<ReleaseView> {
    let id: ReleaseId = parse(&id)?;
    let build = |state: &Known, words: &mut Words| {
        let release = state.releases.get(&id).ok_or_else(|| nothing(id))?;
        let change = state.changes.get(&release.change);
        let artifact = |artifact: &sluss_core::event::Artifact| ArtifactView {
            name: artifact.name.to_string(),
            digest: artifact.digest.to_string(),
            bytes: artifact.bytes,
        };
        let stages = state.pipeline_of(id).map_or(&[][..], |pipeline| &pipeline.deliver);
        let deployments = release.deployments.iter();
        Ok(ReleaseView {
            release: id.to_string(),
            service: release.service.to_string(),
            change: release.change.to_string(),
            run: release.run.to_string(),
            commit: change.map(|change| change.push.commit.to_string()),
            title: change.and_then(|change| words.text(&change.push.title)),
            template: change.map(|change| change.push.pipeline.template.to_string()),
            artifacts: release.artifacts.iter().map(artifact).collect(),
            configuration: release.configuration.to_string(),
            created_ms: release.created.0,
            barred_ms: release.barred.map(|at| at.0),
            environments: stages.iter().map(|stage| stage.environment.to_string()).collect(),
            deployments: deployments.filter_map(|id| brief_of(state, words, *id)).collect(),
        })
    };
    Ok(Json(view(&app, build).await?))
}
