//! The steps of a run, or of an acceptance: which may start now, and what they came to.
//!
//! # Invariants
//!
//! - A step starts only when all that it needs has succeeded or was left out.
//! - The outcome of an attempt that is not the running one changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::findings::Scanned;
use crate::ids::{DeploymentId, Digest, RunId, StepName};
use crate::performance::Recorded;
use crate::pipeline::Step;
use crate::units::Millis;

/// Whose step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOwner {
    /// A run's.
    Run(RunId),
    /// The acceptance of a deployment.
    Deployment(DeploymentId),
}

impl fmt::Display for StepOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => id.fmt(f),
            Self::Deployment(id) => id.fmt(f),
        }
    }
}

/// What was between a step and the rest of the machine; the strongest is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Namespaces of its own for mounts, processes and network.
    Namespaces,
    /// Landlock alone.
    Landlock,
    /// Nothing that holds.
    Unisolated,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepOutcome {
    /// It ended with exit code 0.
    Succeeded,
    /// It ended with another exit code, or by a signal (128 plus its number).
    Failed {
        /// The exit code.
        code: i32,
    },
    /// It did not end in time.
    TimedOut,
    /// It was asked to end.
    Cancelled,
    /// It could not be run, or nobody knows how it ended.
    Errored {
        /// Why, for people: a private text.
        why: Option<Digest>,
    },
}

/// Test results in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCounts {
    /// Passed.
    pub passed: u32,
    /// Failed or errored.
    pub failed: u32,
    /// Left out.
    pub skipped: u32,
}

impl TestCounts {
    /// Returns both counts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u16,
    /// When it began.
    pub started: Millis,
    /// When its end was recorded.
    pub finished: Millis,
    /// What it came to.
    pub outcome: StepOutcome,
    /// What was between it and the machine.
    pub isolation: Isolation,
    /// Its log.
    pub log: Option<Digest>,
    /// Its test results.
    pub tests: Option<TestCounts>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// It has not begun; attempts that failed before are kept.
    Waiting {
        /// Attempts that ended.
        attempts: Vec<Attempt>,
    },
    /// An attempt is running.
    Running {
        /// Its number, from 1.
        attempt: u16,
        /// Since when.
        since: Millis,
        /// Attempts that ended before it.
        attempts: Vec<Attempt>,
    },
    /// Its last attempt ended, and there is no further one.
    Ended {
        /// All attempts.
        attempts: Vec<Attempt>,
    },
    /// Its condition does not hold.
    Skipped,
}

impl StepState {
    /// Returns the attempts that ended.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Waiting { attempts }
            | Self::Running { attempts, .. }
            | Self::Ended { attempts } => attempts,
            Self::Skipped => &[],
        }
    }

    /// Returns whether what needs this step may go on.
    fn lets_on(&self) -> bool {
        match self {
            Self::Ended { attempts } => {
                attempts.last().is_some_and(|last| last.outcome == StepOutcome::Succeeded)
            }
            Self::Skipped => true,
            Self::Waiting { .. } | Self::Running { .. } => false,
        }
    }
}

/// Where all steps of an owner stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Steps {
    states: BTreeMap<StepName, StepState>,
    /// Reports of scanners that they left, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scans: Vec<Scanned>,
    /// What they measured, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    measured: Vec<Recorded>,
}

/// What all steps together came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Something runs or may run.
    Going,
    /// All succeeded or were left out.
    Succeeded,
    /// This one did not, and nothing runs any more.
    Failed(StepName),
}

impl Steps {
    /// Returns `steps` before anything began, with those in `left_out` skipped.
    pub fn new(steps: &[Step], left_out: &BTreeSet<StepName>) -> Self {
        let state = |step: &Step| match left_out.contains(&step.name) {
            true => StepState::Skipped,
            false => StepState::Waiting { attempts: Vec::new() },
        };
        let states = steps.iter().map(|step| (step.name.clone(), state(step))).collect();
        Self { states, scans: Vec::new(), measured: Vec::new() }
    }

    /// Returns where `step` stands.
    pub fn state(&self, step: &StepName) -> Option<&StepState> {
        self.states.get(step)
    }

    /// Returns all steps with where they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&StepName, &StepState)> {
        self.states.iter()
    }

    /// Returns the steps that may start now, with the number of the attempt. Nothing new starts
    /// once a step has failed.
    pub fn startable(&self, steps: &[Step]) -> Vec<(StepName, u16)> {
        if self.failed().is_some() {
            return Vec::new();
        }
        let may_start = |step: &&Step| {
            matches!(self.states.get(&step.name), Some(StepState::Waiting { .. }))
                && step.needs.iter().all(|n| self.states.get(n).is_some_and(StepState::lets_on))
        };
        let number = |step: &Step| {
            let ended = self.states.get(&step.name).map_or(0, |state| state.attempts().len());
            (step.name.clone(), u16::try_from(ended).unwrap_or(u16::MAX).saturating_add(1))
        };
        steps.iter().filter(may_start).map(number).collect()
    }

    /// Returns the attempts that are running.
    pub fn running(&self) -> Vec<(StepName, u16)> {
        let running = |(name, state): (&StepName, &StepState)| match state {
            StepState::Running { attempt, .. } => Some((name.clone(), *attempt)),
            StepState::Waiting { .. } | StepState::Ended { .. } | StepState::Skipped => None,
        };
        self.states.iter().filter_map(running).collect()
    }

    fn failed(&self) -> Option<&StepName> {
        let failed = |state: &StepState| match state {
            StepState::Ended { .. } => !state.lets_on(),
            StepState::Waiting { .. } | StepState::Running { .. } | StepState::Skipped => false,
        };
        self.states.iter().find(|(_, state)| failed(state)).map(|(name, _)| name)
    }

    /// Returns what all steps together came to.
    pub fn progress(&self) -> Progress {
        if !self.running().is_empty() {
            return Progress::Going;
        }
        if let Some(name) = self.failed() {
            return Progress::Failed(name.clone());
        }
        match self.states.values().all(StepState::lets_on) {
            true => Progress::Succeeded,
            false => Progress::Going,
        }
    }

    /// Returns the test results of all steps that reported some.
    pub fn tests(&self) -> Option<TestCounts> {
        let last = |state: &StepState| state.attempts().last().and_then(|last| last.tests);
        self.states.values().filter_map(last).reduce(TestCounts::and)
    }

    /// Returns the reports of scanners that they left, oldest first.
    pub fn scans(&self) -> &[Scanned] {
        &self.scans
    }

    /// Returns what they measured, oldest first.
    pub fn measured(&self) -> &[Recorded] {
        &self.measured
    }

    pub(crate) fn measure(&mut self, recorded: Recorded) {
        self.measured.push(recorded);
    }

    pub(crate) fn scanned(&mut self, scanned: Scanned) {
        self.scans.push(scanned);
    }

    /// Returns whether an attempt that counts ran without isolation that holds.
    pub fn unisolated(&self) -> bool {
        self.weakest_isolation() == Some(Isolation::Unisolated)
    }

    /// Returns the weakest isolation of all attempts that count, if there are any.
    pub fn weakest_isolation(&self) -> Option<Isolation> {
        let last = |state: &StepState| state.attempts().last().map(|last| last.isolation);
        self.states.values().filter_map(last).max()
    }

    pub(crate) fn start(&mut self, step: &StepName, attempt: u16, at: Millis) {
        if let Some(state) = self.states.get_mut(step) {
            let attempts = state.attempts().to_vec();
            *state = StepState::Running { attempt, since: at, attempts };
        }
    }

    /// Folds the end of an attempt; one that is not the running one changes nothing.
    pub(crate) fn finish(&mut self, definition: &Step, ended: Attempt) {
        let Some(state) = self.states.get_mut(&definition.name) else { return };
        let StepState::Running { attempt, attempts, .. } = state else { return };
        if *attempt != ended.number {
            return;
        }
        let mut attempts = std::mem::take(attempts);
        let again = matches!(
            ended.outcome,
            StepOutcome::Failed { .. } | StepOutcome::TimedOut | StepOutcome::Errored { .. }
        ) && attempts.len() < allowed(definition, &ended, &attempts);
        attempts.push(ended);
        *state =
            if again { StepState::Waiting { attempts } } else { StepState::Ended { attempts } };
    }
}

/// Returns how many attempts may have ended before `ended` for another one to follow: those that
/// the step allows, and two more for attempts that could not be run at all.
fn allowed(definition: &Step, ended: &Attempt, before: &[Attempt]) -> usize {
    let errored = |attempt: &&Attempt| matches!(attempt.outcome, StepOutcome::Errored { .. });
    let lost = before.iter().filter(errored).count() + usize::from(errored(&ended));
    usize::from(definition.retries) + lost.min(2)
}
