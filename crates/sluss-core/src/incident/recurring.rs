//! Recurring incidents: several with the same apparent cause, looked at as one.
//!
//! After Delegated Regulation (EU) 2024/1772, Article 8(2), in our words: incidents that are not
//! major each, have the same apparent root cause and occurred at least twice within six months
//! are one major incident where they are major together.

use std::collections::{BTreeMap, BTreeSet};

use super::clocks::months_later;
use super::criteria::{Assessment, Criteria};
use crate::ids::{CauseName, IncidentId};
use crate::state::State;
use crate::units::Millis;

/// Within how many months they occurred.
const MONTHS: i64 = 6;

/// An incident that is not major by itself, with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Member {
    pub incident: IncidentId,
    pub cause: CauseName,
    pub occurred: Millis,
    /// How long it lasted, or lasts so far.
    pub duration_ms: i64,
    pub criteria: Criteria,
}

/// Incidents with the same cause within six months, as one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Recurring {
    pub cause: CauseName,
    pub incidents: BTreeSet<IncidentId>,
    /// When the first and the last of them occurred.
    pub first: Millis,
    pub last: Millis,
    /// How long they lasted together.
    pub duration_ms: i64,
    /// Their figures together: shares are added, which is never too little.
    pub criteria: Criteria,
    pub assessment: Assessment,
}

/// Returns, for each cause, the incidents that occurred within the six months up to the last one
/// with that cause, that day included, where these are two or more.
pub fn recurring(members: &[Member]) -> Vec<Recurring> {
    let mut causes: BTreeMap<&CauseName, Vec<&Member>> = BTreeMap::new();
    for member in members {
        causes.entry(&member.cause).or_default().push(member);
    }
    let group = |(cause, mut of): (&CauseName, Vec<&Member>)| {
        let last = of.iter().map(|member| member.occurred).max()?;
        let since = months_later(last, -MONTHS);
        of.retain(|member| member.occurred >= since);
        let first = of.iter().map(|member| member.occurred).min()?;
        let mut figures = of.iter().map(|member| member.criteria.clone());
        let criteria = figures.next()?;
        let criteria = figures.fold(criteria, |all, one| all.and(&one));
        let duration_ms = of.iter().map(|member| member.duration_ms).sum();
        (of.len() > 1).then(|| Recurring {
            cause: cause.clone(),
            incidents: of.iter().map(|member| member.incident).collect(),
            first,
            last,
            duration_ms,
            assessment: criteria.assess(duration_ms),
            criteria,
        })
    };
    causes.into_iter().filter_map(group).collect()
}

impl State {
    /// Returns the incidents that recur: of each cause the last six months up to its last incident,
    /// where that is not longer ago than six months itself.
    pub fn recurring_incidents(&self, now: Millis) -> Vec<Recurring> {
        let since = months_later(now, -MONTHS);
        let mut found = recurring(&self.not_major_each(now));
        found.retain(|group| group.last >= since);
        found
    }

    /// Returns the incidents that are not major each, as they were classified last.
    pub(crate) fn not_major_each(&self, now: Millis) -> Vec<Member> {
        let member = |(id, _): (&IncidentId, _)| {
            let (_, last) = self.incidents.get(id)?.reporting.classified.last()?;
            let alone = !last.major || !last.with.is_empty();
            Some(Member {
                incident: *id,
                cause: last.cause.clone().filter(|_| alone)?,
                occurred: last.occurred,
                duration_ms: self.duration_ms(*id, now),
                criteria: last.criteria.clone(),
            })
        };
        self.incidents.iter().filter_map(member).collect()
    }
}
