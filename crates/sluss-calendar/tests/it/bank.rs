//! The sample bank's calendar is one that parses, and holds what it says.

use sluss_calendar::{Calendar, CalendarFile, Operation, Scope, decide, preview};

use crate::script::{DEPLOY, at, scope};

const TEXT: &str = include_str!("../../../../examples/controls/calendar.yaml");

fn bank() -> Calendar {
    let file: CalendarFile = serde_saphyr::from_str(TEXT).unwrap();
    Calendar::parse(&file).unwrap()
}

#[test]
fn the_sample_bank_has_a_calendar_without_warnings() {
    assert_eq!(bank().warnings(), []);
    let year = preview(&bank(), &scope(), at("2026-01-01T00:00:00"), 12);
    assert!(!year.warnings.iter().any(|w| w.what.contains("never")), "{:?}", year.warnings);
}

#[test]
fn the_sample_bank_is_frozen_when_it_says() {
    let calendar = bank();
    let held = |now: &str| !decide(&calendar, &scope(), DEPLOY, None, at(now)).allowed;
    assert!(held("2026-12-24T09:00:00"), "the turn of the year");
    assert!(held("2026-07-08T14:45:00"), "the cut-off on a Wednesday, 16:45 in Berlin");
    assert!(!held("2026-07-08T09:00:00"), "a Wednesday morning");
    assert!(held("2026-07-10T12:30:00"), "Friday afternoon");
    assert!(held("2026-06-30T09:00:00"), "the end of a quarter");
    let staging = Scope { environment: Some("staging".to_owned()), ..scope() };
    assert!(decide(&calendar, &staging, DEPLOY, None, at("2026-12-24T09:00:00")).allowed);
    let back = decide(&calendar, &scope(), Operation::Rollback, None, at("2026-12-24T09:00:00"));
    assert!(back.allowed);
}
