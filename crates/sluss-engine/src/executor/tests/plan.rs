//! The scheduler, case by case and over random graphs.

use proptest::prelude::*;

use super::super::plan::{
    Attempt, Attempts, Circumstances, MOST_ERRORED, Plan, RunOutcome, SkipReason, StepState,
    schedule,
};
use super::*;

const MAIN: Circumstances<'_> = Circumstances { branch: "main", touched: None };

fn steps(graph: &[(&str, &[&str])]) -> Vec<Step> {
    graph
        .iter()
        .map(|(name, needs)| {
            let needs = needs.iter().map(|need| need.parse().unwrap()).collect();
            Step { needs, ..shell(name, "true") }
        })
        .collect()
}

fn after(steps: &[Step], had: &[(&str, &[Attempt])]) -> Plan {
    let attempts: Attempts =
        had.iter().map(|(name, had)| (name.parse().unwrap(), had.to_vec())).collect();
    schedule(steps, &attempts, MAIN)
}

#[test]
fn what_needs_nothing_starts_first_and_the_rest_after_it() {
    let steps = steps(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]);
    let start = StepState::MayStart { attempt: 1 };
    assert_eq!(after(&steps, &[]).states, [start, start, StepState::Waiting]);
    let plan = after(&steps, &[("a", &[Attempt::Succeeded]), ("b", &[Attempt::Succeeded])]);
    assert_eq!(plan.states[2], start);
    let names: Vec<_> = plan.startable(&steps).map(|(step, n)| (step.name.as_str(), n)).collect();
    assert_eq!(names, [("c", 1)]);
}

#[test]
fn a_failure_skips_what_needs_it_and_leaves_the_rest_alone() {
    let steps = steps(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
    let plan = after(&steps, &[("a", &[Attempt::Failed])]);
    let skipped = StepState::Skipped(SkipReason::NeedFailed);
    let start = StepState::MayStart { attempt: 1 };
    assert_eq!(plan.states, [StepState::Failed, skipped, skipped, start]);
    assert_eq!(plan.outcome, None);
    let plan = after(&steps, &[("a", &[Attempt::Failed]), ("d", &[Attempt::Succeeded])]);
    assert_eq!(plan.outcome, Some(RunOutcome::Failed));
}

#[test]
fn retries_are_used_up_by_failures_and_not_by_errors() {
    let mut steps = steps(&[("a", &[])]);
    steps[0].retries = 1;
    let had = [Attempt::Errored, Attempt::Failed];
    assert_eq!(after(&steps, &[("a", &had)]).states, [StepState::MayStart { attempt: 3 }]);
    let had = [Attempt::Errored, Attempt::Failed, Attempt::Failed];
    assert_eq!(after(&steps, &[("a", &had)]).outcome, Some(RunOutcome::Failed));
    let plan = after(&steps, &[("a", &[Attempt::Errored; MOST_ERRORED])]);
    assert_eq!(plan.outcome, Some(RunOutcome::Errored));
}

#[test]
fn a_condition_that_does_not_hold_stands_in_nobodys_way() {
    let mut steps = steps(&[("a", &[]), ("b", &["a"])]);
    steps[0].when.paths = vec!["docs/*".into()];
    let touched = ["src/main.rs".to_owned()];
    let circumstances = Circumstances { branch: "main", touched: Some(&touched) };
    let plan = schedule(&steps, &Attempts::new(), circumstances);
    let start = StepState::MayStart { attempt: 1 };
    assert_eq!(plan.states, [StepState::Skipped(SkipReason::Condition), start]);
    assert_eq!(schedule(&steps, &Attempts::new(), MAIN).states[0], start);
}

#[test]
fn nothing_starts_once_somebody_ended_the_run() {
    let steps = steps(&[("a", &[]), ("b", &[])]);
    let plan = after(&steps, &[("a", &[Attempt::Cancelled])]);
    assert_eq!(plan.states[1], StepState::Skipped(SkipReason::RunCancelled));
    assert_eq!(plan.outcome, Some(RunOutcome::Cancelled));
}

proptest! {
    /// Any run whose attempts end somehow comes to an end, starts nothing before its needs, and
    /// succeeds only if nothing failed.
    #[test]
    fn every_run_ends_and_starts_nothing_too_early(
        needs in proptest::collection::vec(proptest::collection::vec(0_usize..12, 0..3), 1..12),
        ends in proptest::collection::vec(0_u8..4, 200),
        retries in 0_u8..3,
    ) {
        let name = |n: usize| format!("s{n}").parse::<StepName>().unwrap();
        let steps: Vec<Step> = needs.iter().enumerate().map(|(n, needs)| {
            let needs = needs.iter().filter(|need| **need < n).map(|need| name(*need)).collect();
            Step { needs, retries, ..shell(&format!("s{n}"), "true") }
        }).collect();
        let mut attempts = Attempts::new();
        let mut ends = ends.into_iter().cycle();
        for _ in 0..1000 {
            let plan = schedule(&steps, &attempts, MAIN);
            let Some((step, number)) = plan.startable(&steps).last() else { break };
            for need in &step.needs {
                prop_assert_eq!(attempts[need].last(), Some(&Attempt::Succeeded));
            }
            let had = attempts.entry(step.name.clone()).or_default();
            prop_assert_eq!(had.len() + 1, number as usize);
            had.push(match ends.next() {
                Some(0) => Attempt::Failed,
                Some(1) => Attempt::Errored,
                _ => Attempt::Succeeded,
            });
        }
        let plan = schedule(&steps, &attempts, MAIN);
        prop_assert!(plan.outcome.is_some(), "{:?}", plan.states);
        let all = plan.states.iter().all(|state| *state == StepState::Succeeded);
        prop_assert_eq!(plan.outcome == Some(RunOutcome::Succeeded), all);
    }
}
