//! A pipeline: the parsed, complete definition of what happens to a change, made from a golden
//! template and a service's own file.
//!
//! It is plain data and is recorded whole in the event that queues a run, so that a run means the
//! same for ever. Reading it from files is the engine's business.
//!
//! # Invariants
//!
//! - [`Pipeline::new`] is the only way to make one: step names are unique, `needs` name existing
//!   steps and have no cycle, and `steps` are in an order in which each comes after its needs.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::Not;

use serde::{Deserialize, Serialize};

use crate::budget::ErrorBudget;
use crate::contracts::Contracts;
use crate::ids::{ArtifactName, Digest, EnvironmentName, ServiceName, StepName, TemplateRef};
use crate::objectives::Objectives;
use crate::target::{Limits, Readiness, Traffic};
use crate::units::Share;

/// What a step may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Brings dependencies into the cache: has the network, and runs no code of the project.
    Fetch,
    /// Runs code of the project: has no network.
    Run,
    /// Runs against a deployed release in a test environment: reaches this machine's loopback.
    Acceptance,
}

/// When a step runs at all; an empty list means always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Branches as globs, where `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    /// Paths as globs, of which the change must touch one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// What kind of report a step writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Test results as JUnit XML.
    Junit,
    /// Findings of a scanner as SARIF 2.1.0.
    Sarif,
    /// Measurements of the release and the live one, by turns.
    Performance {
        /// How much slower the release may be, in parts per million.
        tolerance_ppm: u32,
    },
}

/// A report that a step writes, relative to the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Its kind.
    pub kind: ReportKind,
    /// Where the step writes it.
    pub path: String,
}

/// A file or folder that a step leaves for the package, relative to the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The artifact that it becomes part of.
    pub artifact: ArtifactName,
    /// Where it is; a folder is taken whole.
    pub path: String,
    /// Its path inside the artifact.
    pub name: String,
}

/// A node of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name.
    pub name: StepName,
    /// What it may reach.
    pub kind: StepKind,
    /// The program and its arguments; a line of shell is `["sh", "-euc", line]`.
    pub command: Vec<String>,
    /// Steps that must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<StepName>,
    /// Seconds after which an attempt is ended and has failed.
    pub timeout_seconds: u32,
    /// How many more attempts follow a failed one.
    #[serde(default)]
    pub retries: u8,
    /// When it runs at all.
    #[serde(default)]
    pub when: Condition,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Names of secrets that it is given as environment variables, masked in its log.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// Reports that it writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// What it leaves for the package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// How the packaged service is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The artifact that is started.
    pub artifact: ArtifactName,
    /// The program, relative to the artifact, or found on the path, and its arguments.
    pub command: Vec<String>,
    /// The port that customers call in a lasting environment.
    pub port: u16,
    /// How many instances run.
    pub instances: u16,
    /// When an instance may get traffic.
    pub readiness: Readiness,
    /// Seconds that requests in flight get to end.
    pub drain_seconds: u32,
    /// What an instance may use.
    #[serde(default)]
    pub limits: Limits,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Names of secrets that every instance is handed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// How its requests are told apart.
    #[serde(default, skip_serializing_if = "Traffic::is_plain")]
    pub traffic: Traffic,
    /// How many requests may be in flight at once; without it the target has its own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_in_flight: Option<NonZeroU32>,
}

/// A condition that a deployment must clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The run succeeded, and it reported test results of which none failed.
    Tests,
    /// How its release was built is signed, and in the log.
    Provenance,
    /// What its release is made of is listed, signed, and in the log.
    Sbom,
    /// A scanner looked at its release, and no critical finding is open.
    Findings,
    /// It was measured beside the live release, and is not slower than it may be.
    Performance,
    /// Customers' requests failed less often than the service promised.
    ErrorBudget,
    /// What it needs of other services is live, and what others need of it stays.
    Dependencies,
    /// The organisation's policies allow it.
    Policy,
    /// The people agreed whom policy or rules ask for.
    FourEyes,
    /// No freeze covers the environment.
    Freeze,
}

/// How a candidate takes over the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutPlan {
    /// The candidate's shares, growing; the last is all of it.
    pub shares: Vec<Share>,
    /// The greatest probability of taking back a harmless release, in parts per million.
    pub alpha_ppm: u32,
    /// How much higher the candidate's error rate may be, in parts per million of requests.
    pub tolerance_ppm: u32,
    /// The greatest probability of promoting a release at the tolerance, in parts per million.
    pub promotion_alpha_ppm: u32,
    /// How many times as bad its latency may be, in thousandths; zero leaves that unjudged.
    #[serde(default)]
    pub latency_permille: u32,
    /// How many more of its requests may be slower than the incumbent's 99th percentile before it
    /// grows, in parts per million of requests; zero leaves that unproved.
    #[serde(default)]
    pub slow_tolerance_ppm: u32,
    /// Whether the service declares that its requests are routed, and fail, independently of one
    /// another: no retries that count, no sticky callers.
    #[serde(default)]
    pub independent: bool,
    /// Seconds of evidence per block.
    pub block_seconds: u32,
    /// Whether evidence is read in rows of a quarter of a second instead of one, and a block may
    /// end with every other; `block_seconds` counts for nothing then. Only for services whose units
    /// are counted once: what depends on one another must lie within a block.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub quarters: bool,
    /// Seconds after which an undecided leg is held and a person is called.
    pub deadline_seconds: u32,
    /// Seconds without any data after which the candidate is taken back.
    pub silence_seconds: u32,
    /// What is asked of a first release, which has no incumbent.
    #[serde(default, skip_serializing_if = "Objectives::is_usual")]
    pub objectives: Objectives,
}

impl Default for RolloutPlan {
    fn default() -> Self {
        let all = Share::ALL.basis_points();
        Self {
            shares: [all / 10, all / 2, all]
                .into_iter()
                .filter_map(|s| Share::from_basis_points(s).ok())
                .collect(),
            alpha_ppm: 10_000,
            tolerance_ppm: 10_000,
            promotion_alpha_ppm: 50_000,
            latency_permille: 3_000,
            slow_tolerance_ppm: 30_000,
            independent: false,
            block_seconds: 1,
            quarters: false,
            deadline_seconds: 900,
            silence_seconds: 60,
            objectives: Objectives::default(),
        }
    }
}

/// How a release replaces the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum Replacement {
    /// Judged by live traffic, share by share.
    Progressive(RolloutPlan),
    /// All traffic as soon as it is ready: for places without customers.
    AtOnce,
}

/// What a stage delivers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentKind {
    /// Set up for one deployment and removed after its acceptance steps.
    Ephemeral,
    /// Stays.
    Lasting,
}

/// One environment on the way to customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The environment; for an ephemeral one, the stem of its name.
    pub environment: EnvironmentName,
    /// Whether it stays.
    pub kind: EnvironmentKind,
    /// What must be cleared.
    pub gates: Vec<GateKind>,
    /// How the release takes over.
    pub replacement: Replacement,
    /// Steps that run against it before anything is promoted further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<Step>,
    /// Whether a person must ask for this stage; otherwise the release moves here by itself.
    #[serde(default)]
    pub by_hand: bool,
}

/// What is delivered, complete: steps, packages, start and stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Whose.
    pub service: ServiceName,
    /// The template that it was made from.
    pub template: TemplateRef,
    /// The digest of the template's exact text.
    pub template_digest: Digest,
    steps: Vec<Step>,
    /// How the service is started; without it nothing is deployed.
    pub start: Option<Start>,
    /// The environments in order.
    pub deliver: Vec<Stage>,
    /// Whether nothing may be put back in its place by itself: it changes what the release before
    /// it rests on, such as the form of its data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_only: bool,
    /// What it promises of its live traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<ErrorBudget>,
    /// What it provides to other services, and needs of them.
    #[serde(default, skip_serializing_if = "Contracts::is_empty")]
    pub contracts: Contracts,
    /// What a first release must keep to where only the organisation asks for a rollout that is
    /// judged; other stages have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<Objectives>,
}

/// Why steps do not form a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPipeline {
    /// Two steps have one name.
    #[error("two steps are called `{0}`")]
    Twice(StepName),
    /// A step needs one that does not exist.
    #[error("step `{step}` needs `{missing}`, which does not exist")]
    Missing {
        /// The step that needs it.
        step: StepName,
        /// What it needs.
        missing: StepName,
    },
    /// Steps need each other in a circle.
    #[error("steps need each other in a circle: {}", circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))]
    Circle {
        /// The circle, ending where it began.
        circle: Vec<StepName>,
    },
    /// The shares of a rollout do not grow to all of the traffic.
    #[error("the shares of `{0}` must grow and end at 100 %")]
    Shares(EnvironmentName),
    /// Something is delivered but nothing says how it is started.
    #[error("`deliver` is given, but nothing says how the service is started")]
    NoStart,
}

impl Pipeline {
    /// Checks that `steps` form a graph without a circle and puts them in order.
    pub fn new(
        (service, template, template_digest): (ServiceName, TemplateRef, Digest),
        steps: Vec<Step>,
        start: Option<Start>,
        deliver: Vec<Stage>,
    ) -> Result<Self, NotAPipeline> {
        if start.is_none() && !deliver.is_empty() {
            return Err(NotAPipeline::NoStart);
        }
        for stage in &deliver {
            in_order(stage.acceptance.clone())?;
            if let Replacement::Progressive(plan) = &stage.replacement {
                let grows = plan.shares.windows(2).all(|pair| pair[0] < pair[1]);
                if !grows
                    || plan.shares.last() != Some(&Share::ALL)
                    || plan.shares[0] == Share::NONE
                {
                    return Err(NotAPipeline::Shares(stage.environment.clone()));
                }
            }
        }
        let steps = in_order(steps)?;
        let (forward_only, error_budget, contracts) = (false, None, Contracts::default());
        Ok(Self {
            service,
            template,
            template_digest,
            steps,
            start,
            deliver,
            forward_only,
            error_budget,
            contracts,
            objectives: None,
        })
    }

    /// Returns the pipeline with its mark of what cannot be put back.
    #[must_use]
    pub fn with_forward_only(self, forward_only: bool) -> Self {
        Self { forward_only, ..self }
    }

    /// Returns the pipeline with what it promises of its live traffic.
    #[must_use]
    pub fn with_error_budget(self, error_budget: Option<ErrorBudget>) -> Self {
        Self { error_budget, ..self }
    }

    /// Returns the pipeline with what its service provides to others and needs of them.
    #[must_use]
    pub fn with_contracts(self, contracts: Contracts) -> Self {
        Self { contracts, ..self }
    }

    /// Returns the pipeline with what first releases must keep to where only the organisation asks
    /// for a rollout that is judged.
    #[must_use]
    pub fn with_objectives(self, objectives: Option<Objectives>) -> Self {
        Self { objectives, ..self }
    }

    /// Returns the steps, each after those that it needs.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the last stage that stays, where customers are.
    pub fn last_lasting(&self) -> Option<&Stage> {
        self.deliver.iter().rfind(|stage| stage.kind == EnvironmentKind::Lasting)
    }

    /// Returns the digest of what a release is configured with: everything but the steps that
    /// built it.
    pub fn configuration_digest(&self) -> Digest {
        let known = (&self.start, &self.deliver, self.forward_only);
        // What came later is left away where it says nothing, so that digests stay as they were.
        let of = &self.contracts;
        let text = match (self.error_budget, of.is_empty(), self.objectives) {
            (None, true, None) => serde_json::to_vec(&known),
            (Some(budget), true, None) => serde_json::to_vec(&(known, budget)),
            (budget, false, None) => serde_json::to_vec(&(known, budget, of)),
            (budget, _, Some(kept)) => serde_json::to_vec(&(known, budget, of, kept)),
        };
        Digest::of(&text.expect("BUG: plain data has a JSON form"))
    }
}

/// Returns `steps` in an order in which each comes after its needs; ties keep the given order.
fn in_order(steps: Vec<Step>) -> Result<Vec<Step>, NotAPipeline> {
    let mut names = BTreeSet::new();
    for step in &steps {
        if !names.insert(step.name.clone()) {
            return Err(NotAPipeline::Twice(step.name.clone()));
        }
    }
    for step in &steps {
        if let Some(missing) = step.needs.iter().find(|need| !names.contains(need)) {
            let (step, missing) = (step.name.clone(), missing.clone());
            return Err(NotAPipeline::Missing { step, missing });
        }
    }
    let mut rest = steps;
    let mut ordered: Vec<Step> = Vec::with_capacity(rest.len());
    let mut placed = BTreeSet::new();
    while !rest.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|step| step.needs.iter().all(|need| placed.contains(need)));
        if ready.is_empty() {
            return Err(NotAPipeline::Circle { circle: circle_in(&waiting) });
        }
        placed.extend(ready.iter().map(|step| step.name.clone()));
        ordered.extend(ready);
        rest = waiting;
    }
    Ok(ordered)
}

/// Returns a circle among `steps`, each of which has a need among them.
fn circle_in(steps: &[Step]) -> Vec<StepName> {
    let next = |name: &StepName| {
        steps
            .iter()
            .find(|step| step.name == *name)
            .and_then(|step| step.needs.iter().find(|n| steps.iter().any(|s| s.name == **n)))
            .cloned()
    };
    let mut path = vec![steps[0].name.clone()];
    while let Some(name) = path.last().and_then(next) {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            path.push(name);
            return path.split_off(start);
        }
        path.push(name);
    }
    path
}
