//! Emergencies: who grants one, by when it is reviewed and reported, and what is shut until then.
//!
//! # Invariants
//!
//! - An emergency is reviewed within two business days, and risk is told within one: Monday to
//!   Friday in UTC, public holidays not left out.
//! - An overdue review shuts the four-eyes gate of every service of its team, until it is there; an
//!   emergency still goes past that.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::exception::Exception;
use crate::ids::{ExceptionId, PersonRef, ServiceName, TeamName};
use crate::state::State;
use crate::units::Millis;

/// How many business days a review may take.
pub const REVIEW_DAYS: u8 = 2;
/// Within how many business days risk is told.
pub const REPORT_DAYS: u8 = 1;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Returns the instant `days` business days after `at`: the same time of a day from Monday to
/// Friday (UTC). What begins at a weekend counts from Monday, 00:00.
#[must_use]
pub fn business_days_after(at: Millis, days: u8) -> Millis {
    let mut end = at;
    // 1970-01-01 was a Thursday.
    let weekday = |at: Millis| (at.0.div_euclid(DAY_MS) + 3).rem_euclid(7);
    let monday = |at: Millis| {
        let days = at.0.div_euclid(DAY_MS) + 7 - weekday(at);
        Millis(days.saturating_mul(DAY_MS))
    };
    if weekday(end) >= 5 {
        end = monday(end);
    }
    for _ in 0..days {
        end = end.plus(DAY_MS);
        if weekday(end) >= 5 {
            end = end.plus(2 * DAY_MS);
        }
    }
    end
}

impl Exception {
    /// Returns by when an emergency that was granted is to be reviewed.
    pub fn review_due(&self) -> Option<Millis> {
        let granted = self.granted.filter(|_| self.what.is_emergency())?;
        Some(business_days_after(granted, REVIEW_DAYS))
    }

    /// Returns by when risk is to be told of an emergency that was granted.
    pub fn report_due(&self) -> Option<Millis> {
        let granted = self.granted.filter(|_| self.what.is_emergency())?;
        Some(business_days_after(granted, REPORT_DAYS))
    }

    /// Returns whether its review is overdue at `now`.
    pub fn is_overdue(&self, now: Millis) -> bool {
        self.reviewed.is_none() && self.review_due().is_some_and(|due| now >= due)
    }

    /// Returns whether everybody is to see it: an emergency that somebody asks for, that is in
    /// force or that waits for its review.
    pub fn is_loud(&self, now: Millis) -> bool {
        let asked = self.granted.is_none() && self.ended.is_none() && now < self.until;
        let unreviewed = self.granted.is_some() && self.reviewed.is_none();
        self.what.is_emergency() && (asked || self.holds(now) || unreviewed)
    }

    /// Returns what everybody is told of it, as the end of a sentence that begins with its name.
    pub fn loud_words(&self, now: Millis) -> &'static str {
        match self.granted {
            None => "waits for someone to agree",
            Some(_) if self.is_overdue(now) => {
                "is not reviewed in time: the gates of its team are shut"
            }
            Some(_) if self.holds(now) => "is in force",
            Some(_) => "is to be reviewed by someone who had no part in it",
        }
    }
}

impl State {
    /// Returns the team that answers for `service`, where its product names one.
    pub fn team_of(&self, service: &ServiceName) -> Option<&TeamName> {
        let organisation = self.organisation.as_ref()?;
        let product = self.product_of(service)?;
        organisation.products.get(product).map(|product| &product.owner)
    }

    /// Returns an emergency of the team of `service` whose review is overdue. Where no team is
    /// known only its own count.
    pub fn overdue_review(&self, service: &ServiceName, now: Millis) -> Option<ExceptionId> {
        let team = self.team_of(service);
        let same_team = |one: &Exception| {
            let of = one.what.deployment().and_then(|id| self.deployments.get(&id));
            of.is_some_and(|of| {
                of.service == *service || (team.is_some() && self.team_of(&of.service) == team)
            })
        };
        let mut all = self.exceptions.iter();
        all.find(|(_, one)| one.is_overdue(now) && same_team(one)).map(|(id, _)| *id)
    }

    /// Returns the emergencies that everybody is to see, oldest first.
    pub fn loud(&self, now: Millis) -> impl Iterator<Item = (ExceptionId, &Exception)> {
        let all = self.exceptions.iter().map(|(id, one)| (*id, one));
        all.filter(move |(_, one)| one.is_loud(now) && self.overtook(one).is_none())
    }

    /// Returns that the review of an emergency is overdue, if that is new.
    pub(crate) fn newly_overdue(&self, now: Millis) -> Option<Vec<Event>> {
        let mut all = self.exceptions.iter();
        let (id, _) = all.find(|(_, one)| one.overdue.is_none() && one.is_overdue(now))?;
        Some(vec![Event::RetrospectiveOverdue { exception: *id }])
    }

    /// Returns whether `who` is on call, where somebody is; not by acting for one of `barred`.
    pub(crate) fn is_on_call(
        &self,
        who: &PersonRef,
        barred: &BTreeSet<PersonRef>,
        now: Millis,
    ) -> bool {
        let Some(known) = &self.organisation else { return false };
        let Some(group) = &known.alarm.on_call else { return true };
        let groups = known.groups_at(&self.delegations, barred, now);
        groups.get(group).is_some_and(|members| members.contains(who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_days_leave_weekends_out() {
        // 2026-11-20 is a Friday.
        let friday = Millis(1_795_132_800_000);
        assert_eq!(friday.utc_minute(), "2026-11-20 00:00 UTC");
        let after = |hours: i64, days| {
            business_days_after(friday.plus(hours * 3_600_000), days).utc_minute()
        };
        assert_eq!(after(15, 1), "2026-11-23 15:00 UTC");
        assert_eq!(after(15, 2), "2026-11-24 15:00 UTC");
        assert_eq!(after(24 + 15, 2), "2026-11-25 00:00 UTC", "from Saturday");
        assert_eq!(after(48 + 15, 1), "2026-11-24 00:00 UTC", "from Sunday");
        assert_eq!(after(72 + 10, 2), "2026-11-25 10:00 UTC", "from Monday");
        assert_eq!(after(-9, 2), "2026-11-23 15:00 UTC", "from Thursday");
    }
}
