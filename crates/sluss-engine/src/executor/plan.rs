//! Which steps of a run may start, which are skipped, and what came of the run.
//!
//! Pure: it is told the steps and what is known of their attempts. The server and `sluss run`
//! both ask it after each change and do what it says.
//!
//! # Invariants
//!
//! - A step starts only after each step it needs succeeded or was skipped by its condition.
//! - A step whose condition does not hold is skipped at once and stands in nobody's way.
//! - A step that needs a failed one is skipped, and so is what needs that.
//! - An attempt that could not be run says nothing about the change: it uses up no retry, but
//!   after [`MOST_ERRORED`] of them the step has errored.
//! - Once an attempt was cancelled, nothing of the run starts any more.
//! - A run has an outcome when nothing runs, nothing may start, and nothing else can change that.

use std::collections::BTreeMap;

use sluss_core::ids::StepName;
use sluss_core::pipeline::{Condition, Step};

use super::glob;

/// How many attempts may come to nothing before the step has errored.
pub const MOST_ERRORED: usize = 3;

/// What is known of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It has started.
    Running,
    /// It succeeded.
    Succeeded,
    /// Its program failed or its time was up.
    Failed,
    /// It could not be run, or was lost.
    Errored,
    /// Somebody ended it.
    Cancelled,
}

/// The attempts of each step that has any, oldest first.
pub type Attempts = BTreeMap<StepName, Vec<Attempt>>;

/// What conditions are held against.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The branch.
    pub branch: &'a str,
    /// The paths that the change touches; unknown paths fulfil every condition on paths.
    pub touched: Option<&'a [String]>,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Something that it needs has not ended.
    Waiting,
    /// This attempt (from 1) should start.
    MayStart {
        /// The attempt's number.
        attempt: u32,
    },
    /// An attempt runs.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed and has no retries left.
    Failed,
    /// It could not be run.
    Errored,
    /// Somebody ended it.
    Cancelled,
    /// It does not run.
    Skipped(SkipReason),
}

/// Why a step does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Its condition does not hold.
    Condition,
    /// Something that it needs did not succeed.
    NeedFailed,
    /// Somebody ended the run.
    RunCancelled,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// Every step succeeded or did not have to run.
    Succeeded,
    /// A step failed.
    Failed,
    /// No step failed, but one could not be run.
    Errored,
    /// Somebody ended it.
    Cancelled,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where each step is, in the order of the steps.
    pub states: Vec<StepState>,
    /// What came of the run, once nothing is left to do.
    pub outcome: Option<RunOutcome>,
}

impl Plan {
    /// Returns the steps that should start now, with the attempt's number.
    pub fn startable<'a>(&'a self, steps: &'a [Step]) -> impl Iterator<Item = (&'a Step, u32)> {
        steps.iter().zip(&self.states).filter_map(|(step, state)| match state {
            StepState::MayStart { attempt } => Some((step, *attempt)),
            StepState::Waiting
            | StepState::Running
            | StepState::Succeeded
            | StepState::Failed
            | StepState::Errored
            | StepState::Cancelled
            | StepState::Skipped(_) => None,
        })
    }
}

/// Returns where a run is whose `steps` each come after their needs.
pub fn schedule(steps: &[Step], attempts: &Attempts, circumstances: Circumstances<'_>) -> Plan {
    let cancelled = attempts.values().any(|had| had.contains(&Attempt::Cancelled));
    let mut states = Vec::with_capacity(steps.len());
    let mut by_name: BTreeMap<&StepName, StepState> = BTreeMap::new();
    for step in steps {
        let had = attempts.get(&step.name).map_or(&[][..], Vec::as_slice);
        let needs = step.needs.iter().map(|need| by_name.get(need).copied());
        let state = match state_of(step, had, needs, circumstances) {
            StepState::Waiting | StepState::MayStart { .. } if cancelled => {
                StepState::Skipped(SkipReason::RunCancelled)
            }
            state => state,
        };
        by_name.insert(&step.name, state);
        states.push(state);
    }
    let outcome = outcome_of(&states);
    Plan { states, outcome }
}

/// Says whether `condition` holds.
pub fn holds(condition: &Condition, circumstances: Circumstances<'_>) -> bool {
    let any = |globs: &[String], text: &str| globs.iter().any(|glob| glob::matches(glob, text));
    let branch = condition.branches.is_empty() || any(&condition.branches, circumstances.branch);
    let path = match circumstances.touched {
        Some(touched) if !condition.paths.is_empty() => {
            touched.iter().any(|path| any(&condition.paths, path))
        }
        Some(_) | None => true,
    };
    branch && path
}

fn state_of(
    step: &Step,
    had: &[Attempt],
    needs: impl Iterator<Item = Option<StepState>>,
    circumstances: Circumstances<'_>,
) -> StepState {
    if had.is_empty() && !holds(&step.when, circumstances) {
        return StepState::Skipped(SkipReason::Condition);
    }
    let count = |what: Attempt| had.iter().filter(|attempt| **attempt == what).count();
    match had.last() {
        Some(Attempt::Running) => return StepState::Running,
        Some(Attempt::Succeeded) => return StepState::Succeeded,
        Some(Attempt::Cancelled) => return StepState::Cancelled,
        Some(Attempt::Failed) if count(Attempt::Failed) > usize::from(step.retries) => {
            return StepState::Failed;
        }
        Some(Attempt::Errored) if count(Attempt::Errored) >= MOST_ERRORED => {
            return StepState::Errored;
        }
        Some(Attempt::Failed | Attempt::Errored) | None => {}
    }
    let mut waits = false;
    for need in needs {
        match need {
            Some(StepState::Succeeded | StepState::Skipped(SkipReason::Condition)) => {}
            Some(StepState::Waiting | StepState::MayStart { .. } | StepState::Running) => {
                waits = true;
            }
            Some(StepState::Cancelled | StepState::Skipped(SkipReason::RunCancelled)) => {
                return StepState::Skipped(SkipReason::RunCancelled);
            }
            Some(
                StepState::Failed | StepState::Errored | StepState::Skipped(SkipReason::NeedFailed),
            )
            | None => return StepState::Skipped(SkipReason::NeedFailed),
        }
    }
    if waits {
        StepState::Waiting
    } else {
        StepState::MayStart { attempt: u32::try_from(had.len() + 1).unwrap_or(u32::MAX) }
    }
}

fn outcome_of(states: &[StepState]) -> Option<RunOutcome> {
    let has = |wanted: StepState| states.contains(&wanted);
    let goes_on = states.iter().any(|state| match state {
        StepState::Waiting | StepState::MayStart { .. } | StepState::Running => true,
        StepState::Succeeded
        | StepState::Failed
        | StepState::Errored
        | StepState::Cancelled
        | StepState::Skipped(_) => false,
    });
    if goes_on {
        None
    } else if has(StepState::Cancelled) {
        Some(RunOutcome::Cancelled)
    } else if has(StepState::Failed) {
        Some(RunOutcome::Failed)
    } else if has(StepState::Errored) {
        Some(RunOutcome::Errored)
    } else {
        Some(RunOutcome::Succeeded)
    }
}
