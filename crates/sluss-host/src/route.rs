//! One service in one environment: what is wanted of it, its table, and the slots of its arms.
//!
//! # Invariants
//!
//! - The table follows from what is wanted, whether the lease lapsed, and the slots' instances;
//!   it is only ever replaced by [`Route::refresh`].
//! - A route that retires a release keeps it as a last resort until another one is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora_http::RequestHeader;
use sluss_core::ids::ReleaseId;
use sluss_core::target::{
    Arm, ArmStatus, CounterRow, Desired, InstanceState, InstanceStatus, RouteKey, RouteStatus,
    RunsAs,
};
use sluss_core::units::{Millis, Quarter, Share};
use tokio::time::Instant;

use crate::callers::Rules;
use crate::clock;
use crate::counters::{self, Meter, Tally};
use crate::folder::Remembered;
use crate::gate::Gate;
use crate::past::Late;
use crate::seen::{self, Seen};
use crate::slot::Slot;
use crate::table::{Flight, Table, TableArm};
use crate::units::{Attempt, Earlier, Units};

/// A route.
pub(crate) struct Route {
    pub(crate) key: RouteKey,
    table: ArcSwap<Table>,
    meters: Mutex<BTreeMap<(ReleaseId, u16), Arc<Meter>>>,
    units: Units,
    /// What callers who stay are hashed with.
    secret: String,
    /// Requests that no instance was there for; they say nothing about a release.
    unserved: AtomicU64,
    /// Bounds what is in flight.
    pub(crate) gate: Arc<Gate>,
    /// The number of the last quarter of a second that was written down.
    written: AtomicI64,
    inner: Mutex<Inner>,
}

struct Inner {
    remembered: Remembered,
    /// When the lease was last renewed.
    renewed: Instant,
    slots: Vec<Arc<Slot>>,
    /// Exits that nobody asked for.
    exits: Vec<(ReleaseId, Millis)>,
    failed_starts: BTreeMap<ReleaseId, u16>,
    open_port: Option<u16>,
    problem: Option<String>,
    /// Since when no port could be opened.
    closed_since: Option<Instant>,
    /// Why it has another port than before.
    moved: Option<String>,
}

impl Route {
    /// Returns a route as it is remembered, without any process yet.
    pub(crate) fn new(remembered: Remembered, secret: &str) -> Self {
        Self {
            key: remembered.desired.key.clone(),
            table: ArcSwap::default(),
            meters: Mutex::default(),
            units: Units::new(secret),
            secret: secret.to_owned(),
            unserved: AtomicU64::new(0),
            gate: Arc::default(),
            written: AtomicI64::new(clock::now().quarter().plus(-1).0),
            inner: Mutex::new(Inner {
                remembered,
                renewed: Instant::now(),
                slots: Vec::new(),
                exits: Vec::new(),
                failed_starts: BTreeMap::new(),
                open_port: None,
                problem: None,
                closed_since: None,
                moved: None,
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meets a request for the first time: returns what it is to its unit and, if something else
    /// than its coin says where it goes, the arm.
    pub(crate) fn meet(&self, head: &RequestHeader) -> (Attempt, Option<ReleaseId>) {
        let table = self.table.load();
        let marks = |value| [head.method.as_str().as_bytes(), head.uri.path().as_bytes(), value];
        let attempt = match table.rules.unit(&head.headers) {
            Some(value) => self.units.begin(&marks(value), Instant::now()),
            None => Attempt::Alone,
        };
        let back = match attempt {
            Attempt::Retry(_, Earlier::Failed | Earlier::Unknown) => table.ready_incumbent(),
            Attempt::Retry(_, Earlier::Fine) | Attempt::First(_) | Attempt::Alone => None,
        };
        let caller = || table.rules.caller(&head.headers);
        let drawn = back.or_else(|| table.arm_of(&self.secret, caller()?));
        (attempt, drawn)
    }

    /// Takes in how an attempt ended that an instance was there for.
    pub(crate) fn note_end(&self, attempt: Attempt, how: Earlier) {
        match attempt {
            Attempt::First(unit) | Attempt::Retry(unit, _) => self.units.end(unit, how),
            Attempt::Alone => {}
        }
    }

    /// Boards an instance for a request. `drawn` is the arm that its coin fell on, if it was
    /// tossed before; instances in `tried` are left out.
    pub(crate) fn board(&self, drawn: &mut Option<ReleaseId>, tried: &[u64]) -> Option<Flight> {
        // An instance may become unready between being chosen and boarded; then the table is asked
        // again, at most as often as there can be instances going away at once.
        for _ in 0..BOARDING_ATTEMPTS {
            let table = self.table.load();
            let arm = table.drawn(*drawn)?;
            *drawn = Some(table.arms[arm].release);
            if let Some(flight) = table.board(arm, tried) {
                return Some(flight);
            }
        }
        None
    }

    /// Counts a request that no instance was there for; its unit is still to have its first
    /// attempt.
    pub(crate) fn count_unserved(&self, attempt: Attempt) {
        self.unserved.fetch_add(1, Ordering::Relaxed);
        if let Attempt::First(unit) = attempt {
            self.units.forget(unit);
        }
    }

    /// Returns the counters of an instance, made if missing.
    pub(crate) fn meter(&self, release: ReleaseId, index: u16) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry((release, index)).or_default())
    }

    /// Returns the counters of all releases after a quarter.
    pub(crate) fn counters(&self, after: Quarter) -> Vec<CounterRow> {
        let current = clock::now().quarter();
        let mut parts: BTreeMap<(Quarter, ReleaseId), Vec<(u16, Tally)>> = BTreeMap::new();
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        for ((release, index), meter) in meters.iter() {
            for (quarter, tally) in meter.quarters(after, current) {
                parts.entry((quarter, *release)).or_default().push((*index, tally));
            }
        }
        let row =
            |((quarter, release), parts): (_, Vec<_>)| counters::row(quarter, release, &parts);
        parts.into_iter().map(row).collect()
    }

    /// Returns the rows that are over and were not yet written down.
    pub(crate) fn unwritten(&self) -> Vec<CounterRow> {
        let over = clock::now().quarter().plus(-1);
        let after = self.written.swap(over.0, Ordering::Relaxed);
        self.counters(Quarter(after)).into_iter().filter(|row| row.when() <= over).collect()
    }

    /// Takes up again what earlier hosts counted and wrote down.
    pub(crate) fn recall(&self, rows: &[CounterRow]) {
        for row in rows {
            for (index, tally) in counters::parts(row) {
                self.meter(row.release, index).recall(row.when(), &tally);
            }
        }
        self.written.store(clock::now().quarter().plus(-1).0, Ordering::Relaxed);
    }

    /// Takes up again what earlier hosts knew of units.
    pub(crate) fn recall_units(&self, all: &[Seen]) {
        self.units.recall(all);
    }

    /// Takes out what became known of units, to be written down.
    pub(crate) fn take_news(&self) -> Vec<Seen> {
        self.units.take_news()
    }

    /// Counts now what an earlier host counted after it had given its place away.
    pub(crate) fn absorb(&self, late: &Late) {
        for row in &late.rows {
            for (index, tally) in counters::parts(row) {
                self.meter(row.release, index).absorb(&tally);
            }
        }
        self.unserved.fetch_add(late.unserved, Ordering::Relaxed);
        self.gate.count_shed(late.shed);
        self.units.recall(&seen::parse(&late.units));
    }

    /// Takes out what was counted and is in nobody's files, to be told to the next host.
    pub(crate) fn take_late(&self) -> Option<Late> {
        let after = Quarter(self.written.load(Ordering::Relaxed));
        let mut parts: BTreeMap<ReleaseId, Vec<(u16, Tally)>> = BTreeMap::new();
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        for ((release, index), meter) in meters.iter() {
            let tally = meter.take_after(after);
            if !tally.is_empty() {
                parts.entry(*release).or_default().push((*index, tally));
            }
        }
        let row =
            |(release, parts): (ReleaseId, Vec<_>)| counters::row(Quarter(0), release, &parts);
        let rows: Vec<CounterRow> = parts.into_iter().map(row).collect();
        let (unserved, shed) = (self.unserved.swap(0, Ordering::Relaxed), self.gate.take_shed());
        let units = seen::line(&self.units.take_news()).unwrap_or_default();
        let is_something = !rows.is_empty() || unserved > 0 || shed > 0 || !units.is_empty();
        is_something.then(|| Late { key: self.key.clone(), rows, unserved, shed, units })
    }

    /// Returns what is remembered of it.
    pub(crate) fn remembered(&self) -> Remembered {
        self.inner().remembered.clone()
    }

    /// Returns what is wanted.
    pub(crate) fn desired(&self) -> Desired {
        self.inner().remembered.desired.clone()
    }

    /// Takes in what is to be remembered and renews the lease. Slots that are no longer wanted
    /// are asked to stop; those that are missing are returned, to be started.
    pub(crate) fn take_in(&self, remembered: Remembered) -> Vec<Arc<Slot>> {
        let fresh = {
            let mut inner = self.inner();
            inner.renewed = Instant::now();
            self.gate.limit(remembered.desired.most_in_flight);
            let arms = &remembered.desired.arms;
            inner.failed_starts.retain(|release, _| arms.iter().any(|a| a.release == *release));
            inner.remembered = remembered;
            inner.reconcile()
        };
        self.refresh();
        fresh
    }

    /// Adds a slot for a process that was taken over.
    pub(crate) fn add(&self, slot: Arc<Slot>) {
        self.inner().slots.push(slot);
    }

    /// Forgets a slot that has ended.
    pub(crate) fn remove(&self, slot: &Arc<Slot>) {
        self.inner().slots.retain(|kept| !Arc::ptr_eq(kept, slot));
        self.refresh();
    }

    /// Puts the table in force that follows from what is now so.
    pub(crate) fn refresh(&self) {
        let inner = self.inner();
        let instances_of = |release: ReleaseId| {
            let of_arm = inner.slots.iter().filter(|slot| slot.release == release);
            of_arm.filter_map(|slot| slot.instance()).collect::<Vec<_>>()
        };
        let wanted = &inner.remembered.desired.arms;
        let mut arms: Vec<TableArm> = wanted
            .iter()
            .map(|arm| TableArm {
                release: arm.release,
                share: inner.share(arm),
                instances: instances_of(arm.release),
            })
            .collect();
        for slot in &inner.slots {
            if !arms.iter().any(|arm| arm.release == slot.release) {
                arms.push(TableArm {
                    release: slot.release,
                    share: Share::NONE,
                    instances: instances_of(slot.release),
                });
            }
        }
        // Stored under the lock, so that an older table never replaces a newer one.
        let desired = &inner.remembered.desired;
        let (incumbent, rules) = (desired.incumbent(), Rules::of(&desired.traffic));
        self.table.store(Arc::new(Table { arms, incumbent, rules }));
    }

    /// Returns whether a slot that is to stop may do so without leaving customers alone.
    pub(crate) fn may_retire(&self, slot: &Arc<Slot>) -> bool {
        let inner = self.inner();
        let mut others = inner.slots.iter().filter(|other| !Arc::ptr_eq(other, slot));
        inner.remembered.desired.arms.is_empty()
            || !slot.is_ready()
            || others.any(|other| !other.is_to_stop() && other.is_ready())
    }

    /// Notes an exit that nobody asked for.
    pub(crate) fn note_exit(&self, release: ReleaseId) {
        let now = clock::now();
        let mut inner = self.inner();
        inner.exits.retain(|(_, at)| now.since(*at) < EXITS_ARE_RECENT_MS);
        inner.exits.push((release, now));
    }

    /// Notes an instance that did not become ready in time.
    pub(crate) fn note_failed_start(&self, release: ReleaseId) {
        let mut inner = self.inner();
        let count = inner.failed_starts.entry(release).or_default();
        *count = count.saturating_add(1);
    }

    /// Says which port is open, and why the wanted one is not, if so.
    pub(crate) fn set_port(&self, open: Option<u16>, problem: Option<String>) {
        let mut inner = self.inner();
        inner.closed_since = match (open, &problem) {
            (None, Some(_)) => inner.closed_since.or_else(|| Some(Instant::now())),
            (Some(_), _) | (None, None) => None,
        };
        inner.open_port = open;
        inner.problem = problem;
    }

    /// Returns for how long no port could be opened.
    pub(crate) fn closed_for(&self) -> Duration {
        self.inner().closed_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Says that another port was chosen, and why.
    pub(crate) fn move_to(&self, port: u16, why: String) {
        let mut inner = self.inner();
        inner.remembered.chosen_port = Some(port);
        inner.moved = Some(why);
    }

    /// Returns whether an instance is wanted.
    pub(crate) fn wants(&self, release: ReleaseId, index: u16) -> bool {
        let inner = self.inner();
        let arms = &inner.remembered.desired.arms;
        arms.iter().any(|arm| arm.release == release && index < arm.instances)
    }

    /// Returns what its processes run as.
    pub(crate) fn users(&self) -> Vec<RunsAs> {
        let slots = self.inner().slots.clone();
        let running = slots.iter().map(|slot| slot.status()).filter(|status| status.pid != 0);
        let user = |status: InstanceStatus| match status.confinement.user {
            // Hosts that did not say so gave nobody another user.
            RunsAs::Unsaid => RunsAs::Shared { why: "an older host started it".to_owned() },
            said @ (RunsAs::Own { .. } | RunsAs::Shared { .. }) => said,
        };
        running.map(user).collect()
    }

    /// Renews the lease; says whether it had lapsed before.
    pub(crate) fn renew(&self) -> Lapse {
        let mut inner = self.inner();
        inner.renewed = Instant::now();
        if inner.remembered.lapsed { Lapse::Lapsed } else { Lapse::Running }
    }

    /// Ends the candidate's share if its lease has run out and another arm is ready; returns the
    /// candidate and what must be remembered.
    pub(crate) fn lapse_if_due(&self) -> Option<(ReleaseId, Remembered)> {
        let lapsed = {
            let mut inner = self.inner();
            let lease = inner.remembered.desired.lease.clone()?;
            let lasts = Duration::from_millis(u64::from(lease.lasts_ms));
            if inner.remembered.lapsed || inner.renewed.elapsed() < lasts {
                return None;
            }
            let stands_in = |slot: &&Arc<Slot>| {
                slot.release != lease.candidate && !slot.is_to_stop() && slot.is_ready()
            };
            inner.slots.iter().find(stands_in)?;
            inner.remembered.lapsed = true;
            (lease.candidate, inner.remembered.clone())
        };
        self.refresh();
        Some(lapsed)
    }

    /// Forgets counters and instances of releases that are long gone.
    pub(crate) fn tidy(&self) {
        let now = clock::now();
        let wanted: Vec<ReleaseId> = {
            let inner = self.inner();
            let arms = inner.remembered.desired.arms.iter().map(|arm| arm.release);
            arms.chain(inner.slots.iter().map(|slot| slot.release)).collect()
        };
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.retain(|(release, _), meter| wanted.contains(release) || !meter.is_empty(now));
    }

    /// Returns how it stands; nothing if it was taken down and nothing of it is left.
    pub(crate) fn status(&self) -> Option<RouteStatus> {
        let table = self.table.load_full();
        let effective = table.effective();
        let inner = self.inner();
        let arms: Vec<ArmStatus> = table
            .arms
            .iter()
            .zip(effective)
            .map(|(arm, effective)| inner.arm_status(arm, effective))
            .collect();
        if inner.remembered.desired.arms.is_empty() && arms.is_empty() {
            return None;
        }
        Some(RouteStatus {
            key: self.key.clone(),
            generation: inner.remembered.desired.generation,
            port: inner.open_port,
            arms,
            problem: inner.problem.clone().or_else(|| inner.moved.clone()),
            unserved: self.unserved.load(Ordering::Relaxed),
            shed: self.gate.shed(),
            sticky: inner.remembered.desired.traffic.sticky.is_some(),
        })
    }
}

impl Inner {
    /// Returns the share that an arm is configured to get, after a lapse too.
    fn share(&self, arm: &Arm) -> Share {
        match (&self.remembered.desired.lease, self.remembered.lapsed) {
            (Some(lease), true) if lease.candidate == arm.release => Share::NONE,
            (Some(_), true) => Share::ALL,
            (Some(_), false) | (None, _) => arm.share,
        }
    }

    fn reconcile(&mut self) -> Vec<Arc<Slot>> {
        let arms = &self.remembered.desired.arms;
        let arm_of = |slot: &Slot| arms.iter().find(|arm| arm.release == slot.release);
        let mut filled = BTreeSet::new();
        for slot in &self.slots {
            let arm = arm_of(slot).filter(|arm| slot.index < arm.instances);
            match arm.filter(|_| slot.drains() || filled.insert((slot.release, slot.index))) {
                Some(arm) => slot.want(arm.clone()),
                None => slot.stop(),
            }
        }
        let mut fresh = Vec::new();
        for arm in arms {
            for index in 0..arm.instances {
                let serves = |slot: &&Arc<Slot>| {
                    slot.release == arm.release && slot.index == index && !slot.is_to_stop()
                };
                if self.slots.iter().find(serves).is_none() {
                    fresh.push(Arc::new(Slot::new(arm.clone(), index)));
                }
            }
        }
        self.slots.extend(fresh.iter().cloned());
        fresh
    }

    fn arm_status(&self, arm: &TableArm, effective: Share) -> ArmStatus {
        let now = clock::now();
        let of_arm = self.slots.iter().filter(|slot| slot.release == arm.release);
        let mut instances: Vec<InstanceStatus> = of_arm.map(|slot| slot.status()).collect();
        instances.sort_by_key(|instance| {
            (instance.state == InstanceState::Draining, instance.index, instance.pid)
        });
        let recent = self.exits.iter().filter(|(release, at)| {
            *release == arm.release && now.since(*at) < EXITS_ARE_RECENT_MS
        });
        ArmStatus {
            release: arm.release,
            share: arm.share,
            effective,
            instances,
            recent_exits: u16::try_from(recent.count()).unwrap_or(u16::MAX),
            failed_starts: self.failed_starts.get(&arm.release).copied().unwrap_or(0),
        }
    }
}

/// Whether a lease still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lapse {
    /// It runs.
    Running,
    /// It lapsed; only a newer generation gives the candidate a share again.
    Lapsed,
}

const BOARDING_ATTEMPTS: usize = 64;
const EXITS_ARE_RECENT_MS: i64 = 60_000;
