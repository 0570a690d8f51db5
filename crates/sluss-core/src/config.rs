//! What an organisation has and asks: products, services, people's roles and policy, as activated
//! from the platform repository.
//!
//! Plain data, recorded whole in the event that proposes it. People are references; their names
//! stay in the directory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, PersonRef, ProductName, ServiceName, TeamName, TemplateRef};
use crate::pipeline::{EnvironmentKind, GateKind, Replacement, RolloutPlan, Stage};

/// When a release, or a change of policy or template, asks for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FourEyes {
    /// Never: a lone developer delivers by themselves.
    Never,
    /// For the first release of a service into an environment, and for changes of the platform
    /// repository; later releases go by themselves.
    FirstRelease,
    /// For each release and each change of the platform repository.
    Always,
}

/// What every service goes through on its way to its last lasting environment, where its customers
/// are, whatever its own file and its template leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// The gate [`GateKind::Tests`].
    Tests,
    /// A release that follows another is judged by live traffic, share by share.
    Verdict,
}

impl Demand {
    /// All of them: what is asked where nothing says what is.
    pub const ALL: [Self; 2] = [Self::Tests, Self::Verdict];
}

/// Returns the last stage of a pipeline as it is delivered under `demands`: nothing can be left out
/// that they ask for, nor the gates that obey policy and calendar.
#[must_use]
pub fn under(mut stage: Stage, demands: &BTreeSet<Demand>) -> Stage {
    if stage.kind == EnvironmentKind::Ephemeral {
        return stage;
    }
    let tests = demands.contains(&Demand::Tests).then_some(GateKind::Tests);
    for gate in tests.into_iter().chain([GateKind::FourEyes, GateKind::Freeze]) {
        if !stage.gates.contains(&gate) {
            stage.gates.push(gate);
        }
    }
    if demands.contains(&Demand::Verdict) && stage.replacement == Replacement::AtOnce {
        stage.replacement = Replacement::Progressive(RolloutPlan::default());
    }
    stage
}

/// What customers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name for people.
    pub title: String,
    /// The team that answers for it.
    pub owner: TeamName,
}

/// What an organisation has and asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name for people.
    pub name: String,
    /// When a second person is asked.
    pub four_eyes: FourEyes,
    /// What no service's own file can leave out.
    pub require: BTreeSet<Demand>,
    /// Whether a first push may register a service that is not listed.
    pub open_registration: bool,
    /// Its products.
    pub products: BTreeMap<ProductName, Product>,
    /// Its services, and the product that each belongs to.
    pub services: BTreeMap<ServiceName, ProductName>,
    /// Who may push, promote, freeze and roll back.
    pub developers: BTreeSet<PersonRef>,
    /// Who may be the second person.
    pub approvers: BTreeSet<PersonRef>,
    /// The golden templates, and the digest of each one's exact text.
    pub templates: BTreeMap<TemplateRef, Digest>,
}

impl Organisation {
    /// Returns the digest of what decides who and what may pass; a granted approval is bound to it.
    pub fn policy_digest(&self) -> Digest {
        let text = serde_json::to_vec(&(&self.four_eyes, &self.approvers, &self.require));
        Digest::of(&text.expect("BUG: plain data has a JSON form"))
    }
}
