//! How a release takes over, and how it is taken back.

use expect_test::expect;

use crate::script::check;
use crate::world::{production, staging};

/// The first release is live, and the second one has its first share.
const TWO_RELEASES: &str = "~0 policy first bob by anna
    ~1 push main anna by anna
    ~2 go
    ~3 approve dep-1 by bob
    ~4 go
    ~5 push main anna by anna
    ~5 go";

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
                release.unbarred anna rel-2
            16 unbar rel-2 by anna
                Conflict: The release rel-2 is not barred.
            17 promote rel-2 by anna
                deployment.requested anna dep-3 production rel-2 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
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
                gate.decided core.evidence_signed dep-3 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
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
                rollout.resumed anna dep-2
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
                gate.decided core.freeze dep-3 freeze outcome={on:clock,outcome:waiting}
                gate.decided core.evidence_signed dep-3 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
            15 unfavourable
                rollout.observed dep-2 second 15 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            16 rollback production by anna
                Conflict: There is no earlier release of pay in `production` to go back to.
            17 confirm clock by mallory
                Denied: To confirm-clock takes the role of an approver, and you don't have it.
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
