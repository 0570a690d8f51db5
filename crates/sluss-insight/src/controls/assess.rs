//! How controls stand over a period, item by item.

use std::collections::BTreeMap;

use serde::Serialize;
use sluss_core::incident::clocks::{Limit, Standing as OfLimit};
use sluss_core::state::State;
use sluss_core::units::Millis;

use super::catalogue::Catalogue;
use super::control::{Ask, Control, TextStatus, Within};
use super::fact::{Fact, Seen};
use super::ledger::{Item, Ledger, NotApplicable};
use super::mark::{Kind, Mark};

/// Milliseconds of 365 days.
const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// How a control stands over a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// All that it asks for is there, for each item.
    Evidenced,
    /// Some of it is.
    Partial,
    /// None of it is, or nothing here records it.
    Gap,
    /// It does not apply, for a reason that others than its authors agreed to.
    NotApplicable,
}

impl Standing {
    /// Returns it as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evidenced => "evidenced",
            Self::Partial => "partial",
            Self::Gap => "gap",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// An item that lacks what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Its id.
    pub id: String,
    /// The entry in which it began, if it is not a day.
    pub leaf: Option<u64>,
    /// The exceptions that let it through.
    pub through: Vec<String>,
    /// What else is said of it, if anything.
    pub note: String,
}

/// What came of one thing that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is asked.
    pub ask: Ask,
    /// Of how many items; of something that must happen, how often at least.
    pub of: u64,
    /// How many of them have it.
    pub have: u64,
    /// The entries that say so, in order; of what is only counted, the first and the last.
    pub leaves: Vec<u64>,
    /// The items that have not.
    pub missing: Vec<Missing>,
}

impl Answer {
    /// Returns whether all that is asked is there.
    pub fn is_met(&self) -> bool {
        match self.ask {
            Ask::Each(_) => self.of > 0 && self.have == self.of,
            Ask::EachIfAny(_) => self.have == self.of,
            Ask::Happened { .. } => self.have >= self.of,
        }
    }

    /// Returns what is missing as a sentence, if anything is.
    pub fn gap(&self) -> Option<String> {
        if self.is_met() {
            return None;
        }
        Some(match self.ask {
            Ask::Each(mark) | Ask::EachIfAny(mark) if self.of == 0 => {
                format!("no {} in the period", mark.kind().words(1))
            }
            Ask::Each(mark) | Ask::EachIfAny(mark) => {
                let lack = self.of - self.have;
                let (of, kind) = (self.of, mark.kind().words(self.of));
                format!("{lack} of {of} {kind}: {}", mark.lacks())
            }
            Ask::Happened { what, minimum: 1, within } => {
                format!("never {}: {}", within.words(), what.sentence())
            }
            Ask::Happened { what, minimum, within } => {
                let (have, within) = (self.have, within.words());
                format!("{have} × {within}, {minimum} are asked: {}", what.sentence())
            }
        })
    }
}

/// What the log has to show for a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessed {
    /// Which.
    pub control: Control,
    /// How it stands.
    pub standing: Standing,
    /// What came of each thing that it asks.
    pub answers: Vec<Answer>,
    /// What spoke against it.
    pub exceptions: Vec<Seen>,
    /// What is missing, in sentences.
    pub gaps: Vec<String>,
    /// Why it does not apply, if the configuration says so; without anybody who agreed, that
    /// counts for nothing.
    pub not_applicable: Option<NotApplicable>,
    /// How much its standing is worth, in hundredths.
    pub confidence: u8,
    /// Why it is worth that.
    pub confidence_why: String,
}

/// A period of whole days of UTC, seen in a ledger.
#[derive(Debug, Clone)]
pub struct Period<'a> {
    ledger: &'a Ledger,
    from: Millis,
    to: Millis,
    /// Limits of incidents that ended in it, by what is asked of them.
    limits: BTreeMap<Mark, Vec<Item>>,
}

impl<'a> Period<'a> {
    /// Returns the period that begins with `from` and ends before `to`, both the beginning of a day
    /// of UTC.
    pub fn new(ledger: &'a Ledger, from: Millis, to: Millis) -> Self {
        Self { ledger, from, to, limits: BTreeMap::new() }
    }

    /// Takes the limits of incidents that ended in it, by what is known of them at `now`. What is
    /// not due yet is not missing.
    #[must_use]
    pub fn with_limits(mut self, state: &State, now: Millis) -> Self {
        for (id, incident) in &state.incidents {
            for clock in incident.recorded().clocks() {
                if clock.due < self.from || clock.due >= self.to {
                    continue;
                }
                let mark = match clock.limit {
                    Limit::Classification => Mark::ClassifiedInTime,
                    Limit::Initial | Limit::Intermediate | Limit::Final => Mark::ToldInTime,
                };
                let (what, due) = (clock.limit.words(), clock.due.utc_minute());
                let met = match clock.standing(now) {
                    OfLimit::Ahead | OfLimit::Near => continue,
                    OfLimit::InTime => true,
                    OfLimit::Overdue | OfLimit::Late => false,
                };
                let came = clock.met.map_or_else(
                    || "is missing".to_owned(),
                    |at| format!("came {}", at.utc_minute()),
                );
                self.limits.entry(mark).or_default().push(Item {
                    id: id.to_string(),
                    leaf: None,
                    at: clock.due,
                    has: met.then_some((mark, None)).into_iter().collect(),
                    through: Vec::new(),
                    note: format!("{what} was due by {due}, and {came}"),
                });
            }
        }
        self
    }

    /// Returns how many entries are in it.
    pub fn entries(&self) -> u64 {
        self.ledger.entries(self.from, self.to)
    }

    /// Returns how each control of `catalogue` stands.
    pub fn assess(&self, catalogue: Catalogue) -> Vec<Assessed> {
        catalogue.controls().iter().map(|control| self.one(catalogue, *control)).collect()
    }

    fn one(&self, catalogue: Catalogue, control: Control) -> Assessed {
        let answers: Vec<Answer> = control.asks.iter().map(|ask| self.answer(*ask)).collect();
        let seen = |fact: &Fact| self.ledger.seen(*fact, self.from, self.to);
        let exceptions = control.against.iter().filter_map(seen).collect();
        let mut gaps: Vec<String> = answers.iter().filter_map(Answer::gap).collect();
        gaps.extend(control.unrecorded.iter().map(|what| format!("nothing here records: {what}")));
        let name = catalogue.name_of(&control);
        let exempt = self.ledger.not_applicable(&name, self.to).cloned();
        let agreed = exempt.as_ref().is_some_and(|exempt| !exempt.approvers.is_empty());
        if exempt.is_some() && !agreed {
            gaps.push("taken not to apply, and nobody but who says so agreed to that".to_owned());
        }
        let any = answers.iter().any(|answer| answer.have > 0);
        let standing = match (agreed, any, gaps.is_empty()) {
            (true, _, _) => Standing::NotApplicable,
            (false, true, true) => Standing::Evidenced,
            (false, true, false) => Standing::Partial,
            (false, false, _) => Standing::Gap,
        };
        let (confidence, confidence_why) = self.confidence(&control);
        Assessed {
            control,
            standing,
            answers,
            exceptions,
            gaps,
            not_applicable: exempt,
            confidence,
            confidence_why,
        }
    }

    fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Each(mark) | Ask::EachIfAny(mark) => match mark.kind() {
                Kind::Limit => {
                    of_each(ask, mark, self.limits.get(&mark).map_or(&[][..], Vec::as_slice))
                }
                _recorded => of_each(ask, mark, &self.ledger.each(mark, self.from, self.to)),
            },
            Ask::Happened { what, minimum, within } => {
                let from = match within {
                    Within::Period => self.from,
                    Within::Year => self.to.plus(-YEAR_MS).min(self.from),
                };
                let seen = self.ledger.seen(what, from, self.to);
                let mut leaves: Vec<u64> =
                    seen.iter().flat_map(|seen| [seen.first, seen.last]).collect();
                leaves.dedup();
                let have = seen.map_or(0, |seen| seen.count);
                Answer { ask, of: minimum, have, leaves, missing: Vec::new() }
            }
        }
    }

    /// Returns how much an answer is worth: half of it where our words are not compared with the
    /// text, and half of it where nobody else vouches for the log of the period.
    fn confidence(&self, control: &Control) -> (u8, String) {
        let seen = |fact| self.ledger.seen(fact, self.from, self.to).is_some();
        let (text, text_why) = match control.text {
            TextStatus::Read => (100, "the text was read in a reproduction"),
            TextStatus::ToVerify => (50, "our words are still to be compared with the text"),
        };
        let (log, log_why) = match (seen(Fact::LogDistrusted), seen(Fact::Witnessed)) {
            (true, _) => (0, "a witness knew another history of the log"),
            (false, true) => (100, "a witness cosigned the log in the period"),
            (false, false) => (50, "no witness cosigned the log in the period"),
        };
        let worth = u8::try_from(text * log / 100).unwrap_or(0);
        (worth, format!("{text_why}; {log_why}"))
    }
}

fn of_each(ask: Ask, mark: Mark, items: &[Item]) -> Answer {
    let missing = |item: &Item| {
        let through = item.through.iter().map(ToString::to_string).collect();
        Missing { id: item.id.clone(), leaf: item.leaf, through, note: item.note.clone() }
    };
    let lack = |item: &&Item| !item.has.contains_key(&mark);
    let missing: Vec<Missing> = items.iter().filter(lack).map(missing).collect();
    let leaves = items.iter().filter_map(|item| *item.has.get(&mark)?);
    let of = items.len() as u64;
    Answer { ask, of, have: of - missing.len() as u64, leaves: leaves.collect(), missing }
}
