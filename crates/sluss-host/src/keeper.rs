//! Keeps one slot filled: starts its process, checks it, restarts it, drains and stops it.
//!
//! # Invariants
//!
//! - An instance gets traffic only after its readiness check has held.
//! - It gets `SIGTERM` only when its last request is done or its time to drain has passed, and
//!   `SIGKILL` only when it has not ended after that time again.
//! - A process is written down before it gets traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::target::{Arm, InstanceState, JournalEntry};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::folder::instance_of;
use crate::host::Host;
use crate::process::{self, Record, Running, Start, UNKNOWN_CODE};
use crate::proxy;
use crate::readiness::{self, Found};
use crate::route::Route;
use crate::slot::Slot;
use crate::table::Instance;

/// A process with what was written down of it.
pub(crate) struct Kept {
    pub(crate) running: Running,
    pub(crate) record: Record,
}

/// Keeps `slot` filled until it has stopped; `kept` is a process that was taken over for it.
pub(crate) async fn keep(
    host: Arc<Host>,
    route: Arc<Route>,
    slot: Arc<Slot>,
    mut adopted: Option<Kept>,
) {
    let keeper = Keeper { host, route, slot };
    let mut failures = 0;
    loop {
        let kept = match adopted.take() {
            Some(kept) => kept,
            None if keeper.slot.is_to_stop() && keeper.slot.drain() => break,
            None => match keeper.start() {
                Some(kept) => kept,
                None => {
                    keeper.pause(&mut failures).await;
                    continue;
                }
            },
        };
        match keeper.live(kept).await {
            End::Asked => break,
            End::Unasked { was_stable: true } => failures = 0,
            End::Unasked { was_stable: false } => {}
        }
        keeper.pause(&mut failures).await;
    }
    keeper.route.remove(&keeper.slot);
}

/// How the life of a process ended.
enum End {
    /// Its slot has stopped.
    Asked,
    /// It is to be replaced.
    Unasked {
        /// Whether it was ready for so long that its end is no pattern.
        was_stable: bool,
    },
}

struct Keeper {
    host: Arc<Host>,
    route: Arc<Route>,
    slot: Arc<Slot>,
}

impl Keeper {
    fn note(&self, what: JournalEntry) {
        self.host.journal.note(&self.route.key, self.slot.release, what);
    }

    /// Waits before the next start, longer with each failure.
    async fn pause(&self, failures: &mut u32) {
        let pause = FIRST_PAUSE.saturating_mul(1 << (*failures).min(16)).min(LONGEST_PAUSE);
        *failures += 1;
        let over = sleep(pause);
        tokio::pin!(over);
        while !self.slot.is_to_stop() {
            tokio::select! {
                () = &mut over => return,
                () = self.slot.changed() => {}
            }
        }
    }

    fn start(&self) -> Option<Kept> {
        let arm = self.slot.arm();
        let id = fastrand::u64(..);
        let index = self.slot.index;
        let key = &self.route.key;
        let ports = &self.host.ports;
        let taken = ports.take_for(&instance_of(key, self.slot.release, index));
        let started = taken.and_then(|(port, moved)| {
            let (beside, groups) = (&self.route.users(), &self.host.groups);
            let what = Start { key, arm: &arm, index, id, port, beside, groups };
            process::start(&self.host.folder, &what)
                .map(|(running, confinement)| (running, confinement, port, moved))
                .inspect_err(|_| ports.give_back(port))
        });
        match started {
            Ok((running, confinement, port, moved)) => {
                if let Some(why) = &moved {
                    tracing::warn!(key = %key, release = %self.slot.release, why);
                }
                self.slot.set_moved(moved);
                let identity = running.identity.clone();
                self.note(JournalEntry::Started { instance: index, pid: identity.pid });
                let arm = Arm { secrets: Default::default(), ..arm };
                let key = key.clone();
                let ready = false;
                let record = Record { key, arm, index, id, identity, port, ready, confinement };
                self.write_down(&record);
                Some(Kept { running, record })
            }
            Err(error) => {
                tracing::warn!(%error, key = %self.route.key, release = %self.slot.release,
                    "an instance could not be started; see its .err file");
                self.slot.empty(CANNOT_START);
                self.route.note_exit(self.slot.release);
                self.note(JournalEntry::Exited { instance: index, code: CANNOT_START });
                None
            }
        }
    }

    fn write_down(&self, record: &Record) {
        if let Err(error) = self.host.folder.remember_process(&record.name(), record) {
            tracing::error!(%error, "a process cannot be written down; free disk space");
        }
    }

    /// Lives with one process until it has ended.
    async fn live(&self, mut kept: Kept) -> End {
        let Record { id, port, .. } = kept.record;
        let address = SocketAddr::new(LOOPBACK, port);
        let meter = self.route.meter(self.slot.release, self.slot.index);
        let peer = proxy::peer(address, &self.host.options);
        let instance = Arc::new(Instance::new(id, self.slot.release, address, meter, peer));
        instance.set_ready(kept.record.ready);
        let (pid, held) = (kept.running.identity.pid, kept.record.confinement.clone());
        self.slot.fill(Arc::clone(&instance), pid, held);
        self.route.refresh();

        let mut life = Life { ready_since: kept.record.ready.then(Instant::now) };
        let end = self.watch(&mut kept, &instance, &mut life).await;
        instance.set_ready(false);
        let stable = life.ready_since.is_some_and(|since| since.elapsed() > STABLE_AFTER);
        let end = match end {
            Watched::Ended(code) => {
                self.slot.empty(code);
                self.route.note_exit(self.slot.release);
                self.note(JournalEntry::Exited { instance: self.slot.index, code });
                End::Unasked { was_stable: stable }
            }
            Watched::NotReadyInTime => {
                self.route.note_failed_start(self.slot.release);
                self.note(JournalEntry::NotReadyInTime { instance: self.slot.index });
                let code = self.terminate(&mut kept.running).await;
                self.slot.empty(code);
                End::Unasked { was_stable: false }
            }
            Watched::Draining => {
                // A host that comes back meanwhile must not take it for one that serves.
                kept.record.ready = false;
                self.write_down(&kept.record);
                self.drain(&mut kept.running, &instance).await;
                End::Asked
            }
        };
        self.route.refresh();
        self.host.end_group(&kept.record);
        self.host.ports.give_back(port);
        self.host.folder.forget_process(&kept.record.name());
        end
    }

    async fn watch(&self, kept: &mut Kept, instance: &Arc<Instance>, life: &mut Life) -> Watched {
        let mut arm = self.slot.arm();
        let within = Duration::from_secs(u64::from(arm.readiness.within_seconds));
        let too_late = sleep_until(Instant::now() + within);
        tokio::pin!(too_late);
        let mut checks = Checks::default();
        let mut check = Box::pin(checked(Arc::clone(instance), arm.clone(), Duration::ZERO));
        loop {
            let stops = self.slot.is_to_stop();
            if stops && self.route.may_retire(&self.slot) && self.slot.drain() {
                return Watched::Draining;
            }
            tokio::select! {
                code = kept.running.ended() => return Watched::Ended(code),
                () = &mut too_late, if life.ready_since.is_none() => {
                    return Watched::NotReadyInTime;
                }
                found = &mut check => {
                    arm = self.slot.arm();
                    let ready = checks.take_in(found, arm.readiness.after, instance.is_ready());
                    self.say_ready(kept, instance, life, ready);
                    let interval = Duration::from_millis(u64::from(arm.readiness.interval_ms));
                    let pause = match (found, life.ready_since) {
                        // Nobody listens yet: this costs it nothing, and customers wait.
                        (Found::Gone, None) => interval.min(START_INTERVAL),
                        (Found::Gone, Some(_)) | (Found::Ready | Found::Unready, _) => interval,
                    };
                    check = Box::pin(checked(Arc::clone(instance), arm.clone(), pause));
                }
                () = self.slot.changed() => {}
                () = sleep(RETIRE_INTERVAL), if stops => {}
            }
        }
    }

    fn say_ready(&self, kept: &mut Kept, instance: &Instance, life: &mut Life, ready: bool) {
        let was_ready = kept.record.ready;
        if ready && !was_ready {
            kept.record.ready = true;
            self.write_down(&kept.record);
            self.note(JournalEntry::Ready { instance: self.slot.index });
            life.ready_since.get_or_insert_with(Instant::now);
        }
        if !ready && was_ready {
            kept.record.ready = false;
            self.write_down(&kept.record);
        }
        instance.set_ready(ready);
        self.slot.set_state(match (ready, life.ready_since) {
            (true, _) => InstanceState::Ready,
            (false, Some(_)) => InstanceState::Unready,
            (false, None) => InstanceState::Starting,
        });
    }

    async fn drain(&self, running: &mut Running, instance: &Instance) {
        self.route.refresh();
        let patience = Duration::from_secs(u64::from(self.slot.arm().drain_seconds));
        // A host before us may have requests on their way to what it started.
        let shared = running.is_adopted();
        let landed = async {
            instance.without_flights().await;
            if shared {
                self.host.folder.nobody_leaves().await;
            }
        };
        tokio::select! {
            _ended = running.ended() => {}
            _landed = timeout(patience, landed) => {}
        }
        let code = self.terminate(running).await;
        self.slot.empty(code);
    }

    async fn terminate(&self, running: &mut Running) -> i32 {
        let instance = self.slot.index;
        let patience = Duration::from_secs(u64::from(self.slot.arm().drain_seconds));
        running.terminate();
        match timeout(patience.max(LEAST_PATIENCE), running.ended()).await {
            Ok(code) => {
                self.note(JournalEntry::Stopped { instance });
                code
            }
            Err(_) => {
                running.kill();
                let code = timeout(KILLED_WITHIN, running.ended()).await.unwrap_or(UNKNOWN_CODE);
                self.note(JournalEntry::Killed { instance });
                code
            }
        }
    }
}

/// What the keeper knows of the process that runs.
struct Life {
    ready_since: Option<Instant>,
}

/// Why watching a process ended.
enum Watched {
    Ended(i32),
    NotReadyInTime,
    Draining,
}

async fn checked(instance: Arc<Instance>, arm: Arm, pause: Duration) -> Found {
    tokio::select! {
        () = sleep(pause) => {}
        () = instance.suspected() => {}
    }
    readiness::check(instance.address, &arm.readiness).await
}

/// Consecutive results of checks.
#[derive(Default)]
struct Checks {
    good: u16,
    bad: u16,
}

impl Checks {
    /// Takes in a result, and says whether the instance may get traffic now.
    fn take_in(&mut self, found: Found, after: u16, was_ready: bool) -> bool {
        (self.good, self.bad) = match found {
            Found::Ready => (self.good.saturating_add(1), 0),
            Found::Unready => (0, self.bad.saturating_add(1)),
            // As bad as it gets: at once.
            Found::Gone => (0, BAD_CHECKS_ALLOWED + 1),
        };
        match (was_ready, found) {
            (true, Found::Ready) => true,
            (true, Found::Unready | Found::Gone) => self.bad <= BAD_CHECKS_ALLOWED,
            (false, Found::Ready) => self.good >= after,
            (false, Found::Unready | Found::Gone) => false,
        }
    }
}

const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// What a shell says when a program is not there.
const CANNOT_START: i32 = 127;
/// One slow answer takes nobody out.
const BAD_CHECKS_ALLOWED: u16 = 1;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const STABLE_AFTER: Duration = Duration::from_secs(10);
const START_INTERVAL: Duration = Duration::from_millis(50);
const RETIRE_INTERVAL: Duration = Duration::from_millis(20);
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
const KILLED_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str) -> String {
        let mut checks = Checks::default();
        let mut ready = false;
        let mut told = String::new();
        for one in found.chars() {
            let found = match one {
                'r' => Found::Ready,
                'u' => Found::Unready,
                _ => Found::Gone,
            };
            ready = checks.take_in(found, 2, ready);
            told.push(if ready { '1' } else { '0' });
        }
        told
    }

    #[test]
    fn ready_after_two_good_checks_and_out_after_two_bad_ones_or_one_refusal() {
        assert_eq!(check("rr"), "01");
        assert_eq!(check("rurr"), "0001");
        assert_eq!(check("rrurur"), "011111");
        assert_eq!(check("rruurr"), "011001");
        assert_eq!(check("rrgrr"), "01001");
    }
}
