//! Releases: what they are made of, and where they went.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::findings::FindingCounts;
use sluss_core::ids::ReleaseId;
use sluss_core::materials::Materials;
use sluss_core::remediation;
use sluss_core::state::{Release, State as Known};

use super::answer::{Answer, nothing, parse};
use super::dependencies::{TouchedView, touched};
use super::deployments::{DeploymentBrief, brief_of};
use super::findings::{OverdueView, overdue_of};
use super::performance::{MeasuredView, measured};
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

/// What a release is made of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SbomView {
    /// `pending`, `listed` or `absent`.
    pub state: &'static str,
    /// Whether its bill of materials is signed.
    pub signed: bool,
    /// The digest of the bill of materials (CycloneDX 1.6).
    pub digest: Option<String>,
    /// How many components it lists.
    pub components: Option<u32>,
    /// The lock files that it was made from.
    pub from: Vec<String>,
    /// The same in words, or why there is none.
    pub sentence: String,
}

/// What scanners found, by severity.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FindingsView {
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    pub low: u32,
    /// Those that a report says somebody accepted.
    pub suppressed: u32,
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
    pub sbom: SbomView,
    /// What the scanners of its run found; nothing where none left a report.
    pub findings: Option<FindingsView>,
    /// What steps measured of it beside what was live.
    pub measured: Vec<MeasuredView>,
    /// Which of them are past their terms.
    pub findings_overdue: Option<OverdueView>,
    pub created_ms: i64,
    /// Since when it must not be promoted.
    pub barred_ms: Option<i64>,
    /// The environments that it passes, in order.
    pub environments: Vec<String>,
    pub deployments: Vec<DeploymentBrief>,
    /// What it touches in each environment in which it stays: what it needs, and who needs it.
    pub touches: Vec<TouchedView>,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<ReleaseView> {
    let id: ReleaseId = parse(&id)?;
    let now = app.engine.now();
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
            sbom: sbom_view(release),
            findings: found_in(state, id).map(findings_view),
            measured: measured(state, id),
            findings_overdue: overdue_of(state, id, now),
            created_ms: release.created.0,
            barred_ms: release.barred.map(|at| at.0),
            environments: stages.iter().map(|stage| stage.environment.to_string()).collect(),
            deployments: deployments.filter_map(|id| brief_of(state, words, *id)).collect(),
            touches: touched(state, id),
        })
    };
    Ok(Json(view(&app, build).await?))
}

/// Returns what a release is made of, or why nobody knows, as a sentence.
pub(crate) fn made_of(release: &Release) -> String {
    match &release.materials {
        None => "What it is made of is not listed yet.".to_owned(),
        Some(Materials::Absent { why }) => {
            format!("There is no bill of materials. {}", why.sentence())
        }
        Some(Materials::Listed { components, from, .. }) => {
            format!("{components} components, from {}.", from.join(", "))
        }
    }
}

/// Returns what scanners found in a release, each finding once, if any left a report.
pub(crate) fn found_in(state: &Known, id: ReleaseId) -> Option<FindingCounts> {
    let scanned = !state.scans_that_count(id, 0).is_empty();
    scanned.then(|| remediation::counts(&state.findings_of(id, state.time)))
}

fn sbom_view(release: &Release) -> SbomView {
    let view = |state| SbomView {
        state,
        signed: release.sbom.is_some(),
        digest: None,
        components: None,
        from: Vec::new(),
        sentence: made_of(release),
    };
    match &release.materials {
        None => view("pending"),
        Some(Materials::Absent { .. }) => view("absent"),
        Some(Materials::Listed { sbom, components, from }) => SbomView {
            digest: Some(sbom.to_string()),
            components: Some(components.get()),
            from: from.clone(),
            ..view("listed")
        },
    }
}

fn findings_view(counts: FindingCounts) -> FindingsView {
    let FindingCounts { critical, high, medium, low, suppressed } = counts;
    FindingsView { critical, high, medium, low, suppressed }
}
