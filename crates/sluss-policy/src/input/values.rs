//! The values that a gate's input is made of, each parsed into what cannot be wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest integer that every JSON reader keeps exactly (RFC 8259, section 6).
pub(crate) const INTEGER_MOST: u64 = (1 << 53) - 1;
/// Characters that a text may have.
pub const TEXT_MOST: usize = 1024;
/// Shares in thousandths go from this to its negative.
pub const SIGNED_PERMILLE_MOST: i64 = 1_000_000;

/// A value that is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueRefused {
    /// A text with nothing in it.
    #[error("an empty text; write `none` where nothing applies")]
    Empty,
    /// A text that is too long.
    #[error("a text of {0} characters; at most {TEXT_MOST} are taken")]
    Long(usize),
    /// A text that holds a control character.
    #[error("a control character in a text")]
    Control,
    /// Not a SHA-256.
    #[error("not a SHA-256 in 64 lower-case hexadecimal digits: `{0}`")]
    Digest(String),
    /// Not a commit.
    #[error("not a commit in 40 or 64 lower-case hexadecimal digits: `{0}`")]
    Commit(String),
    /// An integer outside its range.
    #[error("{0} is outside {1}")]
    Range(i128, &'static str),
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! of_text {
    ($(#[$of:meta])* $name:ident, $text:ident => $check:expr) => {
        $(#[$of])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = ValueRefused;

            fn try_from($text: String) -> Result<Self, ValueRefused> {
                $check
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ValueRefused;

            fn try_from(text: &str) -> Result<Self, ValueRefused> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(of: $name) -> Self {
                of.0
            }
        }

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

of_text! {
    /// A text of 1 to 1024 characters, none of them a control character.
    Text, text => match text.chars().count() {
        0 => Err(ValueRefused::Empty),
        long if long > TEXT_MOST => Err(ValueRefused::Long(long)),
        _ if text.chars().any(char::is_control) => Err(ValueRefused::Control),
        _ => Ok(Self(text)),
    }
}

of_text! {
    /// A SHA-256 in lower-case hexadecimal.
    Sha256, text => match text.len() {
        64 if is_hex(&text) => Ok(Self(text)),
        _ => Err(ValueRefused::Digest(text)),
    }
}

of_text! {
    /// A Git commit in lower-case hexadecimal, SHA-1 or SHA-256.
    Commit, text => match text.len() {
        40 | 64 if is_hex(&text) => Ok(Self(text)),
        _ => Err(ValueRefused::Commit(text)),
    }
}

macro_rules! of_number {
    ($(#[$of:meta])* $name:ident, $kind:ty, $range:expr, $words:literal) => {
        $(#[$of])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name($kind);

        impl TryFrom<i64> for $name {
            type Error = ValueRefused;

            fn try_from(number: i64) -> Result<Self, ValueRefused> {
                let refused = ValueRefused::Range(i128::from(number), $words);
                let of = <$kind>::try_from(number).map_err(|_too_far| refused.clone())?;
                if $range.contains(&of) { Ok(Self(of)) } else { Err(refused) }
            }
        }

        impl From<$name> for i64 {
            fn from(of: $name) -> Self {
                of.0 as i64
            }
        }

        impl $name {
            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $kind {
                self.0
            }
        }
    };
}

of_number! {
    /// Milliseconds since 1970-01-01 UTC, 0 to 2^53−1.
    Millis, u64, (0..=INTEGER_MOST), "0 to 2^53-1 milliseconds"
}
of_number! {
    /// How many, 0 to 2^53−1.
    Count, u64, (0..=INTEGER_MOST), "0 to 2^53-1"
}
of_number! {
    /// A share in thousandths, 0 to 1000.
    Permille, u16, (0..=1000), "0 to 1000 thousandths"
}
of_number! {
    /// A difference in thousandths, −1,000,000 to 1,000,000.
    SignedPermille, i64, (-SIGNED_PERMILLE_MOST..=SIGNED_PERMILLE_MOST),
    "-1000000 to 1000000 thousandths"
}

impl From<usize> for Count {
    /// # Panics
    ///
    /// Never in practice: no list in memory has 2^53 rows.
    fn from(rows: usize) -> Self {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        assert!(rows <= INTEGER_MOST, "BUG: a list of {rows} rows");
        Self(rows)
    }
}
