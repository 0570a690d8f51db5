//! Policies that only warn, and policies as versions: how they came into force, and when they are
//! looked at again.

use expect_test::expect;
use sluss_core::event::Event;
use sluss_core::gate::GateOutcome;
use sluss_core::ids::Digest;
use sluss_core::pipeline::GateKind;
use sluss_core::policies::{Mode, REVIEW_MS};
use sluss_core::rules::PolicyRecord;
use sluss_core::units::Millis;
use sluss_core::weakening::Weakening;

use crate::script::{check, play};
use crate::world::{World, production};

/// What the gate of policies decided last, and of what it keeps a record.
fn decided(world: &World) -> (String, Option<PolicyRecord>) {
    let of = |event: &Event| match event {
        Event::GateDecided { gate: GateKind::Policy, outcome, policy, .. } => {
            Some((outcome.sentence(), policy.clone()))
        }
        _another => None,
    };
    world.log.iter().rev().find_map(|(_, event)| of(event)).expect("a decision")
}

#[test]
fn what_policies_that_only_warn_would_refuse_is_recorded_and_keeps_nothing() {
    for (policies, why) in [
        ("strict", "What only warns would refuse it: sbom."),
        ("core", "What only warns would refuse it: core.evidence."),
        (
            "none",
            "The policies only warn; they would refuse it, since they came to no answer \
             (undefined).",
        ),
    ] {
        let mut world = World::new(vec![production()]);
        play(
            &mut world,
            &format!(
                "0 policy always-warns {policies} all bob by anna
                1 push main anna by anna
                2 go"
            ),
        );
        let (said, record) = decided(&world);
        assert_eq!(said, why);
        assert_eq!(record.unwrap().mode, Mode::Warn);
        let gate = &world.state.deployments.values().next().unwrap().gates[&GateKind::Policy];
        assert!(gate.is_cleared());
    }
}

#[test]
fn a_rule_that_only_warns_keeps_nothing_and_what_is_compiled_in_never_only_warns() {
    let last = |policies: &str, warn: &str| {
        let mut world = World::new(vec![production()]);
        play(
            &mut world,
            &format!(
                "0 policy always-warns {policies} {warn} bob by anna
                1 push main anna by anna
                2 go"
            ),
        );
        decided(&world).0
    };
    assert_eq!(last("strict", "sbom"), "What only warns would refuse it: sbom.");
    assert_eq!(last("strict", "scan"), "The policies deny it: sbom.");
    assert_eq!(last("core", "core.evidence"), "The policies deny it: core.evidence.");
    let undefined = "The policies came to no answer (undefined), so it does not go.";
    assert_eq!(last("none", "sbom"), undefined);
}

#[test]
fn enforcing_less_of_the_same_policies_takes_two_who_did_not_write_it() {
    for warn in ["all", "sbom"] {
        let mut world = World::new(vec![production()]);
        play(&mut world, "0 policy always-warns strict none bob carl by anna");
        play(&mut world, &format!("1 policy always-warns strict {warn} bob carl by anna"));
        assert_eq!(world.state.weakenings(2), [Weakening::PolicyMode]);
        play(&mut world, "2 approve cfg-2 by bob");
        assert!(world.state.organisation.as_ref().unwrap().policy.is_usual(), "one is not enough");
        play(&mut world, "3 approve cfg-2 by carl");
        assert!(!world.state.organisation.as_ref().unwrap().policy.is_usual());
        // Enforcing it again asks more, so one agrees.
        play(&mut world, "4 policy always-warns strict none bob carl by anna");
        assert_eq!(world.state.weakenings(3), []);
    }
}

#[test]
fn a_decision_names_the_commit_and_the_approval_by_which_its_policies_came_into_force() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy always bob carl by anna
        1 policy always-of lenient bob carl by anna
        2 approve cfg-2 by bob
        3 push main anna by anna
        4 go",
    );
    let record = decided(&world).1.unwrap();
    let leaf = usize::try_from(record.approved_leaf.unwrap()).unwrap();
    assert!(matches!(world.log[leaf].1, Event::ApprovalGranted { .. }), "{:?}", world.log[leaf]);
    assert_eq!(record.commit, Some(world.state.proposals[&2].commit.clone()));
    assert_eq!(record.bundle_sha256, Digest::of(b"lenient"));
    // Another configuration with the same policies is no other version of them.
    play(&mut world, "5 policy always-of lenient bob carl dora by anna\n6 approve cfg-3 by carl");
    let version = world.state.policy_version.as_ref().unwrap();
    assert_eq!((version.number, version.approved_leaf), (2, record.approved_leaf));
}

#[test]
fn policies_that_nobody_looked_at_for_a_year_are_told_of_once_and_a_review_puts_that_off() {
    let year = REVIEW_MS / 1000;
    check(
        vec![production()],
        &format!(
            "~0 policy never bob by anna
            ~10 policy of lenient bob carl by anna
            {} tick
            {} tick
            {} tick",
            year + 9,
            year + 10,
            year + 11
        ),
        expect![[r#"
            31536009 tick
            31536010 tick
                policy.review_overdue b09c7a92950662ac6ee1 due=31536010000
            31536011 tick
        "#]],
    );
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        &format!(
            "0 policy always-warns lenient none bob by anna
            {} policy always-warns lenient reviewed bob by anna
            {} approve cfg-2 by bob",
            year - 100,
            year - 50
        ),
    );
    let due = Millis((year - 100) * 1000).plus(REVIEW_MS);
    assert_eq!(world.state.policy_review_due(), Some(due));
    assert_eq!(world.state.policy_review_overdue(Millis(year * 1000)), None);
    assert_eq!(world.state.policy_review_overdue(due), Some(due));
}

#[test]
fn where_nothing_was_decided_in_that_time_new_policies_are_not_checked() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy always-of strict bob carl by anna
        1 policy always-of lenient bob carl by anna
        2 compared 2 nothing",
    );
    assert_eq!(world.state.weakenings(2), [Weakening::PoliciesNotCompared]);
    play(&mut world, "3 approve cfg-2 by bob\n4 approve cfg-2 by carl");
    let version = world.state.policy_version.as_ref().unwrap();
    assert_eq!(version.report, Some(Digest::of(b"report")), "the version names the report");
}

#[test]
fn an_outcome_that_only_warns_says_which_input_it_is_of() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy always-warns strict all bob by anna\n1 push main anna by anna\n2 go",
    );
    let gate = &world.state.deployments.values().next().unwrap().gates[&GateKind::Policy];
    assert_eq!(gate.input(), Some(&Digest::of(b"input")));
    assert!(matches!(gate, GateOutcome::Cleared { .. }));
}
