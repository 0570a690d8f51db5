//! How a release was built, as SLSA provenance.

use std::collections::BTreeMap;

use sluss_core::ids::ReleaseId;
use sluss_core::steps::{Isolation, Steps};
use sluss_ledger::Hash;
use sluss_ledger::attest::predicate::{
    BuildDefinition, BuildMetadata, Builder, ExternalParameters, Provenance, RunDetails,
};
use sluss_ledger::attest::{DigestSet, ResourceDescriptor, Statement};
use sluss_store::Log as _;

use super::{about, artifacts, contradicts, gone, hash, utc};
use crate::engine::Engine;
use crate::failure::Failure;

pub(super) async fn statement(engine: &Engine, id: ReleaseId) -> Result<Statement, Failure> {
    let agent_runs = agent_runs(engine, id).await?;
    let state = engine.state();
    let release = state.releases.get(&id).ok_or_else(|| gone(id))?;
    let run = state.runs.get(&release.run).ok_or_else(|| gone(release.run))?;
    let change = state.changes.get(&release.change).ok_or_else(|| gone(release.change))?;
    let push = &change.push;
    let repository = format!("{}/git/{}.git", engine.parts().address, change.service);
    let commit = DigestSet::of("gitCommit", push.commit.as_str()).map_err(contradicts)?;
    let template = format!("urn:sluss:template:{}", push.pipeline.template);
    let digest = DigestSet::sha256(hash(&push.pipeline.template_digest));
    let (finished, _end) = run.ended.ok_or_else(|| gone("end of the run"))?;
    let predicate = Provenance {
        build_definition: BuildDefinition {
            build_type: Provenance::BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                repository: repository.clone(),
                reference: format!("refs/heads/{}", push.branch),
                template: push.pipeline.template.to_string(),
                parameters: BTreeMap::new(),
            },
            resolved_dependencies: vec![
                ResourceDescriptor::new(format!("git+{repository}"), commit),
                ResourceDescriptor::new(template, digest),
            ],
        },
        run_details: RunDetails {
            builder: Builder {
                id: builder(&state.origin, &run.steps),
                version: BTreeMap::from([("sluss".to_owned(), VERSION.to_owned())]),
            },
            metadata: BuildMetadata {
                invocation_id: release.run.to_string(),
                started_on: utc(run.started.unwrap_or(run.queued).min(finished))?,
                finished_on: utc(finished)?,
            },
            agent_runs,
        },
    };
    about(artifacts(&state, id)?, &predicate)
}

/// Returns the runs of agents that the commits of a release came of: those of each change since the
/// release before it. Each is named by its entry, and by the hash of that leaf.
async fn agent_runs(engine: &Engine, id: ReleaseId) -> Result<Vec<ResourceDescriptor>, Failure> {
    let (origin, runs) = {
        let state = engine.state();
        let runs: Vec<(u64, String)> = state
            .agent_runs_in(id)
            .map(|one| (one.leaf, format!("{} on {}", one.run.what.harness, one.run.what.model)))
            .collect();
        (state.origin.clone(), runs)
    };
    let mut named = Vec::new();
    for (leaf, name) in runs {
        let found = engine.parts().log.read(leaf, 1).await?;
        let sealed = found.first().ok_or_else(|| gone(format!("entry {leaf}")))?;
        let digest = DigestSet::sha256(Hash::leaf(&sealed.bytes));
        let run = ResourceDescriptor::new(format!("https://{origin}/log/{leaf}"), digest);
        named.push(ResourceDescriptor { name: Some(name), ..run });
    }
    Ok(named)
}

/// The version of the program that signs.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One builder for each kind of isolation: the weakest that any step of the run had.
fn builder(origin: &str, steps: &Steps) -> String {
    let class = match steps.weakest_isolation() {
        Some(Isolation::Namespaces) => "namespaces",
        Some(Isolation::Landlock) => "landlock",
        Some(Isolation::Unisolated) | None => "unisolated",
    };
    format!("https://{origin}/runner/{class}")
}
