//! Packs the outputs of runs that succeeded into releases, and clears away work trees that nobody
//! needs any more.

use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::event::Artifact;
use sluss_core::ids::RunId;
use sluss_core::steps::StepOwner;

use super::signal;
use super::steps::work_tree;
use crate::artifact;
use crate::engine::Engine;
use crate::failure::Failure;

const PERIOD: Duration = Duration::from_secs(5);

/// Reconciles until Sluss stops.
pub async fn run(engine: Engine) {
    let mut changed = engine.changed();
    loop {
        let wanted = engine.state().to_pack();
        for run in wanted {
            let command = match pack(&engine, run).await {
                Ok(artifacts) => Command::Packed { run, artifacts },
                Err(failure) => match engine.parts().prose.put_prose(&failure.what).await {
                    Ok(why) => Command::NotPacked { run, why },
                    Err(_disk) => continue,
                },
            };
            if let Err(failure) = engine.report(command).await {
                tracing::warn!(%failure, "a release could not be recorded; trying again");
            }
        }
        clear_away(&engine).await;
        if !signal(&mut changed, PERIOD).await {
            return;
        }
    }
}

async fn pack(engine: &Engine, run: RunId) -> Result<Vec<Artifact>, Failure> {
    let (outputs, commit, service) = {
        let state = engine.state();
        let gone = || Failure::new(crate::failure::Blame::Bug, "The run is gone.", "Report this");
        let change = state.runs.get(&run).and_then(|run| state.changes.get(&run.change));
        let change = change.ok_or_else(gone)?;
        let steps = change.push.pipeline.steps();
        let outputs: Vec<_> = steps.iter().flat_map(|step| step.outputs.clone()).collect();
        (outputs, change.push.commit.clone(), change.service.clone())
    };
    let tree = work_tree(engine, StepOwner::Run(run));
    let blobs = engine.parts().blobs.clone();
    let packed = tokio::task::spawn_blocking(move || {
        artifact::pack(&outputs, &tree, &artifact::Labels { service, commit }, &blobs)
    })
    .await
    .map_err(|error| Failure::upstream("The outputs could not be packed", &error))?
    .map_err(|error| Failure::upstream("The outputs could not be packed", &error))?;
    let artifact = |packed: artifact::Packed| Artifact {
        name: packed.name,
        digest: packed.digest,
        bytes: packed.bytes,
    };
    Ok(packed.into_iter().map(artifact).collect())
}

/// Removes the work trees of owners that are over.
async fn clear_away(engine: &Engine) {
    let Ok(mut entries) = tokio::fs::read_dir(engine.parts().data.join("work")).await else {
        return;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let over = name.to_str().is_some_and(|name| is_over(engine, name));
        if over && let Err(error) = tokio::fs::remove_dir_all(entry.path()).await {
            tracing::warn!(%error, "a work tree could not be removed");
        }
    }
}

fn is_over(engine: &Engine, owner: &str) -> bool {
    let state = engine.state();
    if let Ok(run) = owner.parse::<RunId>() {
        return !state.open.runs.contains(&run)
            && !state.to_pack().contains(&run)
            && state.runs.get(&run).is_some_and(|run| run.steps.running().is_empty());
    }
    match owner.parse::<sluss_core::ids::DeploymentId>() {
        Ok(id) => !state.open.deployments.contains(&id) && state.deployments.contains_key(&id),
        Err(_not_ours) => false,
    }
}
