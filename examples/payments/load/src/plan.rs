//! What the n-th payment of a run is. It follows from the run and n alone, so that
//! a payment can be sent again, letter by letter, without having been kept.

use serde_json::json;

/// The payments of one run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Names the run; every key starts with it.
    pub(crate) run: String,
    /// How many accounts take part.
    pub(crate) accounts: u64,
}

/// One payment.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) key: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) amount_cents: i64,
}

/// What each account is opened with.
pub(crate) const OPENING_CENTS: i64 = 1_000_000_000;
/// More than any account has: such a payment is declined, which is no fault.
const TOO_MUCH_CENTS: i64 = 1_000_000_000_000;

impl Plan {
    /// Returns the payment of this number.
    pub(crate) fn payment(&self, number: u64) -> Planned {
        let mut draw = Draw::new(number ^ hash(&self.run));
        let from = draw.below(self.accounts);
        let to = (from + 1 + draw.below(self.accounts - 1)) % self.accounts;
        let beyond_means = draw.below(200) == 0;
        let cents = i64::try_from(100 + draw.below(19_900)).unwrap_or(100);
        Planned {
            key: format!("{}{number:010}", self.prefix()),
            from: account(from),
            to: account(to),
            amount_cents: if beyond_means { TOO_MUCH_CENTS } else { cents },
        }
    }

    /// Returns what all keys of the run start with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}-", self.run)
    }

    /// Returns the number of the payment with this key, if it is of this run.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        key.strip_prefix(&self.run)?.strip_prefix('-')?.parse().ok()
    }
}

impl Planned {
    /// Returns the body of the request.
    pub(crate) fn body(&self) -> String {
        json!({
            "from": self.from,
            "to": self.to,
            "amount_cents": self.amount_cents,
            "reference": format!("invoice {}", self.key),
        })
        .to_string()
    }
}

/// Returns the name of the account of this number.
pub(crate) fn account(number: u64) -> String {
    format!("customer-{number:04}")
}

/// A small source of chance (splitmix64), good enough to spread payments.
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns a number above 0 and at most 1.
    pub(crate) fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_follows_from_run_and_number() {
        let plan = Plan { run: "r1".to_owned(), accounts: 3 };
        for number in 0..500 {
            let payment = plan.payment(number);
            assert_eq!(payment.body(), plan.payment(number).body());
            assert_eq!(plan.number(&payment.key), Some(number));
            assert_ne!(payment.from, payment.to);
        }
        assert_eq!(plan.number("r2-0000000001"), None);
    }
}
