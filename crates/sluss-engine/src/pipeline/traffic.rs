//! Reads how a service's requests are told apart, `unit` and `sticky`, and what is asked of it when
//! nobody calls: `probe`.

use sluss_core::target::{Judged, Outcomes, Probe, ProbeMethod, Sticky, Traffic};

use super::fields::{Fields, Reader};
use super::quantity::MILLISECONDS;
use super::yaml::Node;

pub(super) const STICKY_KEYS: &[&str] = &["header", "cookie"];
pub(super) const PROBE_KEYS: &[&str] =
    &["method", "path", "expect", "per_second", "timeout", "harmless"];
pub(super) const OUTCOME_KEYS: &[&str] = &["header", "hidden", "judged"];
const METHODS: &[(&str, ProbeMethod)] = &[
    ("GET", ProbeMethod::Get),
    ("HEAD", ProbeMethod::Head),
    ("OPTIONS", ProbeMethod::Options),
    ("POST", ProbeMethod::Post),
    ("PUT", ProbeMethod::Put),
    ("PATCH", ProbeMethod::Patch),
    ("DELETE", ProbeMethod::Delete),
];

/// Reads `unit`, `sticky`, `probe` and `outcome` from among `fields`.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Traffic {
    let unit = fields.get("unit").and_then(|node| reader.word(node, "a header's name"));
    let sticky = fields.get("sticky").and_then(|node| sticky(reader, node));
    let probe = fields.get("probe").and_then(|node| probe(reader, node));
    let outcome = fields.get("outcome").and_then(|node| outcome(reader, node));
    Traffic { unit, sticky, probe, outcome }
}

/// Returns what a service says, and what its template says where it says nothing.
pub(super) fn over(service: Traffic, template: Traffic) -> Traffic {
    Traffic {
        unit: service.unit.or(template.unit),
        sticky: service.sticky.or(template.sticky),
        probe: service.probe.or(template.probe),
        outcome: service.outcome.or(template.outcome),
    }
}

/// Reads where answers say more than their status.
fn outcome(reader: &mut Reader<'_>, node: &Node) -> Option<Outcomes> {
    let fields = reader.fields(node, "`outcome`", OUTCOME_KEYS)?;
    let header = reader.required(&fields, "header")?;
    let header = reader.word(header, "a header's name")?;
    let hidden = fields.get("hidden").map_or(Some(false), |node| reader.flag(node))?;
    let mut judged = Judged::default();
    if let Some(node) = fields.get("judged") {
        for item in reader.items(node, "a list of `exceptions` and `conversion`")? {
            match reader.one_of(item, &[("exceptions", true), ("conversion", false)])? {
                true => judged.exceptions = true,
                false => judged.conversion = true,
            }
        }
    }
    Some(Outcomes { header, hidden, judged })
}

/// Reads a probe; a method that changes something needs the word that it is harmless.
fn probe(reader: &mut Reader<'_>, node: &Node) -> Option<Probe> {
    let fields = reader.fields(node, "`probe`", PROBE_KEYS)?;
    let harmless = fields.get("harmless").is_some_and(|node| reader.flag(node) == Some(true));
    let method = match fields.get("method") {
        Some(node) => {
            let method = reader.one_of(node, METHODS)?;
            if !method.is_safe() && !harmless {
                let what = format!("`{}` may change something, again and again", method.as_str());
                let problem = reader.at(node.span, what);
                reader.report(problem.hint("if it does no harm, say so: `harmless: true`"));
                return None;
            }
            method
        }
        None => ProbeMethod::Get,
    };
    let path_node = reader.required(&fields, "path")?;
    let path = reader.route(path_node)?.to_owned();
    if path.is_empty() {
        let problem = reader.at(path_node.span, "a probe needs a path");
        reader.report(problem.expected("a path such as `/health`"));
        return None;
    }
    let expect = match fields.get("expect") {
        Some(node) => reader.number(node, 100_u16..=599)?,
        None => 200,
    };
    let per_second = match fields.get("per_second") {
        Some(node) => reader.number(node, 1_u16..=100)?,
        None => 1,
    };
    let timeout_ms = match fields.get("timeout") {
        Some(node) => reader.quantity(node, &MILLISECONDS)?.clamp(1, 60_000),
        None => 2_000,
    };
    Some(Probe { method, path, expect, per_second, timeout_ms })
}

fn sticky(reader: &mut Reader<'_>, node: &Node) -> Option<Sticky> {
    let fields = reader.fields(node, "`sticky`", STICKY_KEYS)?;
    match (fields.get("header"), fields.get("cookie")) {
        (Some(node), None) => reader.word(node, "a header's name").map(Sticky::Header),
        (None, Some(node)) => reader.word(node, "a cookie's name").map(Sticky::Cookie),
        (None, None) | (Some(_), Some(_)) => {
            let problem = reader
                .at(node.span, "`sticky` names neither a header nor a cookie, or both")
                .hint("write `sticky: { header: X-Account }` or `sticky: { cookie: session }`");
            reader.report(problem);
            None
        }
    }
}
