//! A service's own figures: what its answers say of a transaction beyond their status.
//!
//! The service writes them into a response header of its choice, separated by commas: `failed`
//! (the transaction failed, whatever the status says), `exceptions=N` (N were thrown on the way)
//! and `converted` (it came to its commercial end). What is not said did not happen; other words
//! mean nothing here.

use serde::{Deserialize, Serialize};

use crate::traffic::FieldName;

/// Where a service's figures stand, and which are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// The header that they stand in.
    pub header: FieldName,
    /// Whether customers get the answer without that header.
    #[serde(default)]
    pub hidden: bool,
    /// Which of them are judged.
    #[serde(default)]
    pub judged: Judged,
}

/// Which of a service's figures are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// How many exceptions are thrown.
    #[serde(default)]
    pub exceptions: bool,
    /// How many requests come to their commercial end.
    #[serde(default)]
    pub conversion: bool,
}

/// What one answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// Whether the transaction failed.
    pub failed: bool,
    /// How many exceptions were thrown.
    pub exceptions: u32,
    /// Whether it came to its commercial end.
    pub converted: bool,
}

impl Said {
    /// Reads the value of the header.
    pub fn read(value: &str) -> Self {
        let mut said = Self::default();
        for word in value.split(',').map(str::trim) {
            match (word, word.split_once('=')) {
                ("failed", _) => said.failed = true,
                ("converted", _) => said.converted = true,
                (_, Some(("exceptions", number))) => {
                    said.exceptions = number.parse().unwrap_or(0).min(EXCEPTIONS_MOST);
                }
                _other => {}
            }
        }
        said
    }
}

/// More than this many in one answer is nobody's honest count.
const EXCEPTIONS_MOST: u32 = 1_000;

/// The figures of a release in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Exceptions that were thrown.
    #[serde(default)]
    pub exceptions: u64,
    /// Requests that came to their commercial end.
    #[serde(default)]
    pub conversions: u64,
}

impl Figures {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds figures of elsewhere, or of another time.
    pub fn add(&mut self, other: &Self) {
        self.exceptions += other.exceptions;
        self.conversions += other.conversions;
    }

    /// Adds what one answer says.
    pub fn count(&mut self, said: Said) {
        self.exceptions += u64::from(said.exceptions);
        self.conversions += u64::from(said.converted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_says_and_nothing_else() {
        let said = |value| Said::read(value);
        assert_eq!(said(""), Said::default());
        assert_eq!(said("Failed, exceptions, exceptions=-1, sold"), Said::default());
        let all = Said { failed: true, exceptions: 3, converted: true };
        assert_eq!(said("failed,exceptions=3 , converted"), all);
        assert_eq!(said("exceptions=99999").exceptions, EXCEPTIONS_MOST);
        let mut figures = Figures::default();
        figures.count(all);
        assert_eq!(figures, Figures { exceptions: 3, conversions: 1 });
    }
}
