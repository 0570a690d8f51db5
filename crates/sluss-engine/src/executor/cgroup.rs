//! A control group that bounds what a step uses, where this process may make one.
//!
//! The launcher goes in, starts the step, and goes back out, so the step is in it from its first
//! instruction.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use sluss_core::target::Limits;

use super::processes;

/// The group of one attempt: one folder, or one per controller in the older version.
#[derive(Debug)]
pub(crate) struct Group {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    folder: PathBuf,
    /// Where the launcher was before.
    home: PathBuf,
}

impl Group {
    /// Makes a group with these limits, if the machine lets us.
    pub(crate) fn create(limits: Limits) -> Option<Self> {
        let name = format!("{}{}-{:08x}", family()?, std::process::id(), fastrand::u32(..));
        let controllers = [
            ("pids", "pids.max", limits.processes),
            ("memory", "memory.limit_in_bytes", limits.memory_bytes),
        ];
        let mut parts = Vec::new();
        if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            let root = Path::new("/sys/fs/cgroup");
            let home = root.join(own_group("")?);
            // A group with members cannot hand controllers down, so ours stands beside it.
            let beside = home.parent().filter(|parent| parent.starts_with(root));
            let parent = beside.unwrap_or(root);
            sweep(parent);
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            parts.push(Part { folder: folder.clone(), home });
            let group = Self { parts };
            for (file, limit) in
                [("pids.max", limits.processes), ("memory.max", limits.memory_bytes)]
            {
                if limit > 0 && fs::write(folder.join(file), limit.to_string()).is_err() {
                    group.remove();
                    return None;
                }
            }
            return Some(group);
        }
        for (controller, file, limit) in controllers {
            let base = Path::new("/sys/fs/cgroup").join(controller);
            let Some(home) = own_group(controller).map(|group| base.join(group)) else { continue };
            sweep(&home);
            let folder = home.join(&name);
            if limit == 0 || fs::create_dir(&folder).is_err() {
                continue;
            }
            parts.push(Part { folder: folder.clone(), home });
            if fs::write(folder.join(file), limit.to_string()).is_err() {
                Self { parts }.remove();
                return None;
            }
        }
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// Moves this process in.
    pub(crate) fn enter(&self) -> std::io::Result<()> {
        self.parts.iter().try_for_each(|part| fs::write(part.folder.join("cgroup.procs"), "0"))
    }

    /// Moves this process back to where it was.
    pub(crate) fn leave(&self) -> std::io::Result<()> {
        self.parts.iter().try_for_each(|part| fs::write(part.home.join("cgroup.procs"), "0"))
    }

    /// Kills everything in the group.
    pub(crate) fn kill(&self) {
        self.parts.iter().for_each(|part| kill_in(&part.folder));
    }

    /// Removes the group, once nothing is in it.
    pub(crate) fn remove(self) {
        for part in &self.parts {
            for _ in 0..200 {
                if fs::remove_dir(&part.folder).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}

fn kill_in(folder: &Path) {
    if fs::write(folder.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for _ in 0..100 {
        let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        if members.is_empty() {
            break;
        }
        let pids = members.lines().filter_map(|line| line.parse().ok());
        pids.for_each(|pid| processes::send(pid, Signal::SIGKILL));
    }
}

/// Ends and removes groups in `parent` whose launchers were killed.
fn sweep(parent: &Path) {
    let Some(family) = family() else { return };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&family));
        let launcher = rest.and_then(|rest| rest.split('-').next()?.parse().ok());
        if launcher.is_some_and(|pid| processes::start_ticks(pid).is_none()) {
            kill_in(&entry.path());
            // What is not empty yet is removed by the next launcher.
            let _later = fs::remove_dir(entry.path());
        }
    }
}

/// Returns what names of groups begin with where process ids mean what they mean here.
fn family() -> Option<String> {
    let namespace = fs::metadata("/proc/self/ns/pid").ok()?;
    Some(format!("sluss-{:x}-", namespace.ino()))
}

/// Returns the group that this process is in, relative to the controller's root.
fn own_group(controller: &str) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let line = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|c| c == controller).then_some(path)
    })?;
    Some(PathBuf::from(line.trim_start_matches('/')))
}
