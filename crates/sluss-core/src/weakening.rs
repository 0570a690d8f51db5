//! Weakenings: in what a proposed configuration asks less than the one in force. Such a one takes
//! two people who agree, neither of whom is an author of it, in place of one.
//!
//! # Invariants
//!
//! - What is not known to ask as much asks less: a changed rule, policies whose past was not
//!   decided again, and a calendar whose times were not compared.

use serde::{Deserialize, Serialize};

use crate::config::{FourEyes, Organisation};
use crate::state::{Proposal, State};

/// How many people agree to a configuration that asks less.
pub const PEOPLE: u8 = 2;

/// In what a configuration asks less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakening {
    /// A second person is asked less often.
    FourEyes,
    /// Something is no longer required of every service.
    Requirements,
    /// A rule of who must agree is gone, or changed.
    Approvals,
    /// No policy is in force any more.
    NoPolicies,
    /// Its policies would have let more pass.
    Policies,
    /// What its policies would have made of the past is not known.
    PoliciesNotCompared,
    /// No calendar is in force any more.
    NoCalendar,
    /// Its calendar leaves times open that the one in force shuts.
    Calendar,
    /// Which times its calendar leaves open is not known.
    CalendarNotCompared,
    /// Something is kept for less long.
    Retention,
    /// A control is taken not to apply, or not to for another reason.
    Controls,
    /// Findings may stay open for longer.
    Findings,
}

impl Weakening {
    /// Returns it as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::FourEyes => "A second person is asked less often.",
            Self::Requirements => "Something is no longer required of every service.",
            Self::Approvals => "A rule of who must agree is gone, or changed.",
            Self::NoPolicies => "No policy would be in force any more.",
            Self::Policies => "Its policies would have let more pass.",
            Self::PoliciesNotCompared => {
                "What its policies would have made of the past is not known."
            }
            Self::NoCalendar => "No calendar would be in force any more.",
            Self::Calendar => "Its calendar leaves times open that are shut now.",
            Self::CalendarNotCompared => "Which times its calendar leaves open is not known.",
            Self::Retention => "Something would be kept for less long.",
            Self::Controls => "A control would be taken not to apply.",
            Self::Findings => "Findings of scanners might stay open for longer.",
        }
    }
}

fn strictness(four_eyes: FourEyes) -> u8 {
    match four_eyes {
        FourEyes::Never => 0,
        FourEyes::FirstRelease => 1,
        FourEyes::Always => 2,
    }
}

fn between(before: &Organisation, proposal: &Proposal) -> Vec<Weakening> {
    let after = &proposal.organisation;
    let policies = match (&before.policies, &after.policies) {
        (Some(_), None) => Some(Weakening::NoPolicies),
        (Some(old), Some(new)) if old != new => match proposal.lets_more_pass {
            Some(false) => None,
            Some(true) => Some(Weakening::Policies),
            None => Some(Weakening::PoliciesNotCompared),
        },
        (Some(_) | None, _) => None,
    };
    let calendar = match (&before.calendar, &after.calendar) {
        (Some(_), None) => Some(Weakening::NoCalendar),
        (Some(old), Some(new)) if old != new => match proposal.opens_more {
            Some(false) => None,
            Some(true) => Some(Weakening::Calendar),
            None => Some(Weakening::CalendarNotCompared),
        },
        (Some(_) | None, _) => None,
    };
    let found = [
        (strictness(after.four_eyes) < strictness(before.four_eyes)).then_some(Weakening::FourEyes),
        (!before.require.is_subset(&after.require)).then_some(Weakening::Requirements),
        before
            .approvals
            .iter()
            .any(|rule| !after.approvals.contains(rule))
            .then_some(Weakening::Approvals),
        policies,
        calendar,
        after.retention.any_shorter_than(&before.retention).then_some(Weakening::Retention),
        after
            .not_applicable
            .iter()
            .any(|(name, why)| before.not_applicable.get(name) != Some(why))
            .then_some(Weakening::Controls),
        before.any_term_longer_in(after).then_some(Weakening::Findings),
    ];
    found.into_iter().flatten().collect()
}

impl State {
    /// Returns in what the proposed configuration `number` asks less than the one in force.
    pub fn weakenings(&self, number: u64) -> Vec<Weakening> {
        match (&self.organisation, self.proposals.get(&number)) {
            (Some(before), Some(proposal)) => between(before, proposal),
            (None, _) | (_, None) => Vec::new(),
        }
    }
}
