//! The end of what a step printed, and its steps as a list and a graph.

use sluss_core::ids::StepName;
use sluss_core::state::State as Known;
use sluss_core::steps::{
    Attempt, Isolation, Progress, StepOutcome, StepOwner, StepState, TestCounts,
};
use sluss_core::units::Millis;
use sluss_engine::executor::{AttemptKey, AttemptOwner};
use sluss_store::Blobs;

use super::graph::{Node, graph};
use super::html::{self, Html, Tone};
use super::link;
use crate::api::words::Words;
use crate::app::App;

/// How many lines of a log a page shows; the script goes on from there.
const LINES: usize = 200;
/// How many bytes of a log a page shows at most.
const BYTES: usize = 20_000;
/// How much of a running attempt's log is read at once.
const PIECE: u64 = 4 * 1024 * 1024;

/// A step in the list.
pub(super) struct StepLine {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) state: Html,
    pub(super) kind: &'static str,
    pub(super) took: String,
    pub(super) attempts: String,
    pub(super) isolation: &'static str,
    pub(super) tests: String,
    pub(super) why: String,
    pub(super) here: bool,
}

/// Steps as a page shows them.
pub(super) struct StepsView {
    pub(super) lines: Vec<StepLine>,
    pub(super) graph: Html,
    /// The step whose log is shown.
    pub(super) chosen: Option<(StepName, LogOf)>,
}

/// Which log is shown.
#[derive(Clone)]
pub(super) struct LogOf {
    attempt: u16,
    running: bool,
    log: Option<sluss_core::ids::Digest>,
}

/// The end of a log.
pub(super) struct Tail {
    pub(super) step: String,
    pub(super) attempt: u16,
    pub(super) running: bool,
    pub(super) text: String,
    pub(super) cut: bool,
    /// Where the rest of it comes from, and from which byte on.
    pub(super) whole: String,
    pub(super) from: usize,
}

/// Returns where a step stands in a word; `over` where nothing begins any more.
fn word(state: &StepState, over: bool) -> &'static str {
    match state {
        StepState::Waiting { .. } if over => "not begun",
        StepState::Waiting { .. } => "waiting",
        StepState::Running { .. } => "running",
        StepState::Skipped => "skipped",
        StepState::Ended { attempts } => match attempts.last().map(|last| &last.outcome) {
            Some(StepOutcome::Succeeded) => "succeeded",
            Some(StepOutcome::Failed { .. }) => "failed",
            Some(StepOutcome::TimedOut) => "timed out",
            Some(StepOutcome::Cancelled) => "cancelled",
            Some(StepOutcome::Errored { .. }) | None => "errored",
        },
    }
}

/// Returns test counts in words.
pub(super) fn tests(counts: TestCounts) -> String {
    let TestCounts { passed, failed, skipped } = counts;
    let mut said = format!("{passed} passed, {failed} failed");
    if skipped > 0 {
        said.push_str(&format!(", {skipped} left out"));
    }
    said
}

/// Returns the steps of `owner`, with the one that is asked for, or needs attention, chosen.
pub(super) fn steps_view(
    state: &Known,
    words: &mut Words,
    owner: StepOwner,
    asked: Option<&str>,
    now: Millis,
) -> StepsView {
    let definitions = state.definitions(owner);
    let Some(steps) = state.steps(owner) else {
        return StepsView { lines: Vec::new(), graph: Html::default(), chosen: None };
    };
    let over = steps.progress() != Progress::Going;
    let known = || definitions.iter().filter_map(|step| Some((step, steps.state(&step.name)?)));
    let with = |wanted: &str| {
        known().find(|(_, state)| word(state, over) == wanted).map(|(step, _)| step.name.clone())
    };
    let chosen = asked
        .and_then(|asked| known().find(|(step, _)| step.name.as_str() == asked))
        .map(|(step, _)| step.name.clone())
        .or_else(|| with("failed"))
        .or_else(|| with("running"))
        .or_else(|| with("errored"))
        .or_else(|| known().next_back().map(|(step, _)| step.name.clone()));
    let here = |name: &StepName| chosen.as_ref() == Some(name);
    let node = |(step, state): (&sluss_core::pipeline::Step, &StepState)| Node {
        name: step.name.to_string(),
        word: match took(state, now) {
            Some(took) => format!("{} · {}", word(state, over), html::duration(took)),
            None => word(state, over).to_owned(),
        },
        tone: Tone::of(word(state, over)),
        needs: step.needs.iter().map(ToString::to_string).collect(),
        address: link::step(owner, &step.name),
        here: here(&step.name),
    };
    let nodes: Vec<Node> = known().map(node).collect();
    let lines = known().map(|(step, state)| {
        let line = line(words, owner, step, state, now);
        let state = html::state(word(state, over));
        StepLine { here: here(&step.name), state, ..line }
    });
    let lines = lines.collect();
    let chosen = chosen.and_then(|name| {
        let log = log_of(steps.state(&name)?)?;
        Some((name, log))
    });
    StepsView { lines, graph: graph(&nodes), chosen }
}

fn took(state: &StepState, now: Millis) -> Option<i64> {
    match state {
        StepState::Running { since, .. } => Some(now.since(*since)),
        StepState::Waiting { attempts } | StepState::Ended { attempts } => {
            attempts.last().map(|last| last.finished.since(last.started))
        }
        StepState::Skipped => None,
    }
}

fn log_of(state: &StepState) -> Option<LogOf> {
    match state {
        StepState::Running { attempt, .. } => {
            Some(LogOf { attempt: *attempt, running: true, log: None })
        }
        StepState::Waiting { attempts } | StepState::Ended { attempts } => {
            let last = attempts.last()?;
            Some(LogOf { attempt: last.number, running: false, log: last.log.clone() })
        }
        StepState::Skipped => None,
    }
}

fn line(
    words: &mut Words,
    owner: StepOwner,
    step: &sluss_core::pipeline::Step,
    state: &StepState,
    now: Millis,
) -> StepLine {
    use sluss_core::pipeline::StepKind;
    let attempts = state.attempts();
    let last = attempts.last();
    let running = match state {
        StepState::Running { attempt, .. } => Some(*attempt),
        StepState::Waiting { .. } | StepState::Ended { .. } | StepState::Skipped => None,
    };
    let count = running.map_or(attempts.len(), usize::from);
    StepLine {
        name: step.name.to_string(),
        address: link::step(owner, &step.name),
        state: Html::default(),
        kind: match step.kind {
            StepKind::Fetch => "fetch: network, no code of the project",
            StepKind::Run => "run: code of the project, no network",
            StepKind::Acceptance => "acceptance: against the test environment",
        },
        took: took(state, now).map_or(String::new(), html::duration),
        attempts: match (count, step.retries) {
            (0, _) => String::new(),
            (count, 0) => count.to_string(),
            (count, retries) => format!("{count} of {}", u32::from(retries) + 1),
        },
        isolation: last.map_or("", |last| isolation(last.isolation)),
        tests: last.and_then(|last| last.tests).map_or(String::new(), tests),
        why: last.map_or(String::new(), |last| why(words, last)),
        here: false,
    }
}

fn isolation(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Namespaces => "namespaces",
        Isolation::Landlock => "landlock",
        Isolation::Unisolated => "unisolated",
    }
}

fn why(words: &mut Words, last: &Attempt) -> String {
    match &last.outcome {
        StepOutcome::Succeeded | StepOutcome::Cancelled => String::new(),
        StepOutcome::Failed { code } => format!("exit code {code}"),
        StepOutcome::TimedOut => "it did not end in time".to_owned(),
        StepOutcome::Errored { why } => {
            why.as_ref().and_then(|digest| words.text(digest)).unwrap_or_default()
        }
    }
}

/// Reads the end of a log.
pub(super) async fn tail(app: &App, owner: StepOwner, step: &StepName, of: &LogOf) -> Tail {
    let (bytes, from) = match &of.log {
        Some(digest) => {
            let whole = match crate::api::step_log::gone(app, digest) {
                Some(said) => said.into_bytes(),
                None => app.engine.parts().blobs.get(digest).await.unwrap_or_default(),
            };
            let from = whole.len();
            (whole, from)
        }
        None => printed(app, owner, step, of.attempt).await,
    };
    let whole = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = whole.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    let mut text: String = shown.iter().map(|line| format!("{}\n", said(line))).collect();
    let mut cut = shown.len() < lines.len();
    if text.len() > BYTES {
        let mut begin = text.len() - BYTES;
        while !text.is_char_boundary(begin) {
            begin += 1;
        }
        text.drain(..begin);
        cut = true;
    }
    let kind = match owner {
        StepOwner::Run(_) => "runs",
        StepOwner::Deployment(_) => "deployments",
    };
    Tail {
        step: step.to_string(),
        attempt: of.attempt,
        running: of.running,
        text,
        cut,
        whole: link::twin(format!("{kind}/{owner}/steps/{step}/log")),
        from,
    }
}

/// Returns the text of a line, without its time and whether it was an error.
fn said(line: &str) -> &str {
    let mut parts = line.splitn(3, '\t');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(ms), Some("o" | "e" | "n"), Some(text)) if ms.parse::<u64>().is_ok() => text,
        _ => line,
    }
}

/// Returns the end of what a running attempt has printed, and its length so far.
async fn printed(app: &App, owner: StepOwner, step: &StepName, attempt: u16) -> (Vec<u8>, usize) {
    let Some(executor) = &app.shared.seams.executor else { return (Vec::new(), 0) };
    let owner = match owner {
        StepOwner::Run(run) => AttemptOwner::Run(run),
        StepOwner::Deployment(deployment) => AttemptOwner::Deployment(deployment),
    };
    let key = AttemptKey { owner, step: step.clone(), attempt: u32::from(attempt) };
    let length = tokio::fs::metadata(executor.log_path(&key)).await.map_or(0, |file| file.len());
    let begin = length.saturating_sub(64 * 1024);
    let piece = executor.read_log(&key, begin, PIECE).await.unwrap_or_default();
    let from = usize::try_from(begin).unwrap_or(usize::MAX).saturating_add(piece.len());
    (piece, from)
}
