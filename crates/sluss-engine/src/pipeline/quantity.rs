//! Quantities as people write them, read without a float: `10m`, `12.5%`, `512MiB`, `2027-01-31`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sluss_core::ids::Malformed;

/// A form in which a quantity is written.
pub(super) struct Form<T> {
    /// Reads it.
    pub parse: fn(&str) -> Option<T>,
    /// What is expected, with examples.
    pub expected: &'static str,
    /// The unit to propose where only a number is written.
    pub unit: &'static str,
}

/// A length of time in seconds.
pub(super) const DURATION: Form<u32> =
    Form { parse: duration, expected: "a duration such as `90s`, `10m` or `1h30m`", unit: "s" };

/// A length of time in milliseconds.
pub(super) const MILLISECONDS: Form<u32> = Form {
    parse: |text| match text.strip_suffix("ms") {
        Some(number) => whole(number).and_then(|number| u32::try_from(number).ok()),
        None => duration(text)?.checked_mul(1_000),
    },
    expected: "a duration such as `800ms`, `2s` or `1m`",
    unit: "ms",
};

/// A share of all traffic in basis points.
pub(super) const SHARE: Form<u16> = Form {
    parse: |text| percent(text, 2).and_then(|n| u16::try_from(n).ok()).filter(|n| *n <= 10_000),
    expected: "a share from `0%` to `100%`, with at most two decimals",
    unit: "%",
};

/// A probability or rate in parts per million.
pub(super) const RATE: Form<u32> = Form {
    parse: |text| percent(text, 4).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 1_000_000),
    expected: "a rate from `0%` to `100%`, with at most four decimals",
    unit: "%",
};

/// A number of bytes.
pub(super) const BYTES: Form<u64> =
    Form { parse: bytes, expected: "a size such as `512MiB` or `2GiB`", unit: "MiB" };

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

fn duration(text: &str) -> Option<u32> {
    const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let mut units = UNITS.iter();
    let (mut total, mut rest) = (0_u32, text);
    while !rest.is_empty() {
        let (number, unit, after) = quantity(rest)?;
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(u32::try_from(number).ok()?.checked_mul(*seconds)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// Splits `10m30s` into 10, `m` and `30s`.
fn quantity(text: &str) -> Option<(u64, char, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = text[end..].chars().next()?;
    Some((whole(&text[..end])?, unit, &text[end + unit.len_utf8()..]))
}

/// Returns the percentage in units of `10^-decimals` percent.
fn percent(text: &str, decimals: usize) -> Option<u64> {
    let number = text.strip_suffix('%')?.trim_end();
    let (before, after) = number.split_once('.').unwrap_or((number, "0"));
    if after.is_empty() || after.len() > decimals {
        return None;
    }
    let digits = format!("{before}{after:0<decimals$}");
    (!before.is_empty()).then(|| whole(&digits)).flatten()
}

fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let (number, unit) = UNITS.iter().find_map(|(name, bytes)| {
        text.strip_suffix(name).map(|number| (number.trim_end(), *bytes))
    })?;
    whole(number)?.checked_mul(unit)
}

/// Returns a number of at most twelve digits.
fn whole(digits: &str) -> Option<u64> {
    let fits = !digits.is_empty() && digits.len() <= 12;
    (fits && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

impl FromStr for Day {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(40).collect(),
            expected: "a day such as `2027-01-31`",
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return Err(wrong());
        }
        let read = |text: &str| whole(text).and_then(|n| u16::try_from(n).ok()).ok_or_else(wrong);
        let (year, month, day) = (read(year)?, read(month)?, read(day)?);
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let longest = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => 0,
        };
        match (u8::try_from(month), u8::try_from(day)) {
            (Ok(month), Ok(day)) if (1..=longest).contains(&day) => Ok(Self { year, month, day }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_from_long_to_short() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5_400)),
            ("2d", Some(172_800)),
            ("0s", Some(0)),
            ("", None),
            ("90", None),
            ("1m1m", None),
            ("30m1h", None),
            ("-1s", None),
            ("1.5h", None),
            ("99999999d", None),
            ("10µ", None),
        ] {
            assert_eq!((DURATION.parse)(text), expected, "{text}");
        }
    }

    #[test]
    fn percentages_become_basis_points_and_parts_per_million_exactly() {
        for (text, share, rate) in [
            ("10%", Some(1_000), Some(100_000)),
            ("12.5%", Some(1_250), Some(125_000)),
            ("0.01%", Some(1), Some(100)),
            ("0.0001%", None, Some(1)),
            ("100 %", Some(10_000), Some(1_000_000)),
            ("100.01%", None, None),
            ("10", None, None),
            (".5%", None, None),
            ("5.%", None, None),
            ("-5%", None, None),
            ("%", None, None),
        ] {
            assert_eq!((SHARE.parse)(text), share, "{text}");
            assert_eq!((RATE.parse)(text), rate, "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!((BYTES.parse)("512MiB"), Some(512 << 20));
        assert_eq!((BYTES.parse)("2 GB"), Some(2_000_000_000));
        assert_eq!((BYTES.parse)("512"), None);
        assert_eq!((BYTES.parse)("999999999999GiB"), None);
    }

    #[test]
    fn a_day_exists_in_the_calendar() {
        for good in ["2027-01-31", "2028-02-29", "2000-02-29"] {
            assert_eq!(good.parse::<Day>().unwrap().to_string(), good);
        }
        for bad in ["2027-02-29", "2100-02-29", "2027-13-01", "2027-1-1", "27-01-01", "2027-00-10"]
        {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
