//! What is wrong with a calendar, and what is only odd: where, what, why, and how to mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mistake. A calendar with a mistake is no calendar: it does not parse, and what cannot be
/// parsed denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The window's id, unless the mistake is about the file as a whole.
    pub window: Option<String>,
    /// The field it is about, as the file spells it.
    pub field: &'static str,
    /// The line of the `.ics` text, from 1. YAML readers know their own places.
    pub line: Option<u32>,
    /// What is wrong.
    pub what: String,
    /// Why that cannot stand.
    pub why: String,
    /// What to write instead.
    pub mend: String,
}

impl Mistake {
    /// A mistake in one field of one window.
    pub(crate) fn in_window(
        window: &str,
        field: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let window = Some(window.to_owned());
        Self { window, field, line: None, what: what.into(), why: why.into(), mend: mend.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(window) = &self.window {
            write!(f, "window `{window}`, ")?;
        }
        write!(f, "{}: {} {} {}", self.field, self.what, self.why, self.mend)
    }
}

/// Every mistake of a calendar at once; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        write!(f, "{}", lines.join("\n"))
    }
}

/// What a calendar may say, but its author probably did not mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// The window's id.
    pub window: String,
    /// What is odd.
    pub what: String,
    /// What follows from it.
    pub why: String,
    /// What to write if it was not meant.
    pub mend: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window `{}`: {} {} {}", self.window, self.what, self.why, self.mend)
    }
}
