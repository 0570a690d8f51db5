//! A rollout is tested by customers within bounds that are said, and that hold.

use expect_test::expect;
use sluss_core::bounds::{HELD_MOST_MS, RolloutStarted, TestedWhy};
use sluss_core::event::Event;
use sluss_core::ids::DeploymentId;

use crate::script::{check, play};
use crate::world::{World, person, production};

/// The first release is live, and the second one has its first share.
const TWO_RELEASES: &str = "~0 policy first bob by anna
    ~1 push main anna by anna
    ~2 go
    ~3 approve dep-1 by bob
    ~4 go
    ~5 push main anna by anna
    ~5 go";

fn started(world: &World) -> Vec<RolloutStarted> {
    let started = |event: &Event| match event {
        Event::RolloutStarted(started) => Some(started.clone()),
        _another => None,
    };
    world.log.iter().filter_map(|(_, event)| started(event)).collect()
}

#[test]
fn a_rollout_says_why_customers_test_it_within_which_bounds_and_who_agreed() {
    let mut world = World::new(vec![production()]);
    play(&mut world, TWO_RELEASES);
    let [first, second] = &started(&world)[..] else { panic!("{:?}", started(&world)) };
    assert_eq!(first.why, TestedWhy::FirstRelease);
    assert_eq!(first.approved_by, [person("bob")].into());
    assert_eq!(first.max_share.basis_points(), 10_000);
    assert_eq!(second.why, TestedWhy::Compared { with: DeploymentId(1) });
    assert!(second.approved_by.is_empty(), "nobody was asked");
    assert_eq!(second.max_share.basis_points(), 5_000, "all of it is what was proven");
    let legs = 2 * 15 * 60 * 1000;
    assert_eq!(second.max_duration_ms, legs + HELD_MOST_MS);
    let begun = world.log.iter().filter(|(_, event)| {
        matches!(event, Event::RolloutStarted(_) | Event::RolloutShifted { .. })
    });
    let told: Vec<bool> =
        begun.map(|(_, event)| matches!(event, Event::RolloutStarted(_))).collect();
    assert_eq!(told, [true, false, true, false], "each before its first share");
}

#[test]
fn what_is_held_and_nobody_decides_over_is_taken_back_after_a_day() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        6 hold by anna
        86405 tick
        86406 tick
        86407 tick"
        ),
        expect![[r#"
            6 hold by anna
                rollout.held dep-2 by_hand
            86405 tick
            86406 tick
                deployment.rolled_back held_too_long dep-2 dep-1
            86407 tick
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_person_who_lets_it_go_on_begins_its_time_again() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        ~6 hold by anna
        ~86000 resume by bob
        86406 tick
        86910 tick
        172000 tick
        173310 tick"
        ),
        expect![[r#"
            86406 tick
            86910 tick
                rollout.held dep-2 no_proof_in_time
            172000 tick
            173310 tick
                deployment.rolled_back held_too_long dep-2 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn while_the_line_is_stopped_nobody_could_decide_so_that_time_does_not_count() {
    check(
        vec![production()],
        &format!(
            "{TWO_RELEASES}
        ~6 hold by anna
        ~7 stop all by anna
        90000 tick"
        ),
        expect![[r#"
            90000 tick
            pay/production: rel-1 90 % rel-2 10 %
        "#]],
    );
}

#[test]
fn where_nothing_is_there_to_go_back_to_a_person_is_asked_again() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 passed
        ~2 pack
        ~3 ready
        903 silent 899
        87302 tick
        87303 tick
        173703 tick",
        expect![[r#"
            903 silent 899
                rollout.observed dep-1 second 903 no_data
                rollout.held dep-1 no_proof_in_time
            87302 tick
            87303 tick
                rollout.held dep-1 no_proof_in_time
            173703 tick
                rollout.held dep-1 no_proof_in_time
            pay/production: rel-1 100 %
        "#]],
    );
}
