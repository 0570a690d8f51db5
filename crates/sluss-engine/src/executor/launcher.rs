//! The launcher: a process of its own that runs one attempt of one step and writes down how it
//! went, whether or not whoever started it is still there.
//!
//! # Invariants
//!
//! - It does nothing unless it is the first to claim the attempt.
//! - When `result.json` is there, no process of the step is left.
//! - A layer is reported only if it held when the step began.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::unistd::Uid;
use sluss_core::pipeline::StepKind;

use super::bubblewrap::{self, Shown};
use super::cgroup::Group;
use super::clock::{Stopwatch, now};
use super::files::{Claim, claim_json, read_bounded, write_json};
use super::log::LogWriter;
use super::mask::Mask;
use super::spec::{
    AttemptResult, CANCEL, CLAIM, Holder, Inside, Isolation, LOG, Layer, Order, Outcome, RESULT,
    Reach, Spec,
};
use super::supervise::{Watch, Watched, watch};
use super::{inside, prepare, processes, visible};

/// The largest order that is read, in bytes.
const LARGEST_ORDER: u64 = 8 << 20;

/// Runs what the file at `path` orders: `sluss sandbox --spec FILE`.
///
/// Exits with 0 when a result was written, 2 when the order cannot be understood, 3 when the
/// attempt is somebody else's, 1 when nothing could be written.
pub fn sandbox_main(path: &Path) -> ExitCode {
    let spec = read_bounded(path, LARGEST_ORDER)
        .and_then(|bytes| serde_json::from_slice::<Spec>(&bytes).map_err(io::Error::from));
    match spec {
        Ok(Spec::Inside(inside)) => inside::become_step(&inside),
        Ok(Spec::Attempt(order)) => run(path, &order),
        Err(error) => {
            let why = format!("the order of the attempt cannot be read: {error}");
            tell(&why);
            refuse(path, why);
            ExitCode::from(2)
        }
    }
}

fn tell(text: &str) {
    use std::io::Write as _;
    // Standard error may be closed; the result says the same.
    let _closed = writeln!(io::stderr(), "sluss sandbox: {text}");
}

/// Writes that an attempt errored whose order makes no sense, if that is an attempt's folder.
fn refuse(path: &Path, why: String) {
    let Some(folder) = path.parent().filter(|folder| !folder.join(CLAIM).exists()) else { return };
    if path.file_name().is_some_and(|name| name == super::spec::ORDER) {
        let result = errored(why);
        // Without a result the attempt counts as lost, which is as true.
        let _unwritten = write_json(&folder.join(RESULT), &result);
    }
}

fn errored(why: String) -> AttemptResult {
    AttemptResult {
        outcome: Outcome::Errored { why },
        started_ms: now(),
        finished_ms: now(),
        log_bytes: 0,
        log_truncated: false,
        isolation: Isolation::Unisolated,
        layers: BTreeSet::new(),
        user: Uid::current().as_raw(),
    }
}

fn run(path: &Path, order: &Order) -> ExitCode {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // Without the handler the signal ends the launcher, and the attempt is lost: still true.
        let _default = signal_hook::flag::register(signal, Arc::clone(&asked));
    }
    // A launcher that leads a group already is in a session of its own.
    let _leads = nix::unistd::setsid();
    let _kept = fs::remove_file(path);
    match claim(&order.folder) {
        Ok(Claim::Ours) => {}
        Ok(Claim::Taken) => return ExitCode::from(3),
        Err(error) => {
            tell(&format!("the attempt cannot be claimed: {error}"));
            return ExitCode::FAILURE;
        }
    }
    let result = attempt(order, &asked).unwrap_or_else(|error| {
        processes::kill_descendants();
        errored(format!("the step could not be run: {error}"))
    });
    let _left = fs::remove_dir_all(temporary(order));
    match write_json(&order.folder.join(RESULT), &result) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("the result cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn claim(folder: &Path) -> io::Result<Claim> {
    let pid = std::process::id();
    let holder = Holder::Launcher {
        pid,
        start_ticks: processes::start_ticks(pid).unwrap_or_default(),
        boot: processes::boot(),
        started: now(),
    };
    claim_json(&folder.join(CLAIM), &holder)
}

/// A way to run the step: with namespaces, or with what there is.
#[derive(Debug, Clone)]
enum Way {
    Namespaces(PathBuf),
    Plain,
}

fn attempt(order: &Order, asked: &Arc<AtomicBool>) -> io::Result<AttemptResult> {
    nix::sys::prctl::set_child_subreaper(true)?;
    let mask = Mask::new(order.secrets.values().map(String::as_str));
    let mut log = LogWriter::create(&order.folder.join(LOG), mask)?;
    let without = |layer| order.without.contains(&layer);
    let mut ways = vec![Way::Plain];
    if let Some(program) = bubblewrap::program().filter(|_| !without(Layer::Namespaces)) {
        ways.insert(0, Way::Namespaces(program));
    }
    let group = Group::create(order.limits).filter(|_| !without(Layer::Cgroup));
    let started_ms = now();
    let since = Stopwatch::start();
    let mut said = String::new();
    let mut ended = None;
    for way in ways {
        match try_way(order, &way, group.as_ref(), asked, since, &mut log)? {
            Watch::Ran { outcome, layers } => {
                ended = Some((outcome, layers, user_of(order, &way)));
                break;
            }
            Watch::NeverBegan { said: why } => {
                let way = if matches!(way, Way::Plain) { "the step" } else { "namespaces" };
                log.note(&format!("{way} could not be started: {}", why.trim()), 0)?;
                said = why;
            }
        }
    }
    processes::kill_descendants();
    processes::reap();
    if let Some(group) = group {
        group.remove();
    }
    let size = log.finish(since.elapsed().as_millis())?;
    fs::File::open(order.folder.join(LOG))?.sync_data()?;
    let (outcome, layers, user) = ended.unwrap_or_else(|| {
        (Outcome::Errored { why: said.trim().to_owned() }, BTreeSet::new(), None)
    });
    Ok(AttemptResult {
        outcome,
        started_ms,
        finished_ms: now(),
        log_bytes: size.bytes,
        log_truncated: size.truncated,
        isolation: isolation(order.kind, &layers),
        layers,
        user: user.unwrap_or(Uid::current().as_raw()),
    })
}

/// Says in one word what `layers` amount to for a step of this kind.
fn isolation(kind: StepKind, layers: &BTreeSet<Layer>) -> Isolation {
    let network = match kind {
        StepKind::Run => layers.contains(&Layer::Network),
        StepKind::Fetch | StepKind::Acceptance => true,
    };
    if layers.contains(&Layer::Namespaces) && network {
        Isolation::Namespaces
    } else if layers.contains(&Layer::Landlock) {
        Isolation::Landlock
    } else {
        Isolation::Unisolated
    }
}

/// Returns the user of its own that the step gets this way.
fn user_of(order: &Order, way: &Way) -> Option<u32> {
    let may = Uid::effective().is_root() && !order.without.contains(&Layer::User);
    // Without a mount namespace that user must be able to walk to its folders.
    let reaches = || {
        let folders = order.work_tree.ancestors().chain(order.folder.ancestors()).skip(1);
        let open = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
        };
        folders.filter(|folder| !folder.as_os_str().is_empty()).all(open)
    };
    let namespaces = matches!(way, Way::Namespaces(_));
    (may && (namespaces || reaches())).then_some(order.user)
}

fn temporary(order: &Order) -> PathBuf {
    order.folder.join("tmp")
}

fn try_way(
    order: &Order,
    way: &Way,
    group: Option<&Group>,
    asked: &Arc<AtomicBool>,
    since: Stopwatch,
    log: &mut LogWriter,
) -> io::Result<Watch> {
    let user = user_of(order, way);
    let temporary = temporary(order);
    fs::create_dir_all(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o700))?;
    prepare::owned(&temporary, user)?;
    prepare::owned(&order.work_tree, user)?;
    let cache = prepare::cache(&order.cache, user)?;
    let token = format!("sluss-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let here = visible::Places {
        work_tree: &order.work_tree,
        cache: &cache,
        temporary: &temporary,
        sluss: &order.launcher.program,
    };
    let command = match way {
        Way::Namespaces(program) => in_namespaces(order, program, here, user, &token)?,
        Way::Plain => plainly(order, here, user, &token)?,
    };
    let child = start(command, order, group)?;
    let mut watched = watch(
        Watched {
            child,
            namespaces: matches!(way, Way::Namespaces(_)),
            group,
            timeout: Duration::from_millis(order.timeout_ms),
            cancel: &order.folder.join(CANCEL),
            asked,
            token: &token,
            since,
        },
        log,
    )?;
    if let Watch::Ran { layers, .. } = &mut watched {
        layers.extend(group.map(|_| Layer::Cgroup));
        if let Way::Namespaces(_) = way {
            layers.insert(Layer::Namespaces);
            layers.extend((order.kind == StepKind::Run).then_some(Layer::Network));
        }
    }
    Ok(watched)
}

fn start(mut command: Command, order: &Order, group: Option<&Group>) -> io::Result<Child> {
    command.envs(&order.secrets);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    match group {
        Some(group) => {
            group.enter()?;
            let child = command.spawn();
            group.leave()?;
            child
        }
        None => command.spawn(),
    }
}

fn in_namespaces(
    order: &Order,
    program: &Path,
    here: visible::Places<'_>,
    user: Option<u32>,
    token: &str,
) -> io::Result<Command> {
    let places = visible::Places {
        work_tree: Path::new(bubblewrap::WORK_TREE),
        cache: Path::new(bubblewrap::CACHE),
        temporary: Path::new("/tmp"),
        sluss: Path::new(bubblewrap::LAUNCHER),
    };
    let mut reach = Reach { readable: vec!["/".into()], writable: writable(places) };
    reach.writable.push("/dev".into());
    let inside = inside_file(order, user, token, places.work_tree, reach)?;
    let mut command = Command::new(program);
    command.args(bubblewrap::arguments(&Shown {
        kind: order.kind,
        work_tree: here.work_tree,
        cache: here.cache,
        temporary: here.temporary,
        inside: &inside,
        hidden: &order.hidden,
        launcher: &order.launcher,
    }));
    command.env_clear().envs(visible::environment(order.kind, places, &order.environment));
    Ok(command)
}

fn plainly(
    order: &Order,
    here: visible::Places<'_>,
    user: Option<u32>,
    token: &str,
) -> io::Result<Command> {
    let mut reach = Reach { readable: visible::readable(), writable: writable(here) };
    reach.readable.push(here.sluss.to_owned());
    reach.writable.extend(["/dev/null", "/dev/zero", "/dev/tty"].map(PathBuf::from));
    let inside = inside_file(order, user, token, here.work_tree, reach)?;
    let mut command = Command::new(&order.launcher.program);
    command.args(&order.launcher.arguments).arg(inside);
    command.env_clear().envs(visible::environment(order.kind, here, &order.environment));
    Ok(command)
}

fn writable(places: visible::Places<'_>) -> Vec<PathBuf> {
    [places.work_tree, places.cache, places.temporary].map(Path::to_path_buf).to_vec()
}

/// Writes what the launcher's second half is to do; nothing in it is secret.
fn inside_file(
    order: &Order,
    user: Option<u32>,
    token: &str,
    folder: &Path,
    reach: Reach,
) -> io::Result<PathBuf> {
    let without = |layer| order.without.contains(&layer);
    let namespaces = folder == Path::new(bubblewrap::WORK_TREE);
    let inside = Inside {
        token: token.to_owned(),
        user,
        own_network: !namespaces && order.kind == StepKind::Run && !without(Layer::Network),
        landlock: (!without(Layer::Landlock)).then_some(reach),
        limits: order.limits,
        folder: folder.to_owned(),
        command: order.command.clone(),
    };
    let path = order.folder.join("inside.json");
    write_json(&path, &Spec::Inside(inside))?;
    Ok(path)
}
