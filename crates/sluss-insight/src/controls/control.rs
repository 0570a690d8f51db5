//! A control: what it asks for, in our words, and of what the log would have to tell.

use serde::Serialize;

use super::fact::Fact;
use super::mark::Mark;

/// Whether the wording of a text was compared with the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextStatus {
    /// It was read, in a reproduction.
    Read,
    /// It is still to be checked against the original.
    ToVerify,
}

impl TextStatus {
    /// Returns it as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ToVerify => "to_verify",
        }
    }
}

/// Over which time something must have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// The period that is looked at.
    Period,
    /// The 365 days that end with the period.
    Year,
}

impl Within {
    /// Returns it as the end of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Period => "in the period",
            Self::Year => "in the year up to the period's end",
        }
    }
}

/// One thing that a control asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Each item of a kind that began in the period has this, and there is one at least.
    Each(Mark),
    /// The same, but there need be none.
    EachIfAny(Mark),
    /// This happened.
    Happened {
        /// What.
        what: Fact,
        /// How often at least.
        minimum: u64,
        /// Over which time.
        within: Within,
    },
}

impl Ask {
    /// Returns what is said of an item that lacks what is asked, if it is asked of items.
    pub fn lacks(&self) -> Option<&'static str> {
        match self {
            Self::Each(mark) | Self::EachIfAny(mark) => Some(mark.lacks()),
            Self::Happened { .. } => None,
        }
    }

    /// Returns what is asked, in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::Each(mark) | Self::EachIfAny(mark) => {
                format!("each {}: {}", mark.kind().words(1), mark.has())
            }
            Self::Happened { what, minimum, within } => {
                format!("at least {minimum} × {}: {}", within.words(), what.sentence())
            }
        }
    }
}

/// A control, and what it asks for. Made by [`Control::new`] and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Its id in its catalogue.
    pub id: &'static str,
    /// What it is about, as a slug: two controls that were given the same id stay apart.
    pub slug: &'static str,
    /// The version of our wording and of what it asks for.
    pub version: u16,
    /// What it asks for, in our words.
    pub title: &'static str,
    /// Whether our words were compared with the text.
    pub text: TextStatus,
    /// To whom or what it applies, if not to all.
    pub applies_if: Option<&'static str>,
    /// What must have happened.
    pub asks: &'static [Ask],
    /// What speaks against it.
    pub against: &'static [Fact],
    /// What it asks for beyond that, and nothing here records.
    pub unrecorded: &'static [&'static str],
    /// The tests of this repository that hold what the log says to what is done.
    pub tests: &'static [&'static str],
}

impl Control {
    /// Returns a control that asks for nothing yet.
    pub(super) const fn new(id: &'static str, slug: &'static str, title: &'static str) -> Self {
        Self {
            id,
            slug,
            version: 2,
            title,
            text: TextStatus::ToVerify,
            applies_if: None,
            asks: &[],
            against: &[],
            unrecorded: &[],
            tests: &[],
        }
    }

    /// Its text was read.
    pub(super) const fn read(self) -> Self {
        Self { text: TextStatus::Read, ..self }
    }

    /// It applies only to this.
    pub(super) const fn applies_if(self, what: &'static str) -> Self {
        Self { applies_if: Some(what), ..self }
    }

    /// It asks for this.
    pub(super) const fn asks(self, asks: &'static [Ask]) -> Self {
        Self { asks, ..self }
    }

    /// This speaks against it.
    pub(super) const fn against(self, against: &'static [Fact]) -> Self {
        Self { against, ..self }
    }

    /// It asks for this, too, and nothing here records that.
    pub(super) const fn unrecorded(self, unrecorded: &'static [&'static str]) -> Self {
        Self { unrecorded, ..self }
    }

    /// These tests hold it.
    pub(super) const fn tests(self, tests: &'static [&'static str]) -> Self {
        Self { tests, ..self }
    }
}

/// Returns that each item has `mark`.
pub(super) const fn each(mark: Mark) -> Ask {
    Ask::Each(mark)
}

/// Returns that each item has `mark`, if there is any.
pub(super) const fn if_any(mark: Mark) -> Ask {
    Ask::EachIfAny(mark)
}

/// Returns that `what` happened in the period.
pub(super) const fn once(what: Fact) -> Ask {
    Ask::Happened { what, minimum: 1, within: Within::Period }
}

/// Returns that `what` happened in the year that ends with the period.
pub(super) const fn yearly(what: Fact) -> Ask {
    Ask::Happened { what, minimum: 1, within: Within::Year }
}
