//! Rollbacks that were put aside while the log could not be written.

use sluss_core::aside::{PutAside, Unwritable, goes_back};
use sluss_core::decide::{Actor, Command, decide};
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::ids::{DeploymentId, Digest};
use sluss_core::units::Millis;

use crate::script::play;
use crate::world::{World, actor, production};

const TWO_LIVE: &str = "0 policy never by anna
    1 push main anna by anna
    2 go
    5 push main anna by anna
    6 go
    10 favourable
    11 favourable";

fn two_live() -> World {
    let mut world = World::new(vec![production()]);
    play(&mut world, TWO_LIVE);
    world
}

/// The rollback of what is live, as anna asks for it.
fn wanted() -> Command {
    let (service, environment) = ("pay".parse().unwrap(), "production".parse().unwrap());
    Command::Rollback { service, environment }
}

fn record(world: &World) -> PutAside {
    let anna = actor("anna");
    let events = decide(&world.state, wanted(), &anna, Millis(600_000)).unwrap();
    let (deployment, to) = goes_back(&events).unwrap();
    PutAside {
        number: 1,
        written: Millis(600_000),
        since: Millis(590_000),
        why: Unwritable::Full,
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        deployment,
        to,
        by: anna.who().unwrap().clone(),
        program: false,
        key: "aside/1".to_owned(),
    }
}

#[test]
fn what_was_put_aside_is_wanted_before_the_log_has_it_and_the_same_after() {
    let mut world = two_live();
    let record = record(&world);
    assert_eq!((record.deployment, record.to), (DeploymentId(2), DeploymentId(1)));
    let foreseen = world.state.foreseen(std::slice::from_ref(&record));
    assert_ne!(foreseen.routes(), world.state.routes());
    let digest = Digest::of(b"record");
    let take_in = Command::TakeIn { record, digest: digest.clone() };
    world.now = Millis(900_000);
    let events = world.tell(take_in, &Actor::System).unwrap();
    assert!(
        matches!(&events[0], Event::LogRecordTakenIn(of)
            if of.record == digest && of.counts && of.since == Millis(590_000)),
        "{events:?}"
    );
    assert!(matches!(events[1], Event::DeploymentRolledBack { .. }), "{events:?}");
    assert_eq!(foreseen.routes(), world.state.routes());
}

#[test]
fn a_record_of_what_was_taken_back_meanwhile_is_in_the_log_and_does_nothing_more() {
    let mut world = two_live();
    let record = record(&world);
    play(&mut world, "601 rollback production by anna");
    let take_in = Command::TakeIn { record, digest: Digest::of(b"record") };
    let events = world.tell(take_in, &Actor::System).unwrap();
    assert!(matches!(&events[..], [Event::LogRecordTakenIn(of)] if !of.counts), "{events:?}");
    let phase = &world.state.deployments[&DeploymentId(1)].phase;
    assert!(matches!(phase, Phase::Live { .. }), "{phase:?}");
}

#[test]
fn nobody_but_sluss_itself_takes_a_record_in() {
    let world = two_live();
    let take_in = Command::TakeIn { record: record(&world), digest: Digest::of(b"record") };
    assert!(decide(&world.state, take_in, &actor("anna"), Millis(900_000)).is_err());
}

#[test]
fn what_leaves_nothing_live_does_not_go_back() {
    let mut world = World::new(vec![production()]);
    play(&mut world, "0 policy never by anna\n1 push main anna by anna\n2 go");
    let events = decide(&world.state, wanted(), &actor("anna"), Millis(600_000));
    assert_eq!(events.ok().as_deref().and_then(goes_back), None);
}
