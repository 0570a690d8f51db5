//! Waivers: what guards instead, where alone they hold, and their end.

use sluss_core::config::FourEyes;
use sluss_core::decide::{Actor, Command, Refusal};
use sluss_core::event::Event;
use sluss_core::exception::{ExceptionKind, Model, Terms};
use sluss_core::ids::{DeploymentId, Digest, ExceptionId};
use sluss_core::units::Millis;

use crate::script::go;
use crate::world::{World, actor, organisation, production, propose, staging};

const DAY_MS: i64 = 24 * 3_600_000;
const FIRST: ExceptionId = ExceptionId(1);

/// A release of anna's waits for bob or carl.
fn waits() -> World {
    let mut world = World::new(vec![production()]);
    let organisation = organisation(FourEyes::Always, &["bob", "carl"]);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    let change = world.state.next_change();
    world.tell(world.push("main", &["anna"]), &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(&mut world);
    // What is pushed next goes through one more environment.
    world.stages = vec![staging(), production()];
    world.tell(world.push("main", &["anna"]), &actor("anna")).unwrap();
    let change = sluss_core::ids::ChangeId(2);
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    world
}

fn ask(
    world: &mut World,
    what: &ExceptionKind,
    terms: Terms,
    days: i64,
) -> Result<Vec<Event>, Refusal> {
    let (what, reason) = (what.clone(), Digest::of(b"reason"));
    let until = world.now.plus(days * DAY_MS);
    world.tell(Command::AskException { what, reason, until, terms }, &actor("dora"))
}

fn instead(environment: Option<&str>) -> Terms {
    let environment = environment.map(|name| name.parse().unwrap());
    Terms { environment, ..Terms::instead(Digest::of(b"instead")) }
}

fn grant(world: &mut World) {
    for who in ["bob", "carl"] {
        world.tell(Command::GrantException { exception: FIRST }, &actor(who)).unwrap();
    }
}

#[test]
fn real_data_in_tests_take_two_others_and_an_end_and_are_told() {
    let mut world = waits();
    let real = ExceptionKind::ProdData { service: "pay".parse().unwrap() };
    let elsewhere = ExceptionKind::ProdData { service: "unheard-of".parse().unwrap() };
    for (what, terms, days, why) in [
        (&real, Terms::default(), 30, "guards meanwhile instead"),
        (&real, instead(None), 30, "names the environment"),
        (&real, instead(Some("production")), 30, "nothing is waived there"),
        (&real, instead(Some("staging")), 91, "within 2160 h"),
        (&elsewhere, instead(Some("staging")), 30, "no service"),
    ] {
        let refused = ask(&mut world, what, terms, days).unwrap_err();
        assert!(refused.what.contains(why), "{refused}");
    }
    ask(&mut world, &real, instead(Some("staging")), 30).unwrap();
    let own = world.tell(Command::GrantException { exception: FIRST }, &actor("dora"));
    assert!(own.is_err(), "who asked does not grant");
    grant(&mut world);
    assert!(world.state.exceptions[&FIRST].holds(world.now));
}

#[test]
fn that_a_waiver_is_over_is_said_once() {
    let mut world = waits();
    let rule = ExceptionKind::Waiver { service: "pay".parse().unwrap(), rule: "sbom".to_owned() };
    assert!(ask(&mut world, &rule, Terms::default(), 1).is_err(), "nothing guards instead");
    ask(&mut world, &rule, instead(None), 1).unwrap();
    grant(&mut world);
    let told = |world: &World| {
        let is = |event: &Event| *event == Event::WaiverExpired { exception: FIRST };
        world.log.iter().filter(|(_, event)| is(event)).count()
    };
    world.settle();
    assert_eq!(told(&world), 0);
    for day in 1..4 {
        world.now = Millis(day * DAY_MS);
        world.settle();
        assert_eq!(told(&world), 1, "on day {day}");
    }
}

#[test]
fn a_waiver_for_another_environment_lets_nothing_by() {
    for (environment, holds) in [(None, true), (Some("production"), true), (Some("staging"), false)]
    {
        let mut world = waits();
        let (service, rule) = ("pay".parse().unwrap(), "sbom".to_owned());
        let rule = ExceptionKind::Waiver { service, rule };
        ask(&mut world, &rule, instead(environment), 1).unwrap();
        grant(&mut world);
        let found = world.state.exception(DeploymentId(1), world.now, |what| *what == rule);
        assert_eq!(found.is_some(), holds, "{environment:?}");
    }
    let mut world = waits();
    let freeze = ExceptionKind::Freeze { deployment: DeploymentId(1) };
    let refused = ask(&mut world, &freeze, instead(Some("production")), 1).unwrap_err();
    assert!(refused.what.contains("Only waivers"), "{refused}");
}

#[test]
fn an_exception_is_for_a_service_and_an_environment_that_there_are() {
    let mut world = waits();
    let (nosuch, pay) = ("nosuch".parse().unwrap(), "pay".parse().unwrap());
    let rule = |service| ExceptionKind::Waiver { service, rule: "sbom".to_owned() };
    let model = Model {
        service: "nosuch".parse().unwrap(),
        paths: ["docs/".to_owned()].into(),
        files: 3,
        lines: 50,
        failures: 1,
        owner: None,
        function: None,
        max_risk: None,
        required_evidence: Default::default(),
    };
    for (what, terms, why) in [
        (rule(nosuch), instead(None), "no service nosuch"),
        (ExceptionKind::Standard { model }, Terms::default(), "no service nosuch"),
        (rule(pay), instead(Some("nosuch")), "No service has an environment nosuch"),
    ] {
        let refused = ask(&mut world, &what, terms, 1).unwrap_err();
        assert!(refused.what.contains(why), "{refused}");
        assert!(refused.hint.contains("sluss status"), "{refused}");
    }
}
