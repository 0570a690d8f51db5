//! What Sluss finds on this machine: Git, what keeps steps apart, the data folder.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
};

use super::Finding;

/// The least version of Git that is tried in our tests.
const GIT_LEAST: (u32, u32) = (2, 39);
/// Free space, in MiB, below which nothing can be built, and below which it will soon be so.
const SPACE_BAD_MIB: u64 = 200;
const SPACE_WARN_MIB: u64 = 2_000;

/// Looks for Git.
pub(super) fn git() -> Finding {
    let said = Command::new("git").arg("--version").stdin(Stdio::null()).output();
    let Ok(said) = said else {
        return Finding::bad("git", "not found", "install Git: repositories are kept with it");
    };
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut number = || numbers.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let version = (number(), number());
    match version >= GIT_LEAST {
        true => Finding::ok("git", said),
        false => {
            Finding::warn("git", said, "install Git 2.39 or later: earlier ones are not tried")
        }
    }
}

/// Looks whether steps can get namespaces of their own.
pub(super) fn namespaces() -> Finding {
    let what = "bubblewrap";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("bwrap"));
    let Some(program) = found.into_iter().find(|file| file.is_file()) else {
        let mend = "install bubblewrap: steps then get namespaces and no network";
        return Finding::warn(what, "not found: steps are kept apart by Landlock alone", mend);
    };
    let tried = Command::new(&program)
        .args(["--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "true"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Finding::ok(what, program.display().to_string()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it fails").to_owned();
            let mend = "allow unprivileged user namespaces, or run on a machine that has them";
            Finding::warn(what, said, mend)
        }
        Err(error) => Finding::warn(what, error.to_string(), "look at the permissions of `bwrap`"),
    }
}

/// Looks whether the kernel has Landlock.
pub(super) fn landlock() -> Finding {
    let what = "landlock";
    // Only makes rules: nothing is restricted by them.
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    match made {
        Ok(_rules) => Finding::ok(what, "active"),
        Err(_) => {
            let mend = "boot a kernel 5.13 or later with `lsm=landlock,…`";
            Finding::warn(what, "not active: without bubblewrap nothing keeps steps apart", mend)
        }
    }
}

/// Looks at the data folder: whose it is, who can read it, and how much fits in.
pub(super) fn folder(data: &Path) -> Vec<Finding> {
    let what = "data folder";
    let Ok(about) = std::fs::metadata(data) else {
        let found = format!("{} is not there", data.display());
        let mend = "start Sluss once: `sluss up`, or name its folder with `--data`";
        return vec![Finding::warn(what, found, mend), space(data)];
    };
    let mode = about.permissions().mode() & 0o777;
    let ours = nix::unistd::geteuid();
    let mut findings = Vec::new();
    if about.uid() != ours.as_raw() {
        let found = format!("{} belongs to user {}", data.display(), about.uid());
        findings.push(Finding::warn(what, found, "run this as the user that runs Sluss"));
    }
    if mode & 0o077 != 0 {
        let found = format!("{} can be read by others ({mode:03o})", data.display());
        findings.push(Finding::bad(what, found, format!("chmod 700 {}", data.display())));
    }
    let private = ["accounts.db", "log.db", "keys/log.key", "host/token"];
    for file in private.map(|name| data.join(name)) {
        if let Ok(about) = std::fs::metadata(&file)
            && about.permissions().mode() & 0o077 != 0
        {
            let found = format!("{} can be read by others", file.display());
            findings.push(Finding::bad(what, found, format!("chmod 600 {}", file.display())));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(what, data.display().to_string()));
    }
    findings.push(space(data));
    findings
}

fn space(data: &Path) -> Finding {
    let there = data.ancestors().find(|folder| folder.exists()).map(PathBuf::from);
    let found = there.and_then(|folder| nix::sys::statvfs::statvfs(&folder).ok());
    let Some(found) = found else {
        return Finding::warn("space", "not known", "look at it with `df`");
    };
    let free_mib = (found.blocks_available() * found.fragment_size()) >> 20;
    let said = format!("{free_mib} MiB free");
    let mend = "make space: with none left nothing is recorded, so nothing is done";
    match free_mib {
        0..SPACE_BAD_MIB => Finding::bad("space", said, mend),
        SPACE_BAD_MIB..SPACE_WARN_MIB => Finding::warn("space", said, mend),
        _enough => Finding::ok("space", said),
    }
}
