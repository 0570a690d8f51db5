//! The strict reading of a leaf's bytes, before anything parses them.
//!
//! Two JSON parsers may disagree on duplicate keys, on numbers beyond 2^53 and on unpaired
//! surrogates. A leaf with any of these would say different things to different auditors, so it
//! is refused before it is hashed and again when it is read.
//!
//! # Invariants
//!
//! - A leaf is of one of two kinds, told apart by its first bytes, and has at most 65,535 bytes.
//! - It is one JSON object (RFC 8259) in UTF-8 without whitespace between its tokens, duplicate
//!   keys, fractions or exponents; every integer is within ±(2^53 - 1) and none is `-0`.
//!
//! Not here: what the keys mean (see [`crate::envelope`]).

use std::collections::BTreeSet;

/// Largest leaf, in bytes: entry bundles write the length in two (C2SP `tlog-tiles`).
pub const MAX_LEAF_BYTES: usize = 65_535;

/// First bytes of an event leaf.
pub const EVENT_PREFIX: &[u8] = br#"{"v":1,"#;

/// First bytes of an attestation leaf.
pub const ATTESTATION_PREFIX: &[u8] = br#"{"apiVersion":"0.0.2","kind":"hashedrekord","#;

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;

/// Largest magnitude of an integer, 2^53 - 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// What a leaf's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// An event in its envelope.
    Event,
    /// An attestation entry of kind `hashedrekord`.
    Attestation,
}

/// Where and why bytes are not those of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {offset}")]
pub struct LintError {
    /// Zero-based offset of the offending byte; the length of the input where it ends too soon.
    pub offset: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with the bytes of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are more than [`MAX_LEAF_BYTES`] bytes.
    #[error("a leaf ends at {MAX_LEAF_BYTES} bytes at the latest, but goes on")]
    TooLong,
    /// The first bytes are those of neither kind of leaf.
    #[error("neither an event nor an attestation begins")]
    Prefix,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// The grammar of JSON wants something else here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// There is whitespace outside a string.
    #[error("whitespace between tokens")]
    Whitespace,
    /// The object has this key already, perhaps in another spelling.
    #[error("duplicate key {0:?}")]
    DuplicateKey(String),
    /// A number has a fraction or an exponent.
    #[error("a number that is not an integer")]
    NotAnInteger,
    /// An integer is beyond ±(2^53 - 1).
    #[error("an integer beyond 2^53 - 1")]
    IntegerTooLarge,
    /// An integer is `-0`, which some parsers read as a float.
    #[error("a negative zero")]
    NegativeZero,
    /// A string has a control character that is not escaped.
    #[error("a control character in a string")]
    ControlCharacter,
    /// A backslash is not followed by a valid escape, or a surrogate has no partner.
    #[error("an invalid escape")]
    Escape,
    /// Arrays and objects are nested deeper than [`MAX_DEPTH`].
    #[error("nesting deeper than {MAX_DEPTH}")]
    TooDeep,
    /// There are bytes after the end of the value.
    #[error("bytes after the end of the value")]
    Trailing,
}

/// Returns which kind of leaf `bytes` are, having checked every rule of the module.
///
/// # Errors
///
/// The first [`LintError`] in the order of the bytes; size and encoding come first.
pub fn lint_leaf(bytes: &[u8]) -> Result<LeafKind, LintError> {
    if bytes.len() > MAX_LEAF_BYTES {
        return Err(LintError { offset: MAX_LEAF_BYTES, fault: Fault::TooLong });
    }
    let kind = if bytes.starts_with(EVENT_PREFIX) {
        LeafKind::Event
    } else if bytes.starts_with(ATTESTATION_PREFIX) {
        LeafKind::Attestation
    } else {
        return Err(LintError { offset: 0, fault: Fault::Prefix });
    };
    lint_json(bytes)?;
    Ok(kind)
}

/// Accepts one JSON value of any type under the rules for leaves, whatever its size.
///
/// # Errors
///
/// The first [`LintError`] in the order of the bytes.
pub fn lint_json(bytes: &[u8]) -> Result<(), LintError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| LintError { offset: error.valid_up_to(), fault: Fault::Utf8 })?;
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    scanner.value()?;
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(scanner.fault(Fault::Trailing)),
    }
}

/// A position in the text; each method reads one production of RFC 8259 and moves past it.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn value(&mut self) -> Result<(), LintError> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(_) | None => Err(self.expected("a value")),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), LintError>,
    ) -> Result<(), LintError> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(Fault::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), LintError> {
        if self.eat(b'}') {
            return Ok(());
        }
        let mut keys = BTreeSet::new();
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key"));
            }
            self.string()?;
            let key = unescape(&self.text[start + 1..self.at - 1]);
            if let Some(key) = keys.replace(key) {
                let fault = Fault::DuplicateKey(key.into_owned());
                return Err(LintError { offset: start, fault });
            }
            if !self.eat(b':') {
                return Err(self.expected("`:`"));
            }
            self.value()?;
            if self.eat(b'}') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<(), LintError> {
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.value()?;
            if self.eat(b']') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Result<(), LintError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..b' ') => return Err(self.fault(Fault::ControlCharacter)),
                Some(_) => self.at += 1,
                None => return Err(self.expected("the end of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), LintError> {
        let start = self.at;
        let invalid = LintError { offset: start, fault: Fault::Escape };
        match self.text.as_bytes().get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(start).ok_or(invalid.clone())? {
                0xD800..=0xDBFF => match self.unit(start + 6) {
                    Some(0xDC00..=0xDFFF) => self.at += 12,
                    Some(_) | None => return Err(invalid),
                },
                0xDC00..=0xDFFF => return Err(invalid),
                _ => self.at += 6,
            },
            Some(_) | None => return Err(invalid),
        }
        Ok(())
    }

    /// The UTF-16 unit that `\uXXXX` at `start` stands for.
    fn unit(&self, start: usize) -> Option<u16> {
        let digits = self.text.get(start..start + 6)?.strip_prefix("\\u")?;
        let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    }

    fn integer(&mut self) -> Result<(), LintError> {
        let start = self.at;
        let negative = self.eat(b'-');
        let first = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.text[first..self.at];
        if digits.is_empty() {
            return Err(self.expected("a digit"));
        }
        if digits.len() > 1 && digits.starts_with('0') {
            self.at = first + 1;
            return Err(self.expected("no digit after a leading zero"));
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.fault(Fault::NotAnInteger));
        }
        let fault = match digits.parse::<u64>() {
            Ok(0) if negative => Fault::NegativeZero,
            Ok(0..=MAX_INTEGER) => return Ok(()),
            Ok(_) | Err(_) => Fault::IntegerTooLarge,
        };
        Err(LintError { offset: start, fault })
    }

    fn literal(&mut self, word: &'static str) -> Result<(), LintError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, what: &'static str) -> LintError {
        match self.peek() {
            Some(b' ' | b'\t' | b'\n' | b'\r') => self.fault(Fault::Whitespace),
            Some(_) | None => self.fault(Fault::Expected(what)),
        }
    }

    fn fault(&self, fault: Fault) -> LintError {
        LintError { offset: self.at, fault }
    }
}

/// What the content of a string that was read already stands for.
fn unescape(raw: &str) -> std::borrow::Cow<'_, str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let decoded = serde_json::from_str::<String>(&format!("\"{raw}\""));
    decoded.map_or_else(|_| raw.into(), Into::into)
}

#[cfg(test)]
mod tests;
