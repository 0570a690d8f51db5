//! Runs a command on a thread that has been restricted, without a launcher or namespaces: what
//! `sluss run` does on a working tree, where starting a step must cost next to nothing.
//!
//! # Invariants
//!
//! - The thread is restricted before its first command and for good; its commands inherit that.
//! - When a step has ended, the process group that it was started in has, too. (A process that
//!   left the group survives: only the launcher's namespaces prevent that.)

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::clock::Stopwatch;
use super::log::LogWriter;
use super::mask::Mask;
use super::spec::Outcome;
use super::supervise::{FirstLine, GRACE, Pipes, outcome_of};

/// One command to run.
#[derive(Debug)]
pub(crate) struct Direct<'a> {
    pub(crate) command: &'a [String],
    pub(crate) folder: &'a Path,
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    pub(crate) secrets: &'a BTreeMap<String, String>,
    pub(crate) timeout: Duration,
    pub(crate) log: &'a Path,
    pub(crate) cancelled: &'a AtomicBool,
}

/// Runs it to its end.
pub(crate) fn run(direct: &Direct<'_>) -> Outcome {
    if direct.cancelled.load(Ordering::Relaxed) {
        return Outcome::Cancelled;
    }
    attempt(direct)
        .unwrap_or_else(|error| Outcome::Errored { why: format!("it could not be run: {error}") })
}

fn attempt(direct: &Direct<'_>) -> io::Result<Outcome> {
    let mask = Mask::new(direct.secrets.values().map(String::as_str));
    let mut log = LogWriter::create(direct.log, mask)?;
    let since = Stopwatch::start();
    let outcome = match start(direct) {
        Ok(child) => watch(direct, child, &mut log, since)?,
        Err(error) => {
            let program = direct.command.first().map_or("", String::as_str);
            log.note(&format!("`{program}` cannot be started: {error}"), 0)?;
            Outcome::Failed(super::spec::Ending::ExitCode(127))
        }
    };
    log.finish(since.elapsed().as_millis())?;
    Ok(outcome)
}

fn start(direct: &Direct<'_>) -> io::Result<Child> {
    let (program, arguments) = direct.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let path = direct.environment.get(&OsString::from("PATH"));
    let mut command = Command::new(find(program, path).ok_or(io::ErrorKind::NotFound)?);
    command.args(arguments).current_dir(direct.folder).process_group(0);
    command.env_clear().envs(direct.environment).envs(direct.secrets);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Returns where `program` is: known in full, it is started without copying this process.
fn find(program: &str, path: Option<&OsString>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let runs = |file: &PathBuf| {
        std::fs::metadata(file)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(runs)
}

fn watch(
    direct: &Direct<'_>,
    mut child: Child,
    log: &mut LogWriter,
    since: Stopwatch,
) -> io::Result<Outcome> {
    let mut pipes = Pipes::of(&mut child)?;
    let mut first = FirstLine::passed();
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    let group = nix::unistd::Pid::from_raw(group);
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let mut ending: Option<(Outcome, Stopwatch)> = None;
    let mut killed = false;
    while !pipes.wait(Some(ended.as_fd()))? {
        pipes.read("", &mut first, log, since)?;
        let why = match &ending {
            Some((_, asked)) => {
                if asked.elapsed() >= GRACE && !killed {
                    let _ended = killpg(group, Signal::SIGKILL);
                    killed = true;
                }
                None
            }
            None if direct.cancelled.load(Ordering::Relaxed) => Some(Outcome::Cancelled),
            None => (since.elapsed() >= direct.timeout).then_some(Outcome::TimedOut),
        };
        if let Some(why) = why {
            let _ended = killpg(group, Signal::SIGTERM);
            ending = Some((why, Stopwatch::start()));
        }
    }
    // Not waited for yet, it keeps the number of its group from being given to somebody else.
    let _ended = killpg(group, Signal::SIGKILL);
    let status = child.wait()?;
    pipes.drain("", &mut first, log, since)?;
    Ok(ending.map_or_else(|| outcome_of(status, false), |(why, _)| why))
}
