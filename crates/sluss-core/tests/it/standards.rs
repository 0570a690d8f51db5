//! Standard changes, windows that begin while something rolls out, and who goes past a freeze.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

/// One release of `pay` is live, and each one is to be approved.
const LIVE: &str = "~0 policy always bob carl dora by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by carl
        ~4 go";

#[test]
fn a_release_that_fits_a_standard_change_is_asked_no_approval_of_its_own() {
    check(
        vec![production()],
        &format!(
            "{LIVE}
        5 except standard docs/ 2 100000 by anna
        6 grant exc-1 by anna
        7 grant exc-1 by mallory
        ~8 grant exc-1 by bob
        ~9 changes docs/a.md 12
        ~9 push main anna by anna
        10 go
        ~11 favourable
        ~12 favourable
        ~13 changes src/pay.rs 12
        ~13 push main anna by anna
        14 go"
        ),
        expect![[r#"
            5 except standard docs/ 2 100000 by anna
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d until=100000000 what={kind:standard,model:{failures:2,files:3,lines:50,owner:a9f7d1eee12252d8593b319574470b2d0b78f20c93e12cd378d597f5070b7016,paths:[docs/],service:pay}}
            6 grant exc-1 by anna
                Denied: You asked for it, so someone else grants it.
                + access.refused grant-exception core.sod.distinct same_person
            7 grant exc-1 by mallory
                Denied: Granting takes the role of an approver, and you don't have it.
                + access.refused grant-exception missing_role
            10 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.automated exc-1 7480b7118c03b5fe26a6 dep-2
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:{standard:{exception:exc-1,files:1,lines:12}}}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-2
                deployment.started dep-2
                rollout.shifted dep-2 leg=0 10 %
            14 go
                step.started attempt=1 run-3 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-3 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-3
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-3 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
            pay/production: rel-2 100 % rel-1 0 %
        "#]],
    );
}

#[test]
fn who_agreed_to_a_standard_change_does_not_pass_by_it() {
    check(
        vec![production()],
        &format!(
            "{LIVE}
        ~5 except standard docs/ 2 100000 by anna
        ~8 grant exc-1 by bob
        ~9 changes docs/a.md 12
        ~9 push main bob by bob
        10 go"
        ),
        expect![[r#"
            10 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-2 each_release
                gate.decided dep-2 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn failures_suspend_a_standard_change() {
    check(
        vec![production()],
        &format!(
            "{LIVE}
        ~5 except standard docs/ 1 100000 by anna
        ~8 grant exc-1 by bob
        ~9 changes docs/a.md 12
        ~9 push main anna by anna
        ~10 go
        11 unfavourable
        ~12 push main anna by anna
        13 go"
        ),
        expect![[r#"
            11 unfavourable
                rollout.observed dep-2 second 11 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
                exception.suspended exc-1 failures=1
            13 go
                step.started attempt=1 run-3 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-3 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-3 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-3
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-3 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_standard_change_has_bounds_and_never_covers_the_pipeline() {
    check(
        vec![production()],
        &format!(
            "{LIVE}
        5 except standard * 1 100000 by anna
        6 except standard docs/ 0 100000 by anna
        ~7 except standard sluss.yaml 1 100000 by anna
        ~8 grant exc-1 by bob
        ~9 changes sluss.yaml 1
        ~9 push main anna by anna
        10 go"
        ),
        expect![[r#"
            5 except standard * 1 100000 by anna
                Caller: `*` names no kind of files.
            6 except standard docs/ 0 100000 by anna
                Caller: A standard change is bounded: files, lines and failures, each at least one.
            10 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-2 each_release
                gate.decided dep-2 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            pay/production: rel-1 100 %
        "#]],
    );
}

/// One release is live, and the next one has its first share.
const ROLLING: &str = "~0 policy calendar bob carl by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 go";

#[test]
fn a_window_that_holds_keeps_a_running_rollout_at_its_share_until_it_is_over() {
    check(
        vec![production()],
        &format!(
            "{ROLLING}
        ~5 window 10 1000 hold
        9 favourable
        10 tick
        11 favourable
        1000 tick
        1001 favourable"
        ),
        expect![[r#"
            9 favourable
                rollout.observed dep-2 second 9 favourable
                rollout.shifted dep-2 leg=1 50 %
            10 tick
                rollout.window_began dep-2 until=1000000 windows=["night"]
            11 favourable
                rollout.observed dep-2 second 11 favourable
            1000 tick
                rollout.window_over dep-2
            1001 favourable
                rollout.observed dep-2 second 1001 favourable
                deployment.live dep-2
                deployment.superseded dep-2 dep-1
                change.delivered chg-2 dep-2
            pay/production: rel-2 100 % rel-1 0 %
        "#]],
    );
}

#[test]
fn a_window_that_takes_back_bars_nothing_and_one_that_lets_finish_keeps_nothing() {
    check(
        vec![production()],
        &format!(
            "{ROLLING}
        ~5 window 10 1000 finish
        ~10 tick
        11 favourable
        ~12 window 13 1000 rollback
        13 tick"
        ),
        expect![[r#"
            11 favourable
                rollout.observed dep-2 second 11 favourable
                rollout.shifted dep-2 leg=1 50 %
            13 tick
                deployment.rolled_back window dep-2 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn who_contributed_neither_asks_nor_grants_to_go_past_a_freeze() {
    check(
        vec![production()],
        "~0 policy never bob carl by anna
        ~1 freeze production 0 1000 by bob
        ~2 push main anna by anna
        ~3 go
        4 except freeze dep-1 900 by anna
        ~5 except freeze dep-1 900 by dora
        6 grant exc-1 by bob",
        expect![[r#"
            4 except freeze dep-1 900 by anna
                Denied: You contributed to this release, so someone else asks to go past a freeze.
                + access.refused ask-exception core.sod.contributor dep-1 contributor
            6 grant exc-1 by bob
                exception.granted bob exc-1
                gate.decided dep-1 freeze outcome={outcome:cleared,why:{exception:{exception:exc-1}}}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn a_waiver_is_named_at_the_gate_and_none_of_what_is_no_rule_of_a_policy_counts() {
    check(
        vec![production()],
        "~0 policy of strict anna bob carl by dora
        ~1 push main erik by erik
        ~2 go
        3 except waiver core.evidence 80000 by erik
        ~4 except waiver sbom 80000 by erik
        ~5 grant exc-1 by bob
        6 grant exc-1 by carl",
        expect![[r#"
            3 except waiver core.evidence 80000 by erik
                Denied: `core.evidence` is no rule of a policy, and cannot be waived.
                + access.refused ask-exception core.breakglass.scop out_of_scope
            6 grant exc-1 by carl
                exception.granted carl exc-1
                gate.decided dep-1 policy outcome={outcome:cleared,why:{waived:{by:[exc-1],input:c96c6d5be8d08a12e7b5cdc1b207fa6b2430974c86803d8891675e76fd992c20,rules:[sbom]}}} policy={bundle_sha256:3a3127f5ea0269b5c6cfe92e7eb12dccc190b1e1cedd7faeae3960079542c055,commit:0000000000000000000000000000000000000001,data_sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a,input_sha256:c96c6d5be8d08a12e7b5cdc1b207fa6b2430974c86803d8891675e76fd992c20,result_sha256:f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn a_configuration_that_asks_less_takes_two_who_did_not_write_it() {
    check(
        vec![production()],
        "~0 policy always bob carl dora by anna
        1 policy first bob carl dora by anna
        2 approve cfg-2 by bob
        3 approve cfg-2 by bob
        4 approve cfg-2 by carl
        5 policy always bob carl dora by anna
        6 approve cfg-3 by bob",
        expect![[r#"
            1 policy first bob carl dora by anna
                config.proposed anna number=2
                approval.requested cfg-2 platform_change
            2 approve cfg-2 by bob
                approval.granted bob cfg-2
            3 approve cfg-2 by bob
                Conflict: You agreed to cfg-2 already; it waits for someone else.
                + access.refused approve core.sod.distinct cfg-2 same_person
            4 approve cfg-2 by carl
                approval.granted carl cfg-2
                config.activated number=2
            5 policy always bob carl dora by anna
                config.proposed anna number=3
                approval.requested cfg-3 platform_change
            6 approve cfg-3 by bob
                approval.granted bob cfg-3
                config.activated number=3
        "#]],
    );
}

#[test]
fn changed_policies_take_two_people_until_the_past_shows_that_they_let_no_more_pass() {
    check(
        vec![production()],
        "~0 policy always-of strict bob carl dora by anna
        1 policy always-of lenient bob carl dora by anna
        2 approve cfg-2 by bob
        3 compared 2 same
        4 policy always-of strict bob carl dora by anna
        5 compared 3 weaker
        6 approve cfg-3 by bob
        7 compared 3 same
        8 approve cfg-3 by dora",
        expect![[r#"
            1 policy always-of lenient bob carl dora by anna
                config.proposed anna number=2
                approval.requested cfg-2 platform_change
            2 approve cfg-2 by bob
                approval.granted bob cfg-2
            3 compared 2 same
                config.compared lets_more_pass=false number=2
                config.activated number=2
            4 policy always-of strict bob carl dora by anna
                config.proposed anna number=3
                approval.requested cfg-3 platform_change
            5 compared 3 weaker
                config.compared lets_more_pass=true number=3
            6 approve cfg-3 by bob
                approval.granted bob cfg-3
            7 compared 3 same
            8 approve cfg-3 by dora
                approval.granted dora cfg-3
                config.activated number=3
        "#]],
    );
}

#[test]
fn a_changed_calendar_takes_two_people_until_it_is_shown_to_open_no_more() {
    check(
        vec![production()],
        "~0 policy always-calendar quarter bob carl dora by anna
        1 policy always-calendar longer bob carl dora by anna
        2 approve cfg-2 by bob
        3 calendar-compared 2 less
        4 policy always-calendar quarter bob carl dora by anna
        5 calendar-compared 3 more
        6 approve cfg-3 by bob
        7 calendar-compared 3 less
        8 approve cfg-3 by dora",
        expect![[r#"
            1 policy always-calendar longer bob carl dora by anna
                config.proposed anna number=2
                approval.requested cfg-2 platform_change
            2 approve cfg-2 by bob
                approval.granted bob cfg-2
            3 calendar-compared 2 less
                config.calendar_compared number=2 opens_more=false
                config.activated number=2
            4 policy always-calendar quarter bob carl dora by anna
                config.proposed anna number=3
                approval.requested cfg-3 platform_change
            5 calendar-compared 3 more
                config.calendar_compared number=3 opens_more=true
            6 approve cfg-3 by bob
                approval.granted bob cfg-3
            7 calendar-compared 3 less
            8 approve cfg-3 by dora
                approval.granted dora cfg-3
                config.activated number=3
        "#]],
    );
}
