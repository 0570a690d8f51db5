//! How a service's requests are told apart: which attempts are one unit, and who stays where.
//!
//! Nothing here does anything: the golden template or `sluss.yaml` says it, the target heeds it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Malformed;

/// The name of an HTTP header, or of a cookie: visible characters without separators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FieldName(String);

impl FieldName {
    /// Returns the name as text, spelled as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FieldName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_token) {
            return Ok(Self(text.to_owned()));
        }
        let expected = "the name of a header or cookie (such as `Idempotency-Key`)";
        Err(Malformed { found: text.chars().take(80).collect(), expected })
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.0
    }
}

impl TryFrom<String> for FieldName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// By what a caller is known who stays with an arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sticky {
    /// By the value of this header.
    Header(FieldName),
    /// By the value of this cookie.
    Cookie(FieldName),
}

/// How a service's requests are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// The header whose value names a unit, such as a payment: attempts with the same method, path
    /// and value within a minute are one. Without it, each request is a unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<FieldName>,
    /// By what a caller is known who stays with an arm. Without it, each unit draws its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
}

impl Traffic {
    /// Returns whether what depends on one another is counted once: units are told apart, and no
    /// caller stays with an arm.
    pub fn is_counted_once(&self) -> bool {
        self.unit.is_some() && self.sticky.is_none()
    }

    /// Returns whether each request is a unit that draws its own arm.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_header_has_no_separators() {
        for good in ["Idempotency-Key", "x_request_id", "a"] {
            assert_eq!(good.parse::<FieldName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "ä", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<FieldName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_not_written() {
        assert_eq!(serde_json::to_string(&Traffic::default()).unwrap(), "{}");
        let sticky = Some(Sticky::Cookie("session".parse().unwrap()));
        let text = serde_json::to_string(&Traffic { unit: None, sticky }).unwrap();
        assert_eq!(text, r#"{"sticky":{"cookie":"session"}}"#);
    }
}
