//! Populations: how many deployments of an environment with customers there were.
//!
//! Once a day, by the clock, a seal counts the events of a range of leaves, refused deployments
//! included, and commits to all of them, also when there were none. The counting needs the leaves
//! themselves, and is done where they are; here is when, and of which leaves.
//!
//! # Invariants
//!
//! - The seals of an environment tile the log: each begins where the one before ended.
//! - A day is one of UTC. What comes late is counted in the seal of the day in which it was logged.

use serde::{Deserialize, Serialize};

use crate::decide::has_customers;
use crate::event::Event;
use crate::ids::{DeploymentId, Digest, EnvironmentName};
use crate::state::State;
use crate::units::Millis;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a seal says, by the names of the published format. Leaves are counted from `from_leaf` up
/// to, and without, `to_leaf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationSealed {
    /// Which environment.
    #[serde(rename = "env")]
    pub environment: EnvironmentName,
    /// First leaf of the range.
    pub from_leaf: u64,
    /// First leaf after it.
    pub to_leaf: u64,
    /// Deployments that were begun.
    pub deploys: u64,
    /// Deployments that were refused.
    pub refused: u64,
    /// Deployments that were taken back.
    pub rollbacks: u64,
    /// Those of the deployments that an emergency let through.
    pub emergency: u64,
    /// Those of the deployments that a model approved in advance let through; 0 where they are not
    /// told apart.
    pub standard: u64,
    /// Whether they are told apart from the others. Seals of before say nothing of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standard_told: bool,
    /// Leaf hash of the last counted event; zeros where none was counted.
    pub head: Digest,
    /// Root (RFC 6962) over the leaf hashes of the counted events.
    pub merkle_root: Digest,
}

/// An environment whose deployments are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// When the first deployment there was requested.
    pub since: Millis,
    /// When it was sealed last.
    pub sealed: Option<Millis>,
    /// The first leaf that no seal has counted.
    pub until: u64,
}

/// Returns the day of UTC that `at` lies in, counted from 1970-01-01.
pub fn day(at: Millis) -> i64 {
    at.0.div_euclid(DAY_MS)
}

impl State {
    /// Returns the environments that are to be sealed at `now`: nothing of an earlier day is left
    /// open.
    pub fn populations_due(&self, now: Millis) -> Vec<EnvironmentName> {
        let due = |(_, known): &(&EnvironmentName, &Population)| {
            day(known.sealed.unwrap_or(known.since)) < day(now)
        };
        self.populations.iter().filter(due).map(|(name, _)| name.clone()).collect()
    }

    /// Returns the seal as an event, if it is due and goes on where the one before ended.
    pub(crate) fn seal_population(&self, sealed: PopulationSealed, now: Millis) -> Vec<Event> {
        let fits = self.populations.get(&sealed.environment).is_some_and(|known| {
            known.until == sealed.from_leaf
                && sealed.from_leaf < sealed.to_leaf
                && sealed.to_leaf <= self.size
        });
        let due = self.populations_due(now).contains(&sealed.environment);
        if fits && due { vec![Event::PopulationSealed(sealed)] } else { vec![] }
    }

    /// Begins to count the environment of a deployment, if customers are there.
    pub(crate) fn count_from(&mut self, id: DeploymentId, now: Millis) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        if has_customers(deployment.stage.kind) {
            let new = Population { since: now, sealed: None, until: 0 };
            self.populations.entry(deployment.environment.clone()).or_insert(new);
        }
    }
}

/// Folds a seal.
pub(crate) fn apply(state: &mut State, now: Millis, sealed: &PopulationSealed) {
    let new = Population { since: now, sealed: None, until: 0 };
    let known = state.populations.entry(sealed.environment.clone()).or_insert(new);
    known.sealed = Some(now);
    known.until = sealed.to_leaf;
}
