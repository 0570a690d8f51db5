//! The host's data folder: what it remembers between two lives, and where services keep theirs.
//!
//! ```text
//! token                    what a caller must bring, 0600
//! host.sock                where callers come in, 0600
//! handover.sock            where a successor comes for the listening sockets, 0600
//! lock                     held by the one running host
//! leaving                  held by hosts that gave their place away and finish what they began
//! users.json               which user each service and environment has, where it has one
//! id                       told to every service process, so that lost ones can be found
//! journal.jsonl            what happened by itself
//! routes/S@E.json          what is wanted of service S in environment E
//! instances/….json         one running process each
//! secrets/S@E/….json       what a process reads its secrets from, 0600
//! state/S@E/               what a service keeps, shared by its releases
//! output/S@E/….out, ….err  what its processes wrote
//! counters/S@E.jsonl       what was counted in the last quarter of an hour
//! counters/S@E.units       which units were seen in the last minute
//! late/….json              what a host that leaves tells its successor
//! spare/routes             what is wanted, where a full disk keeps it out of `routes`
//! ```
//!
//! # Invariants
//!
//! - A file is replaced whole: after a crash it is the old or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluss_core::ids::ReleaseId;
use sluss_core::target::{Desired, RouteKey};

use crate::fallback::Fallback;
use crate::past::Late;
use crate::user::{self, Users};

/// What is remembered of a route.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    /// What is wanted.
    pub(crate) desired: Desired,
    /// Whether its lease lapsed; a newer generation forgets that.
    pub(crate) lapsed: bool,
    /// The port that was chosen for it, where none was given.
    pub(crate) chosen_port: Option<u16>,
}

/// The data folder, locked for this host.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Names this folder to the processes that are started from it.
    pub(crate) id: String,
    lock: Arc<File>,
    /// Held while a user is chosen.
    choosing: Arc<Mutex<()>>,
    /// Where routes are remembered while the folder can't be written.
    fallback: Arc<Fallback>,
}

impl Folder {
    /// Opens the folder, makes what is missing in it, and locks it. `spare` is a folder with space
    /// for when this one can't be written; one in it unless given.
    pub(crate) fn open(root: &Path, spare: Option<&Path>) -> io::Result<Self> {
        make_private_folder(root)?;
        let root = root.canonicalize()?;
        let lock = private().create(true).append(true).open(root.join("lock"))?;
        lock_within(&lock, LOCKED_WITHIN)?;
        for name in ["routes", "instances", "secrets", "state", "output", "counters", "late"] {
            make_private_folder(&root.join(name))?;
        }
        let id = read_or_make(&root.join("id"))?;
        read_or_make(&root.join("token"))?;
        let spare = spare.map_or_else(|| root.join("spare"), Path::to_owned);
        let fallback = Arc::new(Fallback::open(&spare.join("routes")));
        Ok(Self { root, id, lock: Arc::new(lock), choosing: Arc::default(), fallback })
    }

    /// Lets another host have the folder. Said, not left to the end of the last file descriptor:
    /// a process that is just being started holds one too.
    pub(crate) fn unlock(&self) {
        if let Err(error) = rustix::fs::flock(&*self.lock, FlockOperation::Unlock) {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
    }

    /// Says, until what it returns is dropped, that this host finishes what it began while
    /// another one has its place.
    pub(crate) fn begin_leaving(&self) -> io::Result<File> {
        let leaving = private().create(true).append(true).open(self.root.join("leaving"))?;
        rustix::fs::flock(&leaving, FlockOperation::LockShared)?;
        Ok(leaving)
    }

    /// Waits until no earlier host has requests to finish.
    pub(crate) async fn nobody_leaves(&self) {
        let path = self.root.join("leaving");
        while File::open(&path).is_ok_and(|leaving| {
            rustix::fs::flock(&leaving, FlockOperation::NonBlockingLockExclusive).is_err()
        }) {
            tokio::time::sleep(LEAVING_INTERVAL).await;
        }
    }

    /// Tells the next host what was counted.
    pub(crate) fn tell_late(&self, late: &Late) -> io::Result<()> {
        let name = format!("{}-{:016x}.json", std::process::id(), fastrand::u64(..));
        replace(&self.root.join("late").join(name), &serde_json::to_vec(late)?, Durability::Process)
    }

    /// Takes what earlier hosts told; each of it once.
    pub(crate) fn take_late(&self) -> io::Result<Vec<Late>> {
        let mut taken = Vec::new();
        for (name, late) in read_all(&self.root.join("late"))? {
            fs::remove_file(self.root.join("late").join(format!("{name}.json")))?;
            taken.push(late);
        }
        Ok(taken)
    }

    /// Returns where counters are.
    pub(crate) fn counters(&self) -> PathBuf {
        self.root.join("counters")
    }

    /// Returns where a successor comes in.
    pub(crate) fn handover(&self) -> PathBuf {
        self.root.join("handover.sock")
    }

    /// Returns the token that callers must bring.
    pub(crate) fn token(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.root.join("token"))?.trim().to_owned())
    }

    /// Returns where callers come in.
    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("host.sock")
    }

    /// Returns where the journal is.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// Returns the state folder of a route, made if missing.
    pub(crate) fn state(&self, key: &RouteKey) -> io::Result<PathBuf> {
        self.made("state", key)
    }

    /// Returns the user of a route, which is written down before anyone runs as it; nothing if
    /// there is none left.
    pub(crate) fn uid_of(&self, key: &RouteKey) -> io::Result<Option<u32>> {
        let _one_at_a_time = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.root.join("users.json");
        let mut users: Users = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Users::new(),
            Err(error) => return Err(error),
        };
        let Some(uid) = user::uid_of(&users, key) else { return Ok(None) };
        if users.insert(name_of(key), uid).is_none() {
            replace(&path, &serde_json::to_vec(&users)?, Durability::Power)?;
        }
        Ok(Some(uid))
    }

    /// Writes the secrets of an instance to a private file and returns its path.
    pub(crate) fn write_secrets(
        &self,
        key: &RouteKey,
        instance: &str,
        secrets: &impl Serialize,
    ) -> io::Result<PathBuf> {
        let path = self.made("secrets", key)?.join(format!("{instance}.json"));
        replace(&path, &serde_json::to_vec(secrets)?, Durability::Process)?;
        Ok(path)
    }

    /// Opens the files that an instance writes its output and its errors to.
    pub(crate) fn output(&self, key: &RouteKey, instance: &str) -> io::Result<(File, File)> {
        let folder = self.made("output", key)?;
        let open = |suffix: &str| {
            let path = folder.join(format!("{instance}.{suffix}"));
            if fs::metadata(&path).is_ok_and(|found| found.len() > LARGEST_OUTPUT) {
                fs::rename(&path, folder.join(format!("{instance}.{suffix}.old")))?;
            }
            private().create(true).append(true).open(path)
        };
        Ok((open("out")?, open("err")?))
    }

    /// Remembers a route, durably.
    pub(crate) fn remember(&self, route: &Remembered) -> io::Result<()> {
        let name = name_of(&route.desired.key);
        let path = self.root.join("routes").join(format!("{name}.json"));
        match replace(&path, &serde_json::to_vec(route)?, Durability::Power) {
            Ok(()) => self.fallback.give_back(&name),
            Err(error) => {
                self.fallback.keep(route).map_err(|no_space| {
                    io::Error::new(error.kind(), format!("{error}; {no_space}"))
                })?;
                tracing::warn!(%error, name, "a route is remembered in the space for full disks");
            }
        }
        Ok(())
    }

    /// Returns all routes that are remembered.
    pub(crate) fn routes(&self) -> io::Result<Vec<Remembered>> {
        let routes = read_all(&self.root.join("routes"))?;
        Ok(self.fallback.merge(routes.into_iter().map(|(_, route)| route).collect()))
    }

    /// Remembers a process, as long as the machine runs.
    pub(crate) fn remember_process(&self, name: &str, record: &impl Serialize) -> io::Result<()> {
        replace(&self.process_file(name), &serde_json::to_vec(record)?, Durability::Process)
    }

    /// Forgets a process.
    pub(crate) fn forget_process(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.process_file(name)) {
            tracing::warn!(%error, name, "the record of an ended process stays");
        }
    }

    /// Returns the processes that are remembered, by name.
    pub(crate) fn processes<T: DeserializeOwned>(&self) -> io::Result<Vec<(String, T)>> {
        read_all(&self.root.join("instances"))
    }

    fn process_file(&self, name: &str) -> PathBuf {
        self.root.join("instances").join(format!("{name}.json"))
    }

    fn made(&self, kind: &str, key: &RouteKey) -> io::Result<PathBuf> {
        let path = self.root.join(kind).join(name_of(key));
        make_private_folder(&path)?;
        Ok(path)
    }
}

/// Returns the name of an instance's files.
pub(crate) fn instance_name(release: ReleaseId, index: u16) -> String {
    format!("{release}.{index}")
}

/// Returns the name of an instance among all.
pub(crate) fn instance_of(key: &RouteKey, release: ReleaseId, index: u16) -> String {
    format!("{} {}", name_of(key), instance_name(release, index))
}

/// Returns the name of a route's files; `@` is in no name of a service or environment.
pub(crate) fn name_of(key: &RouteKey) -> String {
    format!("{}@{}", key.service, key.environment)
}

/// What a written file must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The end of this process.
    Process,
    /// A power failure.
    Power,
}

fn replace(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = private().create(true).write(true).truncate(true).open(&fresh)?;
    file.write_all(bytes)?;
    if durability == Durability::Power {
        file.sync_all()?;
    }
    fs::rename(&fresh, path)?;
    match (durability, path.parent()) {
        (Durability::Power, Some(parent)) => File::open(parent)?.sync_all(),
        (Durability::Power, None) | (Durability::Process, _) => Ok(()),
    }
}

fn read_all<T: DeserializeOwned>(folder: &Path) -> io::Result<Vec<(String, T)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
        let (Some(name), true) = (name, path.extension().is_some_and(|e| e == "json")) else {
            continue;
        };
        match serde_json::from_slice(&fs::read(&path)?) {
            Ok(value) => found.push((name, value)),
            Err(error) => {
                // Left in place: it is evidence, and the next generation replaces it.
                tracing::error!(%error, path = %path.display(), "a file cannot be read; skipped");
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

fn read_or_make(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) => make_random(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_random(path),
        Err(error) => Err(error),
    }
}

fn make_random(path: &Path) -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let text = hex::encode(bytes);
    replace(path, text.as_bytes(), Durability::Power)?;
    Ok(text)
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Locks at once, or when a process has got its own program that a killed host was just starting.
fn lock_within(lock: &File, patience: Duration) -> io::Result<()> {
    for _ in 0..patience.as_millis() / LOCK_INTERVAL.as_millis() {
        match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_INTERVAL),
            done => return Ok(done?),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

const LOCKED_WITHIN: Duration = Duration::from_secs(1);
const LEAVING_INTERVAL: Duration = Duration::from_millis(20);
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
const LARGEST_OUTPUT: u64 = 16 << 20;
