//! A target in memory that can be told to be wrong in one way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::target::{
    Applied, Arm, ArmStatus, Confinement, CounterRow, Desired, InstanceRow, InstanceState,
    InstanceStatus, JournalEntry, JournalRow, Limits, Readiness, RouteKey, RouteStatus,
};
use sluss_core::units::{Millis, Share};
use tokio::time::{Instant, sleep};

use super::{Answer, Ask, Check, Ground, Manner};
use crate::target::{Target, TargetError};

/// How it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    TakesOlder,
    TakesAnotherOfTheSame,
    AsksWhoIsNotReady,
    IgnoresShares,
    ShiftsLate,
    HidesErrors,
    ForgetsWhatWasRead,
    CountsRetries,
    CutsWhatIsInFlight,
    NeverLapses,
    RenewsTheLapsed,
    LapsesAnyway,
    HidesExits,
    RepeatsNumbers,
    StaysUp,
}

impl Fault {
    /// Every fault, with the check that must find it.
    const ALL: [(Self, Check); 15] = [
        (Self::TakesOlder, Check::AnOlderGenerationChangesNothing),
        (Self::TakesAnotherOfTheSame, Check::AnOlderGenerationChangesNothing),
        (Self::AsksWhoIsNotReady, Check::OnlyReadyInstancesAreAsked),
        (Self::IgnoresShares, Check::SharesAreKept),
        (Self::ShiftsLate, Check::SharesHoldAtOnce),
        (Self::HidesErrors, Check::EveryRequestIsCounted),
        (Self::ForgetsWhatWasRead, Check::EveryRequestIsCounted),
        (Self::CountsRetries, Check::RetriesAreCountedApart),
        (Self::CutsWhatIsInFlight, Check::WhatIsInFlightIsFinished),
        (Self::NeverLapses, Check::ALeaseLapses),
        (Self::RenewsTheLapsed, Check::ALeaseLapses),
        (Self::LapsesAnyway, Check::ARenewedLeaseLasts),
        (Self::HidesExits, Check::ExitsAreTold),
        (Self::RepeatsNumbers, Check::TheJournalIsNumbered),
        (Self::StaysUp, Check::ARouteIsTakenDown),
    ];
}

/// The target, and the customers of its one route.
struct Memory {
    fault: Option<Fault>,
    now: Mutex<Now>,
    asked: AtomicU64,
}

struct Now {
    desired: Desired,
    /// The shares before the last shift, and how many requests they are still used for.
    late: (BTreeMap<ReleaseId, Share>, u32),
    renewed: Instant,
    lapsed: bool,
    flights: BTreeMap<ReleaseId, u32>,
    rows: Vec<CounterRow>,
    units: Vec<String>,
    journal: Vec<JournalRow>,
}

impl Memory {
    fn new(fault: Option<Fault>) -> Self {
        let now = Now {
            desired: Desired::nothing(key(), 0),
            late: (BTreeMap::new(), 0),
            renewed: Instant::now(),
            lapsed: false,
            flights: BTreeMap::new(),
            rows: Vec::new(),
            units: Vec::new(),
            journal: Vec::new(),
        };
        Self { fault, now: Mutex::new(now), asked: AtomicU64::new(0) }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Returns how things stand, after what the time has brought.
    fn now(&self) -> MutexGuard<'_, Now> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = now.desired.lease.clone() else { return now };
        let since = match self.has(Fault::LapsesAnyway) {
            true => now.renewed.elapsed() + Duration::from_millis(u64::from(lease.lasts_ms)),
            false => now.renewed.elapsed(),
        };
        let runs_out = since >= Duration::from_millis(u64::from(lease.lasts_ms))
            // Long leases are those that a check does not wait for.
            && lease.lasts_ms < 10_000;
        if runs_out && !now.lapsed && !self.has(Fault::NeverLapses) {
            now.lapsed = true;
            self.note(&mut now, lease.candidate, JournalEntry::Lapsed);
        }
        now
    }

    fn note(&self, now: &mut Now, release: ReleaseId, what: JournalEntry) {
        let number = now.journal.len() as u64 + u64::from(!self.has(Fault::RepeatsNumbers));
        let number = number.max(1);
        now.journal.push(JournalRow { number, at: Millis(0), key: key(), release, what });
    }

    fn share(&self, now: &Now, arm: &Arm) -> Share {
        match (&now.desired.lease, now.lapsed) {
            (Some(lease), true) if lease.candidate == arm.release => Share::NONE,
            (Some(_), true) => Share::ALL,
            (Some(_), false) | (None, _) => arm.share,
        }
    }

    /// Returns the release for a request.
    fn drawn(&self, now: &mut Now) -> Option<Arm> {
        let asks_all = self.has(Fault::AsksWhoIsNotReady);
        let mut ready: Vec<(Arm, u64)> = Vec::new();
        for arm in now.desired.arms.clone().into_iter().filter(|a| asks_all || is_ready(a)) {
            let share = match now.late.1 {
                0 => self.share(now, &arm),
                _ => now.late.0.get(&arm.release).copied().unwrap_or(Share::NONE),
            };
            ready.push((arm, u64::from(share.basis_points())));
        }
        now.late.1 = now.late.1.saturating_sub(1);
        if self.has(Fault::IgnoresShares) && ready.iter().all(|(_, share)| *share > 0) {
            return ready.into_iter().next().map(|(arm, _)| arm);
        }
        let whole: u64 = ready.iter().map(|(_, share)| share).sum();
        // Spread evenly: this is no place for chance.
        let mut coin = self.asked.fetch_add(1, Ordering::Relaxed) * 6_180 % whole.max(1);
        let found = ready.iter().find(|(_, share)| match coin.checked_sub(*share) {
            Some(rest) if whole > 0 => {
                coin = rest;
                false
            }
            Some(_) | None => true,
        });
        found.map(|(arm, _)| arm.clone())
    }

    fn count(&self, now: &mut Now, release: ReleaseId, failed: bool, unit: Option<&String>) {
        let named = unit.filter(|_| now.desired.traffic.unit.is_some());
        let again = named.is_some_and(|unit| now.units.contains(unit));
        now.units.extend(named.cloned());
        let errors = u64::from(failed && !self.has(Fault::HidesErrors));
        let retries = u64::from(again && !self.has(Fault::CountsRetries));
        let requests = 1 - retries;
        let latency = if requests > 0 { vec![(0, 1)] } else { Vec::new() };
        let instance = InstanceRow { index: 0, requests, errors, latency: latency.clone() };
        let instances = if requests > 0 { vec![instance] } else { Vec::new() };
        let second = now.rows.len() as i64 + 1;
        let failed_retries = retries * errors;
        let errors = requests * errors;
        now.rows.push(CounterRow {
            second,
            quarter: 0,
            release,
            requests,
            errors,
            latency,
            retries,
            failed_retries,
            instances,
        });
    }
}

#[async_trait]
impl Target for Memory {
    async fn apply(&self, desired: &Desired) -> Result<Applied, TargetError> {
        let mut now = self.now();
        let has = now.desired.generation;
        let is_other = desired.generation == has && *desired != now.desired;
        let refuses_older = desired.generation < has && !self.has(Fault::TakesOlder);
        if refuses_older || (is_other && !self.has(Fault::TakesAnotherOfTheSame)) {
            return Ok(Applied::Stale { has });
        }
        if *desired == now.desired {
            return Ok(Applied::Accepted);
        }
        if desired.arms.is_empty() && self.has(Fault::StaysUp) {
            return Ok(Applied::Accepted);
        }
        let before: Vec<Arm> = now.desired.arms.clone();
        if self.has(Fault::ShiftsLate) && before.len() == desired.arms.len() {
            now.late = (before.iter().map(|arm| (arm.release, arm.share)).collect(), 3);
        }
        now.desired = desired.clone();
        now.renewed = Instant::now();
        now.lapsed = false;
        let fresh = |arm: &&Arm| before.iter().all(|known| known.release != arm.release);
        for arm in desired.arms.iter().filter(fresh) {
            self.note(&mut now, arm.release, JournalEntry::Started { instance: 0, pid: 1 });
            match manner(arm) {
                "EndsAtOnce" if self.has(Fault::HidesExits) => {}
                "EndsAtOnce" => {
                    let what = JournalEntry::Exited { instance: 0, code: 3 };
                    self.note(&mut now, arm.release, what);
                }
                "NeverReady" => {}
                _ => self.note(&mut now, arm.release, JournalEntry::Ready { instance: 0 }),
            }
        }
        Ok(Applied::Accepted)
    }

    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError> {
        let now = self.now();
        let wanted = now.desired.arms.iter();
        let arms: Vec<ArmStatus> =
            wanted.map(|arm| arm_status(arm, self.share(&now, arm))).collect();
        let drains = now.flights.iter().filter(|(release, count)| {
            **count > 0 && arms.iter().all(|arm| arm.release != **release)
        });
        let drains: Vec<ArmStatus> = drains
            .map(|(release, _)| arm_status(&self.arm(release.0, 0, Manner::Good), Share::NONE))
            .collect();
        let arms = [arms, drains].concat();
        if arms.is_empty() {
            return Ok(Vec::new());
        }
        let (generation, port) = (now.desired.generation, Some(1));
        let (problem, unserved, shed, sticky) = (None, 0, 0, false);
        let key = key();
        Ok(vec![RouteStatus { key, generation, port, arms, problem, unserved, shed, sticky }])
    }

    async fn counters(&self, _: &RouteKey, after: i64) -> Result<Vec<CounterRow>, TargetError> {
        let mut now = self.now();
        let rows = now.rows.iter().filter(|row| row.second > after).cloned().collect();
        let read = now.rows.iter().map(|row| row.requests + row.retries).sum::<u64>() >= 30;
        if self.has(Fault::ForgetsWhatWasRead) && read {
            now.rows.clear();
        }
        Ok(rows)
    }

    async fn renew(&self, key: &RouteKey, generation: u64) -> Result<Applied, TargetError> {
        let mut now = self.now();
        let has = now.desired.generation;
        if generation != has {
            return Ok(Applied::Stale { has });
        }
        if now.lapsed && !self.has(Fault::RenewsTheLapsed) && !self.has(Fault::LapsesAnyway) {
            let what = format!("the lease of {key} has lapsed");
            return Err(TargetError::Refused { what, hint: "decide anew".to_owned() });
        }
        now.renewed = Instant::now();
        Ok(Applied::Accepted)
    }

    async fn journal(&self, after: u64) -> Result<Vec<JournalRow>, TargetError> {
        let now = self.now();
        Ok(now.journal.iter().filter(|row| row.number > after).cloned().collect())
    }
}

#[async_trait]
impl Ground for Memory {
    fn target(&self) -> &dyn Target {
        self
    }

    fn key(&self) -> RouteKey {
        key()
    }

    fn arm(&self, release: u64, percent: u16, manner: Manner) -> Arm {
        Arm {
            release: ReleaseId(release),
            digest: Digest::of(&release.to_be_bytes()),
            folder: "/".into(),
            command: vec!["serve".to_owned()],
            environment: BTreeMap::from([(MANNER.to_owned(), format!("{manner:?}"))]),
            secrets: BTreeMap::new(),
            instances: 1,
            share: Share::from_basis_points(percent * 100).unwrap_or(Share::ALL),
            readiness: Readiness::default(),
            drain_seconds: 10,
            limits: Limits::default(),
        }
    }

    async fn ask(&self, ask: Ask) -> Answer {
        let Some(arm) = ({
            let mut now = self.now();
            let arm = self.drawn(&mut now);
            if let Some(arm) = &arm {
                *now.flights.entry(arm.release).or_default() += 1;
            }
            arm
        }) else {
            return Answer { status: 503, text: String::new() };
        };
        if let Ask::Slow(ms) = ask {
            sleep(Duration::from_millis(ms)).await;
        }
        let mut now = self.now();
        now.flights.entry(arm.release).and_modify(|count| *count -= 1);
        let is_wanted = now.desired.arms.iter().any(|wanted| wanted.release == arm.release);
        let cut = !is_wanted && self.has(Fault::CutsWhatIsInFlight);
        let unit = if let Ask::Pay(unit) = &ask { unit.as_ref() } else { None };
        let fails = matches!(ask, Ask::Pay(_)) && manner(&arm) == "Fails";
        let status = match (cut, fails || !is_ready(&arm)) {
            (true, _) => 502,
            (false, true) => 500,
            (false, false) => 200,
        };
        self.count(&mut now, arm.release, status >= 500, unit);
        Answer { status, text: arm.release.to_string() }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
}

fn arm_status(arm: &Arm, share: Share) -> ArmStatus {
    let (ready, ends) = (is_ready(arm), manner(arm) == "EndsAtOnce");
    let state = if ready { InstanceState::Ready } else { InstanceState::Starting };
    let (confinement, moved, since) = (Confinement::default(), None, Millis(0));
    let instance = InstanceStatus { index: 0, pid: 1, port: 1, state, since, confinement, moved };
    ArmStatus {
        release: arm.release,
        share,
        effective: if ready { share } else { Share::NONE },
        instances: vec![instance],
        recent_exits: u16::from(ends),
        failed_starts: 0,
    }
}

fn manner(arm: &Arm) -> &str {
    arm.environment.get(MANNER).map_or("Good", String::as_str)
}

fn is_ready(arm: &Arm) -> bool {
    matches!(manner(arm), "Good" | "Fails")
}

fn key() -> RouteKey {
    let parsed = |text: &str| (text.parse(), text.parse());
    match parsed("pay") {
        (Ok(service), Ok(environment)) => RouteKey { service, environment },
        (_, _) => unreachable!("BUG: a good name"),
    }
}

const MANNER: &str = "MANNER";

#[cfg(test)]
mod tests {
    use tokio::task::{JoinSet, LocalSet};

    use super::*;

    /// Runs every check on a target with each of these faults, all at once.
    async fn failing(faults: Vec<Option<Fault>>) -> Vec<(Option<Fault>, Check, String)> {
        let (here, mut runs) = (LocalSet::new(), JoinSet::new());
        for fault in faults {
            for check in Check::ALL {
                runs.spawn_local_on(
                    async move {
                        let failed = check.run(&Memory::new(fault)).await.err();
                        failed.map(|what| (fault, check, what))
                    },
                    &here,
                );
            }
        }
        here.run_until(runs.join_all()).await.into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn a_target_without_fault_passes() {
        assert_eq!(failing(vec![None]).await, []);
    }

    #[tokio::test]
    async fn every_fault_is_found_by_the_check_that_is_named_for_it() {
        let found = failing(Fault::ALL.iter().map(|(fault, _)| Some(*fault)).collect()).await;
        for (fault, check) in Fault::ALL {
            let by = |(of, failed, _): &(Option<Fault>, Check, String)| {
                *of == Some(fault) && *failed == check
            };
            assert!(found.iter().any(by), "{fault:?} is not found: {found:#?}");
        }
        let named = |check: &Check| Fault::ALL.iter().any(|(_, by)| by == check);
        assert!(Check::ALL.iter().all(named), "each check can fail");
    }
}
