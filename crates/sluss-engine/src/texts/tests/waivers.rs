//! A waiver is signed once two people agreed to it, and not before.

use sluss_core::decide::Command;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::Digest;
use sluss_ledger::attest::Dsse;
use sluss_ledger::attest::predicate::Waiver;
use sluss_store::{Blobs as _, Log as _};

use super::{BEGIN, ORGANISATION, POLICY, World};
use crate::engine::read_event;
use crate::reconcile::attest;

async fn signed(world: &World) -> Vec<Waiver> {
    while attest::once(&world.engine).await {}
    let mut waivers = Vec::new();
    for sealed in world.engine.parts().log.read(0, 10_000).await.unwrap() {
        let Event::AttestationRecorded { evidence: Evidence::Waiver { .. }, envelope, .. } =
            read_event(&sealed).unwrap().1
        else {
            continue;
        };
        let text = world.engine.parts().blobs.get(&envelope).await.unwrap();
        let statement = Dsse::parse(&text).unwrap().unverified_statement().unwrap();
        waivers.push(serde_json::from_str(statement.predicate().get()).unwrap());
    }
    waivers
}

#[tokio::test]
async fn a_waiver_is_signed_once_two_people_agreed_to_it() {
    let mut world = World::new().await;
    let organisation = format!("{ORGANISATION}services: {{ payments: pay }}\n");
    let files = [("organisation.yaml", organisation.as_str()), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let (service, rule) = ("payments".parse().unwrap(), "paths.ledger".to_owned());
    let what = ExceptionKind::Waiver { service, rule };
    let (reason, until) = (Digest::of(b"why"), BEGIN.plus(3_600_000));
    let exception = world.engine.state().next_exception();
    world
        .ask(
            "anna",
            Command::AskException {
                what,
                reason: reason.clone(),
                until,
                terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(
                    b"instead",
                )),
            },
        )
        .await;
    world.ask("carl", Command::GrantException { exception }).await;
    assert_eq!(signed(&world).await, [], "one is not two");
    world.ask("dora", Command::GrantException { exception }).await;
    let waivers = signed(&world).await;
    let [waiver] = &waivers[..] else { panic!("{waivers:?}") };
    assert_eq!(waiver.control_ids, ["paths.ledger"]);
    assert_eq!(waiver.scope, "payments");
    assert_eq!(waiver.requester.to_string(), world.people["anna"].as_str());
    let approvers = waiver.approvers.map(|who| who.to_string());
    assert_eq!(approvers, ["carl", "dora"].map(|name| world.people[name].as_str().to_owned()));
    assert_eq!(waiver.reason_ref.to_string(), reason.as_str());
    assert_eq!(waiver.valid_until.ms(), until.0);
}
