//! Controls: judged item by item, with every item named that lacks what is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sluss_core::approval::Subject;
use sluss_core::assurance::TestsAccepted;
use sluss_core::config::FourEyes;
use sluss_core::decide::{Actor, Command};
use sluss_core::event::Event;

use sluss_core::exception::ExceptionKind;
use sluss_core::gate::{ClearedWhy, GateOutcome, RefusedWhy};
use sluss_core::ids::{DeploymentId, Digest, ExceptionId, IncidentId};
use sluss_core::incident::clocks::Report;
use sluss_core::incident::{Classified, Notified, Reporter};
use sluss_core::pipeline::GateKind;
use sluss_core::population::PopulationSealed;
use sluss_core::state::State;
use sluss_core::steps::TestCounts;
use sluss_core::units::Millis;
use sluss_insight::controls::{
    Answer, Ask, Assessed, Catalogue, Fact, Ledger, Mark, Period, Standing, TextStatus,
};

use crate::tell;
use crate::world::{World, actor, organisation, person, production, propose, test_stage};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const TWO_RELEASES: &str = "push main\n pass\n approve\n ready\n favourable\n push main\n pass";

type Log = Vec<(Millis, Event)>;

/// Tells a story on the first day, one line a second, under a policy of four eyes.
fn story(four_eyes: FourEyes, lines: &str) -> World {
    let mut world = World::new(vec![test_stage(), production()]);
    let open = Command::Open { origin: "bank".to_owned(), demo: false };
    world.tell(open, &Actor::System).unwrap();
    let known = organisation(four_eyes, &["bob", "carl"]);
    world.tell(propose(1, known), &actor("anna")).unwrap();
    for line in lines.lines().map(str::trim) {
        world.now = world.now.plus(1000);
        tell(&mut world, line);
    }
    world
}

fn ledger(log: &[(Millis, Event)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (position, (at, event)) in (0..).zip(log) {
        ledger.take(position, *at, event);
    }
    ledger
}

/// Assesses a control over so many days from the first on.
fn over(days: i64, log: &[(Millis, Event)], catalogue: Catalogue, id: &str) -> Assessed {
    let ledger = ledger(log);
    let period = Period::new(&ledger, Millis(0), Millis(days * DAY_MS));
    period.assess(catalogue).into_iter().find(|one| one.control.id == id).unwrap()
}

fn finos(log: &[(Millis, Event)], id: &str) -> Assessed {
    over(1, log, Catalogue::Finos, id)
}

/// What came of one thing that is asked: how many have it, of how many, and who lacks it.
fn answer(of: &Assessed, mark: Mark) -> (u64, u64, Vec<&str>) {
    let asked = |one: &&Answer| one.ask == Ask::Each(mark) || one.ask == Ask::EachIfAny(mark);
    let found = of.answers.iter().find(asked).unwrap();
    (found.have, found.of, found.missing.iter().map(|one| one.id.as_str()).collect())
}

fn without(log: &Log, is: impl Fn(&Event) -> bool) -> Log {
    log.iter().filter(|(_, event)| !is(event)).cloned().collect()
}

#[test]
fn an_empty_period_is_all_gaps_in_every_catalogue() {
    let told = ledger(&story(FourEyes::Always, TWO_RELEASES).log);
    for catalogue in Catalogue::ALL {
        let nothing = Ledger::default();
        let empty = Period::new(&nothing, Millis(0), Millis(DAY_MS));
        let earlier = Period::new(&told, Millis(-9 * DAY_MS), Millis(-8 * DAY_MS));
        for one in empty.assess(catalogue).into_iter().chain(earlier.assess(catalogue)) {
            assert_eq!(one.standing, Standing::Gap, "{}", one.control.id);
            assert!(!one.gaps.is_empty(), "{} says what is missing", one.control.id);
        }
    }
}

#[test]
fn one_approved_deployment_does_not_stand_for_the_next() {
    let ready = format!("{TWO_RELEASES}\n ready");
    let log = story(FourEyes::FirstRelease, &ready).log;
    let found = finos(&log, "mi-19");
    assert_eq!(found.standing, Standing::Partial);
    assert_eq!(answer(&found, Mark::Approved), (1, 2, vec!["dep-4"]));
    assert_eq!(found.gaps[0], "1 of 2 deployments: nobody else agreed to it");
    let both = format!("{TWO_RELEASES}\n approve\n ready");
    let log = story(FourEyes::Always, &both).log;
    let found = finos(&log, "mi-19");
    assert_eq!(answer(&found, Mark::Approved), (2, 2, vec![]));
    assert_eq!(answer(&found, Mark::Independent), (2, 2, vec![]));
    assert_eq!((found.standing, found.gaps), (Standing::Evidenced, vec![]));
    let granted = |leaf: &u64| {
        let (_, event) = &log[usize::try_from(*leaf).unwrap()];
        matches!(event, Event::ApprovalGranted { subject: Subject::Deployment(_), .. })
    };
    assert!(found.answers[0].leaves.iter().all(granted), "the entries named are the approvals");
}

#[test]
fn an_approval_of_a_configuration_is_none_of_a_deployment() {
    let mut log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    for (_, event) in &mut log {
        if let Event::ApprovalGranted { subject, .. } = event {
            *subject = Subject::Configuration(1);
        }
    }
    let found = finos(&log, "mi-19");
    assert_eq!(found.standing, Standing::Gap);
    assert_eq!(answer(&found, Mark::Approved), (0, 1, vec!["dep-2"]));
}

#[test]
fn who_had_a_part_in_it_is_no_independent_approver() {
    let mut log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    for (_, event) in &mut log {
        if let Event::ApprovalGranted { by, .. } = event {
            *by = person("anna");
        }
    }
    let found = over(1, &log, Catalogue::Sox, "segregation");
    assert_eq!(answer(&found, Mark::Independent), (0, 1, vec!["dep-2"]));
    assert_eq!(found.standing, Standing::Gap);
}

#[test]
fn who_wrote_an_earlier_change_that_is_not_live_had_a_part_in_it_too() {
    // Carl wrote the first change, which never went live; bob approves the second, anna's.
    let told = "push main\n pass\n push main\n pass\n approve\n ready";
    let mut log = story(FourEyes::Always, told).log;
    assert_eq!(answer(&finos(&log, "mi-19"), Mark::Independent).0, 1);
    let first = log.iter_mut().find_map(|(_, event)| match event {
        Event::ChangePushed { push, .. } => Some(push),
        _other => None,
    });
    first.unwrap().contributors = BTreeSet::from([person("bob")]);
    assert_eq!(answer(&finos(&log, "mi-19"), Mark::Independent).0, 0);
}

#[test]
fn a_gate_that_waits_has_decided_nothing() {
    let mut log = story(FourEyes::Always, "push main\n pass").log;
    let begun = Event::DeploymentStarted { deployment: DeploymentId(2) };
    log.push((Millis(9_000), begun));
    let found = finos(&log, "mi-12");
    assert_eq!(answer(&found, Mark::Gated), (0, 1, vec!["dep-2"]));
    // What was granted and then moved is not granted.
    let log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    let mut moved = Log::new();
    for (at, event) in log {
        let granted = match &event {
            Event::ApprovalGranted { subject, statement, .. } => {
                Some((*subject, statement.clone()))
            }
            _other => None,
        };
        moved.push((at, event));
        if let Some((subject, statement)) = granted {
            moved.push((at, Event::ApprovalInvalidated { subject, statement, why: None }));
        }
    }
    assert_eq!(answer(&finos(&moved, "mi-19"), Mark::Approved).0, 0);
}

#[test]
fn provenance_and_tests_and_components_are_asked_of_each_deployment() {
    let log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    assert_eq!(answer(&finos(&log, "mi-3"), Mark::Provenance), (1, 1, vec![]));
    assert_eq!(answer(&finos(&log, "mi-14"), Mark::Tested), (1, 1, vec![]));
    assert_eq!(answer(&finos(&log, "mi-9"), Mark::Listed), (0, 1, vec!["dep-2"]));
    assert_eq!(finos(&log, "mi-9").standing, Standing::Gap);
    let unsigned = without(&log, |event| matches!(event, Event::AttestationRecorded { .. }));
    assert_eq!(finos(&unsigned, "mi-3").standing, Standing::Gap);
    let mut failing = log;
    for (_, event) in &mut failing {
        if let Event::StepFinished { tests: Some(tests), .. } = event {
            tests.failed = 1;
        }
    }
    assert_eq!(answer(&finos(&failing, "mi-14"), Mark::Tested), (0, 1, vec!["dep-2"]));
}

#[test]
fn a_sign_off_answers_for_failing_tests_and_stands_among_the_exceptions() {
    let mut log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    let found = finos(&log, "mi-16");
    assert_eq!(answer(&found, Mark::Answered), (1, 1, vec![]));
    assert_eq!((found.standing, found.exceptions.len()), (Standing::Evidenced, 0));
    let mut decided = None;
    for (place, (at, event)) in log.iter_mut().enumerate() {
        match event {
            Event::StepFinished { tests: Some(tests), .. } => tests.failed = 1,
            Event::GateDecided { gate: GateKind::Tests, outcome, .. } => {
                let tests = Some(TestCounts { passed: 3, failed: 1, skipped: 0 });
                *outcome = GateOutcome::Refused { why: RefusedWhy::NoTests };
                decided = Some((place, *at, tests));
            }
            _ => {}
        }
    }
    let found = finos(&log, "mi-16");
    assert_eq!(answer(&found, Mark::Answered), (0, 1, vec!["dep-2"]));
    assert_eq!(found.standing, Standing::Gap);
    let (place, at, tests) = decided.expect("the gate of tests decided");
    let release = log.iter().find_map(|(_, event)| match event {
        Event::ReleaseCreated { release, run, .. } => Some((*release, *run)),
        _ => None,
    });
    let (release, run) = release.unwrap();
    let accepted =
        TestsAccepted { release, run, tests, by: person("cara"), reason: Digest::of(b"r") };
    if let Event::GateDecided { outcome, .. } = &mut log[place].1 {
        *outcome = GateOutcome::Cleared { why: ClearedWhy::TestsAccepted { tests } };
    }
    log.insert(place, (at, Event::TestResultAccepted(accepted)));
    let found = finos(&log, "mi-16");
    assert_eq!(answer(&found, Mark::Answered), (1, 1, vec![]));
    assert_eq!(found.exceptions[0].fact, Fact::TestsAccepted);
    assert_eq!(answer(&finos(&log, "mi-14"), Mark::Tested), (0, 1, vec!["dep-2"]), "still failed");
}

#[test]
fn a_deployment_to_no_customers_is_not_asked_for_an_approval() {
    let log = story(FourEyes::Always, "push main\n pass").log;
    let found = finos(&log, "mi-19");
    assert_eq!(answer(&found, Mark::Approved), (0, 0, vec![]), "only its test environment began");
    assert_eq!(found.gaps[0], "no deployment in the period");
}

#[test]
fn each_configuration_takes_another_person() {
    let mut world = story(FourEyes::Always, "push main");
    let (number, known) = (2, organisation(FourEyes::Always, &["bob"]));
    world.tell(propose(number, known), &actor("anna")).unwrap();
    let statement = world.state.requests[&Subject::Configuration(number)].statement.clone();
    let approve = Command::Approve { subject: Subject::Configuration(number), statement };
    world.tell(approve, &actor("bob")).unwrap();
    let found = over(1, &world.log, Catalogue::Sox, "configuration");
    assert_eq!(answer(&found, Mark::OthersAgreed), (1, 2, vec!["cfg-1"]));
    assert_eq!(found.standing, Standing::Partial);
}

#[test]
fn each_emergency_is_to_be_reviewed_by_another() {
    let asked = |number| Event::ExceptionRequested {
        exception: ExceptionId(number),
        what: ExceptionKind::Emergency { deployment: DeploymentId(number), incident: None },
        by: person("anna"),
        reason: Digest::of(b"reason"),
        until: Millis(DAY_MS),
        terms: Default::default(),
    };
    let granted = |number| Event::ExceptionGranted {
        exception: ExceptionId(number),
        by: person("bob"),
        signed: None,
    };
    let reviewed = |number, by| Event::ExceptionReviewed {
        exception: ExceptionId(number),
        by: person(by),
        findings: Digest::of(b"findings"),
    };
    let all = [asked(1), granted(1), asked(2), granted(2), asked(3), reviewed(1, "bob")];
    let mut log: Log = all.into_iter().map(|event| (Millis(0), event)).collect();
    let look = |log: &Log| over(1, log, Catalogue::Sox, "emergencies");
    assert_eq!(answer(&look(&log), Mark::Reviewed), (0, 2, vec!["exc-1", "exc-2"]));
    // A review that comes later still counts for the day of the emergency.
    log.push((Millis(3 * DAY_MS), reviewed(2, "carl")));
    let found = look(&log);
    assert_eq!(answer(&found, Mark::Reviewed), (1, 2, vec!["exc-1"]));
    assert_eq!((found.standing, found.exceptions[0].count), (Standing::Partial, 2));
}

#[test]
fn what_spoke_against_a_control_stands_beside_its_evidence() {
    let shadow = Event::IncidentShadow {
        incident: IncidentId(1),
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        digest: Digest::of(b"theirs"),
    };
    let mut log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    log.push((Millis(9_000), shadow));
    let found = finos(&log, "mi-21");
    assert_eq!(answer(&found, Mark::Observed), (0, 1, vec!["dep-2"]));
    assert_eq!((found.standing, found.exceptions[0].count), (Standing::Gap, 1));
    let found = over(1, &log, Catalogue::Dora, "17");
    assert_eq!(answer(&found, Mark::Closed), (0, 1, vec!["inc-1"]));
}

#[test]
fn a_deployment_that_no_seal_counts_is_named() {
    let mut log = story(FourEyes::Always, "push main\n pass\n approve\n ready").log;
    let look = |log: &Log| over(1, log, Catalogue::Sox, "population");
    assert_eq!(answer(&look(&log), Mark::Counted), (0, 1, vec!["dep-2"]));
    let size = log.len() as u64;
    let seal = |environment: &str, from_leaf, to_leaf| {
        Event::PopulationSealed(PopulationSealed {
            environment: environment.parse().unwrap(),
            from_leaf,
            to_leaf,
            deploys: 1,
            refused: 0,
            rollbacks: 0,
            emergency: 0,
            standard: 0,
            standard_told: true,
            head: Digest::of(b"head"),
            merkle_root: Digest::of(b"root"),
        })
    };
    log.push((Millis(DAY_MS), seal("elsewhere", 0, size)));
    assert_eq!(answer(&look(&log), Mark::Counted).0, 0);
    log.push((Millis(DAY_MS), seal("production", 0, size)));
    assert_eq!(answer(&look(&log), Mark::Counted), (1, 1, vec![]));
    assert!(over(2, &log, Catalogue::Sox, "population").exceptions.is_empty());
    log.push((Millis(DAY_MS), seal("production", size + 1, size + 2)));
    let found = over(2, &log, Catalogue::Sox, "population");
    assert_eq!(found.exceptions[0].count, 1, "it does not begin where the one before ended");
}

#[test]
fn a_day_is_named_on_which_the_log_was_silent_or_nobody_cosigned_it() {
    let beat = || Event::LogHeartbeat { interval_ms: 300_000, clock: None };
    let cosigned = || Event::LogWitnessed { witness: "audit".to_owned(), size: 1 };
    let every = |from: i64, to: i64| (from..to).map(move |n| Millis(n * 300_000));
    // Three days of a beat every five minutes, but for an hour of the second.
    let mut log: Log = every(0, 288 + 100).map(|at| (at, beat())).collect();
    log.extend(every(288 + 112, 3 * 288).map(|at| (at, beat())));
    log[7].1 = cosigned();
    log[300].1 = cosigned();
    let found = over(3, &log, Catalogue::Rts, "12(2)");
    let silent = answer(&found, Mark::NeverSilent);
    assert_eq!(silent, (2, 3, vec!["1970-01-02"]));
    // The last day is not over, so it is not missing yet.
    assert_eq!(answer(&found, Mark::DayWitnessed), (2, 2, vec![]));
    assert_eq!(answer(&found, Mark::DaySealed), (0, 1, vec!["1970-01-02"]));
    assert_eq!(over(3, &log[400..], Catalogue::Rts, "12(2)").standing, Standing::Partial);
}

#[test]
fn a_control_does_not_apply_only_where_others_agreed_to_that() {
    let name = "pci/6.5.5-6.5.6".parse().unwrap();
    let exempt = BTreeMap::from([(name, Digest::of(b"no card numbers"))]);
    let mut known = organisation(FourEyes::Always, &["bob", "carl"]);
    let mut world = story(FourEyes::Always, "push main");
    known.not_applicable = exempt;
    world.now = Millis(DAY_MS + 1);
    world.tell(propose(2, known.clone()), &actor("anna")).unwrap();
    let subject = Subject::Configuration(2);
    let approve = |world: &mut World, who: &str| {
        let statement = world.state.requests[&subject].statement.clone();
        world.tell(Command::Approve { subject, statement }, &actor(who)).unwrap();
    };
    approve(&mut world, "bob");
    assert!(world.state.organisation.as_ref().unwrap().not_applicable.is_empty());
    approve(&mut world, "carl");
    let look = |days, log: &Log| over(days, log, Catalogue::Pci, "6.5.5-6.5.6");
    assert_eq!(look(1, &world.log).standing, Standing::Gap, "a day earlier it applied");
    let found = look(2, &world.log);
    assert_eq!(found.standing, Standing::NotApplicable);
    let why = found.not_applicable.unwrap();
    assert_eq!(why.approvers, BTreeSet::from([person("bob"), person("carl")]));
    assert_eq!((why.configuration, why.reason), (2, Digest::of(b"no card numbers")));
    // Nobody agreed: it counts for nothing, and that is said.
    let alone = without(&world.log, |event| matches!(event, Event::ApprovalGranted { .. }));
    let found = look(2, &alone);
    assert_eq!(found.standing, Standing::Gap);
    assert!(found.gaps.last().unwrap().contains("nobody but who says so agreed"));
}

#[test]
fn what_is_taken_twice_counts_once_and_a_period_knows_only_its_own_items() {
    let mut world = story(FourEyes::Always, "push main\n pass\n approve\n ready\n favourable");
    world.now = Millis(DAY_MS + 1_000);
    for line in ["push main", "pass", "approve", "ready"] {
        tell(&mut world, line);
    }
    let mut twice = Ledger::default();
    for (position, (at, event)) in (0..).zip(&world.log) {
        twice.take(position, *at, event);
        twice.take(position, *at, event);
    }
    let once = ledger(&world.log);
    assert_eq!(twice.next(), world.log.len() as u64);
    for catalogue in Catalogue::ALL {
        let period = |ledger| Period::new(ledger, Millis(0), Millis(2 * DAY_MS)).assess(catalogue);
        assert_eq!(period(&once), period(&twice));
    }
    let entries = |from: i64, to: i64| {
        Period::new(&once, Millis(from * DAY_MS), Millis(to * DAY_MS)).entries()
    };
    assert_eq!(entries(0, 1) + entries(1, 2), entries(0, 2));
    assert_eq!(entries(0, 2), world.log.len() as u64);
    let second = Period::new(&once, Millis(DAY_MS), Millis(2 * DAY_MS)).assess(Catalogue::Finos);
    let found = second.iter().find(|one| one.control.id == "mi-19").unwrap();
    assert_eq!(answer(found, Mark::Approved), (1, 1, vec![]));
    assert_eq!(answer(&over(2, &world.log, Catalogue::Finos, "mi-19"), Mark::Approved).1, 2);
}

#[test]
fn every_row_of_the_tables_is_there_with_a_key_of_its_own() {
    let rows: [(Catalogue, &str); 8] = [
        (
            Catalogue::Finos,
            "mi-1 mi-2 mi-3 mi-4 mi-5 mi-6 mi-7 mi-8 mi-9 mi-10 mi-11 mi-12 mi-13 mi-14 mi-15 \
             mi-16 mi-17 mi-18 mi-19 mi-20 mi-21 mi-22 mi-23",
        ),
        (Catalogue::Dora, "6(4) 8(1),(4) 9(4)(c) 9(4)(d) 9(4)(e) 10 11-12 13 17 18 19 24-25 28-30"),
        (
            Catalogue::Rts,
            "8(2)(b)(iii) 8(2)(b)(v)-(vi) 8(2)(b)(vii) 8(2)(c) 24-26 10 12(2) 16(1)(b),(c) \
             16(2)-(4) 16(5)-(6) 16(7) 16(8),(9) 17(1)(a)-(c) 17(1)(d),(e) 17(1)(f),(g) 17(1)(h) \
             17(2) 20 21 22-23",
        ),
        (
            Catalogue::Pci,
            "6.2.1 6.2.2 6.2.3 6.2.4 6.3.1 6.3.2 6.3.3 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5-6.5.6 7 8.2 \
             8.4 10.2-10.4 10.5 10.6 11.5.2",
        ),
        (
            Catalogue::Sox,
            "population authorisation segregation deployment emergencies access configuration \
             integrity retention",
        ),
        (
            Catalogue::Iso27001,
            "5.3 5.24-5.28 8.4 8.8 8.9 8.15 8.16 8.17 8.25 8.26 8.28 8.29 8.31 8.32 8.33",
        ),
        (
            Catalogue::Ssdf,
            "PO.3 PO.4.1 PO.4.2 PO.5 PS.1.1 PS.2.1 PS.3.1 PS.3.2 PW.4 PW.6 PW.7 PW.8 RV.1 RV.2 \
             RV.3",
        ),
        (Catalogue::Eba, "3.3.1 3.4.2 3.4.4 3.4.5 3.5 3.5.1 3.6.1 3.6.2 3.6.3 3.7"),
    ];
    let mut keys = BTreeSet::new();
    for (catalogue, expected) in rows {
        let controls = catalogue.controls();
        let ids: Vec<&str> = controls.iter().map(|one| one.id).collect();
        for id in expected.split_whitespace() {
            assert!(ids.contains(&id), "{}: {id} is left out", catalogue.key());
        }
        assert_eq!(Catalogue::named(catalogue.key()), Some(catalogue));
        for one in controls {
            assert!(keys.insert(catalogue.key_of(one)), "{} is there twice", one.id);
            assert!(!one.asks.is_empty() || !one.unrecorded.is_empty(), "{}", one.id);
            // What is asked only where there is any proves nothing by itself.
            let proves = |ask: &Ask| !matches!(ask, Ask::EachIfAny(_));
            assert!(one.asks.is_empty() || one.asks.iter().any(proves), "{}", one.id);
            let name = catalogue.name_of(one);
            assert!(name.parse::<sluss_core::controls::ControlName>().is_ok(), "{name}");
        }
    }
}

#[test]
fn every_test_that_a_control_names_exists() {
    let mut known = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["crates", "e2e"] {
        tests_in(&root.join(folder), &mut known);
    }
    let must = ["mi-1", "mi-12", "mi-14", "mi-16", "mi-19", "mi-22"];
    for catalogue in Catalogue::ALL {
        for one in catalogue.controls() {
            for test in one.tests {
                assert!(known.contains(*test), "{}: there is no test `{test}`", one.id);
            }
            let asked = catalogue == Catalogue::Finos && must.contains(&one.id);
            assert!(!asked || !one.tests.is_empty(), "{} has no test", one.id);
        }
    }
}

/// Gathers the names of the tests in the sources of a folder.
fn tests_in(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            tests_in(&path, known);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let parts = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
            known.extend(parts.filter_map(|rest| {
                let (_, rest) = rest.split_once("fn ")?;
                rest.split_once('(').map(|(name, _)| name.to_owned())
            }));
        }
    }
}

#[test]
fn what_nobody_compared_with_its_text_or_cosigned_is_worth_less() {
    let mut log: Log = vec![(Millis(0), Event::LogHeartbeat { interval_ms: 300_000, clock: None })];
    let worth = |log: &Log, catalogue, text| {
        let ledger = ledger(log);
        let all = Period::new(&ledger, Millis(0), Millis(DAY_MS)).assess(catalogue);
        all.into_iter().find(|one| one.control.text == text).unwrap().confidence
    };
    assert_eq!(worth(&log, Catalogue::Finos, TextStatus::Read), 50);
    assert_eq!(worth(&log, Catalogue::Sox, TextStatus::ToVerify), 25);
    log.push((Millis(1), Event::LogWitnessed { witness: "audit".to_owned(), size: 1 }));
    assert_eq!(worth(&log, Catalogue::Finos, TextStatus::Read), 100);
    let (witness, seen, size) = ("audit".to_owned(), 9, 2);
    log.push((Millis(2), Event::LogRollbackDetected { witness, seen, size }));
    assert_eq!(worth(&log, Catalogue::Finos, TextStatus::Read), 0);
}

/// An incident of which somebody was aware at nought.
fn reported() -> Event {
    Event::IncidentReported {
        incident: IncidentId(1),
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        by: Reporter::Person,
        summary: Digest::of(b"summary"),
        suspect: None,
    }
}

fn classified(major: bool) -> Event {
    Event::IncidentClassified(Classified {
        incident: IncidentId(1),
        at: Millis(0),
        occurred: Millis(0),
        aware: Millis(0),
        criteria: Default::default(),
        cause: None,
        with: Default::default(),
        passed: Default::default(),
        major,
        by: person("bob"),
        reason: None,
    })
}

fn told(report: Report, sent: i64) -> Event {
    Event::IncidentNotified(Notified {
        incident: IncidentId(1),
        report,
        sent: Millis(sent),
        reference: Digest::of(b"reference"),
        by: person("bob"),
    })
}

/// How a control of incidents stands over the first ten days, looked at `now`, and what is said of
/// each limit that was not kept.
fn limits(events: &[Event], now: i64, id: &str, mark: Mark) -> (Standing, Vec<String>) {
    let mut state = State::default();
    let all = [reported()].into_iter().chain(events.iter().cloned());
    let log: Log = all.map(|event| (Millis(0), event)).collect();
    log.iter().for_each(|(at, event)| state.apply(*at, event));
    let ledger = ledger(&log);
    let period = Period::new(&ledger, Millis(0), Millis(10 * DAY_MS));
    let all = period.with_limits(&state, Millis(now)).assess(Catalogue::Dora);
    let found = all.into_iter().find(|one| one.control.id == id).unwrap();
    let asked = found.answers.iter().find(|one| one.ask == Ask::Each(mark)).unwrap();
    (found.standing, asked.missing.iter().map(|one| one.note.clone()).collect())
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_major_incident_without_its_initial_notification_in_time_is_a_gap() {
    let reports = |events: &[Event], now| limits(events, now, "19", Mark::ToldInTime);
    let major = classified(true);
    let one = std::slice::from_ref(&major);
    assert_eq!(reports(one, 4 * HOUR_MS), (Standing::Gap, vec![]), "it is not due yet");
    let (standing, said) = reports(one, 4 * HOUR_MS + 1);
    assert_eq!(standing, Standing::Gap);
    assert_eq!(said, ["the initial notification was due by 1970-01-01 04:00 UTC, and is missing"]);
    let late = [major.clone(), told(Report::Initial, 5 * HOUR_MS)];
    let (standing, said) = reports(&late, DAY_MS);
    assert_eq!(standing, Standing::Gap, "what came too late stays a gap: {said:?}");
    assert!(said[0].ends_with("and came 1970-01-01 05:00 UTC"), "{said:?}");
    let in_time = [major, told(Report::Initial, 4 * HOUR_MS)];
    assert_eq!(reports(&in_time, DAY_MS), (Standing::Partial, vec![]));
    // 72 hours after that, the next one is missing.
    assert_eq!(reports(&in_time, 5 * DAY_MS).1.len(), 1);
}

#[test]
fn an_incident_that_nobody_classified_in_time_is_named() {
    let of = |events: &[Event]| limits(events, 2 * DAY_MS, "18", Mark::ClassifiedInTime);
    let (standing, said) = of(&[]);
    assert_eq!((standing, said.len()), (Standing::Gap, 1));
    assert_eq!(of(&[classified(false)]), (Standing::Evidenced, vec![]));
}
