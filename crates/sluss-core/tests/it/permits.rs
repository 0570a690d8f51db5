//! What a release must be permitted: by tests, by people, by the calendar.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

#[test]
fn whoever_contributed_does_not_decide() {
    check(
        vec![production()],
        "~0 policy first anna bob carl dora by anna
        1 push main anna bob by dora
        ~2 go
        3 approve dep-1 by anna
        4 approve dep-1 by bob
        5 approve dep-1 by dora
        6 approve dep-1 by erik
        7 approve dep-1 by carl agent
        8 approve dep-1 by carl stale
        9 approve dep-1
        10 approve dep-1 otherwise by carl
        11 approve dep-2 by carl
        12 approve dep-1 by carl
        13 approve dep-1 by carl",
        expect![[r#"
            1 push main anna bob by dora
                service.registered bank pay
                change.pushed chg-1 main dora+anna+bob pay
                change.received chg-1
                run.queued chg-1 run-1
            3 approve dep-1 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            4 approve dep-1 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            5 approve dep-1 by dora
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            6 approve dep-1 by erik
                Denied: Deciding takes the role of an approver, and you don't have it.
                + access.refused approve dep-1 missing_role
            7 approve dep-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused approve core.identity.human dep-1 not_a_person
            8 approve dep-1 by carl stale
                Denied: A decision asks for your password again.
                + access.refused approve core.identity.human dep-1 not_reauthenticated
            9 approve dep-1
                Denied: Only a person decides; tokens and programs do not.
                + access.refused approve core.identity.human dep-1 not_a_person
            10 approve dep-1 otherwise by carl
                Denied: What you looked at is not what stands there now.
                + access.refused approve core.statement_curre dep-1 statement_moved
            11 approve dep-2 by carl
                NotFound: Nobody was asked about dep-2.
            12 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            13 approve dep-1 by carl
                Conflict: dep-1 is decided already.
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn a_freeze_keeps_a_deployment_waiting_until_it_ends_or_is_lifted() {
    check(
        vec![production()],
        "~0 policy never by anna
        1 freeze production 5 5 by anna
        2 freeze production 0 100 by mallory
        3 freeze production 0 100 by anna
        4 freeze production 0 200 by anna
        ~5 push main anna by anna
        ~6 claim build
        ~6 finish run-1 build 1 untested
        ~6 claim test
        ~6 finish run-1 test 1 passed
        6 pack
        7 lift frz-1 by anna
        8 lift frz-1 by anna
        9 lift frz-9 by anna
        199 tick
        200 tick",
        expect![[r#"
            1 freeze production 5 5 by anna
                Caller: A freeze must end after it begins, and after now.
            2 freeze production 0 100 by mallory
                Denied: To freeze takes the role of a developer, and you don't have it.
                + access.refused freeze missing_role
            3 freeze production 0 100 by anna
                freeze.set anna production frz-1 from=0 8fcfccf675b1f0bfd39d until=100000
            4 freeze production 0 200 by anna
                freeze.set anna production frz-2 from=0 8fcfccf675b1f0bfd39d until=200000
            6 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided core.freeze dep-1 freeze outcome={on:{freeze:{freeze:frz-1,until:100000}},outcome:waiting}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            7 lift frz-1 by anna
                freeze.lifted anna frz-1 8fcfccf675b1f0bfd39d
                gate.decided core.freeze dep-1 freeze outcome={on:{freeze:{freeze:frz-2,until:200000}},outcome:waiting}
            8 lift frz-1 by anna
                Conflict: The freeze frz-1 is over.
            9 lift frz-9 by anna
                NotFound: There is no freeze frz-9.
            199 tick
            200 tick
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn failed_and_missing_tests_refuse_and_nobody_is_asked() {
    check(
        vec![production()],
        "~0 policy always carl by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 flawed
        3 pack
        ~4 push main anna by anna
        ~5 claim build
        ~5 finish run-2 build 1 untested
        ~5 claim test
        ~5 finish run-2 test 1 untested
        6 pack
        7 promote rel-2 by anna
        8 promote rel-3 by anna
        ~9 push main anna by anna
        10 claim build
        11 finish run-3 build 1 failed
        12 cancel run-3 by anna
        ~13 push main anna by anna
        14 cancel run-4 by mallory
        15 cancel run-4 by anna
        ~16 push main anna by anna
        ~17 claim build
        ~17 finish run-5 build 1 untested
        ~17 claim test
        ~17 finish run-5 test 1 passed
        18 not-packed",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:refused,why:{tests_failed:{failed:1,passed:11,skipped:0}}}
                deployment.refused dep-1 tests
            6 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:refused,why:no_tests}
                deployment.refused dep-2 tests
            7 promote rel-2 by anna
                deployment.requested anna dep-3 production rel-2 stage=0
                gate.decided dep-3 tests outcome={outcome:refused,why:no_tests}
                deployment.refused dep-3 tests
            8 promote rel-3 by anna
                NotFound: There is no release rel-3.
            10 claim build
                step.started attempt=1 run-3 build
            11 finish run-3 build 1 failed
                step.finished attempt=1 isolated outcome={code:1,outcome:failed} run-3 build
                run.failed run-3 build
            12 cancel run-3 by anna
                Conflict: The run run-3 is not running.
            14 cancel run-4 by mallory
                Denied: To cancel takes the role of a developer, and you don't have it.
                + access.refused cancel missing_role
            15 cancel run-4 by anna
                run.cancelled run-4
            18 not-packed
                release.failed run-5 8fcfccf675b1f0bfd39d
        "#]],
    );
}

#[test]
fn an_approval_is_asked_again_when_the_policy_changes() {
    check(
        vec![production()],
        "~0 policy always bob carl by anna
        ~1 freeze production 0 100 by anna
        ~2 push main anna by anna
        ~3 go
        4 approve dep-1 by bob
        5 policy always carl by anna
        6 approve cfg-2 by anna
        7 approve cfg-2 by carl
        8 approve dep-1 by bob
        9 approve dep-1 by carl
        100 tick",
        expect![[r#"
            4 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
            5 policy always carl by anna
                config.proposed anna number=2
                approval.requested cfg-2 platform_change
            6 approve cfg-2 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor cfg-2 contributor
            7 approve cfg-2 by carl
                approval.granted carl cfg-2
                config.activated number=2
                access.role_changed gained=[] lost=["ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079"] number=2 approver
                approval.invalidated dep-1 policy_changed
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
            8 approve dep-1 by bob
                Denied: Deciding takes the role of an approver, and you don't have it.
                + access.refused approve dep-1 missing_role
            9 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
            100 tick
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn an_approval_is_asked_again_when_more_people_turn_out_to_have_contributed() {
    // Bob's rel-2 is taken back while rel-3 waits, so that rel-3 brings Bob's change too.
    check(
        vec![production()],
        "~0 policy always bob carl by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        ~4 go
        ~5 push main bob by bob
        ~6 go
        ~7 approve dep-2 by carl
        ~8 go
        ~9 favourable
        ~10 favourable
        ~11 freeze production 0 100 by anna
        ~12 push main anna by anna
        ~13 go
        14 approve dep-3 by bob
        15 rollback production by anna
        16 approve dep-3 by bob
        17 approve dep-3 by carl
        100 tick",
        expect![[r#"
            14 approve dep-3 by bob
                approval.granted bob dep-3
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:approved}
            15 rollback production by anna
                deployment.rolled_back by_hand dep-2 dep-1
                release.barred rel-2
                incident.opened by_hand dep-2 inc-1
                approval.invalidated dep-3 more_contributors
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
            16 approve dep-3 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-3 contributor
            17 approve dep-3 by carl
                approval.granted carl dep-3
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:approved}
            100 tick
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-3
                deployment.started dep-3
            pay/production: rel-1 100 % rel-3 0 %
        "#]],
    );
}

#[test]
fn a_proposed_configuration_asks_as_the_policy_says() {
    check(
        vec![production()],
        "0 policy never bob by mallory
        1 policy first bob carl by mallory
        2 policy first bob carl by anna
        3 policy always bob carl by anna
        4 policy always carl by bob
        5 approve cfg-3 by carl
        6 approve cfg-4 by bob
        7 refuse cfg-4 by carl
        8 approve cfg-4 by carl",
        expect![[r#"
            0 policy never bob by mallory
                config.proposed mallory number=1
                config.activated number=1
                access.role_changed gained=["257d3ddc0e1b516d69c3aa88bdf66e098e598b0e6b1f7d373102f1950e45627c","a9f7d1eee12252d8593b319574470b2d0b78f20c93e12cd378d597f5070b7016","ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079","ae7e68fe11fb021f51adfc68289d96e14f670b5f60dbfb321c07c4d3b2850938"] lost=[] number=1 developer
                access.role_changed gained=["ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079"] lost=[] number=1 approver
            1 policy first bob carl by mallory
                Denied: To push takes the role of a developer, and you don't have it.
                + access.refused push missing_role
            2 policy first bob carl by anna
                config.proposed anna number=2
                config.activated number=2
                access.role_changed gained=["2c03fb52b0cadebc269d9f45b14e2ab2b759f3c47f479c78c83aec3182221ecd"] lost=[] number=2 approver
            3 policy always bob carl by anna
                config.proposed anna number=3
                approval.requested cfg-3 platform_change
            4 policy always carl by bob
                config.proposed bob number=4
                approval.requested cfg-4 platform_change
            5 approve cfg-3 by carl
                Conflict: cfg-3 no longer waits for a decision.
            6 approve cfg-4 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor cfg-4 contributor
            7 refuse cfg-4 by carl
                approval.refused carl 8fcfccf675b1f0bfd39d cfg-4
                config.refused number=4
            8 approve cfg-4 by carl
                Conflict: cfg-4 is decided already.
        "#]],
    );
}

#[test]
fn who_has_no_role_changes_nothing_and_that_is_recorded() {
    check(
        vec![production()],
        "0 push main anna by anna
        ~1 policy never by anna
        2 push main by mallory
        ~3 push main anna by anna
        ~4 go
        5 rollback production by mallory
        6 promote rel-1 by mallory
        7 lift frz-1 by mallory
        8 close inc-1 by mallory
        9 rollback production by anna",
        expect![[r#"
            0 push main anna by anna
                Denied: To push takes the role of a developer, and you don't have it.
                + access.refused push missing_role
            2 push main by mallory
                Denied: To push takes the role of a developer, and you don't have it.
                + access.refused push missing_role
            5 rollback production by mallory
                Denied: To rollback takes the role of a developer, and you don't have it.
                + access.refused rollback missing_role
            6 promote rel-1 by mallory
                Denied: To promote takes the role of a developer, and you don't have it.
                + access.refused promote missing_role
            7 lift frz-1 by mallory
                NotFound: There is no freeze frz-1.
            8 close inc-1 by mallory
                Denied: To close takes the role of a developer, and you don't have it.
                + access.refused close missing_role
            9 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            pay/production: rel-1 100 %
        "#]],
    );
}
