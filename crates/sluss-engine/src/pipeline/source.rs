//! The text of a configuration file, and places in it.
//!
//! # Invariants
//!
//! - A [`Source`] is UTF-8, at most [`Source::LARGEST`] bytes long, and not blank.

use sluss_core::ids::Digest;

use super::problem::{Problem, Problems};

/// A file's text under the name that problems call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    digest: Digest,
}

/// A place in a source: the first of some characters on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// Characters, at least one.
    pub length: u32,
}

impl Source {
    /// Bytes that a configuration file may have.
    pub const LARGEST: usize = 64 * 1024;

    /// Reads `bytes` as the file that is called `name`.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Problems> {
        let name = name.into();
        if bytes.len() > Self::LARGEST {
            let what = format!("the file is too large: {} bytes", bytes.len());
            let problem = Problem::with_file(&name, what);
            return Err(problem.expected("at most 64 KiB of configuration").into());
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
            Err(error) => return Err(not_utf8(name, bytes, error.valid_up_to())),
        };
        if text.trim().is_empty() {
            let problem = Problem::with_file(&name, "the file is empty");
            return Err(problem.expected("a mapping with keys and values").into());
        }
        Ok(Self { name, text, digest: Digest::of(bytes) })
    }

    /// Returns the name that problems call it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the digest of the exact bytes that it was read from.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns a line, counted from 1, without its end.
    pub(super) fn line(&self, number: u32) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)? as usize)
    }

    /// Returns the place of `needle` at or after the beginning of `span`, or `span` if it is not
    /// written there in the same letters.
    pub(super) fn find(&self, span: Span, needle: &str) -> Span {
        for (line, number) in self.text.lines().zip(1_u32..).skip(span.line as usize - 1) {
            let skipped = if number == span.line { span.column as usize - 1 } else { 0 };
            let start = line.char_indices().nth(skipped).map_or(line.len(), |(index, _)| index);
            if let Some(found) = line[start..].find(needle) {
                let before = line[..start + found].chars().count();
                let length = needle.chars().count();
                return Span::new(number as usize, before + 1, length);
            }
        }
        span
    }
}

impl Span {
    /// Returns the place of `length` characters.
    pub fn new(line: usize, column: usize, length: usize) -> Self {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Self { line: small(line), column: small(column), length: small(length) }
    }
}

fn not_utf8(name: String, bytes: &[u8], valid: usize) -> Problems {
    let good = String::from_utf8_lossy(&bytes[..valid]).into_owned();
    let line = good.matches('\n').count() + 1;
    let last = good.rsplit('\n').next().unwrap_or_default();
    let span = Span::new(line, last.chars().count() + 1, 1);
    let what = format!("the file is not UTF-8: byte {:#04x} at position {valid}", bytes[valid]);
    let shown = Source { name, digest: Digest::of(bytes), text: good };
    Problem::at(&shown, span, what).expected("text in UTF-8").into()
}
