//! Recurrence rules of RFC 5545 section 3.3.10, read strictly before the library sees them.
//!
//! The library forgives (`XXMO` is every Monday to it) and a calendar that guesses is one that
//! opens by accident, so the grammar and the table of what goes with what are checked here.

use std::collections::BTreeMap;

use rrule::{RRuleSet, RRuleSetIter};

use crate::zone::Wall;

/// How often a rule repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Frequency {
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
}

/// A rule that holds the grammar.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) frequency: Frequency,
    pub(crate) interval: u16,
    pub(crate) count: Option<u32>,
    /// In UTC, inclusive, milliseconds since 1970.
    pub(crate) until: Option<i64>,
    pub(crate) months: Vec<i32>,
    pub(crate) month_days: Vec<i32>,
    /// Whether days are chosen by something else than `BYMONTHDAY`.
    pub(crate) days_by_other: bool,
    /// The rule without `UNTIL`, which is applied to instants and not to wall clocks.
    text: String,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadRule {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) mend: String,
}

fn bad<T>(
    what: impl Into<String>,
    why: impl Into<String>,
    mend: impl Into<String>,
) -> Result<T, BadRule> {
    Err(BadRule { what: what.into(), why: why.into(), mend: mend.into() })
}

/// Parts with lists of numbers: name, least, most, whether negative ones count from the end.
const LISTS: &[(&str, i32, i32, bool)] = &[
    ("BYSECOND", 0, 59, false),
    ("BYMINUTE", 0, 59, false),
    ("BYHOUR", 0, 23, false),
    ("BYMONTHDAY", 1, 31, true),
    ("BYYEARDAY", 1, 366, true),
    ("BYWEEKNO", 1, 53, true),
    ("BYMONTH", 1, 12, false),
    ("BYSETPOS", 1, 366, true),
];

const DAYS: &[&str] = &["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

impl Rule {
    /// Reads a rule. `UNTIL` is told apart: `until_of` turns a wall clock that lacks its `Z` into
    /// the UTC text that was probably meant.
    pub(crate) fn parse(text: &str, until_of: impl Fn(Wall) -> String) -> Result<Self, BadRule> {
        let parts = parts(text)?;
        let frequency = frequency(parts.get("FREQ").map(String::as_str))?;
        let interval = match parts.get("INTERVAL") {
            Some(value) => number(value, "INTERVAL", 1, 1000)?,
            None => 1,
        };
        let count = match parts.get("COUNT") {
            Some(value) => Some(number(value, "COUNT", 1, 100_000)?),
            None => None,
        };
        let until = match parts.get("UNTIL") {
            Some(_) if count.is_some() => {
                return bad(
                    "`COUNT` and `UNTIL` are both there.",
                    "RFC 5545 allows one of them.",
                    "Leave one out.",
                );
            }
            Some(value) => Some(until(value, until_of)?),
            None => None,
        };
        let mut lists = BTreeMap::new();
        for (name, least, most, negative) in LISTS {
            if let Some(value) = parts.get(*name) {
                lists.insert(*name, numbers(value, name, *least, *most, *negative)?);
            }
        }
        let ordinals = match parts.get("BYDAY") {
            Some(value) => days(value)?,
            None => false,
        };
        goes_together(frequency, &parts, ordinals)?;
        let text: Vec<String> = parts
            .iter()
            .filter(|(name, _)| **name != "UNTIL")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(Self {
            frequency,
            interval: u16::try_from(interval).unwrap_or(1),
            count: count.and_then(|count| u32::try_from(count).ok()),
            until,
            months: lists.remove("BYMONTH").unwrap_or_default(),
            month_days: lists.remove("BYMONTHDAY").unwrap_or_default(),
            days_by_other: ["BYDAY", "BYYEARDAY", "BYWEEKNO"]
                .iter()
                .any(|name| parts.contains_key(*name)),
            text: text.join(";"),
        })
    }

    /// Starts on the wall clock, from the first on and without `UNTIL`. The library is given the
    /// wall clock as if it were UTC, so that no zone has a say in it.
    ///
    /// # Errors
    ///
    /// What the library refuses, in its words.
    pub(crate) fn starts(&self, first: Wall) -> Result<RRuleSetIter, String> {
        let start = first.civil().strftime("%Y%m%dT%H%M%SZ");
        let text = format!("DTSTART:{start}\nRRULE:{}", self.text);
        let set: RRuleSet = text.parse().map_err(|error: rrule::RRuleError| error.to_string())?;
        Ok((&set.limit()).into_iter())
    }

    /// Whether it ends by itself.
    pub(crate) fn is_finite(&self) -> bool {
        self.count.is_some() || self.until.is_some()
    }

    /// Seconds that one turn of the library's search covers at least.
    pub(crate) fn turn_secs(&self) -> i64 {
        let unit = match self.frequency {
            Frequency::Yearly => 365 * 86_400,
            Frequency::Monthly => 28 * 86_400,
            Frequency::Weekly => 7 * 86_400,
            Frequency::Daily => 86_400,
            Frequency::Hourly => 3_600,
        };
        unit * i64::from(self.interval)
    }
}

fn parts(text: &str) -> Result<BTreeMap<&str, String>, BadRule> {
    let known =
        |name: &str| ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"].contains(&name);
    let mut parts = BTreeMap::new();
    for part in text.split(';') {
        let Some((name, value)) = part.split_once('=') else {
            return bad(
                format!("`{part}` is no part of a rule."),
                "A part is NAME=VALUE, and parts are separated by `;`.",
                "Write it like `FREQ=WEEKLY;BYDAY=FR`.",
            );
        };
        if !known(name) && !LISTS.iter().any(|(list, ..)| *list == name) {
            return bad(
                format!("`{name}` is not a part that this calendar reads."),
                "A part that is not understood would change the rule unseen.",
                "Use the parts of RFC 5545 section 3.3.10, in capitals.",
            );
        }
        if parts.insert(name, value.to_owned()).is_some() {
            return bad(
                format!("`{name}` is there twice."),
                "Two readers would take two different ones.",
                "Leave one.",
            );
        }
    }
    if let Some(week_start) = parts.get("WKST")
        && !DAYS.contains(&week_start.as_str())
    {
        return bad(
            format!("`WKST={week_start}` is no day of the week."),
            "RFC 5545 writes days with two letters.",
            "Write one of MO, TU, WE, TH, FR, SA, SU.",
        );
    }
    Ok(parts)
}

fn frequency(value: Option<&str>) -> Result<Frequency, BadRule> {
    match value {
        Some("YEARLY") => Ok(Frequency::Yearly),
        Some("MONTHLY") => Ok(Frequency::Monthly),
        Some("WEEKLY") => Ok(Frequency::Weekly),
        Some("DAILY") => Ok(Frequency::Daily),
        Some("HOURLY") => Ok(Frequency::Hourly),
        Some(finer @ ("MINUTELY" | "SECONDLY")) => bad(
            format!("`FREQ={finer}` is finer than this calendar reads."),
            "Its starts over the years pass every limit of expansion.",
            "Use `FREQ=HOURLY` or `FREQ=DAILY` with `BYHOUR` and `BYMINUTE`.",
        ),
        Some(other) => bad(
            format!("`FREQ={other}` is no frequency."),
            "RFC 5545 has YEARLY, MONTHLY, WEEKLY, DAILY and HOURLY, in capitals.",
            "Write one of them.",
        ),
        None => bad(
            "`FREQ` is missing.",
            "A rule without a frequency says nothing.",
            "Begin it with `FREQ=WEEKLY`, for instance.",
        ),
    }
}

fn number(value: &str, name: &str, least: i32, most: i32) -> Result<i32, BadRule> {
    let digits = value.trim_start_matches(['-', '+']);
    let parsed = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok());
    match parsed.flatten() {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        Some(_) | None => bad(
            format!("`{name}` has `{value}`."),
            format!("It is a whole number from {least} to {most}."),
            "Write such a number.",
        ),
    }
}

fn numbers(
    value: &str,
    name: &str,
    least: i32,
    most: i32,
    negative: bool,
) -> Result<Vec<i32>, BadRule> {
    let one = |item: &str| match item.strip_prefix('-') {
        Some(rest) if negative => number(rest, name, least, most).map(|number| -number),
        Some(_) | None => number(item, name, least, most),
    };
    value.split(',').map(one).collect()
}

/// Whether any of the days has an ordinal, like `-1FR`.
fn days(value: &str) -> Result<bool, BadRule> {
    let mut ordinals = false;
    for item in value.split(',') {
        let at = item.len().saturating_sub(2);
        let (Some(ordinal), Some(day)) = (item.get(..at), item.get(at..)) else {
            return bad_day(item);
        };
        if !DAYS.contains(&day) {
            return bad_day(item);
        }
        if !ordinal.is_empty() {
            ordinals = true;
            let magnitude = ordinal.strip_prefix(['-', '+']).unwrap_or(ordinal);
            number(magnitude, "BYDAY", 1, 53)?;
        }
    }
    Ok(ordinals)
}

fn bad_day<T>(item: &str) -> Result<T, BadRule> {
    bad(
        format!("`BYDAY` has `{item}`."),
        "A day is two letters, with an ordinal before them if need be.",
        "Write it like `FR`, `1MO` or `-1FR`.",
    )
}

/// The table of RFC 5545 section 3.3.10, as far as it forbids.
fn goes_together(
    frequency: Frequency,
    parts: &BTreeMap<&str, String>,
    ordinals: bool,
) -> Result<(), BadRule> {
    use Frequency::{Daily, Hourly, Monthly, Weekly, Yearly};
    let has = |name: &str| parts.contains_key(name);
    let never = |what: &str, mend: &str| bad(what, "RFC 5545 section 3.3.10 forbids it.", mend);
    match frequency {
        Weekly if has("BYMONTHDAY") => {
            never("`BYMONTHDAY` stands in a weekly rule.", "Use `FREQ=MONTHLY`.")
        }
        Monthly | Weekly | Daily if has("BYYEARDAY") => {
            never("`BYYEARDAY` stands in a rule that is not yearly.", "Use `FREQ=YEARLY`.")
        }
        Monthly | Weekly | Daily | Hourly if has("BYWEEKNO") => {
            never("`BYWEEKNO` stands in a rule that is not yearly.", "Use `FREQ=YEARLY`.")
        }
        Weekly | Daily | Hourly if ordinals => never(
            "`BYDAY` has an ordinal in a rule that is neither monthly nor yearly.",
            "Use `FREQ=MONTHLY`, or leave the ordinal out.",
        ),
        Yearly if ordinals && has("BYWEEKNO") => {
            never("`BYDAY` has an ordinal beside `BYWEEKNO`.", "Leave the ordinal out.")
        }
        Yearly | Monthly | Weekly | Daily | Hourly
            if has("BYSETPOS")
                && !parts.keys().any(|name| name.starts_with("BY") && *name != "BYSETPOS") =>
        {
            never("`BYSETPOS` stands alone.", "Say what it chooses from, `BYDAY` for instance.")
        }
        Yearly | Monthly | Weekly | Daily | Hourly => Ok(()),
    }
}

fn until(value: &str, until_of: impl Fn(Wall) -> String) -> Result<i64, BadRule> {
    if let Some(stamp) = value.strip_suffix('Z')
        && stamp.len() == 15
        && let Some(wall) = Wall::parse(stamp)
    {
        return Ok(wall.0 * 1000);
    }
    let wall = match (Wall::parse(value), value.len()) {
        // A date alone lets that day's starts happen.
        (Some(wall), 8 | 10) => Some(Wall(wall.0 + 86_399)),
        (wall, _) => wall,
    };
    match wall {
        Some(wall) => bad(
            format!("`UNTIL={value}` is not in UTC."),
            "RFC 5545 wants it in UTC wherever a time zone is named; readers differ otherwise.",
            format!("Write `UNTIL={}`.", until_of(wall)),
        ),
        None => bad(
            format!("`UNTIL={value}` is no time."),
            "It is a time in UTC like 20271231T225959Z.",
            "Write it in that form.",
        ),
    }
}
