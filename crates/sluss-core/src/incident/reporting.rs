//! Reporting: how an incident was classified, what the authority was told, and the alarms.
//!
//! # Invariants
//!
//! - A classification stays in the history when another one follows.
//! - Each limit has one alarm at most, recorded while it is near.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Incident;
use super::clocks::{Clock, Limit, Recorded, Report, Sent, Standing};
use super::criteria::{Criteria, Criterion, Holds};
use crate::event::Event;
use crate::ids::{CauseName, Digest, IncidentId, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// What began less than this before an incident was opened is taken for its beginning.
const TRACED_MS: i64 = 60 * 60 * 1000;

/// A person classified an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// Which.
    pub incident: IncidentId,
    /// When it was classified, as they say; recorded later, perhaps.
    pub at: Millis,
    /// When it occurred.
    pub occurred: Millis,
    /// When whoever answers for it became aware of it.
    pub aware: Millis,
    /// What is known of its effects.
    pub criteria: Criteria,
    /// Its apparent cause, which others may share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseName>,
    /// The incidents with the same cause that it was looked at as one with.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub with: BTreeSet<IncidentId>,
    /// The thresholds that were passed then.
    pub passed: BTreeSet<Criterion>,
    /// Whether it is major, as the figures say.
    pub major: bool,
    /// Who.
    pub by: PersonRef,
    /// Why, where that was said: a private text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Digest>,
}

impl Classified {
    /// Returns whether its figures say otherwise by now, since time has passed: then it is to be
    /// classified again.
    pub fn says_otherwise(&self, now: Holds) -> bool {
        match now {
            Holds::Yes => !self.major,
            Holds::No => self.major && self.with.is_empty(),
            Holds::Unknown => false,
        }
    }
}

/// The authority was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notified {
    /// Of which incident.
    pub incident: IncidentId,
    /// By which report.
    pub report: Report,
    /// When that was sent.
    pub sent: Millis,
    /// What was sent, or under which reference: a private text.
    pub reference: Digest,
    /// Who says so.
    pub by: PersonRef,
}

/// A person looked back at it: what was learnt, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookedBack {
    /// At which incident.
    pub incident: IncidentId,
    /// Who.
    pub by: PersonRef,
    /// What was learnt, and what follows: a private text.
    pub findings: Digest,
}

/// There is little time to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitNear {
    /// About which incident.
    pub incident: IncidentId,
    /// What.
    pub limit: Limit,
    /// Until when.
    pub due: Millis,
}

/// What was recorded of an incident's classification and reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reporting {
    /// Its classifications with when they were recorded, oldest first.
    pub classified: Vec<(Millis, Classified)>,
    /// What the authority was told, with when that was recorded.
    pub sent: Vec<(Millis, Notified)>,
    /// What was learnt of it, with when that was recorded.
    #[serde(default)]
    pub reviewed: Vec<(Millis, LookedBack)>,
    /// The limits that an alarm was recorded for.
    pub near: BTreeSet<(Limit, Millis)>,
}

impl Incident {
    /// Returns its classification, if it has one.
    pub fn classification(&self) -> Option<&Classified> {
        self.reporting.classified.last().map(|(_, of)| of)
    }

    /// Returns how it is classified, in words.
    pub fn class(&self) -> &'static str {
        match self.classification().map(|of| of.major) {
            None => "not classified",
            Some(true) => "major",
            Some(false) => "not major",
        }
    }

    /// Returns when whoever answers for it became aware of it: when it was opened, unless somebody
    /// says earlier.
    pub fn aware(&self) -> Millis {
        self.classification().map_or(self.opened, |of| of.aware)
    }

    /// Returns what its clocks run from.
    pub fn recorded(&self) -> Recorded {
        let sent = |(_, of): &(Millis, Notified)| Sent { report: of.report, at: of.sent };
        let classified = |(_, of): &(Millis, Classified)| (of.at, of.major);
        Recorded {
            aware: self.aware(),
            classified: self.reporting.classified.iter().map(classified).collect(),
            sent: self.reporting.sent.iter().map(sent).collect(),
        }
    }
}

impl State {
    /// Returns when an incident occurred: as a person said, or as the log has traces of it: when
    /// the deployment began that is suspected, if that was within the hour before, and when it was
    /// opened else.
    pub fn occurred(&self, id: IncidentId) -> Option<Millis> {
        let incident = self.incidents.get(&id)?;
        if let Some(said) = incident.classification() {
            return Some(said.occurred);
        }
        let deployment = incident.deployment().and_then(|id| self.deployments.get(&id));
        let began = deployment.and_then(|of| of.started);
        let trace = began.filter(|at| (0..TRACED_MS).contains(&incident.opened.since(*at)));
        Some(trace.unwrap_or(incident.opened))
    }

    /// Returns how many milliseconds an incident lasted from its occurrence until it was closed, or
    /// lasts at `now`.
    pub fn duration_ms(&self, id: IncidentId, now: Millis) -> i64 {
        let closed = self.incidents.get(&id).and_then(|incident| incident.closed);
        self.occurred(id).map_or(0, |since| closed.unwrap_or(now).since(since).max(0))
    }

    /// Returns for how many seconds customers were affected, as far as the log says: from its
    /// occurrence until the target confirmed that they no longer are; nothing before that.
    pub fn traced_downtime_seconds(&self, id: IncidentId) -> Option<u64> {
        let incident = self.incidents.get(&id)?;
        let ended = incident.mitigated.or(incident.closed)?;
        let ms = u64::try_from(ended.since(self.occurred(id)?)).ok()?;
        Some(ms.div_ceil(1_000))
    }

    /// Returns whether somebody has a role in which they may say what an incident did.
    pub fn may_classify(&self, who: &PersonRef) -> bool {
        let organisation = self.organisation.as_ref();
        organisation
            .is_some_and(|known| known.developers.contains(who) || known.deciders().contains(who))
    }

    /// Returns the incidents that are not over: open ones, and major ones of which the authority is
    /// still to be told.
    pub fn incidents_at_hand(&self) -> BTreeSet<IncidentId> {
        let told = |id: &&IncidentId| {
            let found = self.incidents.get(id).and_then(Incident::classification);
            found.is_some_and(|of| of.major)
        };
        let open = self.open.incidents.iter();
        open.chain(self.open.reports.iter().filter(told)).copied().collect()
    }

    /// Returns the limits that are near or passed without what was to be done, the first due first.
    pub fn pressing_limits(&self, now: Millis) -> Vec<(IncidentId, Clock)> {
        let of = |id: &IncidentId| {
            let clock = self.incidents.get(id)?.recorded().next()?;
            let pressing = matches!(clock.standing(now), Standing::Near | Standing::Overdue);
            pressing.then_some((*id, clock))
        };
        let mut all: Vec<(IncidentId, Clock)> = self.open.reports.iter().filter_map(of).collect();
        all.sort_by_key(|(id, clock)| (clock.due, *id));
        all
    }

    /// Returns the alarm of a limit that is near, if one is and had none yet. While the clock
    /// cannot be trusted there is none.
    pub(crate) fn limit_near(&self, now: Millis) -> Option<Vec<Event>> {
        let near = |id: &IncidentId| {
            let incident = self.incidents.get(id)?;
            let clock = incident.recorded().clocks().into_iter().find(|clock| {
                clock.standing(now) == Standing::Near
                    && !incident.reporting.near.contains(&(clock.limit, clock.due))
            })?;
            let (incident, limit, due) = (*id, clock.limit, clock.due);
            Some(vec![Event::IncidentLimitNear(LimitNear { incident, limit, due })])
        };
        if self.gap { None } else { self.open.reports.iter().find_map(near) }
    }
}

/// Folds what was recorded of an incident's classification and reports.
pub(crate) fn apply(state: &mut State, now: Millis, event: &Event) {
    let (id, with): (_, &dyn Fn(&mut Reporting)) = match event {
        Event::IncidentClassified(of) => {
            (of.incident, &|known| known.classified.push((now, of.clone())))
        }
        Event::IncidentNotified(of) => (of.incident, &|known| known.sent.push((now, of.clone()))),
        Event::IncidentReviewed(of) => {
            (of.incident, &|known| known.reviewed.push((now, of.clone())))
        }
        Event::IncidentLimitNear(of) => (of.incident, &|known| {
            known.near.insert((of.limit, of.due));
        }),
        _other => unreachable!("BUG: not an event of an incident's reporting"),
    };
    let Some(incident) = state.incidents.get_mut(&id) else { return };
    with(&mut incident.reporting);
    if incident.recorded().is_done() {
        state.open.reports.remove(&id);
    } else {
        state.open.reports.insert(id);
    }
}
