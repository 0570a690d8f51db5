//! How old findings may become: a release that goes on the first day stays out when the term of
//! what it has is over.

use expect_test::expect;
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::decide::Actor;
use sluss_core::event::Event;
use sluss_core::findings::{FindingCounts, Found, NAMED_MOST, Report, Severity};
use sluss_core::ids::{DeploymentId, Digest};
use sluss_core::pipeline::GateKind;
use sluss_core::remediation::{Term, Terms};
use sluss_core::steps::StepOwner;
use sluss_core::units::Millis;
use sluss_core::weakening::Weakening;

use crate::script::{check, finds, play};
use crate::world::{World, actor, finding, organisation, production, propose};

const DAY: i64 = 86_400;

/// A first release that found `what`, delivered in the first seconds.
fn delivered(what: &str) -> World {
    let mut world = World::new(vec![production()]);
    let story = format!(
        "0 policy terms
        1 push main anna by anna
        2 claim build
        2 finds build passed {what}
        2 claim test
        2 finish run-1 test 1 passed
        3 go"
    );
    play(&mut world, &story);
    world
}

/// Builds the next release on a day, which finds `what`; returns what the gate said.
fn next_finds(world: &mut World, day: i64, what: &str) -> String {
    let (second, run) = (day * DAY, world.state.next_run());
    let story = format!(
        "{second} push main anna by anna
        {second} claim build
        {second} finds build passed {what}
        {second} claim test
        {second} finish {run} test 1 passed
        {second} pack"
    );
    play(world, &story);
    said(world)
}

/// What the gate of findings said last.
fn said(world: &World) -> String {
    let decided = world.log.iter().rev().find_map(|(_, event)| match event {
        Event::GateDecided { gate: GateKind::Findings, outcome, .. } => Some(outcome),
        _ => None,
    });
    decided.unwrap().sentence()
}

#[test]
fn what_goes_on_the_first_day_stays_out_when_its_term_is_over() {
    check(
        vec![production()],
        "~0 policy terms
        ~1 push main anna by anna
        ~2 claim build
        ~2 finds build passed high:a low:b
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 go
        ~2592001 push main anna by anna
        ~2592001 claim build
        ~2592001 finds build passed high:a
        ~2592001 claim test
        ~2592001 finish run-2 test 1 passed
        2592001 pack
        ~2592002 push main anna by anna
        ~2592002 claim build
        ~2592002 finds build passed high:a
        ~2592002 claim test
        ~2592002 finish run-3 test 1 passed
        2592002 pack",
        expect![[r#"
            3 go
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-1 findings outcome={outcome:cleared,why:{findings_in_term:{findings:{critical:0,high:1,low:1,medium:0,suppressed:0},reports:1}}}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-1
                deployment.started dep-1
                rollout.shifted dep-1 leg=0 100 %
                rollout.observed dep-1 second 3 favourable
                deployment.live dep-1
                change.delivered chg-1 dep-1
            2592001 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 findings outcome={outcome:cleared,why:{findings_in_term:{findings:{critical:0,high:1,low:0,medium:0,suppressed:0},reports:1}}}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-2
                deployment.started dep-2
            2592002 pack
                release.created rel-3 run-3
                deployment.requested dep-3 production rel-3 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-3 findings outcome={outcome:refused,why:{findings_overdue:{findings:{critical:0,high:1,low:0,medium:0,suppressed:0},late:{overdue:[{count:1,due:2592002000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:high,since:2000,term:30d}]}}}}
                deployment.refused dep-3 findings
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn what_was_gone_and_came_back_is_as_old_as_before() {
    let mut world = delivered("high:a");
    assert!(next_finds(&mut world, 10, "low:b").starts_with("No finding is past its term"));
    assert!(next_finds(&mut world, 29, "high:a").starts_with("No finding is past its term"));
    let said = next_finds(&mut world, 31, "high:a");
    assert!(said.contains("(since 1970-01-01 00:00 UTC, term 30d)"), "{said}");
}

#[test]
fn what_any_branch_found_first_is_that_old() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy terms
        1 push topic anna by anna
        2 claim build
        2 finds build failed high:a",
    );
    assert!(next_finds(&mut world, 31, "high:a").starts_with("1 finding is past its term"));
}

#[test]
fn what_becomes_critical_is_due_at_once() {
    let mut world = delivered("high:a");
    let said = next_finds(&mut world, 1, "critical:a");
    assert!(said.contains("critical") && said.contains("term 0d"), "{said}");
}

#[test]
fn the_suppression_of_a_report_opens_nothing() {
    let mut world = delivered("low:b");
    let said = next_finds(&mut world, 1, "critical:a:suppressed");
    assert!(said.starts_with("1 finding is past its term: critical"), "{said}");
    assert!(said.contains("1 suppressed"), "{said}");
}

#[test]
fn what_two_reports_tell_of_is_counted_once() {
    let mut world = delivered("low:b");
    let said = next_finds(&mut world, 1, "high:a low:b | high:a low:b:suppressed medium:c");
    let counts = "in 2 reports: 0 critical, 1 high, 1 medium, 1 low.";
    assert!(said.ends_with(counts), "{said}");
}

/// As before findings had keys: the reports of last attempts decide, and none is forgotten.
#[test]
fn a_red_scan_and_a_later_green_one_both_stay_and_the_last_attempt_decides() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy terms
        1 push main anna by anna
        2 claim build
        2 finish run-1 build 1 passed
        2 claim test
        3 finds test failed critical:a
        4 claim test
        5 finds test passed low:b
        6 pack",
    );
    assert!(said(&world).starts_with("No finding is past its term in 1 report"));
    let release = world.state.deployments[&DeploymentId(1)].release;
    let all = world.state.scans_of(release, 0);
    let red = |red: bool| all.iter().filter(|scan| scan.finished != red).count();
    assert_eq!((red(true), red(false)), (1, 1));
    assert!(world.state.services[&"pay".parse().unwrap()].findings.contains_key(&finding("a")));
}

#[test]
fn a_waiver_of_two_others_lets_a_finding_stay_until_it_ends() {
    check(
        vec![production()],
        "~0 policy terms
        ~1 push main anna by anna
        ~2 claim build
        ~2 finds build passed critical:a low:b
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 except findings other 86400 by anna
        5 except findings a 86400 by anna
        6 grant exc-1 by anna
        7 grant exc-1 by bob
        8 promote rel-1 by anna
        9 grant exc-1 by carl
        10 promote rel-1 by anna
        ~11 go
        ~86401 push main anna by anna
        ~86402 claim build
        ~86402 finds build passed critical:a
        ~86402 claim test
        ~86402 finish run-2 test 1 passed
        86403 pack",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-1 findings outcome={outcome:refused,why:{findings_overdue:{findings:{critical:1,high:0,low:1,medium:0,suppressed:0},late:{overdue:[{count:1,due:2000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:critical,since:2000,term:0d}]}}}}
                deployment.refused dep-1 findings
            4 except findings other 86400 by anna
                NotFound: No scanner reported a finding d9298a10d1b0 of pay.
            5 except findings a 86400 by anna
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d terms={compensating:99262a0284ae7670f20fbfe4f87e8d7befdb5bc3431c5ea08dbd84d7206cf395} until=86400000 what={findings:[ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb],kind:findings,service:pay}
            6 grant exc-1 by anna
                Denied: You asked for it, so someone else grants it.
                + access.refused grant-exception core.sod.distinct same_person
            7 grant exc-1 by bob
                exception.granted bob exc-1
            8 promote rel-1 by anna
                deployment.requested anna dep-2 production rel-1 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 findings outcome={outcome:refused,why:{findings_overdue:{findings:{critical:1,high:0,low:1,medium:0,suppressed:0},late:{overdue:[{count:1,due:2000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:critical,since:2000,term:0d}]}}}}
                deployment.refused dep-2 findings
            9 grant exc-1 by carl
                exception.granted carl exc-1
            10 promote rel-1 by anna
                deployment.requested anna dep-3 production rel-1 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-3 findings outcome={outcome:cleared,why:{findings_in_term:{findings:{critical:1,high:0,low:1,medium:0,suppressed:0},reports:1,waived:{exc-1:1}}}}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
                deployment.cleared dep-3
                deployment.started dep-3
            86403 pack
                release.created rel-2 run-2
                deployment.requested dep-4 production rel-2 stage=0
                gate.decided dep-4 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-4 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-4 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-4 findings outcome={outcome:refused,why:{findings_overdue:{findings:{critical:1,high:0,low:0,medium:0,suppressed:0},late:{overdue:[{count:1,due:2000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:critical,since:2000,term:0d}]}}}}
                deployment.refused dep-4 findings
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_customers_have_is_recorded_once_its_term_is_over_and_once_it_is_not() {
    check(
        vec![production()],
        "~0 policy terms
        ~1 push main anna by anna
        ~2 claim build
        ~2 finds build passed high:a medium:b
        ~2 claim test
        ~2 finish run-1 test 1 passed
        ~3 go
        2592001 age
        2592003 age
        2592004 age
        2592005 except findings a 2678400 by anna
        ~2592006 grant exc-1 by bob
        ~2592007 grant exc-1 by carl
        2592008 age
        2678400 age",
        expect![[r#"
            2592001 age
            2592003 age
                findings.overdue dep-1 late={overdue:[{count:1,due:2592002000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:high,since:2000,term:30d}]}
            2592004 age
            2592005 except findings a 2678400 by anna
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d terms={compensating:99262a0284ae7670f20fbfe4f87e8d7befdb5bc3431c5ea08dbd84d7206cf395} until=2678400000 what={findings:[ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb],kind:findings,service:pay}
            2592008 age
                findings.overdue dep-1 late={overdue:[]}
            2678400 age
                findings.overdue dep-1 late={overdue:[{count:1,due:2592002000,key:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb,severity:high,since:2000,term:30d}]}
                waiver.expired exc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

/// Findings of a report with more than an event names.
fn many(severity: Severity) -> Vec<Report> {
    let one =
        |number: usize| Found { key: finding(&number.to_string()), severity, suppressed: false };
    vec![Report::of(Digest::of(b"many"), (0..NAMED_MOST + 7).map(one))]
}

#[test]
fn what_no_event_names_is_due_at_once_where_it_has_a_term() {
    for (severity, unnamed) in [(Severity::High, 7), (Severity::Low, 0)] {
        let mut world = World::new(vec![production()]);
        play(&mut world, "0 policy terms\n1 push main anna by anna\n2 claim build");
        let found = finds(world.running("build"), "passed", many(severity));
        world.tell(found, &Actor::System).unwrap();
        play(&mut world, "2 claim test\n2 finish run-1 test 1 passed\n3 pack");
        let late = world.state.late_at(DeploymentId(1), world.now);
        assert_eq!(late.count(), unnamed, "{}", said(&world));
        let stays = world.state.deployments[&DeploymentId(1)].is_over();
        assert_eq!(stays, unnamed > 0);
        let counts = |event: &Event| match event {
            Event::FindingsRecorded { findings, named: Some(named), .. } => {
                Some((findings.of(severity), named.all().count()))
            }
            _ => None,
        };
        let recorded = world.log.iter().find_map(|(_, event)| counts(event)).unwrap();
        assert_eq!(recorded, (607, NAMED_MOST));
    }
}

/// A leaf has 65,535 bytes at most.
#[test]
fn an_event_of_as_many_findings_as_it_names_fits_a_leaf() {
    let Report { report, findings, named } = many(Severity::Critical).remove(0);
    let (owner, step) = (StepOwner::Deployment(DeploymentId(u64::MAX)), "s".repeat(40));
    let event = Event::FindingsRecorded {
        owner,
        step: step.parse().unwrap(),
        attempt: u16::MAX,
        report,
        findings,
        named: Some(named),
    };
    assert!(event.to_parts().1.get().len() < 60_000);
}

#[test]
fn a_report_from_before_findings_had_keys_is_as_old_as_it_is() {
    let mut world = World::new(vec![production()]);
    play(
        &mut world,
        "0 policy terms
        1 push main anna by anna
        2 claim build
        2 finish run-1 build 1 passed",
    );
    let event = Event::FindingsRecorded {
        owner: StepOwner::Run(sluss_core::ids::RunId(1)),
        step: "build".parse().unwrap(),
        attempt: 1,
        report: Digest::of(b"old"),
        findings: FindingCounts { high: 3, ..FindingCounts::default() },
        named: None,
    };
    world.log.push((world.now, event.clone()));
    world.state.apply(world.now, &event);
    play(&mut world, "3 claim test\n3 finish run-1 test 1 passed\n4 pack");
    assert!(said(&world).starts_with("No finding is past its term in 1 report"));
    let late = |day: i64| world.state.late_at(DeploymentId(1), Millis(day * DAY * 1000)).count();
    assert_eq!((late(29), late(31)), (0, 3));
}

#[test]
fn only_what_asks_more_of_findings_is_no_weakening() {
    let terms = |all: &[(Severity, Term)]| Terms::new(all.iter().copied().collect());
    let of = |all: Terms, own: Terms| {
        let mut organisation = organisation(FourEyes::Never, &["bob", "carl"]);
        organisation.findings = all;
        organisation.products.values_mut().for_each(|product| product.findings = own.clone());
        organisation
    };
    let weakens = |before: Organisation, after: Organisation| {
        let mut world = World::new(vec![production()]);
        world.tell(propose(1, before), &actor("anna")).unwrap();
        let changed = Organisation { four_eyes: FourEyes::Always, ..after };
        world.tell(propose(2, changed), &actor("anna")).unwrap();
        // It was activated at once, by an organisation that asks nobody: what would it weaken?
        let [before, after] =
            [1, 2].map(|number| world.state.proposals[&number].organisation.clone());
        world.state.organisation = Some(before);
        world.state.proposals.get_mut(&2).unwrap().organisation = after;
        world.state.weakenings(2).contains(&Weakening::Findings)
    };
    let none = || terms(&[]);
    let high = |days| terms(&[(Severity::High, Term::Days(days))]);
    assert!(!weakens(of(none(), none()), of(none(), none())));
    assert!(!weakens(of(none(), none()), of(high(30), none())), "thirty days are what is usual");
    assert!(!weakens(of(none(), none()), of(high(14), none())));
    assert!(weakens(of(none(), none()), of(high(31), none())));
    assert!(weakens(of(high(14), none()), of(none(), none())));
    assert!(weakens(of(none(), high(7)), of(none(), none())));
    assert!(!weakens(of(none(), none()), of(none(), high(90))), "a looser one has no effect");
    let never = terms(&[(Severity::Critical, Term::Never)]);
    assert!(weakens(of(none(), none()), of(never, none())));
}

#[test]
fn terms_are_days_or_never() {
    let read = |text: &str| Term::try_from(text.to_owned());
    assert_eq!(read("0d").unwrap(), Term::Days(0));
    assert_eq!(read("3650d").unwrap(), Term::Days(3_650));
    assert_eq!(read("never").unwrap(), Term::Never);
    for wrong in ["", "d", "30", "3651d", "030d", "-1d", "+1d", "1w", "Never", "99999d"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
