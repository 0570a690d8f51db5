//! What a preview shows.

use expect_test::expect;
use sluss_calendar::{Calendar, Preview, WindowFile, difference, preview};

use crate::script::{With, allow, at, calendar, deny, scope, text};

fn shown(preview: &Preview) -> String {
    let spans = preview.spans.iter().map(|span| format!("{} {}", span.window.0, span.text));
    let warnings = preview.warnings.iter().map(|warning| format!("! {warning}"));
    spans.chain(warnings).collect::<Vec<_>>().join("\n")
}

fn of(windows: &[WindowFile], from: &str, months: u32) -> Preview {
    preview(&calendar(windows), &scope(), at(from), months)
}

#[test]
fn a_preview_shows_local_time_and_utc_and_warns_of_months_and_nights() {
    let monthly = deny("m", "2026-01-31T22:00", "2026-02-01T06:00")
        .rule("FREQ=MONTHLY")
        .zone("Europe/Berlin");
    let night = deny("n", "2026-03-28T22:00", "2026-03-29T02:30").zone("Europe/Berlin");
    expect![[r#"
        m Sat 31 Jan 2026 22:00 – Sun 1 Feb 2026 06:00 Europe/Berlin (2026-01-31T21:00:00Z – 2026-02-01T05:00:00Z)
        n Sat 28 Mar 2026 22:00 – Sun 29 Mar 2026 03:30 Europe/Berlin (2026-03-28T21:00:00Z – 2026-03-29T01:30:00Z)
        m Tue 31 Mar 2026 22:00 – Wed 1 Apr 2026 06:00 Europe/Berlin (2026-03-31T20:00:00Z – 2026-04-01T04:00:00Z)
        m Sun 31 May 2026 22:00 – Mon 1 Jun 2026 06:00 Europe/Berlin (2026-05-31T20:00:00Z – 2026-06-01T04:00:00Z)
        ! window `m`: It is skipped in 2026-02, 2026-04, 2026-06. These months lack the day that its rule repeats on. Write `BYMONTHDAY=-1` for the last day of each month.
        ! window `m`: It repeats on day 31 of the month, which some months lack. RFC 5545 skips those months. Write `BYMONTHDAY=-1` for the last day of each month.
        ! window `n`: On Sat 28 Mar 2026: Its end at 02:30 never happens; it is 2026-03-29T01:30:00Z. The clocks change; a deny window takes the longest reading. Move the times out of the hour of the change if they are to be plain."#]].assert_eq(&shown(&of(&[monthly, night], "2026-01-01T00:00", 6)));
}

#[test]
fn a_preview_warns_of_windows_that_never_or_always_are() {
    let past = deny("past", "2020-01-01T00:00", "2020-01-02T00:00");
    let always = allow("always", "2026-01-01T00:00", "2026-01-02T00:00").rule("FREQ=DAILY");
    let preview = of(&[past, always], "2026-02-01T00:00", 1);
    let warnings: Vec<String> = preview.warnings.iter().map(ToString::to_string).collect();
    expect![[r#"
        window `always`: It is active in all of these months without a hole. A window comes and goes, as a rule. Check `dtstart`, `dtend` and `rrule`, or take the window out.
        window `always`: It is always active. Each time lasts until the next begins. Check `dtend`: it is the end of the first time, not of the last.
        window `past`: It is never active in these months. A window comes and goes, as a rule. Check `dtstart`, `dtend` and `rrule`, or take the window out."#]].assert_eq(&warnings.join("\n"));
    assert!(preview.shut.is_empty());
}

#[test]
fn a_missing_calendar_is_shut_all_the_time() {
    let preview = preview(&Calendar::missing("gone"), &scope(), at("2026-01-01T00:00"), 12);
    assert_eq!(preview.shut, [preview.range]);
    assert_eq!(text(preview.range.end_ms), "2027-01-01T00:00:00Z");
}

#[test]
fn a_difference_names_what_came_what_went_and_what_it_opens() {
    let old = [
        deny("a", "2026-06-01T10:00", "2026-06-01T12:00"),
        deny("b", "2026-06-01T11:00", "2026-06-01T13:00"),
    ];
    let new = [
        deny("b", "2026-06-01T11:00", "2026-06-01T13:00"),
        deny("c", "2026-06-02T10:00", "2026-06-02T11:00"),
    ];
    let (old, new) = (of(&old, "2026-06-01T00:00", 1), of(&new, "2026-06-01T00:00", 1));
    let found = difference(&old, &new);
    let ids = |spans: &[sluss_calendar::PreviewSpan]| {
        spans.iter().map(|span| span.window.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&found.added), ids(&found.removed)), (vec!["c".into()], vec!["a".into()]));
    assert!(found.is_weaker());
    let times = |all: &[sluss_calendar::Interval]| {
        all.iter().map(|one| (text(one.start_ms), text(one.end_ms))).collect::<Vec<_>>()
    };
    assert_eq!(
        times(&found.opened),
        [("2026-06-01T10:00:00Z".to_owned(), "2026-06-01T11:00:00Z".to_owned())]
    );
    assert_eq!(
        times(&found.shut),
        [("2026-06-02T10:00:00Z".to_owned(), "2026-06-02T11:00:00Z".to_owned())]
    );
    let same = difference(&new, &new);
    assert!(same.added.is_empty() && same.removed.is_empty() && !same.is_weaker());
    let other_database = Preview { tzdb_version: "2025a".to_owned(), ..new.clone() };
    assert_eq!(difference(&other_database, &new).tzdb.unwrap().0, "2025a");
}
