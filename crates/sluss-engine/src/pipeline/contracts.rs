//! Reads what a service provides to others and needs of them: `provides` and `needs`.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::contracts::Contracts;
use sluss_core::ids::ContractName;

use super::fields::{Fields, Reader};
use super::source::Span;
use super::yaml::{Key, Kind, Node};

/// How many contracts, and versions of one, a service may name.
const MOST: usize = 50;
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=1_000_000;
const EXPECTED: &str = "contracts and their versions, such as `ledger-api: 3`";

/// Reads both.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Contracts {
    let mut contracts = Contracts::default();
    if let Some(node) = fields.get("provides") {
        contracts.provides = each(reader, node, |reader, node| {
            let versions = match &node.kind {
                Kind::List(items) => {
                    few(reader, items.len(), node.span);
                    items.iter().filter_map(|item| reader.number(item, VERSIONS)).collect()
                }
                Kind::Text(_) | Kind::Map(_) | Kind::Nothing => {
                    reader.number(node, VERSIONS).into_iter().collect::<BTreeSet<u32>>()
                }
            };
            Some(versions)
        });
    }
    if let Some(node) = fields.get("needs") {
        contracts.needs = each(reader, node, |reader, node| reader.number(node, VERSIONS));
    }
    contracts
}

fn each<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    mut value: impl FnMut(&mut Reader<'_>, &Node) -> Option<T>,
) -> BTreeMap<ContractName, T> {
    let entries = reader.entries(node, EXPECTED);
    few(reader, entries.len(), node.span);
    let one = |(Key { text, span, .. }, node): &(Key, Node)| {
        let name = reader.parsed::<ContractName>(text, *span);
        let value = value(reader, node);
        name.zip(value)
    };
    entries.iter().filter_map(one).collect()
}

fn few(reader: &mut Reader<'_>, count: usize, at: Span) {
    if count > MOST {
        let problem = reader.at(at, format!("{count} are too many"));
        reader.report(problem.expected(format!("at most {MOST}")));
    }
}
