//! The first release of a place: nothing is there to compare it with.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

/// The first release may go, and is ready; nobody has called it yet.
const FIRST: &str = "~0 policy never by anna
    ~1 push main anna by anna
    ~2 claim build
    ~2 finish run-1 build 1 untested
    ~2 claim test
    ~2 finish run-1 test 1 passed
    ~2 pack
    ~3 ready";

#[test]
fn a_first_release_is_live_once_it_kept_its_objectives_and_not_before() {
    check(
        vec![production()],
        &format!("{FIRST}\n 4 undecided\n 70 silent 66\n 71 favourable"),
        expect![[r#"
            4 undecided
                rollout.observed dep-1 second 4 undecided
            70 silent 66
                rollout.observed dep-1 second 70 no_data
            71 favourable
                rollout.observed dep-1 second 71 favourable
                deployment.live dep-1
                change.delivered chg-1 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_first_release_that_misses_its_objectives_is_taken_off_with_an_incident() {
    check(
        vec![production()],
        &format!("{FIRST}\n 4 unfavourable\n 5 applied production"),
        expect![[r#"
            4 unfavourable
                rollout.observed dep-1 second 4 unfavourable
                deployment.rolled_back objectives dep-1
                release.barred rel-1
                incident.opened objectives dep-1 inc-1
            5 applied production
                incident.mitigated inc-1
            pay/production:
        "#]],
    );
}

#[test]
fn without_requests_a_person_is_asked_and_their_word_is_recorded() {
    check(
        vec![production()],
        &format!("{FIRST}\n 902 silent 898\n 903 silent 899\n 904 favourable\n 905 resume by anna"),
        expect![[r#"
            902 silent 898
                rollout.observed dep-1 second 902 no_data
            903 silent 899
                rollout.observed dep-1 second 903 no_data
                rollout.held dep-1 no_proof_in_time
            904 favourable
                rollout.observed dep-1 second 904 favourable
            905 resume by anna
                rollout.resumed anna dep-1
                deployment.live dep-1
                change.delivered chg-1 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn whoever_holds_it_by_hand_does_not_let_it_live_without_a_proof() {
    check(
        vec![production()],
        &format!("{FIRST}\n 4 hold by anna\n 5 resume by anna\n 6 favourable"),
        expect![[r#"
            4 hold by anna
                rollout.held dep-1 by_hand
            5 resume by anna
                rollout.resumed anna dep-1
            6 favourable
                rollout.observed dep-1 second 6 favourable
                deployment.live dep-1
                change.delivered chg-1 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_is_live_and_fails_its_probes_has_one_incident_and_stays() {
    check(
        vec![production()],
        &format!("{FIRST}\n ~4 favourable\n 5 probes fail dep-1\n 6 probes fail dep-1"),
        expect![[r#"
            5 probes fail dep-1
                incident.opened probe dep-1 inc-1
            6 probes fail dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn an_incident_of_probes_is_mitigated_when_they_are_answered_again_and_a_later_one_is_another() {
    check(
        vec![production()],
        &format!(
            "{FIRST}
 ~4 favourable
 5 probes answer dep-1
 6 probes fail dep-1
 7 probes answer dep-1
 8 probes answer dep-1
 9 probes fail dep-1
 10 probes fail dep-1"
        ),
        expect![[r#"
            5 probes answer dep-1
            6 probes fail dep-1
                incident.opened probe dep-1 inc-1
            7 probes answer dep-1
                incident.mitigated inc-1
            8 probes answer dep-1
            9 probes fail dep-1
                incident.opened probe dep-1 inc-2
            10 probes fail dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}
