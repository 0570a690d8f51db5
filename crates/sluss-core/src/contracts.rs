//! Contracts between services: who provides which versions of what, who needs them, and what must
//! go first.
//!
//! A release's contracts are those of its commit: they stand in its pipeline, in the log.
//!
//! # Invariants
//!
//! - A need is met only by what is live in the same environment, and by what is about to take its
//!   place there too.
//! - What is taken back passes no gate. What then lacks something is named, and stays live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, Phase};
use crate::ids::{ContractName, EnvironmentName, ReleaseId, ServiceName};
use crate::state::State;

/// What a service provides to others, and needs of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contracts {
    /// The versions that it speaks, of each contract that it provides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provides: BTreeMap<ContractName, BTreeSet<u32>>,
    /// The version that it needs, of each contract of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<ContractName, u32>,
}

/// A contract at a version, written `ledger-api 3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its name.
    pub contract: ContractName,
    /// Its version.
    pub version: u32,
}

/// A contract, and a service at its other end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The service.
    pub service: ServiceName,
    /// What it provides, or needs.
    pub contract: Contract,
}

/// Something that is needed and that nothing live provides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// What.
    pub contract: Contract,
    /// What must go first, where the newest change of a service provides it.
    pub first: Vec<First>,
}

/// What must go first: the newest change of a service, as far as it is a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// The service.
    pub service: ServiceName,
    /// Its release.
    pub release: Option<ReleaseId>,
}

/// What a release touches in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// What it needs and who provides it.
    pub met: Vec<Between>,
    /// What it needs and nothing live provides.
    pub missing: Vec<Missing>,
    /// Who needs what it goes on providing.
    pub serves: Vec<Between>,
    /// Who needs what it would no longer provide, and nothing else does.
    pub drops: Vec<Between>,
}

impl Contracts {
    /// Returns whether nothing is provided or needed.
    pub fn is_empty(&self) -> bool {
        self.provides.is_empty() && self.needs.is_empty()
    }

    /// Returns whether it provides `contract`.
    pub fn provide(&self, contract: &Contract) -> bool {
        let versions = self.provides.get(&contract.contract);
        versions.is_some_and(|versions| versions.contains(&contract.version))
    }

    /// Returns what it needs.
    pub fn needed(&self) -> impl Iterator<Item = Contract> {
        let one = |(contract, version): (&ContractName, &u32)| Contract {
            contract: contract.clone(),
            version: *version,
        };
        self.needs.iter().map(one)
    }

    fn need(&self, contract: &Contract) -> bool {
        self.needs.get(&contract.contract) == Some(&contract.version)
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.contract, self.version)
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.contract, self.service)
    }
}

impl Missing {
    /// Returns it as a sentence.
    pub fn sentence(&self) -> String {
        let first = |first: &First| match first.release {
            Some(release) => format!("{} provides it in {release}", first.service),
            None => format!("{} provides it in its newest change", first.service),
        };
        let all: Vec<String> = self.first.iter().map(first).collect();
        match all.is_empty() {
            true => format!(
                "It needs {}, which nothing live here provides, nor any newest change.",
                self.contract
            ),
            false => format!(
                "It needs {}, which is not live here: {}, which must go first.",
                self.contract,
                all.join(", ")
            ),
        }
    }
}

impl State {
    /// Returns the contracts of `release`.
    pub fn contracts_of(&self, release: ReleaseId) -> Option<&Contracts> {
        self.pipeline_of(release).map(|pipeline| &pipeline.contracts)
    }

    /// Returns the contracts of what is live of `service` in `environment`.
    pub fn contracts_live(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Option<&Contracts> {
        let live = self.place(service, environment)?.live?;
        self.contracts_of(self.deployments.get(&live)?.release)
    }

    /// Returns whether `service` provides `contract` in `environment`, and what is taking over
    /// there does, too.
    fn serves(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        contract: &Contract,
    ) -> bool {
        let place = self.place(service, environment);
        let rolling = place.and_then(|place| self.deployments.get(&place.rolling?));
        let stays = rolling.is_none_or(|rolling| {
            self.contracts_of(rolling.release).is_some_and(|of| of.provide(contract))
        });
        let live = self.contracts_live(service, environment);
        stays && live.is_some_and(|live| live.provide(contract))
    }

    fn server_of(
        &self,
        environment: &EnvironmentName,
        contract: &Contract,
        except: &ServiceName,
    ) -> Option<ServiceName> {
        let mut others = self.services.keys().filter(|other| *other != except);
        others.find(|other| self.serves(other, environment, contract)).cloned()
    }

    /// Returns the contracts of what is live, or takes over, of other services in `environment`.
    fn beside(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Vec<(&ServiceName, &Contracts)> {
        let mut beside = Vec::new();
        for (other, known) in self.services.iter().filter(|(other, _)| *other != service) {
            let Some(place) = known.places.get(environment) else { continue };
            let there = [place.live, place.rolling].into_iter().flatten();
            let release = there.filter_map(|id| Some(self.deployments.get(&id)?.release));
            beside.extend(release.filter_map(|id| Some((other, self.contracts_of(id)?))));
        }
        beside
    }

    /// Returns what `release` touches in `environment`: what it needs, and who needs it.
    pub fn touched_by(&self, release: ReleaseId, environment: &EnvironmentName) -> Touched {
        let mut touched = Touched::default();
        let Some(known) = self.releases.get(&release) else { return touched };
        let (service, none) = (&known.service, Contracts::default());
        let own = self.contracts_of(release).unwrap_or(&none);
        for contract in own.needed() {
            let own = own.provide(&contract).then(|| service.clone());
            match own.or_else(|| self.server_of(environment, &contract, service)) {
                Some(service) => touched.met.push(Between { service, contract }),
                None => touched.missing.push(self.missing(contract, service)),
            }
        }
        let live = self.contracts_live(service, environment).unwrap_or(&none);
        for (other, contracts) in self.beside(service, environment) {
            for contract in contracts.needed() {
                let between = || Between { service: other.clone(), contract: contract.clone() };
                let itself = contracts.provide(&contract);
                let elsewhere = || self.server_of(environment, &contract, service).is_some();
                if own.provide(&contract) {
                    touched.serves.push(between());
                } else if live.provide(&contract) && !itself && !elsewhere() {
                    touched.drops.push(between());
                }
            }
        }
        touched.serves.sort();
        touched.serves.dedup();
        touched.drops.sort();
        touched.drops.dedup();
        touched
    }

    fn missing(&self, contract: Contract, service: &ServiceName) -> Missing {
        let newest = |other: &ServiceName| {
            let change = self.changes.get(self.services.get(other)?.trunk.last()?)?;
            let provides = change.push.pipeline.contracts.provide(&contract);
            let run = change.run.and_then(|run| self.runs.get(&run));
            let release = run.and_then(|run| run.release);
            provides.then(|| First { service: other.clone(), release })
        };
        let others = self.services.keys().filter(|other| *other != service);
        let first = others.filter_map(newest).collect();
        Missing { contract, first }
    }

    /// Returns the deployment of `service` that waits before `environment`.
    fn waiting_in(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Option<&Deployment> {
        let waits = |deployment: &&Deployment| {
            deployment.service == *service
                && deployment.environment == *environment
                && matches!(deployment.phase, Phase::Requested | Phase::Cleared)
        };
        let open = self.open.deployments.iter().rev();
        open.filter_map(|id| self.deployments.get(id)).find(waits)
    }

    /// Returns the services for whose waiting release that of `service` waits in `environment`:
    /// they provide what it lacks, or would no longer need what it drops.
    fn awaits(&self, service: &ServiceName, environment: &EnvironmentName) -> Vec<ServiceName> {
        let Some(own) = self.waiting_in(service, environment) else { return Vec::new() };
        let Touched { missing, drops, .. } = self.touched_by(own.release, environment);
        let helps = |other: &&ServiceName| {
            let waiting = self.waiting_in(other, environment);
            let Some(theirs) = waiting.and_then(|one| self.contracts_of(one.release)) else {
                return false;
            };
            missing.iter().any(|one| theirs.provide(&one.contract))
                || drops.iter().any(|one| one.service == **other && !theirs.need(&one.contract))
        };
        let others = self.services.keys().filter(|other| *other != service);
        others.filter(helps).cloned().collect()
    }

    /// Returns services whose waiting releases wait for each other in `environment`, from
    /// `service` back to it.
    pub fn circle_of(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Option<Vec<ServiceName>> {
        let mut seen = BTreeSet::new();
        let mut paths = vec![vec![service.clone()]];
        while let Some(path) = paths.pop() {
            let Some(last) = path.last() else { continue };
            for next in self.awaits(last, environment) {
                let longer = || path.iter().cloned().chain([next.clone()]).collect();
                if next == *service {
                    return Some(longer());
                }
                if seen.insert(next.clone()) {
                    paths.push(longer());
                }
            }
        }
        None
    }
}
