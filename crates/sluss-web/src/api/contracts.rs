//! Contracts between services, environment by environment: who provides what live, who needs it
//! there, and which releases wait for others.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::contracts::Contract;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::{DeploymentId, EnvironmentName, ServiceName};
use sluss_core::pipeline::GateKind;
use sluss_core::state::State as Known;

use super::answer::Answer;
use super::words::{Words, view};
use crate::app::App;

/// A service, and its release that is live or takes over.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EndView {
    /// The service.
    pub service: String,
    /// The release.
    pub release: String,
    /// Whether it takes over, and is not live yet.
    pub rolling: bool,
}

/// A contract at a version, in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContractView {
    /// The environment.
    pub environment: String,
    /// The contract.
    pub contract: String,
    /// The version.
    pub version: u32,
    /// Who provides it there.
    pub provided: Vec<EndView>,
    /// Who needs it there.
    pub needed: Vec<EndView>,
    /// `met`, `unused` where nobody needs it, or `lacking` where nothing live provides it.
    pub stands: &'static str,
    /// What would break without which provider, as a sentence; nothing where nothing would.
    pub breaks: Option<String>,
}

/// A release that waits for those of other services.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WaitView {
    /// Its deployment.
    pub deployment: String,
    /// Its release.
    pub release: String,
    /// Its service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// The services that wait for each other, from the first back to it; none if none do.
    pub circle: Vec<String>,
    /// What it waits for, in words.
    pub sentence: String,
}

/// The contracts between services.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContractsView {
    /// A row for each version of a contract in each environment where something live knows it.
    pub contracts: Vec<ContractView>,
    /// What waits for others.
    pub waiting: Vec<WaitView>,
}

type Ends = BTreeMap<(EnvironmentName, Contract), (Vec<EndView>, Vec<EndView>)>;

pub(super) async fn all(State(app): State<App>) -> Answer<ContractsView> {
    Ok(Json(view(&app, |state: &Known, _: &mut Words| Ok(contracts(state))).await?))
}

/// Returns all contracts between services, and what waits for others.
pub(crate) fn contracts(state: &Known) -> ContractsView {
    let mut ends = Ends::new();
    for (service, known) in &state.services {
        for environment in state.lasting_environments(service) {
            let Some(place) = known.places.get(&environment) else { continue };
            for (id, rolling) in [(place.live, false), (place.rolling, true)] {
                if let Some(id) = id {
                    take(state, &mut ends, (service, &environment), (id, rolling));
                }
            }
        }
    }
    let row = |((environment, contract), (provided, needed)): (_, (Vec<EndView>, Vec<EndView>))| {
        row(&environment, &contract, provided, needed)
    };
    ContractsView { contracts: ends.into_iter().map(row).collect(), waiting: waiting(state) }
}

fn take(
    state: &Known,
    ends: &mut Ends,
    (service, environment): (&ServiceName, &EnvironmentName),
    (id, rolling): (DeploymentId, bool),
) {
    let Some(release) = state.deployments.get(&id).map(|of| of.release) else { return };
    let Some(contracts) = state.contracts_of(release) else { return };
    let end = || EndView { service: service.to_string(), release: release.to_string(), rolling };
    for (name, versions) in &contracts.provides {
        for version in versions {
            let contract = Contract { contract: name.clone(), version: *version };
            ends.entry((environment.clone(), contract)).or_default().0.push(end());
        }
    }
    for contract in contracts.needed() {
        ends.entry((environment.clone(), contract)).or_default().1.push(end());
    }
}

fn row(
    environment: &EnvironmentName,
    contract: &Contract,
    provided: Vec<EndView>,
    needed: Vec<EndView>,
) -> ContractView {
    let live: Vec<&str> =
        provided.iter().filter(|one| !one.rolling).map(|one| one.service.as_str()).collect();
    let mut others: Vec<&str> = needed.iter().map(|one| one.service.as_str()).collect();
    others.dedup();
    let stands = match (live.is_empty(), needed.is_empty()) {
        (true, false) => "lacking",
        (_, true) => "unused",
        (false, false) => "met",
    };
    let breaks = match &live[..] {
        [] if needed.is_empty() => None,
        [] => Some(format!("{} lacks it now.", others.join(", "))),
        [only] => {
            others.retain(|other| other != only);
            let lost = others.join(", ");
            (!lost.is_empty()).then(|| format!("Without it in {only}, {lost} would break."))
        }
        _several => None,
    };
    ContractView {
        environment: environment.to_string(),
        contract: contract.contract.to_string(),
        version: contract.version,
        provided,
        needed,
        stands,
        breaks,
    }
}

fn waiting(state: &Known) -> Vec<WaitView> {
    let waits = |id: &DeploymentId| {
        let of = state.deployments.get(id)?;
        let outcome = of.gates.get(&GateKind::Dependencies)?;
        let GateOutcome::Waiting { on: WaitingOn::Dependencies { circle, .. } } = outcome else {
            return None;
        };
        Some(WaitView {
            deployment: id.to_string(),
            release: of.release.to_string(),
            service: of.service.to_string(),
            environment: of.environment.to_string(),
            circle: circle.iter().map(ToString::to_string).collect(),
            sentence: outcome.sentence(),
        })
    };
    state.open.deployments.iter().filter_map(waits).collect()
}
