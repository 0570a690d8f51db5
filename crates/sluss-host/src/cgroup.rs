//! Control groups (cgroups(7), version 2): limits of a service process and all that it starts.
//!
//! Where there is no tree that this host may write to, that is said with its reason, and the
//! kernel's limits of a single process hold instead.
//!
//! # Invariants
//!
//! - A group is made whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluss_core::target::Limits;

/// Where groups can be made.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    parent: PathBuf,
}

/// The group of one process.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
}

impl Tree {
    /// Finds the place for groups below `root`; `own` is what `/proc/self/cgroup` says. The error
    /// is why there is none.
    pub(crate) fn find(root: &Path, own: &str) -> Result<Self, String> {
        if !root.join(CONTROLLERS).is_file() {
            return Err(format!("there is no control group of version 2 at {}", root.display()));
        }
        let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::/")) else {
            return Err("this process is in no control group of version 2".into());
        };
        // A group with members cannot hand controllers down, so ours stand beside that of the host.
        let home = root.join(own);
        let beside = home.parent().filter(|parent| parent.starts_with(root));
        let parent = beside.unwrap_or(root).to_owned();
        let handed_down = parent.join("cgroup.subtree_control");
        // Refused where they are handed down already by someone else, so what counts is below.
        let _refused = fs::write(&handed_down, "+memory +pids +cpu");
        let handed = fs::read_to_string(&handed_down).unwrap_or_default();
        let has = |name: &&str| handed.split_whitespace().any(|one| one.trim_matches('+') == *name);
        if let Some(missing) = ["memory", "pids", "cpu"].iter().find(|name| !has(name)) {
            return Err(format!(
                "{} does not hand down `{missing}`; run the host in a delegated subgroup \
                 (systemd: `Delegate=yes` and `DelegateSubgroup=host`)",
                parent.display()
            ));
        }
        Ok(Self { parent })
    }

    /// Makes a group with these limits; nothing of it stays if that fails.
    pub(crate) fn create(&self, name: &str, limits: Limits) -> io::Result<Group> {
        let group = self.group(name);
        fs::create_dir(&group.folder)?;
        let made = group.limit(limits);
        if made.is_err() {
            let _nothing_is_in_it = fs::remove_dir(&group.folder);
        }
        made.map(|()| group)
    }

    /// Returns the group of this name, also if an earlier host made it.
    pub(crate) fn group(&self, name: &str) -> Group {
        Group { folder: self.parent.join(format!("sluss-service-{name}")) }
    }
}

impl Group {
    fn limit(&self, limits: Limits) -> io::Result<()> {
        let write = |file: &str, value: u64| match value {
            0 => Ok(()),
            value => fs::write(self.folder.join(file), value.to_string()),
        };
        write("memory.max", limits.memory_bytes)?;
        write("pids.max", limits.processes)?;
        write("cpu.weight", u64::from(limits.cpu_weight))?;
        if limits.memory_bytes > 0 {
            // A kernel without swap accounting has no such file, and no swap to bound.
            let _no_swap = fs::write(self.folder.join("memory.swap.max"), "0");
        }
        Ok(())
    }

    /// Takes a process in; what it starts from now on is in it too.
    pub(crate) fn take_in(&self, pid: u32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    /// Ends what its process has left behind, and removes it.
    pub(crate) fn end(&self) {
        if !self.folder.is_dir() {
            return;
        }
        let _no_such_file_before_linux_5_14 = fs::write(self.folder.join("cgroup.kill"), "1");
        for _ in 0..REMOVAL_ATTEMPTS {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(REMOVAL_INTERVAL);
        }
        tracing::warn!(folder = %self.folder.display(), "a control group could not be removed");
    }
}

const CONTROLLERS: &str = "cgroup.controllers";
const REMOVAL_ATTEMPTS: u32 = 20;
const REMOVAL_INTERVAL: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files that the kernel would have there.
    fn tree(handed_down: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("unit/host")).unwrap();
        fs::write(root.path().join(CONTROLLERS), "cpu memory pids\n").unwrap();
        // Not writable, as where controllers are handed down by someone else.
        let file = root.path().join("unit/cgroup.subtree_control");
        fs::create_dir_all(root.path().join("unit")).unwrap();
        fs::write(&file, handed_down).unwrap();
        root
    }

    #[test]
    fn a_group_stands_beside_the_hosts_own_and_holds_the_limits() {
        let root = tree("");
        let tree = Tree::find(root.path(), "1:name=systemd:/\n0::/unit/host\n").unwrap();
        let limits = Limits { memory_bytes: 1 << 20, processes: 7, cpu_weight: 50, open_files: 0 };
        let group = tree.create("one", limits).unwrap();
        group.take_in(42).unwrap();
        let read = |file: &str| {
            fs::read_to_string(root.path().join("unit/sluss-service-one").join(file)).unwrap()
        };
        let held = ["memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cgroup.procs"];
        assert_eq!(held.map(read), ["1048576", "0", "7", "50", "42"]);
    }

    #[test]
    fn without_a_tree_it_says_why() {
        let none = tempfile::tempdir().unwrap();
        let why = Tree::find(none.path(), "0::/\n").unwrap_err();
        assert!(why.contains("version 2"), "{why}");
        let why = Tree::find(tree("").path(), "4:memory:/a\n").unwrap_err();
        assert!(why.contains("in no control group"), "{why}");
        let bare = tree("");
        fs::remove_dir_all(bare.path().join("unit")).unwrap();
        let why = Tree::find(bare.path(), "0::/unit/host\n").unwrap_err();
        assert!(why.contains("does not hand down `memory`"), "{why}");
    }
}
