//! Quantities with their unit in the type: instants and shares.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// Returns the instant `milliseconds` later.
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Returns the milliseconds from `earlier` to this instant; negative if `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the whole second that this instant lies in, since 1970-01-01 UTC.
    pub fn second(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the minute in UTC: `2026-11-22 07:00 UTC`.
    pub fn utc_minute(self) -> String {
        let minutes = self.0.div_euclid(60_000);
        let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
        // Days to a date of the Gregorian calendar: Howard Hinnant, `civil_from_days`.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (minute / 60, minute % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }

    /// Returns the quarter of a second that this instant lies in.
    pub fn quarter(self) -> Quarter {
        Quarter(self.0.div_euclid(QUARTER_MS))
    }
}

/// A quarter of a second, by its number since 1970-01-01 UTC: the grain of what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(pub i64);

/// The length of a quarter of a second.
pub const QUARTER_MS: i64 = 250;
const QUARTERS: i64 = 4;

impl Quarter {
    /// Returns the quarter `number` (from 0) of a second.
    pub fn of(second: i64, number: u8) -> Self {
        Self(second.saturating_mul(QUARTERS).saturating_add(i64::from(number)))
    }

    /// Returns the last quarter of a second.
    pub fn last_of(second: i64) -> Self {
        Self(second.saturating_mul(QUARTERS).saturating_add(QUARTERS - 1))
    }

    /// Returns the quarter `count` later.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// Returns the second that it is part of.
    pub fn second(self) -> i64 {
        self.0.div_euclid(QUARTERS)
    }

    /// Returns which of its second's quarters it is, from 0.
    pub fn in_second(self) -> u8 {
        u8::try_from(self.0.rem_euclid(QUARTERS)).unwrap_or(0)
    }

    /// Returns when it begins.
    pub fn begins(self) -> Millis {
        Millis(self.0.saturating_mul(QUARTER_MS))
    }
}

/// A share of traffic in basis points: 10 000 is all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Share(u16);

/// A number that is no share: more than 10 000 basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share is 0 to 10000 basis points, not {0}")]
pub struct NotAShare(pub u16);

impl Share {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(10_000);

    /// Returns the share of `basis_points`, if it is at most 10 000.
    pub fn from_basis_points(basis_points: u16) -> Result<Self, NotAShare> {
        if basis_points <= 10_000 { Ok(Self(basis_points)) } else { Err(NotAShare(basis_points)) }
    }

    /// Returns this share in basis points.
    pub fn basis_points(self) -> u16 {
        self.0
    }

    /// Returns what is left of all traffic beside this share.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(10_000 - self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, rest) => write!(f, "{whole}.{rest:02} %"),
        }
    }
}

impl From<Share> for u16 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl TryFrom<u16> for Share {
    type Error = NotAShare;
    fn try_from(basis_points: u16) -> Result<Self, NotAShare> {
        Self::from_basis_points(basis_points)
    }
}
