//! Seals of a population: how many deployments of an environment there were, refused ones included.
//!
//! A list of deployments proves nothing about those that are not on it. So each environment is
//! sealed every day: a leaf that counts the events of a range of leaves and commits to all of
//! them, also when there were none. Whoever has the leaves counts again.
//!
//! # Invariants
//!
//! - The seals of an environment tile the log: the first begins at leaf 0 and each next one where
//!   the one before ended. A seal stands behind the leaves that it counts, so an event that comes
//!   late falls into the range in which it was logged, and into no other.
//! - A seal that [`Populations::take`] accepted says exactly what was counted.
//! - Seals that do not tell standard changes apart ([`PopulationSeal::standard_told`]) count them
//!   as normal ones. Once an environment has a seal that does, each later one does.
//!
//! Which event counts as what is the caller's to say, as a [`PopulationFact`] of each leaf: this
//! module knows no type of event. Not here: that a seal is not overdue;
//! [`Populations::sealed_until`] says up to where there is one.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::tree::Frontier;

/// What one event of an environment counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A deployment, in the way in which it was let through.
    Deployment(DeploymentWay),
    /// A deployment that was refused.
    Refused,
    /// A deployment that was taken back.
    Rollback,
}

/// In which way a deployment was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentWay {
    /// Each gate decided about it.
    Normal,
    /// By a model that was approved in advance.
    Standard,
    /// By breaking the glass.
    Emergency,
}

/// What a leaf says about a population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PopulationFact {
    /// It counts in this environment.
    Counts {
        /// Name of the environment.
        environment: String,
        /// What as.
        counted: Counted,
    },
    /// It is a seal.
    Seal(PopulationSeal),
    /// Nothing.
    Nothing,
}

/// The data of a `population.sealed` event. Leaves are counted from `from_leaf` up to, and
/// without, `to_leaf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationSeal {
    /// Name of the environment.
    #[serde(rename = "env")]
    pub environment: String,
    /// First leaf of the range.
    pub from_leaf: u64,
    /// First leaf after the range.
    pub to_leaf: u64,
    /// Deployments, in whatever way they were let through.
    #[serde(rename = "deploys")]
    pub deployments: u64,
    /// Refused deployments.
    pub refused: u64,
    /// Deployments that were taken back.
    pub rollbacks: u64,
    /// Those of the deployments that were let through by breaking the glass.
    pub emergency: u64,
    /// Those of the deployments that were let through by a model approved in advance; 0 where
    /// they are not told apart.
    pub standard: u64,
    /// Whether deployments that a model let through are told apart from the others. Seals of
    /// before say nothing of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standard_told: bool,
    /// Leaf hash of the last counted event; [`Hash::ZERO`] where none was counted.
    pub head: Hash,
    /// Root of the tree (RFC 6962 section 2.1) over the leaf hashes of the counted events, in the
    /// order of the log.
    pub merkle_root: Hash,
}

impl PopulationSeal {
    /// Returns the seal of `leaves` in `environment`, given every event that counts there with
    /// its index and leaf hash, in the order of the log. Events outside the range are left out.
    pub fn count(
        environment: &str,
        leaves: Range<u64>,
        events: impl IntoIterator<Item = (u64, Hash, Counted)>,
    ) -> Self {
        let mut tree = Frontier::new();
        let mut seal = Self {
            environment: environment.to_owned(),
            from_leaf: leaves.start,
            to_leaf: leaves.end,
            deployments: 0,
            refused: 0,
            rollbacks: 0,
            emergency: 0,
            standard: 0,
            standard_told: true,
            head: Hash::ZERO,
            merkle_root: Hash::empty_root(),
        };
        for (_, hash, counted) in events.into_iter().filter(|(at, ..)| leaves.contains(at)) {
            match counted {
                Counted::Deployment(way) => {
                    seal.deployments += 1;
                    match way {
                        DeploymentWay::Normal => {}
                        DeploymentWay::Standard => seal.standard += 1,
                        DeploymentWay::Emergency => seal.emergency += 1,
                    }
                }
                Counted::Refused => seal.refused += 1,
                Counted::Rollback => seal.rollbacks += 1,
            }
            seal.head = hash;
            tree.push(hash);
        }
        seal.merkle_root = tree.root();
        seal
    }

    /// Returns how many events were counted.
    pub fn events(&self) -> u64 {
        self.deployments.saturating_add(self.refused).saturating_add(self.rollbacks)
    }
}

/// An event that was counted: its index in the log, its leaf hash, and what it counts as.
type Event = (u64, Hash, Counted);

/// The populations of all environments: a fold over the leaves of a log from the first on, which
/// checks every seal and makes the next.
///
/// Memory is what was counted since the last seals.
#[derive(Debug, Clone, Default)]
pub struct Populations {
    size: u64,
    environments: BTreeMap<String, Open>,
}

/// What is not sealed yet in an environment.
#[derive(Debug, Clone, Default)]
struct Open {
    from_leaf: u64,
    /// Whether a seal told standard changes apart.
    standard_told: bool,
    events: Vec<Event>,
}

impl Populations {
    /// Returns the populations of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next leaf: its index, its leaf hash and what it says. A refused leaf changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`SealFault`], which names the leaf: it is not the next one, or a seal that is not true.
    pub fn take(&mut self, index: u64, hash: Hash, fact: PopulationFact) -> Result<(), SealFault> {
        if index != self.size {
            return Err(SealFault::Order { expected: self.size, found: index });
        }
        match fact {
            PopulationFact::Nothing => {}
            PopulationFact::Counts { environment, counted } => {
                let open = self.environments.entry(environment).or_default();
                open.events.push((index, hash, counted));
            }
            PopulationFact::Seal(seal) => {
                let expected = self.check(index, &seal)?;
                let open = self.environments.entry(expected.environment).or_default();
                open.from_leaf = seal.to_leaf;
                open.standard_told = seal.standard_told;
                open.events.retain(|(at, ..)| *at >= seal.to_leaf);
            }
        }
        self.size += 1;
        Ok(())
    }

    fn check(&self, index: u64, seal: &PopulationSeal) -> Result<PopulationSeal, SealFault> {
        let environment = || seal.environment.clone();
        let expected = self.sealed_until(&seal.environment);
        let (from, to) = (seal.from_leaf, seal.to_leaf);
        if from > expected {
            let (from, until) = (expected, from);
            return Err(SealFault::Gap { index, environment: environment(), from, until });
        }
        if from < expected {
            let until = expected;
            return Err(SealFault::Overlap { index, environment: environment(), from, until });
        }
        if to > index || to <= from {
            return Err(SealFault::Range { index, environment: environment(), from, to });
        }
        let mut counted = self.count(&seal.environment, from..to);
        let told = self.environments.get(&seal.environment).is_some_and(|open| open.standard_told);
        if !seal.standard_told && !told {
            (counted.standard, counted.standard_told) = (0, false);
        }
        if counted != *seal {
            let (counted, sealed) = (Box::new(counted), Box::new(seal.clone()));
            return Err(SealFault::Miscounted { index, counted, sealed });
        }
        Ok(counted)
    }

    /// Returns the seal to append next for `environment`: of every leaf so far that is not
    /// sealed. `None` where there is no such leaf.
    pub fn seal(&self, environment: &str) -> Option<PopulationSeal> {
        let from = self.sealed_until(environment);
        (from < self.size).then(|| self.count(environment, from..self.size))
    }

    fn count(&self, environment: &str, leaves: Range<u64>) -> PopulationSeal {
        let events = self.environments.get(environment).map_or(&[][..], |open| &open.events);
        PopulationSeal::count(environment, leaves, events.iter().copied())
    }

    /// Returns the first leaf that no seal of `environment` has counted.
    pub fn sealed_until(&self, environment: &str) -> u64 {
        self.environments.get(environment).map_or(0, |open| open.from_leaf)
    }

    /// Returns the environments that anything was counted or sealed in, by name.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.environments.keys().map(String::as_str)
    }

    /// Returns how many leaves were taken.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Which leaf is not a true seal, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// Leaves were given out of order.
    #[error("leaf {found} was read where leaf {expected} comes next")]
    Order {
        /// Index that comes next.
        expected: u64,
        /// Index that was given.
        found: u64,
    },
    /// There are leaves that no seal counts.
    #[error("leaf {index} seals {environment} but leaves out the leaves from {from} to {until}")]
    Gap {
        /// Index of the seal.
        index: u64,
        /// Name of the environment.
        environment: String,
        /// First leaf that no seal counts.
        from: u64,
        /// First leaf that this seal counts.
        until: u64,
    },
    /// There are leaves that two seals count.
    #[error("leaf {index} seals {environment} and counts the leaves from {from} to {until} again")]
    Overlap {
        /// Index of the seal.
        index: u64,
        /// Name of the environment.
        environment: String,
        /// First leaf that is counted again.
        from: u64,
        /// First leaf that was not counted yet.
        until: u64,
    },
    /// A seal counts no leaves, itself or later ones.
    #[error("leaf {index} seals {environment} from leaf {from} to {to}, which it cannot")]
    Range {
        /// Index of the seal.
        index: u64,
        /// Name of the environment.
        environment: String,
        /// First leaf that it claims to count.
        from: u64,
        /// First leaf after those.
        to: u64,
    },
    /// A seal says something else than the leaves.
    #[error(
        "leaf {index} seals {} events of {} where there are {}, or other ones",
        sealed.events(), sealed.environment, counted.events()
    )]
    Miscounted {
        /// Index of the seal.
        index: u64,
        /// What the leaves say.
        counted: Box<PopulationSeal>,
        /// What the seal says.
        sealed: Box<PopulationSeal>,
    },
}

#[cfg(test)]
mod tests;
