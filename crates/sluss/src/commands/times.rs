//! Times as people read and write them: RFC 3339 and lengths such as `2h`.

use sluss_engine::failure::{Blame, Failure};
use sluss_store::{Clock as _, SystemClock};

const DAY_MS: i64 = 86_400_000;

/// Returns the milliseconds since 1970 by this machine's clock.
pub(super) fn now_ms() -> i64 {
    SystemClock::new().now().0
}

/// Returns `2026-01-31T12:00:00Z`.
pub(super) fn rfc3339(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Returns how long ago or ahead something is: `3 min`.
pub(super) fn length(ms: i64) -> String {
    let seconds = ms.abs() / 1000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _more => format!("{} days", seconds / 86_400),
    }
}

/// Reads a length such as `90s`, `30m`, `2h`, `1h30m` or `3d` into milliseconds.
pub(super) fn read_length(text: &str) -> Result<i64, Failure> {
    let wrong = || {
        let what = format!("`{text}` is not a length of time.");
        Failure::new(Blame::Caller, what, "Write it like `90s`, `30m`, `2h` or `3d`")
    };
    let mut total = 0_i64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit: i64 = match c {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => DAY_MS,
            _other => return Err(wrong()),
        };
        let number: i64 = digits.parse().map_err(|_| wrong())?;
        total = number.checked_mul(unit).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        digits.clear();
    }
    if total == 0 || !digits.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Reads a moment such as `2026-01-31T12:00:00Z` or `2026-01-31T12:00:00+01:00` into milliseconds.
pub(super) fn read_rfc3339(text: &str) -> Result<i64, Failure> {
    moment(text).ok_or_else(|| {
        let what = format!("`{text}` is not a moment.");
        Failure::new(Blame::Caller, what, "Write it like `2026-01-31T12:00:00Z`")
    })
}

fn moment(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => return None,
    };
    let (year, month, day) = three(date, '-')?;
    let time = time.split_once('.').map_or(time, |(whole, _fraction)| whole);
    let (hour, minute, second) = three(time, ':')?;
    let days = days(year, month, day)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match offset {
        "Z" | "z" => 0,
        other => {
            let (hours, minutes) = other.get(1..)?.split_once(':')?;
            let minutes = number(hours)? * 60 + number(minutes)?;
            if other.starts_with('-') { -minutes } else { minutes }
        }
    };
    Some(days * DAY_MS + ((hour * 60 + minute - offset) * 60 + second) * 1000)
}

fn three(text: &str, between: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(between);
    let found = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    parts.next().is_none().then_some(found)
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Returns the days from 1970-01-01 to a day that exists.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from March, so that the day that a leap year has more comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// Returns year, month and day of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let day = of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-12-31T12:30:01Z"] {
            assert_eq!(rfc3339(read_rfc3339(text).unwrap()), text);
        }
        let there = read_rfc3339("2026-03-01T01:00:00+02:00").unwrap();
        assert_eq!(rfc3339(there), "2026-02-28T23:00:00Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T25:00:00Z", "soon"] {
            assert!(read_rfc3339(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_have_units() {
        assert_eq!(read_length("1h30m").unwrap(), 5_400_000);
        for text in ["", "2", "h", "0s", "2 h", "99999999999999d"] {
            assert!(read_length(text).is_err(), "{text}");
        }
    }
}
