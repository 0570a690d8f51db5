//! Weakenings: in what a proposed configuration asks less than the one in force. Such a one takes
//! two people who agree, neither of whom is an author of it, in place of one.
//!
//! # Invariants
//!
//! - What is not known to ask as much asks less: a changed rule, policies whose past was not
//!   decided again, and a calendar whose times were not compared.

use serde::{Deserialize, Serialize};

use crate::config::{FourEyes, Organisation, Product};
use crate::findings::Severity;
use crate::hold::{Hold, HoldScope};
use crate::ids::{PersonRef, ProductName, TemplateRef};
use crate::state::{Proposal, State};
use crate::stop::{Stop, StopScope};
use crate::units::Millis;

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
    /// What its policies deny would be told, and no longer enforced.
    PolicyMode,
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
    /// A decision needs no key any more, or one that was signed in for longer.
    Keys,
    /// An approval is waited for, or counts, for longer.
    Terms,
    /// Something is no longer required of a product's services.
    ProductRequirements,
    /// Somebody counts as trained who did not, or for longer.
    Training,
    /// A template asks less of what it delivers, or is gone.
    Templates,
    /// Somebody decides who did not.
    Members,
    /// An environment counts as one without customers that did not.
    Customers,
    /// Nobody is on call for emergencies any more, or others are.
    OnCall,
    /// Somebody is no longer told of what happens.
    Notify,
    /// A service that is not listed registers itself, which asks nothing of its product.
    Registration,
    /// A product is another team's: whose overdue reviews shut its gates changes.
    Owners,
    /// A service would belong to a product of which less is asked, or not known to be as much.
    Moved,
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
            Self::PolicyMode => "What policies deny would only be told, and keep nothing.",
            Self::NoCalendar => "No calendar would be in force any more.",
            Self::Calendar => "Its calendar leaves times open that are shut now.",
            Self::CalendarNotCompared => "Which times its calendar leaves open is not known.",
            Self::Retention => "Something would be kept for less long.",
            Self::Controls => "A control would be taken not to apply.",
            Self::Findings => "Findings of scanners might stay open for longer.",
            Self::Keys => "A decision would need no key, or an older sign-in.",
            Self::Terms => "An approval would be waited for, or count, for longer.",
            Self::ProductRequirements => {
                "Something would no longer be required of a product's services."
            }
            Self::Training => "Somebody would count as trained who does not, or for longer.",
            Self::Templates => "A template would ask less of what it delivers, or be gone.",
            Self::Customers => {
                "An environment would count as one without customers wherever another comes after it."
            }
            Self::Members => "Somebody would decide who does not.",
            Self::OnCall => "Nobody, or somebody else, would be on call for emergencies.",
            Self::Notify => "Somebody would no longer be told of what happens.",
            Self::Registration => "A service that is not listed could register itself.",
            Self::Owners => "A product would be another team's.",
            Self::Moved => {
                "A service would move to a product that asks less, or is not known to ask as much."
            }
        }
    }
}

/// Returns in what `after` asks less of people than `before`.
fn of_people(before: &Organisation, after: &Organisation) -> [Option<Weakening>; 6] {
    let keys = before.by_key && !after.by_key || after.sign_in_minutes > before.sign_in_minutes;
    let terms =
        after.approval_hours > before.approval_hours || after.approval_days > before.approval_days;
    let trained =
        |(who, at): (&PersonRef, &Millis)| before.training.get(who).is_none_or(|was| was < at);
    let required = |(name, of): (&ProductName, &Product)| {
        let now = after.products.get(name);
        now.map_or(!of.require.is_empty(), |now| !of.require.is_subset(&now.require))
    };
    let moved = |(name, of): (&ProductName, &Product)| {
        after.products.get(name).is_some_and(|now| now.owner != of.owner)
    };
    let opens = after.open_registration && !before.open_registration;
    [
        opens.then_some(Weakening::Registration),
        before.products.iter().any(moved).then_some(Weakening::Owners),
        keys.then_some(Weakening::Keys),
        terms.then_some(Weakening::Terms),
        before.products.iter().any(required).then_some(Weakening::ProductRequirements),
        after.training.iter().any(trained).then_some(Weakening::Training),
    ]
}

/// Returns whether a registered service would leave its product for one that asks less: fewer
/// gates, longer terms of findings, or what keeps it now would keep it no more. What a calendar
/// and policies make of another product is not known.
fn asks_less_by_move(state: &State, before: &Organisation, after: &Organisation) -> bool {
    state.services.keys().any(|service| {
        let was = state.product_by(Some(before), service);
        let now = state.product_by(Some(after), service);
        let fewer = || !before.demands(was).is_subset(&after.demands(now));
        let longer = |of: &Severity| after.term(now, *of) > before.term(was, *of);
        let stopped =
            |stop: &Stop| matches!(&stop.scope, StopScope::Product(of) if Some(of) == was);
        let held = |hold: &Hold| matches!(&hold.scope, HoldScope::Product(of) if Some(of) == was);
        let kept = || {
            state.active_stops().any(|(_, stop)| stopped(stop))
                || state.active_holds().any(|(_, hold)| held(hold))
                || state.overdue_review(service, state.time).is_some()
        };
        let unknown = before.calendar.is_some() || before.policies.is_some();
        was != now && (unknown || fewer() || Severity::ALL.iter().any(longer) || kept())
    })
}

/// Returns whether a template that is in force would be gone, or ask at fewer gates; or whether a
/// new version of one asks at fewer than the one before it.
fn asks_less_by_template(before: &Organisation, after: &Organisation) -> bool {
    let fewer = |was: &TemplateRef, is: &TemplateRef| {
        let (Some(stages), now) = (before.template_gates.get(was), after.template_gates.get(is))
        else {
            return false;
        };
        stages.iter().any(|(place, gates)| {
            let now = now.and_then(|stages| stages.get(place));
            now.map_or(!gates.is_empty(), |now| !gates.is_subset(now))
        })
    };
    let before_it = |new: &TemplateRef| {
        let same = before.template_gates.keys().filter(|old| old.name == new.name);
        same.filter(|old| old.version < new.version).max_by_key(|old| old.version).cloned()
    };
    let new = after.templates.keys().chain(after.template_gates.keys());
    let new = new.filter(|name| !before.template_gates.contains_key(*name));
    before.template_gates.keys().any(|name| fewer(name, name))
        || new.into_iter().any(|name| before_it(name).is_some_and(|old| fewer(&old, name)))
}

/// Returns whether the proposal lets people decide who do not, where there are two beside its
/// authors who could agree to that: two people who are all there are can still take in a third.
fn adds_deciders(before: &Organisation, proposal: &Proposal) -> bool {
    let after = &proposal.organisation;
    let mut grown = after.groups.iter().map(|(name, now)| (before.groups.get(name), now));
    let added = grown.any(|(was, now)| was.is_some_and(|was| !now.is_subset(was)));
    let more = added || !after.approvers.is_subset(&before.approvers);
    more && before.approvers.difference(&proposal.contributors).count() >= usize::from(PEOPLE)
}

impl Weakening {
    /// Returns whether it lets more go, and not only more people decide, or for longer.
    fn lets_more_go(self) -> bool {
        !matches!(self, Self::Members | Self::Training | Self::Terms | Self::Retention)
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
            // Where nothing was decided in that time, nothing was checked.
            Some(true) if proposal.checked == Some(0) => Some(Weakening::PoliciesNotCompared),
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
    let enforced_less = before.policies.is_some() && before.policy.enforces_less(&after.policy);
    let found = [
        (strictness(after.four_eyes) < strictness(before.four_eyes)).then_some(Weakening::FourEyes),
        (!before.require.is_subset(&after.require)).then_some(Weakening::Requirements),
        before
            .approvals
            .iter()
            .any(|rule| !after.approvals.contains(rule))
            .then_some(Weakening::Approvals),
        policies,
        enforced_less.then_some(Weakening::PolicyMode),
        calendar,
        after.retention.any_shorter_than(&before.retention).then_some(Weakening::Retention),
        after
            .not_applicable
            .iter()
            .any(|(name, why)| before.not_applicable.get(name) != Some(why))
            .then_some(Weakening::Controls),
        before.any_term_longer_in(after).then_some(Weakening::Findings),
        asks_less_by_template(before, after).then_some(Weakening::Templates),
        (!after.without_customers.is_subset(&before.without_customers))
            .then_some(Weakening::Customers),
        adds_deciders(before, proposal).then_some(Weakening::Members),
        before.on_call_changes(after).then_some(Weakening::OnCall),
        (!after.alarm.tells_all_of(&before.alarm)).then_some(Weakening::Notify),
    ];
    let found = found.into_iter().chain(of_people(before, after));
    found.into_iter().flatten().collect()
}

impl State {
    /// Returns whether the proposed configuration `number` lets more go than the one in force.
    pub(crate) fn lets_more_go(&self, number: u64) -> bool {
        self.weakenings(number).into_iter().any(Weakening::lets_more_go)
    }

    /// Returns in what the proposed configuration `number` asks less than the one in force.
    pub fn weakenings(&self, number: u64) -> Vec<Weakening> {
        match (&self.organisation, self.proposals.get(&number)) {
            (Some(before), Some(proposal)) => {
                let moved = asks_less_by_move(self, before, &proposal.organisation);
                let moved = moved.then_some(Weakening::Moved);
                between(before, proposal).into_iter().chain(moved).collect()
            }
            (None, _) | (_, None) => Vec::new(),
        }
    }
}
