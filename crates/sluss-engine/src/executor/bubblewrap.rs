//! The namespaces of a step, as arguments of `bwrap`.
//!
//! # Invariants
//!
//! - Nothing of the machine is writable in there but the work tree, the cache and `/tmp`.
//! - No secret is among the arguments.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sluss_core::pipeline::StepKind;

use super::spec::LauncherProgram;
use super::visible;

/// Where a step finds its work tree.
pub(crate) const WORK_TREE: &str = "/workspace";
/// Where a step finds its cache.
pub(crate) const CACHE: &str = "/cache";
/// Where the launcher finds itself, and a step finds `sluss`.
pub(crate) const LAUNCHER: &str = "/run/sluss/launcher";
/// Where the launcher finds what it is to do inside.
const INSIDE: &str = "/run/sluss/inside.json";

/// What is shown inside, under fixed names.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) kind: StepKind,
    pub(crate) work_tree: &'a Path,
    pub(crate) cache: &'a Path,
    pub(crate) temporary: &'a Path,
    pub(crate) inside: &'a Path,
    pub(crate) hidden: &'a [PathBuf],
    pub(crate) launcher: &'a LauncherProgram,
}

/// Returns where `bwrap` is, if this machine has it.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/bin", "/usr/local/bin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(system);
    folders.map(|folder| folder.join("bwrap")).find(|file| file.is_file())
}

/// Returns the arguments that make the namespaces and start the launcher in them.
pub(crate) fn arguments(shown: &Shown<'_>) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut add = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
        all.extend(words.iter().map(|word| word.as_ref().to_owned()));
    };
    add(&[&"--die-with-parent", &"--unshare-pid", &"--unshare-ipc", &"--unshare-uts"]);
    add(&[&"--unshare-cgroup-try", &"--hostname", &"sluss"]);
    match shown.kind {
        StepKind::Run => add(&[&"--unshare-net"]),
        StepKind::Fetch | StepKind::Acceptance => {}
    }
    for folder in visible::SYSTEM {
        match std::fs::read_link(folder) {
            Ok(target) => add(&[&"--symlink", &target, &folder]),
            Err(_) => add(&[&"--ro-bind-try", &folder, &folder]),
        }
    }
    let visible = visible::toolchains();
    // Folders on the way to a toolchain would be closed to the step's user.
    let on_the_way: BTreeSet<&Path> =
        visible.iter().flat_map(|folder| folder.ancestors().skip(1)).collect();
    for folder in on_the_way.into_iter().filter(|folder| folder.parent().is_some()) {
        add(&[&"--perms", &"0755", &"--dir", &folder]);
    }
    visible.iter().for_each(|folder| add(&[&"--ro-bind-try", folder, folder]));
    for hidden in shown.hidden {
        let system = visible::SYSTEM.iter().any(|folder| hidden.starts_with(folder));
        if system || visible.iter().any(|folder| hidden.starts_with(folder)) {
            add(&[&"--tmpfs", hidden]);
        }
    }
    add(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
    if let Some(configuration) = visible::cargo_configuration() {
        add(&[&"--perms", &"0755", &"--dir", &"/.cargo"]);
        add(&[&"--ro-bind", &configuration, &"/.cargo/config.toml"]);
    }
    add(&[&"--bind", &shown.temporary, &"/tmp", &"--symlink", &"/tmp", &"/var/tmp"]);
    add(&[&"--bind", &shown.work_tree, &WORK_TREE, &"--bind", &shown.cache, &CACHE]);
    // Made on the way they would follow our umask, and be closed to the step's user.
    for folder in ["/run", "/run/sluss"] {
        add(&[&"--perms", &"0755", &"--dir", &folder]);
    }
    add(&[&"--ro-bind", &shown.launcher.program, &LAUNCHER]);
    add(&[&"--ro-bind", &shown.inside, &INSIDE]);
    add(&[&"--remount-ro", &"/", &"--chdir", &WORK_TREE, &"--", &LAUNCHER]);
    shown.launcher.arguments.iter().for_each(|argument| add(&[argument]));
    add(&[&INSIDE]);
    all
}
