//! What people looked at, rehearsed, and accept with a reason.

use super::agent;
use super::key::in_person;
use super::review::{self, one_of_us};
use super::significance;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::access::AccessReview;
use crate::agent::AgentRun;
use crate::approval::Subject;
use crate::assurance::{Drill, Rehearsal, TestsAccepted};
use crate::event::{Event, RefusedWhy};
use crate::ids::{ChangeId, CommitId, Digest, PersonRef, ReleaseId, ServiceName};
use crate::review::ReviewOutcome;
use crate::state::State;
use crate::units::Millis;

/// What anybody can say that they looked at, rehearsed or accept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub enum Assure {
    /// Somebody looked at who may do what.
    ReviewAccess {
        findings: Digest,
    },
    /// An agent did something for a change.
    RecordAgent(AgentRun),
    /// Somebody marks a change as significant, or confirms what it may touch.
    MarkSignificant {
        change: ChangeId,
        reason: Digest,
    },
    ConfirmChange {
        change: ChangeId,
        findings: Digest,
    },
    /// Somebody looked whether data and accounts of tests are gone.
    CheckClean {
        release: ReleaseId,
        passed: bool,
        findings: Digest,
    },
    /// Somebody looked at the code of a change.
    ReviewChange {
        change: ChangeId,
        commit: CommitId,
        outcome: ReviewOutcome,
        comment: Digest,
    },
    /// Somebody accepts tests of a release that failed or could not run.
    AcceptTests {
        release: ReleaseId,
        reason: Digest,
    },
    /// Something was rehearsed.
    Rehearse {
        drill: Drill,
        service: Option<ServiceName>,
        passed: bool,
        findings: Digest,
    },
}

pub(super) fn decide(
    state: &State,
    wanted: Assure,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    match wanted {
        Assure::ReviewAccess { findings } => {
            let by = decider(state, actor, "review-access")?;
            let Some(now) = state.access_at(state.time) else {
                return Err(not_now("No configuration is in force, so nobody has a role."));
            };
            let number = now.number;
            Ok(vec![Event::AccessReviewed(AccessReview { by, number, findings })])
        }
        Assure::MarkSignificant { change, reason } => {
            significance::mark(state, change, reason, actor)
        }
        Assure::ConfirmChange { change, findings } => {
            significance::confirm(state, change, findings, actor)
        }
        Assure::CheckClean { release, passed, findings } => {
            significance::clean(state, release, (passed, findings), actor)
        }
        Assure::RecordAgent(run) => agent::decide(state, run, actor, now),
        Assure::ReviewChange { change, commit, outcome, comment } => {
            review::decide(state, change, commit, (outcome, comment), actor)
        }
        Assure::AcceptTests { release, reason } => accept(state, release, reason, actor),
        Assure::Rehearse { drill, service, passed, findings } => {
            let by = one_of_us(state, actor, "rehearse")?;
            if let Some(name) = service.as_ref().filter(|name| !state.services.contains_key(*name))
            {
                return Err(missing(format!("There is no service {name}."), "sluss status"));
            }
            let of = Rehearsal { service, by, passed, findings };
            Ok(vec![match drill {
                Drill::Restore => Event::BackupRestoredTest(of),
                Drill::Rollback => Event::RollbackDrill(of),
            }])
        }
    }
}

/// Returns the person who may decide, in person.
fn decider(state: &State, actor: &Actor, act: &str) -> Result<PersonRef, Refusal> {
    let by = in_person(actor)?;
    match state.organisation.as_ref().is_some_and(|known| known.deciders().contains(&by)) {
        true => Ok(by),
        false => Err(Refusal::new(
            Blame::Denied,
            "That takes the role of an approver, and you don't have it.",
            "Ask someone who has it: `sluss access` says who",
        )
        .recorded(None, act, RefusedWhy::MissingRole)),
    }
}

fn accept(
    state: &State,
    id: ReleaseId,
    reason: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let Some(release) = state.releases.get(&id) else {
        return Err(missing(format!("There is no release {id}."), "sluss status"));
    };
    let by = decider(state, actor, "accept-tests")?;
    let tests = state.runs.get(&release.run).and_then(|run| run.steps.tests());
    if tests.is_some_and(|tests| tests.failed == 0 && tests.passed > 0) {
        return Err(not_now(format!("The tests of {id} passed: there is nothing to accept.")));
    }
    let Some(last) = release.deployments.last() else {
        return Err(not_now(format!("No gate has looked at the tests of {id} yet.")));
    };
    let wrote = state
        .changes
        .get(&release.change)
        .is_some_and(|change| change.push.contributors.contains(&by));
    if wrote || state.contributors(*last).contains(&by) {
        let what = "You contributed to this release, so someone else accepts its tests.";
        let hint = "An approver who had no hand in it can: `sluss access` says who they are";
        return Err(Refusal::new(Blame::Denied, what, hint).recorded(
            Some(Subject::Deployment(*last)),
            "accept-tests",
            RefusedWhy::Contributor,
        ));
    }
    if state.tests_accepted(*last).is_some() {
        return Err(not_now(format!("The tests of {id} are accepted already.")));
    }
    let accepted = TestsAccepted { release: id, run: release.run, tests, by, reason };
    Ok(vec![Event::TestResultAccepted(accepted)])
}
