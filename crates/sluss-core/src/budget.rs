//! Error budgets: how many of customers' requests may fail in a window, and what was counted.
//!
//! By occurrences (OpenSLO's word; The Site Reliability Workbook, chapter 2): the budget is
//! (1 − objective) · requests, and what is left of it 1 − failed / budget.
//!
//! # Invariants
//!
//! - No request is counted twice: each period begins after the last second of the one before.
//! - What the target itself refused, because nothing was ready or too much was in flight, has
//!   failed.
//! - A window without a request has no budget: neither all of it is left, nor nothing.
//! - What was not counted while something was there is no time without failures: it is told, and
//!   too much of it leaves no budget to go by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::has_customers;
use crate::event::Event;
use crate::ids::{DeploymentId, EnvironmentName, ServiceName};
use crate::pipeline::GateKind;
use crate::rollout::Counts;
use crate::state::State;
use crate::target::RouteKey;
use crate::units::Millis;

const HOUR_SECONDS: i64 = 3_600;
const HOUR_MS: i64 = HOUR_SECONDS * 1_000;
const MILLION: u128 = 1_000_000;

/// What a service promises of its live traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBudget {
    /// How many of its requests must not fail, in parts per million; never all of them.
    pub objective_ppm: u32,
    /// Over how many seconds that is looked at.
    pub window_seconds: u32,
}

impl ErrorBudget {
    /// Seconds of a window where nothing is said: 30 days.
    pub const USUAL_WINDOW: u32 = 30 * 86_400;
    /// Seconds of the longest window: 90 days. What is older is forgotten.
    pub const LONGEST_WINDOW: u32 = 90 * 86_400;

    /// Returns how many of its requests may fail, in parts per million.
    pub fn may_fail_ppm(self) -> u32 {
        1_000_000_u32.saturating_sub(self.objective_ppm)
    }

    /// Returns the window in words: `30 d`.
    pub fn window(self) -> String {
        match self.window_seconds {
            days if days.is_multiple_of(86_400) => format!("{} d", days / 86_400),
            hours if hours.is_multiple_of(3_600) => format!("{} h", hours / 3_600),
            seconds => format!("{} min", seconds / 60),
        }
    }

    fn window_ms(self) -> i64 {
        i64::from(self.window_seconds) * 1_000
    }
}

/// What customers' requests to a service came to in a period, as its target counted them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficCounted {
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The last second before the period.
    pub after: i64,
    /// Its last second, since 1970-01-01 UTC.
    pub until: i64,
    /// Requests that releases answered or failed.
    pub requests: u64,
    /// Of these, how many failed.
    pub errors: u64,
    /// Requests that the target itself refused: nothing was ready, or too much was in flight.
    pub refused: u64,
    /// The target's own count of the refused, from which the next period goes on.
    pub refused_so_far: u64,
}

impl TrafficCounted {
    /// Returns the requests of the period, and how many of them failed: those that the target
    /// refused too.
    pub fn counts(&self) -> Counts {
        let (requests, errors) = (self.requests, self.errors);
        Counts { requests, errors }.and(Counts { requests: self.refused, errors: self.refused })
    }

    /// Returns what it is about.
    pub fn key(&self) -> RouteKey {
        RouteKey { service: self.service.clone(), environment: self.environment.clone() }
    }
}

/// What was counted of a service's requests in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The last second that was counted.
    pub until: i64,
    /// The target's own count of what it refused, by then.
    pub refused_so_far: u64,
    /// By the hour in which the period ended, counted from 1970-01-01 UTC.
    pub hours: BTreeMap<i64, Counts>,
    /// Seconds of an hour that nobody counted though something was there, by that hour.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missed: BTreeMap<i64, u32>,
}

/// What a window's requests make of an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetReading {
    /// The objective.
    pub budget: ErrorBudget,
    /// The requests of the window, and how many of them failed.
    pub counts: Counts,
    /// How many of its seconds nobody counted, though something was there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted_seconds: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// Where a budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetStands {
    /// There was no request, one of too few failed, or too much of the window was not counted.
    NoData,
    /// Something is left.
    Left,
    /// As many failed as may, or more.
    Spent,
}

impl BudgetReading {
    /// Returns where it stands. One failure alone spends no budget: where not even one may fail,
    /// there are too few requests to tell. Up to a tenth of the window may be uncounted: the rest
    /// still is most of what customers met, and one restart shuts no gate.
    pub fn stands(self) -> BudgetStands {
        let Counts { requests, errors } = self.counts;
        match (requests, errors) {
            (0, _) => BudgetStands::NoData,
            (_, 1) if self.fails_too_much() => BudgetStands::NoData,
            _ if self.fails_too_much() => BudgetStands::Spent,
            _ if self.lacks_too_much() => BudgetStands::NoData,
            _ => BudgetStands::Left,
        }
    }

    fn fails_too_much(self) -> bool {
        let Counts { requests, errors } = self.counts;
        let allowed = u128::from(requests) * u128::from(self.budget.may_fail_ppm());
        u128::from(errors) * MILLION >= allowed
    }

    fn lacks_too_much(self) -> bool {
        u64::from(self.uncounted_seconds) * 10 > u64::from(self.budget.window_seconds)
    }

    /// Returns how much of the budget is left, in thousandths; nothing where there was no request.
    pub fn left_permille(self) -> Option<u16> {
        let Counts { requests, errors } = self.counts;
        let allowed = u128::from(requests) * u128::from(self.budget.may_fail_ppm());
        let failed = (u128::from(errors) * MILLION).min(allowed);
        // Rounded down: what is nearly nothing is nothing.
        let left = ((allowed - failed) * 1_000).checked_div(allowed)?;
        u16::try_from(left).ok()
    }

    /// Returns the reading in words, without a full stop: `14 of 10000 requests failed in 30 d: …`.
    pub fn words(self) -> String {
        let Counts { requests, errors } = self.counts;
        let window = self.budget.window();
        let may = percent(self.budget.may_fail_ppm().into());
        let counted = match (u128::from(errors) * MILLION).checked_div(requests.into()) {
            None => format!("no request was counted in {window}, of which {may} may fail"),
            Some(_) if errors == 1 && self.fails_too_much() => {
                format!(
                    "1 of {requests} requests failed in {window}: too few to tell, as {may} may"
                )
            }
            Some(ppm) => {
                let failed = percent(u64::try_from(ppm).unwrap_or(u64::MAX));
                format!(
                    "{errors} of {requests} requests failed in {window}: {failed}, and {may} may"
                )
            }
        };
        let lacks = self.uncounted().map(|lacks| format!("; {lacks} not counted"));
        counted + &lacks.unwrap_or_default()
    }

    /// Returns how much of the window nobody counted, if it is a minute or more: `8 h`.
    pub fn uncounted(self) -> Option<String> {
        match self.uncounted_seconds {
            0..60 => None,
            seconds @ 60..3_600 => Some(format!("{} min", seconds / 60)),
            seconds => Some(format!("{} h", seconds.div_ceil(3_600))),
        }
    }
}

impl State {
    /// Returns what was counted of the requests of a place.
    pub fn counted_in(&self, key: &RouteKey) -> Option<&Counted> {
        self.traffic.get(&key.service)?.get(&key.environment)
    }

    /// Returns what the requests of the window that ends at `now` make of `budget`. An hour counts
    /// until all of it has left the window.
    pub fn budget_in(&self, key: &RouteKey, budget: ErrorBudget, now: Millis) -> BudgetReading {
        let window = self.hours_within(key, budget, now);
        let counts = window.fold(Counts::default(), |all, (_, counts)| all.and(*counts));
        BudgetReading { budget, counts, uncounted_seconds: self.uncounted_in(key, budget, now) }
    }

    /// Returns how many seconds of the window nobody counted, though something was there. What was
    /// counted last may be recorded some minutes late, and is not missed for that.
    fn uncounted_in(&self, key: &RouteKey, budget: ErrorBudget, now: Millis) -> u32 {
        let known = self.counted_in(key);
        let missed = known.into_iter().flat_map(|known| &known.missed);
        let missed = missed.filter(|(hour, _)| leaves(**hour, budget) > now);
        let missed: i64 = missed.map(|(_, seconds)| i64::from(*seconds)).sum();
        let since = self.counted_from(key).map_or(0, |since| now.second().saturating_sub(since));
        let late = if since > LATE_SECONDS { since } else { 0 };
        let all = missed.saturating_add(late).clamp(0, budget.window_seconds.into());
        u32::try_from(all).unwrap_or(budget.window_seconds)
    }

    /// Returns the last second that needs no counting any more: what was counted last, or when the
    /// place was taken by what is there now and by what was there before it without a break.
    fn counted_from(&self, key: &RouteKey) -> Option<i64> {
        let place = self.place(&key.service, &key.environment)?;
        let counted = self.counted_in(key).map_or(i64::MIN, |known| known.until);
        let mut of = self.deployments.get(&place.live.or(place.rolling)?)?;
        // Whatever began before that was counted is of no interest.
        while of.started?.second() > counted {
            match of.before {
                Some(before) => of = self.deployments.get(&before)?,
                None => return Some(of.started?.second()),
            }
        }
        Some(counted)
    }

    fn hours_within<'a>(
        &'a self,
        key: &RouteKey,
        budget: ErrorBudget,
        now: Millis,
    ) -> impl Iterator<Item = (&'a i64, &'a Counts)> {
        let hours = self.counted_in(key).map(|counted| &counted.hours);
        let within = move |(hour, _): &(&i64, &Counts)| leaves(**hour, budget) > now;
        hours.into_iter().flatten().filter(within)
    }

    /// Returns when something of a spent budget is left again, if no further request comes: as
    /// hours leave the window, their failures do. Nothing if that leaves no request at all.
    pub fn budget_refills(
        &self,
        key: &RouteKey,
        budget: ErrorBudget,
        now: Millis,
    ) -> Option<Millis> {
        let mut left = BudgetReading { uncounted_seconds: 0, ..self.budget_in(key, budget, now) };
        self.hours_within(key, budget, now).find_map(|(hour, gone)| {
            left.counts.requests = left.counts.requests.saturating_sub(gone.requests);
            left.counts.errors = left.counts.errors.saturating_sub(gone.errors);
            (left.stands() == BudgetStands::Left).then(|| leaves(*hour, budget))
        })
    }

    /// Returns how many requests a place had on an average day of the thirty before `before`, as
    /// far as they were counted; nothing where that is less than a day.
    pub fn daily_requests(&self, key: &RouteKey, before: Millis) -> Option<u64> {
        const DAYS: i64 = 30;
        let last = before.0.div_euclid(HOUR_MS);
        let hours = &self.counted_in(key)?.hours;
        let within = || hours.range(last - DAYS * 24..last);
        let (first, _) = within().next()?;
        let counted = u64::try_from(last - first).ok().filter(|counted| *counted >= 24)?;
        let requests: u64 = within().map(|(_, counts)| counts.requests).sum();
        // Rounded up, so that a part of it is never too small by that.
        u64::try_from((u128::from(requests) * 24).div_ceil(u128::from(counted))).ok()
    }

    /// Returns the objective of what is live in a place, or of what is about to be.
    pub fn budget_of(&self, key: &RouteKey) -> Option<ErrorBudget> {
        let place = self.place(&key.service, &key.environment)?;
        let deployment = self.deployments.get(&place.live.or(place.rolling)?)?;
        let asked = deployment.stage.gates.contains(&GateKind::ErrorBudget);
        self.pipeline_of(deployment.release)?.error_budget.filter(|_| asked)
    }

    /// Returns the places whose requests are counted: where something of a service stays.
    pub fn places_counted(&self) -> Vec<RouteKey> {
        let stays = |id: DeploymentId| {
            self.deployments.get(&id).is_some_and(|of| has_customers(of.stage.kind))
        };
        let of_service = |(service, known): (&ServiceName, &crate::state::Service)| {
            let taken = known
                .places
                .iter()
                .filter(|(_, place)| place.live.or(place.rolling).is_some_and(stays));
            let key = |(environment, _): (&EnvironmentName, _)| RouteKey {
                service: service.clone(),
                environment: environment.clone(),
            };
            taken.map(key).collect::<Vec<_>>()
        };
        self.services.iter().flat_map(of_service).collect()
    }

    /// Returns how many requests the target refused since what was counted last, by its own count.
    /// One that counts less than before has begun again. What it refused before anything was
    /// counted says nothing of a service that was not there yet.
    pub fn refused_since(&self, key: &RouteKey, so_far: u64) -> u64 {
        let before = self.counted_in(key).map(|counted| counted.refused_so_far);
        before.map_or(0, |before| so_far.checked_sub(before).unwrap_or(so_far))
    }

    /// Returns whether a period is to be recorded now: every five minutes in which anything was
    /// counted, and sooner where it changes what is left of a budget into nothing, or back. Where
    /// something is promised, a period without a request is recorded too, so that it is no gap.
    pub fn traffic_due(&self, counted: &TrafficCounted) -> bool {
        let key = counted.key();
        let last = self.counted_in(&key).map_or(counted.after, |known| known.until);
        let seconds = counted.until.saturating_sub(last);
        let turns = || {
            let now = Millis(counted.until.saturating_mul(1_000));
            self.budget_of(&key).is_some_and(|budget| {
                let before = self.budget_in(&key, budget, now);
                let counts = before.counts.and(counted.counts());
                counts != before.counts
                    && before.stands() != BudgetReading { counts, ..before }.stands()
            })
        };
        let least = match counted.counts().requests {
            0 => self.budget_of(&key).map_or(i64::MAX, |_| IDLE_SECONDS),
            _ => PERIOD_SECONDS,
        };
        let there = self.place(&key.service, &key.environment);
        there.is_some_and(|place| place.live.or(place.rolling).is_some())
            && self.fits(counted)
            && (seconds >= least || seconds >= SOONEST_SECONDS && turns())
    }

    /// Returns whether a period says something, and begins after what was counted before.
    fn fits(&self, counted: &TrafficCounted) -> bool {
        let after = self.counted_in(&counted.key()).map_or(i64::MIN, |known| known.until);
        counted.after >= after
            && counted.until > counted.after
            && counted.errors <= counted.requests
    }

    /// Returns the period as an event, if it is due. While the clock cannot be trusted nothing is
    /// counted: what is to be counted then is counted once it can.
    pub(crate) fn count_traffic(&self, counted: TrafficCounted) -> Vec<Event> {
        let due = !self.gap && self.traffic_due(&counted);
        if due { vec![Event::TrafficCounted(counted)] } else { vec![] }
    }
}

/// Seconds of a usual period.
pub const PERIOD_SECONDS: i64 = 300;
/// Seconds of the shortest.
const SOONEST_SECONDS: i64 = 10;
/// Seconds of one without a request: fewer than targets remember, so that a restart loses nothing.
const IDLE_SECONDS: i64 = 600;
/// Seconds after which what was not recorded is lost: as many as targets remember.
const LATE_SECONDS: i64 = 900;

/// Returns when all of an hour has left the window.
fn leaves(hour: i64, budget: ErrorBudget) -> Millis {
    Millis(hour.saturating_add(1).saturating_mul(HOUR_MS)).plus(budget.window_ms())
}

/// Folds a period, and what nobody counted before it.
pub(crate) fn apply(state: &mut State, counted: &TrafficCounted) {
    let gap = state.counted_from(&counted.key()).map(|from| (from, counted.after));
    let of_service = state.traffic.entry(counted.service.clone()).or_default();
    let known = of_service.entry(counted.environment.clone()).or_insert_with(|| Counted {
        until: counted.until,
        refused_so_far: 0,
        hours: BTreeMap::new(),
        missed: BTreeMap::new(),
    });
    known.until = known.until.max(counted.until);
    known.refused_so_far = counted.refused_so_far;
    let hour = known.hours.entry(counted.until.div_euclid(HOUR_SECONDS)).or_default();
    *hour = hour.and(counted.counts());
    let oldest = known.until - i64::from(ErrorBudget::LONGEST_WINDOW);
    if let Some((from, until)) = gap {
        miss(known, from.max(oldest), until);
    }
    known.hours.retain(|hour, _| (hour + 1) * HOUR_SECONDS > oldest);
    known.missed.retain(|hour, _| (hour + 1) * HOUR_SECONDS > oldest);
}

/// Notes that nobody counted the seconds after `from` until `until`.
fn miss(known: &mut Counted, mut from: i64, until: i64) {
    while from < until {
        let hour = (from + 1).div_euclid(HOUR_SECONDS);
        let end = until.min((hour + 1) * HOUR_SECONDS - 1);
        let seconds = u32::try_from(end - from).unwrap_or(u32::MAX);
        let missed = known.missed.entry(hour).or_default();
        *missed = missed.saturating_add(seconds);
        from = end;
    }
}

/// Returns parts per million as a percentage.
pub(crate) fn percent(ppm: u64) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
