//! What is true now: the fold of the log.
//!
//! # Invariants
//!
//! - [`State::apply`] is total: no event is refused, and the same events give the same bytes.
//! - Nothing here is known that the log does not say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::approval::{Request, Subject};
use crate::assurance::Assurance;
use crate::authenticator::Authenticator;
use crate::basis::Evidenced;
use crate::budget::Counted;
use crate::config::{Delegation, Money, Organisation};
use crate::contents::Kept;
use crate::deployment::Deployment;
use crate::disposal::Disposal;
use crate::erasure::Erasure;
use crate::event::{Artifact, Event, Push, WithdrawnReason};
use crate::evidence::{Evidence, Recorded};
use crate::exception::Exception;
use crate::findings::{FindingKey, Sighting};
use crate::hold::Hold;
use crate::ids::{
    AuthenticatorId, ChangeId, CommitId, DeploymentId, Digest, DisposalId, EnvironmentName,
    ErasureId, ExceptionId, FreezeId, HoldId, IncidentId, PersonRef, ProductName, ReleaseId, RunId,
    ServiceName, StepName, StopId,
};
use crate::incident::{Freeze, Incident};
use crate::keys::KeySpan;
use crate::materials::Materials;
use crate::observed::Observed;
use crate::pipeline::{EnvironmentKind, Pipeline, Stage, Step};
use crate::policies::PolicyVersion;
use crate::population::Population;
use crate::steps::{StepOwner, Steps};
use crate::stop::Stop;
use crate::trust::Distrust;
use crate::units::Millis;

/// A proposed configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Proposal {
    pub commit: CommitId,
    pub organisation: Organisation,
    pub contributors: BTreeSet<PersonRef>,
    pub nonce: String,
    pub at: Millis,
    /// Whether it was activated or refused, or replaced by a later one.
    pub over: bool,
    /// When it was activated.
    pub activated: Option<Millis>,
    /// Whether its policies would have let more of the past pass than those in force, once the past
    /// was decided again.
    #[serde(default)]
    pub lets_more_pass: Option<bool>,
    /// The digest of the report on that.
    #[serde(default)]
    pub report: Option<Digest>,
    /// How many decisions of the past were made again for it.
    #[serde(default)]
    pub checked: Option<u64>,
    /// The position of the approval that came last.
    #[serde(default)]
    pub approved_leaf: Option<u64>,
    /// Whether its calendar leaves times open that the one in force shuts, once they were compared.
    #[serde(default)]
    pub opens_more: Option<bool>,
    /// Whether it asked less than the one before it when it was activated.
    #[serde(default)]
    pub asked_less: bool,
}

/// One environment of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// What has all traffic, but for a rollout's share.
    pub live: Option<DeploymentId>,
    /// What was live before, and runs without traffic so that going back takes no start.
    pub standby: Option<DeploymentId>,
    /// What is taking over.
    pub rolling: Option<DeploymentId>,
    /// The position of the last event that changed any of these.
    pub generation: u64,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The product that it was registered for; [`State::product_of`] says which it belongs to.
    product: ProductName,
    /// Where it is, or was, or is about to be.
    pub places: BTreeMap<EnvironmentName, Place>,
    /// What scanners found in it, ever.
    #[serde(default)]
    pub findings: BTreeMap<FindingKey, Sighting>,
    /// Changes of the branch that is delivered, oldest first.
    pub trunk: Vec<ChangeId>,
}

impl Service {
    /// Returns a service that was just registered for `product`.
    pub(crate) fn registered(product: ProductName) -> Self {
        let (places, findings) = Default::default();
        Self { product, places, findings, trunk: Vec::new() }
    }
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ChangePhase {
    /// Its push is under way.
    Announced,
    /// It is on a branch that is not delivered.
    Proposed,
    /// It is on the branch that is delivered.
    Merged,
    /// It became part of a later change.
    MergedInto {
        /// Which.
        into: ChangeId,
    },
    /// Customers have it.
    Delivered {
        /// Since when.
        at: Millis,
        /// By which deployment.
        deployment: DeploymentId,
    },
    /// It ended otherwise.
    Withdrawn {
        /// Why.
        why: WithdrawnReason,
    },
}

/// What someone wants in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of which service.
    pub service: ServiceName,
    /// What it is made of.
    pub push: Push,
    /// When it was pushed.
    pub at: Millis,
    /// Where it stands.
    pub phase: ChangePhase,
    /// Its run.
    pub run: Option<RunId>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// All its steps succeeded or were left out.
    Succeeded,
    /// One did not.
    Failed,
    /// Somebody asked for its end.
    Cancelled,
}

/// One execution of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// For which change.
    pub change: ChangeId,
    /// When it was queued.
    pub queued: Millis,
    /// When its first step began.
    pub started: Option<Millis>,
    /// When and how it ended.
    pub ended: Option<(Millis, RunEnd)>,
    /// Its steps.
    pub steps: Steps,
    /// What came of it.
    pub release: Option<ReleaseId>,
    /// Why nothing came of it although it succeeded: a private text.
    pub not_packed: Option<Digest>,
}

/// An immutable set of artifacts and configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Release {
    pub service: ServiceName,
    pub change: ChangeId,
    pub run: RunId,
    pub artifacts: Vec<Artifact>,
    pub configuration: Digest,
    pub created: Millis,
    /// Since when it must not be promoted.
    pub barred: Option<Millis>,
    /// Who let it go again after it was taken back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unbarred_by: BTreeSet<PersonRef>,
    pub deployments: Vec<DeploymentId>,
    /// The envelope of its provenance, once that is signed and in the log.
    pub provenance: Option<Digest>,
    /// What it is made of, once that is recorded.
    #[serde(default)]
    pub materials: Option<Materials>,
    /// The envelope of its bill of materials, once that is signed and in the log.
    #[serde(default)]
    pub sbom: Option<Digest>,
    /// How often it was sealed.
    pub seals: u64,
}

/// What may still go on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Open {
    pub changes: BTreeSet<ChangeId>,
    pub runs: BTreeSet<RunId>,
    pub releases: BTreeSet<ReleaseId>,
    pub deployments: BTreeSet<DeploymentId>,
    pub incidents: BTreeSet<IncidentId>,
    /// Incidents that are to be classified, or of which the authority is to be told.
    #[serde(default)]
    pub reports: BTreeSet<IncidentId>,
}

/// What is true now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct State {
    /// How many events were folded: the position of the next one.
    pub size: u64,
    /// The time of the last event.
    pub time: Millis,
    pub origin: String,
    pub demo: bool,
    /// Whether the clock can't be trusted.
    pub gap: bool,
    /// Whether a witness knows another history of the log than this one.
    pub distrusted: Option<Distrust>,
    /// What two people took the log as the right one against: the size that a witness cosigned.
    pub forgiven: BTreeMap<String, u64>,
    /// Witnesses that are too far behind, since when.
    pub lagging: BTreeMap<String, Millis>,
    /// The keys that were handed over, oldest first.
    pub keys: Vec<KeySpan>,
    /// Environments whose deployments are counted.
    pub populations: BTreeMap<EnvironmentName, Population>,
    /// What really runs, as last seen.
    pub observed: BTreeMap<ServiceName, BTreeMap<EnvironmentName, Observed>>,
    /// What was counted of customers' requests.
    #[serde(default)]
    pub traffic: BTreeMap<ServiceName, BTreeMap<EnvironmentName, Counted>>,
    /// The number of the next event of each stream.
    pub heads: BTreeMap<String, u64>,
    pub organisation: Option<Organisation>,
    /// The leaf that put it in force.
    #[serde(default)]
    pub in_force: Option<u64>,
    /// The policies in force, and how they came to be.
    #[serde(default)]
    pub policy_version: Option<PolicyVersion>,
    pub proposals: BTreeMap<u64, Proposal>,
    pub services: BTreeMap<ServiceName, Service>,
    pub changes: BTreeMap<ChangeId, Change>,
    pub runs: BTreeMap<RunId, Run>,
    pub releases: BTreeMap<ReleaseId, Release>,
    pub deployments: BTreeMap<DeploymentId, Deployment>,
    pub requests: BTreeMap<Subject, Request>,
    pub incidents: BTreeMap<IncidentId, Incident>,
    pub freezes: BTreeMap<FreezeId, Freeze>,
    #[serde(default)]
    pub stops: BTreeMap<StopId, Stop>,
    /// What events name and is kept outside of the log.
    pub contents: BTreeMap<Digest, Kept>,
    pub holds: BTreeMap<HoldId, Hold>,
    pub disposals: BTreeMap<DisposalId, Disposal>,
    pub erasures: BTreeMap<ErasureId, Erasure>,
    pub exceptions: BTreeMap<ExceptionId, Exception>,
    pub delegations: Vec<Delegation>,
    /// Who contributors are whom no organisation names: those who are said to be them, and those
    /// who said so.
    #[serde(default)]
    pub identified: BTreeMap<PersonRef, BTreeSet<PersonRef>>,
    /// What people looked at, rehearsed and accepted.
    #[serde(default)]
    pub assurance: Assurance,
    #[serde(default)]
    pub authenticators: BTreeMap<AuthenticatorId, Authenticator>,
    /// The leaf of each person's last sign-in.
    #[serde(default)]
    pub sign_ins: BTreeMap<PersonRef, u64>,
    pub open: Open,
    /// What is to be signed, by the position of the event that says it.
    pub unattested: BTreeMap<u64, Evidence>,
    /// What was signed, by the stream of what it is about.
    pub attested: BTreeMap<String, Vec<Recorded>>,
    /// The evidence that each stream has.
    pub pieces: BTreeMap<String, Evidenced>,
    /// Releases of which something happened that is not sealed.
    pub unsealed: BTreeSet<ReleaseId>,
}

impl State {
    /// Folds the event at the log's end.
    pub fn apply(&mut self, time: Millis, event: &Event) {
        let position = self.size;
        crate::silence::note(self, time);
        self.size += 1;
        self.time = time;
        *self.heads.entry(event.stream().to_string()).or_insert(0) += 1;
        crate::apply::apply(self, position, time, event);
    }

    /// Returns the number of the next event of `stream`.
    pub fn head(&self, stream: &str) -> u64 {
        self.heads.get(stream).copied().unwrap_or(0)
    }

    /// Returns the place of `service` in `environment`.
    pub fn place(&self, service: &ServiceName, environment: &EnvironmentName) -> Option<&Place> {
        self.services.get(service)?.places.get(environment)
    }

    /// Returns the product that `service` belongs to: by the organisation in force, and where that
    /// says nothing, the one that it was registered for.
    pub fn product_of(&self, service: &ServiceName) -> Option<&ProductName> {
        self.product_by(self.organisation.as_ref(), service)
    }

    /// Returns the product that `service` belongs to where this organisation is in force.
    pub(crate) fn product_by<'a>(
        &'a self,
        organisation: Option<&'a Organisation>,
        service: &ServiceName,
    ) -> Option<&'a ProductName> {
        let listed = organisation.and_then(|known| known.services.get(service));
        listed.or_else(|| self.services.get(service).map(|known| &known.product))
    }

    /// Returns every product that a registered service belongs to.
    pub fn products(&self) -> BTreeSet<&ProductName> {
        self.services.keys().filter_map(|service| self.product_of(service)).collect()
    }

    /// Returns what one failed request to `service` costs, where its product says so.
    pub fn failure_cost(&self, service: &ServiceName) -> Option<&Money> {
        let product = self.product_of(service)?;
        self.organisation.as_ref()?.products.get(product)?.failure_cost.as_ref()
    }

    /// Returns the change that `release` was made of.
    pub fn change_of(&self, release: ReleaseId) -> Option<&Change> {
        self.changes.get(&self.releases.get(&release)?.change)
    }

    /// Returns whether nothing may be put back in the place of `release` by itself, since it
    /// changes what the release before it rests on.
    pub fn is_forward_only(&self, release: ReleaseId) -> bool {
        self.pipeline_of(release).is_some_and(|pipeline| pipeline.forward_only)
    }

    /// Returns the pipeline that `release` was made by.
    pub fn pipeline_of(&self, release: ReleaseId) -> Option<&Pipeline> {
        Some(&self.change_of(release)?.push.pipeline)
    }

    /// Returns the first freeze that covers `service` in `environment` at `now`.
    pub fn freeze_over(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        now: Millis,
    ) -> Option<(FreezeId, &Freeze)> {
        let covering =
            |(_, freeze): &(&FreezeId, &Freeze)| freeze.covers(service, environment, now);
        self.freezes.iter().find(covering).map(|(id, freeze)| (*id, freeze))
    }

    /// Returns until when an approval counts that was given to `request`.
    pub fn approval_ends(&self, request: &Request) -> Option<Millis> {
        request.ends(self.approval_days())
    }

    /// Returns for how many days an approval counts.
    pub(crate) fn approval_days(&self) -> u32 {
        let known = self.organisation.as_ref();
        known.map_or(Organisation::APPROVAL_DAYS, |known| known.approval_days)
    }

    /// Returns the steps that `owner` consists of, as defined.
    pub fn definitions(&self, owner: StepOwner) -> &[Step] {
        match owner {
            StepOwner::Run(run) => self
                .runs
                .get(&run)
                .and_then(|run| self.changes.get(&run.change))
                .map_or(&[], |change| change.push.pipeline.steps()),
            StepOwner::Deployment(deployment) => {
                self.deployments.get(&deployment).map_or(&[], |d| &d.stage.acceptance)
            }
        }
    }

    /// Returns one step of `owner`, as defined.
    pub fn step(&self, owner: StepOwner, name: &StepName) -> Option<&Step> {
        self.definitions(owner).iter().find(|step| step.name == *name)
    }

    /// Returns where the steps of `owner` stand.
    pub fn steps(&self, owner: StepOwner) -> Option<&Steps> {
        match owner {
            StepOwner::Run(run) => Some(&self.runs.get(&run)?.steps),
            StepOwner::Deployment(id) => Some(&self.deployments.get(&id)?.acceptance),
        }
    }

    /// Returns the commit of the platform repository whose content decides now: the one that came
    /// into force last.
    pub fn active_commit(&self) -> Option<CommitId> {
        let active =
            self.proposals.iter().filter_map(|(id, one)| Some(((one.activated?, *id), one)));
        active.max_by_key(|(came, _)| *came).map(|(_, proposal)| proposal.commit.clone())
    }

    /// Returns whether customers are where `release` goes by its stage `index`: in each lasting
    /// environment of which the organisation does not say otherwise, and always in the last one and
    /// where a rule of who must agree names the environment.
    pub fn has_customers(&self, release: ReleaseId, index: usize) -> bool {
        let stages = self.pipeline_of(release).map_or(&[][..], |pipeline| &pipeline.deliver);
        let last = stages.iter().rposition(|stage| stage.kind == EnvironmentKind::Lasting);
        let service = self.releases.get(&release).map(|release| &release.service);
        let without = |stage: &Stage| {
            let (known, service) = (self.organisation.as_ref(), service);
            known.zip(service).is_some_and(|(known, service)| {
                known.without_customers.contains(&stage.environment)
                    && !known.is_named(service, &stage.environment)
            })
        };
        stages.get(index).is_some_and(|stage| {
            stage.kind == EnvironmentKind::Lasting && (last == Some(index) || !without(stage))
        })
    }

    /// Returns the number that the next proposed configuration gets.
    pub fn next_proposal(&self) -> u64 {
        self.proposals.keys().next_back().map_or(1, |last| last + 1)
    }

    /// Returns the lasting environments in the order in which releases of `service` pass them, by
    /// its newest delivered or merged change.
    pub fn lasting_environments(&self, service: &ServiceName) -> Vec<EnvironmentName> {
        let newest = self.services.get(service).and_then(|s| s.trunk.last());
        let stages = newest.and_then(|id| self.changes.get(id)).map(|c| &c.push.pipeline.deliver);
        stages
            .into_iter()
            .flatten()
            .filter(|stage| stage.kind == EnvironmentKind::Lasting)
            .map(|stage| stage.environment.clone())
            .collect()
    }
}

macro_rules! next_id {
    ($($method:ident -> $id:ident in $map:ident, $what:literal);+ $(;)?) => {
        impl State {$(
            #[doc = concat!("Returns the id that the next ", $what, " gets.")]
            pub fn $method(&self) -> $id {
                $id(self.$map.keys().next_back().map_or(1, |last| last.0 + 1))
            }
        )+}
    };
}

next_id!(
    next_change -> ChangeId in changes, "change";
    next_run -> RunId in runs, "run";
    next_release -> ReleaseId in releases, "release";
    next_deployment -> DeploymentId in deployments, "deployment";
    next_incident -> IncidentId in incidents, "incident";
    next_freeze -> FreezeId in freezes, "freeze";
    next_exception -> ExceptionId in exceptions, "exception";
    next_authenticator -> AuthenticatorId in authenticators, "key";
    next_stop -> StopId in stops, "stop of the line";
    next_hold -> HoldId in holds, "legal hold";
    next_disposal -> DisposalId in disposals, "disposal";
    next_erasure -> ErasureId in erasures, "erasure";
);
