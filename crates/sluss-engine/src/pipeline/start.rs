//! Reads how a service is started.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use sluss_core::pipeline::Start;
use sluss_core::target::{Limits, Readiness};

use super::fields::Reader;
use super::quantity::{BYTES, DURATION};
use super::resolve::Defaults;
use super::source::Span;
use super::steps::{command, environment, within};
use super::traffic;
use super::yaml::{Kind, Node};

pub(super) const START_KEYS: &[&str] = &[
    "artifact",
    "command",
    "port",
    "instances",
    "ready",
    "drain",
    "limits",
    "environment",
    "unit",
    "sticky",
    "probe",
    "outcome",
    "most_in_flight",
];
pub(super) const READY_KEYS: &[&str] = &["path", "within", "after"];
pub(super) const LIMIT_KEYS: &[&str] = &["memory", "open_files", "processes", "cpu_weight"];

/// How a service is started, and where the file names its artifact.
pub(super) struct StartDraft {
    pub start: Start,
    pub artifact_at: Span,
}

/// Reads the `start` of a template.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    defaults: &Defaults,
) -> Option<StartDraft> {
    let fields = reader.fields(node, "`start`", START_KEYS)?;
    let artifact_node = reader.required(&fields, "artifact");
    let artifact = artifact_node.and_then(|node| reader.word(node, "an artifact's name"));
    let command = reader.required(&fields, "command").and_then(|node| command(reader, node));
    let port = reader.required(&fields, "port").and_then(|n| reader.number(n, 1..=u16::MAX));
    let instances = match fields.get("instances") {
        Some(node) => reader.number(node, 1_u16..=100),
        None => Some(defaults.instances),
    };
    let readiness = match fields.get("ready") {
        Some(node) => readiness(reader, node),
        None => Some(Readiness { path: None, ..Readiness::default() }),
    };
    let drain_seconds = match fields.get("drain") {
        Some(node) => within(reader, node, 0..=3_600, "from `0s` to `1h`"),
        None => Some(defaults.drain_seconds),
    };
    let limits = match fields.get("limits") {
        Some(node) => limits(reader, node),
        None => Some(Limits::default()),
    };
    let most_in_flight = fields.get("most_in_flight").and_then(|node| in_flight(reader, node));
    let environment = environment(reader, &fields, &["SLUSS", "PORT", "STATE_DIR", "RELEASE"]);
    let start = Start {
        artifact: artifact?,
        command: command?,
        port: port?,
        instances: instances?,
        readiness: readiness?,
        drain_seconds: drain_seconds?,
        limits: limits?,
        environment,
        secrets: BTreeSet::new(),
        traffic: traffic::read(reader, &fields),
        most_in_flight,
    };
    Some(StartDraft { start, artifact_at: artifact_node?.span })
}

/// Reads a path, or a mapping with one; an empty path stands for an accepted connection.
fn readiness(reader: &mut Reader<'_>, node: &Node) -> Option<Readiness> {
    let mut readiness = Readiness { path: None, ..Readiness::default() };
    let path_node = match &node.kind {
        Kind::Map(_) => {
            let fields = reader.fields(node, "`ready`", READY_KEYS)?;
            if let Some(node) = fields.get("within") {
                let seconds = reader.quantity(node, &DURATION)?;
                readiness.within_seconds = seconds.clamp(1, 3_600);
            }
            if let Some(node) = fields.get("after") {
                readiness.after = reader.number(node, 1_u16..=100)?;
            }
            fields.get("path")
        }
        Kind::Text(_) | Kind::List(_) | Kind::Nothing => Some(node),
    };
    let Some(node) = path_node else { return Some(readiness) };
    let path = reader.route(node)?;
    readiness.path = (!path.is_empty()).then(|| path.to_owned());
    Some(readiness)
}

/// Reads how many requests may be in flight at once.
pub(super) fn in_flight(reader: &mut Reader<'_>, node: &Node) -> Option<NonZeroU32> {
    NonZeroU32::new(reader.number(node, 1_u32..=1_000_000)?)
}

/// Reads a share of the processor, as the kernel weighs it.
pub(super) fn cpu_weight(reader: &mut Reader<'_>, node: &Node) -> Option<u16> {
    reader.number(node, 1_u16..=10_000)
}

fn limits(reader: &mut Reader<'_>, node: &Node) -> Option<Limits> {
    let fields = reader.fields(node, "`limits`", LIMIT_KEYS)?;
    let mut limits = Limits::default();
    if let Some(node) = fields.get("memory") {
        limits.memory_bytes = reader.quantity(node, &BYTES)?;
    }
    if let Some(node) = fields.get("open_files") {
        limits.open_files = reader.number(node, 0_u64..=1_000_000)?;
    }
    if let Some(node) = fields.get("processes") {
        limits.processes = reader.number(node, 0_u64..=1_000_000)?;
    }
    if let Some(node) = fields.get("cpu_weight") {
        limits.cpu_weight = cpu_weight(reader, node)?;
    }
    Some(limits)
}
