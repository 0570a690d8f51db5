//! Criteria: the figures by which an incident is classified, and whether it is major.
//!
//! After Delegated Regulation (EU) 2024/1772, Articles 1 to 9, in our words: an incident is major
//! where it affected critical services and either malicious unauthorised access may have led to a
//! loss of data, or two of six thresholds are passed.
//!
//! # Invariants
//!
//! - What is not known is neither *yes* nor *no*: an incident is *not major* only where enough is
//!   known to say so.
//! - A figure equal to its threshold does not pass it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Malformed;

/// More clients than this pass the threshold (Article 9(1)(b)).
pub const CLIENTS: u64 = 100_000;
/// A larger share of the clients of the service passes it (Article 9(1)(a)).
pub const CLIENTS_SHARE: Portion = Portion(1_000);
/// A larger share of the financial counterparts passes it (Article 9(1)(c)).
pub const COUNTERPARTS_SHARE: Portion = Portion(3_000);
/// A larger share of the daily average of transactions passes it, by number or by amount
/// (Article 9(1)(d) and (e)).
pub const TRANSACTIONS_SHARE: Portion = Portion(1_000);
/// A longer duration passes the threshold, in milliseconds: 24 hours (Article 9(3)(a)).
pub const DURATION_MS: i64 = 24 * 3_600_000;
/// A longer downtime of what supports critical functions passes it, in seconds: two hours
/// (Article 9(3)(b)).
pub const DOWNTIME_SECONDS: u64 = 2 * 3_600;
/// That many Member States pass it (Article 9(4)).
pub const MEMBER_STATES: usize = 2;
/// Higher costs and losses pass it, in euros (Article 9(6)).
pub const COST_EUR: u64 = 100_000;

/// A part of a whole in basis points: 10 000 is all of it, and more than all is possible. Written
/// `12.5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Portion(pub u32);

impl Portion {
    /// Returns what `part` is of `whole`, rounded up; nothing where there is no whole.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let points = (u128::from(part) * 10_000).div_ceil(u128::from(whole).max(1));
        (whole > 0).then(|| Self(u32::try_from(points).unwrap_or(u32::MAX)))
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, rest) if rest % 10 == 0 => write!(f, "{whole}.{} %", rest / 10),
            (whole, rest) => write!(f, "{whole}.{rest:02} %"),
        }
    }
}

impl FromStr for Portion {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let points = || {
            let number = text.strip_suffix('%')?.trim_end();
            let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let fits = digits(whole) && digits(rest) && whole.len() <= 6 && rest.len() <= 2;
            let whole: u32 = whole.parse().ok().filter(|_| fits)?;
            let rest: u32 = format!("{rest:0<2}").parse().ok()?;
            whole.checked_mul(100)?.checked_add(rest)
        };
        points().map(Self).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "a share like `12.5%`",
        })
    }
}

/// A Member State of the European Union, by its two letters in official texts (`EL` is Greece).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MemberState(u8);

const STATES: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STATES.get(usize::from(self.0)).copied().unwrap_or_default())
    }
}

impl FromStr for MemberState {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let text = if text == "GR" { "EL" } else { text };
        let place = STATES.into_iter().position(|state| state == text);
        let place = place.and_then(|place| u8::try_from(place).ok());
        place.map(Self).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "a Member State of the European Union, like `DE`",
        })
    }
}

impl From<MemberState> for String {
    fn from(state: MemberState) -> Self {
        state.to_string()
    }
}

impl TryFrom<String> for MemberState {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// What is known of an incident's effects. What is left out is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criteria {
    /// Whether critical services were affected (Article 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
    /// How many clients were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<u64>,
    /// Which share of the clients of the service these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients_share: Option<Portion>,
    /// Which share of the financial counterparts was affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterparts_share: Option<Portion>,
    /// How many transactions were affected, as a share of their daily average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions_share: Option<Portion>,
    /// Their amount, as a share of the daily average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_share: Option<Portion>,
    /// Whether clients or counterparts that the entity calls relevant were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevant_clients: Option<bool>,
    /// Whether the reputation suffers: media, repeated complaints, requirements that cannot be met,
    /// clients that leave (Article 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reputation: Option<bool>,
    /// For how many seconds what supports critical functions was down, wholly or in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime_seconds: Option<u64>,
    /// Where it was felt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_states: Option<BTreeSet<MemberState>>,
    /// Whether data lost availability, authenticity, integrity or confidentiality, with harm to the
    /// business or to what the law asks for (Article 9(5)(a)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_loss: Option<bool>,
    /// Whether somebody malicious got in, so that data may be lost (Article 9(5)(b)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malicious_access: Option<bool>,
    /// Costs and losses so far or likely, in whole euros, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_eur: Option<u64>,
}

/// A threshold of Article 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Clients, financial counterparts and transactions.
    Clients,
    /// Reputation.
    Reputation,
    /// Duration and downtime.
    Duration,
    /// Member States.
    Spread,
    /// Data losses.
    DataLoss,
    /// Costs and losses.
    Cost,
}

impl Criterion {
    /// All of them, as the regulation lists them.
    pub const ALL: [Self; 6] =
        [Self::Clients, Self::Reputation, Self::Duration, Self::Spread, Self::DataLoss, Self::Cost];

    /// Returns its name, as events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Reputation => "reputation",
            Self::Duration => "duration",
            Self::Spread => "spread",
            Self::DataLoss => "data_loss",
            Self::Cost => "cost",
        }
    }

    /// Returns what passes it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Clients => {
                "more than 10 % or 100 000 clients, 30 % of counterparts, 10 % of a day's \
                 transactions, or relevant clients"
            }
            Self::Reputation => "media, repeated complaints, requirements not met, clients lost",
            Self::Duration => {
                "more than 24 h, or more than 2 h of downtime of what supports critical functions"
            }
            Self::Spread => "two Member States or more",
            Self::DataLoss => "data lost, with harm to the business or to what the law asks for",
            Self::Cost => "more than EUR 100 000",
        }
    }
}

/// Whether something holds, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It does not.
    No,
    /// Too little is known.
    Unknown,
    /// It does.
    Yes,
}

impl Holds {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Yes => "yes",
        }
    }

    fn of(known: Option<bool>) -> Self {
        match known {
            None => Self::Unknown,
            Some(false) => Self::No,
            Some(true) => Self::Yes,
        }
    }

    /// One that holds is enough; none does only where each is known.
    fn any(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().max().unwrap_or(Self::No)
    }
}

/// What the figures come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessment {
    /// Whether critical services were affected.
    pub critical: Holds,
    /// Whether there was malicious access that may have led to a loss of data.
    pub malicious_access: Holds,
    /// Whether each threshold is passed, in the order of [`Criterion::ALL`].
    pub thresholds: [(Criterion, Holds); 6],
}

impl Assessment {
    /// Returns whether the incident is major (Article 8(1)).
    pub fn major(&self) -> Holds {
        let count = |least: Holds| self.thresholds.iter().filter(|(_, is)| *is >= least).count();
        let either = match (self.malicious_access, count(Holds::Yes), count(Holds::Unknown)) {
            (Holds::Yes, _, _) | (_, 2.., _) => Holds::Yes,
            (Holds::No, _, 0..=1) => Holds::No,
            (Holds::No | Holds::Unknown, _, _) => Holds::Unknown,
        };
        self.critical.min(either)
    }

    /// Returns the thresholds that are passed.
    pub fn passed(&self) -> BTreeSet<Criterion> {
        self.thresholds.iter().filter(|(_, is)| *is == Holds::Yes).map(|(of, _)| *of).collect()
    }
}

impl Criteria {
    /// Returns what these figures, and a duration in milliseconds so far, come to.
    pub fn assess(&self, duration_ms: i64) -> Assessment {
        let over = |figure: Option<u64>, most: u64| Holds::of(figure.map(|figure| figure > most));
        let share =
            |figure: Option<Portion>, most: Portion| Holds::of(figure.map(|figure| figure > most));
        // Both count the same clients: where one is nothing, the other is.
        let clients = match (self.clients, self.clients_share) {
            (Some(0), None) | (None, Some(Portion(0))) => Holds::No,
            (number, part) => Holds::any([over(number, CLIENTS), share(part, CLIENTS_SHARE)]),
        };
        let transactions = Holds::any([
            share(self.transactions_share, TRANSACTIONS_SHARE),
            share(self.amount_share, TRANSACTIONS_SHARE),
        ]);
        let counterparts = share(self.counterparts_share, COUNTERPARTS_SHARE);
        let relevant = Holds::of(self.relevant_clients);
        let downtime = over(self.downtime_seconds, DOWNTIME_SECONDS);
        let lasted = Holds::of(Some(duration_ms > DURATION_MS));
        let states = self.member_states.as_ref().map(|states| states.len() >= MEMBER_STATES);
        let thresholds = Criterion::ALL.map(|criterion| {
            let holds = match criterion {
                Criterion::Clients => Holds::any([clients, counterparts, transactions, relevant]),
                Criterion::Reputation => Holds::of(self.reputation),
                Criterion::Duration => Holds::any([lasted, downtime]),
                Criterion::Spread => Holds::of(states),
                Criterion::DataLoss => Holds::of(self.data_loss),
                Criterion::Cost => over(self.cost_eur, COST_EUR),
            };
            (criterion, holds)
        });
        Assessment {
            critical: Holds::of(self.critical),
            malicious_access: Holds::of(self.malicious_access),
            thresholds,
        }
    }

    /// Returns the figures that are not known and could decide whether the incident is major, by
    /// their names; none where that is decided.
    pub fn missing(&self, assessment: &Assessment) -> Vec<&'static str> {
        if assessment.major() != Holds::Unknown {
            return Vec::new();
        }
        let open = |criterion: Criterion| {
            let of = assessment.thresholds.iter().find(|(of, _)| *of == criterion);
            of.is_some_and(|(_, is)| *is == Holds::Unknown)
        };
        let clients = open(Criterion::Clients);
        let number = self.clients.is_none() && self.clients_share != Some(Portion(0));
        let share = self.clients_share.is_none() && self.clients != Some(0);
        let all = [
            (self.critical.is_none(), "critical"),
            (clients && number, "clients"),
            (clients && share, "clients_share"),
            (clients && self.counterparts_share.is_none(), "counterparts_share"),
            (clients && self.transactions_share.is_none(), "transactions_share"),
            (clients && self.amount_share.is_none(), "amount_share"),
            (clients && self.relevant_clients.is_none(), "relevant_clients"),
            (open(Criterion::Reputation), "reputation"),
            (open(Criterion::Duration), "downtime"),
            (open(Criterion::Spread), "member_states"),
            (open(Criterion::DataLoss), "data_loss"),
            (self.malicious_access.is_none(), "malicious_access"),
            (open(Criterion::Cost), "cost"),
        ];
        all.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
    }

    /// Returns these figures, and *none* where one is not known: somebody says that nothing else
    /// was affected. Whether services are critical is never said so.
    #[must_use]
    pub fn and_nothing_else(self) -> Self {
        let nothing = Self {
            critical: None,
            clients: Some(0),
            clients_share: Some(Portion(0)),
            counterparts_share: Some(Portion(0)),
            transactions_share: Some(Portion(0)),
            amount_share: Some(Portion(0)),
            relevant_clients: Some(false),
            reputation: Some(false),
            downtime_seconds: Some(0),
            member_states: Some(BTreeSet::new()),
            data_loss: Some(false),
            malicious_access: Some(false),
            cost_eur: Some(0),
        };
        // A number of clients says that there was a share of them, and a share a number.
        let (number, share) = (self.clients, self.clients_share);
        let mut all = self.or(&nothing);
        all.clients = number.or(share.is_none_or(|of| of.0 == 0).then_some(0));
        all.clients_share = share.or(number.is_none_or(|of| of == 0).then_some(Portion(0)));
        all
    }

    /// Returns these figures, and where one is not known that of `before`.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            critical: self.critical.or(before.critical),
            clients: self.clients.or(before.clients),
            clients_share: self.clients_share.or(before.clients_share),
            counterparts_share: self.counterparts_share.or(before.counterparts_share),
            transactions_share: self.transactions_share.or(before.transactions_share),
            amount_share: self.amount_share.or(before.amount_share),
            relevant_clients: self.relevant_clients.or(before.relevant_clients),
            reputation: self.reputation.or(before.reputation),
            downtime_seconds: self.downtime_seconds.or(before.downtime_seconds),
            member_states: self.member_states.or_else(|| before.member_states.clone()),
            data_loss: self.data_loss.or(before.data_loss),
            malicious_access: self.malicious_access.or(before.malicious_access),
            cost_eur: self.cost_eur.or(before.cost_eur),
        }
    }

    /// Returns the figures of both together, as one incident. Shares are added, which is never too
    /// little. Where one side is not known, the sum is known only if the other alone passes the
    /// threshold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>, most: u64| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, other) => one.or(other).filter(|figure| *figure > most),
        };
        let shares = |a: Option<Portion>, b: Option<Portion>, most: Portion| {
            let number = |of: Option<Portion>| of.map(|of| u64::from(of.0));
            let both = sum(number(a), number(b), u64::from(most.0));
            both.map(|both| Portion(u32::try_from(both).unwrap_or(u32::MAX)))
        };
        let either = |a: Option<bool>, b: Option<bool>| match (a, b) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            (None, _) | (_, None) => None,
        };
        let member_states = match (&self.member_states, &other.member_states) {
            (Some(a), Some(b)) => Some(a.union(b).copied().collect()),
            (one, other) => {
                one.clone().or_else(|| other.clone()).filter(|of| of.len() >= MEMBER_STATES)
            }
        };
        Self {
            critical: either(self.critical, other.critical),
            clients: sum(self.clients, other.clients, CLIENTS),
            clients_share: shares(self.clients_share, other.clients_share, CLIENTS_SHARE),
            counterparts_share: shares(
                self.counterparts_share,
                other.counterparts_share,
                COUNTERPARTS_SHARE,
            ),
            transactions_share: shares(
                self.transactions_share,
                other.transactions_share,
                TRANSACTIONS_SHARE,
            ),
            amount_share: shares(self.amount_share, other.amount_share, TRANSACTIONS_SHARE),
            relevant_clients: either(self.relevant_clients, other.relevant_clients),
            reputation: either(self.reputation, other.reputation),
            downtime_seconds: sum(self.downtime_seconds, other.downtime_seconds, DOWNTIME_SECONDS),
            member_states,
            data_loss: either(self.data_loss, other.data_loss),
            malicious_access: either(self.malicious_access, other.malicious_access),
            cost_eur: sum(self.cost_eur, other.cost_eur, COST_EUR),
        }
    }
}
