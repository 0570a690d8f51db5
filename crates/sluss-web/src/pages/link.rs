//! The addresses of pages, and of what they are in the API.

use std::fmt;

use sluss_core::approval::Subject;
use sluss_core::event::Stream;
use sluss_core::ids::{ChangeId, DeploymentId, FreezeId, IncidentId, ReleaseId, RunId};

/// The board.
pub(super) const BOARD: &str = "/";
/// What is live where.
pub(super) const ENVIRONMENTS: &str = "/environments";
/// All incidents.
pub(super) const INCIDENTS: &str = "/incidents";
/// The log.
pub(super) const LOG: &str = "/log";
/// What waits for somebody's decision.
pub(super) const APPROVALS: &str = "/approvals";
/// Freezes.
pub(super) const FREEZES: &str = "/freezes";
/// Stops of the line, on the calendar's page.
pub(super) const STOPS: &str = "/calendar#line";
/// What is kept, held, disposed of and erased.
pub(super) const RETENTION: &str = "/retention";
/// Who may what, and rehearsals.
pub(super) const ACCESS: &str = "/access";
/// Exceptions from gates.
pub(super) const EXCEPTIONS: &str = "/exceptions";
/// The account of who looks.
pub(super) const ACCOUNT: &str = "/account";

pub(super) fn change(id: ChangeId) -> String {
    format!("/changes/{id}")
}

pub(super) fn run(id: RunId) -> String {
    format!("/runs/{id}")
}

pub(super) fn step(owner: impl fmt::Display, step: impl fmt::Display) -> String {
    let folder = if owner.to_string().starts_with("run-") { "runs" } else { "deployments" };
    format!("/{folder}/{owner}?step={step}#log")
}

pub(super) fn release(id: ReleaseId) -> String {
    format!("/releases/{id}")
}

pub(super) fn deployment(id: DeploymentId) -> String {
    format!("/deployments/{id}")
}

pub(super) fn incident(id: IncidentId) -> String {
    format!("/incidents/{id}")
}

pub(super) fn freeze(id: FreezeId) -> String {
    format!("{FREEZES}#{id}")
}

pub(super) fn entry(position: u64) -> String {
    format!("{LOG}/{position}")
}

/// The events behind what a page shows.
pub(super) fn explain(stream: Stream) -> String {
    format!("{LOG}?stream={stream}")
}

pub(super) fn subject(subject: Subject) -> String {
    match subject {
        Subject::Deployment(id) => deployment(id),
        Subject::Configuration(_) => format!("{APPROVALS}/{subject}"),
    }
}

pub(super) fn decide(subject: Subject) -> String {
    format!("{APPROVALS}/{subject}")
}

pub(super) fn rollback(service: impl fmt::Display, environment: impl fmt::Display) -> String {
    format!("/services/{service}/{environment}/rollback")
}

/// What a page is in the API.
pub(super) fn twin(path: impl fmt::Display) -> String {
    format!("/api/v1/{path}")
}

/// Returns the page of an id, if `text` is one.
pub(super) fn of_id(text: &str) -> Option<String> {
    let (kind, number) = text.split_once('-')?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match kind {
        "chg" => text.parse().ok().map(change),
        "run" => text.parse().ok().map(run),
        "rel" => text.parse().ok().map(release),
        "dep" => text.parse().ok().map(deployment),
        "inc" => text.parse().ok().map(incident),
        "frz" => text.parse().ok().map(freeze),
        "stp" => Some(STOPS.to_owned()),
        "cfg" => text.parse().ok().map(subject),
        _ => None,
    }
}

/// Returns `text` as part of a query.
pub(super) fn in_query(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
