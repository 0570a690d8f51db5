//! Contracts between services: who waits for whom, and who may not drop what.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::config::{FourEyes, Organisation};
use sluss_core::contracts::Contracts;
use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::Phase;
use sluss_core::event::Push;
use sluss_core::exception::ExceptionKind;
use sluss_core::gate::GateOutcome;
use sluss_core::ids::{DeploymentId, Digest, EnvironmentName};
use sluss_core::pipeline::{GateKind, Pipeline};
use sluss_core::rollout::Verdict;

use crate::script::go;
use crate::world::{World, actor, organisation, person, pipeline, production, propose};

/// A bank with a ledger and payments, in which nobody is asked.
fn bank() -> World {
    let mut world = World::new(vec![production()]);
    let services =
        ["ledger", "payments"].map(|name| (name.parse().unwrap(), "bank".parse().unwrap()));
    let organisation = Organisation {
        services: BTreeMap::from(services),
        ..organisation(FourEyes::Never, &["bob", "carl"])
    };
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    world
}

fn contracts(provides: &[u32], needs: Option<u32>) -> Contracts {
    let mut contracts = Contracts::default();
    if !provides.is_empty() {
        let versions: BTreeSet<u32> = provides.iter().copied().collect();
        contracts.provides.insert("ledger-api".parse().unwrap(), versions);
    }
    contracts.needs.extend(needs.map(|version| ("ledger-api".parse().unwrap(), version)));
    contracts
}

/// Pushes a change of `service` and lets it go as far as it may, to its customers if nothing keeps
/// it.
fn push(world: &mut World, service: &str, contracts: Contracts) -> DeploymentId {
    let id = announce(world, service, contracts);
    deliver(world);
    id
}

fn announce(world: &mut World, service: &str, contracts: Contracts) -> DeploymentId {
    let (change, id) = (world.state.next_change(), world.state.next_deployment());
    let of = (service.parse().unwrap(), "rust-service@1".parse().unwrap(), Digest::of(b"t"));
    let usual = pipeline(vec![production()]);
    let pipeline =
        Pipeline::new(of, usual.steps().to_vec(), usual.start.clone(), usual.deliver.clone());
    let push = Push {
        branch: "main".to_owned(),
        trunk: true,
        old: None,
        commit: format!("{:040x}", change.0).parse().unwrap(),
        commits: 1,
        written: world.now,
        contributors: BTreeSet::from([person("anna")]),
        hands: Default::default(),
        work_items: BTreeSet::new(),
        title: Digest::of(b"title"),
        pipeline: pipeline.unwrap().with_contracts(contracts),
        left_out: BTreeSet::new(),
    };
    let (service, product) = (service.parse().unwrap(), "bank".parse().unwrap());
    world.tell(Command::Push { service, product, push }, &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    id
}

fn deliver(world: &mut World) {
    for _ in 0..20 {
        go(world);
        world.now = world.now.plus(1_000);
        let Some(rolling) = world.rolling() else { return };
        let command = world.observation(rolling, Verdict::Favourable);
        world.tell(command, &Actor::System).unwrap();
    }
    panic!("it goes on and on");
}

fn is_live(world: &World, id: DeploymentId) -> bool {
    matches!(world.state.deployments[&id].phase, Phase::Live { .. })
}

fn says(world: &World, id: DeploymentId) -> String {
    let outcome = world.state.deployments[&id].gates.get(&GateKind::Dependencies);
    outcome.map_or("not asked".to_owned(), GateOutcome::sentence)
}

#[test]
fn a_consumer_waits_for_its_provider_and_then_goes_by_itself() {
    let mut world = bank();
    let first = push(&mut world, "payments", contracts(&[], Some(3)));
    assert!(!is_live(&world, first));
    assert_eq!(
        says(&world, first),
        "It needs ledger-api 3, which nothing live here provides, nor any newest change."
    );
    let old = push(&mut world, "ledger", contracts(&[2], None));
    assert!(is_live(&world, old) && !is_live(&world, first), "another version is no provider");
    let ledger = push(&mut world, "ledger", contracts(&[2, 3], None));
    assert!(is_live(&world, ledger));
    // Nobody asked once more: what came live let it go.
    deliver(&mut world);
    assert!(is_live(&world, first));
    assert_eq!(
        says(&world, first),
        "What it needs is live: ledger-api 3 (ledger); what others need of it stays: nothing."
    );
}

#[test]
fn what_must_go_first_is_named() {
    let mut world = bank();
    world.state.organisation.as_mut().unwrap().four_eyes = FourEyes::Always;
    let ledger = push(&mut world, "ledger", contracts(&[3], None));
    let payments = push(&mut world, "payments", contracts(&[], Some(3)));
    assert!(!is_live(&world, ledger) && !is_live(&world, payments));
    assert_eq!(
        says(&world, payments),
        "It needs ledger-api 3, which is not live here: ledger provides it in rel-1, which must \
         go first."
    );
}

#[test]
fn a_provider_does_not_drop_what_a_live_consumer_needs() {
    let mut world = bank();
    push(&mut world, "ledger", contracts(&[2, 3], None));
    let payments = push(&mut world, "payments", contracts(&[], Some(2)));
    assert!(is_live(&world, payments));
    let drops = push(&mut world, "ledger", contracts(&[3], None));
    assert!(!is_live(&world, drops));
    assert_eq!(
        says(&world, drops),
        "What is live still needs what it no longer provides: ledger-api 2 (payments)."
    );
    // Leaving the word away altogether is no way round.
    let silent = push(&mut world, "ledger", Contracts::default());
    assert!(!is_live(&world, silent), "{}", says(&world, silent));
    // Once its consumer has moved on, it goes by itself.
    let drops = push(&mut world, "ledger", contracts(&[3], None));
    let moved = push(&mut world, "payments", contracts(&[], Some(3)));
    deliver(&mut world);
    assert!(is_live(&world, moved) && is_live(&world, drops), "{}", says(&world, drops));
}

#[test]
fn services_that_wait_for_each_other_are_named_and_an_emergency_ends_that() {
    let mut world = bank();
    push(&mut world, "ledger", contracts(&[2], None));
    push(&mut world, "payments", contracts(&[], Some(2)));
    let ledger = push(&mut world, "ledger", contracts(&[3], None));
    let payments = push(&mut world, "payments", contracts(&[], Some(3)));
    world.settle();
    assert!(!is_live(&world, ledger) && !is_live(&world, payments));
    let circle = |from: &str, to: &str| {
        format!(
            "They wait for each other: {from} → {to} → {from}. Release what provides both \
             versions first."
        )
    };
    assert!(says(&world, payments).ends_with(&circle("payments", "ledger")));
    assert!(says(&world, ledger).ends_with(&circle("ledger", "payments")));
    let what = ExceptionKind::Emergency { deployment: ledger, incident: None };
    let until = world.now.plus(600_000);
    let ask = Command::AskException {
        what,
        reason: Digest::of(b"reason"),
        until,
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    };
    world.tell(ask, &actor("anna")).unwrap();
    let grant = Command::GrantException { exception: "exc-1".parse().unwrap() };
    world.tell(grant, &actor("bob")).unwrap();
    deliver(&mut world);
    deliver(&mut world);
    assert!(is_live(&world, ledger) && is_live(&world, payments));
}

#[test]
fn a_provider_that_is_being_replaced_by_one_that_drops_it_is_none() {
    let mut world = bank();
    push(&mut world, "ledger", contracts(&[2], None));
    // Nobody needs version 2 when this begins, so it may; it has its first share, and no more.
    let drops = announce(&mut world, "ledger", contracts(&[3], None));
    go(&mut world);
    assert_eq!(world.rolling(), Some(drops));
    let payments = announce(&mut world, "payments", contracts(&[], Some(2)));
    go(&mut world);
    assert_eq!(world.state.deployments[&payments].phase, Phase::Requested);
    deliver(&mut world);
    assert!(is_live(&world, drops) && !is_live(&world, payments), "{}", says(&world, payments));
}

#[test]
fn a_rollback_is_not_kept_and_what_it_takes_away_is_named() {
    let mut world = bank();
    push(&mut world, "ledger", contracts(&[2], None));
    let ledger = push(&mut world, "ledger", contracts(&[2, 3], None));
    let payments = push(&mut world, "payments", contracts(&[], Some(3)));
    assert!(is_live(&world, ledger) && is_live(&world, payments));
    let production: EnvironmentName = "production".parse().unwrap();
    let rollback =
        Command::Rollback { service: "ledger".parse().unwrap(), environment: production.clone() };
    world.tell(rollback, &actor("anna")).unwrap();
    assert!(!is_live(&world, ledger) && is_live(&world, payments));
    let release = world.state.deployments[&payments].release;
    let touched = world.state.touched_by(release, &production);
    assert_eq!(touched.missing[0].contract.to_string(), "ledger-api 3");
}

#[test]
fn who_has_no_contract_is_not_asked() {
    let mut world = bank();
    let ledger = push(&mut world, "ledger", Contracts::default());
    assert!(is_live(&world, ledger));
    assert_eq!(says(&world, ledger), "not asked");
}
