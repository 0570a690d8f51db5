//! A second answer to every question, minute by minute, from the definitions alone: no recurrence
//! library, no way from a wall clock to an instant, only "what does the clock read now".
//!
//! Every minute of five years is asked. `decide` is walked from answer to answer by its `until_ms`,
//! and each minute in between is compared with the oracle's own: that is exact, since all windows
//! begin and end on whole minutes. What a zone's clock reads is looked up every quarter of an hour,
//! which is exact too while a zone changes on quarters only; that is checked.

use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZoneDatabase;
use sluss_calendar::{Kind, Operation, Overrun, Scope, decide};

use crate::random::Meant;
use crate::script::{calendar, takes};

/// Zones, and the first of the five years: those in which something odd happens there.
pub const ZONES: [(&str, i16); 8] = [
    ("Europe/Berlin", 2024),
    ("America/New_York", 2024),
    ("Australia/Lord_Howe", 2024),
    ("Asia/Kathmandu", 2024),
    ("Africa/Casablanca", 2022),
    ("Africa/Cairo", 2021),
    ("Pacific/Apia", 2009),
    ("UTC", 2024),
];

const MINUTE: i64 = 60_000;
const YEARS: i16 = 5;
/// Room before and after the years: clocks are up to 14 hours off, and Samoa skipped a day.
const MARGIN: i64 = 4 * 1440;

/// What a zone's clock reads at every minute, in minutes since 1970 on the wall.
struct Clock {
    /// The first minute, in UTC since 1970.
    base: i64,
    wall: Vec<i64>,
}

impl Clock {
    fn new(zone: &str, year: i16) -> Self {
        let rules = TimeZoneDatabase::bundled().get(zone).unwrap();
        let start = minute_of(date(year, 1, 1)) - MARGIN;
        let end = minute_of(date(year + YEARS, 1, 1)) + MARGIN;
        let stamp = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        for transition in rules.following(stamp(start)) {
            if transition.timestamp() > stamp(end) {
                break;
            }
            assert_eq!(transition.timestamp().as_second() % 900, 0, "{zone} changes on quarters");
        }
        let mut wall = Vec::new();
        for quarter in (start..end).step_by(15) {
            let offset = i64::from(rules.to_offset(stamp(quarter)).seconds()) / 60;
            wall.extend((quarter..quarter + 15).map(|minute| minute + offset));
        }
        Self { base: start, wall }
    }

    fn reads(&self, minute: i64) -> i64 {
        self.wall[usize::try_from(minute - self.base).unwrap()]
    }

    /// The first minute at which the clock reads `wall` or later.
    fn first(&self, wall: i64) -> i64 {
        let mut minute = wall - 16 * 60;
        while self.reads(minute) < wall {
            minute += 1;
        }
        minute
    }

    /// The last minute at which it reads `wall`; if it never does, as long after the jump as
    /// `wall` is after what it would have read at the jump.
    fn last(&self, wall: i64) -> i64 {
        let jump = self.first(wall);
        let near = wall - 16 * 60..wall + 16 * 60;
        near.rev()
            .find(|minute| self.reads(*minute) == wall)
            .unwrap_or_else(|| jump + wall - (self.reads(jump - 1) + 1))
    }
}

fn minute_of(date: Date) -> i64 {
    (date - date0()).get_days() as i64 * 1440
}

fn date0() -> Date {
    date(1970, 1, 1)
}

/// What every minute of the years says, by the definitions.
struct Oracle {
    start: i64,
    end: i64,
    /// By minute since `start`.
    shut: Vec<bool>,
    shut_hard: Vec<bool>,
    open: Vec<bool>,
    open_hard: Vec<bool>,
    any_allow: bool,
}

impl Oracle {
    fn new(clock: &Clock, year: i16, windows: &[Meant]) -> Self {
        let (start, end) = (minute_of(date(year, 1, 1)), minute_of(date(year + YEARS, 1, 1)));
        let none = vec![false; usize::try_from(end - start).unwrap()];
        let mut oracle = Self {
            start,
            end,
            shut: none.clone(),
            shut_hard: none.clone(),
            open: none.clone(),
            open_hard: none,
            any_allow: windows.iter().any(|window| window.file.kind == Kind::Allow),
        };
        for window in windows {
            for at in window.starts(date(year + YEARS, 1, 1)) {
                let time = i64::from(at.hour()) * 60 + i64::from(at.minute());
                let from = minute_of(at.date()) + time;
                let to = from + window.lasts;
                let hard = window.file.overrun != Overrun::Finish;
                let (minutes, all, some) = match window.file.kind {
                    Kind::Deny => {
                        let minutes = clock.first(from)..clock.last(to.min(end + 1440));
                        (minutes, &mut oracle.shut, &mut oracle.shut_hard)
                    }
                    Kind::Allow => {
                        let minutes = clock.last(from)..clock.first(to.min(end + 1440));
                        (minutes, &mut oracle.open, &mut oracle.open_hard)
                    }
                };
                for minute in minutes.start.max(start)..minutes.end.min(end) {
                    let index = usize::try_from(minute - start).unwrap();
                    all[index] = true;
                    some[index] |= hard;
                }
            }
        }
        oracle
    }

    fn index(&self, minute: i64) -> usize {
        usize::try_from(minute - self.start).unwrap()
    }

    fn may_start(&self, minute: i64) -> bool {
        let at = self.index(minute);
        !self.shut[at] && (!self.any_allow || self.open[at])
    }

    fn carried(&self, started: i64) -> bool {
        let at = self.index(started);
        self.open[at] && !self.open_hard[at]
    }

    fn may_go_on(&self, minute: i64, carried: bool) -> bool {
        let at = self.index(minute);
        !self.shut_hard[at] && (!self.any_allow || carried || self.open[at])
    }

    /// For every minute, the first one from it on that does not let go on; by `carried`.
    fn first_stop(&self, carried: bool) -> Vec<i64> {
        let mut next = i64::MAX;
        let mut stops: Vec<i64> = (self.start..self.end)
            .rev()
            .map(|minute| {
                if !self.may_go_on(minute, carried) {
                    next = minute;
                }
                next
            })
            .collect();
        stops.reverse();
        stops
    }
}

/// Walks decisions through the years and compares every minute with what the oracle says.
fn walk(
    name: &str,
    oracle: &Oracle,
    say: impl Fn(i64) -> bool,
    ask: impl Fn(i64) -> (bool, Option<i64>),
) {
    // The last days are left out: what runs into the time after them is not the oracle's.
    let end = oracle.end - MARGIN;
    let mut minute = oracle.start;
    while minute < end {
        let now = minute * MINUTE;
        let (allowed, until) = ask(now);
        let until = until.unwrap_or(i64::MAX);
        assert!(until > now, "{name}: until is later than now");
        // A deployment may start until the millisecond after the last whole minute.
        let change = (until / MINUTE + i64::from(until % MINUTE > 0)).min(end);
        for between in minute..change {
            assert_eq!(say(between), allowed, "{name}: {}", crate::script::text(between * MINUTE));
        }
        if change < end {
            assert_ne!(say(change), allowed, "{name}: {}", crate::script::text(change * MINUTE));
        }
        minute = change;
    }
}

fn agree(zone: &str, year: i16, seed: u64) {
    let clock = Clock::new(zone, year);
    let mut rng = Rng::with_seed(seed);
    let windows: Vec<Meant> = (0..rng.usize(1..6))
        .map(|number| Meant::random(&mut rng, &format!("w{number}"), zone, date(year, 1, 2)))
        .collect();
    let files: Vec<_> = windows.iter().map(|window| window.file.clone()).collect();
    let name = format!("{zone}, seed {seed}, {files:#?}");
    let calendar = calendar(&files);
    let oracle = Oracle::new(&clock, year, &windows);
    let scope = Scope::default();
    let ask = |operation, started: Option<i64>| {
        let (calendar, scope) = (&calendar, &scope);
        move |now| {
            let decision = decide(calendar, scope, operation, started, now);
            (decision.allowed, decision.until_ms)
        }
    };
    walk(&name, &oracle, |minute| oracle.may_start(minute), ask(Operation::ConfigChange, None));
    let long = rng.i64(1..600);
    let stops = [oracle.first_stop(false), oracle.first_stop(true)];
    let may_finish = |minute: i64| {
        let stop = stops[usize::from(oracle.carried(minute))][oracle.index(minute)];
        oracle.may_start(minute) && stop >= minute + long
    };
    walk(&format!("{long} minutes, {name}"), &oracle, may_finish, ask(takes(long), None));
    for _ in 0..2 {
        let started = rng.i64(oracle.start..oracle.end - MARGIN);
        let carried = oracle.carried(started);
        let going = ask(Operation::Continue, Some(started * MINUTE));
        walk(&name, &oracle, |minute| oracle.may_go_on(minute, carried), going);
    }
}

#[test]
fn decisions_agree_with_an_oracle_that_asks_every_minute_of_five_years() {
    for (zone, year) in ZONES {
        for seed in 0..4 {
            agree(zone, year, seed);
        }
    }
}
