//! Runs and their steps.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::RunId;
use sluss_core::pipeline::{Step, StepKind};
use sluss_core::state::{RunEnd, State as Known};
use sluss_core::steps::{Attempt, Isolation, StepOutcome, StepOwner, StepState, TestCounts};

use super::answer::{Answer, nothing, parse};
use super::words::{Words, view};
use crate::app::App;

/// Test results in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct TestsView {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u16,
    pub started_ms: i64,
    pub finished_ms: i64,
    /// `succeeded`, `failed`, `timed_out`, `cancelled` or `errored`.
    pub outcome: &'static str,
    /// The exit code, where it failed.
    pub code: Option<i32>,
    /// Why it could not be run.
    pub why: Option<String>,
    /// What was between it and the machine: `namespaces`, `landlock` or `unisolated`.
    pub isolation: &'static str,
    /// The digest of its log.
    pub log: Option<String>,
    pub tests: Option<TestsView>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepView {
    pub step: String,
    /// `fetch`, `run` or `acceptance`.
    pub kind: &'static str,
    pub needs: Vec<String>,
    /// `waiting`, `running`, `succeeded`, `failed`, `timed_out`, `cancelled`, `errored` or
    /// `skipped`.
    pub state: &'static str,
    /// The running attempt.
    pub attempt: Option<u16>,
    /// Since when that runs.
    pub since_ms: Option<i64>,
    /// Attempts that ended.
    pub attempts: Vec<AttemptView>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunView {
    pub run: String,
    pub change: String,
    pub service: Option<String>,
    pub commit: Option<String>,
    pub title: Option<String>,
    /// The template that its pipeline was made from.
    pub template: Option<String>,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    pub queued_ms: i64,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub tests: Option<TestsView>,
    pub release: Option<String>,
    /// Why nothing came of it although it succeeded.
    pub not_packed: Option<String>,
    /// In an order in which each comes after what it needs.
    pub steps: Vec<StepView>,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<RunView> {
    let id: RunId = parse(&id)?;
    let build = |state: &Known, words: &mut Words| {
        let run = state.runs.get(&id).ok_or_else(|| nothing(id))?;
        let change = state.changes.get(&run.change);
        Ok(RunView {
            run: id.to_string(),
            change: run.change.to_string(),
            service: change.map(|change| change.service.to_string()),
            commit: change.map(|change| change.push.commit.to_string()),
            title: change.and_then(|change| words.text(&change.push.title)),
            template: change.map(|change| change.push.pipeline.template.to_string()),
            state: match (run.ended, run.started) {
                (Some((_, RunEnd::Succeeded)), _) => "succeeded",
                (Some((_, RunEnd::Failed)), _) => "failed",
                (Some((_, RunEnd::Cancelled)), _) => "cancelled",
                (None, Some(_)) => "running",
                (None, None) => "queued",
            },
            queued_ms: run.queued.0,
            started_ms: run.started.map(|at| at.0),
            ended_ms: run.ended.map(|(at, _)| at.0),
            tests: run.steps.tests().map(tests_view),
            release: run.release.map(|id| id.to_string()),
            not_packed: run.not_packed.as_ref().and_then(|digest| words.text(digest)),
            steps: step_views(state, words, StepOwner::Run(id)),
        })
    };
    Ok(Json(view(&app, build).await?))
}

/// Returns the steps of `owner` in order.
pub(super) fn step_views(state: &Known, words: &mut Words, owner: StepOwner) -> Vec<StepView> {
    let Some(steps) = state.steps(owner) else { return Vec::new() };
    let stands = |step: &Step| steps.state(&step.name).map(|stands| step_view(words, step, stands));
    state.definitions(owner).iter().filter_map(stands).collect()
}

fn step_view(words: &mut Words, step: &Step, stands: &StepState) -> StepView {
    let (word, attempt, since) = match stands {
        StepState::Waiting { .. } => ("waiting", None, None),
        StepState::Running { attempt, since, .. } => ("running", Some(*attempt), Some(since.0)),
        StepState::Ended { attempts } => {
            (attempts.last().map_or("errored", |last| outcome_word(&last.outcome)), None, None)
        }
        StepState::Skipped => ("skipped", None, None),
    };
    StepView {
        step: step.name.to_string(),
        kind: match step.kind {
            StepKind::Fetch => "fetch",
            StepKind::Run => "run",
            StepKind::Acceptance => "acceptance",
        },
        needs: step.needs.iter().map(ToString::to_string).collect(),
        state: word,
        attempt,
        since_ms: since,
        attempts: stands.attempts().iter().map(|attempt| attempt_view(words, attempt)).collect(),
    }
}

fn attempt_view(words: &mut Words, attempt: &Attempt) -> AttemptView {
    let (code, why) = match &attempt.outcome {
        StepOutcome::Failed { code } => (Some(*code), None),
        StepOutcome::Errored { why } => (None, why.as_ref()),
        StepOutcome::Succeeded | StepOutcome::TimedOut | StepOutcome::Cancelled => (None, None),
    };
    AttemptView {
        number: attempt.number,
        started_ms: attempt.started.0,
        finished_ms: attempt.finished.0,
        outcome: outcome_word(&attempt.outcome),
        code,
        why: why.and_then(|digest| words.text(digest)),
        isolation: match attempt.isolation {
            Isolation::Namespaces => "namespaces",
            Isolation::Landlock => "landlock",
            Isolation::Unisolated => "unisolated",
        },
        log: attempt.log.as_ref().map(ToString::to_string),
        tests: attempt.tests.map(tests_view),
    }
}

fn outcome_word(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Succeeded => "succeeded",
        StepOutcome::Failed { .. } => "failed",
        StepOutcome::TimedOut => "timed_out",
        StepOutcome::Cancelled => "cancelled",
        StepOutcome::Errored { .. } => "errored",
    }
}

fn tests_view(TestCounts { passed, failed, skipped }: TestCounts) -> TestsView {
    TestsView { passed, failed, skipped }
}
