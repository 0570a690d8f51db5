//! What may be wanted of a host, and how it refuses the rest.

use std::io;
use std::path::Path;

use sluss_core::target::{Arm, Desired, RouteKey};

use crate::process;

/// A request that was not done; says what is wrong and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Refused {
    pub(crate) why: Why,
    pub(crate) what: String,
    pub(crate) hint: String,
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The caller: the request makes no sense.
    Invalid,
    /// The caller: there is no such thing.
    Missing,
    /// The caller: it may not ask.
    Denied,
    /// The caller: the time for this is over.
    Conflict,
    /// Who looks after this machine.
    Machine,
}

impl Refused {
    /// Says that the request makes no sense.
    pub(crate) fn invalid(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: Why::Invalid, what: what.into(), hint: hint.into() }
    }

    /// Says that there is no such route.
    pub(crate) fn no_route(key: &RouteKey) -> Self {
        let hint = "`GET /status` lists what there is; `PUT /routes` makes a route";
        Self { why: Why::Missing, what: format!("there is no route {key}"), hint: hint.into() }
    }

    /// Says that the lease had lapsed.
    pub(crate) fn lapsed(key: &RouteKey) -> Self {
        let what = format!("the lease of {key} has lapsed, and the incumbent has all traffic");
        let hint = "read `GET /journal`, decide anew and put a newer generation";
        Self { why: Why::Conflict, what, hint: hint.into() }
    }

    /// Says that no port is free.
    pub(crate) fn no_port(error: io::Error) -> Self {
        let what = format!("no port could be chosen: {error}");
        Self { why: Why::Machine, what, hint: "name a `port`, or stop what holds them".into() }
    }

    /// Says that it could not be written down, so it was not done.
    pub(crate) fn not_durable(error: io::Error) -> Self {
        let what = format!("what is wanted could not be written to the data folder: {error}");
        Self { why: Why::Machine, what, hint: "free disk space there and try again".into() }
    }
}

/// Checks that `desired` makes sense.
pub(crate) fn check(desired: &Desired) -> Result<(), Refused> {
    let arms = &desired.arms;
    let points: u32 = arms.iter().map(|arm| u32::from(arm.share.basis_points())).sum();
    if desired.generation == 0 || desired.port == Some(0) {
        return Err(Refused::invalid(
            "a generation and a port are greater than 0",
            "leave the port out to have one chosen",
        ));
    }
    if arms.len() > 2 || (arms.len() == 2 && arms[0].release == arms[1].release) {
        return Err(Refused::invalid(
            format!("{} arms, or one release twice", arms.len()),
            "a route has an incumbent and a candidate at most, of different releases",
        ));
    }
    if points > 10_000 {
        return Err(Refused::invalid(
            format!("the shares add up to {points} basis points"),
            "let them add up to 10000",
        ));
    }
    if let Some(lease) = &desired.lease
        && !arms.iter().any(|arm| arm.release == lease.candidate)
    {
        return Err(Refused::invalid(
            format!("the lease is for {}, which is not an arm", lease.candidate),
            "put the candidate among the arms or leave the lease out",
        ));
    }
    arms.iter().try_for_each(check_arm)
}

fn check_arm(arm: &Arm) -> Result<(), Refused> {
    let release = arm.release;
    let program = arm.command.first().map_or("", String::as_str);
    if !arm.folder.is_absolute() || !Path::new(&arm.folder).is_dir() {
        return Err(Refused::invalid(
            format!("{release}: the folder {} is not there", arm.folder.display()),
            "unpack the artifact and give its absolute path",
        ));
    }
    if !process::is_inside(program) {
        return Err(Refused::invalid(
            format!("{release}: `{program}` is no program inside the artifact's folder"),
            "give a path relative to the folder, without `..`",
        ));
    }
    if arm.instances > MOST_INSTANCES {
        return Err(Refused::invalid(
            format!("{release}: {} instances", arm.instances),
            format!("a host runs up to {MOST_INSTANCES} instances of an arm"),
        ));
    }
    let has_nul = |text: &String| text.contains('\0');
    let bad_name = |name: &String| name.is_empty() || name.contains(['=', '\0']);
    if arm.environment.keys().any(bad_name)
        || arm.environment.values().any(has_nul)
        || arm.command.iter().any(has_nul)
    {
        return Err(Refused::invalid(
            format!("{release}: a NUL, or `=` in the name of an environment variable"),
            "look for it in the arm's `environment` and `command`",
        ));
    }
    let readiness = &arm.readiness;
    let is_bad_path =
        |path: &String| !path.starts_with('/') || path.contains(|c: char| !c.is_ascii_graphic());
    if readiness.interval_ms < LEAST_INTERVAL_MS
        || readiness.after == 0
        || readiness.within_seconds == 0
        || readiness.path.as_ref().is_some_and(is_bad_path)
    {
        return Err(Refused::invalid(
            format!("{release}: its readiness check cannot be done"),
            format!(
                "`interval_ms` from {LEAST_INTERVAL_MS}, `after` and `within_seconds` from 1, \
                 `path` with a leading `/`"
            ),
        ));
    }
    Ok(())
}

const MOST_INSTANCES: u16 = 64;
const LEAST_INTERVAL_MS: u32 = 10;
