//! Controls: evidence, exceptions, and gaps as gaps.

use sluss_core::event::Event;
use sluss_core::ids::{DeploymentId, Digest, ExceptionId, IncidentId, PersonRef};
use sluss_core::incident::clocks::Report;
use sluss_core::incident::{Classified, Notified, Reporter};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_insight::controls::{Catalogue, Days, Period, Standing};

fn assessed(events: &[Event], id: &str) -> (Standing, u64, u64, usize) {
    let mut period = Period::default();
    for (position, event) in (40..).zip(events) {
        period.take(position, event);
    }
    let all = period.assess(Catalogue::Finos);
    let one = all.iter().find(|one| one.control.id == id).unwrap();
    let count = |seen: &[sluss_insight::controls::Seen]| seen.iter().map(|seen| seen.count).sum();
    (one.standing, count(&one.evidence), count(&one.exceptions), one.gaps.len())
}

fn observed() -> Event {
    Event::EnvironmentObserved {
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        running: Default::default(),
    }
}

#[test]
fn an_empty_period_is_all_gaps_in_every_catalogue() {
    for catalogue in Catalogue::ALL {
        for one in Period::default().assess(catalogue) {
            assert_eq!(one.standing, Standing::Gap, "{}", one.control.id);
            assert!(!one.gaps.is_empty(), "{} says what is missing", one.control.id);
        }
    }
}

#[test]
fn what_happened_is_evidence_and_what_spoke_against_it_stands_beside() {
    let shadow = Event::IncidentShadow {
        incident: IncidentId(1),
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        digest: Digest::of(b"theirs"),
    };
    assert_eq!(assessed(&[observed()], "mi-21"), (Standing::Evidenced, 1, 0, 0));
    assert_eq!(assessed(&[observed(), shadow], "mi-21"), (Standing::Evidenced, 1, 1, 0));
}

#[test]
fn what_nothing_records_keeps_a_control_from_being_evidenced() {
    let active = Event::ConfigActivated { number: 1, commit: "1".repeat(40).parse().unwrap() };
    assert_eq!(assessed(&[active], "mi-13"), (Standing::Partial, 1, 0, 1));
    assert_eq!(assessed(&[observed()], "mi-9"), (Standing::Gap, 0, 0, 1));
}

#[test]
fn an_exception_is_no_evidence_of_the_gate_that_it_went_round() {
    let by = PersonRef::derive(&[7; 32], "bob");
    let granted = Event::ExceptionGranted { exception: ExceptionId(1), by, signed: None };
    assert_eq!(assessed(&[granted], "mi-12"), (Standing::Gap, 0, 1, 1));
    let begun = Event::DeploymentStarted { deployment: DeploymentId(1) };
    assert_eq!(assessed(&[begun], "mi-12").0, Standing::Gap);
}

#[test]
fn each_control_is_in_its_catalogue_once() {
    for catalogue in Catalogue::ALL {
        let mut ids: Vec<&str> = catalogue.controls().iter().map(|one| one.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{}", catalogue.key());
        assert_eq!(Catalogue::named(catalogue.key()), Some(catalogue));
    }
    assert_eq!(Catalogue::Finos.controls().len(), 23);
}

/// A bank with an incident of which somebody was aware at nought.
fn with_incident() -> State {
    let mut state = State::default();
    let reported = Event::IncidentReported {
        incident: IncidentId(1),
        service: "pay".parse().unwrap(),
        environment: "production".parse().unwrap(),
        by: Reporter::Person,
        summary: Digest::of(b"summary"),
        suspect: None,
    };
    state.apply(Millis(0), &reported);
    state
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
        by: PersonRef::derive(&[7; 32], "bob"),
        reason: None,
    })
}

fn told(report: Report, sent: i64) -> Event {
    Event::IncidentNotified(Notified {
        incident: IncidentId(1),
        report,
        sent: Millis(sent),
        reference: Digest::of(b"reference"),
        by: PersonRef::derive(&[7; 32], "bob"),
    })
}

/// How the control of reports stands over the first ten days, looked at `now`.
fn reports(events: &[Event], now: i64) -> (Standing, Vec<String>) {
    let (mut state, mut period) = (with_incident(), Period::default());
    for (position, event) in (1..).zip(events) {
        state.apply(Millis(0), event);
        period.take(position, event);
    }
    period.take_limits(&state, (Millis(0), Millis(10 * DAY)), Millis(now));
    let all = period.assess(Catalogue::Dora);
    let one = all.into_iter().find(|one| one.control.id == "2022/2554 18-19").unwrap();
    let own = |gap: &String| gap.starts_with("inc-") || gap.contains("more limits");
    (one.standing, one.gaps.into_iter().filter(own).collect())
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

#[test]
fn a_major_incident_without_its_initial_notification_in_time_is_a_gap() {
    let major = classified(true);
    let before = reports(std::slice::from_ref(&major), 4 * HOUR);
    assert_eq!(before, (Standing::Partial, vec![]), "it is not due yet");
    let (standing, gaps) = reports(std::slice::from_ref(&major), 4 * HOUR + 1);
    assert_eq!(standing, Standing::Gap);
    assert_eq!(
        gaps,
        ["inc-1: the initial notification was due by 1970-01-01 04:00 UTC, and is missing"]
    );
    let late = [major.clone(), told(Report::Initial, 5 * HOUR)];
    let (standing, gaps) = reports(&late, DAY);
    assert_eq!(standing, Standing::Gap, "what came too late stays a gap: {gaps:?}");
    assert!(gaps[0].ends_with("and came 1970-01-01 05:00 UTC"), "{gaps:?}");
    let in_time = [major, told(Report::Initial, 4 * HOUR)];
    assert_eq!(reports(&in_time, DAY), (Standing::Partial, vec![]));
    // 72 hours after that, the next one is missing.
    assert_eq!(reports(&in_time, 5 * DAY).0, Standing::Gap);
}

#[test]
fn an_incident_that_nobody_classified_in_time_is_named() {
    let (standing, gaps) = reports(&[], 2 * DAY);
    assert_eq!((standing, gaps.len()), (Standing::Gap, 1));
    assert_eq!(reports(&[classified(false)], 2 * DAY), (Standing::Partial, vec![]));
}

#[test]
fn a_period_added_up_from_its_days_is_the_period_read_at_once() {
    let begun = Event::DeploymentStarted { deployment: DeploymentId(1) };
    let log: Vec<(Millis, Event)> = (0..60)
        .map(|n| (Millis(n * DAY / 7), if n % 5 == 0 { begun.clone() } else { observed() }))
        .collect();
    let mut days = Days::default();
    for (position, (at, event)) in (0..).zip(&log) {
        days.take(position, *at, event);
        // What is taken twice counts once.
        days.take(position, *at, event);
    }
    assert_eq!(days.next(), 60);
    for (from, to) in [(0, 0), (0, 9), (2, 5), (8, 100), (50, 60), (5, 2), (-3, -1)] {
        let mut once = Period::default();
        let within = |at: Millis| from * DAY <= at.0 && at.0 < (to + 1) * DAY;
        for (position, (_, event)) in (0..).zip(&log).filter(|(_, (at, _))| within(*at)) {
            once.take(position, event);
        }
        let added = days.between(Millis(from * DAY), Millis((to + 1) * DAY - 1));
        assert_eq!(added.entries(), once.entries(), "{from} to {to}");
        let (added, once) = (added.assess(Catalogue::Finos), once.assess(Catalogue::Finos));
        assert_eq!(added, once, "{from} to {to}");
    }
}
