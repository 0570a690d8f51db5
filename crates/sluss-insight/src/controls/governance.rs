//! Configurations, exceptions, incidents, disposals and keys of people, as the ledger knows them.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::approval::Subject;
use sluss_core::controls::ControlName;
use sluss_core::event::Event;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{AuthenticatorId, Digest, DisposalId, ExceptionId, IncidentId, PersonRef};
use sluss_core::units::Millis;

use super::fact::Fact;
use super::ledger::{Item, Items, NotApplicable};
use super::mark::{Kind, Mark};

#[derive(Debug, Clone)]
struct Proposed {
    authors: BTreeSet<PersonRef>,
    exempt: BTreeMap<ControlName, Digest>,
    agreed: BTreeSet<PersonRef>,
    /// The entry in which the last of them agreed.
    leaf: Option<u64>,
}

#[derive(Debug, Clone)]
struct Exception {
    people: usize,
    emergency: bool,
    real_data: bool,
    asked_by: PersonRef,
    granted_by: BTreeSet<PersonRef>,
    /// Where its items stand, once it was granted.
    item: Option<(usize, Option<usize>)>,
}

/// Controls that do not apply, from an instant on.
#[derive(Debug, Clone)]
struct Since {
    at: Millis,
    exempt: BTreeMap<ControlName, NotApplicable>,
}

#[derive(Debug, Clone)]
struct Disposal {
    by: PersonRef,
    agreed: Option<(PersonRef, u64)>,
    place: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Governance {
    proposed: BTreeMap<u64, Proposed>,
    exempt: Vec<Since>,
    exceptions: BTreeMap<ExceptionId, Exception>,
    incidents: BTreeMap<IncidentId, usize>,
    disposals: BTreeMap<DisposalId, Disposal>,
    keys: BTreeMap<AuthenticatorId, (PersonRef, usize)>,
}

impl Governance {
    /// Takes an event, and returns what it makes of it that is counted.
    pub(super) fn take(
        &mut self,
        items: &mut Items,
        leaf: u64,
        at: Millis,
        event: &Event,
    ) -> Vec<Fact> {
        match event {
            Event::ConfigProposed { number, organisation, contributors, .. } => {
                let exempt = organisation.not_applicable.clone();
                let (authors, agreed) = (contributors.clone(), BTreeSet::new());
                let proposed = Proposed { authors, exempt, agreed, leaf: None };
                self.proposed.insert(*number, proposed);
            }
            Event::ConfigActivated { number, .. } => self.activate(items, leaf, at, *number),
            Event::ConfigRefused { number } => {
                self.proposed.remove(number);
            }
            Event::ApprovalGranted { subject: Subject::Configuration(number), by, .. } => {
                if let Some(proposed) = self.proposed.get_mut(number) {
                    proposed.agreed.insert(by.clone());
                    proposed.leaf = Some(leaf);
                }
            }
            Event::ApprovalInvalidated { subject: Subject::Configuration(number), .. }
            | Event::ApprovalExpired { subject: Subject::Configuration(number), .. }
            | Event::ApprovalRefused { subject: Subject::Configuration(number), .. } => {
                if let Some(proposed) = self.proposed.get_mut(number) {
                    proposed.agreed.clear();
                }
            }
            Event::ExceptionRequested { exception, what, by, .. } => {
                self.exceptions.insert(*exception, Exception::asked(what, by));
            }
            Event::ExceptionGranted { exception, by, .. } => {
                return self.grant(items, leaf, at, *exception, by);
            }
            Event::ExceptionReviewed { exception, by, .. } => {
                let found = self.exceptions.get(exception);
                let had_part = |one: &Exception| one.asked_by == *by || one.granted_by.contains(by);
                let other = found.filter(|one| !had_part(one));
                if let Some((_, Some(place))) = other.and_then(|one| one.item) {
                    items.mark(place, Mark::Reviewed, leaf);
                }
            }
            _of_another_kind => {
                self.take_incident(items, leaf, at, event);
                self.take_disposal(items, leaf, at, event);
            }
        }
        Vec::new()
    }

    fn activate(&mut self, items: &mut Items, leaf: u64, at: Millis, number: u64) {
        let mut item = Item::new(Subject::Configuration(number).to_string(), leaf, at);
        let Some(proposed) = self.proposed.remove(&number) else { return };
        let others: BTreeSet<PersonRef> =
            proposed.agreed.difference(&proposed.authors).cloned().collect();
        if let Some(agreed) = proposed.leaf.filter(|_| !others.is_empty()) {
            item.mark(Mark::OthersAgreed, agreed);
        }
        items.add(Kind::Configuration, item);
        let before = self.exempt.last().map(|since| &since.exempt);
        let said = |(name, reason): (&ControlName, &Digest)| {
            let known = before.and_then(|before| before.get(name));
            // What was agreed to before stands, as long as it is said for the same reason.
            let stands =
                |known: &&NotApplicable| known.reason == *reason && !known.approvers.is_empty();
            let known = known.filter(stands).cloned();
            let new = || NotApplicable {
                reason: reason.clone(),
                configuration: number,
                leaf,
                approvers: others.clone(),
            };
            (name.clone(), known.unwrap_or_else(new))
        };
        let exempt = proposed.exempt.iter().map(said).collect();
        self.exempt.push(Since { at, exempt });
    }

    fn grant(
        &mut self,
        items: &mut Items,
        leaf: u64,
        at: Millis,
        id: ExceptionId,
        by: &PersonRef,
    ) -> Vec<Fact> {
        let Some(found) = self.exceptions.get_mut(&id) else { return Vec::new() };
        found.granted_by.insert(by.clone());
        if found.item.is_some() || found.granted_by.len() < found.people {
            return Vec::new();
        }
        let mut item = Item::new(id.to_string(), leaf, at);
        if !found.granted_by.contains(&found.asked_by) {
            item.mark(Mark::OthersGranted, leaf);
        }
        let place = items.add(Kind::Exception, item);
        let emergency = found
            .emergency
            .then(|| items.add(Kind::Emergency, Item::new(id.to_string(), leaf, at)));
        found.item = Some((place, emergency));
        let also = emergency.map(|_| Fact::EmergencyGranted);
        let real = found.real_data.then_some(Fact::RealDataAllowed);
        [Fact::ExceptionGranted].into_iter().chain(also).chain(real).collect()
    }

    fn take_incident(&mut self, items: &mut Items, leaf: u64, at: Millis, event: &Event) {
        let (id, cause) = match event {
            Event::IncidentOpened { incident, .. } => (incident, true),
            Event::IncidentReported { incident, suspect, .. } => (incident, suspect.is_some()),
            Event::IncidentShadow { incident, .. } => (incident, false),
            Event::IncidentLinked { incident, .. } => {
                return self.mark_incident(items, *incident, Mark::CauseKnown, leaf);
            }
            Event::IncidentClassified(classified) => {
                return self.mark_incident(items, classified.incident, Mark::Classified, leaf);
            }
            Event::IncidentReviewed(of) => {
                return self.mark_incident(items, of.incident, Mark::Learnt, leaf);
            }
            Event::IncidentClosed { incident, .. } => {
                return self.mark_incident(items, *incident, Mark::Closed, leaf);
            }
            _no_incident => return,
        };
        let mut item = Item::new(id.to_string(), leaf, at);
        if cause {
            item.mark(Mark::CauseKnown, leaf);
        }
        self.incidents.insert(*id, items.add(Kind::Incident, item));
    }

    fn mark_incident(&self, items: &mut Items, id: IncidentId, mark: Mark, leaf: u64) {
        if let Some(place) = self.incidents.get(&id) {
            items.mark(*place, mark, leaf);
        }
    }

    fn take_disposal(&mut self, items: &mut Items, leaf: u64, at: Millis, event: &Event) {
        match event {
            Event::DisposalProposed { disposal, by, .. } => {
                let new = Disposal { by: by.clone(), agreed: None, place: None };
                self.disposals.insert(*disposal, new);
            }
            Event::DisposalAgreed { disposal, by } => {
                if let Some(known) = self.disposals.get_mut(disposal) {
                    known.agreed = Some((by.clone(), leaf));
                }
            }
            Event::BlobDisposed { disposal, .. } => {
                let known = self.disposals.get_mut(disposal).filter(|one| one.place.is_none());
                let Some(known) = known else { return };
                let mut item = Item::new(disposal.to_string(), leaf, at);
                let other = known.agreed.as_ref().filter(|(other, _)| *other != known.by);
                if let Some((_, agreed)) = other {
                    item.mark(Mark::TwoPeople, *agreed);
                }
                known.place = Some(items.add(Kind::Disposal, item));
            }
            Event::AuthenticatorRegistered { authenticator, person, .. } => {
                let item = Item::new(authenticator.to_string(), leaf, at);
                let place = items.add(Kind::Authenticator, item);
                self.keys.insert(*authenticator, (person.clone(), place));
            }
            Event::AuthenticatorVouched { authenticator, by } => {
                if let Some((_, place)) =
                    self.keys.get(authenticator).filter(|(person, _)| person != by)
                {
                    items.mark(*place, Mark::Vouched, leaf);
                }
            }
            _of_another_kind => {}
        }
    }

    fn at(&self, to: Millis) -> Option<&Since> {
        self.exempt.iter().rev().find(|since| since.at < to)
    }

    pub(super) fn not_applicable(&self, name: &str, to: Millis) -> Option<&NotApplicable> {
        let exempt = &self.at(to)?.exempt;
        exempt.iter().find(|(known, _)| known.as_str() == name).map(|(_, why)| why)
    }

    pub(super) fn exempt(&self, to: Millis) -> Vec<&str> {
        let exempt = self.at(to).map(|since| &since.exempt);
        exempt.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}

impl Exception {
    fn asked(what: &ExceptionKind, by: &PersonRef) -> Self {
        Self {
            people: what.people(),
            emergency: matches!(what, ExceptionKind::Emergency { .. }),
            real_data: matches!(what, ExceptionKind::ProdData { .. }),
            asked_by: by.clone(),
            granted_by: BTreeSet::new(),
            item: None,
        }
    }
}
