//! The named profiles of approval: what each refuses that plain four-eyes would let through.

use sluss_core::approval::{Decision, Subject};
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::decide::{Actor, Assure, Command, Refusal};
use sluss_core::event::{Event, RefusedWhy};
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::{ChangeId, DeploymentId, Digest};
use sluss_core::pipeline::GateKind;
use sluss_core::profile::Profile;
use sluss_core::review::ReviewOutcome;
use sluss_core::slots::Rule;
use sluss_core::units::Millis;

use crate::script::go;
use crate::world::{World, actor, organisation, person, production, propose};

const SUBJECT: Subject = Subject::Deployment(DeploymentId(1));
const DAY_MS: i64 = 24 * 3_600_000;

/// Anna, bob, dora and erik develop; the profile's groups are as given.
fn under(profile: Profile, groups: &[(&str, &[&str])], trained: &[(&str, i64)]) -> Organisation {
    let people = |names: &[&str]| names.iter().map(|name| person(name)).collect();
    let mut organisation = organisation(FourEyes::Never, &[]);
    for (group, members) in groups {
        match *group {
            Organisation::APPROVERS => organisation.approvers = people(members),
            named => {
                organisation.groups.insert(named.parse().unwrap(), people(members));
            }
        }
    }
    let slots = profile.groups().iter().map(|name| (name.parse().unwrap(), 1)).collect();
    let usual = Organisation::usual_rule().remove(0);
    organisation.approvals = vec![Rule { slots, profile: Some(profile), ..usual }];
    organisation.training =
        trained.iter().map(|(name, day)| (person(name), Millis(day * DAY_MS))).collect();
    organisation
}

/// A release of anna's waits, on the day given.
fn waits(organisation: Organisation, day: i64) -> World {
    let mut world = World::new(vec![production()]);
    world.now = Millis(day * DAY_MS);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    let change = world.state.next_change();
    world.tell(world.push("main", &["anna"]), &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(&mut world);
    world
}

fn approve(world: &mut World, by: &str) -> Result<Vec<Event>, Refusal> {
    let statement = world.state.requests[&SUBJECT].statement.clone();
    world.tell(Command::Approve { subject: SUBJECT, statement }, &actor(by))
}

fn review(world: &mut World, by: &str, outcome: ReviewOutcome) {
    let change = ChangeId(1);
    let commit = world.state.changes[&change].push.commit.clone();
    let comment = Digest::of(b"comment");
    let said = Assure::ReviewChange { change, commit, outcome, comment };
    world.tell(Command::Assure(said), &actor(by)).unwrap();
}

fn why(refused: Result<Vec<Event>, Refusal>) -> RefusedWhy {
    match *refused.unwrap_err().record.unwrap() {
        Event::AccessRefused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

fn is_granted(world: &World) -> bool {
    matches!(world.state.requests[&SUBJECT].decision, Decision::Granted { .. })
}

#[test]
fn under_dora_no_developer_approves_whoever_wrote_it() {
    let approvers: &[&str] = &["bob", "carl"];
    let mut world = waits(under(Profile::Dora, &[("approvers", approvers)], &[]), 0);
    assert_eq!(why(approve(&mut world, "bob")), RefusedWhy::NotAdmitted, "bob develops");
    assert_eq!(world.state.may_decide(SUBJECT, world.now), [person("carl")].into());
    approve(&mut world, "carl").unwrap();
    assert!(is_granted(&world));
}

#[test]
fn under_dora_a_group_of_developers_alone_is_named_at_once() {
    let world = waits(under(Profile::Dora, &[("approvers", &["bob", "erik"])], &[]), 0);
    let outcome = &world.state.deployments[&DeploymentId(1)].gates[&GateKind::FourEyes];
    let nobody = WaitingOn::Nobody { group: "approvers".parse().unwrap() };
    assert_eq!(*outcome, GateOutcome::Waiting { on: nobody });
}

#[test]
fn under_pci_author_reviewer_and_who_releases_are_three_people() {
    let groups: [(&str, &[&str]); 2] =
        [("reviewers", &["anna", "bob", "carl"]), ("approvers", &["anna", "bob", "carl"])];
    let trained = [("anna", 900), ("bob", 900), ("carl", 900)];
    let mut world = waits(under(Profile::PciManualReview, &groups, &trained), 1000);
    assert_eq!(why(approve(&mut world, "anna")), RefusedWhy::Contributor);
    review(&mut world, "bob", ReviewOutcome::Approves);
    approve(&mut world, "bob").unwrap();
    assert!(!is_granted(&world), "one person fills one place, though bob is in both groups");
    assert!(approve(&mut world, "bob").is_err());
    approve(&mut world, "carl").unwrap();
    assert!(is_granted(&world));
}

#[test]
fn under_pci_a_reviewer_whose_training_is_older_than_a_year_or_yet_to_come_does_not_count() {
    let groups: [(&str, &[&str]); 2] = [("reviewers", &["bob"]), ("approvers", &["carl"])];
    for (day, right) in [(635, true), (634, false), (1000, true), (1001, false)] {
        let organisation = under(Profile::PciManualReview, &groups, &[("bob", day)]);
        let mut world = waits(organisation, 1000);
        review(&mut world, "bob", ReviewOutcome::Approves);
        let reviewed = approve(&mut world, "bob");
        assert_eq!(reviewed.is_ok(), right, "trained on day {day}");
        if !right {
            assert_eq!(why(reviewed), RefusedWhy::NotAdmitted);
        }
        approve(&mut world, "carl").unwrap();
        assert_eq!(is_granted(&world), right);
    }
    let untold = under(Profile::PciManualReview, &groups, &[]);
    assert!(approve(&mut waits(untold, 1000), "bob").is_err(), "no date is no training");
}

#[test]
fn training_that_runs_out_before_the_release_goes_voids_what_was_agreed() {
    let groups: [(&str, &[&str]); 2] = [("reviewers", &["bob"]), ("approvers", &["carl"])];
    let organisation = under(Profile::PciManualReview, &groups, &[("bob", 635)]);
    let mut world = waits(organisation, 1000);
    review(&mut world, "bob", ReviewOutcome::Approves);
    approve(&mut world, "bob").unwrap();
    world.now = world.now.plus(1);
    approve(&mut world, "carl").unwrap();
    assert!(!is_granted(&world), "a millisecond over a year");
}

#[test]
fn under_pci_who_agrees_as_a_reviewer_has_approved_the_code() {
    let groups: [(&str, &[&str]); 2] = [("reviewers", &["bob"]), ("approvers", &["carl"])];
    let mut world = waits(under(Profile::PciManualReview, &groups, &[("bob", 900)]), 1000);
    let outcome = &world.state.deployments[&DeploymentId(1)].gates[&GateKind::FourEyes];
    assert_eq!(*outcome, GateOutcome::Waiting { on: WaitingOn::SecondPerson }, "bob can review");
    assert!(world.state.may_decide(SUBJECT, world.now).contains(&person("bob")));
    let refused = approve(&mut world, "bob").unwrap_err();
    assert!(refused.hint.contains("sluss review chg-1"), "{refused:?}");
    review(&mut world, "bob", ReviewOutcome::AsksForChanges);
    assert_eq!(why(approve(&mut world, "bob")), RefusedWhy::NotAdmitted, "he wants it changed");
    review(&mut world, "bob", ReviewOutcome::Approves);
    approve(&mut world, "bob").unwrap();
    approve(&mut world, "carl").unwrap();
    assert!(is_granted(&world));
}

#[test]
fn under_pci_a_review_may_come_after_both_agreed_and_an_objection_voids_what_they_did() {
    let groups: [(&str, &[&str]); 2] =
        [("reviewers", &["bob", "carl"]), ("approvers", &["bob", "carl"])];
    let trained = [("bob", 900), ("carl", 900)];
    let mut world = waits(under(Profile::PciManualReview, &groups, &trained), 1000);
    for who in ["bob", "carl"] {
        approve(&mut world, who).unwrap();
    }
    assert!(!is_granted(&world), "nobody reviewed the code");
    review(&mut world, "carl", ReviewOutcome::Approves);
    assert!(world.log.iter().any(|(_, event)| {
        matches!(event, Event::DeploymentStarted { deployment: DeploymentId(1) })
    }));

    let mut world = waits(under(Profile::PciManualReview, &groups, &trained), 1000);
    review(&mut world, "bob", ReviewOutcome::Approves);
    approve(&mut world, "bob").unwrap();
    review(&mut world, "carl", ReviewOutcome::AsksForChanges);
    approve(&mut world, "carl").unwrap();
    assert!(!is_granted(&world), "carl asks for changes");
}
