//! Starts, holds, signals and takes over service processes.
//!
//! # Invariants
//!
//! - A process outlives the host: it has a group of its own and writes to files.
//! - A signal goes to no process but the one that was started: the pid is checked against its
//!   start time where the kernel could have given it away.
//!
//! Processes are only limited by a control group: the kernel's `RLIMIT_NPROC` counts all of a
//! user, so it would stop a release for what the other one does.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};
use sluss_core::target::{Arm, Confinement, Limits, LimitsBy, RouteKey, RunsAs};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use crate::cgroup::Tree;
use crate::folder::{Folder, instance_name};
use crate::user;

/// What is written down of a running process, so that the next host can take it over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) key: RouteKey,
    /// What it was started from, without its secrets.
    pub(crate) arm: Arm,
    pub(crate) index: u16,
    pub(crate) id: u64,
    pub(crate) identity: Identity,
    pub(crate) port: u16,
    pub(crate) ready: bool,
    /// What it was started within.
    #[serde(default)]
    pub(crate) confinement: Confinement,
}

impl Record {
    /// Returns the name that it is remembered under.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}", self.id)
    }
}

/// Which process it is: a pid alone is given to another process sooner or later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// In ticks since the machine started.
    started: u64,
    /// Which start of the machine.
    boot: String,
}

impl Identity {
    fn of(pid: u32) -> io::Result<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let started = started(pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { pid, started, boot })
    }

    /// Returns whether the process still runs.
    pub(crate) fn runs(&self) -> bool {
        Self::of(self.pid).is_ok_and(|now| now == *self)
    }
}

/// Returns when a process started, in ticks; nothing if it has ended, reaped or not.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(started)
}

/// A process that was started or taken over.
pub(crate) struct Running {
    pub(crate) identity: Identity,
    hold: Hold,
}

enum Hold {
    /// It is our child, and we reap it.
    Child(Child),
    /// It is the child of an earlier host.
    Adopted(AsyncFd<OwnedFd>),
    /// The kernel has no pidfd.
    Watched,
}

impl Running {
    /// Takes over a process, if it still runs.
    pub(crate) fn adopt(identity: Identity) -> Option<Self> {
        let pidfd = rustix::process::pidfd_open(pid_of(identity.pid)?, PidfdFlags::empty());
        #[expect(deprecated, reason = "its successor is unsafe; an `OwnedFd` closes only itself")]
        let hold = pidfd.ok().and_then(|pidfd| AsyncFd::new(pidfd).ok());
        let hold = hold.map_or(Hold::Watched, Hold::Adopted);
        // Asked after the pidfd was opened, so that it is surely this process's.
        identity.runs().then_some(Self { identity, hold })
    }

    /// Returns whether an earlier host started it.
    pub(crate) fn is_adopted(&self) -> bool {
        !matches!(self.hold, Hold::Child(_))
    }

    /// Waits until it has ended; returns its exit code, 128 plus the signal's number, or
    /// [`UNKNOWN_CODE`]. May be cancelled.
    pub(crate) async fn ended(&mut self) -> i32 {
        match &mut self.hold {
            Hold::Child(child) => match child.wait().await {
                Ok(status) => {
                    status.code().or(status.signal().map(|s| 128 + s)).unwrap_or(UNKNOWN_CODE)
                }
                Err(_) => UNKNOWN_CODE,
            },
            Hold::Adopted(pidfd) => {
                let _ended = pidfd.readable().await;
                UNKNOWN_CODE
            }
            Hold::Watched => {
                while self.identity.runs() {
                    tokio::time::sleep(WATCH_INTERVAL).await;
                }
                UNKNOWN_CODE
            }
        }
    }

    /// Asks it and its group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it and its group.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // A child that was not reaped keeps its pid; another's is checked.
        let ours = matches!(&self.hold, Hold::Child(child) if child.id().is_some());
        if let Some(pid) = pid_of(self.identity.pid).filter(|_| ours || self.identity.runs()) {
            let _already_gone = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// What to start.
pub(crate) struct Start<'a> {
    pub(crate) key: &'a RouteKey,
    pub(crate) arm: &'a Arm,
    pub(crate) index: u16,
    pub(crate) id: u64,
    pub(crate) port: u16,
    /// What the processes of the route run as that run already.
    pub(crate) beside: &'a [RunsAs],
    /// Where control groups can be made, or why nowhere.
    pub(crate) groups: &'a Result<Tree, String>,
}

/// Starts an instance.
pub(crate) fn start(folder: &Folder, what: &Start<'_>) -> io::Result<(Running, Confinement)> {
    let name = instance_name(what.arm.release, what.index);
    let (output, mut errors) = folder.output(what.key, &name)?;
    let outputs = || Ok::<_, io::Error>((output.try_clone()?, errors.try_clone()?));
    let user = chosen(folder, what).and_then(|user| start_as(folder, what, &user, outputs()?));
    if let Err(error) = &user {
        // Where its author looks first.
        let program = what.arm.command.first().map_or("", String::as_str);
        writeln!(errors, "sluss: `{program}` could not be started: {error}")?;
    }
    user
}

/// Returns the user that an instance gets. All of a route that run at once have the same one.
fn chosen(folder: &Folder, what: &Start<'_>) -> io::Result<RunsAs> {
    let program = what.arm.command.first().map_or("", String::as_str);
    let program = found(&what.arm.folder, program);
    let user = user::choose(&user::Asked {
        uid: folder.uid_of(what.key)?,
        shares_now: what.beside.iter().any(|one| matches!(one, RunsAs::Shared { .. })),
        folder: &what.arm.folder,
        program: &program,
        state: &folder.state(what.key)?,
    });
    match &user {
        RunsAs::Shared { why } if what.beside.iter().any(|b| matches!(b, RunsAs::Own { .. })) => {
            Err(io::Error::other(format!("it cannot have its service's own user: {why}")))
        }
        RunsAs::Own { .. } | RunsAs::Shared { .. } | RunsAs::Unsaid => Ok(user),
    }
}

fn start_as(
    folder: &Folder,
    what: &Start<'_>,
    user: &RunsAs,
    (output, errors): (File, File),
) -> io::Result<(Running, Confinement)> {
    let arm = what.arm;
    let state = folder.state(what.key)?;
    let artifact = arm.folder.canonicalize()?;
    let (program, arguments) = arm.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(found(&artifact, program));
    command.args(arguments).current_dir(&artifact).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
    command.env("LANG", std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into()));
    command.env("HOME", &state);
    command.envs(&arm.environment);
    command.env("PORT", what.port.to_string()).env("RELEASE", arm.release.to_string());
    command.env("STATE_DIR", &state);
    command.env(OWNER_VARIABLE, format!("{}:{:016x}", folder.id, what.id));
    let mut needed = vec![artifact, state];
    if !arm.secrets.is_empty() {
        let name = instance_name(arm.release, what.index);
        let path = folder.write_secrets(what.key, &name, &arm.secrets)?;
        command.env("SLUSS_SECRETS_FILE", &path);
        needed.extend(path.parent().map(Path::to_owned));
    }
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    command.process_group(0).kill_on_drop(false);
    if let RunsAs::Own { uid } = user {
        // All but the artifact is its own. Without other groups, since std drops them with the
        // rights of root.
        needed.iter().skip(1).try_for_each(|path| user::give(path, *uid))?;
        command.uid(*uid).gid(*uid);
    }
    let needed: Vec<&Path> = match user {
        RunsAs::Own { .. } => needed.iter().map(PathBuf::as_path).collect(),
        RunsAs::Shared { .. } | RunsAs::Unsaid => Vec::new(),
    };
    let child = spawn(command, &needed)?;
    let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
    let confinement = Confinement { user: user.clone(), limits: limit(pid, what, user) };
    // A child that ended at once is a zombie until we reap it, and has no start time to find.
    let identity = Identity::of(pid).unwrap_or(Identity { pid, started: 0, boot: String::new() });
    Ok((Running { identity, hold: Hold::Child(child) }, confinement))
}

/// Starts a process from a thread of its own, so that what is given up for it is not given up for
/// the host.
fn spawn(mut command: Command, needed: &[&Path]) -> io::Result<Child> {
    let runtime = tokio::runtime::Handle::current();
    let begun = std::thread::scope(|scope| {
        let starter = scope.spawn(move || {
            let _runtime = runtime.enter();
            rustix::thread::set_no_new_privs(true)?;
            user::narrow_view(needed)?;
            command.spawn()
        });
        starter.join()
    });
    begun.unwrap_or_else(|_panic| Err(io::Error::other("the starting thread panicked")))
}

/// Returns the artifact's own program of this name, or else the name, to be found on the path.
fn found(folder: &Path, program: &str) -> PathBuf {
    let own = folder.join(program);
    if program.contains('/') || own.is_file() { own } else { PathBuf::from(program) }
}

/// Limits a process that has just been started, and says what by.
fn limit(pid: u32, what: &Start<'_>, user: &RunsAs) -> LimitsBy {
    let limits = what.arm.limits;
    let grouped = what.groups.as_ref().map_err(String::clone).and_then(|tree| {
        let group = tree.create(&format!("{:016x}", what.id), limits);
        let group = group.map_err(|error| format!("no control group could be made: {error}"))?;
        group.take_in(pid).map_err(|error| {
            group.end();
            format!("its control group did not take it in: {error}")
        })
    });
    let memory_bytes = if grouped.is_ok() { 0 } else { limits.memory_bytes };
    let refused = pid_of(pid).and_then(|pid| {
        let limits = Limits { memory_bytes, ..limits };
        user::acting_as(user, || limit_process(pid, limits)).err()
    });
    match (grouped, refused) {
        (Ok(()), None) => LimitsBy::ControlGroup,
        (Err(why), None) => LimitsBy::Process { why },
        (grouped, Some(error)) => {
            tracing::warn!(%error, pid, "a limit of a process could not be set");
            let why = grouped.err().unwrap_or_else(|| "it is in a control group".to_owned());
            LimitsBy::Process { why: format!("{why}; not all could be set: {error}") }
        }
    }
}

fn limit_process(pid: Pid, limits: Limits) -> io::Result<()> {
    let wanted = [
        (Resource::Data, limits.memory_bytes),
        (Resource::Nofile, limits.open_files),
        (Resource::Core, 0),
    ];
    for (resource, most) in wanted {
        let rlimit = match (resource, most, OPEN_FILES_AT_START.get()) {
            (Resource::Core, _, _) | (_, 1.., _) => {
                Rlimit { current: Some(most), maximum: Some(most) }
            }
            // Not what the host raised for itself: programs that use `select` break beyond 1024.
            (Resource::Nofile, 0, Some(at_start)) => *at_start,
            (_, 0, _) => continue,
        };
        match rustix::process::prlimit(Some(pid), resource, rlimit) {
            // It has ended already.
            Ok(_) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Lets this process open as many files as it may; what it starts gets what was allowed before.
pub(crate) fn raise_open_files() {
    let at_start = OPEN_FILES_AT_START.get_or_init(|| rustix::process::getrlimit(Resource::Nofile));
    let raised = Rlimit { current: at_start.maximum, maximum: at_start.maximum };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

/// Ends processes that were started from this folder and are in no record: the host was killed
/// between starting and writing down. Returns how many.
pub(crate) fn end_lost(folder: &Folder, known: &[u64]) -> usize {
    let mark = format!("{OWNER_VARIABLE}={}:", folder.id);
    let id_of = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let id = variables.find_map(|one| one.strip_prefix(mark.as_bytes()))?;
        u64::from_str_radix(std::str::from_utf8(id).ok()?, 16).ok()
    };
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let lost = pids.filter(|pid| id_of(*pid).is_some_and(|id| !known.contains(&id)));
    let kill = |pid| rustix::process::kill_process(pid, Signal::KILL).is_ok();
    lost.filter_map(pid_of).filter(|pid| kill(*pid)).count()
}

/// Returns whether `program` stays inside its folder.
pub(crate) fn is_inside(program: &str) -> bool {
    let mut parts = Path::new(program).components();
    !program.is_empty()
        && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The exit code of a process that was not our child.
pub(crate) const UNKNOWN_CODE: i32 = -1;

static OPEN_FILES_AT_START: OnceLock<Rlimit> = OnceLock::new();

const OWNER_VARIABLE: &str = "SLUSS_HOST";
const WATCH_INTERVAL: Duration = Duration::from_millis(50);
