//! Populations: what each entry of the log counts as, the seal to append, and the proof that no
//! deployment is missing.
//!
//! A deployment counts where it was begun, where it was refused, and where it was taken back, in an
//! environment with customers. One that a newer one replaced before it was begun did not happen.
//!
//! # Invariants
//!
//! - The proof is made from the leaves alone: whoever has the log, and nothing else, gets it too.
//! - What it cannot prove it says; a period of which the log has nothing proves nothing.

mod prove;

use sluss_core::decide::has_customers;
use sluss_core::deployment::Deployment;
use sluss_core::event::Event;
use sluss_core::exception::ExceptionKind;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::{DeploymentId, EnvironmentName};
use sluss_core::population::PopulationSealed;
use sluss_core::state::State;
use sluss_ledger::{Counted, DeploymentWay, Hash, PopulationFact, PopulationSeal};

use crate::engine::{Engine, read_event};
use crate::failure::{Blame, Failure};
use sluss_store::Log as _;

pub use prove::{Day, EnvironmentProof, Listed, Proof, Prover};

/// Entries that are read at once.
const PAGE: usize = 2_000;

/// Returns what an event counts as, and of which deployment.
fn counted(state: &State, event: &Event) -> Option<(DeploymentId, Counted)> {
    let (id, counted) = match event {
        Event::DeploymentStarted { deployment } => {
            let found = state.deployments.get(deployment)?;
            (*deployment, Counted::Deployment(way(state, found)))
        }
        Event::DeploymentRefused { deployment, .. } => (*deployment, Counted::Refused),
        Event::DeploymentRolledBack { deployment, .. } => (*deployment, Counted::Rollback),
        _counts_as_nothing => return None,
    };
    has_customers(state.deployments.get(&id)?.stage.kind).then_some((id, counted))
}

/// Returns in which way a deployment was let through, as its gates say.
fn way(state: &State, deployment: &Deployment) -> DeploymentWay {
    let emergency = |outcome: &GateOutcome| match outcome {
        GateOutcome::Cleared { why: ClearedWhy::Exception { exception } } => {
            let what = state.exceptions.get(exception).map(|one| &one.what);
            matches!(what, Some(ExceptionKind::Emergency { .. }))
        }
        _in_another_way => false,
    };
    let standard = |outcome: &GateOutcome| {
        matches!(outcome, GateOutcome::Cleared { why: ClearedWhy::Standard { .. } })
    };
    let gates = || deployment.gates.values();
    match (gates().any(emergency), gates().any(standard)) {
        (true, _) => DeploymentWay::Emergency,
        (false, true) => DeploymentWay::Standard,
        (false, false) => DeploymentWay::Normal,
    }
}

/// Returns what an event says about populations.
fn fact(state: &State, event: &Event) -> PopulationFact {
    if let Event::PopulationSealed(sealed) = event {
        return PopulationFact::Seal(of_event(sealed));
    }
    let environment = |id| Some(state.deployments.get(&id)?.environment.to_string());
    let counts = counted(state, event).and_then(|(id, counted)| {
        Some(PopulationFact::Counts { environment: environment(id)?, counted })
    });
    counts.unwrap_or(PopulationFact::Nothing)
}

fn of_event(sealed: &PopulationSealed) -> PopulationSeal {
    let hash = |digest: &sluss_core::ids::Digest| -> Hash {
        digest.as_str().parse().expect("BUG: a digest is 64 hexadecimal digits")
    };
    PopulationSeal {
        environment: sealed.environment.to_string(),
        from_leaf: sealed.from_leaf,
        to_leaf: sealed.to_leaf,
        deployments: sealed.deploys,
        refused: sealed.refused,
        rollbacks: sealed.rollbacks,
        emergency: sealed.emergency,
        standard: sealed.standard,
        standard_told: sealed.standard_told,
        head: hash(&sealed.head),
        merkle_root: hash(&sealed.merkle_root),
    }
}

fn to_event(environment: EnvironmentName, seal: &PopulationSeal) -> PopulationSealed {
    let digest = |hash: Hash| -> sluss_core::ids::Digest {
        hash.to_string().parse().expect("BUG: a hash is 64 hexadecimal digits")
    };
    PopulationSealed {
        environment,
        from_leaf: seal.from_leaf,
        to_leaf: seal.to_leaf,
        deploys: seal.deployments,
        refused: seal.refused,
        rollbacks: seal.rollbacks,
        emergency: seal.emergency,
        standard: seal.standard,
        standard_told: seal.standard_told,
        head: digest(seal.head),
        merkle_root: digest(seal.merkle_root),
    }
}

/// Counts what is not sealed of `environments`, and returns their seals up to the log's end.
///
/// # Errors
///
/// When the log can't be read.
pub(crate) async fn seals(
    engine: &Engine,
    environments: Vec<EnvironmentName>,
) -> Result<Vec<PopulationSealed>, Failure> {
    let (size, from): (u64, Vec<u64>) = {
        let state = engine.state();
        let until = |name| state.populations.get(name).map_or(0, |known| known.until);
        (state.size, environments.iter().map(until).collect())
    };
    let mut position = from.iter().copied().min().unwrap_or(size);
    let mut events: Vec<(String, (u64, Hash, Counted))> = Vec::new();
    while position < size {
        let page = engine.parts().log.read(position, PAGE).await?;
        let Some(last) = page.last() else { break };
        position = last.position + 1;
        let state = engine.state();
        for sealed in page.iter().filter(|sealed| sealed.position < size) {
            let (_, event) = read_event(sealed)?;
            if let PopulationFact::Counts { environment, counted } = fact(&state, &event) {
                events.push((environment, (sealed.position, sealed.hash, counted)));
            }
        }
    }
    let seal = |(name, from): (EnvironmentName, u64)| {
        let here = events.iter().filter(|(environment, _)| environment == name.as_str());
        let here = here.map(|(_, event)| *event);
        let seal = PopulationSeal::count(name.as_str(), from..size, here);
        to_event(name, &seal)
    };
    Ok(environments.into_iter().zip(from).map(seal).collect())
}

/// Proves the populations of a period from the log of the running system.
///
/// # Errors
///
/// When the log can't be read.
pub async fn prove(engine: &Engine, from: Day, to: Day) -> Result<Proof, Failure> {
    let mut prover = Prover::new(from, to)?;
    loop {
        let page = engine.parts().log.read(prover.next(), PAGE).await?;
        if page.is_empty() {
            return Ok(prover.finish());
        }
        page.iter().for_each(|sealed| prover.take(sealed));
    }
}

/// Proves the populations of a period from the log in a data folder, beside a running Sluss or
/// without one.
///
/// # Errors
///
/// There is no log there, or it can't be read.
pub async fn prove_folder(data: &std::path::Path, from: Day, to: Day) -> Result<Proof, Failure> {
    let mut prover = Prover::new(from, to)?;
    let reader = sluss_store::LogReader::open(data).await?;
    let mut reader = reader.ok_or_else(|| {
        let what = format!("There is no log in {}.", data.display());
        Failure::new(Blame::NotFound, what, "Name the data folder: `--data FOLDER`")
    })?;
    loop {
        match reader.read(prover.next(), PAGE).await {
            Ok(page) if page.is_empty() => return Ok(prover.finish()),
            Ok(page) => page.iter().for_each(|sealed| prover.take(sealed)),
            Err(sluss_store::ReadError::Corrupt { position, what }) => {
                return Ok(prover.broken(position, &what));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
