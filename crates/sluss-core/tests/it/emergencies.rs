//! Emergencies, what is agreed to in advance, what people accept, and who may do what.

use std::collections::BTreeSet;

use sluss_core::access::Role;
use sluss_core::alarm::{Notify, Topic};
use sluss_core::approval::{Decision, Subject, VoidWhy};
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::decide::{Actor, Assure, Command};
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::exception::{Changed, ExceptionKind, Model};
use sluss_core::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use sluss_core::ids::{DeploymentId, Digest, ExceptionId, IncidentId, ReleaseId};
use sluss_core::pipeline::GateKind;
use sluss_core::rollout::Verdict;
use sluss_core::silence::{ClockSource, SILENCE_MS};
use sluss_core::steps::{StepOutcome, TestCounts};
use sluss_core::units::Millis;
use sluss_core::weakening::Weakening;

use crate::script::go;
use crate::world::{World, actor, finish, organisation, packed, person, production, propose};

const HOUR: i64 = 3_600_000;
const ONE: DeploymentId = DeploymentId(1);
const TWO: DeploymentId = DeploymentId(2);
const FIRST: ExceptionId = ExceptionId(1);

/// Bob, carl and dora approve; carl and dora are on call where `on_call` says so.
fn bank(on_call: bool) -> Organisation {
    let mut bank = organisation(FourEyes::Always, &["bob", "carl", "dora"]);
    let members = ["carl", "dora"].map(person).into();
    bank.groups.insert("night".parse().unwrap(), members);
    bank.alarm.on_call = on_call.then(|| "night".parse().unwrap());
    bank
}

fn world(organisation: Organisation) -> World {
    let mut world = World::new(vec![production()]);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    world
}

/// Pushes a change of anna's and builds it.
fn push(world: &mut World) {
    push_of(world, &["anna"]);
}

/// Pushes a change of these and builds it.
fn push_of(world: &mut World, contributors: &[&str]) {
    let push = world.push("main", contributors);
    let change = world.state.next_change();
    world.tell(push, &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(world);
}

/// Makes a first release live, by bob's word.
fn live(world: &mut World) {
    push(world);
    approve(world, ONE, "bob");
    go(world);
}

fn approve(world: &mut World, id: DeploymentId, by: &str) {
    let subject = Subject::Deployment(id);
    let statement = world.state.requests[&subject].statement.clone();
    world.tell(Command::Approve { subject, statement }, &actor(by)).unwrap();
}

fn except(world: &World, what: ExceptionKind, milliseconds: i64) -> Command {
    let (reason, until) = (Digest::of(b"reason"), world.now.plus(milliseconds));
    Command::AskException {
        what,
        reason,
        until,
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    }
}

fn emergency(of: DeploymentId, incident: Option<u64>) -> ExceptionKind {
    ExceptionKind::Emergency { deployment: of, incident: incident.map(IncidentId) }
}

fn grant(exception: ExceptionId) -> Command {
    Command::GrantException { exception }
}

fn gate(world: &World, id: DeploymentId, gate: GateKind) -> GateOutcome {
    world.state.deployments[&id].gates[&gate].clone()
}

#[test]
fn an_emergency_opens_the_incident_that_it_is_about() {
    let mut world = world(bank(false));
    push(&mut world);
    let done = world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    assert!(matches!(done[0], Event::IncidentReported { incident: IncidentId(1), .. }), "{done:?}");
    assert_eq!(world.state.exceptions[&FIRST].what, emergency(ONE, Some(1)));
    let about = &world.state.incidents[&IncidentId(1)];
    assert_eq!(about.service.as_str(), "pay");
    assert_eq!(world.state.loud(world.now).count(), 1, "everybody sees it while it is asked for");
}

#[test]
fn an_emergency_names_an_incident_that_is_open() {
    let mut world = world(bank(false));
    live(&mut world);
    push(&mut world);
    let ask = except(&world, emergency(TWO, Some(7)), HOUR);
    assert!(world.tell(ask, &actor("anna")).unwrap_err().what.contains("no incident inc-7"));
    let report = Command::Report {
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        by: sluss_core::incident::Reporter::Person,
        summary: Digest::of(b"summary"),
    };
    world.tell(report, &actor("anna")).unwrap();
    let ask = except(&world, emergency(TWO, Some(1)), HOUR);
    let done = world.tell(ask.clone(), &actor("anna")).unwrap();
    assert!(matches!(done[..], [Event::ExceptionRequested { .. }]), "{done:?}");
    world.tell(Command::Close { incident: IncidentId(1) }, &actor("anna")).unwrap();
    assert!(world.tell(ask, &actor("anna")).unwrap_err().what.contains("inc-1 is closed"));
}

#[test]
fn who_is_on_call_grants_an_emergency_and_nobody_else() {
    let mut world = world(bank(true));
    push(&mut world);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    let refused = world.tell(grant(FIRST), &actor("bob")).unwrap_err();
    assert!(refused.what.contains("on call"), "{refused}");
    assert!(refused.record.is_some(), "a refusal is recorded");
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    assert!(gate(&world, ONE, GateKind::FourEyes).is_cleared());
}

#[test]
fn nobody_is_on_call_for_somebody_who_contributed_or_asks() {
    let mut world = world(bank(true));
    for (from, to) in [("carl", "bob"), ("dora", "erik")] {
        let delegate = Command::Delegate { to: person(to), until: world.now.plus(90 * HOUR) };
        let done = world.tell(delegate, &actor(from));
        assert_eq!(done.is_ok(), to == "bob", "erik decides nothing");
    }
    push_of(&mut world, &["anna", "carl"]);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    let refused = world.tell(grant(FIRST), &actor("bob")).unwrap_err();
    assert!(refused.what.contains("on call"), "he acts for carl, whose change it is: {refused}");
    world.tell(grant(FIRST), &actor("dora")).unwrap();
    assert!(gate(&world, ONE, GateKind::FourEyes).is_cleared());
}

#[test]
fn who_is_on_call_no_more_has_granted_nothing() {
    let mut world = world(bank(true));
    let freeze = Command::Freeze {
        service: None,
        environment: None,
        from: Millis(0),
        until: Millis(HOUR),
        reason: Digest::of(b"reason"),
    };
    world.tell(freeze, &actor("anna")).unwrap();
    push(&mut world);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    assert!(gate(&world, ONE, GateKind::FourEyes).is_cleared());
    let mut without = bank(true);
    without.groups.insert("night".parse().unwrap(), [person("dora")].into());
    world.state.organisation = Some(without);
    world.settle();
    assert!(!gate(&world, ONE, GateKind::FourEyes).is_cleared());
}

#[test]
fn fewer_on_call_or_told_is_a_weakening() {
    let found = |before: Organisation, after: Organisation| {
        let mut world = world(before);
        world.tell(propose(2, after), &actor("anna")).unwrap();
        world.state.weakenings(2)
    };
    let url = || "http://127.0.0.1:9/hook".parse().unwrap();
    let told = |on: &[Topic]| {
        let mut told = bank(true);
        told.alarm.notify = vec![Notify { url: url(), on: on.iter().copied().collect() }];
        told
    };
    assert_eq!(found(bank(true), bank(false)), [Weakening::OnCall]);
    assert_eq!(found(bank(false), bank(true)), []);
    let mut more = bank(true);
    more.groups.get_mut(&"night".parse().unwrap()).unwrap().insert(person("bob"));
    assert!(found(bank(true), more).contains(&Weakening::OnCall));
    assert_eq!(found(told(&Topic::ALL), told(&[Topic::Stop])), [Weakening::Notify]);
    assert_eq!(found(told(&[Topic::Stop]), told(&Topic::ALL)), []);
}

#[test]
fn an_overdue_review_shuts_the_gates_of_the_whole_team_until_it_is_there() {
    let mut bank = bank(false);
    let mut other = bank.products[&"bank".parse().unwrap()].clone();
    bank.products.insert("cards".parse().unwrap(), other.clone());
    other.owner = "savings".parse().unwrap();
    bank.products.insert("savings".parse().unwrap(), other);
    let mut world = world(bank);
    push(&mut world);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    go(&mut world);
    for (service, product) in [("card", "cards"), ("save", "savings")] {
        let (service, product) = (service.parse().unwrap(), product.parse().unwrap());
        world.fold(&[Event::ServiceRegistered { service, product }]);
    }
    let overdue = |world: &World, service: &str| {
        world.state.overdue_review(&service.parse().unwrap(), world.now)
    };
    // 1970-01-01 is a Thursday: two business days end on Monday.
    let due = world.state.exceptions[&FIRST].review_due().unwrap();
    assert_eq!(due, Millis(4 * 24 * HOUR));
    world.now = due.plus(-1);
    world.settle();
    assert_eq!(overdue(&world, "card"), None);
    world.now = due;
    world.settle();
    let said = |event: &Event| *event == Event::RetrospectiveOverdue { exception: FIRST };
    assert_eq!(world.log.iter().filter(|(_, event)| said(event)).count(), 1);
    assert_eq!(
        ["pay", "card", "save"].map(|of| overdue(&world, of)),
        [Some(FIRST), Some(FIRST), None]
    );
    push(&mut world);
    let waits = GateOutcome::Waiting { on: WaitingOn::Review { exception: FIRST } };
    assert_eq!(gate(&world, TWO, GateKind::FourEyes), waits);
    let review = Command::ReviewException { exception: FIRST, findings: Digest::of(b"findings") };
    world.tell(review, &actor("bob")).unwrap();
    assert_eq!(overdue(&world, "card"), None);
    assert_eq!(world.state.loud(world.now).count(), 0);
}

#[test]
fn a_deployment_that_started_by_an_emergency_waits_for_no_second_person() {
    let mut world = world(bank(false));
    push(&mut world);
    let subject = Subject::Deployment(ONE);
    let decision = |world: &World| world.state.requests[&subject].decision.clone();
    assert_eq!(decision(&world), Decision::Open);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    go(&mut world);
    assert!(world.state.deployments[&ONE].started.is_some());
    let overtaken =
        |of: &Decision| matches!(of, Decision::Invalidated { why: Some(VoidWhy::Overtaken), .. });
    assert!(overtaken(&decision(&world)), "{:?}", decision(&world));
    let place = &world.state.services[&"pay".parse().unwrap()].places;
    assert!(place[&"production".parse().unwrap()].live.is_some());
    let statement = world.state.requests[&subject].statement.clone();
    let late = world.tell(Command::Approve { subject, statement }, &actor("bob")).unwrap_err();
    assert!(late.what.contains("no longer waits"), "{late}");
}

#[test]
fn an_approval_that_was_used_stands_when_its_deployment_has_started() {
    let mut world = world(bank(false));
    live(&mut world);
    let request = &world.state.requests[&Subject::Deployment(ONE)];
    assert!(matches!(&request.decision, Decision::Granted { by, .. } if *by == person("bob")));
}

#[test]
fn what_was_asked_for_a_deployment_that_was_overtaken_is_over_and_nobody_grants_it() {
    let mut world = world(bank(false));
    push(&mut world);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    let freeze = ExceptionKind::Freeze { deployment: ONE };
    world.tell(except(&world, freeze, HOUR), &actor("dora")).unwrap();
    let stands = |world: &World, id| {
        world.state.exception_word(&world.state.exceptions[&ExceptionId(id)], world.now)
    };
    assert_eq!([1, 2].map(|id| stands(&world, id)), ["asked", "asked"]);
    push(&mut world);
    assert!(matches!(world.state.deployments[&ONE].phase, Phase::Superseded { .. }));
    assert_eq!([1, 2].map(|id| stands(&world, id)), ["overtaken", "overtaken"]);
    assert_eq!(world.state.loud(world.now).count(), 0, "nobody needs to see it");
    for id in [1, 2].map(ExceptionId) {
        let refused = world.tell(grant(id), &actor("carl")).unwrap_err();
        assert!(refused.what.contains("dep-1 does not wait at a gate any more"), "{refused}");
        assert!(refused.hint.contains("sluss exception ask"), "{refused}");
        let end = Command::EndException { exception: id };
        assert!(world.tell(end, &actor("carl")).unwrap_err().what.contains("is over"));
    }
}

#[test]
fn what_was_never_granted_is_refused_by_others_and_withdrawn_by_who_asked() {
    for (who, word) in [("anna", "withdrawn"), ("carl", "refused")] {
        let mut world = world(bank(false));
        push(&mut world);
        world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
        world.tell(Command::EndException { exception: FIRST }, &actor(who)).unwrap();
        assert_eq!(world.state.exceptions[&FIRST].word(world.now), word);
    }
}

fn model() -> Model {
    Model {
        service: "pay".parse().unwrap(),
        paths: ["docs/".to_owned()].into(),
        files: 3,
        lines: 50,
        failures: 1,
        owner: None,
        function: None,
        max_risk: None,
        required_evidence: BTreeSet::new(),
    }
}

/// A world in which `pay` is live and a standard change is asked for by anna.
fn standard(model: Model) -> World {
    let mut world = world(bank(false));
    live(&mut world);
    world.texts.changed = Some(Changed { paths: vec!["docs/a.md".to_owned()], lines: Some(7) });
    let days = except(&world, ExceptionKind::Standard { model }, 30 * 24 * HOUR);
    world.tell(days, &actor("anna")).unwrap();
    world
}

fn passes(world: &World, id: DeploymentId) -> bool {
    let outcome = gate(world, id, GateKind::FourEyes);
    matches!(outcome, GateOutcome::Cleared { why: ClearedWhy::Standard { .. } })
}

#[test]
fn a_standard_change_that_stands_for_an_approval_is_recorded_with_its_digest() {
    let mut world = standard(model());
    world.tell(grant(FIRST), &actor("bob")).unwrap();
    push(&mut world);
    assert!(passes(&world, TWO));
    let ExceptionKind::Standard { model } = &world.state.exceptions[&FIRST].what else { panic!() };
    assert_eq!(model.owner, Some(person("anna")), "who asks answers for it where nobody is named");
    let digest = model.digest();
    let automated = world.log.iter().filter_map(|(_, event)| match event {
        Event::ApprovalAutomated(of) if of.exception == FIRST => Some(&of.model_sha256),
        _other => None,
    });
    assert_eq!(automated.collect::<Vec<_>>(), [&digest]);
}

#[test]
fn a_standard_change_covers_nothing_of_which_it_is_not_known_how_many_lines_differ() {
    let mut world = standard(model());
    world.tell(grant(FIRST), &actor("bob")).unwrap();
    world.texts.changed = Some(Changed { paths: vec!["docs/a.png".to_owned()], lines: None });
    push(&mut world);
    assert!(!passes(&world, TWO));
}

#[test]
fn the_independent_function_agrees_to_a_standard_change_and_its_owner_never() {
    let function = Some("night".parse().unwrap());
    let mut world = standard(Model { function, owner: Some(person("dora")), ..model() });
    let refused = world.tell(grant(FIRST), &actor("dora")).unwrap_err();
    assert!(refused.what.contains("answer for this"), "{refused}");
    world.tell(grant(FIRST), &actor("bob")).unwrap();
    assert_eq!(world.state.exceptions[&FIRST].granted, None, "bob is of another function");
    push(&mut world);
    assert!(!passes(&world, TWO));
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    assert!(world.state.exceptions[&FIRST].granted.is_some());
    push(&mut world);
    assert!(passes(&world, DeploymentId(3)));
    let unknown = Some("nobody".parse().unwrap());
    let what = ExceptionKind::Standard { model: Model { function: unknown, ..model() } };
    let refused = world.tell(except(&world, what, HOUR), &actor("anna")).unwrap_err();
    assert!(refused.what.contains("no group `nobody`"), "{refused}");
}

#[test]
fn who_contributed_is_not_the_function_that_agreed_to_a_standard_change() {
    let function = Some("night".parse().unwrap());
    let mut world = standard(Model { function, ..model() });
    world.tell(grant(FIRST), &actor("bob")).unwrap();
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    push_of(&mut world, &["carl"]);
    assert!(!passes(&world, TWO), "bob alone is of another function");
    push_of(&mut world, &["anna"]);
    let brings_both = !passes(&world, DeploymentId(3));
    assert!(brings_both, "what is not live yet of carl's comes with it");
}

#[test]
fn a_standard_change_covers_no_riskier_release_and_none_without_its_evidence() {
    let passed = |model: Model| {
        let mut world = standard(model);
        world.tell(grant(FIRST), &actor("bob")).unwrap();
        push(&mut world);
        let points = sluss_core::risk::risk(
            &world.state,
            TWO,
            world.texts.changed.as_ref().map(sluss_core::risk::Size::of),
            world.now,
        );
        (passes(&world, TWO), points.unwrap().points)
    };
    let (_, points) = passed(model());
    assert!(passed(Model { max_risk: Some(points), ..model() }).0);
    let riskier = |most: u8| passed(Model { max_risk: Some(most), ..model() }).0;
    assert!(points == 0 || !riskier(points - 1));
    let with = |gate: GateKind| Model { required_evidence: [gate].into(), ..model() };
    assert!(passed(with(GateKind::Tests)).0);
    assert!(!passed(with(GateKind::Sbom)).0, "nothing asks for a bill of materials there");
}

#[test]
fn an_incident_that_a_release_under_it_caused_suspends_a_standard_change() {
    let mut world = standard(model());
    world.tell(grant(FIRST), &actor("bob")).unwrap();
    push(&mut world);
    assert!(passes(&world, TWO));
    let report = Command::Report {
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        by: sluss_core::incident::Reporter::Person,
        summary: Digest::of(b"summary"),
    };
    world.tell(report, &actor("anna")).unwrap();
    let incident = *world.state.incidents.keys().next_back().unwrap();
    world.tell(Command::Link { incident, deployment: TWO }, &actor("anna")).unwrap();
    assert_eq!(world.state.failures_of(FIRST), 1);
    assert!(world.state.exceptions[&FIRST].suspended.is_some());
}

/// A world whose first release has a red test, and is refused by its gate.
fn red(tests: Option<TestCounts>) -> World {
    let mut world = world(bank(false));
    let push = world.push("main", &["anna"]);
    world.tell(push, &actor("anna")).unwrap();
    let change = sluss_core::ids::ChangeId(1);
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    while let Some(key) = world.claimable(None) {
        world.tell(Command::Claim(key.clone()), &Actor::System).unwrap();
        let finished = finish(key, StepOutcome::Succeeded, tests);
        world.tell(finished, &Actor::System).unwrap();
    }
    let run = world.state.to_pack()[0];
    world.tell(packed(run), &Actor::System).unwrap();
    world
}

fn accept() -> Command {
    let reason = Digest::of(b"reason");
    Command::Assure(Assure::AcceptTests { release: ReleaseId(1), reason })
}

#[test]
fn a_person_who_had_no_hand_in_it_accepts_red_tests_of_one_release() {
    let red_tests = TestCounts { passed: 11, failed: 1, skipped: 0 };
    for tests in [Some(red_tests), None] {
        let mut world = red(tests);
        assert!(matches!(world.state.deployments[&ONE].phase, Phase::Refused { .. }));
        for (who, why) in [("anna", "approver"), ("mallory", "approver")] {
            let refused = world.tell(accept(), &actor(who)).unwrap_err();
            assert!(refused.what.contains(why), "{who}: {refused}");
        }
        let token = Actor::Agent { who: person("bob") };
        assert!(world.tell(accept(), &token).is_err(), "no program accepts");
        world.tell(accept(), &actor("bob")).unwrap();
        let promote = Command::Promote {
            release: ReleaseId(1),
            environment: None,
            nonce: "again".to_owned(),
        };
        world.tell(promote, &actor("anna")).unwrap();
        let why = match gate(&world, TWO, GateKind::Tests) {
            GateOutcome::Cleared { why } => why,
            shut => panic!("{shut:?}"),
        };
        assert!(matches!(why, ClearedWhy::TestsAccepted { .. }), "{why:?}");
        assert!(gate(&world, TWO, GateKind::Tests).sentence().contains("accepted"));
        assert!(world.tell(accept(), &actor("carl")).is_err(), "once");
    }
}

#[test]
fn who_contributed_accepts_no_red_tests_nor_does_anybody_green_ones() {
    let mut bob_wrote = world(bank(false));
    let push = bob_wrote.push("main", &["bob"]);
    bob_wrote.tell(push, &actor("anna")).unwrap();
    bob_wrote
        .tell(Command::Received { change: sluss_core::ids::ChangeId(1) }, &Actor::System)
        .unwrap();
    go(&mut bob_wrote);
    let refused = bob_wrote.tell(accept(), &actor("carl")).unwrap_err();
    assert!(refused.what.contains("passed"), "{refused}");
    let mut world = red(None);
    let accepted = world.tell(accept(), &actor("bob")).unwrap();
    assert!(matches!(accepted[..], [Event::TestResultAccepted(_)]));
    // Once bob had a hand in it, his word opens nothing.
    let change = world.state.changes.values_mut().next().unwrap();
    change.push.contributors.insert(person("bob"));
    assert!(world.state.tests_accepted(ONE).is_none());
    let refused = gate(&world, ONE, GateKind::Tests);
    assert_eq!(refused, GateOutcome::Refused { why: RefusedWhy::NoTests });
}

#[test]
fn who_could_decide_or_deploy_at_a_time_follows_from_the_log() {
    let mut world = world(bank(false));
    assert!(world.state.access_at(Millis(-1)).is_none());
    world.now = Millis(10_000);
    let mut later = bank(false);
    later.four_eyes = FourEyes::Always;
    later.developers.remove(&person("erik"));
    later.groups.insert("night".parse().unwrap(), [person("dora")].into());
    world.tell(propose(2, later), &actor("anna")).unwrap();
    let subject = sluss_core::approval::Subject::Configuration(2);
    let statement = world.state.requests[&subject].statement.clone();
    for who in ["bob", "carl"] {
        let command = Command::Approve { subject, statement: statement.clone() };
        world.tell(command, &actor(who)).ok();
    }
    let role = |at: i64, role: &str| {
        let role: Role = role.parse().unwrap();
        world.state.access_at(Millis(at)).unwrap().roles[&role].clone()
    };
    assert!(role(9_999, "developer").contains(&person("erik")));
    assert!(!role(10_000, "developer").contains(&person("erik")));
    assert!(role(9_999, "group:night").contains(&person("carl")));
    let lost = world.log.iter().filter_map(|(_, event)| match event {
        Event::AccessRoleChanged(of) if of.number == 2 => Some((of.role.to_string(), &of.lost)),
        _other => None,
    });
    let lost: Vec<_> = lost.collect();
    assert_eq!(
        lost,
        [
            ("developer".to_owned(), &[person("erik")].into()),
            ("group:night".to_owned(), &[person("carl")].into()),
        ]
    );
}

#[test]
fn a_review_of_access_is_due_a_year_after_the_last() {
    let mut world = world(bank(false));
    let year = sluss_core::access::REVIEW_EVERY_MS;
    assert_eq!(world.state.access_review_due(), Some(Millis(year)));
    world.now = Millis(HOUR);
    let review = Command::Assure(Assure::ReviewAccess { findings: Digest::of(b"findings") });
    assert!(world.tell(review.clone(), &actor("anna")).is_err(), "it takes an approver");
    world.tell(review, &actor("bob")).unwrap();
    assert_eq!(world.state.access_review_due(), Some(Millis(HOUR + year)));
}

#[test]
fn missed_heartbeats_are_a_gap_that_shuts_nothing() {
    let mut world = world(bank(false));
    let beat = || Command::Heartbeat { clock: ClockSource::default() };
    world.now = Millis(SILENCE_MS - 1);
    let done = world.tell(beat(), &Actor::System).unwrap();
    assert!(matches!(done[..], [Event::LogHeartbeat { .. }]), "{done:?}");
    world.now = world.now.plus(SILENCE_MS);
    // Something else is recorded first.
    let review = Command::Assure(Assure::ReviewAccess { findings: Digest::of(b"findings") });
    world.tell(review, &actor("bob")).unwrap();
    let done = world.tell(beat(), &Actor::System).unwrap();
    let [Event::LogGap { milliseconds: SILENCE_MS, missed: true }, Event::LogHeartbeat { .. }] =
        done[..]
    else {
        panic!("{done:?}")
    };
    assert!(!world.state.gap);
    assert!(world.tell(beat(), &Actor::System).unwrap().is_empty(), "it is said once");
}

#[test]
fn a_push_says_who_had_which_hand_in_it() {
    let mut world = world(bank(false));
    push(&mut world);
    let hands = &world.state.changes.values().next().unwrap().push.hands;
    assert_eq!(hands.pusher, Some(person("anna")));
    assert_eq!(hands.trigger, Some(person("anna")));
    let old = r#"{"change":"chg-1","service":"pay","push":"#;
    let (_, data) = world
        .log
        .iter()
        .find_map(|(_, event)| {
            matches!(event, Event::ChangePushed { .. }).then(|| event.to_parts())
        })
        .unwrap();
    assert!(data.get().starts_with(old));
    let mut told: serde_json::Value = serde_json::from_str(data.get()).unwrap();
    told["push"].as_object_mut().unwrap().remove("hands").unwrap();
    let raw = serde_json::value::to_raw_value(&told).unwrap();
    let Event::ChangePushed { push, .. } = Event::from_parts("change.pushed", &raw).unwrap() else {
        panic!()
    };
    assert!(push.hands.is_unknown(), "logs of before still fold");
}

#[test]
fn a_rollout_is_taken_to_last_as_long_as_those_before_it() {
    let mut world = world(bank(false));
    push(&mut world);
    let deadline = 900_000;
    assert_eq!(world.state.predicted_ms(ONE), Some(deadline), "the plan's own bound");
    approve(&mut world, ONE, "bob");
    go(&mut world);
    push(&mut world);
    let least = 2 * 1000;
    assert_eq!(world.state.predicted_ms(TWO), Some(least), "no less than a block a share");
    approve(&mut world, TWO, "bob");
    go(&mut world);
    for _ in 0..2 {
        world.now = world.now.plus(7 * 60_000);
        let favourable = world.observation(TWO, Verdict::Favourable);
        world.tell(favourable, &Actor::System).unwrap();
    }
    assert!(world.state.deployments[&TWO].live.is_some());
    push(&mut world);
    assert_eq!(world.state.predicted_ms(DeploymentId(3)), Some(14 * 60_000));
}

#[test]
fn a_notice_says_what_happened_without_a_name() {
    let mut world = world(bank(false));
    push(&mut world);
    world.tell(except(&world, emergency(ONE, None), HOUR), &actor("anna")).unwrap();
    world.tell(grant(FIRST), &actor("carl")).unwrap();
    let scope = "all".parse().unwrap();
    world.tell(Command::StopLine { scope, reason: Digest::of(b"r") }, &actor("anna")).unwrap();
    let told: Vec<String> = world
        .log
        .iter()
        .filter_map(|(_, event)| world.state.notice(event))
        .map(|notice| format!("{:?} {}: {}", notice.topic, notice.kind, notice.sentence))
        .collect();
    expect_test::expect![[r#"
        Incident incident.reported: The incident inc-1 of pay in `production` is open.
        Emergency exception.requested: The emergency exc-1 of pay in `production` is asked for.
        Emergency exception.granted: The emergency exc-1 of pay in `production` is granted.
        Stop line.stopped: The line is stopped for everything by stp-1."#]]
    .assert_eq(&told.join("\n"));
}
