//! What is wrong with a configuration file: where, what was expected, and how to mend it.
//!
//! # Invariants
//!
//! - [`Problems`] is never empty, and holds at most [`Problems::MOST`].
//! - What a file says is shown without its control characters, so that it cannot steer a terminal.

use std::fmt;

use serde::Serialize;

use super::source::{Source, Span};

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named by whoever read it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub what: String,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// How to mend it: mostly the nearest right spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// The line that a problem is in, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Characters before what is marked.
    before: usize,
    /// Characters that are marked.
    marked: usize,
}

impl Problem {
    /// Returns a problem with what stands at `span` of `source`.
    pub(super) fn at(source: &Source, span: Span, what: impl Into<String>) -> Self {
        Self {
            file: source.name().to_owned(),
            line: span.line,
            column: span.column,
            what: what.into(),
            expected: None,
            hint: None,
            excerpt: source.line(span.line).map(|line| Excerpt::of(line, span)),
        }
    }

    /// Returns a problem with a file as a whole.
    pub(super) fn with_file(file: &str, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            column: 1,
            what: what.into(),
            expected: None,
            hint: None,
            excerpt: None,
        }
    }

    /// Says what would have been right.
    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says how to mend it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Proposes the nearest right spelling, if there is one.
    pub(super) fn nearest(mut self, found: Option<&str>) -> Self {
        if let Some(found) = found {
            self.hint = Some(format!("did you mean `{found}`?"));
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let margin = " ".repeat(self.line.to_string().len());
        writeln!(f, "error: {}", self.what)?;
        writeln!(f, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        match (&self.excerpt, &self.expected) {
            (Some(excerpt), expected) => {
                let mark = "^".repeat(excerpt.marked);
                let expected = expected.as_ref().map(|e| format!(" expected {e}"));
                writeln!(f, "{margin} |")?;
                writeln!(f, "{} | {}", self.line, excerpt.text)?;
                let before = " ".repeat(excerpt.before);
                writeln!(f, "{margin} | {before}{mark}{}", expected.unwrap_or_default())?;
            }
            (None, Some(expected)) => writeln!(f, "{margin} = expected {expected}")?,
            (None, None) => {}
        }
        match &self.hint {
            Some(hint) => writeln!(f, "{margin} = help: {hint}"),
            None => Ok(()),
        }
    }
}

impl Excerpt {
    fn of(line: &str, span: Span) -> Self {
        let column = span.column.saturating_sub(1) as usize;
        let whole = line.chars().count() <= Self::WIDEST;
        let first = if whole { 0 } else { column.saturating_sub(Self::WIDEST / 2) };
        let mut text: String = line.chars().skip(first).take(Self::WIDEST).map(plain).collect();
        let mut before = column - first;
        let rest = text.chars().count().saturating_sub(before).max(1);
        if first > 0 {
            text.insert(0, '…');
            before += 1;
        }
        let text = text.trim_end().to_owned();
        Self { text, before, marked: (span.length.max(1) as usize).min(rest) }
    }

    const WIDEST: usize = 100;
}

/// Returns `text` as it may stand in a message: short, and without control characters.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).map(plain).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

const SHOWN: usize = 60;

/// Returns the character, or a stand-in where it would move a terminal's cursor or hide text.
fn plain(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '�',
        c if c.is_control() => '�',
        c => c,
    }
}

/// Everything found wrong, in the order of the files and lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// How many are kept: whoever wrote this file mends some and asks again.
    pub const MOST: usize = 100;

    /// Returns `value` if there is nothing wrong with it.
    pub(super) fn none_in<T>(problems: Vec<Problem>, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            Some(_) | None => Err(Self::of(problems)),
        }
    }

    /// Returns the problems in the order of their places.
    pub(super) fn of(mut problems: Vec<Problem>) -> Self {
        assert!(!problems.is_empty(), "BUG: something was refused and nothing says why");
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        problems.dedup();
        problems.truncate(Self::MOST);
        Self(problems)
    }

    /// Returns them one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Returns them as one JSON array, as `sluss check --output json` prints it.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.0).expect("BUG: plain data has a JSON form")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
