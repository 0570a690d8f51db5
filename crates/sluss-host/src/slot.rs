//! A place for one instance of a release: what is to run in it, and what does.
//!
//! # Invariants
//!
//! - Its keeper alone puts instances in and takes them out; whoever else holds it may only say
//!   what is wanted.
//! - Once it drains, it ends; until then, a slot that was to stop can be wanted again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::target::{Arm, Confinement, InstanceState, InstanceStatus};
use sluss_core::units::Millis;
use tokio::sync::Notify;

use crate::clock;
use crate::table::Instance;

/// A slot.
pub(crate) struct Slot {
    pub(crate) release: ReleaseId,
    pub(crate) index: u16,
    now: Mutex<Now>,
    changed: Notify,
}

struct Now {
    arm: Arm,
    is_to_stop: bool,
    drains: bool,
    state: InstanceState,
    since: Millis,
    pid: u32,
    port: u16,
    instance: Option<Arc<Instance>>,
    /// What the process that runs is held by.
    confinement: Confinement,
    /// Why its port is another one than before.
    moved: Option<String>,
    /// The artifact that the last process was started from.
    digest: Option<Digest>,
}

impl Slot {
    /// Returns an empty slot for instance `index` of `arm`.
    pub(crate) fn new(arm: Arm, index: u16) -> Self {
        Self {
            release: arm.release,
            index,
            now: Mutex::new(Now {
                arm,
                is_to_stop: false,
                drains: false,
                state: InstanceState::Starting,
                since: clock::now(),
                pid: 0,
                port: 0,
                instance: None,
                confinement: Confinement::default(),
                moved: None,
                digest: None,
            }),
            changed: Notify::new(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it is wanted, and as what; too late if it drains already.
    pub(crate) fn want(&self, arm: Arm) {
        let mut now = self.now();
        now.is_to_stop = now.drains;
        now.arm = arm;
        drop(now);
        self.changed.notify_one();
    }

    /// Asks it to stop when nobody needs it any more.
    pub(crate) fn stop(&self) {
        self.now().is_to_stop = true;
        self.changed.notify_one();
    }

    /// Waits until what is wanted of it has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns whether it is to stop.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.now().is_to_stop
    }

    /// Returns whether it drains, and so will end.
    pub(crate) fn drains(&self) -> bool {
        self.now().drains
    }

    /// Returns whether its instance gets traffic.
    pub(crate) fn is_ready(&self) -> bool {
        self.now().instance.as_ref().is_some_and(|instance| instance.is_ready())
    }

    /// Begins to drain, if it is still to stop.
    pub(crate) fn drain(&self) -> bool {
        let mut now = self.now();
        if now.is_to_stop {
            now.drains = true;
            now.state = InstanceState::Draining;
            now.since = clock::now();
            if let Some(instance) = &now.instance {
                instance.set_ready(false);
            }
        }
        now.drains
    }

    /// Returns what is to run in it.
    pub(crate) fn arm(&self) -> Arm {
        self.now().arm.clone()
    }

    /// Returns what runs in it.
    pub(crate) fn instance(&self) -> Option<Arc<Instance>> {
        self.now().instance.clone()
    }

    /// Says why the next instance has another port than the one before the host was started
    /// anew, if so.
    pub(crate) fn set_moved(&self, why: Option<String>) {
        self.now().moved = why;
    }

    /// Puts an instance in.
    pub(crate) fn fill(&self, instance: Arc<Instance>, pid: u32, confinement: Confinement) {
        let mut now = self.now();
        now.pid = pid;
        now.confinement = confinement;
        now.digest = Some(now.arm.digest.clone());
        now.port = instance.address.port();
        now.state =
            if instance.is_ready() { InstanceState::Ready } else { InstanceState::Starting };
        now.since = clock::now();
        now.instance = Some(instance);
    }

    /// Takes the instance out, which ended with `code`.
    pub(crate) fn empty(&self, code: i32) {
        let mut now = self.now();
        now.pid = 0;
        now.instance = None;
        now.confinement = Confinement::default();
        now.state = InstanceState::Exited { code };
        now.since = clock::now();
    }

    /// Says where the instance stands.
    pub(crate) fn set_state(&self, state: InstanceState) {
        let mut now = self.now();
        if now.state != state {
            now.state = state;
            now.since = clock::now();
        }
    }

    /// Returns how it stands.
    pub(crate) fn status(&self) -> InstanceStatus {
        let now = self.now();
        let ready = now.instance.as_ref().is_some_and(|instance| instance.is_ready());
        let state = match &now.state {
            // A request found out before its keeper did.
            InstanceState::Ready if !ready => InstanceState::Unready,
            state => state.clone(),
        };
        InstanceStatus {
            index: self.index,
            pid: now.pid,
            port: now.port,
            state,
            since: now.since,
            confinement: now.confinement.clone(),
            moved: now.moved.clone(),
            digest: now.digest.clone(),
        }
    }
}
