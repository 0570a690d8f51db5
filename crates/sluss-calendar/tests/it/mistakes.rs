//! What cannot stand in a calendar, and what is only odd.

use expect_test::expect;
use sluss_calendar::{CalendarFile, Kind, WindowFile};

use crate::script::{With, allow, calendar, deny, mistakes, window};

fn one() -> WindowFile {
    deny("w", "2026-06-01T10:00", "2026-06-01T11:00")
}

#[test]
fn every_mistake_says_where_what_why_and_how_to_mend_it() {
    let mut no_zone = one();
    no_zone.tzid = None;
    let cases = [
        mistakes(&[one().zone("Europe/Berln")]),
        mistakes(&[one().zone("berlin")]),
        mistakes(&[one().zone("europe/berlin")]),
        mistakes(&[no_zone]),
        mistakes(&[deny("w", "2026-06-01T22:00", "2026-06-01T06:00")]),
        mistakes(&[deny("w", "2026-06-01T22:00", "2026-06-01T22:00")]),
        mistakes(&[one().zone("Europe/Berlin").rule("FREQ=DAILY;UNTIL=20271231T100000")]),
        mistakes(&[one().zone("Europe/Berlin").rule("FREQ=DAILY;UNTIL=20271231")]),
        mistakes(&[one().rule("FREQ=WEEKLY;BYDAY=FR")]),
        mistakes(&[one().rule("FREQ=DAILY").exdate(&["2026-06-05T10:30"])]),
        mistakes(&[deny("w", "2026-06-01T10:00Z", "2026-06-01T11:00").zone("Europe/Berlin")]),
        mistakes(&[deny("w", "1. Juni 2026", "2226-06-01T11:00")]),
        mistakes(&[one(), one()]),
        mistakes(&[one().services(&["*"])]),
    ];
    expect![[r#"
        window `w`, tzid: `Europe/Berln` is no time zone. It is not in the time zone database 2026e. Write `Europe/Berlin`, if that was meant.
        window `w`, tzid: `berlin` is no time zone. It is not in the time zone database 2026e. Write `Europe/Berlin`, if that was meant.
        window `w`, tzid: `europe/berlin` is no time zone. It is not in the time zone database 2026e. Write `Europe/Berlin`, if that was meant.
        window `w`, tzid: The time zone is missing. A wall-clock time without a zone means another instant on every machine. Write `tzid: Europe/Berlin`, for instance, or `tzid: UTC`.
        window `w`, dtend: The window ends before it starts. Nobody can tell which of the two is wrong. Write `dtend: 2026-06-02T06:00:00` if it ends at that time of a later day.
        window `w`, dtend: The window ends when it starts. It would never be active. Write `dtend: 2026-06-02T22:00:00` if it ends at that time of a later day.
        window `w`, rrule: `UNTIL=20271231T100000` is not in UTC. RFC 5545 wants it in UTC wherever a time zone is named; readers differ otherwise. Write `UNTIL=20271231T090000Z`.
        window `w`, rrule: `UNTIL=20271231` is not in UTC. RFC 5545 wants it in UTC wherever a time zone is named; readers differ otherwise. Write `UNTIL=20271231T225959Z`.
        window `w`, dtstart: It is not a start that the rule makes. RFC 5545 section 3.8.5.3 leaves open what happens then. Write `dtstart: 2026-06-05T10:00:00`, the rule's first, and a `dtend`.
        window `w`, exdate: `2026-06-05T10:30:00` excludes nothing. An excluded date has to be the very start of a time. The nearest start is `2026-06-05T10:00:00`.
        window `w`, dtstart: `2026-06-01T10:00Z` is in UTC. Times of a window are wall-clock times in Europe/Berlin. Write `2026-06-01T12:00:00`.
        window `w`, dtstart: `1. Juni 2026` is no time. A time is a date, or a date and a time, without an offset. Write it like `2026-12-18T16:00`.
        window `w`, dtend: `2226-06-01T11:00` is out of range. The calendar reads the years from 1970 to 2199. Check the year.
        window `w`, id: Two windows have this id. A decision could not say which of them held. Give one of them another id.
        window `w`, scope: `*` is no name. Names are compared as they are, so it would match nothing. Leave the list out to mean everything, or write the names."#]]
    .assert_eq(&cases.join("\n"));
}

#[test]
fn only_a_deny_window_without_repetition_may_lack_an_end() {
    let endless = |mut window: WindowFile| {
        window.dtend = None;
        mistakes(&[window])
    };
    assert_eq!(endless(one()), "none");
    assert!(endless(allow("a", "2026-06-01T10:00", "")).contains("An allow window has no end."));
    assert!(endless(one().rule("FREQ=DAILY")).contains("repeats has no end"));
}

#[test]
fn rules_are_read_strictly() {
    let wrong = [
        "",
        "DAILY",
        "FREQ=DAILY;",
        "freq=daily",
        "FREQ=FORTNIGHTLY",
        "FREQ=MINUTELY",
        "FREQ=SECONDLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=2x",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=99999",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=20250101T000000Z",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=",
        "FREQ=DAILY;BYSECOND=60",
        "FREQ=DAILY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=XXMO",
        "FREQ=WEEKLY;BYDAY=M",
        "FREQ=WEEKLY;BYDAY=ÄÖ",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=--1",
        "FREQ=MONTHLY;BYYEARDAY=1",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
        "FREQ=DAILY;BYSETPOS=1",
        "FREQ=DAILY;WKST=MONDAY",
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;RSCALE=GREGORIAN;SKIP=FORWARD",
    ];
    for rule in wrong {
        let found = mistakes(&[one().rule(rule)]);
        assert!(found.contains("window `w`, rrule: "), "{rule}: {found}");
    }
}

#[test]
fn what_is_odd_is_a_warning() {
    let thirty_first = |rule: &str| deny("m", "2026-01-31T10:00", "2026-01-31T11:00").rule(rule);
    let shown = |windows: &[WindowFile]| {
        let warnings = calendar(windows).warnings().iter().map(ToString::to_string).collect();
        let lines: Vec<String> = warnings;
        lines.join("\n")
    };
    let cases = [
        shown(&[thirty_first("FREQ=MONTHLY")]),
        shown(&[thirty_first("FREQ=MONTHLY;BYMONTHDAY=31")]),
        shown(&[deny("l", "2024-02-29T10:00", "2024-02-29T11:00").rule("FREQ=YEARLY")]),
        shown(&[deny("n", "2026-06-01T10:00", "2026-06-01T11:00").exdate(&["2026-06-01T10:00"])]),
        shown(&[deny("r", "2026-02-28T10:00", "2026-02-28T11:00")
            .rule("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30")]),
        shown(&[deny("a", "2026-06-01T10:00", "2026-06-02T10:00").rule("FREQ=DAILY")]),
        shown(&[deny("y", "2026-12-18T10:00", "2072-01-04T10:00")]),
    ];
    expect![[r#"
        window `m`: It repeats on day 31 of the month, which some months lack. RFC 5545 skips those months. Write `BYMONTHDAY=-1` for the last day of each month.
        window `m`: It repeats on day 31 of the month, which some months lack. RFC 5545 skips those months. Write `BYMONTHDAY=-1` for the last day of each month.
        window `l`: It repeats on day 29 of the month, which some months lack. RFC 5545 skips those months. Write `BYMONTHDAY=-1` for the last day of each month.
        window `n`: It is never active. Its rule makes no start, or every start is excluded. Check `rrule` and `exdate`, or take the window out.
        window `r`: It is never active. Its rule makes no start, or every start is excluded. Check `rrule` and `exdate`, or take the window out.
        window `r`: It repeats on day 30 of the month, which some months lack. RFC 5545 skips those months. Write `BYMONTHDAY=-1` for the last day of each month.
        window `a`: It is always active. Each time lasts until the next begins. Check `dtend`: it is the end of the first time, not of the last.
        window `y`: Each time lasts 16453 days. Few windows are meant to last more than a year. Check the years of `dtstart` and `dtend`."#]]
    .assert_eq(&cases.join("\n"));
    for quiet in [
        thirty_first("FREQ=MONTHLY;BYMONTHDAY=-1"),
        thirty_first("FREQ=MONTHLY;BYMONTH=1,3,5,7,8,10,12"),
        thirty_first("FREQ=YEARLY"),
        thirty_first("FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=31"),
        thirty_first("FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1"),
    ] {
        assert_eq!(shown(std::slice::from_ref(&quiet)), "", "{quiet:?}");
    }
}

#[test]
fn an_unknown_field_is_refused_and_a_file_reads_back() {
    let text = r#"{"windows": [{"id": "w", "kind": "deny", "dtstart": "2026-06-01T10:00",
        "dtend": "2026-06-01T11:00", "tzid": "UTC", "reason": "r", "owner": "o", "dtand": "x"}]}"#;
    assert!(serde_json::from_str::<CalendarFile>(text).is_err());
    let file = CalendarFile { windows: vec![window("w", Kind::Allow, "2026-06-01", "2026-06-02")] };
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<CalendarFile>(&json).unwrap(), file);
}
