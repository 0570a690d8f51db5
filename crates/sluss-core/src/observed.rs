//! What really runs, as the target itself says, beside what the log says should.
//!
//! # Invariants
//!
//! - What runs in an environment with customers and was deployed by nobody is an incident, once for
//!   each digest, until it runs no more and a person has closed it.
//! - Nothing is concluded from a target that does not say which digests run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::decide::has_customers;
use crate::deployment::Deployment;
use crate::event::Event;
use crate::ids::{Digest, IncidentId, ReleaseId};
use crate::incident::{Incident, Origin};
use crate::state::State;
use crate::target::{ArmStatus, RouteKey, RouteStatus};
use crate::units::Millis;

/// Something that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The release that the target takes it for.
    pub release: ReleaseId,
    /// The digest of the artifact that runs.
    pub digest: Digest,
}

/// What runs in a place, as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Since when.
    pub at: Millis,
    /// What; also what is being drained.
    pub running: BTreeSet<Running>,
}

/// Returns what runs on a route by the target's own answer; nothing where it does not say so.
pub fn running(route: &RouteStatus) -> Option<BTreeSet<Running>> {
    let of_arm = |arm: &ArmStatus| {
        let release = arm.release;
        let started = arm.instances.iter().filter(|one| one.pid != 0 || one.digest.is_some());
        started.map(move |one| Some((release, one.digest.clone()?))).collect::<Vec<_>>()
    };
    let all = route.arms.iter().flat_map(of_arm);
    all.map(|one| one.map(|(release, digest)| Running { release, digest })).collect()
}

impl State {
    /// Returns what runs in a place, as last seen.
    pub fn observed_in(&self, key: &RouteKey) -> Option<&Observed> {
        self.observed.get(&key.service)?.get(&key.environment)
    }

    /// Returns whether `digest` came to a place by a deployment, whatever became of that.
    pub fn was_deployed(&self, key: &RouteKey, digest: &Digest) -> bool {
        let here = |deployment: &&Deployment| {
            deployment.service == key.service
                && deployment.environment == key.environment
                && deployment.started.is_some()
        };
        let holds = |deployment: &Deployment| {
            let release = self.releases.get(&deployment.release);
            release.is_some_and(|of| of.artifacts.iter().any(|one| one.digest == *digest))
        };
        self.deployments.values().filter(here).any(holds)
    }

    /// Returns what runs in a place and was deployed by nobody.
    pub fn shadows_in(&self, key: &RouteKey) -> Vec<Digest> {
        let running = self.observed_in(key).into_iter().flat_map(|seen| &seen.running);
        let shadows = running.filter(|one| !self.was_deployed(key, &one.digest));
        shadows.map(|one| one.digest.clone()).collect()
    }
}

/// Returns what follows from what runs in a place now.
pub(crate) fn observe(state: &State, key: &RouteKey, running: BTreeSet<Running>) -> Vec<Event> {
    let same = |deployment: &&Deployment| {
        deployment.service == key.service && deployment.environment == key.environment
    };
    let newest = state.deployments.values().rev().find(same);
    // A place that no deployment ever named is watched, too.
    let watched = newest.is_none_or(|deployment| has_customers(deployment.stage.kind));
    let known = state.observed_in(key).map(|seen| &seen.running);
    let nothing_new = known.map_or(running.is_empty(), |known| *known == running);
    if !watched || nothing_new {
        return vec![];
    }
    let digests: BTreeSet<&Digest> = running.iter().map(|one| &one.digest).collect();
    let open: Vec<(IncidentId, &Digest)> = open_shadows(state, key).collect();
    let first = state.next_incident().0;
    let shadows = digests
        .iter()
        .filter(|digest| !state.was_deployed(key, digest))
        .filter(|digest| open.iter().all(|(_, known)| *known != **digest));
    let (service, environment) = (&key.service, &key.environment);
    let found = shadows.zip(first..).map(|(digest, id)| Event::IncidentShadow {
        incident: IncidentId(id),
        service: service.clone(),
        environment: environment.clone(),
        digest: (*digest).clone(),
    });
    let unmitigated = |id: &IncidentId| {
        state.incidents.get(id).is_some_and(|incident| incident.mitigated.is_none())
    };
    let gone = open
        .iter()
        .filter(|(id, digest)| !digests.contains(*digest) && unmitigated(id))
        .map(|(id, _)| Event::IncidentMitigated { incident: *id });
    let follows: Vec<Event> = found.chain(gone).collect();
    let (service, environment) = (service.clone(), environment.clone());
    let observed = Event::EnvironmentObserved { service, environment, running };
    std::iter::once(observed).chain(follows).collect()
}

/// Returns the open incidents about what nobody deployed in a place, with its digest.
fn open_shadows<'a>(
    state: &'a State,
    key: &'a RouteKey,
) -> impl Iterator<Item = (IncidentId, &'a Digest)> {
    let here = |incident: &&Incident| {
        incident.service == key.service && incident.environment == key.environment
    };
    let shadow = move |id: &IncidentId| match &state.incidents.get(id).filter(here)?.origin {
        Origin::Shadow { digest } => Some((*id, digest)),
        Origin::Seen { .. } | Origin::Reported { .. } => None,
    };
    state.open.incidents.iter().filter_map(shadow)
}

/// Folds what runs in a place.
pub(crate) fn apply(state: &mut State, now: Millis, key: RouteKey, running: &BTreeSet<Running>) {
    let seen = Observed { at: now, running: running.clone() };
    state.observed.entry(key.service).or_default().insert(key.environment, seen);
}
