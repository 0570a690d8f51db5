//! The line, stopped by one person and lifted by two others.

use expect_test::expect;

use crate::script::check;
use crate::world::{production, staging, test_stage};

/// One release is live, and the next one has its first share.
const ROLLING: &str = "~0 policy never bob carl erik dora by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go";

#[test]
fn a_stopped_line_starts_and_grows_nothing_until_two_others_lift_it() {
    check(
        vec![production()],
        &format!(
            "{ROLLING}
        5 stop all by mallory
        6 stop service:other by anna
        7 stop all by bob agent
        8 stop all by anna
        9 favourable
        ~10 push main anna by anna
        11 go
        12 unstop stp-1 by bob
        13 unstop stp-1 by mallory
        14 unstop stp-1 by anna
        15 unstop stp-1 by carl agent
        16 unstop stp-1 by carl stale
        17 unstop stp-1 by carl
        18 unstop stp-1 by carl
        19 favourable
        20 unstop stp-1 by erik
        21 unstop stp-1 by dora
        22 favourable"
        ),
        expect![[r#"
            5 stop all by mallory
                Denied: To stop the line takes the role of a developer or an approver.
                + access.refused stop-line missing_role
            6 stop service:other by anna
                NotFound: There is nothing called `service:other`, so nothing was stopped.
            7 stop all by bob agent
                line.stopped bob 8fcfccf675b1f0bfd39d all stp-1
            8 stop all by anna
                Conflict: stp-1 has stopped everything already.
            9 favourable
                rollout.observed dep-2 second 9 favourable
            11 go
                step.started attempt=1 run-3 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-3 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-3
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided core.freeze dep-3 freeze outcome={on:{stopped:{scope:all,stop:stp-1}},outcome:waiting}
                gate.decided core.evidence_signed dep-3 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
            12 unstop stp-1 by bob
                Denied: You stopped the line, so others lift that.
                + access.refused lift-line core.sod.distinct same_person
            13 unstop stp-1 by mallory
                Denied: Lifting a stop takes the role of an approver, and you don't have it.
                + access.refused lift-line missing_role
            14 unstop stp-1 by anna
                Denied: Lifting a stop takes the role of an approver, and you don't have it.
                + access.refused lift-line missing_role
            15 unstop stp-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused lift-line core.identity.human not_a_person
            16 unstop stp-1 by carl stale
                Denied: A decision asks for your password again.
                + access.refused lift-line core.identity.human not_reauthenticated
            17 unstop stp-1 by carl
                line.lift_agreed carl 8fcfccf675b1f0bfd39d stp-1
            18 unstop stp-1 by carl
                Conflict: You agreed to lift stp-1 already; it takes one more person.
                + access.refused lift-line core.sod.distinct same_person
            19 favourable
                rollout.observed dep-2 second 19 favourable
            20 unstop stp-1 by erik
                line.lift_agreed erik 8fcfccf675b1f0bfd39d stp-1
                line.lifted stp-1
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-3
            21 unstop stp-1 by dora
                Conflict: stp-1 is lifted already.
            22 favourable
                rollout.observed dep-2 second 22 favourable
                rollout.shifted dep-2 leg=1 50 %
            pay/production: rel-1 50 % rel-2 50 %
        "#]],
    );
}

#[test]
fn what_goes_wrong_is_taken_back_while_the_line_is_stopped() {
    check(
        vec![production()],
        &format!(
            "{ROLLING}
        5 stop environment:production by anna
        6 unfavourable"
        ),
        expect![[r#"
            5 stop environment:production by anna
                line.stopped anna 8fcfccf675b1f0bfd39d environment:producti stp-1
            6 unfavourable
                rollout.observed dep-2 second 6 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_is_live_can_be_taken_back_by_hand_while_the_line_is_stopped() {
    check(
        vec![production()],
        &format!(
            "{ROLLING}
        ~5 favourable
        ~6 favourable
        7 stop product:bank by anna
        8 rollback production by anna"
        ),
        expect![[r#"
            7 stop product:bank by anna
                line.stopped anna 8fcfccf675b1f0bfd39d product:bank stp-1
            8 rollback production by anna
                deployment.rolled_back by_hand dep-2 dep-1
                release.barred rel-2
                incident.opened by_hand dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_bakes_while_the_line_is_stopped_is_not_blamed_for_that() {
    check(
        vec![production()],
        "~0 policy never bob carl erik dora by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 stop service:pay by anna
        5 ready
        1000 tick
        ~1001 unstop stp-1 by bob
        1002 unstop stp-1 by carl
        1003 tick
        1302 tick",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-1
                deployment.started dep-1
            4 stop service:pay by anna
                line.stopped anna 8fcfccf675b1f0bfd39d service:pay stp-1
            5 ready
            1000 tick
            1002 unstop stp-1 by carl
                line.lift_agreed carl 8fcfccf675b1f0bfd39d stp-1
                line.lifted stp-1
            1003 tick
            1302 tick
                deployment.rolled_back not_ready dep-1
                release.barred rel-1
                incident.opened not_ready dep-1 inc-1
            pay/production:
        "#]],
    );
}

#[test]
fn neither_an_override_nor_an_emergency_goes_past_a_stop() {
    check(
        vec![production()],
        "~0 policy never bob carl erik dora by anna
        ~1 stop all by erik
        ~1 push main anna by anna
        2 go
        ~3 except freeze dep-1 1000 by dora
        4 grant exc-1 by bob
        ~5 except emergency dep-1 1000 by anna
        6 grant exc-2 by bob",
        expect![[r#"
            2 go
                step.started attempt=1 run-1 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-1 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided core.freeze dep-1 freeze outcome={on:{stopped:{scope:all,stop:stp-1}},outcome:waiting}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            4 grant exc-1 by bob
                exception.granted bob exc-1
            6 grant exc-2 by bob
                exception.granted bob exc-2
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:{exception:{exception:exc-2}}}
        "#]],
    );
}

#[test]
fn a_stop_holds_test_environments_too_and_says_so_at_their_gate() {
    check(
        vec![test_stage(), staging()],
        "~0 policy never bob carl by anna
        ~1 stop all by anna
        ~2 push main anna by anna
        3 go
        ~4 unstop stp-1 by bob
        5 unstop stp-1 by carl",
        expect![[r#"
            3 go
                step.started attempt=1 run-1 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-1 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
                release.created rel-1 run-1
                deployment.requested dep-1 test-1 rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided core.freeze dep-1 freeze outcome={on:{stopped:{scope:all,stop:stp-1}},outcome:waiting}
            5 unstop stp-1 by carl
                line.lift_agreed carl 8fcfccf675b1f0bfd39d stp-1
                line.lifted stp-1
                gate.decided dep-1 freeze outcome={outcome:cleared,why:line_runs}
                deployment.cleared dep-1
                environment.created dep-1 test-1
                deployment.started dep-1
            pay/test-1: rel-1 0 %
        "#]],
    );
}
