//! Calendars from `.ics` text.

use expect_test::expect;
use sluss_calendar::{Calendar, Kind, Overrun};

use crate::script::{DEPLOY, ask};

/// As a groupware exports it, with our properties added.
const GOOD: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Bank//Calendar//EN\r
X-WR-TIMEZONE:Europe/Berlin\r
BEGIN:VTIMEZONE\r
TZID:Europe/Berlin\r
BEGIN:STANDARD\r
DTSTART:19701025T030000\r
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r
TZOFFSETFROM:+0200\r
TZOFFSETTO:+0100\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:cut-off@bank.example\r
DTSTAMP:20260101T000000Z\r
SUMMARY:Payments cut-off\\, every\r
  weekday\r
ORGANIZER;CN=\"Release office\":mailto:release@bank.example\r
CATEGORIES:DENY,service:payments,environment:production,overrun:rollback\r
DTSTART;TZID=Europe/Berlin:20260601T170000\r
DURATION:PT1H30M\r
RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR\r
EXDATE;TZID=Europe/Berlin:20260603T170000,20260604T170000\r
BEGIN:VALARM\r
TRIGGER:-PT15M\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:year-end\r
SUMMARY:Year end\r
X-SLUSS-KIND:deny\r
X-SLUSS-PRODUCTS:instant-payments,cards\r
X-SLUSS-LABELS:pci=yes\r
X-SLUSS-OWNER:release-office\r
DTSTART;VALUE=DATE:20261218\r
DTEND;VALUE=DATE:20270105\r
END:VEVENT\r
END:VCALENDAR\r
";

#[test]
fn an_exported_calendar_is_read() {
    let calendar = Calendar::from_ics(GOOD).unwrap();
    let windows = &calendar.file().unwrap().windows;
    let [cut_off, year_end] = windows.as_slice() else { panic!("{windows:?}") };
    assert_eq!(cut_off.reason, "Payments cut-off, every weekday");
    assert_eq!(cut_off.owner, "Release office");
    assert_eq!((cut_off.kind, cut_off.overrun), (Kind::Deny, Overrun::Rollback));
    assert_eq!(cut_off.scope.services, ["payments"]);
    assert_eq!(cut_off.scope.environments, ["production"]);
    assert_eq!(year_end.tzid.as_deref(), Some("Europe/Berlin"));
    assert_eq!(year_end.scope.products, ["cards", "instant-payments"]);
    assert_eq!(year_end.scope.labels["pci"], "yes");
    assert!(!ask(&calendar, DEPLOY, "2026-06-02T15:30:00").allowed);
    assert!(ask(&calendar, DEPLOY, "2026-06-03T15:30:00").allowed, "excluded");
    assert!(ask(&calendar, DEPLOY, "2026-06-02T16:30:00").allowed);
}

fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    match Calendar::from_ics(&GOOD.replace(from, to)) {
        Ok(_) => "none".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn what_cannot_stand_is_named_with_its_line() {
    let cases = [
        changed("DENY,service:payments", "DENY,servce:payments"),
        changed("DENY,service", "service"),
        changed("X-SLUSS-PRODUCTS", "X-SLUSS-PRODUCT"),
        changed("X-WR-TIMEZONE:Europe/Berlin\r\n", ""),
        changed("DTSTART;TZID=Europe/Berlin:2026", "DTSTART;TZID=Europe/Berlln:2026"),
        changed("DURATION:PT1H30M\r\n", ""),
        changed("DTEND;VALUE=DATE:20270105", "DTEND;VALUE=DATE:20261201"),
        changed("RRULE:FREQ=WEEKLY;", "RRULE:FREQ=WEEKLY;UNTIL=20271231T170000;"),
        changed("DTSTAMP", "RECURRENCE-ID"),
        changed("UID:year-end", "STATUS:CANCELLED"),
        changed("END:VCALENDAR\r\n", ""),
        changed("PRODID:-", "nonsense -"),
    ];
    expect![[r#"
        line 20: window `cut-off@bank.example`, ics: `CATEGORIES:DENY,servce:payments,environment:production,overrun:rollback` cannot stand. A misspelt kind or scope would make the window another one. Write `DENY`, `ALLOW`, `product:…`, `service:…`, `environment:…`, `region:…`, `label:key=value` or `overrun:finish`.
        line 14: window `cut-off@bank.example`, ics: The event has no kind. Whether it opens or shuts is not to be guessed. Add `CATEGORIES:DENY` or `CATEGORIES:ALLOW`.
        line 33: window `year-end`, ics: `X-SLUSS-PRODUCT:instant-payments,cards` cannot stand. A misspelt scope would make the window another one. Use -KIND, -OVERRUN, -OWNER, -PRODUCTS, -SERVICES, -ENVIRONMENTS, -REGIONS or -LABELS.
        line 35: window `year-end`, tzid: The time zone is missing. A wall-clock time without a zone means another instant on every machine. Write `tzid: Europe/Berlin`, for instance, or `tzid: UTC`.
        line 24: window `cut-off@bank.example`, ics: `EXDATE:20260603T170000,20260604T170000` cannot stand. All times of a window are in the zone of its `DTSTART`, which comes first. Write this time in that zone.
        line 14: window `cut-off@bank.example`, ics: The event has no end. To RFC 5545 it would then take no time at all. Add `DTEND` or `DURATION`.
        line 37: window `year-end`, dtend: The window ends before it starts. Nobody can tell which of the two is wrong. Write `dtend: 2026-12-19T00:00:00` if it ends at that time of a later day.
        line 23: window `cut-off@bank.example`, rrule: `UNTIL=20271231T170000` is not in UTC. RFC 5545 wants it in UTC wherever a time zone is named; readers differ otherwise. Write `UNTIL=20271231T160000Z`.
        line 16: window `cut-off@bank.example`, ics: `RECURRENCE-ID:20260101T000000Z` cannot stand. What is not understood might change when the window holds. Take it out, or write it with other properties.
        line 30: ics: `STATUS:CANCELLED` cannot stand. A window that does not hold has no place in the calendar. Take the event out.
        line 29: ics: The event has no `UID`. Decisions name windows by it. Give it one.
        line 1: ics: The text is no whole calendar. It is one `BEGIN:VCALENDAR` … `END:VCALENDAR`; half of one would drop windows. Export the calendar again.
        line 3: ics: `nonsense -//Bank//Calendar//EN` is no property. A line is NAME:VALUE, or goes on the one before after a space. Export the calendar again, or mend the line."#]].assert_eq(&cases.join("\n"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    for end in 0..GOOD.len() {
        if GOOD.is_char_boundary(end) {
            let _ = Calendar::from_ics(&GOOD[..end]);
        }
    }
    for text in ["", "\n", ":", ";:", "BEGIN:", "END:VEVENT", " folded", "A;B:C", "\"", "Ä:Ö"] {
        assert!(Calendar::from_ics(text).is_err(), "{text:?}");
    }
}
