//! The host as a whole: takes in what is wanted, takes over what runs, and tends the routes.
//!
//! # Invariants
//!
//! - What is wanted is durable before it is done; only a lapse takes effect first.
//! - A generation older than the one that is in force changes nothing. The same generation with
//!   another content is answered as stale too: one log position means one thing.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluss_core::ids::ReleaseId;
use sluss_core::target::{
    Applied, CounterRow, Desired, JournalEntry, LimitsBy, RouteKey, RouteStatus,
};
use sluss_core::units::Quarter;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::cgroup::Tree;
use crate::door::{Door, GRACE_FOR_IDLE, GRACE_WHEN_HANDED_OVER, Ports};
use crate::folder::{Folder, Remembered, instance_of};
use crate::handover;
use crate::journal::Journal;
use crate::keeper::{self, Kept};
use crate::past::Past;
use crate::prober;
use crate::process::{self, Record, Running, UNKNOWN_CODE};
use crate::route::{Lapse, Route};
use crate::serve::HostOptions;
use crate::slot::Slot;
use crate::wanted::{self, Refused};

/// The host.
pub(crate) struct Host {
    pub(crate) options: HostOptions,
    pub(crate) folder: Folder,
    pub(crate) journal: Journal,
    pub(crate) ports: Ports,
    /// Where control groups can be made, or why nowhere.
    pub(crate) groups: Result<Tree, String>,
    routes: Mutex<BTreeMap<RouteKey, Arc<Route>>>,
    /// Held while what is wanted changes; the doors that are open.
    doors: tokio::sync::Mutex<BTreeMap<RouteKey, Door>>,
    tasks: Mutex<JoinSet<()>>,
    past: Past,
    /// Listening sockets of the host before.
    inherited: Mutex<BTreeMap<u16, TcpListener>>,
}

impl Host {
    /// Returns a host that remembers nothing yet.
    pub(crate) fn new(
        options: HostOptions,
        (folder, journal, past): (Folder, Journal, Past),
        inherited: Vec<(u16, TcpListener)>,
    ) -> Arc<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let groups = Tree::find(&options.control_groups, &own);
        Arc::new(Self {
            groups,
            options,
            folder,
            journal,
            ports: Ports::default(),
            routes: Mutex::default(),
            doors: tokio::sync::Mutex::default(),
            tasks: Mutex::default(),
            past,
            inherited: Mutex::new(inherited.into_iter().collect()),
        })
    }

    /// Takes up again what an earlier host was doing.
    pub(crate) async fn restore(self: &Arc<Self>) -> io::Result<()> {
        for remembered in self.folder.routes()? {
            if let Some(port) = remembered.chosen_port {
                self.ports.keep(port);
            }
            let route = Arc::new(Route::new(remembered, &self.folder.id));
            route.recall(&self.past.load(&route.key));
            route.recall_units(&self.past.load_units(&route.key));
            self.routes().insert(route.key.clone(), route);
        }
        let records: Vec<(String, Record)> = self.folder.processes()?;
        let known: Vec<u64> = records.iter().map(|(_, record)| record.id).collect();
        for (name, record) in records {
            self.adopt(&name, record);
        }
        let lost = process::end_lost(&self.folder, &known);
        if lost > 0 {
            tracing::warn!(lost, "ended processes that were started but never written down");
        }
        let mut doors = self.doors.lock().await;
        for route in self.all() {
            self.start_all(&route, route.take_in(route.remembered()));
            self.open_door(&mut doors, &route);
        }
        // What nobody wants any more is closed.
        drop(std::mem::take(&mut *self.inherited()));
        Ok(())
    }

    fn adopt(self: &Arc<Self>, name: &str, record: Record) {
        let (key, release) = (record.key.clone(), record.arm.release);
        let route = self.route(&key, || Remembered {
            desired: Desired::nothing(key.clone(), 0),
            lapsed: false,
            chosen_port: None,
        });
        let Some(running) = Running::adopt(record.identity.clone()) else {
            self.folder.forget_process(name);
            self.end_group(&record);
            if route.wants(release, record.index) {
                self.ports.recall(&instance_of(&key, release, record.index), record.port);
            }
            route.note_exit(release);
            let what = JournalEntry::Exited { instance: record.index, code: UNKNOWN_CODE };
            self.journal.note(&key, release, what);
            return;
        };
        self.ports.keep(record.port);
        let (instance, pid) = (record.index, record.identity.pid);
        self.journal.note(&key, release, JournalEntry::Adopted { instance, pid });
        // Whether it is still wanted is decided with the others', in `Route::take_in`.
        let slot = Arc::new(Slot::new(record.arm.clone(), record.index));
        route.add(Arc::clone(&slot));
        self.start(&route, slot, Some(Kept { running, record }));
    }

    /// Ends the control group of a process that has ended.
    pub(crate) fn end_group(&self, record: &Record) {
        if let (Ok(tree), LimitsBy::ControlGroup) = (&self.groups, &record.confinement.limits) {
            tree.group(&record.name()).end();
        }
    }

    /// Takes in what is wanted of one route.
    pub(crate) async fn apply(self: &Arc<Self>, desired: Desired) -> Result<Applied, Refused> {
        wanted::check(&desired)?;
        let mut doors = self.doors.lock().await;
        let known = self.routes().get(&desired.key).cloned();
        let mut chosen_port = None;
        if let Some(route) = &known {
            let has = route.remembered();
            if has.desired == desired {
                route.renew();
                return Ok(Applied::Accepted);
            }
            if desired.generation <= has.desired.generation && has.desired.generation > 0 {
                return Ok(Applied::Stale { has: has.desired.generation });
            }
            chosen_port = has.chosen_port;
        }
        if desired.port.is_none() && chosen_port.is_none() && !desired.arms.is_empty() {
            chosen_port = Some(self.ports.take().map_err(Refused::no_port)?);
        }
        let remembered = Remembered { desired, lapsed: false, chosen_port };
        self.remember(&remembered).await.map_err(Refused::not_durable)?;
        let route = self.route(&remembered.desired.key, || remembered.clone());
        self.start_all(&route, route.take_in(remembered));
        self.open_door(&mut doors, &route);
        Ok(Applied::Accepted)
    }

    /// Renews the lease of a route.
    pub(crate) fn renew(&self, key: &RouteKey, generation: u64) -> Result<Applied, Refused> {
        let route = self.routes().get(key).cloned().ok_or_else(|| Refused::no_route(key))?;
        let has = route.desired().generation;
        if generation != has {
            return Ok(Applied::Stale { has });
        }
        match route.renew() {
            Lapse::Running => Ok(Applied::Accepted),
            Lapse::Lapsed => Err(Refused::lapsed(key)),
        }
    }

    /// Returns how all routes stand.
    pub(crate) fn status(&self) -> Vec<RouteStatus> {
        self.all().iter().filter_map(|route| route.status()).collect()
    }

    /// Returns the counters of a route after a second.
    pub(crate) fn counters(&self, key: &RouteKey, after: i64) -> Result<Vec<CounterRow>, Refused> {
        let route = self.routes().get(key).cloned().ok_or_else(|| Refused::no_route(key))?;
        Ok(route.counters(Quarter::last_of(after)))
    }

    /// Looks after leases, doors that could not be opened, and what is long over; never returns.
    pub(crate) async fn tend(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TEND_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0u64.. {
            ticks.tick().await;
            self.keep_counters(tick);
            self.probe(tick);
            let mut doors = self.doors.lock().await;
            for route in self.all() {
                if let Some((candidate, remembered)) = route.lapse_if_due() {
                    self.lapse(candidate, remembered).await;
                }
                if tick % TICKS_PER_DOOR == 0 {
                    self.open_door(&mut doors, &route);
                    self.move_door(&mut doors, &route).await;
                }
                if tick % TICKS_PER_TIDYING == 0 {
                    route.tidy();
                }
            }
            drop(doors);
            while self.tasks().try_join_next().is_some() {}
        }
    }

    /// Sends the probes that are due.
    fn probe(&self, tick: u64) {
        for route in self.all() {
            let Desired { traffic, arms, .. } = route.desired();
            let Some(probe) = traffic.probe.filter(|_| !arms.is_empty()) else { continue };
            for _ in 0..prober::due(tick, TEND_INTERVAL_MS, probe.per_second) {
                self.tasks().spawn(prober::send(Arc::clone(&route), probe.clone()));
            }
        }
    }

    fn keep_counters(&self, tick: u64) {
        for route in self.all() {
            self.past.write(&route.key, route.unwritten());
            self.past.write_units(&route.key, &route.take_news());
        }
        if tick.is_multiple_of(TICKS_PER_LATE) {
            match self.folder.take_late() {
                Ok(all) => all.iter().for_each(|late| {
                    if let Some(route) = self.routes().get(&late.key) {
                        route.absorb(late);
                    }
                }),
                Err(error) => tracing::warn!(%error, "what a host before counted is lost"),
            }
        }
    }

    async fn lapse(&self, candidate: ReleaseId, remembered: Remembered) {
        if let Err(error) = self.remember(&remembered).await {
            tracing::error!(%error, "a lapse cannot be written down; free disk space");
        }
        self.journal.note(&remembered.desired.key, candidate, JournalEntry::Lapsed);
    }

    /// Stops keeping the processes, which go on without us, and gives the folder back.
    pub(crate) fn abandon(&self) {
        drop(std::mem::take(&mut *self.tasks()));
        self.folder.unlock();
    }

    /// Gives all ports to the successor, finishes what was begun, and leaves.
    pub(crate) async fn hand_over(&self, successor: UnixStream) {
        let mut doors = std::mem::take(&mut *self.doors.lock().await);
        let mut sockets = Vec::new();
        for door in doors.values_mut() {
            sockets.extend(door.stop_accepting().await.map(|socket| (door.port, socket)));
        }
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
        self.keep_counters(1);
        self.past.flush();
        self.journal.flush();
        // Before the folder is given back: whoever has it next must see that we are still here.
        let _leaving = self.folder.begin_leaving().inspect_err(|error| {
            tracing::error!(%error, "the next host cannot know of requests that go on");
        });
        self.folder.unlock();
        if let Err(error) = handover::give(&successor, &sockets) {
            tracing::error!(%error, "the successor did not take the ports; start a host anew");
        }
        drop((successor, sockets));
        let mut closing = JoinSet::new();
        for door in doors.into_values() {
            closing.spawn(door.close(self.options.handed_over_grace, GRACE_WHEN_HANDED_OVER));
        }
        let mut ticks = tokio::time::interval(LATE_INTERVAL);
        while !closing.is_empty() {
            tokio::select! {
                _closed = closing.join_next() => {}
                _tick = ticks.tick() => self.tell_late(),
            }
        }
        self.tell_late();
    }

    fn tell_late(&self) {
        for late in self.all().iter().filter_map(|route| route.take_late()) {
            if let Err(error) = self.folder.tell_late(&late) {
                tracing::warn!(%error, "what was counted while leaving is lost");
            }
        }
    }

    /// Closes all doors and lets the processes go on without us.
    pub(crate) async fn leave(&self) {
        let doors = std::mem::take(&mut *self.doors.lock().await);
        let patience = self.options.shutdown_grace;
        let mut closing = JoinSet::new();
        for door in doors.into_values() {
            closing.spawn(door.close(patience, GRACE_FOR_IDLE));
        }
        while closing.join_next().await.is_some() {}
        self.keep_counters(1);
        self.past.flush();
        self.tell_late();
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
    }

    fn open_door(&self, doors: &mut BTreeMap<RouteKey, Door>, route: &Arc<Route>) {
        let remembered = route.remembered();
        let open = doors.get(&route.key).map(|door| door.port);
        let wanted = match remembered.desired.arms.is_empty() {
            true => None,
            false => remembered.desired.port.or(remembered.chosen_port),
        };
        let opened = match wanted {
            wanted if wanted == open => return route.set_port(open, None),
            None => None,
            Some(port) => match self.door(port, route) {
                Ok(door) => Some(door),
                Err(error) => {
                    let what = format!(
                        "port {port} cannot be opened: {error}; free it or give another one"
                    );
                    route.set_port(open, Some(what));
                    return;
                }
            },
        };
        let former = doors.remove(&route.key);
        route.set_port(opened.as_ref().map(|door| door.port), None);
        if let Some(door) = opened {
            doors.insert(route.key.clone(), door);
        }
        if let Some(door) = former {
            let patience = self.options.shutdown_grace;
            self.tasks().spawn(door.close(patience, GRACE_FOR_IDLE));
        }
    }

    /// Chooses another port for a route whose own has been taken by a stranger for too long. A
    /// port that was asked for is never given up.
    async fn move_door(&self, doors: &mut BTreeMap<RouteKey, Door>, route: &Arc<Route>) {
        let mut remembered = route.remembered();
        let Some(former) = remembered.chosen_port.filter(|_| remembered.desired.port.is_none())
        else {
            return;
        };
        if doors.contains_key(&route.key) || route.closed_for() < self.options.port_patience {
            return;
        }
        let Ok(port) = self.ports.take() else { return };
        remembered.chosen_port = Some(port);
        if let Err(error) = self.remember(&remembered).await {
            tracing::error!(%error, "a new port cannot be written down; free disk space");
            self.ports.give_back(port);
            return;
        }
        self.ports.give_back(former);
        let why = format!(
            "port {former}, which this route had before, is held by another program; {port} was \
             opened in its place, so tell whoever calls it, or ask for a `port`"
        );
        tracing::warn!(key = %route.key, why);
        route.move_to(port, why);
        self.open_door(doors, route);
    }

    fn door(&self, port: u16, route: &Arc<Route>) -> io::Result<Door> {
        let inherited = self.inherited().remove(&port);
        let serves = (Arc::clone(route), self.options.connect_timeout);
        Door::open(SocketAddr::new(self.options.bind, port), serves, inherited)
    }

    fn inherited(&self) -> MutexGuard<'_, BTreeMap<u16, TcpListener>> {
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_all(self: &Arc<Self>, route: &Arc<Route>, slots: Vec<Arc<Slot>>) {
        for slot in slots {
            self.start(route, slot, None);
        }
    }

    fn start(self: &Arc<Self>, route: &Arc<Route>, slot: Arc<Slot>, kept: Option<Kept>) {
        self.tasks().spawn(keeper::keep(Arc::clone(self), Arc::clone(route), slot, kept));
    }

    async fn remember(&self, remembered: &Remembered) -> io::Result<()> {
        let (folder, remembered) = (self.folder.clone(), remembered.clone());
        tokio::task::spawn_blocking(move || folder.remember(&remembered))
            .await
            .map_err(io::Error::other)?
    }

    fn route(&self, key: &RouteKey, new: impl FnOnce() -> Remembered) -> Arc<Route> {
        let mut routes = self.routes();
        Arc::clone(
            routes
                .entry(key.clone())
                .or_insert_with(|| Arc::new(Route::new(new(), &self.folder.id))),
        )
    }

    fn all(&self) -> Vec<Arc<Route>> {
        self.routes().values().cloned().collect()
    }

    fn routes(&self) -> MutexGuard<'_, BTreeMap<RouteKey, Arc<Route>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TEND_INTERVAL_MS: u64 = 100;
const TEND_INTERVAL: Duration = Duration::from_millis(TEND_INTERVAL_MS);
const LATE_INTERVAL: Duration = Duration::from_millis(250);
const TICKS_PER_LATE: u64 = 2;
const TICKS_PER_DOOR: u64 = 10;
const TICKS_PER_TIDYING: u64 = 600;
