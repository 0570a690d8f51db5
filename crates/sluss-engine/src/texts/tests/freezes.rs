//! What the calendar said at the gate of freezes is recorded, kept and signed.

use sluss_calendar::Decision as CalendarDecision;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::freezes::FreezeDecided;
use sluss_core::ids::Digest;
use sluss_core::pipeline::GateKind;
use sluss_core::state::State;
use sluss_ledger::attest::Dsse;
use sluss_ledger::attest::predicate::FreezeDecision;
use sluss_store::{Blobs as _, Log as _};

use super::{BEGIN, ORGANISATION, World};
use crate::engine::read_event;
use crate::reconcile::attest;

const SUNDAY: &str = "windows:\n  - id: sunday\n    kind: deny\n    dtstart: 2026-11-22T06:00\n    \
                      dtend: 2026-11-22T08:00\n    tzid: UTC\n    reason: rest\n    owner: ops\n";

async fn events(world: &World) -> Vec<Event> {
    let all = world.engine.parts().log.read(0, 10_000).await.unwrap();
    all.iter().map(|sealed| read_event(sealed).unwrap().1).collect()
}

async fn said(world: &World) -> Vec<FreezeDecided> {
    let said = |event| match event {
        Event::FreezeDecided(said) => Some(said),
        _another => None,
    };
    events(world).await.into_iter().filter_map(said).collect()
}

#[tokio::test]
async fn what_the_calendar_said_is_recorded_with_its_version_and_sentence_and_signed() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("calendar.yaml", SUNDAY)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    world.gate(id, GateKind::Freeze);
    world
        .pass(3_600_000, |state: &State| {
            let gate = state.deployments[&id].gates.get(&GateKind::Freeze);
            gate.is_some_and(sluss_core::gate::GateOutcome::is_cleared)
        })
        .await;
    let told = said(&world).await;
    let [shut, open] = &told[..] else { panic!("{told:?}") };
    assert_eq!((shut.allowed, shut.until), (false, Some(BEGIN.plus(3_600_000))));
    assert_eq!((&shut.windows[..], open.allowed), (&["sunday".to_owned()][..], true));
    for one in [shut, open] {
        assert_eq!(one.calendar, Digest::of(SUNDAY.as_bytes()));
        assert_eq!(one.tzdb_version, sluss_calendar::tzdb_version());
        let kept = world.engine.parts().blobs.get(&one.says).await.unwrap();
        let kept: CalendarDecision = serde_json::from_slice(&kept).unwrap();
        assert_eq!(kept.allowed, one.allowed);
        assert!(!kept.sentence.is_empty());
        assert!(world.engine.state().contents.contains_key(&one.says), "it is kept as evidence");
    }
    // Each answer stands right before the decision that it was given for.
    let events = events(&world).await;
    for (at, _) in events.iter().enumerate().filter(|(_, e)| matches!(e, Event::FreezeDecided(_))) {
        let next = &events[at + 1];
        assert!(matches!(next, Event::GateDecided { gate: GateKind::Freeze, .. }), "{next:?}");
    }

    while attest::once(&world.engine).await {}
    let mut signed = Vec::new();
    for event in self::events(&world).await {
        let Event::AttestationRecorded { evidence: Evidence::Freeze { .. }, envelope, .. } = event
        else {
            continue;
        };
        let text = world.engine.parts().blobs.get(&envelope).await.unwrap();
        let statement = Dsse::parse(&text).unwrap().unverified_statement().unwrap();
        let predicate = statement.predicate().get();
        signed.push(serde_json::from_str::<FreezeDecision>(predicate).unwrap());
    }
    let answers: Vec<bool> = signed.iter().map(|one| one.allowed).collect();
    assert_eq!(answers, [false, true]);
    assert!(signed[0].sentence.contains("sunday"), "{}", signed[0].sentence);
    assert_eq!(signed[0].tzdb_version, sluss_calendar::tzdb_version());
    assert_eq!(signed[0].calendar_digest.to_string(), shut.calendar.as_str());
    assert!(signed[0].scope.ends_with("@production"), "{}", signed[0].scope);
}
