//! Which product a service belongs to, and what follows from that.

use std::collections::BTreeSet;

use sluss_core::approval::{Decision, Subject};
use sluss_core::config::{Demand, FourEyes, Money, Organisation, Product};
use sluss_core::decide::{Actor, Command, Retain};
use sluss_core::event::Event;
use sluss_core::findings::Severity;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::hold::HoldScope;
use sluss_core::ids::{DeploymentId, Digest, ProductName, ServiceName};
use sluss_core::pipeline::GateKind;
use sluss_core::remediation::{Term, Terms};
use sluss_core::stop::StopScope;
use sluss_core::weakening::Weakening;

use crate::script::go;
use crate::world::{World, actor, organisation, person, production, propose};

const ONE: DeploymentId = DeploymentId(1);
const TWO: DeploymentId = DeploymentId(2);

fn pay() -> ServiceName {
    "pay".parse().unwrap()
}

fn product(name: &str) -> ProductName {
    name.parse().unwrap()
}

/// Two products; services of the product `cards` have a bill of materials, and mend sooner.
fn two(of_pay: &str) -> Organisation {
    let mut two = organisation(FourEyes::Never, &["bob", "carl"]);
    let bank = two.products[&product("bank")].clone();
    let term = Term::try_from("7d".to_owned()).unwrap();
    let cards = Product {
        owner: "cards".parse().unwrap(),
        require: [Demand::Sbom].into(),
        failure_cost: Some(Money::try_from("85.00 EUR".to_owned()).unwrap()),
        findings: Terms::new([(Severity::High, term)].into()),
        ..bank
    };
    two.products.insert(product("cards"), cards);
    two.services.insert(pay(), product(of_pay));
    two
}

/// A world in which `pay` has a release that customers have, of the product `bank`.
fn world() -> World {
    let mut world = World::new(vec![production()]);
    world.tell(propose(1, two("bank")), &actor("anna")).unwrap();
    push(&mut world);
    world
}

fn push(world: &mut World) {
    let (push, change) = (world.push("main", &["anna"]), world.state.next_change());
    world.tell(push, &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(world);
}

fn asked(world: &World, id: DeploymentId) -> BTreeSet<GateKind> {
    world.state.deployments[&id].stage.gates.iter().copied().collect()
}

fn moved_to(world: &mut World, name: &str) {
    let number = world.state.next_proposal();
    world.tell(propose(number, two(name)), &actor("anna")).unwrap();
    assert_eq!(world.state.product_of(&pay()), Some(&product(name)));
}

#[test]
fn a_registered_service_belongs_to_the_product_that_the_organisation_in_force_says() {
    let mut world = world();
    assert_eq!(world.state.product_of(&pay()), Some(&product("bank")));
    assert_eq!(world.state.failure_cost(&pay()), None);
    moved_to(&mut world, "cards");
    assert_eq!(world.state.team_of(&pay()).unwrap().as_str(), "cards");
    assert_eq!(world.state.failure_cost(&pay()).unwrap().to_string(), "85.00 EUR");
    assert_eq!(world.state.term_of(&pay(), Severity::High), Term::Days(7));
    assert_eq!(world.state.products(), [&product("cards")].into());
}

#[test]
fn a_service_that_is_not_listed_belongs_to_the_product_that_it_was_registered_for() {
    let mut world = World::new(vec![production()]);
    let mut open = two("bank");
    open.services.clear();
    open.open_registration = true;
    world.tell(propose(1, open), &actor("anna")).unwrap();
    push(&mut world);
    assert_eq!(world.state.product_of(&pay()), Some(&product("bank")));
    moved_to(&mut world, "cards");
}

#[test]
fn a_deployment_asked_for_after_the_move_has_the_gates_that_the_product_requires() {
    let mut world = world();
    assert!(!asked(&world, ONE).contains(&GateKind::Sbom));
    moved_to(&mut world, "cards");
    push(&mut world);
    assert!(asked(&world, TWO).contains(&GateKind::Sbom), "{:?}", asked(&world, TWO));
}

#[test]
fn a_stop_and_a_hold_of_the_product_follow_the_service_at_once() {
    let mut world = world();
    moved_to(&mut world, "cards");
    let (scope, reason) = (StopScope::Product(product("cards")), Digest::of(b"reason"));
    world.tell(Command::StopLine { scope: scope.clone(), reason }, &actor("anna")).unwrap();
    push(&mut world);
    let stopped = world.state.deployments[&TWO].gates[&GateKind::Freeze].clone();
    assert!(
        matches!(&stopped, GateOutcome::Waiting { on: WaitingOn::Stopped { scope: of, .. } }
            if *of == scope),
        "{stopped:?}"
    );
    let scope = HoldScope::Product(product("cards"));
    let hold = Retain::PlaceHold { scope, reason: Digest::of(b"reason") };
    world.tell(Command::Retain(hold), &actor("bob")).unwrap();
    let release = world.state.deployments[&ONE].release;
    assert_eq!(world.state.holds_over_release(release).count(), 1);
}

fn weakenings(world: &mut World, after: Organisation) -> Vec<Weakening> {
    let number = world.state.next_proposal();
    let commit = format!("{number:040x}").parse().unwrap();
    let (contributors, nonce) = (BTreeSet::new(), "n".to_owned());
    let organisation = after;
    world.fold(&[Event::ConfigProposed { number, commit, organisation, contributors, nonce }]);
    world.state.weakenings(number)
}

#[test]
fn moving_a_service_to_a_product_of_which_less_is_asked_is_a_weakening() {
    let mut world = world();
    assert_eq!(weakenings(&mut world, two("cards")), [], "more is asked");
    moved_to(&mut world, "cards");
    assert_eq!(weakenings(&mut world, two("bank")), [Weakening::Moved]);
    let mut unlisted = two("bank");
    unlisted.services.clear();
    assert_eq!(weakenings(&mut world, unlisted), [Weakening::Moved], "it is as registered again");
    let mut other = two("cards");
    other.services.insert("new".parse().unwrap(), product("bank"));
    assert_eq!(weakenings(&mut world, other), [], "nothing is moved that is not there");
}

#[test]
fn moving_a_service_out_of_what_a_calendar_may_shut_or_a_stop_holds_is_a_weakening() {
    let with_calendar = |of| Organisation { calendar: Some(Digest::of(b"c")), ..two(of) };
    let mut shut = World::new(vec![production()]);
    shut.tell(propose(1, with_calendar("bank")), &actor("anna")).unwrap();
    push(&mut shut);
    assert_eq!(weakenings(&mut shut, with_calendar("bank")), []);
    assert_eq!(weakenings(&mut shut, with_calendar("cards")), [Weakening::Moved]);
    let mut stopped = world();
    let (scope, reason) = (StopScope::Product(product("bank")), Digest::of(b"reason"));
    stopped.tell(Command::StopLine { scope, reason }, &actor("anna")).unwrap();
    assert_eq!(weakenings(&mut stopped, two("cards")), [Weakening::Moved]);
}

#[test]
fn a_log_of_before_in_which_one_person_agreed_to_a_move_waits_for_nobody() {
    let always = |of| Organisation { four_eyes: FourEyes::Always, ..two(of) };
    let mut world = World::new(vec![production()]);
    world.tell(propose(1, always("cards")), &actor("anna")).unwrap();
    push(&mut world);
    world.tell(propose(2, always("bank")), &actor("anna")).unwrap();
    let subject = Subject::Configuration(2);
    let statement = world.state.requests[&subject].statement.clone();
    let by = person("bob");
    let activated =
        Event::ConfigActivated { number: 2, commit: format!("{:040x}", 2).parse().unwrap() };
    let granted = Event::ApprovalGranted { subject, statement, by, signed: None };
    world.fold(&[granted]);
    assert_eq!(world.state.requests[&subject].decision, Decision::Open, "two are asked now");
    world.fold(&[activated]);
    assert_ne!(world.state.requests[&subject].decision, Decision::Open);
    assert_eq!(world.state.product_of(&pay()), Some(&product("bank")));
}
