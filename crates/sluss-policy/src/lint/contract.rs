//! The contract's fields as the linter needs them: which there are, and what is in them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::facts::Step;
use crate::input::GATE_INPUT_SCHEMA;

/// What a path of the input leads to.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Named fields.
    Part(BTreeMap<String, Node>),
    /// Rows.
    List(Box<Node>),
    /// A text, a number, a truth.
    Value,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Astray {
    /// No such field; the nearest that there is.
    Unknown { field: String, nearest: Option<String> },
    /// A field of a list.
    FieldOfList,
    /// A field whose name is only known when it is evaluated.
    Dynamic,
    /// A field of what has none.
    FieldOfValue,
}

/// The input's fields.
pub(crate) fn contract() -> &'static Node {
    static CONTRACT: OnceLock<Node> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let schema: Value = serde_json::from_str(GATE_INPUT_SCHEMA)
            .expect("the published schema is JSON; a test holds it to the types");
        node(&schema)
    })
}

fn node(schema: &Value) -> Node {
    if let Some(fields) = schema["properties"].as_object() {
        let fields = fields.iter().map(|(name, of)| (name.clone(), node(of)));
        return Node::Part(fields.collect());
    }
    if schema["items"].is_object() {
        return Node::List(Box::new(node(&schema["items"])));
    }
    Node::Value
}

/// Follows a path.
pub(crate) fn follow(steps: &[Step]) -> Result<&'static Node, Astray> {
    let mut here = contract();
    for step in steps {
        here = match (here, step) {
            (Node::Part(fields), Step::Field(name)) => fields.get(name).ok_or_else(|| {
                Astray::Unknown { field: name.clone(), nearest: nearest(name, fields.keys()) }
            })?,
            (Node::List(row), Step::Any) => row,
            (Node::List(_), Step::Field(_)) => return Err(Astray::FieldOfList),
            (Node::Part(_), Step::Any) => return Err(Astray::Dynamic),
            (Node::Value, Step::Field(_) | Step::Any) => return Err(Astray::FieldOfValue),
        };
    }
    Ok(here)
}

fn nearest<'a>(name: &str, of: impl Iterator<Item = &'a String>) -> Option<String> {
    of.map(|each| (distance(name, each), each))
        .filter(|(distance, each)| *distance <= 3.min(each.len().div_ceil(2)))
        .min()
        .map(|(_, each)| each.clone())
}

/// Edits that make one word of another (Levenshtein 1966).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let kept = before + usize::from(a != *b);
            before = row[j + 1];
            row[j + 1] = kept.min(before + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
