//! The second half of the launcher: inside the namespaces it gives up what is left, says that it
//! did, and becomes the step.
//!
//! # Invariants
//!
//! - Nothing of the step runs before the first line on standard error says what holds.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use sluss_core::target::Limits;

use super::restrict::{Restricted, restrict};
use super::spec::{Inside, Layer};

/// The code with which the launcher ends when it could not become the step.
pub(crate) const NOT_STARTED: u8 = 125;
/// The code for a program that is not there, as shells have it.
const NOT_FOUND: u8 = 127;
/// The largest file that a step may write, in bytes.
const LARGEST_FILE: rlim_t = 64 << 30;
/// Open files, where the step says nothing.
const OPEN_FILES: rlim_t = 65_536;

/// Becomes the step; returns only if that fails.
pub(crate) fn become_step(inside: &Inside) -> ExitCode {
    match give_up(inside) {
        Ok(layers) => {
            let words: Vec<_> = layers.iter().map(word).collect();
            let line = format!("{} {}\n", inside.token, words.join(","));
            if std::io::stderr().write_all(line.as_bytes()).is_err() {
                return ExitCode::from(NOT_STARTED);
            }
        }
        Err(why) => {
            say(&format!("the step could not be kept apart: {why}"));
            return ExitCode::from(NOT_STARTED);
        }
    }
    let Some((program, arguments)) = inside.command.split_first() else {
        say("the step has no command");
        return ExitCode::from(NOT_FOUND);
    };
    let error = Command::new(program).args(arguments).exec();
    say(&format!("`{program}` cannot be started: {error}"));
    ExitCode::from(NOT_FOUND)
}

/// Reads what [`become_step`] said in its first line.
pub(crate) fn layers_in(line: &str, token: &str) -> Option<BTreeSet<Layer>> {
    let words = line.strip_prefix(token)?.trim().split(',').filter(|word| !word.is_empty());
    let all = [Layer::Namespaces, Layer::Network, Layer::Landlock, Layer::User, Layer::Cgroup];
    Some(words.filter_map(|w| all.into_iter().find(|layer| word(layer) == w)).collect())
}

fn word(layer: &Layer) -> &'static str {
    match layer {
        Layer::Namespaces => "namespaces",
        Layer::Network => "network",
        Layer::Landlock => "landlock",
        Layer::User => "user",
        Layer::Cgroup => "cgroup",
    }
}

fn say(text: &str) {
    // Whoever reads is the launcher; when it is gone, so is this step.
    let _gone = writeln!(std::io::stderr(), "sluss: {text}");
}

type Refused = Box<dyn std::error::Error>;

fn give_up(inside: &Inside) -> Result<BTreeSet<Layer>, Refused> {
    let mut layers = BTreeSet::new();
    if inside.own_network && unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        // Tests often talk to themselves; without `ip` they have to do without.
        let _loopback = Command::new("ip").args(["link", "set", "lo", "up"]).output();
        layers.insert(Layer::Network);
    }
    limit(inside.limits)?;
    umask(Mode::from_bits_truncate(0o022));
    if let Some(user) = inside.user {
        setgroups(&[])?;
        setgid(Gid::from_raw(user))?;
        setuid(Uid::from_raw(user))?;
        layers.insert(Layer::User);
    }
    std::env::set_current_dir(&inside.folder)?;
    if let Some(reach) = &inside.landlock {
        match restrict(reach)? {
            Restricted::Yes => layers.insert(Layer::Landlock),
            Restricted::No => false,
        };
    }
    SigSet::all().thread_unblock()?;
    Ok(layers)
}

fn limit(limits: Limits) -> nix::Result<()> {
    let asked = |limit: u64, otherwise: rlim_t| if limit == 0 { otherwise } else { limit };
    lower(Resource::RLIMIT_CORE, 0)?;
    lower(Resource::RLIMIT_FSIZE, LARGEST_FILE)?;
    lower(Resource::RLIMIT_NOFILE, asked(limits.open_files, OPEN_FILES))?;
    if limits.processes > 0 {
        lower(Resource::RLIMIT_NPROC, limits.processes)?;
    }
    Ok(())
}

fn lower(resource: Resource, limit: rlim_t) -> nix::Result<()> {
    let (_soft, hard) = getrlimit(resource)?;
    setrlimit(resource, limit.min(hard), limit.min(hard))
}
