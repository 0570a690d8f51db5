//! Instants in UTC as attestations write them (RFC 3339), from and to milliseconds.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in milliseconds since 1970 (UTC). As text `2026-11-22T08:44:37Z`, with three
/// digits after the second where it is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime(i64);

/// 0000-01-01 and 10000-01-01 in milliseconds since 1970: four digits write the years between.
const RANGE_MS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

impl UtcTime {
    /// Returns the instant so many milliseconds after 1970, or none beyond the year 9999.
    pub fn from_ms(ms: i64) -> Option<Self> {
        RANGE_MS.contains(&ms).then_some(Self(ms))
    }

    /// Returns the milliseconds since 1970.
    pub fn ms(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let (seconds, rest) = (ms / 1000, ms % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if rest != 0 {
            write!(f, ".{rest:03}")?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a day since 1970 (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The day since 1970 of a date in the Gregorian calendar.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A text is not an instant in the one spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time like `2026-11-22T08:44:37Z`")]
pub struct UtcTimeError(String);

impl FromStr for UtcTime {
    type Err = UtcTimeError;

    fn from_str(text: &str) -> Result<Self, UtcTimeError> {
        let refused = || UtcTimeError(text.chars().take(40).collect());
        let field = |at: usize, length: usize| {
            let digits = text.get(at..at + length)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
        };
        let read = || {
            let date = day_of(field(0, 4)?, field(5, 2)?, field(8, 2)?);
            let seconds = field(11, 2)? * 3600 + field(14, 2)? * 60 + field(17, 2)?;
            let rest = if text.len() == 20 { 0 } else { field(20, 3)? };
            Self::from_ms(date * 86_400_000 + seconds * 1000 + rest)
        };
        // Writing it again refuses every other spelling, and dates that do not exist.
        read().filter(|time| time.to_string() == text).ok_or_else(refused)
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_and_has_one_spelling() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_255_200_000, "2026-11-21T10:00:00Z"),
            (1_795_255_200_007, "2026-11-21T10:00:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = UtcTime::from_ms(ms).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse(), Ok(time));
        }
        for bad in [
            "2026-02-30T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:00:00.000Z",
            "2026-11-21 10:00:00Z",
            "2026-11-21T10:00:00+00:00",
            "",
        ] {
            assert!(bad.parse::<UtcTime>().is_err(), "{bad}");
        }
        assert_eq!(UtcTime::from_ms(i64::MAX), None);
    }
}
