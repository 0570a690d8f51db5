//! Watches over one running step: reads what it prints, and ends it when its time is up.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::cgroup::Group;
use super::clock::Stopwatch;
use super::inside::layers_in;
use super::log::{LogWriter, Stream};
use super::processes;
use super::spec::{Ending, Layer, Outcome};

/// How often it looks whether somebody wants the attempt ended.
const TICK_MS: u16 = 20;
/// How long a step has between being asked to end and being killed.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// How long what is left in the pipes is read once everything has ended.
const DRAIN: Duration = Duration::from_millis(500);

/// What there is to watch.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    pub(crate) child: Child,
    pub(crate) namespaces: bool,
    pub(crate) group: Option<&'a Group>,
    pub(crate) timeout: Duration,
    pub(crate) cancel: &'a Path,
    pub(crate) asked: &'a Arc<AtomicBool>,
    pub(crate) token: &'a str,
    pub(crate) since: Stopwatch,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Watch {
    /// The step ran.
    Ran { outcome: Outcome, layers: BTreeSet<Layer> },
    /// The step never began; this is what was said instead.
    NeverBegan { said: String },
}

/// Reads the first line of standard error, which is not the step's.
#[derive(Debug, Default)]
pub(crate) struct FirstLine {
    text: Vec<u8>,
    layers: Option<BTreeSet<Layer>>,
}

/// Watches until every process of the step has ended.
pub(crate) fn watch(mut watched: Watched<'_>, log: &mut LogWriter) -> io::Result<Watch> {
    let mut first = FirstLine::default();
    let mut pipes = Pipes::of(&mut watched.child)?;
    let pid = Pid::from_child(&watched.child);
    let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from)?;
    let mut ending: Option<(Outcome, Stopwatch)> = None;
    let mut killed = false;
    let status = loop {
        pipes.wait(Some(ended.as_fd()))?;
        pipes.read(watched.token, &mut first, log, watched.since)?;
        if let Some(status) = watched.child.try_wait()? {
            break status;
        }
        match &ending {
            None => {
                if let Some(why) = reason_to_end(&watched) {
                    ask_to_end(&watched);
                    ending = Some((why, Stopwatch::start()));
                }
            }
            Some((_, since)) if since.elapsed() >= GRACE && !killed => {
                kill_all(&watched);
                killed = true;
            }
            Some(_) => {}
        }
    };
    kill_all(&watched);
    pipes.drain(watched.token, &mut first, log, watched.since)?;
    let Some(layers) = first.layers else {
        return Ok(Watch::NeverBegan { said: String::from_utf8_lossy(&first.text).into_owned() });
    };
    let outcome = match ending {
        Some((why, _)) => why,
        None => outcome_of(status, watched.namespaces),
    };
    Ok(Watch::Ran { outcome, layers })
}

fn reason_to_end(watched: &Watched<'_>) -> Option<Outcome> {
    if watched.asked.load(Ordering::Relaxed) || watched.cancel.exists() {
        return Some(Outcome::Cancelled);
    }
    (watched.since.elapsed() >= watched.timeout).then_some(Outcome::TimedOut)
}

/// Asks every process of the step to end, but not `bwrap`, with which all would be gone at once.
fn ask_to_end(watched: &Watched<'_>) {
    for pid in processes::descendants(std::process::id()) {
        if !(watched.namespaces && pid == watched.child.id()) {
            processes::send(pid, Signal::SIGTERM);
        }
    }
}

/// Kills every process of the step: by its group, by its namespace, and by descent.
fn kill_all(watched: &Watched<'_>) {
    if let Some(group) = watched.group {
        group.kill();
    }
    if watched.namespaces {
        // The first process of the namespace takes all others with it.
        processes::send(watched.child.id(), Signal::SIGKILL);
    }
    processes::kill_descendants();
}

pub(crate) fn outcome_of(status: ExitStatus, namespaces: bool) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Succeeded,
        // `bwrap` says it like a shell when a signal ended the step.
        (Some(code), _) if namespaces && (129..=192).contains(&code) => {
            Outcome::Failed(Ending::Signal(code - 128))
        }
        (Some(code), _) => Outcome::Failed(Ending::ExitCode(code)),
        (None, Some(signal)) => Outcome::Failed(Ending::Signal(signal)),
        (None, None) => Outcome::Errored { why: "it ended in no known way".into() },
    }
}

/// The two ends that the step prints into.
pub(crate) struct Pipes {
    output: Option<std::process::ChildStdout>,
    error: Option<std::process::ChildStderr>,
    chunk: Vec<u8>,
}

impl Pipes {
    /// Takes the child's pipes.
    pub(crate) fn of(child: &mut Child) -> io::Result<Self> {
        let (output, error) = (child.stdout.take(), child.stderr.take());
        output.as_ref().map_or(Ok(()), |pipe| without_blocking(pipe.as_fd()))?;
        error.as_ref().map_or(Ok(()), |pipe| without_blocking(pipe.as_fd()))?;
        Ok(Self { output, error, chunk: vec![0; 64 << 10] })
    }

    fn open(&self) -> bool {
        self.output.is_some() || self.error.is_some()
    }

    /// Waits until there is something to read, `ended` is readable, or a tick is over; returns
    /// whether `ended` is.
    pub(crate) fn wait(&self, ended: Option<BorrowedFd<'_>>) -> io::Result<bool> {
        let pipes = [self.output.as_ref().map(AsFd::as_fd), self.error.as_ref().map(AsFd::as_fd)];
        let readable = pipes.into_iter().chain([ended]).flatten();
        let mut all: Vec<_> = readable.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut all, TICK_MS) {
            Ok(_) => {
                let last = ended.and_then(|_| all.last()).and_then(PollFd::any);
                Ok(last.unwrap_or(false))
            }
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is left once everything has ended.
    pub(crate) fn drain(
        &mut self,
        token: &str,
        first: &mut FirstLine,
        log: &mut LogWriter,
        since: Stopwatch,
    ) -> io::Result<()> {
        let drain = Stopwatch::start();
        while self.open() && drain.elapsed() < DRAIN {
            self.wait(None)?;
            self.read(token, first, log, since)?;
        }
        Ok(())
    }

    /// Reads what is there, a bounded piece of each.
    pub(crate) fn read(
        &mut self,
        token: &str,
        first: &mut FirstLine,
        log: &mut LogWriter,
        since: Stopwatch,
    ) -> io::Result<()> {
        let at_ms = since.elapsed().as_millis();
        if let Some(length) = read_some(&mut self.error, &mut self.chunk)? {
            let rest = first.take(token, &self.chunk[..length]);
            log.feed(Stream::Error, rest, at_ms)?;
        }
        if let Some(length) = read_some(&mut self.output, &mut self.chunk)? {
            log.feed(Stream::Output, &self.chunk[..length], at_ms)?;
        }
        Ok(())
    }
}

impl FirstLine {
    /// Returns one that takes nothing: there is no first line that is not the step's.
    pub(crate) fn passed() -> Self {
        Self { text: Vec::new(), layers: Some(BTreeSet::new()) }
    }

    /// Takes what belongs to the first line; returns what follows it.
    fn take<'b>(&mut self, token: &str, bytes: &'b [u8]) -> &'b [u8] {
        if self.layers.is_some() {
            return bytes;
        }
        let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
        let room = (16_usize << 10).saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..end.min(room)]);
        if self.text.ends_with(b"\n") {
            let line = String::from_utf8_lossy(&self.text).into_owned();
            self.layers = line.lines().last().and_then(|line| layers_in(line, token));
        }
        if end < bytes.len() { self.take(token, &bytes[end..]) } else { &[] }
    }
}

/// Reads once; closes the pipe at its end.
fn read_some<P: Read>(pipe: &mut Option<P>, chunk: &mut [u8]) -> io::Result<Option<usize>> {
    let Some(open) = pipe else { return Ok(None) };
    match open.read(chunk) {
        Ok(0) => {
            *pipe = None;
            Ok(None)
        }
        Ok(length) => Ok(Some(length)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn without_blocking(pipe: BorrowedFd<'_>) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(|_| ()).map_err(io::Error::from)
}
