//! Where the clocks change, and other odd dates.

use sluss_calendar::Kind::{Allow, Deny};
use sluss_calendar::{Kind, Scope, preview};

use crate::script::{DEPLOY, With, ask, calendar, deny, text, window};

/// The first span of a window, in UTC.
fn span(zone: &str, kind: Kind, start: &str, end: &str) -> Option<(String, String)> {
    let calendar = calendar(&[window("w", kind, start, end).zone(zone)]);
    let from = crate::script::at(&format!("{}T00:00:00", &start[..10])) - 3 * 86_400_000;
    let preview = preview(&calendar, &Scope::default(), from, 1);
    preview.spans.first().map(|span| (text(span.start_ms), text(span.end_ms.unwrap())))
}

/// Readings where the clock jumps, from the definitions: deny the widest, allow the narrowest.
#[test]
fn deny_takes_the_widest_reading_and_allow_the_narrowest() {
    let table = [
        // Clocks in Berlin go from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC.
        ("Europe/Berlin", Deny, "2026-03-29T02:30", "2026-03-29T05:00", "01:00", "03:00"),
        ("Europe/Berlin", Allow, "2026-03-29T02:30", "2026-03-29T05:00", "01:30", "03:00"),
        ("Europe/Berlin", Deny, "2026-03-29T00:30", "2026-03-29T02:30", "-23:30", "01:30"),
        ("Europe/Berlin", Allow, "2026-03-29T00:30", "2026-03-29T02:30", "-23:30", "01:00"),
        // They go from 03:00 to 02:00 on 2026-10-25 at 01:00 UTC.
        ("Europe/Berlin", Deny, "2026-10-25T02:30", "2026-10-25T05:00", "00:30", "04:00"),
        ("Europe/Berlin", Allow, "2026-10-25T02:30", "2026-10-25T05:00", "01:30", "04:00"),
        ("Europe/Berlin", Deny, "2026-10-25T01:00", "2026-10-25T02:30", "-23:00", "01:30"),
        ("Europe/Berlin", Allow, "2026-10-25T01:00", "2026-10-25T02:30", "-23:00", "00:30"),
        // Half an hour on Lord Howe: from 02:00 to 02:30 on 2026-10-04, at 15:30 UTC of the 3rd.
        ("Australia/Lord_Howe", Deny, "2026-10-04T02:15", "2026-10-04T04:00", "-15:30", "-17:00"),
        ("Australia/Lord_Howe", Allow, "2026-10-04T02:15", "2026-10-04T04:00", "-15:45", "-17:00"),
        // Midnight does not exist in Cairo on 2026-04-24; at 22:00 UTC of the 23rd it is 01:00.
        ("Africa/Cairo", Deny, "2026-04-24T00:00", "2026-04-24T06:00", "-22:00", "03:00"),
        ("Africa/Cairo", Allow, "2026-04-24T00:00", "2026-04-24T06:00", "-22:00", "03:00"),
        ("Africa/Cairo", Deny, "2026-04-24T00:30", "2026-04-24T06:00", "-22:00", "03:00"),
        ("Africa/Cairo", Allow, "2026-04-24T00:30", "2026-04-24T06:00", "-22:30", "03:00"),
    ];
    for (zone, kind, start, end, from, to) in table {
        let (got_start, got_end) = span(zone, kind, start, end).unwrap();
        let day = |time: &str| match time.strip_prefix('-') {
            Some(time) => {
                let date: jiff::civil::Date = start[..10].parse().unwrap();
                format!("{}T{time}:00Z", date.yesterday().unwrap())
            }
            None => format!("{}T{time}:00Z", &start[..10]),
        };
        let name = format!("{kind:?} {zone} {start} – {end}");
        assert_eq!((got_start, got_end), (day(from), day(to)), "{name}");
    }
}

#[test]
fn a_night_window_lasts_seven_or_nine_hours_when_the_clocks_change() {
    let spring = span("Europe/Berlin", Deny, "2026-03-28T22:00", "2026-03-29T06:00").unwrap();
    assert_eq!(spring, ("2026-03-28T21:00:00Z".into(), "2026-03-29T04:00:00Z".into()));
    let autumn = span("Europe/Berlin", Deny, "2026-10-24T22:00", "2026-10-25T06:00").unwrap();
    assert_eq!(autumn, ("2026-10-24T20:00:00Z".into(), "2026-10-25T05:00:00Z".into()));
}

/// Samoa had no 30 December 2011.
#[test]
fn a_day_that_does_not_exist_has_no_instant_but_is_no_hole_either() {
    assert_eq!(span("Pacific/Apia", Deny, "2011-12-30T00:00", "2011-12-31T00:00"), None);
    let around = span("Pacific/Apia", Deny, "2011-12-29T22:00", "2011-12-31T06:00").unwrap();
    assert_eq!(around, ("2011-12-30T08:00:00Z".into(), "2011-12-30T16:00:00Z".into()));
    let noon = span("Pacific/Apia", Deny, "2011-12-30T12:00", "2011-12-30T13:00").unwrap();
    assert_eq!(noon, ("2011-12-30T10:00:00Z".into(), "2011-12-30T23:00:00Z".into()));
    assert_eq!(span("Pacific/Apia", Allow, "2011-12-30T12:00", "2011-12-31T06:00"), None);
}

#[test]
fn a_leap_day_freeze_comes_back_every_leap_year_and_not_in_2100() {
    let leap = deny("leap", "2024-02-29T00:00", "2024-03-01T00:00")
        .rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29");
    let calendar = calendar(&[leap]);
    for (date, held) in [
        ("2024-02-29", true),
        ("2025-02-28", false),
        ("2025-03-01", false),
        ("2028-02-29", true),
        ("2096-02-29", true),
        ("2100-02-28", false),
        ("2100-03-01", false),
        ("2104-02-29", true),
    ] {
        assert_eq!(!ask(&calendar, DEPLOY, &format!("{date}T12:00:00")).allowed, held, "{date}");
    }
    let before = ask(&calendar, DEPLOY, "2096-03-02T00:00:00");
    assert_eq!(before.until_ms.map(text).as_deref(), Some("2104-02-29T00:00:00Z"));
}

#[test]
fn week_53_comes_only_in_long_years() {
    let week = deny("week-53", "2026-12-28T00:00", "2026-12-29T00:00")
        .rule("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO");
    let calendar = calendar(&[week]);
    for (date, held) in [("2026-12-28", true), ("2027-12-27", false), ("2032-12-27", true)] {
        assert_eq!(!ask(&calendar, DEPLOY, &format!("{date}T12:00:00")).allowed, held, "{date}");
    }
}

#[test]
fn until_lets_the_last_start_happen_that_it_names() {
    let with = |rule: &str| {
        calendar(&[deny("d", "2026-03-23T17:00", "2026-03-23T18:00")
            .rule(rule)
            .zone("Europe/Berlin")])
    };
    // 17:00 in Berlin is 15:00 UTC from 29 March on.
    let named = with("FREQ=DAILY;UNTIL=20260330T150000Z");
    let short = with("FREQ=DAILY;UNTIL=20260330T145959Z");
    assert!(!ask(&named, DEPLOY, "2026-03-30T15:30:00").allowed);
    assert!(ask(&named, DEPLOY, "2026-03-31T15:30:00").allowed);
    assert!(ask(&short, DEPLOY, "2026-03-30T15:30:00").allowed);
    assert!(!ask(&short, DEPLOY, "2026-03-29T15:30:00").allowed);
}

#[test]
fn excluded_and_added_dates_count() {
    let calendar = calendar(&[deny("d", "2026-06-01T10:00", "2026-06-01T11:00")
        .rule("FREQ=DAILY")
        .exdate(&["2026-06-03T10:00"])
        .rdate(&["2026-06-03T15:00", "2026-06-02T10:00"])]);
    for (now, held) in [
        ("2026-06-02T10:30", true),
        ("2026-06-03T10:30", false),
        ("2026-06-03T15:30", true),
        ("2026-06-04T10:30", true),
    ] {
        assert_eq!(!ask(&calendar, DEPLOY, now).allowed, held, "{now}");
    }
}
