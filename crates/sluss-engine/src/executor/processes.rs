//! Processes as `/proc` shows them: who descends from whom, and who is still the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Returns when the process `pid` started, in ticks since the machine did, unless it has ended.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let status = status_of(pid)?;
    (!matches!(status.state, 'Z' | 'X')).then_some(status.start_ticks)
}

/// Returns what tells this start of the machine from every other.
pub(crate) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Returns the living descendants of `ancestor`, each after its parent.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(status) = status_of(pid).filter(|status| !matches!(status.state, 'Z' | 'X')) {
            children.entry(status.parent).or_default().push(pid);
        }
    }
    let mut found = children.remove(&ancestor).unwrap_or_default();
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Sends `signal` to the process `pid`, if it is there.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended on its own, which is as good.
        let _ended = kill(Pid::from_raw(pid), signal);
    }
}

/// Kills every descendant of this process, and returns when none is left: first stops them all,
/// so that none starts another.
pub(crate) fn kill_descendants() {
    let own = std::process::id();
    for _ in 0..MOST_ROUNDS {
        let mut stopped = BTreeSet::new();
        loop {
            let found = descendants(own).into_iter().filter(|pid| !stopped.contains(pid));
            let new: Vec<u32> = found.collect();
            if new.is_empty() {
                break;
            }
            new.iter().for_each(|pid| send(*pid, Signal::SIGSTOP));
            stopped.extend(new);
        }
        if stopped.is_empty() {
            return;
        }
        stopped.iter().for_each(|pid| send(*pid, Signal::SIGKILL));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Takes leave of every child that has ended; until then its control group cannot be removed.
/// Nobody may still want to wait for one of them.
pub(crate) fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
}

/// How often [`kill_descendants`] tries before it leaves what cannot be killed.
const MOST_ROUNDS: u32 = 1000;

struct Status {
    state: char,
    parent: u32,
    start_ticks: u64,
}

fn status_of(pid: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may itself contain any character.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Status { state, parent, start_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_a_descendant_until_it_ends() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(descendants(std::process::id()).contains(&child.id()));
        assert!(start_ticks(child.id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(start_ticks(child.id()), None);
    }
}
