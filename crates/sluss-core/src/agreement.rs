//! Who must agree to something that waits, and who still may.

use std::collections::BTreeSet;

use crate::approval::{Decision, Subject, VoidWhy};
use crate::config::{Delegation, Organisation};
use crate::deployment::Phase;
use crate::exception::Exception;
use crate::ids::{GroupName, PersonRef};
use crate::slots::{self, Groups, Rule};
use crate::state::State;
use crate::units::Millis;
use crate::weakening;

impl State {
    /// Takes a delegation in, in the place of what the same person said of the same one before.
    pub(crate) fn delegate(&mut self, new: &Delegation) {
        let same = |old: &&mut Delegation| (&old.from, &old.to) == (&new.from, &new.to);
        for old in self.delegations.iter_mut().filter(same) {
            old.until = old.until.min(new.since);
        }
        if new.since < new.until {
            self.delegations.push(new.clone());
        }
    }

    /// Returns the rules that must be met by those who agree to `subject`.
    pub fn rules_of(&self, subject: Subject) -> Vec<Rule> {
        match (subject, &self.organisation) {
            (Subject::Deployment(id), Some(organisation)) => match self.deployments.get(&id) {
                Some(of) => organisation.rules_for(&of.service, &of.environment).0,
                None => Organisation::usual_rule(),
            },
            (Subject::Configuration(number), known) => {
                let rules = known.as_ref().map_or_else(Organisation::usual_rule, |organisation| {
                    organisation.rules_for_platform()
                });
                if self.weakenings(number).is_empty() {
                    return rules;
                }
                let two = |mut rule: Rule| {
                    rule.slots.values_mut().for_each(|people| *people = weakening::PEOPLE);
                    rule
                };
                rules.into_iter().map(two).collect()
            }
            (_, None) => Organisation::usual_rule(),
        }
    }

    /// Returns the groups as they count for `subject` at `now`: nobody acts there for someone who
    /// contributed.
    pub fn groups_for(&self, subject: Subject, now: Millis) -> Groups {
        let contributors = self.contributors_to(subject);
        let organisation = self.organisation.as_ref();
        organisation.map_or_else(Groups::new, |organisation| {
            organisation.groups_at(&self.delegations, &contributors, now)
        })
    }

    /// Returns the groups whose members must still agree to `subject`.
    pub fn still_asked(&self, subject: Subject, now: Millis) -> Vec<GroupName> {
        let request = self.requests.get(&subject);
        let agreed = request.into_iter().flat_map(|request| &request.agreed);
        let agreed = agreed.map(|(who, _)| who.clone()).collect();
        let signed = |who: &PersonRef| request.is_some_and(|request| request.signed.contains(who));
        let may = |rule: &Rule, group: &GroupName, who: &PersonRef| {
            self.fills(subject, (rule, group), who, now) && (!rule.by_key || signed(who))
        };
        let groups = self.groups_for(subject, now);
        slots::unfilled_where(&self.rules_of(subject), &groups, &agreed, &may)
    }

    /// Returns who may still agree to an open `subject`, or refuse it.
    pub fn may_decide(&self, subject: Subject, now: Millis) -> BTreeSet<PersonRef> {
        let Some(request) = self.requests.get(&subject) else { return BTreeSet::new() };
        let groups = self.groups_for(subject, now);
        let asked = self.still_asked(subject, now);
        let members = asked.iter().filter_map(|group| groups.get(group)).flatten();
        let members = members.filter(|who| self.admits_some(subject, who, now));
        let agreed = |who: &PersonRef| request.agreed.iter().any(|(known, _)| known == who);
        members
            .filter(|who| !request.contributors.contains(*who) && !agreed(who))
            .cloned()
            .collect()
    }

    /// Returns whom `subject` asks, as a sentence for `who` that may decide, and is of no group
    /// that it asks.
    pub fn asks_others(&self, subject: Subject, who: &PersonRef, now: Millis) -> Option<String> {
        let mut asked: BTreeSet<GroupName> = self.still_asked(subject, now).into_iter().collect();
        if asked.is_empty() {
            asked
                .extend(self.rules_of(subject).into_iter().flat_map(|rule| rule.slots.into_keys()));
        }
        let groups = self.groups_for(subject, now);
        let is_of = |group| groups.get(group).is_some_and(|members| members.contains(who));
        if !self.organisation.as_ref()?.deciders().contains(who) || asked.iter().any(is_of) {
            return None;
        }
        let names: Vec<String> = asked.iter().map(|group| format!("`{group}`")).collect();
        let neither =
            if names.len() == 1 { "not in that group" } else { "in none of these groups" };
        Some(format!(
            "{subject} asks for someone of {}, and you are {neither}.",
            names.join(" and ")
        ))
    }

    /// Returns whether a decision over `subject` still has a consequence.
    pub(crate) fn still_waits(&self, subject: Subject) -> bool {
        match subject {
            Subject::Deployment(id) => self.deployments.get(&id).is_some_and(|d| match d.phase {
                Phase::Requested | Phase::Cleared => true,
                Phase::RollingOut(_)
                | Phase::Live { .. }
                | Phase::RolledBack { .. }
                | Phase::Superseded { .. }
                | Phase::Refused { .. }
                | Phase::Removed { .. } => false,
            }),
            Subject::Configuration(number) => {
                self.proposals.get(&number).is_some_and(|proposal| !proposal.over)
            }
        }
    }

    /// Folds that what people were asked about does not wait any more: nobody is asked.
    pub(crate) fn overtaken(&mut self, subject: Subject, now: Millis) {
        let request = self.requests.get_mut(&subject);
        if let Some(request) = request.filter(|of| of.decision == Decision::Open) {
            request.decision = Decision::Invalidated { at: now, why: Some(VoidWhy::Overtaken) };
        }
    }

    /// Returns whether `who` agreed to `subject` and that stands.
    pub(crate) fn has_agreed(&self, subject: Subject, who: &PersonRef) -> bool {
        self.requests.get(&subject).is_some_and(|request| {
            matches!(request.decision, Decision::Open | Decision::Granted { .. })
                && request.agreed.iter().any(|(agreed, _)| agreed == who)
        })
    }

    /// Returns whether `who` may take back that they agreed: what it is about has not begun.
    pub fn may_revoke(&self, subject: Subject, who: &PersonRef) -> bool {
        self.has_agreed(subject, who) && self.still_waits(subject)
    }

    /// Returns everyone who contributed to `subject` as it stands now, and so does not decide over
    /// it.
    pub fn contributors_to(&self, subject: Subject) -> BTreeSet<PersonRef> {
        match subject {
            Subject::Deployment(id) => self.contributors(id),
            Subject::Configuration(number) => self
                .proposals
                .get(&number)
                .map(|proposal| self.with_identified(proposal.contributors.clone()))
                .unwrap_or_default(),
        }
    }

    /// Returns who may still agree that an exception be granted: who may decide, did not ask for
    /// it, did not agree already, and contributed nothing to what it lets through.
    pub fn may_grant(&self, exception: &Exception) -> BTreeSet<PersonRef> {
        let people = self.organisation.as_ref().map(|known| known.deciders()).unwrap_or_default();
        let subject = exception.what.deployment().map(Subject::Deployment);
        let contributors = subject.map_or_else(BTreeSet::new, |of| self.contributors_to(of));
        let free = |who: &PersonRef| {
            *who != exception.asked_by
                && !exception.granted_by.contains(who)
                && !contributors.contains(who)
        };
        people.into_iter().filter(free).collect()
    }
}
