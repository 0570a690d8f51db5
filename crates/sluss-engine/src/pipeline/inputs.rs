//! What a template asks of a service, what the service answers, and where the answers go.
//!
//! `${name}` in any value of a template stands for the input `name`, `${service}` for the service's
//! own name. `$name` is left to the shell, and `$${name}` becomes `${name}`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fields::{Reader, list_of};
use super::nearest::nearest;
use super::problem::shown;
use super::source::Span;
use super::yaml::{Key, Kind, Node};

/// One thing that a template asks of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// How it is called.
    pub name: String,
    /// What may be answered.
    #[serde(rename = "type")]
    pub kind: InputKind,
    /// The only answers there are; empty means any of its type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What is taken when the service says nothing; without it, the service must say something.
    pub default: Option<Value>,
    /// What it is for.
    pub about: String,
}

/// What may be answered to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Any text.
    Text,
    /// A port from 1 to 65535.
    Port,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A path inside the work tree.
    Path,
    /// The path of a request, such as `/ready`, or nothing.
    Route,
    /// Words without blanks in them.
    List,
}

/// The value of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// One text, port, number, truth or path, as it is written.
    One(String),
    /// A list of words.
    Many(Vec<String>),
}

impl Value {
    /// Returns it as it is put into a text: a list is joined by blanks.
    pub fn text(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(words) => words.join(" "),
        }
    }

    /// Returns whether `given` holds for it: it is neither empty nor `false`.
    pub fn is_given(&self) -> bool {
        !matches!(self.text().as_str(), "" | "false")
    }
}

/// The values of a template's inputs for one service.
pub(super) type Values = BTreeMap<String, Value>;

pub(super) const INPUT_KEYS: &[&str] = &["type", "default", "choices", "about"];

const KINDS: &[(&str, InputKind)] = &[
    ("text", InputKind::Text),
    ("port", InputKind::Port),
    ("integer", InputKind::Integer),
    ("boolean", InputKind::Boolean),
    ("path", InputKind::Path),
    ("route", InputKind::Route),
    ("list", InputKind::List),
];

/// Reads the `inputs` of a template.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (key, node) in reader.entries(node, "inputs by their names") {
        let named = key.text.starts_with(|c: char| c.is_ascii_lowercase())
            && key.text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named || key.text == "service" {
            let what = format!("`{}` cannot be the name of an input", shown(&key.text));
            let expected = "a-z, 0-9 and _ from a letter on, and not `service`";
            reader.report(reader.at(key.span, what).expected(expected));
            continue;
        }
        let Some(fields) = reader.fields(node, "an input", INPUT_KEYS) else { continue };
        let kind = reader.required(&fields, "type").and_then(|kind| reader.one_of(kind, KINDS));
        let about = reader.required(&fields, "about").and_then(|n| reader.text(n, "a sentence"));
        let (Some(kind), Some(about)) = (kind, about) else { continue };
        let choices = fields.get("choices").map(|n| reader.texts(n, "a list of answers"));
        let mut input = Input {
            name: key.text.clone(),
            kind,
            choices: choices.into_iter().flatten().map(|(text, _)| text.to_owned()).collect(),
            default: None,
            about: about.to_owned(),
        };
        input.default = fields.get("default").and_then(|node| value(reader, &input, node));
        inputs.push(input);
    }
    inputs
}

/// Takes what a service answers to `inputs`; `with` is where it does, `missing` where it should.
pub(super) fn bind(
    reader: &mut Reader<'_>,
    inputs: &[Input],
    with: Option<&Node>,
    missing: Span,
) -> Values {
    let mut values = Values::new();
    let answers = with.map_or(&[][..], |node| reader.entries(node, "inputs and their values"));
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    for (key, node) in answers {
        match inputs.iter().find(|input| input.name == key.text) {
            Some(input) => {
                let found = value(reader, input, node).unwrap_or_else(|| sample(input));
                values.insert(input.name.clone(), found);
            }
            None => {
                let what = format!("the template has no input `{}`", shown(&key.text));
                let problem = reader.at(key.span, what).expected(list_of(&names));
                reader.report(problem.nearest(nearest(&key.text, names.iter().copied())));
            }
        }
    }
    for input in inputs.iter().filter(|input| !answers.iter().any(|(k, _)| k.text == input.name)) {
        let found = input.default.clone().unwrap_or_else(|| {
            let problem = reader
                .at(missing, format!("the template needs the input `{}`", input.name))
                .hint(format!("{}: give it under `with:`", input.about.trim_end_matches('.')));
            reader.report(problem);
            sample(input)
        });
        values.insert(input.name.clone(), found);
    }
    values
}

/// Returns values to check a template with before any service uses it: everything is given.
pub(super) fn samples(inputs: &[Input]) -> Values {
    let service = ("service".to_owned(), Value::One("sample".to_owned()));
    inputs.iter().map(|input| (input.name.clone(), sample(input))).chain([service]).collect()
}

fn sample(input: &Input) -> Value {
    let choice = || input.choices.first().map(|choice| Value::One(choice.clone()));
    let given = input.default.clone().filter(Value::is_given).or_else(choice);
    given.unwrap_or_else(|| match input.kind {
        InputKind::Text | InputKind::Path => Value::One("sample".to_owned()),
        InputKind::Route => Value::One("/sample".to_owned()),
        InputKind::Port => Value::One("8080".to_owned()),
        InputKind::Integer => Value::One("1".to_owned()),
        InputKind::Boolean => Value::One("true".to_owned()),
        InputKind::List => Value::Many(vec!["sample".to_owned()]),
    })
}

fn value(reader: &mut Reader<'_>, input: &Input, node: &Node) -> Option<Value> {
    let one = |text: &str| Value::One(text.to_owned());
    if !input.choices.is_empty() {
        let choices: Vec<(&str, &str)> = input.choices.iter().map(|c| (&**c, &**c)).collect();
        return reader.one_of(node, &choices).map(one);
    }
    match input.kind {
        InputKind::Text if node.kind == Kind::Nothing => Some(one("")),
        InputKind::Text => reader.text(node, "a text").map(one),
        InputKind::Port => reader.number(node, 1_u16..=u16::MAX).map(|port| one(&port.to_string())),
        InputKind::Integer => {
            reader.number(node, -LARGEST..=LARGEST).map(|number| one(&number.to_string()))
        }
        InputKind::Boolean => reader.flag(node).map(|flag| one(&flag.to_string())),
        InputKind::Path => {
            let text = reader.text(node, "a path")?;
            reader.inner_path(text, node.span).map(Value::One)
        }
        InputKind::Route if node.kind == Kind::Nothing => Some(one("")),
        InputKind::Route => reader.route(node).map(one),
        InputKind::List => words(reader, node),
    }
}

fn words(reader: &mut Reader<'_>, node: &Node) -> Option<Value> {
    let before = reader.problems.len();
    let mut words = Vec::new();
    for (text, span) in reader.texts(node, "a list of words") {
        match &node.kind {
            Kind::List(_) if text.contains(char::is_whitespace) => {
                let what = format!("`{}` has a blank in it", shown(text));
                reader.report(reader.at(span, what).expected("one word an item"));
            }
            _ => words.extend(text.split_whitespace().map(str::to_owned)),
        }
    }
    (reader.problems.len() == before).then_some(Value::Many(words))
}

const LARGEST: i64 = 1_000_000_000_000;

/// Returns `node` with every `${name}` replaced by its value.
pub(super) fn fill(reader: &mut Reader<'_>, node: &Node, values: &Values) -> Node {
    let kind = match &node.kind {
        Kind::Nothing => Kind::Nothing,
        Kind::Text(text) => Kind::Text(fill_text(reader, text, node.span, values)),
        Kind::List(items) => {
            let mut filled = Vec::with_capacity(items.len());
            for item in items {
                match spread(item, values) {
                    Some(words) => filled.extend(
                        words.iter().map(|w| Node { span: item.span, kind: Kind::Text(w.clone()) }),
                    ),
                    None => filled.push(fill(reader, item, values)),
                }
            }
            Kind::List(filled)
        }
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|(key, node)| {
                    let text = fill_text(reader, &key.text, key.span, values);
                    (Key { span: key.span, text }, fill(reader, node, values))
                })
                .collect(),
        ),
    };
    Node { span: node.span, kind }
}

/// Returns the words of a list that stands alone as one item: `[run, "${arguments}"]`.
fn spread<'v>(item: &Node, values: &'v Values) -> Option<&'v [String]> {
    let Kind::Text(text) = &item.kind else { return None };
    match values.get(text.strip_prefix("${")?.strip_suffix('}')?)? {
        Value::Many(words) => Some(words),
        Value::One(_) => None,
    }
}

fn fill_text(reader: &mut Reader<'_>, text: &str, span: Span, values: &Values) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at - 1]);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            let place = reader.source.find(span, "${");
            let problem = reader.at(place, "`${` is never closed by `}`");
            reader.report(problem.hint("write `$${` for one that the shell should see"));
            reader.spoiled.insert((span.line, span.column));
            return filled;
        };
        let name = &rest[at + 2..at + end];
        match values.get(name) {
            Some(value) => filled.push_str(&value.text()),
            None => unknown(reader, name, span, values),
        }
        rest = &rest[at + end + 1..];
    }
    filled.push_str(rest);
    filled
}

fn unknown(reader: &mut Reader<'_>, name: &str, span: Span, values: &Values) {
    let written = format!("${{{name}}}");
    let place = reader.source.find(span, &written);
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    let problem = reader
        .at(place, format!("`{}` names no input", shown(&written)))
        .expected(list_of(&names))
        .hint(format!("write `$${}` for a variable of the shell", shown(&written)))
        .nearest(nearest(name, names.iter().copied()));
    reader.report(problem);
    reader.spoiled.insert((span.line, span.column));
}
