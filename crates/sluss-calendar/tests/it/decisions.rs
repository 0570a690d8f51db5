//! Decisions, case by case.

use expect_test::expect;
use sluss_calendar::{Calendar, Operation, Overrun, Scope, ScopeFile, WindowFile, decide};

use crate::script::{DEPLOY, With, allow, ask, at, calendar, deny, goes_on, scope, takes, until};

#[test]
fn an_empty_calendar_allows_and_a_missing_one_denies() {
    let empty = ask(&calendar(&[]), DEPLOY, "2026-06-01T10:00:00");
    assert!(empty.allowed && empty.until_ms.is_none() && empty.calendar_sha256.is_some());
    let missing = Calendar::missing("`calendar.yaml` is not there");
    for operation in [DEPLOY, takes(5), Operation::ConfigChange, Operation::Continue] {
        let decision = ask(&missing, operation, "2026-06-01T10:00:00");
        assert!(!decision.allowed && decision.calendar_sha256.is_none());
    }
    assert_eq!(ask(&missing, Operation::Continue, "2026-06-01T10:00").overrun, Some(Overrun::Hold));
    expect![[r#"A deployment of payments in production is held: there is no valid freeze calendar (`calendar.yaml` is not there); mend it to go on."#]]
        .assert_eq(&ask(&missing, DEPLOY, "2026-06-01T10:00:00").sentence);
}

#[test]
fn a_rollback_is_always_allowed() {
    let stop = WindowFile::stop("stop", ScopeFile::default(), at("2026-01-01T00:00"), "Why", "ops");
    for calendar in [calendar(&[stop]), Calendar::missing("gone")] {
        let decision = ask(&calendar, Operation::Rollback, "2026-06-01T10:00:00");
        assert!(decision.allowed && decision.until_ms.is_none(), "{}", decision.sentence);
    }
}

#[test]
fn deny_beats_allow() {
    let windows = [
        allow("open", "2026-06-01T08:00", "2026-06-01T18:00"),
        deny("shut", "2026-06-01T10:00", "2026-06-01T12:00"),
    ];
    let calendar = calendar(&windows);
    assert!(ask(&calendar, DEPLOY, "2026-06-01T09:00").allowed);
    assert!(!ask(&calendar, DEPLOY, "2026-06-01T11:00").allowed);
    assert!(ask(&calendar, DEPLOY, "2026-06-01T13:00").allowed);
}

#[test]
fn an_allow_window_that_covers_it_shuts_all_other_times() {
    let calendar = calendar(&[allow("open", "2026-06-01T08:00", "2026-06-01T18:00")]);
    assert!(!ask(&calendar, DEPLOY, "2026-06-01T07:59:59").allowed);
    assert!(!ask(&calendar, DEPLOY, "2026-06-02T08:00:00").allowed);
    let another = Scope { service: Some("ledger".to_owned()), ..scope() };
    let only = self::only("payments");
    assert!(decide(&only, &another, DEPLOY, None, at("2026-06-02T08:00")).allowed);
    assert!(!decide(&only, &scope(), DEPLOY, None, at("2026-06-02T08:00")).allowed);
}

fn only(service: &str) -> Calendar {
    calendar(&[allow("open", "2026-06-01T08:00", "2026-06-01T18:00").services(&[service])])
}

#[test]
fn windows_are_half_open_and_adjacent_ones_leave_no_hole() {
    let calendar = calendar(&[
        deny("first", "2026-06-01T08:00", "2026-06-01T10:00"),
        deny("second", "2026-06-01T10:00", "2026-06-01T12:00"),
    ]);
    assert!(ask(&calendar, DEPLOY, "2026-06-01T07:59:59.999").allowed);
    let first = ask(&calendar, DEPLOY, "2026-06-01T08:00:00");
    assert_eq!(until(&first).as_deref(), Some("2026-06-01T12:00:00Z"));
    for now in ["09:59:59.999", "10:00:00", "11:59:59.999"] {
        assert!(!ask(&calendar, DEPLOY, &format!("2026-06-01T{now}")).allowed, "{now}");
    }
    assert!(ask(&calendar, DEPLOY, "2026-06-01T12:00:00").allowed);
}

#[test]
fn a_future_window_does_not_block_now() {
    let calendar = calendar(&[deny("later", "2026-06-02T00:00", "2026-06-03T00:00")]);
    let decision = ask(&calendar, DEPLOY, "2026-06-01T10:00");
    assert!(decision.allowed && decision.windows.is_empty());
    expect!["A deployment of payments in production may go: no freeze holds it, until Tue 2 Jun 2026 00:00 UTC (2026-06-02T00:00:00Z)."].assert_eq(&decision.sentence);
}

#[test]
fn a_recurring_window_keeps_its_time_of_day() {
    let cut_off = deny("cut-off", "2026-06-01T17:00", "2026-06-01T18:30")
        .rule("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")
        .zone("Europe/Berlin");
    let calendar = calendar(&[cut_off]);
    assert!(ask(&calendar, DEPLOY, "2026-07-08T14:59:00").allowed);
    assert!(!ask(&calendar, DEPLOY, "2026-07-08T15:00:00").allowed);
    assert!(ask(&calendar, DEPLOY, "2026-07-08T16:30:00").allowed);
    assert!(ask(&calendar, DEPLOY, "2026-07-11T15:30:00").allowed, "a Saturday");
    assert!(!ask(&calendar, DEPLOY, "2026-12-08T16:00:00").allowed, "winter");
}

#[test]
fn one_sentence_says_why_and_until_when() {
    let year_end = deny("year-end", "2026-12-18T16:00", "2027-01-04T08:00").zone("Europe/Berlin");
    let stop =
        WindowFile::stop("stop-1", ScopeFile::default(), at("2026-12-20T00:00"), "Outage", "o");
    let year_end_only = calendar(std::slice::from_ref(&year_end));
    let held = ask(&year_end_only, DEPLOY, "2026-12-21T10:00:00");
    expect!["A deployment of payments in production is held: `year-end` (Reason of year-end) shuts it out until Mon 4 Jan 2027 08:00 Europe/Berlin (2027-01-04T07:00:00Z)."].assert_eq(&held.sentence);
    let both = ask(&calendar(&[year_end, stop]), Operation::ConfigChange, "2026-12-21T10:00:00");
    expect!["A configuration change of payments in production is held: `stop-1` (Outage) and `year-end` (Reason of year-end) shut it out until lifted."].assert_eq(&both.sentence);
    let open = calendar(&[allow("night", "2026-12-20T22:00", "2026-12-20T23:00")]);
    expect!["A deployment of payments in production is held: it may go only inside `night` (Reason of night), so not until Sun 20 Dec 2026 22:00 UTC (2026-12-20T22:00:00Z)."].assert_eq(&ask(&open, DEPLOY, "2026-12-20T10:00").sentence);
    let running = goes_on(&year_end_only, "2026-12-18T14:00:00", "2026-12-18T15:30:00");
    expect!["The running deployment of payments in production keeps its share of the traffic and goes no further: `year-end` (Reason of year-end) shuts it out until Mon 4 Jan 2027 08:00 Europe/Berlin (2027-01-04T07:00:00Z)."].assert_eq(&running.sentence);
    let late = ask(&year_end_only, takes(90), "2026-12-18T14:00:00");
    expect!["A deployment of payments in production is held: it is expected to take 1 h 30 min, and `year-end` (Reason of year-end) would not let it finish after Fri 18 Dec 2026 16:00 Europe/Berlin (2026-12-18T15:00:00Z); it waits until Mon 4 Jan 2027 08:00 Europe/Berlin (2027-01-04T07:00:00Z)."].assert_eq(&late.sentence);
}

#[test]
fn what_would_not_finish_does_not_start() {
    let shut = |overrun| deny("d", "2026-06-01T12:00", "2026-06-01T13:00").overrun(overrun);
    let hold = calendar(&[shut(Overrun::Hold)]);
    assert!(ask(&hold, takes(60), "2026-06-01T11:00:00").allowed, "it ends as the window starts");
    let early = ask(&hold, takes(60), "2026-06-01T10:00:00");
    assert_eq!(until(&early).as_deref(), Some("2026-06-01T11:00:00.001Z"));
    let late = ask(&hold, takes(60), "2026-06-01T11:00:00.001");
    assert!(!late.allowed);
    assert_eq!(until(&late).as_deref(), Some("2026-06-01T13:00:00Z"));
    let finish = calendar(&[shut(Overrun::Finish)]);
    assert!(ask(&finish, takes(60), "2026-06-01T11:59:00").allowed, "it may finish inside");
    assert!(!ask(&finish, takes(60), "2026-06-01T12:00:00").allowed, "but not start there");
    let open = |overrun| allow("a", "2026-06-01T08:00", "2026-06-01T12:00").overrun(overrun);
    assert!(!ask(&calendar(&[open(Overrun::Hold)]), takes(60), "2026-06-01T11:30:00").allowed);
    assert!(ask(&calendar(&[open(Overrun::Finish)]), takes(60), "2026-06-01T11:30:00").allowed);
}

#[test]
fn what_is_not_known_of_a_scope_is_read_against_it() {
    let mut regional = deny("eu", "2026-06-01T08:00", "2026-06-01T18:00");
    regional.scope.regions = vec!["eu-1".to_owned()];
    let shut = calendar(std::slice::from_ref(&regional));
    let in_region = |region: &str| Scope { region: Some(region.to_owned()), ..scope() };
    let now = at("2026-06-01T10:00");
    assert!(!decide(&shut, &scope(), DEPLOY, None, now).allowed, "the region is not known");
    assert!(!decide(&shut, &in_region("eu-1"), DEPLOY, None, now).allowed);
    assert!(decide(&shut, &in_region("us-1"), DEPLOY, None, now).allowed);
    regional.kind = sluss_calendar::Kind::Allow;
    let open = calendar(&[regional]);
    assert!(!decide(&open, &scope(), DEPLOY, None, now).allowed, "it restricts, but does not open");
    assert!(decide(&open, &in_region("eu-1"), DEPLOY, None, now).allowed);
    assert!(decide(&open, &in_region("us-1"), DEPLOY, None, now).allowed, "it is not covered");
}

#[test]
fn labels_must_all_match() {
    let mut window = deny("pci", "2026-06-01T08:00", "2026-06-01T18:00");
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    window.scope.labels = [label("pci", "yes"), label("tier", "1")].into();
    let calendar = calendar(&[window]);
    let with =
        |labels: &[(String, String)]| Scope { labels: labels.iter().cloned().collect(), ..scope() };
    let now = at("2026-06-01T10:00");
    let may = |scope: &Scope| decide(&calendar, scope, DEPLOY, None, now).allowed;
    assert!(!may(&with(&[label("pci", "yes"), label("tier", "1"), label("more", "x")])));
    assert!(may(&with(&[label("pci", "yes")])));
    assert!(may(&with(&[label("pci", "yes"), label("tier", "2")])));
}

#[test]
fn a_stopped_line_stays_until_it_is_lifted() {
    let stop =
        WindowFile::stop("stop", ScopeFile::default(), at("2026-06-01T10:00"), "Outage", "o");
    let stopped = calendar(&[]).with(&[stop]).unwrap();
    assert!(ask(&stopped, DEPLOY, "2026-06-01T09:59:59").allowed);
    let held = ask(&stopped, DEPLOY, "2031-06-01T10:00");
    assert!(!held.allowed && held.until_ms.is_none());
    assert!(
        !ask(&Calendar::missing("gone").with(&[]).unwrap(), DEPLOY, "2026-06-01T09:00").allowed
    );
}

#[test]
fn more_starts_than_are_expanded_deny() {
    let minutes: Vec<String> = (0..60).map(|minute| minute.to_string()).collect();
    let often = deny("often", "2026-01-01T00:00", "2026-01-01T00:00:10")
        .rule(&format!("FREQ=HOURLY;BYMINUTE={}", minutes.join(",")));
    let calendar = calendar(&[often]);
    assert!(ask(&calendar, DEPLOY, "2026-01-01T00:00:30").allowed);
    assert!(ask(&calendar, DEPLOY, "2026-05-01T00:00:30").allowed);
    let unknown = ask(&calendar, DEPLOY, "2026-09-01T00:00:30");
    assert!(!unknown.allowed && unknown.until_ms.is_none(), "{}", unknown.sentence);
    assert!(unknown.sentence.contains("more starts than are expanded"), "{}", unknown.sentence);
    assert!(!goes_on(&calendar, "2026-08-31T23:59:30", "2026-09-01T00:00:30").allowed);
    assert!(calendar.warnings().iter().any(|warning| warning.what.contains("until about 2026")));
}

#[test]
fn a_time_that_the_calendar_does_not_read_denies() {
    let calendar = calendar(&[]);
    for now in [-1, at("2200-01-01T00:00:00"), i64::MAX, i64::MIN] {
        let decision = decide(&calendar, &scope(), DEPLOY, None, now);
        assert!(!decision.allowed, "{}", decision.sentence);
    }
    let decision = decide(&calendar, &scope(), takes(i64::MAX / 60_000), None, 0);
    assert!(!decision.allowed, "nothing takes longer than the calendar: {}", decision.sentence);
}

#[test]
fn every_decision_names_calendar_and_database() {
    let windows = [
        deny("b", "2026-06-01T10:00", "2026-06-01T11:00"),
        deny("a", "2026-06-01T10:00", "2026-06-01T11:00"),
    ];
    let decision = ask(&calendar(&windows), DEPLOY, "2026-06-01T10:00:00");
    let ids: Vec<&str> = decision.windows.iter().map(|id| id.0.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(decision.calendar_sha256.as_deref().map(str::len), Some(64));
    assert!(decision.tzdb_version.starts_with("20"), "{}", decision.tzdb_version);
    let json = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<sluss_calendar::Decision>(&json).unwrap(), decision);
}
