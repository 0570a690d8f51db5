//! Witnesses: whom it takes to trust a log again that one of them knows otherwise.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

#[test]
fn two_people_who_may_decide_trust_the_log_again_and_nobody_else() {
    check(
        vec![production()],
        "~0 policy never bob carl by anna
        1 except log-trust 1000 by bob
        ~2 push main anna by anna
        3 witness knows 99
        ~4 go
        5 except log-trust 1000 by anna
        6 except log-trust 1000 by bob
        7 grant exc-1 by bob
        8 grant exc-1 by anna
        9 grant exc-1 by carl
        10 witness knows 99
        11 witness knows 100",
        expect![[r#"
            1 except log-trust 1000 by bob
                Conflict: Nobody distrusts the log.
            3 witness knows 99
                log.rollback_detected seen=99 size=8 audit
            5 except log-trust 1000 by anna
                Denied: Trusting the log again takes two who may decide, and you may not.
                + access.refused ask-exception missing_role
            6 except log-trust 1000 by bob
                exception.requested bob exc-1 8fcfccf675b1f0bfd39d until=1000000 what={found:8,kind:log_trust}
            7 grant exc-1 by bob
                Denied: You asked for it, so someone else grants it.
                + access.refused grant-exception core.sod.distinct same_person
            8 grant exc-1 by anna
                Denied: Granting takes the role of an approver, and you don't have it.
                + access.refused grant-exception missing_role
            9 grant exc-1 by carl
                exception.granted carl exc-1
                log.trust_restored exc-1 seen=99 audit
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-1
                deployment.started dep-1
            10 witness knows 99
            11 witness knows 100
                log.rollback_detected seen=100 size=36 audit
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn what_was_asked_about_one_thing_does_not_lift_another() {
    check(
        vec![production()],
        "~0 policy never bob carl by anna
        ~1 witness knows 99
        ~2 except log-trust 1000 by bob
        ~3 except log-trust 1000 by bob
        ~4 grant exc-1 by carl
        5 witness knows 100
        6 grant exc-2 by carl",
        expect![[r#"
            5 witness knows 100
                log.rollback_detected seen=100 size=9 audit
            6 grant exc-2 by carl
                Conflict: The log is distrusted for something else by now.
        "#]],
    );
}

#[test]
fn a_witness_that_lags_is_recorded_once_until_it_cosigns() {
    check(
        vec![production()],
        "0 witness lags
        60 witness lags
        90 witness cosigns
        91 witness cosigns",
        expect![[r#"
            0 witness lags
                log.witness_lagging since=0 audit
            60 witness lags
            90 witness cosigns
                log.witness_lag_ended cosigned=true audit
            91 witness cosigns
        "#]],
    );
}
