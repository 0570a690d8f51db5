//! Reads how a service's requests are told apart: `unit` and `sticky`.

use sluss_core::target::{Sticky, Traffic};

use super::fields::{Fields, Reader};
use super::yaml::Node;

pub(super) const STICKY_KEYS: &[&str] = &["header", "cookie"];

/// Reads `unit` and `sticky` from among `fields`.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Traffic {
    let unit = fields.get("unit").and_then(|node| reader.word(node, "a header's name"));
    let sticky = fields.get("sticky").and_then(|node| sticky(reader, node));
    Traffic { unit, sticky }
}

/// Returns what a service says, and what its template says where it says nothing.
pub(super) fn over(service: Traffic, template: Traffic) -> Traffic {
    Traffic { unit: service.unit.or(template.unit), sticky: service.sticky.or(template.sticky) }
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
