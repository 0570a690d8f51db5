//! SLSA build provenance v1: what was built, from what, by which builder.
//!
//! Signed by the component that ran the build; failed builds have none. Format of SLSA v1.2.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Predicate, rules};
use crate::attest::{ResourceDescriptor, UtcTime};

/// How an artifact was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was asked for, and what it was made from.
    pub build_definition: BuildDefinition,
    /// Who made it, and when.
    pub run_details: RunDetails,
}

/// What was asked for, and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// [`Provenance::BUILD_TYPE`].
    pub build_type: String,
    /// All that people could choose.
    pub external_parameters: ExternalParameters,
    /// Commit, images and tools, each by digest.
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

/// All that people could choose of a build. Whoever verifies refuses fields that they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalParameters {
    /// Address of the repository.
    pub repository: String,
    /// Branch or tag that was built, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Golden template with its exact version.
    pub template: String,
    /// What the service gave the template.
    pub parameters: BTreeMap<String, String>,
}

/// Who made it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// The kind of runner.
    pub builder: Builder,
    /// Which run it was.
    pub metadata: BuildMetadata,
    /// Logs of agents' work that went into it (extension).
    #[serde(rename = "urn:sluss:agentRuns", default, skip_serializing_if = "Vec::is_empty")]
    pub agent_runs: Vec<ResourceDescriptor>,
}

/// The kind of runner: one id per class of isolation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its id, a URI.
    pub id: String,
    /// Versions of its parts.
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildMetadata {
    /// Id of the run.
    pub invocation_id: String,
    /// When it started.
    pub started_on: UtcTime,
    /// When it ended.
    pub finished_on: UtcTime,
}

impl Provenance {
    /// The one build type: a run of a pipeline.
    pub const BUILD_TYPE: &'static str = "urn:sluss/buildtype/pipeline/v1";
}

impl Predicate for Provenance {
    const TYPE: &'static str = "https://slsa.dev/provenance/v1";

    fn check(&self) -> Result<(), &'static str> {
        let (definition, details) = (&self.build_definition, &self.run_details);
        let commit = |dependency: &ResourceDescriptor| {
            let digests = dependency.digest.iter().flat_map(|digest| digest.iter());
            digests.into_iter().any(|(algorithm, _)| algorithm == "gitCommit")
        };
        let dependencies = &definition.resolved_dependencies;
        let times = &details.metadata;
        rules(&[
            (definition.build_type == Self::BUILD_TYPE, "another build type than a pipeline's run"),
            (dependencies.iter().any(commit), "no commit among the resolved dependencies"),
            (
                dependencies.iter().all(|dependency| dependency.digest.is_some()),
                "a resolved dependency without digest",
            ),
            (!details.builder.id.is_empty(), "no builder"),
            (times.started_on <= times.finished_on, "the build ended before it started"),
        ])
    }
}
