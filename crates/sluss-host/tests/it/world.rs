//! A host of one's own: folder, processes and ports, all gone when it is dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::target::{
    Applied, Arm, ArmStatus, CounterRow, Desired, InstanceState, JournalEntry, Limits, Readiness,
    RouteKey, RouteStatus,
};
use sluss_core::units::Share;
use sluss_host::HostOptions;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::client::Customer;
use crate::target::{HostTarget, Target as _};

/// The world of one test.
pub(crate) struct World {
    pub(crate) target: HostTarget,
    folder: tempfile::TempDir,
    running: Running,
    /// Hosts that gave their place away.
    leaving: Vec<Child>,
}

enum Running {
    Nothing,
    Here(oneshot::Sender<()>, JoinHandle<()>),
    Process(Child),
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = HostTarget::new(folder.path().join("host"));
        Self { target, folder, running: Running::Nothing, leaving: Vec::new() }
    }

    /// Starts a host within this process.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut HostOptions)) -> Self {
        let mut world = Self::new();
        world.serve(change).await;
        world
    }

    /// Starts a host as a process that can be killed.
    pub(crate) async fn start_process() -> Self {
        let mut world = Self::new();
        world.serve_process().await;
        world
    }

    pub(crate) async fn serve(&mut self, change: impl FnOnce(&mut HostOptions)) {
        let mut options = HostOptions::new(self.target.data());
        options.shutdown_grace = Duration::from_millis(500);
        change(&mut options);
        let (stop, stopped) = oneshot::channel::<()>();
        let host = tokio::spawn(async move {
            let asked = async {
                let _ended = stopped.await;
            };
            sluss_host::serve(options, asked).await.unwrap();
        });
        self.running = Running::Here(stop, host);
        self.until("the host answers", async |world| world.target.status().await.ok()).await;
    }

    pub(crate) async fn serve_process(&mut self) {
        self.running = Running::Process(self.spawn(&[]));
        self.until("the host answers", async |world| world.target.status().await.ok()).await;
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let errors = std::fs::File::create(self.folder.path().join("host.err")).unwrap();
        let mut command = Command::new(examples().join("host"));
        command.arg(self.target.data()).args(arguments);
        command.stdout(Stdio::null()).stderr(errors).spawn().unwrap()
    }

    /// Starts another host that takes over, and waits until it has.
    pub(crate) async fn upgrade(&mut self) {
        let adopted = |rows: &[(ReleaseId, JournalEntry)]| {
            rows.iter().filter(|(_, what)| matches!(what, JournalEntry::Adopted { .. })).count()
        };
        let before = adopted(&self.journal().await);
        let next = Running::Process(self.spawn(&["--take-over"]));
        if let Running::Process(former) = std::mem::replace(&mut self.running, next) {
            self.leaving.push(former);
        }
        self.until("the next host has taken over", async |world| {
            let rows = world.target.journal(0).await.ok()?;
            let rows: Vec<_> = rows.into_iter().map(|row| (row.release, row.what)).collect();
            (adopted(&rows) > before).then_some(())
        })
        .await;
        self.until("it answers", async |world| world.target.status().await.ok()).await;
    }

    /// Waits until the hosts that gave their place away have ended well.
    pub(crate) async fn alone(&mut self) {
        let mut leaving = std::mem::take(&mut self.leaving);
        self.until("the hosts before have ended", async |_| {
            leaving.retain_mut(|host| match host.try_wait().unwrap() {
                Some(status) => {
                    assert!(status.success(), "{status}");
                    false
                }
                None => true,
            });
            leaving.is_empty().then_some(())
        })
        .await;
    }

    /// Ends the host as an operator would, and waits for it.
    pub(crate) async fn restart(&mut self) {
        if let Running::Here(stop, host) = std::mem::replace(&mut self.running, Running::Nothing) {
            stop.send(()).unwrap();
            host.await.unwrap();
        }
        self.serve(|_| {}).await;
    }

    /// Ends the host as nobody should.
    pub(crate) fn kill_host(&mut self) {
        if let Running::Process(child) = &mut self.running {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Returns how many files the host's process has open.
    pub(crate) fn open_files(&self) -> usize {
        let Running::Process(child) = &self.running else { panic!("it is no process") };
        std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count()
    }

    /// Waits for a condition.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        mut condition: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(met) = condition(self).await {
                return met;
            }
            if began.elapsed() > Duration::from_secs(30) {
                let status = self.target.status().await;
                let journal = self.target.journal(0).await;
                panic!("never: {what}\n{status:#?}\n{journal:#?}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn put(&self, desired: &Desired) -> Applied {
        self.target.apply(desired).await.unwrap()
    }

    /// Puts a generation with these arms.
    pub(crate) async fn want(&self, generation: u64, arms: Vec<Arm>) {
        assert_eq!(self.put(&desired(generation, arms)).await, Applied::Accepted);
    }

    pub(crate) async fn route(&self) -> Option<RouteStatus> {
        let routes = self.target.status().await.unwrap();
        routes.into_iter().find(|route| route.key == key())
    }

    pub(crate) async fn arm(&self, release: u64) -> Option<ArmStatus> {
        let arms = self.route().await?.arms;
        arms.into_iter().find(|arm| arm.release == ReleaseId(release))
    }

    /// Waits until all instances of these releases are ready, and returns the route's port.
    pub(crate) async fn ready(&self, releases: &[u64]) -> u16 {
        for release in releases {
            self.until(&format!("rel-{release} is ready"), async |world| {
                let arm = world.arm(*release).await?;
                arm.instances.iter().all(|i| i.state == InstanceState::Ready).then_some(())
            })
            .await;
        }
        self.route().await.unwrap().port.unwrap()
    }

    pub(crate) async fn gone(&self, release: u64) {
        self.until(&format!("rel-{release} is gone"), async |world| {
            world.arm(release).await.is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn pids(&self, release: u64) -> Vec<u32> {
        self.arm(release).await.unwrap().instances.iter().map(|i| i.pid).collect()
    }

    pub(crate) async fn journal(&self) -> Vec<(ReleaseId, JournalEntry)> {
        let rows = self.target.journal(0).await.unwrap();
        rows.into_iter().map(|row| (row.release, row.what)).collect()
    }

    /// Waits for an entry of the journal.
    pub(crate) async fn noted(&self, release: u64, entry: impl Fn(&JournalEntry) -> bool) {
        self.until("the journal says so", async |world| {
            let rows = world.journal().await;
            rows.iter().any(|(r, what)| *r == ReleaseId(release) && entry(what)).then_some(())
        })
        .await;
    }

    /// Waits until `requests` were counted, and returns requests and errors by release.
    pub(crate) async fn counted(&self, requests: u64) -> BTreeMap<u64, (u64, u64)> {
        self.until(&format!("{requests} requests are counted"), async |world| {
            let rows = world.target.counters(&key(), 0).await.unwrap();
            let sum: u64 = rows.iter().map(|row| row.requests).sum();
            (sum >= requests).then(|| summed(&rows))
        })
        .await
    }
}

/// Held by tests that each ask for all that the machine has.
pub(crate) static HEAVY: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Drop for World {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Nothing => {}
            Running::Here(_, host) => host.abort(),
            Running::Process(child) => {
                let _already_ended = child.kill();
                let _already_reaped = child.wait();
            }
        }
        for host in &mut self.leaving {
            let _already_ended = host.kill();
            let _already_reaped = host.wait();
        }
        // Until the aborted host is gone, it may start another one.
        let mut calm = 0;
        while calm < 5 {
            let found = pids_with(self.folder.path());
            calm = if found.is_empty() { calm + 1 } else { 0 };
            for pid in found {
                let _already_ended = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns the processes that have a folder of this world in their environment.
fn pids_with(folder: &Path) -> Vec<Pid> {
    let mark = folder.to_str().unwrap().as_bytes();
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_of_world = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|all| all.windows(mark.len()).any(|part| part == mark))
    };
    pids.filter(is_of_world).filter_map(Pid::from_raw).collect()
}

fn summed(rows: &[CounterRow]) -> BTreeMap<u64, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let binned: u64 = row.latency.iter().map(|(_, count)| count).sum();
        assert_eq!(binned, row.requests, "every request is in a bin");
        let sum: &mut (u64, u64) = sums.entry(row.release.0).or_default();
        *sum = (sum.0 + row.requests, sum.1 + row.errors);
    }
    sums
}

pub(crate) fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
}

pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

pub(crate) fn key() -> RouteKey {
    RouteKey { service: "payments".parse().unwrap(), environment: "test".parse().unwrap() }
}

pub(crate) fn desired(generation: u64, arms: Vec<Arm>) -> Desired {
    Desired { arms, ..Desired::nothing(key(), generation) }
}

/// An arm with one instance of the test service.
pub(crate) fn arm(release: u64, percent: u16) -> Arm {
    Arm {
        release: ReleaseId(release),
        digest: Digest::of(&release.to_be_bytes()),
        folder: examples(),
        command: vec!["echo".to_owned()],
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        instances: 1,
        share: Share::from_basis_points(percent * 100).unwrap(),
        readiness: Readiness { interval_ms: 50, ..Readiness::default() },
        drain_seconds: 10,
        limits: Limits::default(),
    }
}

/// The same, told something by its environment.
pub(crate) fn told(mut arm: Arm, name: &str) -> Arm {
    arm.environment.insert(name.to_owned(), "yes".to_owned());
    arm
}

fn examples() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples")
}

pub(crate) async fn answer(port: u16, path: &str) -> (u16, String) {
    Customer::new(port).get(path).await.unwrap()
}
