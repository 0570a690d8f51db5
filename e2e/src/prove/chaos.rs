//! Blows at random instants: kills, connections that are cut, a database that stalls.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clock::{now, wall_ms};
use crate::Sluss;

/// A kind of blow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// `kill -9` of the control plane.
    Control,
    /// `kill -9` of the host, through which all payments go.
    Host,
    /// `kill -9` of an instance of a service.
    Instance,
    /// The write lock of a service's database is held for a second or two.
    Database,
    /// All connections of a service's customers are cut; the customers do that.
    Cut,
}

/// A blow that fell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallen {
    /// When.
    pub at_ms: i64,
    /// Which kind.
    pub blow: Blow,
}

impl Blow {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Control, Self::Host, Self::Instance, Self::Database, Self::Cut];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Host => "host",
            Self::Instance => "instance",
            Self::Database => "database",
            Self::Cut => "cut",
        }
    }

    /// What it is, for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::Control => "kill -9 of the control plane",
            Self::Host => "kill -9 of the host",
            Self::Instance => "kill -9 of an instance",
            Self::Database => "database stalled 1-2 s",
            Self::Cut => "connections cut",
        }
    }

    /// How many seconds lie between two of them unless told otherwise.
    pub fn usual_seconds(self) -> f64 {
        match self {
            Self::Control => 120.0,
            Self::Host => 240.0,
            Self::Instance => 90.0,
            Self::Database => 60.0,
            Self::Cut => 45.0,
        }
    }
}

/// Blows that fall until they are ended.
pub struct Chaos {
    end: Sender<()>,
    thread: Option<JoinHandle<()>>,
    fallen: Arc<Mutex<Vec<Fallen>>>,
}

impl Chaos {
    /// Begins; `gaps` are seconds between two blows of a kind, on average.
    pub fn begin(sluss: Arc<Sluss>, gaps: &[(Blow, f64)], seed: u64) -> Self {
        let (end, ended) = channel();
        let fallen: Arc<Mutex<Vec<Fallen>>> = Arc::default();
        let gaps: Vec<_> = gaps.iter().copied().filter(|(blow, _)| *blow != Blow::Cut).collect();
        let falls = Arc::clone(&fallen);
        let thread = std::thread::spawn(move || {
            let mut dice = fastrand::Rng::with_seed(seed);
            let begun = now();
            let mut due: Vec<_> =
                gaps.iter().map(|(blow, gap)| (pause(&mut dice, *gap), *blow, *gap)).collect();
            while let Some(next) = due.iter_mut().min_by(|one, other| one.0.total_cmp(&other.0)) {
                let wait = Duration::from_secs_f64(next.0).saturating_sub(begun.elapsed());
                match ended.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
                next.0 += pause(&mut dice, next.2);
                let blow = next.1;
                if strike(&sluss, blow, &mut dice) {
                    let one = Fallen { at_ms: wall_ms(), blow };
                    falls.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                }
            }
        });
        Self { end, thread: Some(thread), fallen }
    }

    /// Returns the blows so far.
    pub fn fallen(&self) -> Vec<Fallen> {
        self.fallen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.end.send(()).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns how long it is to the next blow of a kind, in seconds: as for blows that know nothing
/// of each other, but neither at once nor never.
fn pause(dice: &mut fastrand::Rng, gap: f64) -> f64 {
    (-(1.0 - dice.f64()).ln() * gap).clamp(gap / 20.0, gap * 3.0)
}

fn strike(sluss: &Sluss, blow: Blow, dice: &mut fastrand::Rng) -> bool {
    match blow {
        Blow::Control => kill_part(sluss, "control"),
        Blow::Host => kill_part(sluss, "host"),
        Blow::Instance => {
            let instances = instances(&sluss.data());
            let one = dice.choice(instances);
            one.is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok())
        }
        Blow::Database => {
            let one = dice.choice(databases(&sluss.data()));
            let time = Duration::from_millis(dice.u64(1_000..2_000));
            one.is_some_and(|index| stall(&index, time))
        }
        Blow::Cut => false,
    }
}

fn kill_part(sluss: &Sluss, part: &str) -> bool {
    sluss.pid(part).is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok())
}

/// Returns the running instances where customers are.
fn instances(data: &Path) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ours = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
        let program = std::fs::read_link(entry.path().join("exe")).ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let state = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| std::str::from_utf8(variable).ok()?.strip_prefix("STATE_DIR="))?;
        let is_ours = folder.starts_with(data)
            && program.file_name().is_some_and(|name| name == "payments")
            && state.contains("production");
        is_ours.then_some(Pid::from_raw(pid))
    };
    entries.filter_map(Result::ok).filter_map(ours).collect()
}

/// Returns the indexes of the write-ahead logs of the databases where customers are.
fn databases(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    find(&data.join("host").join("state"), &mut found);
    found.retain(|path| path.to_string_lossy().contains("production"));
    found
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            find(&path, found);
        } else if path.file_name().is_some_and(|name| name == "payments.db-shm") {
            found.push(path);
        }
    }
}

/// Byte of a `-shm` file that stands for the lock to write (SQLite, `os_unix.c`).
const WRITE_LOCK: libc::off_t = 120;

/// Holds the write lock of a database for some time; returns whether it was got.
fn stall(index: &Path, time: Duration) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(index) else { return false };
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: WRITE_LOCK,
        l_len: 1,
        l_pid: 0,
    };
    let deadline = now() + Duration::from_millis(500);
    while fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)).is_err() {
        if now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    // The lock ends with the file; that it is held so long is the blow.
    std::thread::Builder::new()
        .name("stall".to_owned())
        .spawn(move || {
            std::thread::sleep(time);
            drop(file);
        })
        .is_ok()
}
