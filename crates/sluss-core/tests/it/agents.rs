//! Runs of agents: who records them, and what follows for whom they act for.

use sluss_core::agent::{AgentResult, AgentRun};
use sluss_core::approval::{Decision, Subject, VoidWhy};
use sluss_core::config::FourEyes;
use sluss_core::decide::{Actor, Assure, Command};
use sluss_core::event::{Event, RefusedWhy};
use sluss_core::ids::{ChangeId, DeploymentId, Digest, ReleaseId};
use sluss_core::units::Millis;

use crate::script::go;
use crate::world::{World, actor, organisation, person, production, propose};

/// A release of anna's waits for bob or carl.
fn waits() -> World {
    let mut world = World::new(vec![production()]);
    world.now = Millis(10_000);
    let organisation = organisation(FourEyes::Always, &["bob", "carl"]);
    world.tell(propose(1, organisation), &actor("anna")).unwrap();
    let change = world.state.next_change();
    world.tell(world.push("main", &["anna"]), &actor("anna")).unwrap();
    world.tell(Command::Received { change }, &Actor::System).unwrap();
    go(&mut world);
    world
}

fn run(world: &World, who: &str) -> AgentRun {
    let change = ChangeId(1);
    AgentRun {
        change,
        commits: [world.state.changes[&change].push.commit.clone()].into(),
        acts_for: person(who),
        model: "vendor/model-5".parse().unwrap(),
        harness: "coder@1.2.3".parse().unwrap(),
        tools_sha256: Digest::of(b"tools"),
        prompts_sha256: Digest::of(b"prompts"),
        log: Digest::of(b"log"),
        log_sha256: None,
        started: Millis(1_000),
        ended: Millis(2_000),
        result: AgentResult::Succeeded,
    }
}

fn record(run: AgentRun) -> Command {
    Command::Assure(Assure::RecordAgent(run))
}

fn program(who: &str) -> Actor {
    Actor::Agent { who: person(who) }
}

#[test]
fn whom_an_agent_acts_for_contributed_and_only_the_agent_says_so() {
    let mut world = waits();
    let of_bob = run(&world, "bob");
    for (who, why) in [
        (actor("bob"), RefusedWhy::MissingRole),
        (Actor::System, RefusedWhy::MissingRole),
        (program("anna"), RefusedWhy::MissingRole),
    ] {
        let refused = world.tell(record(of_bob.clone()), &who).unwrap_err();
        let Event::AccessRefused { why: found, .. } = *refused.record.unwrap() else { panic!() };
        assert_eq!(found, why, "{who:?}");
    }
    let of_mallory = run(&world, "mallory");
    assert!(world.tell(record(of_mallory), &program("mallory")).is_err(), "no role");

    let subject = Subject::Deployment(DeploymentId(1));
    let statement = world.state.requests[&subject].statement.clone();
    world.tell(record(of_bob), &program("bob")).unwrap();
    assert!(world.state.contributors(DeploymentId(1)).contains(&person("bob")));
    assert!(world.state.contributors_of_change(ChangeId(1)).contains(&person("bob")));
    let approve = Command::Approve { subject, statement };
    assert!(world.tell(approve, &actor("bob")).is_err(), "bob's agent wrote it");
}

#[test]
fn an_approval_is_void_once_an_agent_of_who_gave_it_turns_out_to_have_had_a_part() {
    let mut world = waits();
    let subject = Subject::Deployment(DeploymentId(1));
    let statement = world.state.requests[&subject].statement.clone();
    let stopped =
        Command::StopLine { scope: "all".parse().unwrap(), reason: Digest::of(b"reason") };
    world.tell(stopped, &actor("anna")).unwrap();
    world.tell(Command::Approve { subject, statement }, &actor("bob")).unwrap();
    assert!(matches!(world.state.requests[&subject].decision, Decision::Granted { .. }));
    let of_bob = run(&world, "bob");
    let told = world.tell(record(of_bob), &program("bob")).unwrap();
    let void = |event: &Event| {
        matches!(event, Event::ApprovalInvalidated { why: Some(VoidWhy::MoreContributors), .. })
    };
    assert!(told.iter().any(void), "{told:?}");
}

#[test]
fn a_run_is_recorded_once_ended_and_with_commits() {
    let mut world = waits();
    let good = run(&world, "anna");
    for wrong in [
        AgentRun { commits: [].into(), ..good.clone() },
        AgentRun { started: Millis(3_000), ..good.clone() },
        AgentRun { ended: Millis(1_000_000), ..good.clone() },
        AgentRun { change: ChangeId(9), ..good.clone() },
    ] {
        assert!(world.tell(record(wrong.clone()), &program("anna")).is_err(), "{wrong:?}");
    }
    world.tell(record(good.clone()), &program("anna")).unwrap();
    let again = AgentRun { log: Digest::of(b"stored anew"), ..good };
    assert!(world.tell(record(again), &program("anna")).is_err(), "once");
    assert_eq!(world.state.agent_runs_in(ReleaseId(1)).count(), 1);
    for free_text in ["", "a model of ours", "-rf", "modèle"] {
        assert!(free_text.parse::<sluss_core::agent::Software>().is_err(), "{free_text}");
    }
}
