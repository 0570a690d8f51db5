//! Signs what the log says and is not signed yet, and seals releases that came to rest.
//!
//! Takes what is to be done from the state alone: after a crash it goes on where it was, and what
//! is in the log already is not signed again.

use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::evidence::Evidence;
use sluss_core::ids::ReleaseId;
use sluss_core::seal::Closed;
use sluss_store::Log as _;

use super::signal;
use crate::engine::Engine;
use crate::evidence;
use crate::failure::Failure;

const PERIOD: Duration = Duration::from_secs(5);

/// Reconciles until Sluss stops.
pub async fn run(engine: Engine) {
    let mut changed = engine.changed();
    loop {
        if !once(&engine).await && !signal(&mut changed, PERIOD).await {
            return;
        }
    }
}

/// Signs what is to be signed now, and seals what came to rest; returns whether anything was
/// signed and nothing failed, so that more may follow.
pub async fn once(engine: &Engine) -> bool {
    let waiting = unattested(engine);
    let went_on = !waiting.is_empty() && attest(engine, waiting).await;
    let at_rest = engine.state().to_seal();
    for release in at_rest {
        if let Err(failure) = seal(engine, release).await {
            tracing::warn!(%failure, "a release could not be sealed; trying again");
        }
    }
    went_on
}

/// What is to be signed: first how releases were built, since a gate waits for that; last what
/// names the summary of a gate.
fn unattested(engine: &Engine) -> Vec<(u64, Evidence)> {
    let state = engine.state();
    let mut waiting: Vec<_> = state.unattested.iter().map(|(of, e)| (*of, e.clone())).collect();
    let order = |what: &Evidence| match what {
        Evidence::Provenance { .. } => 0,
        Evidence::Automated { .. } => 2,
        _another => 1,
    };
    waiting.sort_by_key(|(of, what)| (order(what), *of));
    waiting
}

/// Signs one after the other; returns whether all of them are.
async fn attest(engine: &Engine, waiting: Vec<(u64, Evidence)>) -> bool {
    let mut all = true;
    for (of, what) in waiting {
        if let Err(failure) = one(engine, of, what).await {
            tracing::warn!(%failure, entry = of, "it could not be attested; trying again");
            all = false;
        }
    }
    all
}

async fn one(engine: &Engine, of: u64, evidence: Evidence) -> Result<(), Failure> {
    let evidence::Signed { attestation, envelope } = evidence::sign(engine, of, &evidence).await?;
    engine.attest(Command::Attested { of, evidence, envelope }, attestation).await.map(drop)
}

/// Closes the streams of a release as they are now.
///
/// # Errors
///
/// When the log can't be read or appended to.
pub async fn seal(engine: &Engine, release: ReleaseId) -> Result<(), Failure> {
    let streams: Vec<(String, u64)> = {
        let state = engine.state();
        let of = state.streams_of(release).into_iter().map(|stream| stream.to_string());
        of.map(|stream| (state.head(&stream), stream)).map(|(head, name)| (name, head)).collect()
    };
    let mut closed = Vec::new();
    for (stream, count) in streams {
        let Some(last) = count.checked_sub(1) else { return Ok(()) };
        let found = engine.parts().log.stream(&stream, last, 1).await?;
        let Some(head) = found.first().and_then(|last| last.hash.to_string().parse().ok()) else {
            return Ok(());
        };
        closed.push(Closed { stream, count, head });
    }
    engine.report(Command::Seal { release, closed }).await.map(drop)
}
