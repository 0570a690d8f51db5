//! Changes, runs, releases and deployments, as the ledger knows them: what each deployment to
//! customers had when it was begun, and what came of it.

mod marks;

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::approval::Subject;
use sluss_core::decide::has_customers;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::{
    ChangeId, CommitId, DeploymentId, EnvironmentName, ExceptionId, PersonRef, ReleaseId, RunId,
    ServiceName, StepName,
};
use sluss_core::materials::Materials;
use sluss_core::pipeline::GateKind;
use sluss_core::population::PopulationSealed;
use sluss_core::rollout::Verdict;
use sluss_core::steps::{Isolation, StepOutcome, StepOwner};
use sluss_core::units::Millis;

use self::marks::{of_change, of_gates, of_release};
use super::fact::Fact;
use super::ledger::{Item, Items};
use super::mark::{Kind, Mark};
use super::reviews::Reviews;

#[derive(Debug, Clone)]
pub(super) struct Change {
    service: ServiceName,
    contributors: BTreeSet<PersonRef>,
    commit: CommitId,
    trunk: bool,
    received: Option<u64>,
    work_item: Option<u64>,
    forward_only: bool,
    /// Which of its stages have customers.
    customers: Vec<bool>,
}

/// What a step came to in its last attempt.
#[derive(Debug, Clone, Copy)]
struct Step {
    leaf: u64,
    /// Whether its tests passed, where it reported any.
    tests: Option<bool>,
    isolated: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Release {
    change: Option<ChangeId>,
    steps: BTreeMap<(StepOwner, StepName), Step>,
    has: BTreeMap<Mark, u64>,
    deployments: Vec<DeploymentId>,
}

#[derive(Debug, Clone)]
pub(super) struct Deployment {
    release: ReleaseId,
    environment: EnvironmentName,
    customers: bool,
    /// What each gate said last, and in which entry.
    gates: BTreeMap<GateKind, (u64, GateOutcome)>,
    /// Who agreed, in which entry, and whether their key signed it.
    agreed: Vec<(PersonRef, u64, bool)>,
    /// Where its item stands, once it was begun.
    item: Option<usize>,
}

/// Who agreed to an exception in advance.
#[derive(Debug, Clone, Default)]
struct Advance(BTreeSet<PersonRef>);

#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    changes: BTreeMap<ChangeId, Change>,
    trunks: BTreeMap<ServiceName, Vec<ChangeId>>,
    runs: BTreeMap<RunId, (ChangeId, Option<ReleaseId>)>,
    /// What steps of runs did that made no release so far.
    early: BTreeMap<RunId, Release>,
    releases: BTreeMap<ReleaseId, Release>,
    deployments: BTreeMap<DeploymentId, Deployment>,
    /// Deployments to customers in the order in which they were begun, and where.
    begun: Vec<(u64, DeploymentId)>,
    live: BTreeMap<(ServiceName, EnvironmentName), ChangeId>,
    reviews: Reviews,
    /// Where the items of significant changes stand.
    significant: BTreeMap<ChangeId, usize>,
    advances: BTreeMap<ExceptionId, Advance>,
    seals: BTreeMap<EnvironmentName, u64>,
}

impl Deliveries {
    /// Takes an event, and returns what it makes of it that is counted.
    pub(super) fn take(
        &mut self,
        items: &mut Items,
        leaf: u64,
        at: Millis,
        event: &Event,
    ) -> Option<Fact> {
        match event {
            Event::ChangePushed { .. }
            | Event::ChangeReceived { .. }
            | Event::ChangeMerged { .. } => self.take_change(items, leaf, at, event),
            Event::ChangeSignificant(of) => {
                let item = Item::new(of.change.to_string(), leaf, at);
                self.significant.insert(of.change, items.add(Kind::Significant, item));
            }
            Event::ChangeConfirmed(of) => {
                if let Some(place) = self.significant.get(&of.change) {
                    items.mark(*place, Mark::Confirmed, leaf);
                }
            }
            Event::ReleaseCleanCheck(of) if of.passed => {
                self.mark_release(items, of.release, Mark::Cleaned, leaf);
            }
            Event::ReleaseCleanCheck(of) => {
                let known = self.releases.get_mut(&of.release);
                known.map(|known| known.has.remove(&Mark::Cleaned));
            }
            Event::ChangeReviewed(of) => self.reviews.take(leaf, of),
            Event::AgentRun(of) => {
                if let Some(known) = self.changes.get_mut(&of.change) {
                    known.contributors.insert(of.acts_for.clone());
                }
            }
            Event::RunQueued { run, change } => {
                self.runs.insert(*run, (*change, None));
            }
            Event::StepFinished { .. }
            | Event::FindingsRecorded { .. }
            | Event::ReleaseCreated { .. }
            | Event::SbomRecorded { .. }
            | Event::AttestationRecorded { .. } => self.take_release(items, leaf, event),
            Event::ExceptionGranted { exception, by, .. } => {
                self.advances.entry(*exception).or_default().0.insert(by.clone());
            }
            Event::PopulationSealed(sealed) => return self.seal(items, leaf, sealed),
            Event::ReleaseSealed { release, .. } => {
                self.mark_begun(items, *release, Mark::Sealed, leaf);
            }
            Event::DeploymentStarted { deployment } => self.begin(items, leaf, at, *deployment),
            Event::EnvironmentObserved { service, environment, running } => {
                for one in running {
                    self.observe(items, leaf, (service, environment), one.release);
                }
            }
            _of_a_deployment => self.take_deployment(items, leaf, event),
        }
        None
    }

    fn take_change(&mut self, items: &mut Items, leaf: u64, at: Millis, event: &Event) {
        match event {
            Event::ChangePushed { change, service, push } => {
                let stages = push.pipeline.deliver.iter();
                let known = Change {
                    service: service.clone(),
                    contributors: push.contributors.clone(),
                    commit: push.commit.clone(),
                    trunk: push.trunk,
                    received: None,
                    work_item: (!push.work_items.is_empty()).then_some(leaf),
                    forward_only: push.pipeline.forward_only,
                    customers: stages.map(|stage| has_customers(stage.kind)).collect(),
                };
                self.changes.insert(*change, known);
            }
            Event::ChangeReceived { change } => {
                let Some(known) = self.changes.get_mut(change) else { return };
                known.received = Some(leaf);
                if !known.trunk {
                    return;
                }
                self.trunks.entry(known.service.clone()).or_default().push(*change);
                let mut item = Item::new(change.to_string(), leaf, at);
                if let Some(named) = known.work_item {
                    item.mark(Mark::WorkItem, named);
                }
                items.add(Kind::Change, item);
            }
            Event::ChangeMerged { change, into } => {
                self.reviews.merge(*change, *into);
                let part = self.changes.get(change).map(|part| part.contributors.clone());
                if let (Some(part), Some(whole)) = (part, self.changes.get_mut(into)) {
                    whole.contributors.extend(part);
                }
            }
            _no_change => {}
        }
    }

    /// Returns the release that a step is of: one that is known, or what its run did so far.
    fn release_of(&mut self, owner: StepOwner) -> Option<(Option<ReleaseId>, &mut Release)> {
        match owner {
            StepOwner::Deployment(id) => {
                let release = self.deployments.get(&id)?.release;
                Some((Some(release), self.releases.get_mut(&release)?))
            }
            StepOwner::Run(run) => match self.runs.get(&run)?.1 {
                Some(release) => Some((Some(release), self.releases.get_mut(&release)?)),
                None => Some((None, self.early.entry(run).or_default())),
            },
        }
    }

    fn take_release(&mut self, items: &mut Items, leaf: u64, event: &Event) {
        let (release, mark) = match event {
            Event::StepFinished { owner, step, outcome, isolation, tests, .. } => {
                let passed = *outcome == StepOutcome::Succeeded;
                let tests = tests.map(|tests| passed && tests.failed == 0 && tests.passed > 0);
                let isolated = *isolation != Isolation::Unisolated;
                if let Some((_, release)) = self.release_of(*owner) {
                    release.steps.insert((*owner, step.clone()), Step { leaf, tests, isolated });
                }
                return;
            }
            Event::FindingsRecorded { owner, .. } => {
                return self.mark_owner(items, *owner, Mark::Scanned, leaf);
            }
            Event::AttestationRecorded { evidence: Evidence::TestResult { owner, .. }, .. } => {
                return self.mark_owner(items, *owner, Mark::TestsSigned, leaf);
            }
            Event::ReleaseCreated { release, run, artifacts, .. } => {
                let mut known = self.early.remove(run).unwrap_or_default();
                if let Some((change, made)) = self.runs.get_mut(run) {
                    known.change = Some(*change);
                    *made = Some(*release);
                }
                if !artifacts.is_empty() {
                    known.has.insert(Mark::Named, leaf);
                }
                self.releases.insert(*release, known);
                return;
            }
            Event::AttestationRecorded { evidence: Evidence::Provenance { release }, .. } => {
                (*release, Mark::Provenance)
            }
            Event::SbomRecorded { release, materials: Materials::Listed { .. } } => {
                (*release, Mark::Listed)
            }
            _says_nothing_of_a_release => return,
        };
        self.mark_release(items, release, mark, leaf);
    }

    fn mark_owner(&mut self, items: &mut Items, owner: StepOwner, mark: Mark, leaf: u64) {
        let found = self.release_of(owner).map(|(id, release)| {
            release.has.entry(mark).or_insert(leaf);
            id
        });
        if let Some(Some(release)) = found {
            self.mark_release(items, release, mark, leaf);
        }
    }

    /// Notes something of a release, and so of each of its deployments that was begun already.
    fn mark_release(&mut self, items: &mut Items, id: ReleaseId, mark: Mark, leaf: u64) {
        if let Some(release) = self.releases.get_mut(&id) {
            release.has.entry(mark).or_insert(leaf);
        }
        self.mark_begun(items, id, mark, leaf);
    }

    fn mark_begun(&self, items: &mut Items, id: ReleaseId, mark: Mark, leaf: u64) {
        let deployments = self.releases.get(&id).map(|release| &release.deployments);
        for place in deployments.into_iter().flatten().filter_map(|id| self.item(*id)) {
            items.mark(place, mark, leaf);
        }
    }

    fn item(&self, id: DeploymentId) -> Option<usize> {
        self.deployments.get(&id)?.item
    }

    fn observe(
        &self,
        items: &mut Items,
        leaf: u64,
        (service, environment): (&ServiceName, &EnvironmentName),
        release: ReleaseId,
    ) {
        let Some(known) = self.releases.get(&release) else { return };
        let change = known.change.and_then(|change| self.changes.get(&change));
        if change.is_none_or(|change| change.service != *service) {
            return;
        }
        let here = |id: &&DeploymentId| {
            self.deployments.get(id).is_some_and(|one| one.environment == *environment)
        };
        for place in known.deployments.iter().filter(here).filter_map(|id| self.item(*id)) {
            items.mark(place, Mark::Observed, leaf);
        }
    }

    fn take_deployment(&mut self, items: &mut Items, leaf: u64, event: &Event) {
        match event {
            Event::DeploymentRequested { deployment, release, stage, environment, .. } => {
                let Some(known) = self.releases.get_mut(release) else { return };
                known.deployments.push(*deployment);
                let change = known.change.and_then(|change| self.changes.get(&change));
                let requested = Deployment {
                    release: *release,
                    environment: environment.clone(),
                    // A stage that nothing is known of may have customers.
                    customers: change.is_none_or(|of| of.customers.get(*stage) != Some(&false)),
                    gates: BTreeMap::new(),
                    agreed: Vec::new(),
                    item: None,
                };
                self.deployments.insert(*deployment, requested);
            }
            Event::GateDecided { deployment, gate, outcome, .. } => {
                let known = self.deployments.get_mut(deployment).filter(|one| one.item.is_none());
                known.map(|one| one.gates.insert(*gate, (leaf, outcome.clone())));
            }
            Event::ApprovalGranted { subject: Subject::Deployment(id), by, signed, .. } => {
                let known = self.deployments.get_mut(id).filter(|one| one.item.is_none());
                if let Some(one) = known {
                    one.agreed.push((by.clone(), leaf, signed.is_some()));
                }
            }
            Event::ApprovalInvalidated { subject: Subject::Deployment(id), .. }
            | Event::ApprovalExpired { subject: Subject::Deployment(id), .. }
            | Event::ApprovalRevoked { subject: Subject::Deployment(id), .. }
            | Event::ApprovalRefused { subject: Subject::Deployment(id), .. } => {
                let known = self.deployments.get_mut(id).filter(|one| one.item.is_none());
                if let Some(one) = known {
                    one.agreed.clear();
                }
            }
            Event::RolloutStarted(started) => {
                self.mark_one(items, started.deployment, Mark::Bounded, leaf);
                if !started.approved_by.is_empty() {
                    self.mark_one(items, started.deployment, Mark::TestAgreed, leaf);
                }
            }
            Event::RolloutObserved { deployment, reading, .. } => match reading.verdict {
                Verdict::Favourable | Verdict::Unfavourable => {
                    self.mark_one(items, *deployment, Mark::Judged, leaf);
                }
                Verdict::Undecided { .. } | Verdict::NoData { .. } => {}
            },
            Event::DeploymentLive { deployment } => {
                self.mark_one(items, *deployment, Mark::Ended, leaf);
                let place = self.deployments.get(deployment).and_then(|one| {
                    let change = self.releases.get(&one.release)?.change?;
                    let service = self.changes.get(&change)?.service.clone();
                    Some(((service, one.environment.clone()), change))
                });
                self.live.extend(place);
            }
            Event::DeploymentRolledBack { deployment, .. }
            | Event::DeploymentSuperseded { deployment, .. } => {
                self.mark_one(items, *deployment, Mark::Ended, leaf);
            }
            _of_another_kind => {}
        }
    }

    fn mark_one(&self, items: &mut Items, id: DeploymentId, mark: Mark, leaf: u64) {
        if let Some(place) = self.item(id) {
            items.mark(place, mark, leaf);
        }
    }

    /// Notes which deployments a seal counts, and returns whether it begins where the one before
    /// did not end.
    fn seal(&mut self, items: &mut Items, leaf: u64, sealed: &PopulationSealed) -> Option<Fact> {
        let from = self.begun.partition_point(|(begun, _)| *begun < sealed.from_leaf);
        for (begun, id) in self.begun.iter().skip(from) {
            if *begun >= sealed.to_leaf {
                break;
            }
            let Some(known) = self.deployments.get(id) else { continue };
            if let Some(place) = known.item.filter(|_| known.environment == sealed.environment) {
                items.mark(place, Mark::Counted, leaf);
            }
        }
        let before = self.seals.insert(sealed.environment.clone(), sealed.to_leaf);
        before.is_some_and(|ended| ended != sealed.from_leaf).then_some(Fact::SealsApart)
    }

    fn begin(&mut self, items: &mut Items, leaf: u64, at: Millis, id: DeploymentId) {
        let Some(known) = self.deployments.get(&id) else { return };
        if known.item.is_some() || !known.customers {
            return;
        }
        let mut item = Item::new(id.to_string(), leaf, at);
        let release = self.releases.get(&known.release);
        let change = release.and_then(|release| self.changes.get(&release.change?));
        if let Some(change) = change {
            of_change(&mut item, change, leaf);
        }
        if let Some(release) = release {
            of_release(&mut item, release);
        }
        of_gates(&mut item, known);
        self.of_people(&mut item, known);
        self.of_reviews(&mut item, known);
        let place = items.add(Kind::Deployment, item);
        self.begun.push((leaf, id));
        if let Some(known) = self.deployments.get_mut(&id) {
            known.item = Some(place);
            // They are not asked for any more.
            known.gates.clear();
            known.agreed.clear();
        }
    }

    /// Notes who agreed to a deployment that is begun, and whether they had a part in it.
    fn of_people(&self, item: &mut Item, known: &Deployment) {
        let Some((leaf, outcome)) = known.gates.get(&GateKind::FourEyes) else { return };
        let contributors = self.contributors(known);
        let free = |who: &PersonRef| !contributors.contains(who);
        match outcome {
            GateOutcome::Cleared { why: ClearedWhy::Approved } => {
                let Some((_, last, _)) = known.agreed.last() else { return };
                item.mark(Mark::Approved, *last);
                if known.agreed.iter().all(|(who, _, _)| free(who)) {
                    item.mark(Mark::Independent, *last);
                }
                if known.agreed.iter().all(|(_, _, signed)| *signed) {
                    item.mark(Mark::KeySigned, *last);
                }
            }
            GateOutcome::Cleared { why: ClearedWhy::Standard { exception, .. } } => {
                item.mark(Mark::Approved, *leaf);
                let advance = self.advances.get(exception).map(|one| &one.0);
                if advance.is_some_and(|all| !all.is_empty() && all.iter().all(free)) {
                    item.mark(Mark::Independent, *leaf);
                }
            }
            _nobody_agreed => {}
        }
    }

    /// Notes whether others reviewed the code of everything that it brings.
    fn of_reviews(&self, item: &mut Item, known: &Deployment) {
        let contributors = self.contributors(known);
        let approval = |(id, change): (ChangeId, &Change)| {
            self.reviews.approval(id, &change.commit, &contributors)
        };
        let brought: Option<Vec<u64>> = self.brought(known).into_iter().map(approval).collect();
        if let Some(last) = brought.and_then(|all| all.into_iter().max()) {
            item.mark(Mark::CodeReviewed, last);
        }
    }

    /// Returns everyone who contributed to what a deployment brings.
    fn contributors(&self, known: &Deployment) -> BTreeSet<&PersonRef> {
        self.brought(known).values().flat_map(|one| &one.contributors).collect()
    }

    /// Returns what a deployment brings: its change, and each earlier one of the branch that is not
    /// live there yet.
    fn brought(&self, known: &Deployment) -> BTreeMap<ChangeId, &Change> {
        let change = self.releases.get(&known.release).and_then(|release| release.change);
        let Some(id) = change else { return BTreeMap::new() };
        let Some(change) = self.changes.get(&id) else { return BTreeMap::new() };
        let live = self.live.get(&(change.service.clone(), known.environment.clone()));
        let trunk = self.trunks.get(&change.service).into_iter().flatten().rev();
        let brought = trunk
            .filter(|one| **one <= id)
            .take_while(|one| live.is_none_or(|live| *one > live))
            .filter_map(|one| Some((*one, self.changes.get(one)?)));
        brought.chain([(id, change)]).collect()
    }
}
