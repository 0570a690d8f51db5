//! Erasing a person: nothing is left of them but a reference that leads nowhere.
//!
//! # Invariants
//!
//! - No leaf changes: what stands for the person in the log stays, so that every proof holds.
//! - Nobody is erased who has a role, is under way with something, or had a part in what is held.

use serde::{Deserialize, Serialize};

use crate::approval::Decision;
use crate::contents::{Gone, GoneWhy};
use crate::deployment::Deployment;
use crate::event::Event;
use crate::exception::ExceptionKind;
use crate::ids::{Digest, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// An erasure that somebody proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Of whom.
    pub person: PersonRef,
    /// Who proposed it.
    pub by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
    /// When.
    pub proposed: Millis,
    /// When it was decided, by whom, and whether they agreed.
    pub decided: Option<(Millis, PersonRef, bool)>,
}

impl State {
    /// Returns whom two people erased.
    pub fn erased(&self) -> impl Iterator<Item = &PersonRef> {
        let done = |of: &&Erasure| matches!(of.decided, Some((_, _, true)));
        self.erasures.values().filter(done).map(|of| &of.person)
    }

    /// Returns whether two people erased this person.
    pub fn is_erased(&self, who: &PersonRef) -> bool {
        self.erased().any(|erased| erased == who)
    }

    /// Returns why `who` can't be erased at `now`: a sentence each, with what to do first.
    pub fn keeps(&self, who: &PersonRef, now: Millis) -> Vec<String> {
        let mut why = Vec::new();
        if self.has_role(who) {
            why.push(
                "They have a role: take them out of `organisation.yaml` first, also of groups and \
                 training."
                    .to_owned(),
            );
        }
        let under_way =
            |deployment: &Deployment| !deployment.is_over() && deployment.live.is_none();
        for id in &self.open.deployments {
            let waits = self.deployments.get(id).is_some_and(under_way);
            if waits && self.contributors(*id).contains(who) {
                why.push(format!(
                    "They contributed to {id}, which is under way: let it end first."
                ));
            }
        }
        for id in &self.open.changes {
            let theirs = self.changes.get(id).is_some_and(|of| of.push.contributors.contains(who));
            if theirs {
                why.push(format!("They contributed to {id}, which is not delivered yet."));
            }
        }
        for (subject, request) in &self.requests {
            let open = request.decision == Decision::Open;
            if open && request.agreed.iter().any(|(by, _)| by == who) {
                why.push(format!("They agreed to {subject}, which waits for others."));
            }
        }
        for (id, one) in &self.exceptions {
            let theirs = one.asked_by == *who || one.granted_by.contains(who);
            let asked = one.granted.is_none() && one.ended.is_none() && now < one.until;
            let emergency = matches!(one.what, ExceptionKind::Emergency { .. });
            let unreviewed = emergency && one.granted.is_some() && one.reviewed.is_none();
            if theirs && (asked || one.holds(now) || unreviewed) {
                why.push(format!("They had a part in {id}, which is not over."));
            }
        }
        let delegated = |one: &&crate::config::Delegation| one.from == *who || one.to == *who;
        if self.delegations.iter().filter(delegated).any(|one| one.holds(now)) {
            why.push("They decide for somebody, or somebody for them.".to_owned());
        }
        let stops = self.active_stops().filter(|(_, stop)| stop.by == *who);
        why.extend(stops.map(|(id, _)| format!("They stopped the line ({id}): lift that first.")));
        let holds = self.active_holds().filter(|(_, hold)| hold.by == *who);
        why.extend(holds.map(|(id, _)| format!("They placed the legal hold {id}.")));
        if let Some(id) = self.hold_over_parts(who) {
            why.push(format!("They had a part in what the legal hold {id} keeps."));
        }
        why
    }

    /// Returns whether the configuration in force, or one that may be next, names them.
    fn has_role(&self, who: &PersonRef) -> bool {
        let next = self.next_organisation();
        self.organisation.iter().chain(next).any(|of| {
            of.developers.contains(who)
                || of.deciders().contains(who)
                || of.training.contains_key(who)
        })
    }
}

/// Folds what is proposed and decided about persons.
pub(crate) fn note(state: &mut State, position: u64, now: Millis, event: &Event) {
    match event {
        Event::ErasureProposed { erasure, person, by, reason } => {
            let proposed = Erasure {
                person: person.clone(),
                by: by.clone(),
                reason: reason.clone(),
                proposed: now,
                decided: None,
            };
            state.erasures.insert(*erasure, proposed);
        }
        Event::ErasureRefused { erasure, by } => {
            if let Some(found) = state.erasures.get_mut(erasure) {
                found.decided.get_or_insert((now, by.clone(), false));
            }
        }
        Event::PersonErased { erasure, person, by } => {
            if let Some(found) = state.erasures.get_mut(erasure) {
                found.decided.get_or_insert((now, by.clone(), true));
            }
            let gone = Gone { at: now, leaf: position, why: GoneWhy::Erased };
            let theirs = state.contents.values_mut().filter(|of| of.by.as_ref() == Some(person));
            theirs.for_each(|of| _ = of.gone.get_or_insert(gone.clone()));
            let theirs = state.authenticators.values_mut().filter(|of| of.person == *person);
            theirs.for_each(|of| of.removed = of.removed.or(Some(now)));
        }
        _of_nobody => {}
    }
}

impl Erasure {
    /// Returns where it stands in a word.
    pub fn word(&self) -> &'static str {
        match self.decided {
            None => "proposed",
            Some((_, _, true)) => "erased",
            Some((_, _, false)) => "refused",
        }
    }
}
