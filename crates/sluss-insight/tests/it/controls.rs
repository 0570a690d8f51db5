//! Controls: evidence, exceptions, and gaps as gaps.

use sluss_core::event::Event;
use sluss_core::ids::{DeploymentId, Digest, ExceptionId, IncidentId, PersonRef};
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

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[test]
fn a_period_added_up_from_its_days_is_the_period_read_at_once() {
    let begun = Event::DeploymentStarted { deployment: DeploymentId(1) };
    let log: Vec<(Millis, Event)> = (0..60)
        .map(|n| (Millis(n * DAY_MS / 7), if n % 5 == 0 { begun.clone() } else { observed() }))
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
        let within = |at: Millis| from * DAY_MS <= at.0 && at.0 < (to + 1) * DAY_MS;
        for (position, (_, event)) in (0..).zip(&log).filter(|(_, (at, _))| within(*at)) {
            once.take(position, event);
        }
        let added = days.between(Millis(from * DAY_MS), Millis((to + 1) * DAY_MS - 1));
        assert_eq!(added.entries(), once.entries(), "{from} to {to}");
        let (added, once) = (added.assess(Catalogue::Finos), once.assess(Catalogue::Finos));
        assert_eq!(added, once, "{from} to {to}");
    }
}
