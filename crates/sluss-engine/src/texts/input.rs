//! What a policy is told of a deployment: the contract `sluss.gate.input.v1`, out of the state.
//!
//! Pure. What Sluss does not know says so: performance and coverage are not `known`.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::approval::{Decision, Request, Subject};
use sluss_core::budget::BudgetStands;
use sluss_core::deployment::{Deployment, Phase};
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{DeploymentId, Digest, PersonRef};
use sluss_core::pipeline::{EnvironmentKind, Pipeline, ReportKind, Step};
use sluss_core::risk::brought;
use sluss_core::state::{ChangePhase, Release as Released, State};
use sluss_core::steps::{Attempt, Isolation, StepOutcome, StepState, Steps};
use sluss_core::target::RouteKey;
use sluss_core::units::Millis;
use sluss_policy::input::{
    Approval, ApprovalKind, Contract, Contributor, Count, Coverage, Dependency, Emergency,
    Environment, EnvironmentClass, ErrorBudget, Freeze, HistoryOutcome, Millis as At, Part,
    PastDeployment, Performance, Permille, PersonKind, Provenance, Release, Run, RunOutcome,
    SignedPermille, Size, Tests, Text, ValueRefused, Waiver,
};
use sluss_policy::{GateInput, input::Sha256};

use super::evidence::{self, NotRead, Reports};

/// Deployments that a policy is told about at most, beside the one that waits.
const HISTORY_MOST: usize = 50;
/// The instant of what has no end that is known: what was asked before the log said until when an
/// approval counts, and is not granted yet; and a finding may have no term.
pub(super) const NO_END: i64 = (1 << 53) - 1;

/// What a release changes beside what is live where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Files that differ.
    pub paths: Vec<String>,
    /// How many.
    pub files: u64,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Files that are binary, whose lines are not known.
    pub binary: u64,
    /// The digest of all that differs, as Git says it.
    pub sha256: Digest,
}

/// Whether freezes and calendar let it pass, and until when that holds, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Whether they do.
    pub allowed: bool,
    /// Until when.
    pub until: Option<Millis>,
}

/// Why a policy cannot be told of a deployment; its gate stays shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// The state does not know it, or not enough of it.
    #[error("the log does not say enough of {0}")]
    Unknown(DeploymentId),
    /// Something of it has no place in the contract.
    #[error("something of it does not fit the contract: {0}")]
    Value(#[from] ValueRefused),
    /// What scanners found can't be told.
    #[error("what scanners found: {0}")]
    Scans(#[from] NotRead),
}

/// What is looked at: a deployment and what it is of.
struct Looked<'a> {
    state: &'a State,
    id: DeploymentId,
    deployment: &'a Deployment,
    release: &'a Released,
    pipeline: &'a Pipeline,
    now: Millis,
}

/// Builds the input of the gate `policy` for `id` at `now`.
///
/// # Errors
///
/// [`NotTold`], which shuts the gate.
pub fn gate_input(
    state: &State,
    id: DeploymentId,
    (changes, reports): (&Changes, &Reports),
    passage: Passage,
    now: Millis,
) -> Result<GateInput, NotTold> {
    let unknown = || NotTold::Unknown(id);
    let deployment = state.deployments.get(&id).ok_or_else(unknown)?;
    let release = state.releases.get(&deployment.release).ok_or_else(unknown)?;
    let pipeline = state.pipeline_of(deployment.release).ok_or_else(unknown)?;
    let looked = Looked { state, id, deployment, release, pipeline, now };
    let scans = state.scans_of(deployment.release, deployment.stage_index);
    let zero = Permille::try_from(0)?;
    let mut input = GateInput {
        contract: Contract::V1,
        gate: text("policy")?,
        now_ms: at(now)?,
        state_size: count(state.size)?,
        environment: looked.environment()?,
        release: looked.release(changes)?,
        contributors: looked.contributors()?,
        approvals: looked.approvals()?,
        tests: looked.tests()?,
        performance: Performance {
            known: false,
            slower_permille: SignedPermille::try_from(0)?,
            limit_permille: zero,
        },
        coverage: Coverage { known: false, lines_permille: zero, minimum_permille: zero },
        scans: evidence::scans(&scans, release)?,
        findings: evidence::findings(&scans, reports, &state.findings_at(id, now))?,
        sbom: evidence::sbom(release)?,
        provenance: looked.provenance()?,
        freeze: Freeze {
            allowed: passage.allowed,
            until_ms: at(passage.until.unwrap_or_default())?,
        },
        dependencies: looked.dependencies()?,
        error_budget: looked.error_budget()?,
        waivers: looked.waivers()?,
        emergency: looked.emergency()?,
        history: looked.history()?,
        counts: no_counts()?,
    };
    input.counts = input.count();
    Ok(input)
}

fn no_counts() -> Result<sluss_policy::input::Counts, ValueRefused> {
    let none = count(0)?;
    Ok(sluss_policy::input::Counts {
        artifacts: none,
        changed_paths: none,
        contributors: none,
        approvals: none,
        required: none,
        runs: none,
        scans: none,
        findings: none,
        dependencies: none,
        waivers: none,
        history: none,
    })
}

pub(super) fn text(of: impl ToString) -> Result<Text, ValueRefused> {
    Text::try_from(of.to_string())
}

pub(super) fn at(of: Millis) -> Result<At, ValueRefused> {
    At::try_from(of.0)
}

pub(super) fn count(of: u64) -> Result<Count, ValueRefused> {
    Count::try_from(i64::try_from(of).unwrap_or(i64::MAX))
}

pub(super) fn sha256(of: &Digest) -> Result<Sha256, ValueRefused> {
    Sha256::try_from(of.as_str())
}

impl Looked<'_> {
    fn environment(&self) -> Result<Environment, ValueRefused> {
        let stages = &self.pipeline.deliver;
        let lasting = |stage: &&sluss_core::pipeline::Stage| stage.kind == EnvironmentKind::Lasting;
        let last = stages.iter().rfind(lasting);
        let is_last = last.is_some_and(|last| {
            last.environment == self.deployment.stage.environment
                && self.deployment.stage.kind == EnvironmentKind::Lasting
        });
        let customers = self.deployment.customers.unwrap_or(is_last);
        let class = match (self.deployment.stage.kind, customers) {
            (EnvironmentKind::Ephemeral, _) => EnvironmentClass::Ephemeral,
            (EnvironmentKind::Lasting, true) => EnvironmentClass::Production,
            (EnvironmentKind::Lasting, false) => EnvironmentClass::Staging,
        };
        Ok(Environment { name: text(&self.deployment.environment)?, class, customers })
    }

    fn release(&self, changes: &Changes) -> Result<Release, NotTold> {
        let state = self.state;
        let unknown = || NotTold::Unknown(self.id);
        let change = state.change_of(self.deployment.release).ok_or_else(unknown)?;
        let product = state.product_of(&self.deployment.service).ok_or_else(unknown)?;
        let artifacts = self.release.artifacts.iter().map(|artifact| sha256(&artifact.digest));
        Ok(Release {
            id: text(self.deployment.release)?,
            service: text(&self.deployment.service)?,
            product: text(product)?,
            commit: change.push.commit.as_str().try_into()?,
            artifacts: artifacts.collect::<Result<_, _>>()?,
            created_ms: at(self.release.created)?,
            first: !self.there().any(|(_, deployment)| deployment.live.is_some()),
            changed_paths: changes.paths.iter().map(text).collect::<Result<_, _>>()?,
            size: Size {
                files: count(changes.files)?,
                added: count(changes.added)?,
                removed: count(changes.removed)?,
            },
        })
    }

    /// Returns the other deployments of the service into the same environment, newest first.
    fn there(&self) -> impl Iterator<Item = (DeploymentId, &Deployment)> {
        let here = self.deployment;
        let others = self.state.deployments.iter().rev().filter(move |(id, other)| {
            **id != self.id
                && other.service == here.service
                && other.environment == here.environment
        });
        others.map(|(id, other)| (*id, other))
    }

    /// Everyone with a hand in it, once for each. A log of before told authors, committers and
    /// pushers not apart: there each stands as author; who changed what judges it, as that.
    fn contributors(&self) -> Result<Vec<Contributor>, ValueRefused> {
        let proposed: BTreeSet<&PersonRef> = self
            .state
            .proposals
            .values()
            .filter(|one| one.activated.is_some())
            .flat_map(|one| &one.contributors)
            .collect();
        let hands = self.hands();
        let all = self.state.contributors(self.id);
        let parts = all.iter().flat_map(|who| {
            let mut parts = hands.get(who).cloned().unwrap_or_default();
            if parts.is_empty() && proposed.contains(who) {
                parts.insert(Part::Policy);
            }
            if parts.is_empty() {
                parts.insert(Part::Author);
            }
            parts.into_iter().map(move |part| (who, part))
        });
        let of =
            |(who, part)| Ok(Contributor { person: text(who)?, kind: PersonKind::Person, part });
        parts.map(of).collect()
    }

    /// Returns who did what in the changes that it brings, and in what became part of these.
    fn hands(&self) -> BTreeMap<&PersonRef, BTreeSet<Part>> {
        let brought: BTreeSet<_> = brought(self.state, self.id).into_iter().collect();
        let parts = self.state.changes.iter().filter(|(id, change)| {
            let merged = matches!(change.phase, ChangePhase::MergedInto { into }
                if brought.contains(&into));
            merged || brought.contains(id)
        });
        let mut hands: BTreeMap<&PersonRef, BTreeSet<Part>> = BTreeMap::new();
        for (_, change) in parts {
            let push = &change.push;
            let each = [
                (push.hands.authors.iter().collect::<Vec<_>>(), Part::Author),
                (push.hands.committers.iter().collect(), Part::Committer),
                (push.hands.co_authors.iter().collect(), Part::CoAuthor),
                (push.hands.pusher.iter().collect(), Part::Pusher),
                (push.hands.trigger.iter().collect(), Part::Trigger),
            ];
            for (people, part) in each {
                for who in people {
                    hands.entry(who).or_default().insert(part);
                }
            }
            for who in push.contributors.iter().filter(|_| push.hands.is_unknown()) {
                hands.entry(who).or_default().insert(Part::Author);
            }
        }
        hands
    }

    fn approvals(&self) -> Result<Vec<Approval>, ValueRefused> {
        let subject = Subject::Deployment(self.id);
        let stands = |request: &&Request| match request.decision {
            Decision::Open | Decision::Granted { .. } => true,
            Decision::Refused { .. } | Decision::Invalidated { .. } | Decision::Expired { .. } => {
                false
            }
        };
        let request = self.state.requests.get(&subject).filter(stands);
        let groups = self.state.groups_for(subject, self.now);
        let mut approvals = Vec::new();
        for (who, when) in request.into_iter().flat_map(|request| &request.agreed) {
            let of = groups.iter().filter(|(_, members)| members.contains(who));
            let roles = of.map(|(name, _)| text(name)).collect::<Result<Vec<_>, _>>()?;
            // Who is in no group any more fills no slot.
            let Some(slot) = roles.first().cloned() else { continue };
            approvals.push(Approval {
                person: text(who)?,
                roles,
                slot,
                at_ms: at(*when)?,
                valid_until_ms: match request.and_then(|of| self.state.approval_ends(of)) {
                    Some(end) => at(end)?,
                    None => At::try_from(NO_END)?,
                },
                kind: ApprovalKind::Person,
            });
        }
        Ok(approvals)
    }

    /// The steps that report tests, and every attempt of them on each artifact, red ones included;
    /// those of stages that it has passed, too.
    fn tests(&self) -> Result<Tests, ValueRefused> {
        let mut tests = Tests { required: Vec::new(), runs: Vec::new() };
        if let Some(run) = self.state.runs.get(&self.release.run) {
            self.add_tests(&mut tests, self.pipeline.steps(), &run.steps)?;
        }
        let passed = self.release.deployments.iter().filter(|id| **id != self.id);
        for before in passed.filter_map(|id| self.state.deployments.get(id)) {
            if before.stage_index < self.deployment.stage_index {
                self.add_tests(&mut tests, &before.stage.acceptance, &before.acceptance)?;
            }
        }
        tests.required.dedup();
        Ok(tests)
    }

    fn add_tests(
        &self,
        tests: &mut Tests,
        definitions: &[Step],
        steps: &Steps,
    ) -> Result<(), ValueRefused> {
        let by_a_person = self.state.tests_accepted(self.id).is_some();
        for step in definitions {
            let Some(state) = steps.state(&step.name) else { continue };
            let attempts = state.attempts();
            let reports = step.reports.iter().any(|report| report.kind == ReportKind::Junit)
                || attempts.iter().any(|attempt| attempt.tests.is_some());
            if !reports || *state == StepState::Skipped {
                continue;
            }
            let check = text(&step.name)?;
            tests.required.push(check.clone());
            let green = attempts.last().is_some_and(|last| outcome(last) == RunOutcome::Passed);
            for (index, attempt) in attempts.iter().enumerate() {
                let (outcome, counts) = (outcome(attempt), attempt.tests.unwrap_or_default());
                // The step says how often it may be tried again; a person may accept the rest.
                let red = outcome != RunOutcome::Passed;
                let again = green && index + 1 < attempts.len();
                let accepted = red && (again || by_a_person);
                for artifact in &self.release.artifacts {
                    tests.runs.push(Run {
                        check: check.clone(),
                        outcome,
                        passed: count(counts.passed.into())?,
                        failed: count(counts.failed.into())?,
                        digest: sha256(&artifact.digest)?,
                        at_ms: at(attempt.finished)?,
                        accepted,
                    });
                }
            }
        }
        Ok(())
    }

    fn provenance(&self) -> Result<Provenance, ValueRefused> {
        let present = self.release.provenance.is_some();
        let attempts = self.state.runs.get(&self.release.run).into_iter();
        let attempts = attempts.flat_map(|run| run.steps.iter());
        let mut last = attempts.filter_map(|(_, state)| state.attempts().last()).peekable();
        let isolated = last.peek().is_some() && last.all(|a| a.isolation == Isolation::Namespaces);
        let builder = text(if present { "sluss" } else { "none" })?;
        Ok(Provenance { present, builder, isolated })
    }

    /// Known where the service promises something and enough of customers' requests was counted.
    fn error_budget(&self) -> Result<ErrorBudget, ValueRefused> {
        let (service, environment) = (&self.deployment.service, &self.deployment.environment);
        let key = RouteKey { service: service.clone(), environment: environment.clone() };
        let reading =
            self.pipeline.error_budget.map(|budget| self.state.budget_in(&key, budget, self.now));
        let known = reading.filter(|reading| reading.stands() != BudgetStands::NoData);
        let left = known.and_then(|reading| reading.left_permille());
        let remaining_permille = Permille::try_from(i64::from(left.unwrap_or(0)))?;
        Ok(ErrorBudget { known: left.is_some(), remaining_permille })
    }

    /// What it needs of other services, by the service that provides it or has it in its newest
    /// change; where there is none, by the contract.
    fn dependencies(&self) -> Result<Vec<Dependency>, ValueRefused> {
        let environment = &self.deployment.environment;
        let touched = self.state.touched_by(self.deployment.release, environment);
        let met = touched.met.iter().map(|one| (one.service.to_string(), true));
        let missing = touched.missing.iter().map(|one| {
            let first = one.first.first().map(|first| first.service.to_string());
            (first.unwrap_or_else(|| one.contract.contract.to_string()), false)
        });
        let all = met.chain(missing);
        all.map(|(service, satisfied)| Ok(Dependency { service: text(service)?, satisfied }))
            .collect()
    }

    fn waivers(&self) -> Result<Vec<Waiver>, ValueRefused> {
        let mut waivers = Vec::new();
        for (id, one) in &self.state.exceptions {
            let (service, covers) = match &one.what {
                ExceptionKind::Waiver { service, rule } => (service, vec![rule.clone()]),
                ExceptionKind::Findings { service, findings } => {
                    (service, findings.iter().map(ToString::to_string).collect())
                }
                ExceptionKind::ProdData { .. }
                | ExceptionKind::Freeze { .. }
                | ExceptionKind::Emergency { .. }
                | ExceptionKind::LogTrust { .. }
                | ExceptionKind::Standard { .. } => continue,
            };
            let holds = one.holds(self.now)
                && *service == self.deployment.service
                && self.state.is_there(self.id, one);
            let (Some(granted), Some(by)) = (one.granted, one.granted_by.first()) else { continue };
            for covers in covers.iter().filter(|_| holds) {
                waivers.push(Waiver {
                    id: text(id)?,
                    covers: text(covers)?,
                    requested_by: text(&one.asked_by)?,
                    granted_by: text(by)?,
                    granted_ms: at(granted)?,
                    ends_ms: at(one.until)?,
                });
            }
        }
        Ok(waivers)
    }

    /// Of an emergency that names no incident, in a log of before, its own id stands for one.
    fn emergency(&self) -> Result<Emergency, ValueRefused> {
        let found = self.state.exception(self.id, self.now, |what| what.is_emergency_of(self.id));
        let one = found.and_then(|id| self.state.exceptions.get(&id));
        let named = one.and_then(|one| match &one.what {
            ExceptionKind::Emergency { incident, .. } => *incident,
            _other => None,
        });
        let granted = one.and_then(|one| one.granted);
        let incident = match (named, found) {
            (Some(incident), _) => text(incident)?,
            (None, Some(exception)) => text(exception)?,
            (None, None) => text("none")?,
        };
        let opened_ms = at(granted.unwrap_or_default())?;
        Ok(Emergency { active: found.is_some(), incident, opened_ms })
    }

    fn history(&self) -> Result<Vec<PastDeployment>, ValueRefused> {
        let ended = |(id, deployment): (DeploymentId, &Deployment)| {
            let (outcome, since) = match deployment.phase {
                Phase::Live { since, .. } => (HistoryOutcome::Live, since),
                Phase::RolledBack { since, .. } => (HistoryOutcome::RolledBack, since),
                Phase::Refused { since, .. } => (HistoryOutcome::Refused, since),
                Phase::Removed { since, accepted: true } => (HistoryOutcome::Live, since),
                Phase::Removed { since, accepted: false } => (HistoryOutcome::RolledBack, since),
                Phase::Superseded { since, .. } => match deployment.live {
                    Some(_) => (HistoryOutcome::Live, since),
                    None => (HistoryOutcome::Superseded, since),
                },
                Phase::Requested | Phase::Cleared | Phase::RollingOut(_) => return None,
            };
            Some((id, deployment.release, outcome, since))
        };
        let past = self.there().filter_map(ended).take(HISTORY_MOST);
        past.map(|(id, release, outcome, since)| {
            let (deployment, release) = (text(id)?, text(release)?);
            Ok(PastDeployment { deployment, release, outcome, at_ms: at(since)? })
        })
        .collect()
    }
}

fn outcome(attempt: &Attempt) -> RunOutcome {
    match &attempt.outcome {
        StepOutcome::Succeeded if attempt.tests.is_some_and(|tests| tests.failed > 0) => {
            RunOutcome::Failed
        }
        StepOutcome::Succeeded => RunOutcome::Passed,
        StepOutcome::Failed { .. } => RunOutcome::Failed,
        StepOutcome::TimedOut | StepOutcome::Errored { .. } => RunOutcome::Errored,
        StepOutcome::Cancelled => RunOutcome::Cancelled,
    }
}
