//! What becomes of a deployment that is running when its time is over.

use sluss_calendar::Overrun::{Finish, Hold, Rollback};
use sluss_calendar::{Overrun, WindowFile};

use crate::script::{With, allow, at, calendar, deny, goes_on, scope};

const STARTED: &str = "2026-06-01T10:30:00";
const LATER: &str = "2026-06-01T11:30:00";

/// Open from 10 to 11, while the deployment starts.
fn open(id: &str, overrun: Overrun) -> WindowFile {
    allow(id, "2026-06-01T10:00", "2026-06-01T11:00").overrun(overrun)
}

/// Shut from 11 to 12, while it runs.
fn shut(id: &str, overrun: Overrun) -> WindowFile {
    deny(id, "2026-06-01T11:00", "2026-06-01T12:00").overrun(overrun)
}

/// The nine transitions of Argo CD's "Sync Windows", section "Transition Scenarios". Its `overrun`
/// is `finish` here. In the fifth it lets the sync go on; here it is stopped, since neither the
/// window it started in nor any that is open lets it finish.
#[test]
fn the_nine_transitions_of_argo_cd_hold_but_for_the_fifth_which_is_stricter() {
    let table: &[(&str, Vec<WindowFile>, bool)] = &[
        ("nothing, then deny with overrun", vec![shut("d", Finish)], true),
        ("nothing, then deny without", vec![shut("d", Hold)], false),
        ("allow with, deny with", vec![open("a", Finish), shut("d", Finish)], true),
        ("allow with, deny without", vec![open("a", Finish), shut("d", Hold)], false),
        ("allow without, deny with", vec![open("a", Hold), shut("d", Finish)], false),
        ("allow without, deny without", vec![open("a", Hold), shut("d", Hold)], false),
        ("allow with, ends", vec![open("a", Finish)], true),
        ("allows with, all end", vec![open("a", Finish), open("b", Finish)], true),
        ("allows, one without, all end", vec![open("a", Finish), open("b", Hold)], false),
    ];
    for (name, windows, goes) in table {
        let decision = goes_on(&calendar(windows), STARTED, LATER);
        assert_eq!(decision.allowed, *goes, "{name}: {}", decision.sentence);
        let becomes = if *goes { Finish } else { Hold };
        assert_eq!(decision.overrun, Some(becomes), "{name}: {}", decision.sentence);
    }
}

#[test]
fn rollback_wins_over_hold_and_hold_over_finish() {
    let table: &[(Vec<WindowFile>, Overrun)] = &[
        (vec![shut("a", Hold), shut("b", Rollback)], Rollback),
        (vec![shut("a", Rollback), shut("b", Finish)], Rollback),
        (vec![shut("a", Finish), shut("b", Hold)], Hold),
        (vec![open("a", Rollback)], Rollback),
        (vec![open("a", Rollback), shut("b", Hold)], Rollback),
        (vec![open("a", Finish), shut("b", Rollback)], Rollback),
    ];
    for (windows, becomes) in table {
        let decision = goes_on(&calendar(windows), STARTED, LATER);
        assert!(!decision.allowed, "{}", decision.sentence);
        assert_eq!(decision.overrun, Some(*becomes), "{}", decision.sentence);
    }
}

#[test]
fn inside_an_allow_window_a_running_deployment_goes_on_whatever_it_started_in() {
    let next = allow("next", "2026-06-01T11:00", "2026-06-01T12:00");
    let calendar = calendar(&[open("a", Hold), next]);
    let decision = goes_on(&calendar, STARTED, LATER);
    assert!(decision.allowed);
    assert_eq!(decision.overrun, None);
}

#[test]
fn who_started_outside_every_allow_window_is_not_carried_by_one() {
    let calendar = calendar(&[open("a", Finish)]);
    assert!(!goes_on(&calendar, "2026-06-01T09:00", LATER).allowed);
    let unknown = sluss_calendar::decide(
        &calendar,
        &scope(),
        sluss_calendar::Operation::Continue,
        None,
        at(LATER),
    );
    assert!(!unknown.allowed, "a start that is not known carries nothing");
    assert_eq!(unknown.overrun, Some(Hold));
}

#[test]
fn it_goes_on_when_the_window_that_held_it_is_over() {
    let calendar = calendar(&[shut("d", Hold)]);
    let held = goes_on(&calendar, STARTED, LATER);
    assert_eq!(held.until_ms, Some(at("2026-06-01T12:00:00")));
    let after = goes_on(&calendar, STARTED, "2026-06-01T12:00:00");
    assert!(after.allowed);
    assert_eq!(after.overrun, None);
}
