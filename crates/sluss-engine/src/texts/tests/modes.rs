//! Policies that only warn, how a decision says by what it was made, and the report that a new
//! version of them names.

use sluss_core::event::Event;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::Digest;
use sluss_core::pipeline::GateKind;
use sluss_core::policies::Mode;
use sluss_core::rules::PolicyRecord;
use sluss_core::units::Millis;
use sluss_policy::DiffResult;
use sluss_store::Log as _;

use super::{ORGANISATION, POLICY, World};
use crate::engine::read_event;
use crate::texts;

async fn events(world: &World) -> Vec<Event> {
    let all = world.engine.parts().log.read(0, 500).await.unwrap();
    all.iter().map(|sealed| read_event(sealed).unwrap().1).collect()
}

async fn record(world: &World) -> PolicyRecord {
    let found = events(world).await.into_iter().rev().find_map(|event| match event {
        Event::GateDecided { gate: GateKind::Policy, policy, .. } => policy,
        _of_another_kind => None,
    });
    found.expect("it says what it was made from")
}

fn organisation(policies: &str) -> String {
    format!("{ORGANISATION}policies: {policies}\n")
}

#[tokio::test]
async fn policies_in_warn_mode_are_asked_and_recorded_and_counted_and_keep_nothing() {
    let mut world = World::new().await;
    let said = organisation("{mode: warn, owner: risk, reviewed: 2026-11-01}");
    let files = [("organisation.yaml", said.as_str()), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("ledger/book.rs", "one")]).await;
    match world.gate(id, GateKind::Policy) {
        GateOutcome::Cleared { why: ClearedWhy::WouldRefuse { rules, input, .. } } => {
            assert_eq!(rules, ["paths.ledger"]);
            assert!(world.engine.parts().blobs.get_blocking(&input.unwrap()).is_ok());
        }
        other => panic!("it is enforced: {other:?}"),
    }
    assert_eq!(record(&world).await.mode, Mode::Warn);
    let past = texts::past(&world.engine, Millis(0), 100).await.unwrap();
    assert_eq!((past.recorded.len(), past.only_warned), (1, 1));
    let bundle = texts::load([("gate.rego".to_owned(), POLICY.to_owned())].into()).unwrap();
    let report = texts::difference(&bundle, &bundle, past);
    assert_eq!((report.result(), report.only_warned), (DiffResult::Same, 1));
    let owner = world.engine.state().organisation.as_ref().unwrap().policy.owner.clone();
    assert_eq!(owner.unwrap().as_str(), "risk");
}

#[tokio::test]
async fn a_decision_says_by_which_engine_and_version_of_the_policies_it_was_made() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    world.release(&[("docs/readme", "one")]).await;
    let record = record(&world).await;
    let input = world.engine.parts().blobs.get_blocking(&record.input_sha256).unwrap();
    assert_eq!(record.input_size, Some(input.len() as u64));
    let engine = record.engine.unwrap();
    assert_eq!((engine.name.as_str(), engine.version.as_str()), ("regorus", "0.14.1"));
    assert!(engine.features.iter().any(|feature| feature == "regex"), "{:?}", engine.features);
    assert!(record.duration_us.is_some_and(|took| took > 0));
    assert_eq!(record.commit, world.head);
    // Nobody was asked to agree here: `four_eyes: never`.
    assert_eq!((record.approved_leaf, record.mode), (None, Mode::Block));
}

#[tokio::test]
async fn the_report_on_new_policies_is_kept_and_named_and_without_inputs_nothing_is_checked() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let tighter = POLICY.replace("\"ledger/\"", "\"l\"");
    let compared = |events: Vec<Event>| {
        events.into_iter().rev().find_map(|event| match event {
            Event::ConfigCompared { lets_more_pass, report, checked, .. } => {
                Some((lets_more_pass, report, checked))
            }
            _of_another_kind => None,
        })
    };
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", tighter.as_str())];
    world.platform(&files).await.unwrap();
    let told = compared(events(&world).await);
    // Where nobody has to agree it is in force before it was compared.
    if let Some((lets_more_pass, report, checked)) = told {
        assert_eq!((lets_more_pass, checked), (true, Some(0)), "not checked is no yes");
        let kept = world.engine.parts().blobs.get_blocking(&report.unwrap()).unwrap();
        assert!(String::from_utf8(kept).unwrap().contains("\"checked\":0"));
    }
    let asks = ORGANISATION.replace("four_eyes: never", "four_eyes: always");
    let files = [("organisation.yaml", asks.as_str()), ("policies/gate.rego", tighter.as_str())];
    world.platform(&files).await.unwrap();
    world.release(&[("ledger/book.rs", "one")]).await;
    let files = [("organisation.yaml", asks.as_str()), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let (lets_more_pass, report, checked) = compared(events(&world).await).unwrap();
    assert_eq!((lets_more_pass, checked), (false, Some(1)));
    let report = report.unwrap();
    let kept = world.engine.parts().blobs.get_blocking(&report).unwrap();
    assert_eq!(Digest::of(&kept), report);
}
