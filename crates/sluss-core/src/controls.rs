//! Controls that a configuration takes not to apply, by their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Malformed;

/// Names a control of a catalogue, like `pci/6.5.5-6.5.6`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ControlName(String);

impl ControlName {
    /// How many characters one may have.
    const LONGEST: usize = 80;

    /// Returns it as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ControlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ControlName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let right = |(catalogue, id): (&str, &str)| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let of_id = |byte: u8| byte.is_ascii_alphanumeric() || b".()-,/".contains(&byte);
            !catalogue.is_empty()
                && catalogue.bytes().all(plain)
                && !id.is_empty()
                && id.bytes().all(of_id)
        };
        match text.len() <= Self::LONGEST && text.split_once('/').is_some_and(right) {
            true => Ok(Self(text.to_owned())),
            false => Err(Malformed {
                found: text.chars().take(80).collect(),
                expected: "a control with its catalogue, like `pci/6.5.5-6.5.6`",
            }),
        }
    }
}

impl From<ControlName> for String {
    fn from(name: ControlName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ControlName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}
