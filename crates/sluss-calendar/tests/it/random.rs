//! Random calendars whose meaning is known without a recurrence library: a shape is a rule and,
//! beside it, a plain question about a date.

use fastrand::Rng;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, ToSpan};
use sluss_calendar::{Kind, Overrun, WindowFile};

use crate::script::window;

/// How a window repeats.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Once,
    Every { days: i32 },
    Weekly { days: [bool; 7], weeks: i32 },
    MonthDay(i8),
    LastDay,
    Nth { nth: i8, day: Weekday },
    Yearly { month: i8, day: i8 },
    Week53(Weekday),
}

const WORDS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn word(day: Weekday) -> &'static str {
    WORDS[usize::try_from(day.to_monday_zero_offset()).unwrap()]
}

impl Shape {
    pub fn random(rng: &mut Rng) -> Self {
        let day = Weekday::from_monday_zero_offset(rng.i8(0..7)).unwrap();
        match rng.u8(0..10) {
            0 => Self::Once,
            1 => Self::Every { days: rng.i32(1..9) },
            2..=4 => {
                let mut days = [false; 7].map(|_| rng.bool());
                days[rng.usize(0..7)] = true;
                Self::Weekly { days, weeks: rng.i32(1..4) }
            }
            5 => Self::MonthDay(rng.i8(1..32)),
            6 => Self::LastDay,
            7 => Self::Nth { nth: [1, 2, 3, 4, -1][rng.usize(0..5)], day },
            8 => Self::Yearly { month: rng.i8(1..13), day: rng.i8(1..30) },
            _ => Self::Week53(day),
        }
    }

    pub fn rule(self) -> Option<String> {
        Some(match self {
            Self::Once => return None,
            Self::Every { days } => format!("FREQ=DAILY;INTERVAL={days}"),
            Self::Weekly { days, weeks } => {
                let named = WORDS.iter().zip(days).filter(|(_, on)| *on).map(|(word, _)| *word);
                let named: Vec<&str> = named.collect();
                format!("FREQ=WEEKLY;INTERVAL={weeks};BYDAY={}", named.join(","))
            }
            Self::MonthDay(day) => format!("FREQ=MONTHLY;BYMONTHDAY={day}"),
            Self::LastDay => "FREQ=MONTHLY;BYMONTHDAY=-1".to_owned(),
            Self::Nth { nth, day } => format!("FREQ=MONTHLY;BYDAY={nth}{}", word(day)),
            Self::Yearly { month, day } => {
                format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}")
            }
            Self::Week53(day) => format!("FREQ=YEARLY;BYWEEKNO=53;BYDAY={}", word(day)),
        })
    }

    /// Whether a start is on `date`, when the first one is on `first`.
    pub fn is_on(self, date: Date, first: Date) -> bool {
        let days = |from: Date, to: Date| (to - from).get_days();
        match self {
            Self::Once => date == first,
            Self::Every { days: every } => days(first, date) % every == 0,
            Self::Weekly { days: on, weeks } => {
                let offset = |date: Date| i32::from(date.weekday().to_monday_zero_offset());
                let monday = |date: Date| date - offset(date).days();
                on[usize::try_from(offset(date)).unwrap()]
                    && (days(monday(first), monday(date)) / 7) % weeks == 0
            }
            Self::MonthDay(day) => date.day() == day,
            Self::LastDay => date.tomorrow().unwrap().month() != date.month(),
            Self::Nth { nth: -1, day } => {
                date.weekday() == day && (date + 7.days()).month() != date.month()
            }
            Self::Nth { nth, day } => date.weekday() == day && (date.day() - 1) / 7 + 1 == nth,
            Self::Yearly { month, day } => date.month() == month && date.day() == day,
            Self::Week53(day) => date.weekday() == day && date.iso_week_date().week() == 53,
        }
    }
}

/// A window, and what it means.
#[derive(Clone, Debug)]
pub struct Meant {
    pub file: WindowFile,
    pub shape: Shape,
    pub first: DateTime,
    /// Wall-clock minutes.
    pub lasts: i64,
    pub count: Option<usize>,
    pub excluded: Option<usize>,
}

impl Meant {
    /// A random window whose first start is within two years of `from`.
    pub fn random(rng: &mut Rng, id: &str, zone: &str, from: Date) -> Self {
        let shape = Shape::random(rng);
        let mut date = from + rng.i32(0..400).days();
        // Phases count from the first start, so a date is asked about as its own first.
        while !shape.is_on(date, date) {
            date = date.tomorrow().unwrap();
        }
        // Half of them near the hours in which clocks change.
        let minute = if rng.bool() { rng.i64(0..240) } else { rng.i64(0..1440) } / 5 * 5;
        let first = date.at(0, 0, 0, 0) + Span::new().minutes(minute);
        let lasts = match rng.u8(0..4) {
            0 => rng.i64(1..60),
            1 => rng.i64(60..600),
            2 => rng.i64(600..3000),
            _ => 1440,
        };
        let end = first + Span::new().minutes(lasts);
        let kind = if rng.u8(0..3) == 0 { Kind::Allow } else { Kind::Deny };
        let overruns = [Overrun::Finish, Overrun::Hold, Overrun::Rollback];
        let mut file = window(id, kind, &first.to_string(), &end.to_string());
        file.tzid = Some(zone.to_owned());
        file.overrun = overruns[rng.usize(0..3)];
        let repeats = shape.rule();
        let count = (repeats.is_some() && rng.u8(0..4) == 0).then(|| rng.usize(1..40));
        file.rrule = repeats.map(|rule| match count {
            Some(count) => format!("{rule};COUNT={count}"),
            None => rule,
        });
        let mut meant = Self { file, shape, first, lasts, count, excluded: None };
        let starts = meant.starts(from + 800.days());
        if !starts.is_empty() && rng.u8(0..4) == 0 {
            let out = rng.usize(0..starts.len());
            meant.file.exdate = vec![starts[out].to_string()];
            meant.excluded = Some(out);
        }
        meant
    }

    /// Its starts on the wall clock before `end`, by going through the days.
    pub fn starts(&self, end: Date) -> Vec<DateTime> {
        let first = self.first.date();
        let mut starts = Vec::new();
        let mut date = first;
        while date < end {
            if self.shape.is_on(date, first) {
                starts.push(date.to_datetime(self.first.time()));
            }
            date = date.tomorrow().unwrap();
        }
        if let Some(count) = self.count {
            starts.truncate(count);
        }
        if let Some(out) = self.excluded
            && out < starts.len()
        {
            starts.remove(out);
        }
        starts
    }
}
