//! What customers may ask of the books, parsed into types that cannot be wrong.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since 1970.
pub type Millis = i64;

/// An instruction under its idempotency key.
#[derive(Debug, Clone)]
pub struct Request {
    /// Names the request; the same key always gets the same answer.
    pub key: Key,
    /// What is to be done.
    pub instruction: Instruction,
}

/// What is to be done. Its JSON is recorded beside the answer, to tell a repeated
/// request from another one under the same key: a later release that adds a field
/// must leave it out where it has its default.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Instruction {
    /// Opens an account with funds from the treasury.
    Open(Opening),
    /// Moves money at once.
    Transfer(Payment),
    /// Sets money aside for a later transfer.
    Hold(Payment),
    /// Turns a hold into a transfer.
    Capture {
        /// The hold's number.
        hold: i64,
    },
    /// Gives a hold's money back to its owner.
    Release {
        /// The hold's number.
        hold: i64,
    },
    /// Moves the money of a transfer back.
    Reverse {
        /// The transfer's number.
        transfer: i64,
    },
}

/// A new account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opening {
    /// The account's name.
    pub id: AccountId,
    /// What it is opened with.
    pub opening_cents: Cents,
}

/// Money on its way from one customer to another; the two differ.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "PaymentFields")]
pub struct Payment {
    /// Who pays.
    pub from: AccountId,
    /// Who is paid.
    pub to: AccountId,
    /// How much.
    pub amount_cents: Cents,
    /// What it is for.
    pub reference: Reference,
}

#[derive(Deserialize)]
struct PaymentFields {
    from: AccountId,
    to: AccountId,
    amount_cents: Cents,
    #[serde(default)]
    reference: Reference,
}

/// A positive amount of at most ten thousand million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Cents(i64);

/// The name of a customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(String);

/// An idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

/// What a payment is for, in the payer's words; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Reference(String);

/// Why a value was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(&'static str);

/// The account that all money comes from; its balance is what customers own, negated.
pub(crate) const TREASURY: &str = "treasury";

const MOST_CENTS: i64 = 1_000_000_000_000;

impl Cents {
    pub(crate) fn as_i64(self) -> i64 {
        self.0
    }

    /// Returns the amount as a number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Cents {
    type Error = Invalid;

    fn try_from(cents: i64) -> Result<Self, Invalid> {
        if (1..=MOST_CENTS).contains(&cents) {
            Ok(Self(cents))
        } else {
            Err(Invalid("an amount is a whole number of cents from 1 to 1000000000000"))
        }
    }
}

impl AccountId {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = Invalid;

    fn try_from(id: String) -> Result<Self, Invalid> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(Invalid("an account is named by 1 to 64 letters, digits, '-', '_' or '.'"));
        }
        Ok(Self(id))
    }
}

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = Invalid;

    fn try_from(key: String) -> Result<Self, Invalid> {
        if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid("an Idempotency-Key is 1 to 128 visible ASCII characters"));
        }
        Ok(Self(key))
    }
}

impl Reference {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reference {
    type Error = Invalid;

    fn try_from(reference: String) -> Result<Self, Invalid> {
        if reference.len() > 140 || reference.chars().any(char::is_control) {
            return Err(Invalid("a reference is at most 140 bytes without control characters"));
        }
        Ok(Self(reference))
    }
}

impl TryFrom<PaymentFields> for Payment {
    type Error = Invalid;

    fn try_from(fields: PaymentFields) -> Result<Self, Invalid> {
        let PaymentFields { from, to, amount_cents, reference } = fields;
        if from == to {
            return Err(Invalid("'from' and 'to' are the same account"));
        }
        if from.as_str() == TREASURY || to.as_str() == TREASURY {
            return Err(Invalid("the treasury only opens accounts"));
        }
        Ok(Self { from, to, amount_cents, reference })
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Invalid {}
