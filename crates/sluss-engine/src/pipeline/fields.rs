//! Takes values out of a YAML tree and notes everything that is not as it should be.
//!
//! Every reading function answers `None` exactly when it has noted a problem, so that a caller
//! goes on with the rest of the file and all problems are found at once.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use sluss_core::ids::Malformed;

use super::nearest::nearest;
use super::problem::{Problem, shown};
use super::quantity::Form;
use super::source::{Source, Span};
use super::yaml::{Key, Kind, Node};

/// Reads one file and collects its problems.
pub(super) struct Reader<'s> {
    pub source: &'s Source,
    pub problems: Vec<Problem>,
    /// Values of which a part is unknown: nothing more is said of them.
    pub spoiled: HashSet<(u32, u32)>,
}

/// The keys of a mapping whose keys are all known.
pub(super) struct Fields<'n> {
    pub span: Span,
    of: &'static str,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// Returns the value of `key`, if one is written.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        (node.kind != Kind::Nothing).then_some(node)
    }
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s Source) -> Self {
        Self { source, problems: Vec::new(), spoiled: HashSet::new() }
    }

    pub fn at(&self, span: Span, what: impl Into<String>) -> Problem {
        Problem::at(self.source, span, what)
    }

    pub fn report(&mut self, problem: Problem) {
        if !self.spoiled.contains(&(problem.line, problem.column)) {
            self.problems.push(problem);
        }
    }

    /// Reads a mapping that may have only `keys`; `of` says what it describes, with its article.
    pub fn fields<'n>(
        &mut self,
        node: &'n Node,
        of: &'static str,
        keys: &[&str],
    ) -> Option<Fields<'n>> {
        let Kind::Map(entries) = &node.kind else {
            self.mistyped(node, &format!("{of} as a mapping with keys"));
            return None;
        };
        for (key, _) in entries {
            if !keys.contains(&key.text.as_str()) {
                let problem = self
                    .at(key.span, format!("{of} has no key `{}`", shown(&key.text)))
                    .expected(list_of(keys))
                    .nearest(nearest(&key.text, keys.iter().copied()));
                self.report(problem);
            }
        }
        Some(Fields { span: node.span, of, entries })
    }

    /// Returns the value of a key that must be there.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            let written = fields.entries.iter().find(|(written, _)| written.text == key);
            let span = written.map_or(fields.span, |(written, _)| written.span);
            self.report(self.at(span, format!("{} needs `{key}`", fields.of)));
        }
        found
    }

    /// Reads a mapping with any keys.
    pub fn entries<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [(Key, Node)] {
        match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Nothing => &[],
            Kind::Text(_) | Kind::List(_) => {
                self.mistyped(node, expected);
                &[]
            }
        }
    }

    /// Reads the items of a list.
    pub fn items<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Map(_) | Kind::Nothing | Kind::Text(_) => {
                self.mistyped(node, expected);
                None
            }
        }
    }

    /// Reads one text.
    pub fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(text) => Some(text),
            Kind::Map(_) | Kind::Nothing | Kind::List(_) => {
                self.mistyped(node, expected);
                None
            }
        }
    }

    /// Reads a text or a list of texts.
    pub fn texts<'n>(&mut self, node: &'n Node, expected: &str) -> Vec<(&'n str, Span)> {
        match &node.kind {
            Kind::Text(text) => vec![(text, node.span)],
            Kind::List(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    texts.extend(self.text(item, expected).map(|text| (text, item.span)));
                }
                texts
            }
            Kind::Map(_) | Kind::Nothing => {
                self.mistyped(node, expected);
                Vec::new()
            }
        }
    }

    /// Parses a word of the domain.
    pub fn word<T: FromStr<Err = Malformed>>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let text = self.text(node, expected)?;
        self.parsed(text, node.span)
    }

    /// Parses a text that stands at `span`.
    pub fn parsed<T: FromStr<Err = Malformed>>(&mut self, text: &str, span: Span) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(Malformed { found, expected }) => {
                let what = match found.as_str() {
                    "" => "an empty text is not right here".to_owned(),
                    found => format!("`{}` is not right here", shown(found)),
                };
                self.report(self.at(span, what).expected(expected));
                None
            }
        }
    }

    /// Reads a quantity in its form.
    pub fn quantity<T>(&mut self, node: &Node, form: &Form<T>) -> Option<T> {
        let text = self.text(node, form.expected)?;
        let value = (form.parse)(text);
        if value.is_none() {
            let what = format!("`{}` is not right here", shown(text));
            let mut problem = self.at(node.span, what).expected(form.expected);
            let with_unit = format!("{text}{}", form.unit);
            if (form.parse)(&with_unit).is_some() {
                problem = problem.hint(format!("write the unit: `{with_unit}`"));
            }
            self.report(problem);
        }
        value
    }

    /// Reads a whole number within `range`.
    pub fn number<T>(&mut self, node: &Node, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let text = self.text(node, &expected)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let value = decimal.then(|| text.parse().ok()).flatten().filter(|n| range.contains(n));
        if value.is_none() {
            let what = format!("`{}` is not right here", shown(text));
            self.report(self.at(node.span, what).expected(expected));
        }
        value
    }

    /// Reads `true` or `false`.
    pub fn flag(&mut self, node: &Node) -> Option<bool> {
        let text = self.text(node, "`true` or `false`")?;
        let meant = match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => "true",
            "false" | "no" | "off" => "false",
            _ => "",
        };
        match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let what = format!("`{}` is not right here", shown(text));
                let problem = self.at(node.span, what).expected("`true` or `false`");
                self.report(problem.nearest(Some(meant).filter(|meant| !meant.is_empty())));
                None
            }
        }
    }

    /// Reads one of some words.
    pub fn one_of<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.text(node, &list_of(&words))?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let problem = self
                .at(node.span, format!("`{}` is not known here", shown(text)))
                .expected(list_of(&words))
                .nearest(nearest(text, words));
            self.report(problem);
        }
        found
    }

    /// Reads the path of a request, or an empty text.
    pub fn route<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        const EXPECTED: &str = "a path such as `/ready`, or nothing";
        let path = self.text(node, EXPECTED)?;
        let plain = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
        if path.is_empty() || plain {
            return Some(path);
        }
        let what = format!("`{}` is not the path of a request", shown(path));
        self.report(self.at(node.span, what).expected(EXPECTED));
        None
    }

    /// Checks that a path stays within the folder that it is relative to.
    pub fn inner_path(&mut self, text: &str, span: Span) -> Option<String> {
        let what = match text {
            "" => "the path is empty".to_owned(),
            text if text.starts_with('/') => format!("the path `{}` is absolute", shown(text)),
            text if text.split(['/', '\\']).any(|part| part == "..") => {
                format!("the path `{}` climbs out of its folder", shown(text))
            }
            text if text.starts_with('~') || text.contains(['\n', '\\']) => {
                format!("the path `{}` is not plain", shown(text))
            }
            text => return Some(text.to_owned()),
        };
        self.report(self.at(span, what).expected("a path inside the folder, such as `out/app`"));
        None
    }

    /// Notes that a value is of another kind than expected.
    pub fn mistyped(&mut self, node: &Node, expected: &str) {
        let found = match &node.kind {
            Kind::Nothing => "nothing",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        };
        self.report(self.at(node.span, format!("{found} is written here")).expected(expected));
    }
}

/// Returns the words as they are offered to a reader: `a`, `b` or `c`.
pub(super) fn list_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
