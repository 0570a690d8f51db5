//! Releases that turn bad once they are live.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

/// Two releases of `pay`, the second one live.
const SECOND_LIVE: &str = "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~5 push main anna by anna
        ~6 go
        ~10 favourable
        ~11 favourable";

#[test]
fn a_live_release_that_begins_to_fail_is_compared_once_more_and_taken_back() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        600 alarm dep-2
        601 alarm dep-2
        602 undecided
        603 unfavourable"
        ),
        expect![[r#"
            600 alarm dep-2
                rollout.reopened counts={errors:35,requests:700} dep-2 limit_ppm=10000 dep-1
            601 alarm dep-2
            602 undecided
                rollout.observed dep-2 second 602 undecided
            603 unfavourable
                rollout.observed dep-2 second 603 unfavourable
                deployment.rolled_back verdict dep-2 dep-1
                release.barred rel-2
                incident.opened verdict dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_live_release_that_fails_no_more_than_the_one_before_goes_live_again() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        600 alarm dep-2
        601 favourable
        602 favourable"
        ),
        expect![[r#"
            600 alarm dep-2
                rollout.reopened counts={errors:35,requests:700} dep-2 limit_ppm=10000 dep-1
            601 favourable
                rollout.observed dep-2 second 601 favourable
                rollout.shifted dep-2 leg=1 50 %
            602 favourable
                rollout.observed dep-2 second 602 favourable
                deployment.live dep-2
                deployment.superseded dep-2 dep-1
            pay/production: rel-2 100 % rel-1 0 %
        "#]],
    );
}

#[test]
fn a_person_is_called_where_nothing_is_there_to_go_back_to() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        3 alarm dep-1
        4 alarm dep-1
        5 applied production",
        expect![[r#"
            3 alarm dep-1
                incident.opened failing dep-1 inc-1
            4 alarm dep-1
            5 applied production
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_release_that_ends_three_times_within_minutes_is_taken_back_also_when_it_is_live() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        60 ends dep-2 1
        ~61 starts dep-2 2
        120 ends dep-2 3
        ~121 starts dep-2 4
        400 ends dep-2 5
        ~401 ends dep-2 6
        ~402 starts dep-2 7
        460 ends dep-2 8
        ~461 starts dep-2 9
        520 ends dep-2 10"
        ),
        expect![[r#"
            60 ends dep-2 1
                instance.observed at=60000 dep-2 number=1 what={code:134,instance:0,what:exited}
            120 ends dep-2 3
                instance.observed at=120000 dep-2 number=3 what={code:134,instance:0,what:exited}
            400 ends dep-2 5
                instance.observed at=400000 dep-2 number=5 what={code:134,instance:0,what:exited}
            460 ends dep-2 8
                instance.observed at=460000 dep-2 number=8 what={code:134,instance:0,what:exited}
            520 ends dep-2 10
                instance.observed at=520000 dep-2 number=10 what={code:134,instance:0,what:exited}
                deployment.rolled_back crashes dep-2 dep-1
                release.barred rel-2
                incident.opened crashes dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}
