//! Where other programs fail open, and what holds here: `docs/policies.md` lists these tests.

use sluss_core::approval::{Decision, Subject};
use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::{DeploymentId, Digest};
use sluss_core::pipeline::GateKind;
use sluss_core::state::State;

use crate::script::play;
use crate::world::{World, production};

const WAITS: &str = "0 policy always anna bob carl by dora
    1 push main anna by anna
    2 go";

fn waits() -> World {
    let mut world = World::new(vec![production()]);
    play(&mut world, WAITS);
    world
}

fn only(state: &State) -> DeploymentId {
    *state.deployments.keys().next_back().unwrap()
}

/// Whether its gates let it go on.
fn goes(state: &State, id: DeploymentId) -> bool {
    !matches!(state.deployments[&id].phase, Phase::Requested | Phase::Refused { .. })
}

#[test]
fn an_approval_by_nobody_is_an_error_and_opens_nothing() {
    let mut world = waits();
    let id = only(&world.state);
    let subject = Subject::Deployment(id);
    let statement = world.state.requests[&subject].statement.clone();
    let before = world.log.len();
    let approve = Command::Approve { subject, statement };
    let refusal = world.tell(approve, &Actor::System).unwrap_err();
    assert_eq!(refusal.core.unwrap().as_str(), "core.identity.human");
    assert!(matches!(*refusal.record.unwrap(), Event::AccessRefused { .. }));
    assert_eq!(world.log.len(), before);
    // Nor is there a way to write one: it needs a person.
    let null =
        r#"{"type":"approval.granted","data":{"subject":"dep-1","statement":"x","by":null}}"#;
    assert!(serde_json::from_str::<Event>(null).is_err());
    let lacks = r#"{"type":"approval.granted","data":{"subject":"dep-1","statement":"x"}}"#;
    assert!(serde_json::from_str::<Event>(lacks).is_err());
    assert!(!goes(&world.state, id));
}

#[test]
fn waiting_too_long_is_a_refusal_and_no_approval() {
    let mut world = waits();
    let id = only(&world.state);
    play(&mut world, "9000000 tick");
    let request = &world.state.requests[&Subject::Deployment(id)];
    assert!(matches!(request.decision, Decision::Expired { .. }), "{:?}", request.decision);
    assert!(matches!(world.state.deployments[&id].phase, Phase::Refused { .. }));
}

#[test]
fn what_is_kept_by_a_gate_is_not_told_as_passed_anywhere() {
    let world = waits();
    let id = only(&world.state);
    let deployment = &world.state.deployments[&id];
    let gate = &deployment.gates[&GateKind::FourEyes];
    assert!(!gate.is_cleared() && !gate.is_final());
    assert_eq!(*gate, GateOutcome::Waiting { on: WaitingOn::SecondPerson });
    assert_eq!(deployment.phase.word(), "requested");
    assert!(!deployment.lets_on() && deployment.live.is_none());
    assert!(world.state.routes().is_empty(), "nothing of it takes traffic");
    assert!(!world.log.iter().any(|(_, event)| matches!(
        event,
        Event::DeploymentCleared { .. } | Event::ChangeDelivered { .. }
    )));
}

#[test]
fn what_failed_is_neither_released_nor_said_to_be_built() {
    let mut world = World::new(vec![production()]);
    world.attests = false;
    play(
        &mut world,
        "0 policy never bob by anna
        1 push main anna by anna
        2 claim build
        3 finish run-1 build 1 failed",
    );
    assert!(world.log.iter().any(|(_, event)| matches!(event, Event::RunFailed { .. })));
    assert!(world.state.releases.is_empty());
    let claims =
        world.state.unattested.values().any(|it| matches!(it, Evidence::Provenance { .. }));
    assert!(!claims, "{:?}", world.state.unattested);
}

#[test]
fn going_again_asks_every_gate_again_and_an_approval_of_before_opens_none() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy always bob carl by anna
        1 push main anna by anna
        2 go
        3 approve dep-1 by bob
        4 go
        5 push main anna by anna
        6 go
        7 approve dep-2 by bob
        8 rollback production by anna
        9 unbar rel-2 by erik
        10 promote rel-2 by erik",
    );
    let id = only(&world.state);
    assert_eq!(id.to_string(), "dep-3", "it is a deployment of its own");
    assert!(!goes(&world.state, id), "{:?}", world.state.deployments[&id].phase);
    let gates = &world.state.deployments[&id].gates;
    assert_eq!(gates.len(), world.state.deployments[&id].gates_asked().len(), "each is asked");
    let asked = &world.state.requests[&Subject::Deployment(id)];
    assert_eq!(asked.decision, Decision::Open, "what bob said of dep-2 says nothing of {id}");
}

#[test]
fn an_approval_that_was_revoked_keeps_a_cleared_deployment_from_starting() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy always bob carl by anna
        1 push main anna by anna
        2 freeze production 0 50 by bob
        3 go
        4 approve dep-1 by bob
        5 revoke dep-1 by bob
        60 tick",
    );
    let id = only(&world.state);
    assert!(!goes(&world.state, id), "the gates are looked at again when the freeze ends");
}

#[test]
fn a_missing_or_empty_field_of_an_event_is_an_error_and_never_a_default() {
    for broken in [
        r#"{"type":"gate.decided","data":{"deployment":"dep-1","gate":"tests"}}"#,
        r#"{"type":"gate.decided","data":{"deployment":"dep-1","gate":"tests","outcome":{}}}"#,
        r#"{"type":"gate.decided","data":{"deployment":"dep-1","gate":"tests","outcome":null}}"#,
        r#"{"type":"gate.decided","data":{"deployment":"","gate":"tests",
            "outcome":{"outcome":"cleared","why":"nobody_asked"}}}"#,
        r#"{"type":"gate.decided","data":{"deployment":"dep-1","gate":"tests","skip":true,
            "outcome":{"outcome":"cleared","why":"nobody_asked"}}}"#,
    ] {
        assert!(serde_json::from_str::<Event>(broken).is_err(), "{broken}");
    }
    let whole = r#"{"type":"gate.decided","data":{"deployment":"dep-1","gate":"tests",
        "outcome":{"outcome":"cleared","why":"nobody_asked"}}}"#;
    assert!(serde_json::from_str::<Event>(whole).is_ok(), "else the rest would say nothing");
    assert!("".parse::<sluss_core::ids::ReleaseId>().is_err());
    assert!(serde_json::from_str::<Digest>("\"\"").is_err());
}
