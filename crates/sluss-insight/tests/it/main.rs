//! The board and where something is, told as stories: what happened in, rows out.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use sluss_core::approval::Subject;
use sluss_core::config::FourEyes;
use sluss_core::decide::{Actor, Command};
use sluss_core::ids::Digest;
use sluss_core::rollout::Verdict;
use sluss_core::steps::{StepOutcome, TestCounts};
use sluss_core::units::Millis;
use sluss_insight::{Waiting, board, where_is};

#[path = "../../../sluss-core/tests/it/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the domain, which need more of it")]
mod world;

use world::{World, actor, finish, organisation, packed, production, propose, test_stage};

/// Tells a story, one line a second, and compares the board and what is found at its end.
fn check(story: &str, sought: &str, expect: Expect) {
    let mut world = World::new(vec![test_stage(), production()]);
    let open = Command::Open { origin: "bank".to_owned(), demo: false };
    world.tell(open, &Actor::System).unwrap();
    let known = organisation(FourEyes::FirstRelease, &["bob", "carl"]);
    world.tell(propose(1, known), &actor("anna")).unwrap();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.now = world.now.plus(1000);
        tell(&mut world, line);
    }
    let mut told = String::new();
    for row in board(&world.state, world.now).rows {
        write!(told, "{}: {} {}", row.lane.word(), row.change, row.sentence).unwrap();
        match row.waiting_on {
            None => {}
            Some(Waiting::Approval { people }) => write!(told, " {} may", people.len()).unwrap(),
            Some(other) => write!(told, " {other:?}").unwrap(),
        }
        writeln!(told, " since {} s", row.since.0 / 1000).unwrap();
    }
    for found in where_is(&world.state, sought, world.now) {
        let places: Vec<String> =
            found.live_in.iter().map(|(place, by)| format!("{place} by {by}")).collect();
        writeln!(told, "{sought} is {}, in [{}]", found.row.change, places.join(", ")).unwrap();
    }
    expect.assert_eq(&told);
}

fn tell(world: &mut World, line: &str) {
    let system = Actor::System;
    let words: Vec<&str> = line.split(' ').collect();
    let command = match *words {
        ["push", branch] => {
            let change = world.state.next_change();
            world.tell(world.push(branch, &["anna"]), &actor("anna")).unwrap();
            Command::Received { change }
        }
        ["pass"] => return pass(world),
        ["claim", step] => Command::Claim(world.claimable(Some(step)).unwrap()),
        ["fail", step] => {
            let key = world.claimable(Some(step)).unwrap();
            world.tell(Command::Claim(key.clone()), &system).unwrap();
            finish(key, StepOutcome::Failed { code: 1 }, None)
        }
        ["approve"] => {
            let asked = |(subject, request): (&Subject, &sluss_core::approval::Request)| {
                (*subject, request.statement.clone())
            };
            let (subject, statement) = world.state.requests.iter().next_back().map(asked).unwrap();
            let approve = Command::Approve { subject, statement };
            world.tell(approve, &actor("bob")).unwrap();
            return;
        }
        ["ready"] => Command::Ready { deployment: world.rolling().unwrap() },
        ["favourable"] => world.observation(world.rolling().unwrap(), Verdict::Favourable),
        ["unfavourable"] => world.observation(world.rolling().unwrap(), Verdict::Unfavourable),
        ["hold"] => {
            let hold = Command::Hold { deployment: world.rolling().unwrap() };
            world.tell(hold, &actor("anna")).unwrap();
            return;
        }
        ["freeze"] => {
            let (from, until) = (world.now, Millis(9_000_000));
            let (service, environment, reason) = (None, None, Digest::of(b"reason"));
            let freeze = Command::Freeze { service, environment, from, until, reason };
            world.tell(freeze, &actor("bob")).unwrap();
            return;
        }
        ref other => panic!("no such line: {other:?}"),
    };
    world.tell(command, &system).unwrap();
}

/// Lets everything that can succeed by itself succeed, up to the next rollout to customers.
fn pass(world: &mut World) {
    let system = Actor::System;
    loop {
        let in_test = world
            .rolling()
            .filter(|id| world.state.deployments[id].environment.as_str().starts_with("test"));
        let command = if let Some(key) = world.claimable(None) {
            world.tell(Command::Claim(key.clone()), &system).unwrap();
            let tests = TestCounts { passed: 3, failed: 0, skipped: 0 };
            finish(key, StepOutcome::Succeeded, Some(tests))
        } else if let Some(run) = world.state.to_pack().first() {
            packed(*run)
        } else if let Some(deployment) = in_test {
            Command::Ready { deployment }
        } else {
            return;
        };
        world.tell(command, &system).unwrap();
    }
}

#[test]
fn a_change_waits_for_the_people_who_may_decide() {
    check(
        "push main\n pass",
        "chg-1",
        expect![[r#"
        waiting: chg-1 For production it waits for a second person. 2 may since 2 s
        chg-1 is chg-1, in []
    "#]],
    );
}

#[test]
fn a_later_change_rolls_out_beside_what_is_live() {
    check(
        "push main\n pass\n approve\n ready\n favourable\n push main\n pass\n ready\n favourable",
        "pay",
        expect![[r#"
            in progress: chg-2 It rolls out in production, at 50 % of the traffic. since 9 s
            live: chg-1 It is live in production. since 5 s
            pay is chg-2, in []
            pay is chg-1, in [production by dep-2]
        "#]],
    );
}

#[test]
fn a_bad_change_is_taken_back_and_the_one_before_is_live() {
    check(
        "push main\n pass\n approve\n ready\n favourable\n push main\n pass\n ready\n unfavourable",
        "rel-2",
        expect![[r#"
            live: chg-1 It is live in production. since 5 s
            taken back: chg-2 Taken back from production: it failed more often than the release before it. since 9 s
            rel-2 is chg-2, in []
        "#]],
    );
}

#[test]
fn a_held_rollout_and_a_freeze_wait() {
    check(
        "push main\n pass\n approve\n ready\n favourable\n push main\n pass\n ready\n hold",
        "dep-4",
        expect![[r#"
            waiting: chg-2 Its rollout in production is held at 10 % of the traffic. Held since 9 s
            live: chg-1 It is live in production. since 5 s
            dep-4 is chg-2, in []
        "#]],
    );
    check(
        "push main\n pass\n approve\n ready\n favourable\n freeze\n push main\n pass",
        "chg-2",
        expect![[r#"
            waiting: chg-2 For production it waits for the end of frz-1. Freeze { freeze: FreezeId(1), until: Millis(9000000) } since 8 s
            live: chg-1 It is live in production. since 5 s
            chg-2 is chg-2, in []
        "#]],
    );
}

#[test]
fn a_run_is_in_progress_until_it_fails() {
    check(
        "push main\n claim build",
        "run-1",
        expect![[r#"
        in progress: chg-1 Its run is at `build`. since 2 s
        run-1 is chg-1, in []
    "#]],
    );
    check(
        "push topic\n fail build",
        "topic",
        expect![[r#"
        stopped: chg-1 Its run failed at the step `build`. since 2 s
        topic is chg-1, in []
    "#]],
    );
    check(
        "push topic\n pass",
        "0000000000",
        expect![[r#"
        ready: chg-1 Its branch passed; it is ready to be merged. since 2 s
        0000000000 is chg-1, in []
    "#]],
    );
}

#[test]
fn nothing_is_found_where_nothing_is() {
    check(
        "push main",
        "chg-9",
        expect![[r#"
        in progress: chg-1 Its run is queued. since 1 s
    "#]],
    );
}
mod controls;
