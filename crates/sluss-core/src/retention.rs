//! Retention: how long what the log names by digest is kept, by class.
//!
//! # Invariants
//!
//! - No period is shorter than its floor, whatever a configuration says: a longer one counts.
//! - Leaves have no class: the log itself is never shortened.
//!
//! Not here: what is due, held or disposed of (`disposal`, `hold`). Rules are paraphrased, and no
//! legal advice.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Malformed;
use crate::units::Millis;

/// What something is kept as. The greater one counts where a content is named as two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What steps printed, and why something of a machine did not work.
    Logs,
    /// What was built, as OCI manifests with their layers.
    Artifacts,
    /// What people wrote: reasons, titles, summaries, names of their keys.
    Personal,
    /// What was decided, from what, by whom: signed statements, what people approved, policies and
    /// their inputs, calendars, bills of materials, findings, signatures of people.
    Evidence,
}

/// The shortest time that a class may be kept for, and the rule that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// That many years.
    pub years: Years,
    /// The rule, as the end of a sentence.
    pub rule: &'static str,
}

impl Class {
    /// All of them, the longest first.
    pub const ALL: [Self; 4] = [Self::Evidence, Self::Personal, Self::Artifacts, Self::Logs];

    /// Returns its name, as files and events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Artifacts => "artifacts",
            Self::Personal => "personal",
            Self::Evidence => "evidence",
        }
    }

    /// Returns for how long it is kept where nothing is said.
    pub fn usual(self) -> Years {
        match self {
            Self::Logs => Years(2),
            Self::Artifacts => Years(3),
            Self::Personal | Self::Evidence => Years(10),
        }
    }

    /// Returns the shortest time that it may be kept for.
    pub fn floor(self) -> Floor {
        match self {
            Self::Logs => Floor {
                years: Years(1),
                rule: "PCI DSS 4.0.1, 10.5.1: audit trails are kept for twelve months",
            },
            Self::Artifacts => Floor {
                years: Years(1),
                rule: "no rule names years for what was built; NIST SP 800-218, PS.3.1, asks to \
                       archive each release, so that what ran can be examined",
            },
            Self::Personal | Self::Evidence => Floor {
                years: Years(10),
                rule: "HGB § 257 and AO § 147: instructions and organisational documents that \
                       books are understood by are kept for ten years",
            },
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number of years from 1 to 100, written `10y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Years(u8);

impl Years {
    /// Returns the number.
    pub fn count(self) -> u8 {
        self.0
    }

    /// Returns the instant that lies so many years after `since`. A year has 366 days here, so that
    /// no leap year makes a period too short.
    pub fn after(self, since: Millis) -> Millis {
        since.plus(i64::from(self.0) * 366 * 24 * 60 * 60 * 1000)
    }
}

impl fmt::Display for Years {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}y", self.0)
    }
}

impl FromStr for Years {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let number = text.strip_suffix('y').and_then(crate::ids::counted);
        let years = number.and_then(|number| u8::try_from(number).ok());
        years.filter(|years| (1..=100).contains(years)).map(Self).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "a number of years from `1y` to `100y`",
        })
    }
}

impl From<Years> for String {
    fn from(years: Years) -> Self {
        years.to_string()
    }
}

impl TryFrom<String> for Years {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// A period that is shorter than a rule allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{class}` is kept for at least {}, so {asked} is too short: {}", floor.years, floor.rule)]
pub struct TooShort {
    /// Of which class.
    pub class: Class,
    /// What was asked.
    pub asked: Years,
    /// What it may not fall below.
    pub floor: Floor,
}

/// The periods that an organisation keeps by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Periods(BTreeMap<Class, Years>);

impl Periods {
    /// Returns the periods where these are said and the usual ones else.
    ///
    /// # Errors
    ///
    /// Each that is shorter than a rule allows.
    pub fn new(said: BTreeMap<Class, Years>) -> Result<Self, Vec<TooShort>> {
        let short = |(class, asked): (&Class, &Years)| {
            let (class, asked, floor) = (*class, *asked, class.floor());
            (asked < floor.years).then_some(TooShort { class, asked, floor })
        };
        let short: Vec<TooShort> = said.iter().filter_map(short).collect();
        if short.is_empty() { Ok(Self(said)) } else { Err(short) }
    }

    /// Returns whether nothing is said.
    pub fn is_usual(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns for how long `class` is kept. What an older program recorded counts only as far as
    /// the floors of this one allow.
    pub fn of(&self, class: Class) -> Years {
        let said = self.0.get(&class).copied().unwrap_or_else(|| class.usual());
        said.max(class.floor().years)
    }

    /// Returns whether some class would be kept for less long than by `other`.
    pub fn any_shorter_than(&self, other: &Self) -> bool {
        Class::ALL.into_iter().any(|class| self.of(class) < other.of(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_period_falls_below_the_rule_of_its_class() {
        let years = |text: &str| text.parse::<Years>().unwrap();
        let longer = Periods::new([(Class::Logs, years("3y"))].into()).unwrap();
        assert_eq!(longer.of(Class::Logs), years("3y"));
        assert_eq!(longer.of(Class::Evidence), years("10y"));
        let short = Periods::new([(Class::Evidence, years("9y"))].into()).unwrap_err();
        assert!(short[0].to_string().contains("HGB § 257"), "{}", short[0]);
        let recorded: Periods = serde_json::from_str(r#"{"evidence":"9y"}"#).unwrap();
        assert_eq!(recorded.of(Class::Evidence), years("10y"));
        assert!(!longer.any_shorter_than(&longer));
        assert!(Periods::default().any_shorter_than(&longer));
        for class in Class::ALL {
            assert!(class.usual() >= class.floor().years, "{class}");
        }
    }

    #[test]
    fn years_have_one_spelling() {
        for wrong in ["", "y", "0y", "101y", "010y", "10", "10 y", "-1y", "1.5y"] {
            assert!(wrong.parse::<Years>().is_err(), "{wrong}");
        }
        assert_eq!("100y".parse::<Years>().unwrap().to_string(), "100y");
    }

    #[test]
    fn a_period_is_never_shorter_than_the_calendar_s() {
        // 2020-01-01 to 2030-01-01, with three leap years between.
        let (from, to) = (Millis(1_577_836_800_000), Millis(1_893_456_000_000));
        assert!("10y".parse::<Years>().unwrap().after(from) >= to);
    }
}
