//! Populations: the proof, from the log, that no deployment of a period is missing.

use axum::Json;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_engine::population::{Day, EnvironmentProof, Listed, prove};

use super::answer::Answer;
use crate::app::App;

/// A deployment of a period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CountedView {
    /// The entry that says so.
    pub position: u64,
    pub time_ms: i64,
    pub deployment: String,
    pub release: String,
    pub service: String,
    /// `deployed`, `refused` or `rolled back`.
    pub what: &'static str,
    /// Whether an emergency let it through.
    pub emergency: bool,
    /// Whether a standard change stood for its approval.
    pub standard: bool,
}

/// What is proven of one environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EnvironmentCounted {
    pub environment: String,
    /// Deployments that were begun in the period.
    pub deploys: u64,
    /// Those of them that an emergency let through.
    pub emergency: u64,
    /// Those of them that a standard change let through.
    pub standard: u64,
    pub refused: u64,
    pub rollbacks: u64,
    /// Seals of the period.
    pub seals: u64,
    /// The first entry of the log that no seal counts yet.
    pub unsealed_from: u64,
    /// All of them, in the order of the log.
    pub listed: Vec<CountedView>,
}

/// What was proven of a period, and what does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PopulationView {
    /// Whether no deployment is missing.
    pub holds: bool,
    /// The first day, of UTC.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// Entries of the log that were read.
    pub entries: u64,
    /// The root over them (RFC 6962).
    pub root: String,
    pub environments: Vec<EnvironmentCounted>,
    /// What does not hold, and where.
    pub findings: Vec<String>,
}

/// Which period.
#[derive(Debug, Deserialize)]
pub(super) struct Period {
    from: String,
    to: String,
}

pub(super) async fn population(
    State(app): State<App>,
    Query(Period { from, to }): Query<Period>,
) -> Answer<PopulationView> {
    let (from, to): (Day, Day) = (from.parse()?, to.parse()?);
    let proof = prove(&app.engine, from, to).await?;
    Ok(Json(PopulationView {
        holds: proof.holds,
        from: proof.from,
        to: proof.to,
        entries: proof.entries,
        root: proof.root,
        environments: proof.environments.into_iter().map(environment).collect(),
        findings: proof.findings,
    }))
}

fn environment(proof: EnvironmentProof) -> EnvironmentCounted {
    let listed = |one: Listed| CountedView {
        position: one.position,
        time_ms: one.time_ms,
        deployment: one.deployment,
        release: one.release,
        service: one.service,
        what: one.what,
        emergency: one.emergency,
        standard: one.standard,
    };
    EnvironmentCounted {
        environment: proof.environment,
        deploys: proof.deploys,
        emergency: proof.emergency,
        standard: proof.standard,
        refused: proof.refused,
        rollbacks: proof.rollbacks,
        seals: proof.seals,
        unsealed_from: proof.unsealed_from,
        listed: proof.listed.into_iter().map(listed).collect(),
    }
}
