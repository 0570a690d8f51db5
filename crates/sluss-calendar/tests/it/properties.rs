//! What holds for every calendar.

use fastrand::Rng;
use jiff::civil::date;
use proptest::prelude::*;
use sluss_calendar::{
    Calendar, CalendarFile, Kind, Operation, Overrun, Scope, WindowFile, decide, difference,
    preview, starts,
};

use crate::oracle::ZONES;
use crate::random::Meant;
use crate::script::{DEPLOY, at, deny, takes, text};

const DAY: i64 = 86_400_000;

fn windows(seed: u64) -> Vec<WindowFile> {
    let mut rng = Rng::with_seed(seed);
    (0..rng.usize(1..7))
        .map(|number| {
            // Windows of several zones in one calendar, unlike the oracle's.
            let (zone, year) = ZONES[rng.usize(0..ZONES.len())];
            let from = date(if year < 2020 { 2010 } else { 2024 }, 1, 1);
            let mut window = Meant::random(&mut rng, &format!("w{number}"), zone, from).file;
            if rng.u8(0..3) == 0 {
                window.scope.services = vec!["payments".to_owned()];
            }
            window
        })
        .collect()
}

fn parsed(windows: &[WindowFile]) -> Calendar {
    Calendar::parse(&CalendarFile { windows: windows.to_vec() }).unwrap()
}

fn operation(which: u8, minutes: i64) -> Operation {
    match which {
        0 => DEPLOY,
        1 => takes(minutes),
        2 => Operation::Continue,
        3 => Operation::ConfigChange,
        _ => Operation::Rollback,
    }
}

prop_compose! {
    fn question()(
        which in 0_u8..5,
        minutes in 1_i64..3000,
        service in prop::sample::select(vec!["payments", "ledger"]),
        ago in 0_i64..10 * DAY,
        now in at("2009-06-01T00:00:00")..at("2029-01-01T00:00:00"),
    ) -> (Operation, Scope, i64, i64) {
        (operation(which, minutes), Scope::new("p", service, "production"), now - ago, now)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn one_more_deny_window_never_allows_more(
        seed: u64, more: u64, (operation, scope, started, now) in question(),
    ) {
        let fewer = windows(seed);
        let mut deny = windows(more).remove(0);
        deny.id = "more".to_owned();
        deny.kind = Kind::Deny;
        let all = [fewer.clone(), vec![deny]].concat();
        let before = decide(&parsed(&fewer), &scope, operation, Some(started), now);
        let after = decide(&parsed(&all), &scope, operation, Some(started), now);
        prop_assert!(before.allowed || !after.allowed, "{}", after.sentence);
        if !before.allowed && operation == Operation::Continue {
            prop_assert!(after.overrun >= before.overrun, "{}", after.sentence);
        }
    }

    #[test]
    fn until_is_the_first_instant_with_another_answer(
        seed: u64, (operation, scope, started, now) in question(), between in 0.0_f64..1.0,
    ) {
        let calendar = parsed(&windows(seed));
        let asked = |now| decide(&calendar, &scope, operation, Some(started), now);
        let decision = asked(now);
        match decision.until_ms {
            Some(until) => {
                prop_assert!(until > now);
                prop_assert_ne!(asked(until).allowed, decision.allowed, "{}", text(until));
                prop_assert_eq!(asked(until - 1).allowed, decision.allowed, "{}", text(until - 1));
                let middle = now + ((until - now) as f64 * between) as i64;
                prop_assert_eq!(asked(middle).allowed, decision.allowed, "{}", text(middle));
                prop_assert_eq!(asked(middle).until_ms, Some(until), "{}", text(middle));
            }
            None => {
                let later = now + (between * 3000.0) as i64 * DAY;
                prop_assert_eq!(asked(later).allowed, decision.allowed, "{}", text(later));
            }
        }
    }

    #[test]
    fn the_order_of_windows_and_of_questions_is_irrelevant(
        seed: u64, (operation, scope, started, now) in question(), other: i32,
    ) {
        let files = windows(seed);
        let mut turned = files.clone();
        turned.reverse();
        let (one, another) = (parsed(&files), parsed(&turned));
        // A calendar that was asked about another time first has expanded other spans.
        let _ = decide(&another, &scope, operation, Some(started), now + i64::from(other) * 100);
        prop_assert_eq!(
            decide(&one, &scope, operation, Some(started), now),
            decide(&another, &scope, operation, Some(started), now)
        );
    }

    #[test]
    fn a_window_in_two_halves_is_the_window(
        seed: u64, (operation, scope, started, now) in question(),
    ) {
        let mut files = windows(seed);
        files.truncate(1);
        let whole = files.remove(0);
        prop_assume!(whole.rrule.is_none() || whole.exdate.is_empty());
        // There 2011-12-30 never was: an end at its noon is read a day later, as deny must.
        prop_assume!(whole.tzid.as_deref() != Some("Pacific/Apia"));
        let wall = |text: &str| text.parse::<jiff::civil::DateTime>().unwrap();
        let (start, end) = (wall(&whole.dtstart), wall(whole.dtend.as_deref().unwrap()));
        // At a time that happens once: where the clocks change, two halves overlap.
        let middle = start.date().at(12, 0, 0, 0);
        prop_assume!(start < middle && middle < end);
        let first = WindowFile { dtend: Some(middle.to_string()), ..whole.clone() };
        let shift = |text: &String| (wall(text) + (middle - start)).to_string();
        let mut second =
            WindowFile { id: "second".to_owned(), dtstart: middle.to_string(), ..whole.clone() };
        second.exdate = whole.exdate.iter().map(shift).collect();
        let ask = |files: &[WindowFile]| {
            let decision = decide(&parsed(files), &scope, operation, Some(started), now);
            (decision.allowed, decision.until_ms, decision.overrun)
        };
        prop_assert_eq!(ask(&[first, second]), ask(&[whole]));
    }

    #[test]
    fn a_preview_says_what_decisions_say(seed: u64, (_, scope, _, now) in question()) {
        let calendar = parsed(&windows(seed));
        let preview = preview(&calendar, &scope, now, 3);
        let mut shut = Vec::new();
        let mut at = now;
        while at < preview.range.end_ms {
            let decision = decide(&calendar, &scope, DEPLOY, None, at);
            let until = decision.until_ms.unwrap_or(i64::MAX).min(preview.range.end_ms);
            if !decision.allowed {
                shut.push((at, until));
            }
            at = until;
        }
        let shown: Vec<_> = preview.shut.iter().map(|one| (one.start_ms, one.end_ms)).collect();
        prop_assert_eq!(shown, shut);
        let same = difference(&preview, &preview);
        prop_assert!(same.added.is_empty() && same.removed.is_empty() && !same.is_weaker());
    }

    #[test]
    fn a_difference_adds_up(seed: u64, other: u64, (_, scope, _, now) in question()) {
        let old = preview(&parsed(&windows(seed)), &scope, now, 2);
        let new = preview(&parsed(&windows(other)), &scope, now, 2);
        let total = |all: &[sluss_calendar::Interval]| {
            all.iter().map(|one| one.end_ms - one.start_ms).sum::<i64>()
        };
        let found = difference(&old, &new);
        prop_assert_eq!(
            total(&old.shut) - total(&found.opened) + total(&found.shut),
            total(&new.shut)
        );
        let back = difference(&new, &old);
        prop_assert_eq!((back.opened, back.shut), (found.shut, found.opened));
    }

    #[test]
    fn an_end_before_the_start_is_refused(start in 0_i64..4_000_000_000, back in 0_i64..400_000_000) {
        let wall = |seconds: i64| text(seconds * 1000).trim_end_matches('Z').to_owned();
        let window = deny("w", &wall(start), &wall((start - back).max(0)));
        let file = CalendarFile { windows: vec![window] };
        prop_assert!(Calendar::parse(&file).is_err());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_makes_the_reader_panic(
        frequency in prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]),
        interval in 1_u16..1001,
        parts in prop::collection::vec(part(), 0..4),
        noise in "[A-Z0-9=;,\\-Ä]{0,12}",
    ) {
        let rule = format!("FREQ={frequency};INTERVAL={interval};{}", parts.join(";"));
        for rule in [rule.trim_end_matches(';').to_owned(), format!("{rule}{noise}"), noise] {
            if let Ok(found) = starts("2024-02-29T23:59:59", &rule, 50) {
                prop_assert!(found.is_sorted(), "{rule}: {found:?}");
            }
            let mut window = deny("w", "2024-02-29T23:59:59", "2024-03-01T01:00:00");
            window.rrule = Some(rule);
            window.overrun = Overrun::Finish;
            if let Ok(calendar) = Calendar::parse(&CalendarFile { windows: vec![window] }) {
                let _ = decide(&calendar, &Scope::default(), DEPLOY, None, at("2031-01-01T00:00"));
            }
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    let list = |name: &'static str, least: i16, most: i16| {
        prop::collection::vec(least..=most, 1..4).prop_map(move |numbers| {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            format!("{name}={}", numbers.join(","))
        })
    };
    prop_oneof![
        list("BYMONTH", 1, 12),
        list("BYMONTHDAY", -31, 31),
        list("BYYEARDAY", -366, 366),
        list("BYWEEKNO", -53, 53),
        list("BYHOUR", 0, 23),
        list("BYMINUTE", 0, 59),
        list("BYSETPOS", -31, 31),
        list("COUNT", 1, 90),
        prop::sample::select(vec!["BYDAY=MO", "BYDAY=-1FR", "BYDAY=2TU,SA", "WKST=SU"])
            .prop_map(str::to_owned),
    ]
}

/// The test runs another one of this program with another zone of the machine.
#[test]
fn the_zone_of_the_machine_changes_nothing() {
    for zone in ["Pacific/Apia", "America/New_York"] {
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "decisions::one_sentence_says_why_and_until_when"])
            .env("TZ", zone)
            .output()
            .unwrap();
        assert!(done.status.success(), "{zone}: {}", String::from_utf8_lossy(&done.stdout));
        assert!(String::from_utf8_lossy(&done.stdout).contains("1 passed"), "the test is there");
    }
}
