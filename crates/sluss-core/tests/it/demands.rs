//! What a service can't leave out of its way to customers.

use expect_test::expect;
use sluss_core::decide::{Actor, Blame, Command, decide};
use sluss_core::ids::{ChangeId, DeploymentId};
use sluss_core::objectives::Objectives;
use sluss_core::pipeline::{EnvironmentKind, Replacement, Stage};
use sluss_core::units::Millis;

use crate::script::{check, go, play};
use crate::world::{World, actor, production};

/// A stage that comes and goes.
fn ephemeral() -> Stage {
    Stage { environment: "test".parse().unwrap(), kind: EnvironmentKind::Ephemeral, ..careless() }
}

/// A stage as careless as a service can write it.
fn careless() -> Stage {
    Stage { gates: Vec::new(), replacement: Replacement::AtOnce, ..production() }
}

#[test]
fn a_service_that_leaves_out_its_tests_is_refused_where_they_are_required() {
    check(
        vec![careless()],
        "~0 policy never require by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 untested
        3 pack",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:refused,why:no_tests}
                deployment.refused dep-1 tests
        "#]],
    );
}

#[test]
fn a_test_environment_after_the_last_one_takes_nothing_of_what_is_required_away() {
    check(
        vec![careless(), ephemeral()],
        "~0 policy never require by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 untested
        3 pack",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:refused,why:no_tests}
                deployment.refused dep-1 tests
        "#]],
    );
}

#[test]
fn a_service_that_leaves_out_the_verdict_is_judged_where_it_is_required() {
    check(
        vec![careless()],
        "~0 policy never require by anna
        ~1 push main anna by anna
        ~2 go
        ~5 push main anna by anna
        6 go
        7 unfavourable",
        expect![[r#"
            6 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-2
                deployment.started dep-2
                rollout.shifted dep-2 leg=0 10 %
            7 unfavourable
                rollout.observed dep-2 second 7 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_first_release_that_only_the_organisation_has_judged_keeps_to_its_own_objectives() {
    let mut world = World::new(vec![careless()]);
    play(&mut world, "0 policy never require by anna");
    let objectives = Objectives { errors_ppm: 500, ..Objectives::default() };
    let mut command = world.push("main", &["anna"]);
    if let Command::Push { push, .. } = &mut command {
        push.pipeline = push.pipeline.clone().with_objectives(Some(objectives));
    }
    world.tell(command, &actor("anna")).unwrap();
    world.tell(Command::Received { change: ChangeId(1) }, &Actor::System).unwrap();
    go(&mut world);
    let stage = &world.state.deployments[&DeploymentId(1)].stage;
    let Replacement::Progressive(plan) = &stage.replacement else { panic!("it is not judged") };
    assert_eq!(plan.objectives, objectives);
}

#[test]
fn the_second_person_and_the_calendar_are_asked_also_by_a_stage_that_names_no_gate() {
    check(
        vec![careless()],
        "~0 policy always bob by anna
        ~1 push main anna by anna
        2 go",
        expect![[r#"
            2 go
                step.started attempt=1 run-1 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-1 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
        "#]],
    );
}

#[test]
fn evidence_lets_nothing_grow_while_the_clock_is_not_trusted() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~5 push main anna by anna
        ~6 go
        7 jump
        8 favourable
        9 returned
        10 favourable",
        expect![[r#"
            7 jump
                log.gap milliseconds=3600000
            8 favourable
                rollout.observed dep-2 second 8 favourable
            9 returned
                log.gap_ended confirmed=false
            10 favourable
                rollout.observed dep-2 second 10 favourable
                rollout.shifted dep-2 leg=1 50 %
            pay/production: rel-1 50 % rel-2 50 %
        "#]],
    );
}

#[test]
fn only_sluss_itself_reports_what_its_parts_did() {
    let world = World::new(vec![production()]);
    let jumped = || Command::ClockJumped { milliseconds: 1 };
    for person in [actor("anna"), Actor::Agent { who: actor("anna").who().unwrap().clone() }] {
        let refusal = decide(&world.state, jumped(), &person, Millis(0)).unwrap_err();
        assert_eq!(refusal.blame, Blame::Denied);
        assert!(refusal.record.is_some());
    }
    assert_eq!(decide(&world.state, jumped(), &Actor::System, Millis(0)).unwrap().len(), 1);
}
