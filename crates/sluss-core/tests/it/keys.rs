//! Decisions that are signed with people's own keys: what counts, and what is refused and recorded.

use sluss_core::approval::{Decision, Subject};
use sluss_core::authenticator::{Credential, Signed, Word, text};
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::decide::{Actor, Command, Refusal};
use sluss_core::event::{Event, RefusedWhy};
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{AuthenticatorId, DeploymentId, Digest, ExceptionId};
use sluss_core::slots::Rule;
use sluss_core::units::Millis;

use crate::script::go;
use crate::world::{World, actor, organisation, person, production, propose};

const SUBJECT: Subject = Subject::Deployment(DeploymentId(1));

/// A release of anna's waits for bob or carl, who must sign.
fn waits() -> World {
    let rule = Rule { by_key: true, ..Organisation::usual_rule().remove(0) };
    let organisation =
        Organisation { approvals: vec![rule], ..organisation(FourEyes::Never, &["bob", "carl"]) };
    waits_under(organisation)
}

fn waits_under(organisation: Organisation) -> World {
    let mut world = World::new(vec![production()]);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    let change = world.state.next_change();
    world.tell(world.push("main", &["anna"]), &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(&mut world);
    assert_eq!(world.state.requests[&SUBJECT].decision, Decision::Open);
    world
}

pub(crate) fn credential(name: &str) -> Credential {
    Credential {
        name: Digest::of(b"name"),
        id: Digest::of(b"id"),
        id_sha256: Digest::of(name.as_bytes()),
        key: format!("ed25519:{}", "0a".repeat(32)).parse().unwrap(),
        rp_id: "localhost".to_owned(),
        aaguid: "00000000-0000-0000-0000-000000000000".to_owned(),
        counter: 0,
    }
}

fn register(world: &mut World, who: &str) -> AuthenticatorId {
    let credential = credential(&format!("{who} {}", world.state.size));
    let id = world.state.next_authenticator();
    world.tell(Command::RegisterKey { credential }, &actor(who)).unwrap();
    id
}

/// Another person vouches for the key.
fn vouched(world: &mut World, who: &str) -> AuthenticatorId {
    let id = register(world, who);
    // Of those who may decide, one is not its owner; in an organisation of one nobody vouches.
    let by = if who == "bob" { "carl" } else { "bob" };
    world.tell(Command::VouchForKey { authenticator: id }, &actor(by)).unwrap();
    id
}

fn signer(who: &str, authenticator: AuthenticatorId, counter: u32) -> Actor {
    let assertion = Digest::of(b"assertion");
    let signed = Signed { authenticator, assertion, counter, signed_in: None };
    Actor::Signer { who: person(who), signed, signed_in: Millis(0) }
}

fn approve(world: &mut World, by: &Actor) -> Result<Vec<Event>, Refusal> {
    let statement = world.state.requests[&SUBJECT].statement.clone();
    world.tell(Command::Approve { subject: SUBJECT, statement }, by)
}

fn recorded<T>(refused: Result<T, Refusal>) -> RefusedWhy {
    let record = refused.err().expect("a refusal").record.expect("a record");
    match *record {
        Event::AccessRefused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_a_rule_asks_for_keys_a_password_does_not_count_and_a_signature_does() {
    let mut world = waits();
    assert_eq!(recorded(approve(&mut world, &actor("bob"))), RefusedWhy::NotSigned);
    let key = vouched(&mut world, "bob");
    assert_eq!(recorded(approve(&mut world, &actor("bob"))), RefusedWhy::NotSigned);
    let happened = approve(&mut world, &signer("bob", key, 1)).unwrap();
    assert!(matches!(&happened[0], Event::ApprovalGranted { signed: Some(_), .. }));
    assert!(matches!(world.state.requests[&SUBJECT].decision, Decision::Granted { .. }));
    assert_eq!(world.state.authenticators[&key].counter, 1);
}

#[test]
fn where_no_rule_asks_both_count() {
    for by_key in [false, true] {
        let mut world = waits_under(organisation(FourEyes::Always, &["bob", "carl"]));
        let key = vouched(&mut world, "bob");
        let by = if by_key { signer("bob", key, 1) } else { actor("bob") };
        approve(&mut world, &by).unwrap();
        assert!(matches!(world.state.requests[&SUBJECT].decision, Decision::Granted { .. }));
    }
}

#[test]
fn a_key_of_another_person_and_a_removed_one_are_refused() {
    let mut world = waits();
    let (bobs, carls) = (vouched(&mut world, "bob"), vouched(&mut world, "carl"));
    assert_eq!(recorded(approve(&mut world, &signer("bob", carls, 1))), RefusedWhy::KeyUnknown);
    let nobodys = AuthenticatorId(99);
    assert_eq!(recorded(approve(&mut world, &signer("bob", nobodys, 1))), RefusedWhy::KeyUnknown);
    let removal = Command::RemoveKey { authenticator: bobs };
    assert!(world.tell(removal.clone(), &actor("carl")).is_err(), "it is bob's");
    world.tell(removal, &actor("bob")).unwrap();
    assert_eq!(recorded(approve(&mut world, &signer("bob", bobs, 1))), RefusedWhy::KeyUnknown);
    approve(&mut world, &signer("carl", carls, 1)).unwrap();
}

#[test]
fn a_contributor_does_not_decide_with_a_key_either() {
    let mut world = waits();
    let key = vouched(&mut world, "anna");
    let why = recorded(approve(&mut world, &signer("anna", key, 1)));
    assert_eq!(why, RefusedWhy::Contributor);
}

#[test]
fn a_key_that_counts_backwards_is_refused_and_one_that_never_counts_is_not() {
    let mut world = waits_under(Organisation { by_key: true, ..two_groups() });
    let (bobs, carls) = (vouched(&mut world, "bob"), vouched(&mut world, "carl"));
    approve(&mut world, &signer("bob", bobs, 5)).unwrap();
    for counter in [0, 4, 5] {
        let why = recorded(approve(&mut world, &signer("bob", bobs, counter)));
        assert_eq!(why, RefusedWhy::CounterWentBack, "{counter}");
    }
    approve(&mut world, &signer("carl", carls, 0)).unwrap();
    assert!(matches!(world.state.requests[&SUBJECT].decision, Decision::Granted { .. }));
}

/// One of security, which is bob, and one of operations, which is carl.
fn two_groups() -> Organisation {
    let group = |name: &str| [person(name)].into();
    let names: [sluss_core::ids::GroupName; 2] =
        ["security", "operations"].map(|name| name.parse().unwrap());
    let [security, operations] = names.clone();
    Organisation {
        groups: [(security.clone(), group("bob")), (operations, group("carl"))].into(),
        approvals: vec![Rule {
            slots: names.map(|name| (name, 1)).into(),
            ..Rule::one_of(security)
        }],
        ..organisation(FourEyes::Never, &["bob", "carl"])
    }
}

#[test]
fn who_signed_in_too_long_ago_is_refused_to_the_minute() {
    let organisation = Organisation {
        by_key: true,
        sign_in_minutes: 30,
        ..organisation(FourEyes::Always, &["bob", "carl"])
    };
    let mut world = waits_under(organisation);
    let key = vouched(&mut world, "bob");
    world.now = Millis(30 * 60_000 + 1);
    assert_eq!(recorded(approve(&mut world, &signer("bob", key, 1))), RefusedWhy::SignInTooOld);
    world.now = Millis(30 * 60_000);
    approve(&mut world, &signer("bob", key, 1)).unwrap();
}

#[test]
fn keys_are_registered_by_people_who_have_just_given_their_password_and_only_once() {
    let mut world = waits();
    let stale = Actor::Person { who: person("bob"), reauthenticated: false };
    let register = |name| Command::RegisterKey { credential: credential(name) };
    assert_eq!(recorded(world.tell(register("b"), &stale)), RefusedWhy::NotReauthenticated);
    let agent = Actor::Agent { who: person("bob") };
    assert_eq!(recorded(world.tell(register("b"), &agent)), RefusedWhy::NotAPerson);
    world.tell(register("b"), &actor("bob")).unwrap();
    assert!(world.tell(register("b"), &actor("bob")).is_err());
    assert!(world.tell(register("b"), &actor("carl")).is_err(), "it is bob's");
    let key = AuthenticatorId(1);
    world.tell(Command::VouchForKey { authenticator: key }, &actor("carl")).unwrap();
    let removal = Command::RemoveKey { authenticator: key };
    assert_eq!(
        recorded(world.tell(removal, &signer("bob", key, 1))),
        RefusedWhy::NotReauthenticated
    );
}

#[test]
fn an_emergency_goes_round_no_rule_that_asks_for_keys_without_one() {
    let mut world = waits();
    let what = ExceptionKind::Emergency { deployment: DeploymentId(1), incident: None };
    let until = world.now.plus(60_000);
    let ask = Command::AskException {
        what,
        reason: Digest::of(b"reason"),
        until,
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    };
    world.tell(ask, &actor("anna")).unwrap();
    let exception = ExceptionId(1);
    let grant = Command::GrantException { exception };
    assert_eq!(recorded(world.tell(grant.clone(), &actor("bob"))), RefusedWhy::NotSigned);
    let key = vouched(&mut world, "bob");
    world.tell(grant, &signer("bob", key, 1)).unwrap();
    assert!(world.state.exceptions[&exception].granted.is_some());
}

#[test]
fn what_is_signed_differs_in_each_part_that_matters() {
    let (statement, bob) = (Digest::of(b"statement"), person("bob"));
    let whole = text(Word::Approve, &SUBJECT, &statement, &bob, "n");
    let other = DeploymentId(2);
    for changed in [
        text(Word::Refuse, &SUBJECT, &statement, &bob, "n"),
        text(Word::Approve, &other, &statement, &bob, "n"),
        text(Word::Approve, &SUBJECT, &Digest::of(b"other"), &bob, "n"),
        text(Word::Approve, &SUBJECT, &statement, &person("carl"), "n"),
        text(Word::Approve, &SUBJECT, &statement, &bob, "m"),
    ] {
        assert_ne!(whole, changed);
    }
}

#[test]
fn a_key_counts_once_another_person_who_may_decide_vouches_for_it() {
    let mut world = waits();
    let key = register(&mut world, "bob");
    let signed = signer("bob", key, 1);
    assert_eq!(recorded(approve(&mut world, &signed)), RefusedWhy::KeyNotVouched);
    let vouch = || Command::VouchForKey { authenticator: key };
    assert_eq!(recorded(world.tell(vouch(), &actor("bob"))), RefusedWhy::OwnKey);
    assert_eq!(recorded(world.tell(vouch(), &actor("anna"))), RefusedWhy::MissingRole);
    let stale = Actor::Person { who: person("carl"), reauthenticated: false };
    assert_eq!(recorded(world.tell(vouch(), &stale)), RefusedWhy::NotReauthenticated);
    let agent = Actor::Agent { who: person("carl") };
    assert_eq!(recorded(world.tell(vouch(), &agent)), RefusedWhy::NotAPerson);
    assert_eq!(recorded(approve(&mut world, &signed)), RefusedWhy::KeyNotVouched);
    world.tell(vouch(), &actor("carl")).unwrap();
    assert!(world.tell(vouch(), &actor("carl")).is_err(), "once");
    approve(&mut world, &signed).unwrap();
}
