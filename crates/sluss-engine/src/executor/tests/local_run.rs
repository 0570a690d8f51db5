//! Whole runs on a working tree.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::journal;
use super::super::plan::{RunOutcome, SkipReason, StepState};
use super::*;

fn run(tree: &Path, steps: &[Step], cancelled: &AtomicBool) -> (LocalRunReport, Vec<LocalEvent>) {
    let mut events = Vec::new();
    let run = LocalRun {
        steps,
        work_tree: tree,
        branch: "main",
        touched: None,
        environment: BTreeMap::new(),
        secrets: BTreeMap::from([("TOKEN".into(), "s3cr3t-value".into())]),
        sluss: Path::new("/nowhere/sluss"),
        parallel: NonZeroUsize::new(2).unwrap(),
        cancelled,
    };
    let report = run_local(&run, &mut |event| {
        events.push(event.clone());
        if matches!(event, LocalEvent::Started { step, .. } if step.as_str() == "stop") {
            cancelled.store(true, Ordering::Relaxed);
        }
    });
    (report.unwrap(), events)
}

fn needing(mut step: Step, needs: &[&str]) -> Step {
    step.needs = needs.iter().map(|need| need.parse().unwrap()).collect();
    step
}

#[test]
fn steps_run_after_their_needs_and_each_result_is_on_disk() {
    let tree = tempfile::tempdir().unwrap();
    let mut flaky = needing(shell("flaky", "test -e tried || { touch tried; exit 1; }"), &["make"]);
    flaky.retries = 1;
    let mut other = shell("other-branch", "exit 1");
    other.when.branches = vec!["release/*".into()];
    let mut show = needing(shell("show", "cat made; echo $TOKEN"), &["make", "other-branch"]);
    show.secrets.insert("TOKEN".into());
    let mut slow = shell("slow", "trap '' TERM; sleep 1000");
    slow.timeout_seconds = 1;
    let steps = [
        shell("make", "echo hello > made"),
        other,
        flaky,
        show,
        slow,
        needing(shell("never", "true"), &["slow"]),
    ];
    let (report, events) = run(tree.path(), &steps, &AtomicBool::new(false));
    let states: Vec<_> = report.steps.iter().map(|(_, state)| *state).collect();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert_eq!(
        states,
        [
            StepState::Succeeded,
            StepState::Skipped(SkipReason::Condition),
            StepState::Succeeded,
            StepState::Succeeded,
            StepState::Failed,
            StepState::Skipped(SkipReason::NeedFailed),
        ]
    );
    let log = std::fs::read_to_string(report.logs.join("show.1.log")).unwrap();
    assert!(log.contains("\to\thello\n") && log.contains("\to\t***\n"), "{log}");
    let records = journal::read(&tree.path().join(".sluss/journal.jsonl")).unwrap();
    let ended = events.iter().filter(|event| matches!(event, LocalEvent::Ended { .. })).count();
    assert_eq!((records.len(), ended), (5, 5));
}

#[test]
fn a_local_step_cannot_write_outside_the_working_tree() {
    let tree = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let line = format!("echo x > {}/new", outside.path().display());
    let (report, _) = run(tree.path(), &[shell("escape", &line)], &AtomicBool::new(false));
    if report.isolation == Isolation::Landlock {
        assert_eq!(report.outcome, RunOutcome::Failed);
        assert!(!outside.path().join("new").exists());
    }
}

#[test]
fn a_cancelled_run_ends_what_runs_and_starts_nothing_more() {
    let tree = tempfile::tempdir().unwrap();
    let steps = [shell("stop", "sleep 1000"), needing(shell("after", "true"), &["stop"])];
    let (report, _) = run(tree.path(), &steps, &AtomicBool::new(false));
    assert_eq!(report.outcome, RunOutcome::Cancelled);
    assert_eq!(report.steps[1].1, StepState::Skipped(SkipReason::RunCancelled));
}

/// Prints what a thousand steps that do nothing cost, beside ninja where that is installed;
/// measure with `cargo test --release -p sluss-engine thousand -- --nocapture`.
#[test]
fn a_thousand_steps_that_do_nothing_cost_little() {
    let tree = tempfile::tempdir().unwrap();
    let steps: Vec<_> = (0..1000)
        .map(|n| Step { command: vec!["true".into()], ..shell(&format!("step-{n}"), "") })
        .collect();
    let since = Stopwatch::start();
    let (report, _) = run(tree.path(), &steps, &AtomicBool::new(false));
    let ours = since.elapsed();
    assert_eq!(report.outcome, RunOutcome::Succeeded);
    let records = journal::read(&tree.path().join(".sluss/journal.jsonl")).unwrap();
    assert_eq!(records.len(), 1000);
    let mut text = String::from("rule t\n  command = true\n");
    (0..1000).for_each(|n| text.push_str(&format!("build out{n}: t\n")));
    std::fs::write(tree.path().join("build.ninja"), text).unwrap();
    let since = Stopwatch::start();
    let ninja = std::process::Command::new("ninja").arg("-C").arg(tree.path()).arg("-j2").output();
    if ninja.is_ok_and(|done| done.status.success()) {
        println!("1000 steps: ours {ours:?}, ninja {:?}", since.elapsed());
    }
}
