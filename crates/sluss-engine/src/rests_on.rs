//! What an event is about, by digest; and what it rests on in other streams: references to leaves, by position and hash, so that
//! whoever has the event and not what it rests on sees that something is missing.
//!
//! # Invariants
//!
//! - Each reference is to a leaf before the event; the last one of another stream stands for all
//!   before it, which are chained.

use sluss_core::approval::Subject as Decided;
use sluss_core::event::{Artifact, Event, Stream};
use sluss_core::ids::{DeploymentId, ReleaseId};
use sluss_core::state::State;
use sluss_ledger::{Ref, Subject, SubjectDigest};
use sluss_store::Log as _;

use crate::engine::Engine;
use crate::failure::Failure;

/// Returns what `event`, which is to be appended next, rests on.
///
/// # Errors
///
/// When the log can't be read.
pub(crate) async fn rests_on(engine: &Engine, event: &Event) -> Result<Vec<Ref>, Failure> {
    let mut found = Vec::new();
    let streams: Vec<Stream> = match event {
        Event::RunQueued { change, .. } => vec![Stream::Change(*change)],
        Event::ReleaseCreated { run, .. } => vec![Stream::Run(*run)],
        Event::DeploymentRequested { release, .. } => vec![Stream::Release(*release)],
        Event::GateDecided { outcome, .. } => {
            let in_force = engine.state().in_force;
            if let Some(leaf) = in_force {
                found.extend(engine.parts().log.read(leaf, 1).await?);
            }
            outcome.exceptions().into_iter().map(Stream::Exception).collect()
        }
        _rests_on_its_own_stream => vec![],
    };
    for stream in streams {
        let stream = stream.to_string();
        let next = engine.state().head(&stream);
        let Some(last) = next.checked_sub(1) else { continue };
        found.extend(engine.parts().log.stream(&stream, last, 1).await?);
    }
    found.sort_by_key(|sealed| sealed.position);
    Ok(found.into_iter().map(|sealed| Ref { leaf: sealed.position, hash: sealed.hash }).collect())
}

/// Returns what an event is about, by digest: the artifacts of the release that is made, deployed,
/// approved or let through a gate.
pub(crate) fn subject(state: &State, event: &Event) -> Vec<Subject> {
    let of_release = |id: &ReleaseId| state.releases.get(id).map(|one| &one.artifacts[..]);
    let of_deployment = |id: &DeploymentId| {
        let deployment = state.deployments.get(id);
        deployment.and_then(|deployment| of_release(&deployment.release))
    };
    let artifacts = match event {
        Event::ReleaseCreated { artifacts, .. } => Some(&artifacts[..]),
        Event::DeploymentRequested { release, .. } => of_release(release),
        Event::GateDecided { deployment, .. }
        | Event::DeploymentStarted { deployment }
        | Event::DeploymentLive { deployment }
        | Event::ApprovalRequested { subject: Decided::Deployment(deployment), .. }
        | Event::ApprovalGranted { subject: Decided::Deployment(deployment), .. } => {
            of_deployment(deployment)
        }
        _about_no_artifact => None,
    };
    let of = |artifact: &Artifact| {
        let sha256 = artifact.digest.as_str().parse();
        let sha256 = sha256.expect("BUG: a digest is 64 hexadecimal digits");
        Subject { name: artifact.name.to_string(), digest: SubjectDigest { sha256 } }
    };
    artifacts.unwrap_or_default().iter().map(of).collect()
}
