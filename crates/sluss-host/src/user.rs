//! Which user a service process runs as, and what it may see of the host's folder.
//!
//! Where the host runs as root, each service has a range of users of its own, and each of its
//! environments one user of that range, so that no service can read or signal another one. The
//! process is in no other group and can gain no rights (`no_new_privs`, prctl(2)).
//!
//! The host's data lies in folders that nobody else may enter. They stay so: a process that could
//! not reach what it needs gets a view of the file system of its own (mount_namespaces(7)), in
//! which such a folder holds nothing but the process's own artifact, state and secrets, at the
//! paths where they always were.
//!
//! # Invariants
//!
//! - A service in an environment keeps its user for as long as the host's folder lasts.
//! - The processes of one route that run at once have the same user: they share their state.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change,
    mount_remount, move_mount, open_tree,
};
use rustix::process::{Gid, Uid};
use rustix::thread::{UnshareFlags, set_thread_res_gid, set_thread_res_uid};
use sluss_core::ids::Digest;
use sluss_core::target::{RouteKey, RunsAs};

/// Users by the names of their routes; written down in `users.json`.
pub(crate) type Users = BTreeMap<String, u32>;

/// Returns the user of a route: the one that it had, or a free one of its service's range.
pub(crate) fn uid_of(users: &Users, key: &RouteKey) -> Option<u32> {
    let service = key.service.to_string();
    let is_of_service = |name: &str| name.rsplit_once('@').is_some_and(|(s, _)| s == service);
    if let Some(uid) = users.get(&crate::folder::name_of(key)) {
        return Some(*uid);
    }
    let digest = Digest::of(format!("user\n{service}").as_bytes());
    let drawn = u32::from_str_radix(digest.as_str().get(..8)?, 16).ok()?;
    let range_at = |number: u32| FIRST_UID + (number % RANGES) * RANGE;
    let ranges = (0..RANGES).map(|step| range_at(drawn.wrapping_add(step)));
    let mut uids = ranges
        .filter(|first| {
            let inside = |uid: u32| (*first..first + RANGE).contains(&uid);
            users.iter().all(|(name, uid)| is_of_service(name) || !inside(*uid))
        })
        .flat_map(|first| first..first + RANGE);
    uids.find(|uid| users.values().all(|taken| taken != uid))
}

/// What decides whether a process can have an own user.
pub(crate) struct Asked<'a> {
    pub(crate) uid: Option<u32>,
    /// Whether processes of the route run as the host's own user.
    pub(crate) shares_now: bool,
    /// The artifact.
    pub(crate) folder: &'a Path,
    /// The program, where it is a file of the artifact.
    pub(crate) program: &'a Path,
    /// What the service keeps.
    pub(crate) state: &'a Path,
}

/// Returns which user a process is to run as, and why it has no own one, if so.
pub(crate) fn choose(asked: &Asked<'_>) -> RunsAs {
    let shared = |why: String| RunsAs::Shared { why };
    if !rustix::process::geteuid().is_root() {
        return shared(
            "the host does not run as root; start it as root to separate services".into(),
        );
    }
    let Some(uid) = asked.uid else {
        return shared("no user is free; see `users.json` in the host's folder".into());
    };
    if !is_mapped(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default(), uid) {
        return shared(format!("user {uid} does not exist in this container; map more users"));
    }
    if asked.shares_now {
        let why = "a process that runs already shares the host's user, and its files; \
                   the next full stop separates them";
        return shared(why.into());
    }
    let needed = [(asked.folder, 0o005), (asked.program, 0o005)];
    let closed = needed
        .into_iter()
        .find(|(path, mode)| fs::metadata(path).is_ok_and(|found| found.mode() & mode != *mode));
    if let Some((path, _)) = closed {
        return shared(format!("{} can be read by nobody else; `chmod o+rx` it", path.display()));
    }
    let is_closed = |path: &Path| !matches!(closed_above(path), Ok(None));
    if (is_closed(asked.folder) || is_closed(asked.state))
        && let Some(why) = no_view()
    {
        return shared(format!(
            "nobody else may enter the host's folder, and {why}; let the host have CAP_SYS_ADMIN"
        ));
    }
    RunsAs::Own { uid }
}

/// Returns whether a user exists here, by the lines of `uid_map` (user_namespaces(7)).
fn is_mapped(map: &str, uid: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let (Some(Some(first)), Some(Some(count))) = (first, count) else { return false };
        (first..first + count).contains(&u64::from(uid))
    })
}

/// Gives a folder and all in it to a user; what is there already stays as it is.
pub(crate) fn give(path: &Path, uid: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if (found.uid(), found.gid()) != (uid, uid) {
        lchown(path, Some(uid), Some(uid))?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid)?;
        }
    }
    Ok(())
}

/// Does something to a process of a user as that user, from a thread of its own. Root in a
/// container often lacks the right to limit others' processes (`CAP_SYS_RESOURCE`); they have it.
pub(crate) fn acting_as(
    user: &RunsAs,
    act: impl FnOnce() -> io::Result<()> + Send,
) -> io::Result<()> {
    let uid = match user {
        RunsAs::Own { uid } => *uid,
        RunsAs::Shared { .. } | RunsAs::Unsaid => return act(),
    };
    let acted = std::thread::scope(|scope| {
        let actor = scope.spawn(move || {
            let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
            // Of this thread alone, and the group first: afterwards there is no right to.
            set_thread_res_gid(group, group, group)?;
            set_thread_res_uid(user, user, user)?;
            act()
        });
        actor.join()
    });
    acted.unwrap_or_else(|_panic| Err(io::Error::other("the acting thread panicked")))
}

/// Lets this thread, and what it starts, see of folders that others may not enter only `needed`,
/// which it can then reach.
pub(crate) fn narrow_view(needed: &[&Path]) -> io::Result<()> {
    let mut hidden: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in needed {
        let path = path.canonicalize()?;
        if let Some(closed) = closed_above(&path)? {
            hidden.entry(closed).or_default().push(path);
        }
    }
    if hidden.is_empty() {
        return Ok(());
    }
    own_view()?;
    for (closed, paths) in hidden {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        let trees: io::Result<Vec<_>> =
            paths.iter().map(|path| Ok((path, open_tree(CWD, path, flags)?))).collect();
        let trees = trees?;
        let usual = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("tmpfs", &closed, "tmpfs", usual, c"mode=0755,size=64k")?;
        for (path, tree) in &trees {
            fs::create_dir_all(path)?;
            move_mount(tree, "", CWD, *path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
        mount_remount(&closed, MountFlags::RDONLY | usual, "")?;
    }
    Ok(())
}

/// Gives this thread mounts of its own; what the machine mounts later is still seen.
fn own_view() -> io::Result<()> {
    // Of all that `unshare` could, this is only the mounts and the working folder of this thread.
    #[expect(deprecated, reason = "its successor is unsafe for the sake of shared open files")]
    rustix::thread::unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM)?;
    Ok(())
}

/// Returns why no process can be given a view of its own, if so; found out once.
fn no_view() -> Option<&'static str> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    let why = WHY.get_or_init(|| match std::thread::spawn(own_view).join() {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("no other view of files can be made: {error}")),
        Err(_panic) => Some("no other view of files could be tried".to_owned()),
    });
    why.as_deref()
}

/// Returns the highest folder above `path` that others may not enter.
fn closed_above(path: &Path) -> io::Result<Option<PathBuf>> {
    let path = path.canonicalize()?;
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    for folder in above {
        if fs::metadata(folder)?.mode() & 0o001 == 0 {
            return Ok(Some(folder.to_owned()));
        }
    }
    Ok(None)
}

/// The first user of the first range: in what systemd's table of users leaves unused
/// (systemd.io/UIDS-GIDS, 1879048192 to 2147352575).
const FIRST_UID: u32 = 1_900_000_000;
/// Users of a service, one for each environment.
const RANGE: u32 = 16;
const RANGES: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, environment: &str) -> RouteKey {
        RouteKey { service: service.parse().unwrap(), environment: environment.parse().unwrap() }
    }

    #[test]
    fn a_service_has_a_range_of_its_own_and_each_environment_a_user_of_it() {
        let mut users = Users::new();
        let mut add = |service: &str, environment: &str| {
            let uid = uid_of(&users, &key(service, environment)).unwrap();
            users.insert(format!("{service}@{environment}"), uid);
            assert_eq!(uid_of(&users, &key(service, environment)), Some(uid), "it stays");
            uid
        };
        let (test, live) = (add("payments", "test"), add("payments", "live"));
        assert_eq!((test - FIRST_UID) / RANGE, (live - FIRST_UID) / RANGE);
        assert_ne!(test, live);
        let other = add("cards", "test");
        assert_ne!((other - FIRST_UID) / RANGE, (test - FIRST_UID) / RANGE);
        assert_eq!(uid_of(&Users::new(), &key("payments", "test")), Some(test), "by its name");
    }

    #[test]
    fn a_range_that_another_service_has_is_left_alone() {
        let first = uid_of(&Users::new(), &key("payments", "test")).unwrap();
        let users = Users::from([("stranger@test".to_owned(), first)]);
        let uid = uid_of(&users, &key("payments", "test")).unwrap();
        assert_ne!((uid - FIRST_UID) / RANGE, (first - FIRST_UID) / RANGE);
    }

    #[test]
    fn a_container_says_which_users_it_has() {
        assert!(is_mapped("         0          0 4294967295\n", FIRST_UID));
        assert!(!is_mapped("0 100000 65536\n", FIRST_UID));
        assert!(!is_mapped("", 0));
    }
}
