//! What a request is answered: an outcome and the JSON that the customer sees.
//! It is recorded as sent, so that a later release repeats it letter by letter.

use crate::instruction::{Millis, Payment};
use serde_json::json;

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of the request.
    pub outcome: Outcome,
    /// The JSON for the customer.
    pub body: String,
    /// Whether it was given before and is only repeated here.
    pub replayed: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the books.
    Applied,
    /// The payer has not got the money.
    Declined,
    /// An account, a hold or a transfer that does not exist.
    NotFound,
    /// Already opened, captured, released or reversed.
    Conflict,
    /// The key was used before for something else. The only outcome that is not
    /// recorded: the key keeps its first answer.
    KeyReused,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Applied, Self::Declined, Self::NotFound, Self::Conflict, Self::KeyReused];

    /// Returns the word that the books and the metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Declined => "declined",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::KeyReused => "key_reused",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl Answer {
    pub(crate) fn refused(outcome: Outcome, error: &str, message: &str) -> Self {
        let body = json!({ "error": error, "message": message });
        Self { outcome, body: body.to_string(), replayed: false }
    }

    pub(crate) fn key_reused() -> Self {
        let message = "the Idempotency-Key was used before for another request";
        Self::refused(Outcome::KeyReused, "key_reused", message)
    }

    pub(crate) fn applied(body: &serde_json::Value) -> Self {
        Self { outcome: Outcome::Applied, body: body.to_string(), replayed: false }
    }

    pub(crate) fn transfer(number: i64, kind: &str, payment: &Payment, now: Millis) -> Self {
        Self::applied(&json!({
            "id": format!("tr_{number}"),
            "kind": kind,
            "from": payment.from,
            "to": payment.to,
            "amount_cents": payment.amount_cents,
            "reference": payment.reference,
            "state": "applied",
            "applied_at_ms": now,
        }))
    }

    pub(crate) fn hold(number: i64, payment: &Payment, state: &str) -> Self {
        Self::applied(&json!({
            "id": format!("ho_{number}"),
            "from": payment.from,
            "to": payment.to,
            "amount_cents": payment.amount_cents,
            "reference": payment.reference,
            "state": state,
        }))
    }
}
