//! The stories that the domain tells: what people and machines do, and what comes of it.

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
        9 ready",
        expect![[r#"
            0 open
                log.opened demo=false bank
            1 policy first bob carl by anna
                config.proposed anna number=1
                config.activated number=1
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
            8 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            9 ready
                deployment.live dep-1
                change.delivered chg-1 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

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
                + access.refused approve dep-1 contributor
            4 approve dep-1 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve dep-1 contributor
            5 approve dep-1 by dora
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve dep-1 contributor
            6 approve dep-1 by erik
                Denied: Deciding takes the role of an approver, and you don't have it.
                + access.refused approve dep-1 missing_role
            7 approve dep-1 by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused approve dep-1 not_a_person
            8 approve dep-1 by carl stale
                Denied: A decision asks for your password again.
                + access.refused approve dep-1 not_reauthenticated
            9 approve dep-1
                Denied: Only a person decides; tokens and programs do not.
                + access.refused approve dep-1 not_a_person
            10 approve dep-1 otherwise by carl
                Denied: What you looked at is not what stands there now.
                + access.refused approve dep-1 statement_moved
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
fn a_second_release_goes_by_itself_share_by_share() {
    check(
        vec![production()],
        "~0 policy first bob by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        ~4 go
        5 push main anna by anna
        ~6 go
        7 undecided
        8 favourable
        8 favourable
        9 undecided
        10 favourable",
        expect![[r#"
            5 push main anna by anna
                change.pushed chg-2 main anna pay
                change.received chg-2
                run.queued chg-2 run-2
            7 undecided
                rollout.observed dep-2 second 7 undecided
            8 favourable
                rollout.observed dep-2 second 8 favourable
                rollout.shifted dep-2 leg=1 50 %
            8 favourable
            9 undecided
                rollout.observed dep-2 second 9 undecided
            10 favourable
                rollout.observed dep-2 second 10 favourable
                deployment.live dep-2
                deployment.superseded dep-2 dep-1
                change.delivered chg-2 dep-2
            pay/production: rel-2 100 % rel-1 0 %
        "#]],
    );
}

#[test]
fn a_verdict_against_it_takes_the_share_bars_the_release_and_opens_an_incident() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        10 unfavourable
        11 applied production early
        12 applied production
        13 promote rel-2 by anna
        14 unbar rel-2 by mallory
        15 unbar rel-2 by anna
        16 unbar rel-2 by anna
        17 promote rel-2 by anna
        18 close inc-1 by anna
        19 close inc-1 by anna"
        ),
        expect![[r#"
            10 unfavourable
                rollout.observed dep-2 second 10 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            11 applied production early
            12 applied production
                incident.mitigated inc-1
            13 promote rel-2 by anna
                Conflict: The release rel-2 was taken back and is barred.
            14 unbar rel-2 by mallory
                Denied: To unbar takes the role of a developer, and you don't have it.
                + access.refused unbar missing_role
            15 unbar rel-2 by anna
                release.unbarred rel-2
            16 unbar rel-2 by anna
                Conflict: The release rel-2 is not barred.
            17 promote rel-2 by anna
                deployment.requested dep-3 production rel-2 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-3
                deployment.started dep-3
            18 close inc-1 by anna
                incident.closed inc-1
            19 close inc-1 by anna
                Conflict: The incident inc-1 is not open.
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn silence_takes_a_candidate_back_even_when_held() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        10 silent 59
        11 hold by anna
        12 favourable
        13 silent 60"
        ),
        expect![[r#"
            10 silent 59
                rollout.observed dep-2 second 10 no_data
            11 hold by anna
                rollout.held dep-2 by_hand
            12 favourable
                rollout.observed dep-2 second 12 favourable
            13 silent 60
                rollout.observed dep-2 second 13 no_data
                deployment.rolled_back silence dep-2 dep-1
                release.barred rel-2
                incident.opened silence dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn crashes_and_a_late_start_take_a_candidate_back() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        10 crashes
        ~11 push main anna by anna
        ~11 claim build
        ~11 finish run-3 build 1 untested
        ~11 claim test
        ~11 finish run-3 test 1 passed
        11 pack
        12 late"
        ),
        expect![[r#"
            10 crashes
                deployment.rolled_back crashes dep-2 dep-1
                release.barred rel-2
                incident.opened crashes dep-2 inc-1
            11 pack
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-3
                deployment.started dep-3
            12 late
                deployment.rolled_back not_ready dep-3 dep-1
                release.barred rel-3
                incident.opened not_ready dep-3 inc-2
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn undecided_at_the_deadline_holds_until_a_person_resumes() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        10 undecided
        905 tick
        906 tick
        907 favourable
        908 resume by mallory
        909 resume by anna
        910 resume by anna
        911 favourable
        1811 undecided"
        ),
        expect![[r#"
            10 undecided
                rollout.observed dep-2 second 10 undecided
            905 tick
                rollout.held dep-2 no_proof_in_time
            906 tick
            907 favourable
                rollout.observed dep-2 second 907 favourable
            908 resume by mallory
                Denied: To resume takes the role of a developer, and you don't have it.
                + access.refused resume missing_role
            909 resume by anna
                rollout.resumed dep-2
            910 resume by anna
                Conflict: The rollout of dep-2 is not held.
            911 favourable
                rollout.observed dep-2 second 911 favourable
                rollout.shifted dep-2 leg=1 50 %
            1811 undecided
                rollout.observed dep-2 second 1811 undecided
                rollout.held dep-2 no_proof_in_time
            pay/production: rel-1 50 % rel-2 50 %
        "#]],
    );
}

#[test]
fn a_rollback_by_hand_takes_back_what_is_rolling_or_else_what_is_live() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        10 rollback staging by anna
        11 rollback production by mallory
        12 rollback production by anna
        13 rollback production by anna
        ~14 push main anna by anna
        ~15 go
        ~16 favourable
        ~17 favourable
        18 rollback production by anna
        19 rollback production by anna"
        ),
        expect![[r#"
            10 rollback staging by anna
                NotFound: pay is not in `staging`.
            11 rollback production by mallory
                Denied: To rollback takes the role of a developer, and you don't have it.
                + access.refused rollback missing_role
            12 rollback production by anna
                deployment.rolled_back by_hand dep-2 dep-1
                release.barred rel-2
                incident.opened by_hand dep-2 inc-1
            13 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            18 rollback production by anna
                deployment.rolled_back by_hand dep-3 dep-1
                release.barred rel-3
                incident.opened by_hand dep-3 inc-2
            19 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_rollback_never_goes_back_to_the_release_that_it_bars() {
    // What was live in production is, in order: rel-1, rel-2, rel-1 again. With rel-2 barred there
    // is nowhere to go back to.
    check(
        vec![staging(), production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go
        ~5 favourable
        ~6 favourable
        ~7 promote rel-1 production by anna
        ~8 go
        ~9 favourable
        ~10 favourable
        11 rollback staging by anna
        12 rollback production by anna",
        expect![[r#"
            11 rollback staging by anna
                deployment.rolled_back by_hand dep-3 dep-1
                release.barred rel-2
                incident.opened by_hand dep-3 inc-1
            12 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            pay/production: rel-1 100 % rel-2 0 %
            pay/staging: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_is_taken_back_in_one_environment_goes_no_further_in_another() {
    check(
        vec![staging(), production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go
        5 rollback staging by anna",
        expect![[r#"
            5 rollback staging by anna
                deployment.rolled_back by_hand dep-3 dep-1
                release.barred rel-2
                incident.opened by_hand dep-3 inc-1
                deployment.rolled_back by_hand dep-4 dep-2
                incident.opened by_hand dep-4 inc-2
            pay/production: rel-1 100 %
            pay/staging: rel-1 100 %
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
                freeze.set production frz-1 from=0 8fcfccf675b1f0bfd39d until=100000
            4 freeze production 0 200 by anna
                freeze.set production frz-2 from=0 8fcfccf675b1f0bfd39d until=200000
            6 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={on:{freeze:{freeze:frz-1,until:100000}},outcome:waiting}
            7 lift frz-1 by anna
                freeze.lifted frz-1
                gate.decided dep-1 freeze outcome={on:{freeze:{freeze:frz-2,until:200000}},outcome:waiting}
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
            6 approve dep-1 by carl
                Conflict: dep-1 no longer waits for a decision.
            7 approve dep-2 by carl
                approval.granted carl dep-2
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-2
                deployment.started dep-2
            8 ready
                deployment.live dep-2
                change.delivered chg-1 dep-2
                change.delivered chg-2 dep-2
            9 promote rel-1 by anna
                deployment.requested dep-3 production rel-1 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
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
                deployment.cleared dep-1
                deployment.started dep-1
            2 ready
                deployment.live dep-1
                change.delivered chg-1 dep-1
                change.delivered chg-2 dep-1
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
                + access.refused approve dep-1 contributor
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
                deployment.requested dep-3 production rel-2 stage=0
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
        7 ready",
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
                deployment.cleared dep-2
                deployment.started dep-2
            7 ready
                deployment.live dep-2
                change.delivered chg-1 dep-2
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
                deployment.requested dep-2 test-2 rel-1 stage=0
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
                + access.refused approve cfg-2 contributor
            7 approve cfg-2 by carl
                approval.granted carl cfg-2
                config.activated number=2
                approval.invalidated dep-1
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
                approval.invalidated dep-3
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
            16 approve dep-3 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve dep-3 contributor
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
            1 policy first bob carl by mallory
                Denied: To push takes the role of a developer, and you don't have it.
                + access.refused push missing_role
            2 policy first bob carl by anna
                config.proposed anna number=2
                config.activated number=2
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
                + access.refused approve cfg-4 contributor
            7 refuse cfg-4 by carl
                approval.refused carl 8fcfccf675b1f0bfd39d cfg-4
                config.refused number=4
            8 approve cfg-4 by carl
                Conflict: cfg-4 is decided already.
        "#]],
    );
}

#[test]
fn a_clock_that_jumped_shuts_forward_gates_but_takes_back_all_the_same() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        ~10 push main anna by anna
        ~11 claim build
        ~11 finish run-3 build 1 untested
        ~11 claim test
        ~11 finish run-3 test 1 passed
        12 jump
        13 jump
        14 pack
        15 unfavourable
        16 rollback production by anna
        17 confirm clock by mallory
        18 returned
        19 returned"
        ),
        expect![[r#"
            12 jump
                log.gap milliseconds=3600000
            13 jump
            14 pack
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:12,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={on:clock,outcome:waiting}
            15 unfavourable
                rollout.observed dep-2 second 15 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            16 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            17 confirm clock by mallory
                Denied: To confirm-clock takes the role of a developer, and you don't have it.
                + access.refused confirm-clock missing_role
            18 returned
                log.gap_ended confirmed=false
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-3
                deployment.started dep-3
            19 returned
            pay/production: rel-1 100 % rel-3 0 %
        "#]],
    );
}

#[test]
fn a_barred_release_that_waits_is_refused() {
    check(
        vec![staging(), production()],
        "~0 policy always carl by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go
        5 rollback staging by anna
        6 approve dep-4 by carl",
        expect![[r#"
            5 rollback staging by anna
                deployment.rolled_back by_hand dep-3 dep-1
                release.barred rel-2
                incident.opened by_hand dep-3 inc-1
                deployment.refused dep-4 barred
            6 approve dep-4 by carl
                Conflict: dep-4 no longer waits for a decision.
            pay/staging: rel-1 100 %
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
                deployment.requested dep-4 test-4 rel-1 stage=0
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
                Denied: To lift takes the role of a developer, and you don't have it.
                + access.refused lift missing_role
            8 close inc-1 by mallory
                Denied: To close takes the role of a developer, and you don't have it.
                + access.refused close missing_role
            9 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            pay/production: rel-1 100 %
        "#]],
    );
}

/// The first release is live, and the second one has its first share.
const TWO_RELEASES: &str = "~0 policy first bob by anna
    ~1 push main anna by anna
    ~2 go
    ~3 approve dep-1 by bob
    ~4 go
    ~5 push main anna by anna
    ~5 go";
