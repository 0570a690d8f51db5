//! What is slower than what is live does not replace it unseen.

use expect_test::expect;
use sluss_core::deployment::Phase;
use sluss_core::gate::GateOutcome;
use sluss_core::ids::DeploymentId;
use sluss_core::pipeline::{GateKind, Stage};

use crate::script::play;
use crate::world::{World, measures, production, test_stage};

/// A test environment whose acceptance measures, and production that asks for it.
fn measured(tolerance_ppm: u32) -> Vec<Stage> {
    let (mut test, mut live) = (test_stage(), production());
    test.acceptance[0].reports = vec![measures(tolerance_ppm)];
    live.gates.push(GateKind::Performance);
    vec![test, live]
}

/// A live release, and one that follows it, whose acceptance says `measured`; what its gate says.
fn second(stages: Vec<Stage>, says: &str) -> (World, String) {
    let mut world = World::new(measured(100_000));
    play(
        &mut world,
        "0 policy never carl by anna
        1 push main anna by anna
        2 go until accept
        3 claim accept
        4 measure accept none checkout
        5 go",
    );
    world.stages = stages;
    play(
        &mut world,
        &format!(
            "500 push main anna by anna
            501 go until accept
            502 claim accept
            503 {says}
            504 go"
        ),
    );
    let gate = world.state.deployments[&DeploymentId(4)].gates.get(&GateKind::Performance).cloned();
    let said = gate.map_or_else(|| "not asked".to_owned(), |gate| gate.sentence());
    (world, said)
}

#[test]
fn a_first_release_is_measured_and_slower_than_nothing() {
    let (world, _) = second(measured(100_000), "finish dep-3 accept 1 passed");
    let first = &world.state.deployments[&DeploymentId(2)];
    assert!(matches!(first.phase, Phase::Live { .. }), "{:?}", first.phase);
    let gate = first.gates[&GateKind::Performance].sentence();
    expect!["It was measured, and nothing is live that it could be slower than."].assert_eq(&gate);
}

#[test]
fn what_is_slower_than_what_is_live_is_refused_and_says_where() {
    let says = "measure accept r1 checkout=24%:slower login=-3%:within";
    let (world, said) = second(measured(100_000), says);
    expect!["It is slower than what is live by more than it may be: checkout +24 %."]
        .assert_eq(&said);
    assert!(matches!(world.state.deployments[&DeploymentId(4)].phase, Phase::Refused { .. }));
}

#[test]
fn what_is_as_fast_goes_on() {
    let says = "measure accept r1 checkout=4%:within login=-3%:within";
    let (world, said) = second(measured(100_000), says);
    expect!["Beside rel-1, which was live, all 2 metrics are within the tolerance."]
        .assert_eq(&said);
    assert!(!matches!(world.state.deployments[&DeploymentId(4)].phase, Phase::Requested));
}

#[test]
fn what_is_not_proved_either_way_asks_a_person() {
    for (stages, says, why) in [
        (
            measured(100_000),
            "measure accept r1 checkout=9%:undecided",
            "Its measurements do not say whether it is slower than what is live: checkout +9 %.",
        ),
        (
            measured(100_000),
            "measure accept none checkout",
            "It was measured before anything was live beside it.",
        ),
        (
            vec![test_stage(), production()],
            "finish dep-3 accept 1 passed",
            "It is no longer measured beside what is live.",
        ),
        (
            measured(200_000),
            "measure accept r1 checkout=15%:within",
            "It lets itself be 20 % slower than what is live, which might be 10 %.",
        ),
    ] {
        let (mut world, said) = second(stages, says);
        let waits = format!("{why} It waits for the decision of a second person.");
        assert_eq!(said, waits);
        assert_eq!(world.state.deployments[&DeploymentId(4)].phase, Phase::Requested);
        play(&mut world, "600 approve dep-4 by carl\n601 go");
        let deployment = &world.state.deployments[&DeploymentId(4)];
        assert!(deployment.gates[&GateKind::Performance].is_cleared(), "{why}");
    }
}

#[test]
fn a_gate_without_a_measurement_is_shut() {
    let (mut test, says) = (measured(100_000), "finish dep-3 accept 1 passed");
    test[0] = test_stage();
    let (world, said) = second(test, says);
    expect!["No step measured it beside what is live; no data is not a pass."].assert_eq(&said);
    assert!(matches!(world.state.deployments[&DeploymentId(4)].phase, Phase::Refused { .. }));
}

#[test]
fn a_step_that_failed_measured_nothing() {
    let mut world = World::new(measured(100_000));
    play(
        &mut world,
        "0 policy never carl by anna
        1 push main anna by anna
        2 go until accept
        3 claim accept
        4 measure accept none checkout
        5 go",
    );
    let state = &world.state;
    assert_eq!(state.measured_of(sluss_core::ids::ReleaseId(1), 1).len(), 1);
    assert_eq!(state.measured_of(sluss_core::ids::ReleaseId(1), 0).len(), 0, "before the test");
    let GateOutcome::Cleared { .. } =
        &state.deployments[&DeploymentId(2)].gates[&GateKind::Performance]
    else {
        panic!("a first release is measured alone");
    };
}
