//! The stories that the domain tells: changes on their way, and what comes of them.

use expect_test::expect;

use crate::script::check;
use crate::world::{production, staging, test_stage};

#[test]
fn a_change_goes_to_production_and_the_first_release_asks_a_second_person() {
    check(
        vec![production()],
        "0 open
        1 policy first bob carl by anna
        2 push main anna by anna
        3 claim build
        4 finish run-1 build 1 untested
        5 claim test
        6 finish run-1 test 1 passed
        7 pack
        8 approve dep-1 by bob
        9 ready
        ~9 favourable",
        expect![[r#"
            0 open
                log.opened demo=false bank
            1 policy first bob carl by anna
                config.proposed anna number=1
                config.activated number=1
                access.role_changed gained=["257d3ddc0e1b516d69c3aa88bdf66e098e598b0e6b1f7d373102f1950e45627c","a9f7d1eee12252d8593b319574470b2d0b78f20c93e12cd378d597f5070b7016","ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079","ae7e68fe11fb021f51adfc68289d96e14f670b5f60dbfb321c07c4d3b2850938"] lost=[] number=1 developer
                access.role_changed gained=["2c03fb52b0cadebc269d9f45b14e2ab2b759f3c47f479c78c83aec3182221ecd","ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079"] lost=[] number=1 approver
            2 push main anna by anna
                service.registered bank pay
                change.pushed chg-1 main anna pay
                change.received chg-1
                run.queued chg-1 run-1
            3 claim build
                step.started attempt=1 run-1 build
            4 finish run-1 build 1 untested
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build
            5 claim test
                step.started attempt=1 run-1 test
            6 finish run-1 test 1 passed
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
            7 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                approval.requested dep-1 first_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            8 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            9 ready
                rollout.shifted dep-1 leg=0 100 %
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_newer_change_goes_before_an_older_one_that_waits() {
    check(
        vec![production()],
        "~0 policy always carl by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main bob by bob
        ~4 claim build
        ~4 finish run-2 build 1 untested
        ~4 claim test
        ~4 finish run-2 test 1 passed
        5 pack
        6 approve dep-1 by carl
        7 approve dep-2 by carl
        8 ready
        ~8 favourable
        9 promote rel-1 by anna
        10 promote rel-2 by anna",
        expect![[r#"
            5 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                deployment.superseded dep-2 dep-1
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                approval.requested dep-2 each_release
                gate.decided dep-2 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            6 approve dep-1 by carl
                Conflict: dep-1 no longer waits for a decision.
            7 approve dep-2 by carl
                approval.granted carl dep-2
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-2
                deployment.started dep-2
            8 ready
                rollout.shifted dep-2 leg=0 100 %
            9 promote rel-1 by anna
                deployment.requested anna dep-3 production rel-1 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
            10 promote rel-2 by anna
                Conflict: rel-2 is in its last environment.
            pay/production: rel-2 100 %
        "#]],
    );
}

#[test]
fn of_two_changes_in_a_second_the_newer_one_is_delivered_with_both() {
    check(
        vec![production()],
        "~0 policy never by anna
        1 push main anna by anna
        1 push main bob by bob
        1 claim build
        1 claim build
        1 finish run-2 build 1 untested
        1 claim test
        1 finish run-2 test 1 passed
        1 pack
        2 ready
        ~2 favourable
        3 finish run-1 build 1 untested
        ~3 claim test
        ~3 finish run-1 test 1 passed
        4 pack",
        expect![[r#"
            1 push main anna by anna
                service.registered bank pay
                change.pushed chg-1 main anna pay
                change.received chg-1
                run.queued chg-1 run-1
            1 push main bob by bob
                change.pushed chg-2 main bob pay
                change.received chg-2
                run.queued chg-2 run-2
            1 claim build
                step.started attempt=1 run-1 build
            1 claim build
                step.started attempt=1 run-2 build
            1 finish run-2 build 1 untested
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build
            1 claim test
                step.started attempt=1 run-2 test
            1 finish run-2 test 1 passed
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
            1 pack
                release.created rel-1 run-2
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-1
                deployment.started dep-1
            2 ready
                rollout.shifted dep-1 leg=0 100 %
            3 finish run-1 build 1 untested
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build
            4 pack
                release.created rel-2 run-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn branches_are_proposed_replaced_merged_and_deleted_while_running() {
    check(
        vec![production()],
        "~0 policy first bob dora carl by anna
        1 push topic bob by bob
        2 claim build
        3 push topic bob by bob
        4 finish run-1 build 1 cancelled
        5 push main anna by anna
        6 merged 2 into 1
        7 merged 2 into 3
        8 deleted topic
        9 push idea erik by erik
        10 claim build
        11 deleted idea
        12 announce main anna by anna
        13 lost 5
        14 received 5
        ~15 go
        16 approve dep-1 by bob
        17 approve dep-1 by dora",
        expect![[r#"
            1 push topic bob by bob
                service.registered bank pay
                change.pushed chg-1 topic bob pay
                change.received chg-1
                run.queued chg-1 run-1
            2 claim build
                step.started attempt=1 run-1 build
            3 push topic bob by bob
                change.pushed chg-2 topic bob pay
                change.received chg-2
                change.withdrawn chg-1 replaced
                run.cancelled run-1
                run.queued chg-2 run-2
            4 finish run-1 build 1 cancelled
                step.finished attempt=1 isolated outcome={outcome:cancelled} run-1 build
            5 push main anna by anna
                change.pushed chg-3 main anna pay
                change.received chg-3
                run.queued chg-3 run-3
            6 merged 2 into 1
            7 merged 2 into 3
                change.merged chg-2 chg-3
            8 deleted topic
            9 push idea erik by erik
                change.pushed chg-4 idea erik pay
                change.received chg-4
                run.queued chg-4 run-4
            10 claim build
                step.started attempt=1 run-2 build
            11 deleted idea
                change.withdrawn chg-4 branch_deleted
                run.cancelled run-4
            12 announce main anna by anna
                change.pushed chg-5 main anna pay
            13 lost 5
                change.withdrawn chg-5 push_incomplete
            14 received 5
            16 approve dep-1 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            17 approve dep-1 by dora
                approval.granted dora dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn what_was_pushed_later_stays_also_when_it_is_received_earlier() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 announce topic anna by anna
        ~1 announce topic anna by anna
        2 received 2
        3 received 1",
        expect![[r#"
            2 received 2
                change.received chg-2
                run.queued chg-2 run-1
            3 received 1
                change.received chg-1
                change.withdrawn chg-1 replaced
        "#]],
    );
}

#[test]
fn steps_are_retried_and_lost_attempts_come_on_top() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 claim build
        3 finish run-1 build 2 untested
        4 finish run-1 build 1 errored
        5 finish run-1 build 1 untested
        6 claim build
        7 finish run-1 build 2 errored
        8 claim build
        9 finish run-1 build 3 untested
        10 claim test
        11 finish run-1 test 1 late
        12 claim test
        13 finish run-1 test 2 errored
        14 claim test
        15 finish run-1 test 3 failed",
        expect![[r#"
            3 finish run-1 build 2 untested
            4 finish run-1 build 1 errored
                step.finished attempt=1 isolated outcome={outcome:errored,why:null} run-1 build
            5 finish run-1 build 1 untested
            6 claim build
                step.started attempt=2 run-1 build
            7 finish run-1 build 2 errored
                step.finished attempt=2 isolated outcome={outcome:errored,why:null} run-1 build
            8 claim build
                step.started attempt=3 run-1 build
            9 finish run-1 build 3 untested
                step.finished attempt=3 isolated outcome={outcome:succeeded} run-1 build
            10 claim test
                step.started attempt=1 run-1 test
            11 finish run-1 test 1 late
                step.finished attempt=1 isolated outcome={outcome:timed_out} run-1 test
            12 claim test
                step.started attempt=2 run-1 test
            13 finish run-1 test 2 errored
                step.finished attempt=2 isolated outcome={outcome:errored,why:null} run-1 test
            14 claim test
                step.started attempt=3 run-1 test
            15 finish run-1 test 3 failed
                step.finished attempt=3 isolated outcome={code:1,outcome:failed} run-1 test
                run.failed run-1 test
        "#]],
    );
}

#[test]
fn a_test_environment_is_set_up_accepted_and_removed() {
    check(
        vec![test_stage(), production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 ready
        5 claim accept
        6 finish dep-1 accept 1 passed
        7 ready
        ~7 favourable",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 test-1 rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                deployment.cleared dep-1
                environment.created dep-1 test-1
                deployment.started dep-1
            4 ready
                deployment.live dep-1
            5 claim accept
                step.started attempt=1 dep-1 accept
            6 finish dep-1 accept 1 passed
                step.finished attempt=1 isolated outcome={outcome:succeeded} dep-1 accept tests={failed:0,passed:12,skipped:0}
                environment.removed accepted=true dep-1
                deployment.requested dep-2 production rel-1 stage=1
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                deployment.cleared dep-2
                deployment.started dep-2
            7 ready
                rollout.shifted dep-2 leg=0 100 %
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_is_not_accepted_goes_no_further() {
    check(
        vec![test_stage(), production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 passed
        ~3 pack
        ~4 ready
        ~5 claim accept
        6 finish dep-1 accept 1 failed
        7 promote rel-1 production by anna
        8 promote rel-1 by anna
        9 late",
        expect![[r#"
            6 finish dep-1 accept 1 failed
                step.finished attempt=1 isolated outcome={code:1,outcome:failed} dep-1 accept
                environment.removed accepted=false dep-1
            7 promote rel-1 production by anna
                Conflict: rel-1 has not passed `test` yet.
            8 promote rel-1 by anna
                deployment.requested anna dep-2 test-2 rel-1 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                deployment.cleared dep-2
                environment.created dep-2 test-2
                deployment.started dep-2
            9 late
                environment.removed accepted=false dep-2
        "#]],
    );
}

#[test]
fn a_release_asked_for_once_more_does_not_go_where_it_is() {
    check(
        vec![test_stage(), staging(), production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        3 promote rel-1 by anna
        4 promote rel-1 staging by anna
        5 promote rel-1 test by anna
        ~6 go
        7 tick",
        expect![[r#"
            3 promote rel-1 by anna
                Conflict: rel-1 is in its last environment.
            4 promote rel-1 staging by anna
                Conflict: rel-1 is in `staging`, or on its way there.
            5 promote rel-1 test by anna
                deployment.requested anna dep-4 test-4 rel-1 stage=0
                gate.decided dep-4 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                deployment.cleared dep-4
                environment.created dep-4 test-4
                deployment.started dep-4
            7 tick
            pay/production: rel-1 100 %
            pay/staging: rel-1 100 %
        "#]],
    );
}
