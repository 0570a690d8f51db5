//! Statements: what an approval is about, and what makes it void.

use expect_test::expect;
use sluss_core::approval::{Decision, Request, Subject};
use sluss_core::event::{Artifact, Event};
use sluss_core::exception::Changed;
use sluss_core::findings::{Found, Report, Severity};
use sluss_core::ids::{DeploymentId, Digest, ReleaseId, RunId, StepName};
use sluss_core::materials::{Materials, NoSbom};
use sluss_core::steps::{Isolation, StepOutcome, StepOwner, TestCounts};
use sluss_core::units::Millis;

use crate::script::play;
use crate::world::{World, finding, production};

const ONE: Subject = Subject::Deployment(DeploymentId(1));
const TWO: Subject = Subject::Deployment(DeploymentId(2));
const RUN: StepOwner = StepOwner::Run(RunId(1));

/// A deployment that waits for the end of a freeze, and is approved.
fn approved() -> World {
    let mut world = World::new(vec![production()]);
    world.texts.changed = Some(Changed { paths: vec!["src/pay.rs".to_owned()], lines: Some(60) });
    play(
        &mut world,
        "~0 policy always bob carl by anna
        ~1 freeze production 0 3456000 by anna
        ~2 push main anna by anna
        ~3 go
        ~4 approve dep-1 by bob",
    );
    assert!(granted(&world, ONE));
    world
}

fn request(world: &World, of: Subject) -> &Request {
    &world.state.requests[&of]
}

fn granted(world: &World, of: Subject) -> bool {
    matches!(request(world, of).decision, Decision::Granted { .. })
}

/// Folds what happened, and returns why approvals became void by it, in words of the log.
fn voids(world: &mut World, events: &[Event]) -> Vec<String> {
    let before = world.log.len();
    world.fold(events);
    world.settle();
    let voided = why(&world.log[before..]);
    assert_eq!(world.settle(), 0, "asked anew, and that is all");
    assert_eq!(granted(world, ONE), voided.is_empty());
    assert_eq!(world.state.statement(ONE).as_ref(), Some(&request(world, ONE).statement));
    voided
}

fn why(log: &[(Millis, Event)]) -> Vec<String> {
    let void = |(_, event): &(Millis, Event)| match event {
        Event::ApprovalInvalidated { why, .. } => {
            Some(serde_json::to_value(why).unwrap().as_str().unwrap().to_owned())
        }
        _other => None,
    };
    log.iter().filter_map(void).collect()
}

fn step(name: &str) -> StepName {
    name.parse().unwrap()
}

fn tests(name: &str, attempt: u16, failed: u32) -> Event {
    Event::StepFinished {
        owner: RUN,
        step: step(name),
        attempt,
        outcome: StepOutcome::Succeeded,
        isolation: Isolation::Namespaces,
        log: None,
        tests: Some(TestCounts { passed: 12, failed, skipped: 0 }),
    }
}

fn found(report: &str, attempt: u16, all: &[(&str, Severity)]) -> Event {
    let one = |(name, severity): &(&str, Severity)| Found {
        key: finding(name),
        severity: *severity,
        suppressed: false,
    };
    let read = Report::of(Digest::of(report.as_bytes()), all.iter().map(one));
    Event::FindingsRecorded {
        owner: RUN,
        step: step("scan"),
        attempt,
        report: read.report,
        findings: read.findings,
        named: Some(read.named),
    }
}

#[test]
fn a_statement_says_all_that_is_agreed_to() {
    let world = approved();
    let of = request(&world, ONE);
    let terms = of.valid_until.zip(of.basis.as_ref());
    let text = world.state.statement_text(ONE, terms).unwrap();
    assert_eq!(Digest::of(&text), of.statement);
    let text = String::from_utf8(text).unwrap().replace(",\"", ",\n\"");
    expect![[r#"
        {"format":"urn:sluss/statement/v1",
        "subject":"dep-1",
        "service":"pay",
        "release":"rel-1",
        "artifacts":["4e65d3fbe8ad6535681b021b30785b12b6c0e3f8878859a4148b3f58b8835db0"],
        "commit":"0000000000000000000000000000000000000001",
        "base_commit":null,
        "diff_sha256":"1526fe65eedcfd110d7eead9254a96a1fb18fdfe9d22822ec6517a233a77162b",
        "template":"rust-service@1",
        "template_sha256":"5cde0f1298f41f7d1c8b907a36992a7a513225a2615bd6e307bf1a9149b06b40",
        "policy_sha256":"9f32e272dccf6d15640e520c0b08c6467bd72706308a8b54754b85274bbc73c3",
        "config_sha256":"5d71e30b8c9a2ebd1bf8fa395d0018f352353dd54a24681adc593c097bc4e5b8",
        "environments":["production"],
        "evidence_sha256":"54f8aa0e9e0297805482b02601fbe80ffcbbe48b3f6615aea2c48d336d48f8e1",
        "risk":{"level":"medium",
        "points":3},
        "valid_from":3000,
        "valid_until":2592003000,
        "nonce":"n17"}"#]]
    .assert_eq(&text);
}

#[test]
fn the_digest_of_the_evidence_is_over_the_data_of_what_the_log_says() {
    let world = approved();
    let said = world.log.iter().map(|(_, event)| event);
    let tests = said.filter(|of| matches!(of, Event::StepFinished { tests: Some(_), .. }));
    let mut digests: Vec<String> =
        tests.map(|event| Digest::of(event.to_parts().1.get().as_bytes()).to_string()).collect();
    digests.sort();
    assert_eq!(digests.len(), 2);
    let text = format!("{}\n", digests.join("\n"));
    let basis = request(&world, ONE).basis.as_ref().unwrap();
    assert_eq!(basis.evidence_sha256, Digest::of(text.as_bytes()));
}

#[test]
fn a_new_critical_finding_makes_an_approval_void_and_a_lesser_one_does_not() {
    let mut world = approved();
    let first = [("a", Severity::High), ("b", Severity::Medium)];
    assert_eq!(voids(&mut world, &[found("first", 1, &first)]), [""; 0]);
    let more = [("c", Severity::Critical)];
    assert_eq!(voids(&mut world, &[found("second", 1, &more)]), ["critical_finding"]);
    // Whoever is asked now is told of it: it is not new any more.
    play(&mut world, "~5 approve dep-1 by carl");
    assert_eq!(voids(&mut world, &[found("third", 1, &more)]), [""; 0]);
    // What was lesser and is critical now was not known as that.
    let worse = [("a", Severity::Critical)];
    assert_eq!(voids(&mut world, &[found("fourth", 1, &worse)]), ["critical_finding"]);
}

#[test]
fn evidence_that_is_another_or_turned_negative_makes_an_approval_void() {
    let mut world = approved();
    assert_eq!(voids(&mut world, &[tests("test", 2, 0)]), ["evidence_replaced"]);
    let mut world = approved();
    assert_eq!(voids(&mut world, &[tests("later", 1, 1)]), ["evidence_negative"]);
    let mut world = approved();
    let absent = Materials::Absent { why: NoSbom::NoLockFile };
    let absent = Event::SbomRecorded { release: ReleaseId(1), materials: absent };
    assert_eq!(voids(&mut world, &[absent]), ["evidence_negative"]);
}

#[test]
fn further_evidence_in_favour_takes_nothing_away() {
    let mut world = approved();
    let statement = request(&world, ONE).statement.clone();
    let evidence = world.state.evidence_digest(ReleaseId(1));
    assert_eq!(voids(&mut world, &[tests("later", 1, 0), found("clean", 1, &[])]), [""; 0]);
    assert_eq!(request(&world, ONE).statement, statement, "it is about what stood then");
    assert_ne!(world.state.evidence_digest(ReleaseId(1)), evidence);
}

#[test]
fn a_build_of_the_same_bytes_takes_nothing_away() {
    let mut world = approved();
    let Event::ReleaseCreated { artifacts, configuration, .. } = world
        .log
        .iter()
        .map(|(_, event)| event)
        .find(|event| matches!(event, Event::ReleaseCreated { .. }))
        .unwrap()
        .clone()
    else {
        panic!()
    };
    let digests = |all: &[Artifact]| all.iter().map(|one| one.digest.clone()).collect::<Vec<_>>();
    assert!(!digests(&artifacts).is_empty());
    let change = world.state.runs[&RunId(1)].change;
    let (run, release) = (RunId(2), ReleaseId(2));
    let again = [
        Event::RunQueued { run, change },
        Event::ReleaseCreated { release, run, artifacts, configuration },
        // Nobody wants that one anywhere.
        Event::ReleaseBarred { release },
    ];
    assert_eq!(voids(&mut world, &again), [""; 0]);
}

/// Two releases that wait for the end of a freeze one after the other: the second is asked about
/// while the first is live, or not.
fn second() -> World {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "~0 policy always bob carl dora by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        ~4 go
        ~5 push main anna by anna
        ~6 go
        ~7 approve dep-2 by bob
        ~8 go
        ~9 freeze production 0 3456000 by anna
        ~10 push main anna by anna
        ~11 go
        ~12 approve dep-3 by bob",
    );
    assert!(granted(&world, TWO));
    world
}

#[test]
fn what_goes_live_first_and_was_looked_at_takes_nothing_away_and_what_goes_back_does() {
    let three = Subject::Deployment(DeploymentId(3));
    let mut world = second();
    let base = |world: &World| request(world, three).basis.clone().unwrap().base_commit.unwrap();
    let of = |world: &World, release: u64| {
        world.state.change_of(ReleaseId(release)).unwrap().push.commit.clone()
    };
    assert_eq!(base(&world), of(&world, 1), "the second is not live yet");
    play(&mut world, "~13 favourable\n~14 favourable");
    assert!(granted(&world, three), "the rest of what was agreed to");
    assert_eq!(base(&world), of(&world, 1));
    let mut back = second();
    play(&mut back, "~13 favourable\n~14 favourable\n~15 freeze production 0 3456000 by anna");
    let before = back.log.len();
    play(&mut back, "~16 policy always bob carl dora by anna\n~17 approve cfg-2 by carl");
    assert_eq!(why(&back.log[before..]), [""; 0], "the same rules");
    // Asked anew beside the second, it is compared with that; then that goes back.
    play(&mut back, "~18 revoke dep-3 by bob\n~19 approve dep-3 by bob");
    assert_eq!(base(&back), of(&back, 2));
    let before = back.log.len();
    play(&mut back, "~20 rollback production by anna");
    assert_eq!(why(&back.log[before..]), ["base_moved"]);
    assert_eq!(base(&back), of(&back, 1));
}

#[test]
fn nobody_is_asked_before_it_is_known_what_a_release_is_made_of() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "~0 policy always bob carl evidence by anna
        ~1 push main anna by anna
        ~2 go",
    );
    let asked = |event: &Event| matches!(event, Event::ApprovalRequested { subject: ONE, .. });
    let listed = |event: &Event| matches!(event, Event::SbomRecorded { .. });
    let at = |is: &dyn Fn(&Event) -> bool| world.log.iter().position(|(_, event)| is(event));
    if let Some(asked) = at(&asked) {
        assert!(at(&listed).is_some_and(|listed| listed < asked));
    }
    let release = ReleaseId(1);
    assert!(world.state.releases[&release].materials.is_some() || at(&asked).is_none());
}
