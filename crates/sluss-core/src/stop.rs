//! Stop the line: nothing in a scope starts, and no rollout in it grows, until two others agree.
//!
//! # Invariants
//!
//! - One person stops, at once; two distinct others who may decide lift it, each with a reason.
//! - No exception goes past it: neither an override of a freeze nor an emergency.
//! - Taking back is possible all the while.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::ids::{
    Digest, EnvironmentName, FreezeId, Malformed, PersonRef, ProductName, ServiceName, StopId,
};
use crate::incident::Freeze;
use crate::pipeline::GateKind;
use crate::state::State;
use crate::units::Millis;

/// What stands still, written `all`, `product:retail`, `service:pay` or `environment:production`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum StopScope {
    /// Everything.
    All,
    /// All services of a product.
    Product(ProductName),
    /// A service.
    Service(ServiceName),
    /// All services in an environment.
    Environment(EnvironmentName),
}

impl StopScope {
    /// Returns the scope within a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::All => "everything".to_owned(),
            Self::Product(name) => format!("the product `{name}`"),
            Self::Service(name) => format!("the service `{name}`"),
            Self::Environment(name) => format!("the environment `{name}`"),
        }
    }

    /// Returns whether it is about `service` in `environment`.
    pub fn meets(
        &self,
        state: &State,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> bool {
        match self {
            Self::All => true,
            Self::Product(name) => state.product_of(service) == Some(name),
            Self::Service(name) => name == service,
            Self::Environment(name) => name == environment,
        }
    }

    fn covers(&self, state: &State, of: &Deployment) -> bool {
        // A test environment is one of many: the name that its stage has stands for all of them.
        self.meets(state, &of.service, &of.environment)
            || self.meets(state, &of.service, &of.stage.environment)
    }
}

impl fmt::Display for StopScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Product(name) => write!(f, "product:{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Environment(name) => write!(f, "environment:{name}"),
        }
    }
}

impl FromStr for StopScope {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(80).collect(),
            expected: "`all`, `product:NAME`, `service:NAME` or `environment:NAME`",
        };
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("product", name)) => Ok(Self::Product(name.parse()?)),
            Some(("service", name)) => Ok(Self::Service(name.parse()?)),
            Some(("environment", name)) => Ok(Self::Environment(name.parse()?)),
            None | Some(_) => Err(wrong()),
        }
    }
}

impl From<StopScope> for String {
    fn from(scope: StopScope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for StopScope {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// A person who agreed that the line may run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Agreed {
    pub by: PersonRef,
    pub at: Millis,
    /// Why: a private text.
    pub reason: Digest,
}

/// A stop of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Stop {
    pub scope: StopScope,
    pub by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
    pub since: Millis,
    /// Who agreed so far that it may run again.
    pub agreed: Vec<Agreed>,
    pub lifted: Option<Millis>,
}

impl Stop {
    /// How many people, beside whoever stopped it, must agree that it runs again.
    pub const PEOPLE: usize = 2;

    /// Returns how many more must agree.
    pub fn still_asks(&self) -> usize {
        if self.lifted.is_some() { 0 } else { Self::PEOPLE.saturating_sub(self.agreed.len()) }
    }
}

impl State {
    /// Returns the stops that hold something now, oldest first.
    pub fn active_stops(&self) -> impl Iterator<Item = (StopId, &Stop)> {
        let active = self.stops.iter().filter(|(_, stop)| stop.lifted.is_none());
        active.map(|(id, stop)| (*id, stop))
    }

    /// Returns the first stop that holds `deployment` now.
    pub fn stop_over(&self, deployment: &Deployment) -> Option<(StopId, &Stop)> {
        self.active_stops().find(|(_, stop)| stop.scope.covers(self, deployment))
    }

    /// Returns every stop that held `deployment` at some time while it waited or rolled out.
    pub fn stops_over(&self, deployment: &Deployment) -> BTreeSet<StopId> {
        let held = |(_, stop): &(&StopId, &Stop)| {
            let began = deployment.came_to_rest().is_none_or(|rests| stop.since <= rests);
            let lasted = stop.lifted.is_none_or(|lifted| lifted > deployment.requested);
            began && lasted && stop.scope.covers(self, deployment)
        };
        self.stops.iter().filter(held).map(|(id, _)| *id).collect()
    }

    /// Returns every freeze that covered `deployment` at some time while it waited at that gate.
    pub fn freezes_over(&self, deployment: &Deployment) -> BTreeSet<FreezeId> {
        let rests = deployment.came_to_rest();
        let held = |(_, freeze): &(&FreezeId, &Freeze)| {
            let ended = freeze.lifted.map_or(freeze.until, |lifted| lifted.min(freeze.until));
            let in_force = Freeze { lifted: None, ..(*freeze).clone() };
            let at = freeze.from.max(deployment.requested);
            let met = at < ended && rests.is_none_or(|rests| at <= rests);
            met && in_force.covers(&deployment.service, &deployment.environment, at)
        };
        let asked = deployment.gates.contains_key(&GateKind::Freeze);
        self.freezes.iter().filter(|one| asked && held(one)).map(|(id, _)| *id).collect()
    }

    /// Returns when the last stop was lifted that held `deployment`.
    pub fn line_runs_since(&self, deployment: &Deployment) -> Option<Millis> {
        let held = self.stops.values().filter(|stop| stop.scope.covers(self, deployment));
        held.filter_map(|stop| stop.lifted).max()
    }

    /// Returns who may still agree that `stop` be lifted.
    pub fn may_lift(&self, stop: &Stop) -> BTreeSet<PersonRef> {
        if stop.lifted.is_some() {
            return BTreeSet::new();
        }
        let mut people = self.organisation.as_ref().map(|known| known.deciders());
        let people = people.take().unwrap_or_default().into_iter();
        let free = |who: &PersonRef| {
            *who != stop.by && !stop.agreed.iter().any(|agreed| agreed.by == *who)
        };
        people.filter(free).collect()
    }
}
