//! YAML as a tree in which every value and key has its place.
//!
//! Only the plain part of YAML is read: mappings, lists and scalars of one document. Anchors,
//! aliases and tags are refused, so that a small file cannot become a large value, and a scalar
//! is the text as it is written, so that `no` and `1.10` mean what they look like.
//!
//! # Invariants
//!
//! - A mapping has each key once; no text holds a NUL; nothing is nested deeper than [`DEEPEST`].

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::problem::{Problem, Problems, shown};
use super::source::{Source, Span};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub span: Span,
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing is written, or `null` or `~`.
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub span: Span,
    pub text: String,
}

/// How deep values may be nested.
const DEEPEST: usize = 16;

/// Reads the one document of `source`.
pub(super) fn read(source: &Source) -> Result<Node, Problems> {
    let mut tree = Tree { source, open: Vec::new(), root: None, documents: 0, problems: vec![] };
    for event in Parser::new_from_str(source.text()) {
        let (event, span) = match event {
            Ok((event, span)) => (event, place(source, span)),
            Err(error) => {
                tree.problems.push(not_yaml(source, &error));
                break;
            }
        };
        if tree.take(event, span).is_break() {
            break;
        }
    }
    if tree.root.is_none() && tree.problems.is_empty() {
        let what = "the file holds nothing but comments";
        tree.problems.push(Problem::at(source, Span::new(1, 1, 1), what));
    }
    Problems::none_in(tree.problems, tree.root)
}

/// The values that are not yet complete, outermost first.
struct Tree<'s> {
    source: &'s Source,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    problems: Vec<Problem>,
}

enum Open {
    List(Span, Vec<Node>),
    Map { span: Span, entries: Vec<(Key, Node)>, key: Option<Key>, seen: HashMap<String, u32> },
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> std::ops::ControlFlow<()> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let what = "a second document begins here";
                    self.report(Problem::at(self.source, span, what).expected("one per file"));
                    return std::ops::ControlFlow::Break(());
                }
            }
            Event::Alias(_) => {
                self.refuse(span, "an alias (`*name`)");
                return self.put(Node { span, kind: Kind::Nothing });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                let kind = self.scalar(span, text.into_owned(), style);
                return self.put(Node { span, kind });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                return self.enter(span, Open::List(span, Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                let seen = HashMap::new();
                return self.enter(span, Open::Map { span, entries: vec![], key: None, seen });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(span, items)) => Node { span, kind: Kind::List(items) },
                    Some(Open::Map { span, entries, .. }) => {
                        Node { span, kind: Kind::Map(entries) }
                    }
                    None => return std::ops::ControlFlow::Break(()),
                };
                return self.put(node);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Begins a list or mapping, whose place is its first character.
    fn enter(&mut self, span: Span, mut open: Open) -> std::ops::ControlFlow<()> {
        if self.open.len() >= DEEPEST {
            let what = "values are nested too deep here";
            let problem = Problem::at(self.source, span, what);
            self.report(problem.expected(format!("at most {DEEPEST} levels")));
            return std::ops::ControlFlow::Break(());
        }
        match &mut open {
            Open::List(span, _) | Open::Map { span, .. } => span.length = 1,
        }
        self.open.push(open);
        std::ops::ControlFlow::Continue(())
    }

    /// Puts a complete value where it belongs.
    fn put(&mut self, node: Node) -> std::ops::ControlFlow<()> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, key, seen, .. }) => match (key.take(), node.kind) {
                (Some(key), kind) => {
                    if let Some(line) = seen.get(&key.text) {
                        let what = format!("`{}` is given twice", shown(&key.text));
                        let problem = Problem::at(self.source, key.span, what)
                            .hint(format!("it is given before in line {line}: keep one of them"));
                        self.problems.push(problem);
                    } else {
                        seen.insert(key.text.clone(), key.span.line);
                        entries.push((key, Node { span: node.span, kind }));
                    }
                }
                (None, Kind::Text(text)) => *key = Some(Key { span: node.span, text }),
                (None, Kind::Nothing | Kind::List(_) | Kind::Map(_)) => {
                    let problem = Problem::at(self.source, node.span, "a key that is no text");
                    self.report(problem.expected("a key such as `service`"));
                    return std::ops::ControlFlow::Break(());
                }
            },
        }
        std::ops::ControlFlow::Continue(())
    }

    fn scalar(&mut self, span: Span, text: String, style: ScalarStyle) -> Kind {
        if text.contains('\0') {
            let problem = Problem::at(self.source, span, "the text holds a NUL character");
            self.report(problem.expected("text that a command line can carry"));
        }
        let plain = style == ScalarStyle::Plain;
        if plain && matches!(text.as_str(), "" | "~" | "null") {
            Kind::Nothing
        } else {
            Kind::Text(text)
        }
    }

    fn refuse_extras(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.refuse(span, "an anchor (`&name`)");
        }
        if tagged {
            self.refuse(span, "a tag (`!name`)");
        }
    }

    fn refuse(&mut self, span: Span, what: &str) {
        let problem = Problem::at(self.source, span, format!("{what} is not read here"));
        self.report(problem.hint("write the value out where it is used, or put quotes around it"));
    }

    fn report(&mut self, problem: Problem) {
        if self.problems.len() < Problems::MOST {
            self.problems.push(problem);
        }
    }
}

fn place(source: &Source, span: saphyr_parser::Span) -> Span {
    let (line, column) = (span.start.line(), span.start.col() + 1);
    let one_line = span.end.line() == line && span.end.col() > span.start.col();
    let length = if one_line {
        span.end.col() - span.start.col()
    } else if span.end.line() > line {
        let line = source.line(u32::try_from(line).unwrap_or(u32::MAX)).unwrap_or_default();
        line.trim_end().chars().count().saturating_sub(column - 1)
    } else {
        1
    };
    Span::new(line, column, length)
}

fn not_yaml(source: &Source, error: &ScanError) -> Problem {
    let marker = error.marker();
    let lines = source.text().lines().count();
    let span = Span::new(marker.line().min(lines), marker.col() + 1, 1);
    let indented = |number: u32| {
        let line = source.line(number).unwrap_or_default();
        let blank = line.len() - line.trim_start().len();
        line[..blank].find('\t').map(|column| Span::new(number as usize, column + 1, 1))
    };
    if let Some(tab) = indented(span.line).or_else(|| indented(span.line + 1)) {
        let problem = Problem::at(source, tab, "a tab in the indentation");
        return problem.expected("spaces: YAML does not indent with tabs");
    }
    Problem::at(source, span, format!("this is not YAML: {}", shown(error.info())))
        .hint("look at the indentation, and put text that holds `: `, ` #` or `{` in quotes")
}
