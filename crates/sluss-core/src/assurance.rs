//! Assurance: what people looked at, rehearsed, and accepted with a reason.
//!
//! # Invariants
//!
//! - Tests are accepted by a person who did not contribute, for one release and its run; where that
//!   is used, whoever contributed by then, or no longer decides, did not accept it.
//! - A rehearsal that failed is kept as one that succeeded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::AccessReview;
use crate::agent;
use crate::event::Event;
use crate::ids::{ChangeId, DeploymentId, Digest, PersonRef, ReleaseId, RunId, ServiceName};
use crate::review::ChangeReviewed;
use crate::significance::{CleanCheck, Significant};
use crate::state::State;
use crate::steps::TestCounts;
use crate::units::Millis;

/// A person accepted tests of a release that failed or could not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestsAccepted {
    /// Of which release.
    pub release: ReleaseId,
    /// Of which run.
    pub run: RunId,
    /// What they came to, where any were reported.
    #[serde(default)]
    pub tests: Option<TestCounts>,
    /// Who accepted them.
    pub by: PersonRef,
    /// Why what failed has nothing to do with the change: a private text.
    pub reason: Digest,
}

/// What was rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drill {
    /// A backup was restored.
    Restore,
    /// Going back to an earlier release.
    Rollback,
}

impl Drill {
    /// Returns it in a few words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restore => "restored backup",
            Self::Rollback => "rollback drill",
        }
    }
}

/// Something was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Of which service; without one, of the whole.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// Who says so.
    pub by: PersonRef,
    /// Whether it succeeded.
    pub passed: bool,
    /// What was found: a private text.
    pub findings: Digest,
}

/// Something that happened at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At<T> {
    /// When.
    pub at: Millis,
    /// What.
    #[serde(flatten)]
    pub what: T,
}

/// What people looked at, rehearsed and accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assurance {
    /// Reviews of access, oldest first.
    pub access_reviews: Vec<At<AccessReview>>,
    /// Rehearsals, oldest first.
    pub rehearsals: Vec<(Drill, At<Rehearsal>)>,
    /// Reviews of the code of changes, oldest first.
    #[serde(default)]
    pub reviews: BTreeMap<ChangeId, Vec<At<ChangeReviewed>>>,
    /// Runs of agents by the change that they were for, oldest first.
    #[serde(default)]
    pub agents: BTreeMap<ChangeId, Vec<agent::Recorded>>,
    /// Significant changes.
    #[serde(default)]
    pub significant: BTreeMap<ChangeId, Significant>,
    /// What was looked at last for data and accounts of tests.
    #[serde(default)]
    pub clean: BTreeMap<ReleaseId, At<CleanCheck>>,
    /// Tests that were accepted.
    pub accepted: BTreeMap<ReleaseId, At<TestsAccepted>>,
    /// For how long nothing was recorded, where no entry says so yet.
    pub silence_ms: Option<i64>,
}

/// Folds what people looked at, rehearsed and accepted.
pub(crate) fn apply(state: &mut State, now: Millis, event: &Event) {
    let assurance = &mut state.assurance;
    match event {
        Event::ChangeReviewed(of) => crate::review::apply(state, now, of),
        Event::AgentRun(of) => agent::apply(state, now, of),
        Event::ChangeSignificant(_) | Event::ChangeConfirmed(_) | Event::ReleaseCleanCheck(_) => {
            crate::significance::apply(state, now, event)
        }
        Event::TestResultAccepted(of) => {
            assurance.accepted.insert(of.release, At { at: now, what: of.clone() });
        }
        Event::BackupRestoredTest(of) => {
            assurance.rehearsals.push((Drill::Restore, At { at: now, what: of.clone() }));
        }
        Event::RollbackDrill(of) => {
            assurance.rehearsals.push((Drill::Rollback, At { at: now, what: of.clone() }));
        }
        Event::AccessReviewed(of) => {
            assurance.access_reviews.push(At { at: now, what: of.clone() });
        }
        _other => unreachable!("BUG: not an event of assurance"),
    }
}

/// Says what tests came to that a person accepted, as a sentence.
pub(crate) fn accepted_words(tests: Option<TestCounts>) -> String {
    let came_to = match tests {
        Some(TestCounts { failed: 1, .. }) => "1 test failed".to_owned(),
        Some(TestCounts { failed, .. }) if failed > 0 => format!("{failed} tests failed"),
        Some(_) | None => "No test was reported".to_owned(),
    };
    format!(
        "{came_to}; a person who did not contribute accepted that for this release, with a reason."
    )
}

impl Event {
    /// Returns what somebody said who looked at, rehearsed or accepted something, and who.
    pub(crate) fn assured(&self) -> Option<(&Digest, &PersonRef)> {
        match self {
            Self::TestResultAccepted(of) => Some((&of.reason, &of.by)),
            Self::ChangeReviewed(of) => Some((&of.comment, &of.by)),
            Self::AgentRun(of) => Some((&of.log, &of.acts_for)),
            Self::ChangeSignificant(of) => Some((&of.reason, &of.by)),
            Self::ChangeConfirmed(of) => Some((&of.findings, &of.by)),
            Self::ReleaseCleanCheck(of) => Some((&of.findings, &of.by)),
            Self::BackupRestoredTest(of) | Self::RollbackDrill(of) => Some((&of.findings, &of.by)),
            Self::AccessReviewed(of) => Some((&of.findings, &of.by)),
            _of_another_kind => None,
        }
    }
}

impl State {
    /// Returns that the tests of what `deployment` brings were accepted, by someone who may and has
    /// no hand in it.
    pub fn tests_accepted(&self, deployment: DeploymentId) -> Option<&At<TestsAccepted>> {
        let release = self.deployments.get(&deployment)?.release;
        let accepted = self.assurance.accepted.get(&release)?;
        let same_run = self.releases.get(&release)?.run == accepted.what.run;
        let by = &accepted.what.by;
        let decides = self.organisation.as_ref()?.deciders().contains(by);
        let free = !self.contributors(deployment).contains(by);
        (same_run && decides && free).then_some(accepted)
    }
}
