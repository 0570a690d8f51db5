//! Clocks: until when an incident is to be classified, and until when its reports are to be sent.
//!
//! After Delegated Regulation (EU) 2025/301, Article 5, in our words. A pure function of what is
//! recorded. The relief of weekends and bank holidays is not applied, since it does not cover the
//! first two reports of banks: a limit here is never later than the regulation's.
//!
//! # Invariants
//!
//! - Nothing that is added to what is known of an incident's effects moves a limit later.
//! - Each report runs from what was sent before it, not from when that was due.

use serde::{Deserialize, Serialize};

use crate::units::Millis;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long after its classification as major the initial notification is due.
const AFTER_CLASSIFICATION_MS: i64 = 4 * HOUR_MS;
/// How long after awareness it is due at the latest, where the incident was classified by then.
const AFTER_AWARENESS_MS: i64 = 24 * HOUR_MS;
/// How long after the initial notification was sent the intermediate report is due.
const AFTER_INITIAL_MS: i64 = 72 * HOUR_MS;

/// A report to the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The initial notification.
    Initial,
    /// The intermediate report, or an update of it.
    Intermediate,
    /// The final report.
    Final,
}

impl Report {
    /// Returns its name, as events and commands have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Intermediate => "intermediate",
            Self::Final => "final",
        }
    }

    /// Returns the report of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Initial, Self::Intermediate, Self::Final].into_iter().find(|of| of.as_str() == name)
    }

    /// Returns what it is called in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Initial => "the initial notification",
            Self::Intermediate => "the intermediate report",
            Self::Final => "the final report",
        }
    }
}

/// What has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// To say whether the incident is major. The regulation names no limit of its own: it is when
    /// the initial notification is due at the latest, if the incident is major.
    Classification,
    /// To send the initial notification.
    Initial,
    /// To send the intermediate report.
    Intermediate,
    /// To send the final report.
    Final,
}

impl Limit {
    /// Returns its name, as events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Initial => Report::Initial.as_str(),
            Self::Intermediate => Report::Intermediate.as_str(),
            Self::Final => Report::Final.as_str(),
        }
    }

    /// Returns what is to be done until then.
    pub fn words(self) -> &'static str {
        match self {
            Self::Classification => "the classification",
            Self::Initial => Report::Initial.words(),
            Self::Intermediate => Report::Intermediate.words(),
            Self::Final => Report::Final.words(),
        }
    }

    /// Returns how many milliseconds before it an alarm is due: an hour before the first two, a day
    /// before the others.
    pub fn lead_ms(self) -> i64 {
        match self {
            Self::Classification | Self::Initial => HOUR_MS,
            Self::Intermediate | Self::Final => DAY_MS,
        }
    }
}

/// A report that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Which.
    pub report: Report,
    /// When.
    pub at: Millis,
}

/// What the clocks of an incident run from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// When whoever answers for it became aware of it.
    pub aware: Millis,
    /// When it was classified, and whether as major; oldest first.
    pub classified: Vec<(Millis, bool)>,
    /// What was sent, in the order of its recording.
    pub sent: Vec<Sent>,
}

/// How a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is time.
    Ahead,
    /// There is little time: its alarm is due.
    Near,
    /// The limit passed, and nothing was done.
    Overdue,
    /// It was done in time.
    InTime,
    /// It was done after its limit.
    Late,
}

impl Standing {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Near => "near",
            Self::Overdue => "overdue",
            Self::InTime => "in time",
            Self::Late => "late",
        }
    }
}

/// A limit of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What for.
    pub limit: Limit,
    /// Until when, that instant included.
    pub due: Millis,
    /// When it was done.
    pub met: Option<Millis>,
}

impl Clock {
    /// Returns how it stands at `now`.
    pub fn standing(&self, now: Millis) -> Standing {
        match self.met {
            Some(met) if met <= self.due => Standing::InTime,
            Some(_) => Standing::Late,
            None if now > self.due => Standing::Overdue,
            None if now >= self.near() => Standing::Near,
            None => Standing::Ahead,
        }
    }

    /// Returns from when on it is near.
    pub fn near(&self) -> Millis {
        self.due.plus(-self.limit.lead_ms())
    }
}

impl Recorded {
    /// Returns whether it is major, as it was classified last.
    pub fn is_major(&self) -> bool {
        self.classified.last().is_some_and(|(_, major)| *major)
    }

    /// Returns its clocks in the order in which they run. What is no longer major has no limit that
    /// is ahead; what was sent stays.
    pub fn clocks(&self) -> Vec<Clock> {
        let first = self.classified.iter().map(|(at, _)| *at).min();
        let due = self.aware.plus(AFTER_AWARENESS_MS);
        let mut all = vec![Clock { limit: Limit::Classification, due, met: first }];
        // Classified as major once more, it is due by the first time that it was.
        let major = self.classified.iter().filter(|(_, major)| *major).map(|(at, _)| *at).min();
        let Some(major) = major else { return all };
        let initial = self.first(Report::Initial);
        let runs = |met: Option<Millis>| met.is_some() || self.is_major();
        if runs(initial) {
            let due = initial_due(self.aware, major);
            all.push(Clock { limit: Limit::Initial, due, met: initial });
        }
        let Some(initial) = initial else { return all };
        let intermediate = self.first(Report::Intermediate);
        if runs(intermediate) {
            let due = initial.plus(AFTER_INITIAL_MS);
            all.push(Clock { limit: Limit::Intermediate, due, met: intermediate });
        }
        let last = self.of(Report::Intermediate).max();
        let Some(last) = last else { return all };
        let done = self.first(Report::Final);
        if runs(done) {
            all.push(Clock { limit: Limit::Final, due: months_later(last, 1), met: done });
        }
        all
    }

    /// Returns the clock that ends next among those on which nothing was done.
    pub fn next(&self) -> Option<Clock> {
        self.clocks().into_iter().filter(|clock| clock.met.is_none()).min_by_key(|clock| clock.due)
    }

    /// Returns whether nothing is left to be done: it was found not to be major, or the final
    /// report was sent.
    pub fn is_done(&self) -> bool {
        let classified = !self.classified.is_empty();
        classified && (!self.is_major() || self.first(Report::Final).is_some())
    }

    fn of(&self, report: Report) -> impl Iterator<Item = Millis> {
        self.sent.iter().filter(move |sent| sent.report == report).map(|sent| sent.at)
    }

    fn first(&self, report: Report) -> Option<Millis> {
        self.of(report).min()
    }
}

/// Returns until when the initial notification of what was classified as major is to be sent: four
/// hours after that, and 24 hours after awareness at the latest; where it was classified later than
/// these 24 hours, four hours after that.
pub fn initial_due(aware: Millis, classified: Millis) -> Millis {
    let (latest, after) =
        (aware.plus(AFTER_AWARENESS_MS), classified.plus(AFTER_CLASSIFICATION_MS));
    if classified > latest { after } else { after.min(latest) }
}

/// Returns the same time of day that many months later, or earlier, by the calendar in UTC. Where
/// that month has no such day, its last day: a month after 31 January is 28 or 29 February.
pub fn months_later(at: Millis, months: i64) -> Millis {
    let (days, of_day) = (at.0.div_euclid(DAY_MS), at.0.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let month = year.saturating_mul(12).saturating_add(month - 1).saturating_add(months);
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let next = if month == 12 { days_to(year + 1, 1, 1) } else { days_to(year, month + 1, 1) };
    let first = days_to(year, month, 1);
    let day = day.min(next - first);
    Millis((first + day - 1).saturating_mul(DAY_MS).saturating_add(of_day))
}

/// Returns the instant of a minute in UTC, written `2026-01-31T12:00`.
pub fn of_utc_minute(text: &str) -> Option<Millis> {
    let (date, time) = text.split_once(['T', ' '])?;
    let digits = |text: &str, count: usize| {
        let right = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        right.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let (hour, minute) = time.split_once(':')?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let days = days_to(year, month, day);
    let exists = civil(days) == (year, month, day) && hour < 24 && minute < 60;
    exists.then(|| Millis(days * DAY_MS + (hour * 60 + minute) * 60_000))
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The way back (`days_from_civil`).
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
