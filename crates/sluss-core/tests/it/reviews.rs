//! Reviews of code: who may say what of which commit, and what is left of it later.

use sluss_core::config::FourEyes;
use sluss_core::decide::{Actor, Assure, Command, Refusal};
use sluss_core::event::{Event, RefusedWhy};
use sluss_core::ids::{ChangeId, Digest};
use sluss_core::review::{ReviewOutcome, Reviewed, Standing};

use crate::world::{World, actor, organisation, person, production, propose};

fn world() -> World {
    let mut world = World::new(vec![production()]);
    let organisation = organisation(FourEyes::Always, &["bob", "carl"]);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    world
}

fn push(world: &mut World, branch: &str, with: &[&str]) -> ChangeId {
    let change = world.state.next_change();
    world.tell(world.push(branch, with), &actor(with[0])).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    change
}

fn of(world: &World, change: ChangeId, outcome: ReviewOutcome) -> Command {
    let commit = world.state.changes[&change].push.commit.clone();
    let comment = Digest::of(b"comment");
    Command::Assure(Assure::ReviewChange { change, commit, outcome, comment })
}

fn review(world: &mut World, change: ChangeId, who: &Actor) -> Result<Vec<Event>, Refusal> {
    let command = of(world, change, ReviewOutcome::Approves);
    world.tell(command, who)
}

fn why(refused: Refusal) -> RefusedWhy {
    match *refused.record.unwrap() {
        Event::AccessRefused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn neither_who_contributed_nor_a_program_nor_who_has_no_role_reviews_code() {
    let mut world = world();
    let change = push(&mut world, "topic", &["anna", "bob"]);
    for (who, reason) in [
        (actor("anna"), RefusedWhy::Contributor),
        (actor("bob"), RefusedWhy::Contributor),
        (actor("mallory"), RefusedWhy::MissingRole),
        (Actor::Agent { who: person("carl") }, RefusedWhy::NotAPerson),
        (Actor::System, RefusedWhy::NotAPerson),
        (
            Actor::Person { who: person("carl"), reauthenticated: false },
            RefusedWhy::NotReauthenticated,
        ),
    ] {
        assert_eq!(why(review(&mut world, change, &who).unwrap_err()), reason, "{who:?}");
    }
    assert_eq!(world.state.reviewed(change), Reviewed::Nobody);
    review(&mut world, change, &actor("dora")).unwrap();
    assert_eq!(world.state.reviewed(change), Reviewed::Approved, "a developer reviews, too");
}

#[test]
fn a_review_is_of_the_commit_that_was_looked_at_and_of_no_other() {
    let mut world = world();
    let change = push(&mut world, "topic", &["anna"]);
    let mut other = of(&world, change, ReviewOutcome::Approves);
    if let Command::Assure(Assure::ReviewChange { commit, .. }) = &mut other {
        *commit = "ff".repeat(20).parse().unwrap();
    }
    let refused = world.tell(other, &actor("carl")).unwrap_err();
    assert_eq!(why(refused), RefusedWhy::StatementMoved);
}

#[test]
fn a_new_commit_makes_a_review_stale() {
    let mut world = world();
    let first = push(&mut world, "topic", &["anna"]);
    review(&mut world, first, &actor("carl")).unwrap();
    let second = push(&mut world, "topic", &["anna"]);
    let told = world.state.reviews_of(second);
    assert_eq!(told.iter().map(|(_, of)| *of).collect::<Vec<_>>(), [Standing::Stale]);
    assert_eq!(world.state.reviewed(second), Reviewed::Nobody);
    assert!(review(&mut world, first, &actor("carl")).is_err(), "it was replaced");
    review(&mut world, second, &actor("carl")).unwrap();
    assert_eq!(world.state.reviewed(second), Reviewed::Approved);
}

#[test]
fn what_becomes_part_of_the_trunk_unchanged_keeps_its_review() {
    for same in [true, false] {
        let mut world = world();
        let part = push(&mut world, "topic", &["anna"]);
        review(&mut world, part, &actor("carl")).unwrap();
        let into = world.state.next_change();
        let mut pushed = world.push("main", &["anna"]);
        if let (Command::Push { push, .. }, true) = (&mut pushed, same) {
            push.commit = world.state.changes[&part].push.commit.clone();
        }
        world.tell(pushed, &actor("anna")).unwrap();
        world.tell(Command::Received { change: into }, &Actor::System).unwrap();
        world.tell(Command::Merged { change: part, into }, &Actor::System).unwrap();
        let expected = if same { Reviewed::Approved } else { Reviewed::Nobody };
        assert_eq!(world.state.reviewed(into), expected);
    }
}

#[test]
fn the_last_word_of_each_counts_and_one_who_asks_for_changes_is_enough() {
    let mut world = world();
    let change = push(&mut world, "main", &["anna"]);
    review(&mut world, change, &actor("carl")).unwrap();
    let command = of(&world, change, ReviewOutcome::AsksForChanges);
    world.tell(command, &actor("dora")).unwrap();
    assert_eq!(world.state.reviewed(change), Reviewed::ChangesAsked);
    review(&mut world, change, &actor("dora")).unwrap();
    let told = world.state.reviews_of(change);
    let told: Vec<Standing> = told.iter().map(|(_, of)| *of).collect();
    assert_eq!(told, [Standing::Counts, Standing::Replaced, Standing::Counts]);
    assert_eq!(world.state.reviewed(change), Reviewed::Approved);
}

#[test]
fn who_turns_out_to_have_contributed_has_not_reviewed() {
    let mut world = world();
    let part = push(&mut world, "topic", &["dora"]);
    let change = push(&mut world, "main", &["anna"]);
    review(&mut world, change, &actor("dora")).unwrap();
    world.tell(Command::Merged { change: part, into: change }, &Actor::System).unwrap();
    assert_eq!(world.state.reviews_of(change)[0].1, Standing::Contributed);
    assert_eq!(world.state.reviewed(change), Reviewed::Nobody);
}

#[test]
fn a_significant_change_waits_for_somebody_else_to_confirm_it() {
    let mut world = world();
    let change = push(&mut world, "main", &["anna"]);
    let said = || Digest::of(b"said");
    let mark = || Command::Assure(Assure::MarkSignificant { change, reason: said() });
    let confirm = || Command::Assure(Assure::ConfirmChange { change, findings: said() });
    assert!(world.tell(confirm(), &actor("carl")).is_err(), "nobody marked it");
    assert_eq!(why(world.tell(mark(), &actor("mallory")).unwrap_err()), RefusedWhy::MissingRole);
    world.tell(mark(), &actor("anna")).unwrap();
    assert!(world.tell(mark(), &actor("bob")).is_err(), "once");
    assert_eq!(why(world.tell(confirm(), &actor("anna")).unwrap_err()), RefusedWhy::Contributor);
    let token = Actor::Agent { who: person("carl") };
    assert_eq!(why(world.tell(confirm(), &token).unwrap_err()), RefusedWhy::NotAPerson);
    assert!(world.state.assurance.significant[&change].confirmed.is_none());
    world.tell(confirm(), &actor("carl")).unwrap();
    assert!(world.state.assurance.significant[&change].confirmed.is_some());
    assert!(world.tell(confirm(), &actor("bob")).is_err(), "once");
}
