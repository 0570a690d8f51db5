//! The part of TOML 1.0 that packagers write into lock files, as JSON.
//!
//! # Invariants
//!
//! - What is not of that part (dates, fractions, texts over several lines, dotted keys) is an error
//!   with its line, and so is a key twice.

use serde_json::{Map, Value};

use super::{LockError, line};

/// Deepest value that is read.
const DEPTH_MOST: usize = 16;

/// Reads a document.
///
/// # Errors
///
/// [`LockError::Line`] with the line that is not understood.
pub(super) fn read(text: &str) -> Result<Value, LockError> {
    let mut reader = Reader { rest: text, number: 1 };
    let mut root = Map::new();
    let mut table: Vec<String> = Vec::new();
    loop {
        reader.skip(true);
        if reader.rest.is_empty() {
            return Ok(Value::Object(root));
        }
        if reader.take("[[") {
            table = reader.path("]]")?;
            let Some((name, parents)) = table.split_last() else { continue };
            let parent = walk(&mut root, parents).ok_or_else(|| reader.error("no table"))?;
            let list = parent.entry(name.clone()).or_insert_with(|| Value::Array(vec![]));
            match list {
                Value::Array(items) => items.push(Value::Object(Map::new())),
                _other => return Err(reader.error("this is no list of tables")),
            }
        } else if reader.take("[") {
            table = reader.path("]")?;
            let known = walk(&mut root, &table).ok_or_else(|| reader.error("no table"))?;
            if known.values().any(|value| !value.is_object() && !value.is_array()) {
                return Err(reader.error("this table is there twice"));
            }
        } else {
            let (key, value) = reader.pair(DEPTH_MOST)?;
            let into = walk(&mut root, &table).ok_or_else(|| reader.error("no table"))?;
            if into.insert(key, value).is_some() {
                return Err(reader.error("this key is there twice"));
            }
        }
        reader.end_of_line()?;
    }
}

/// Goes to a table by its path, and makes what is not there; the last of a list counts.
fn walk<'a>(
    root: &'a mut Map<String, Value>,
    path: &[String],
) -> Option<&'a mut Map<String, Value>> {
    let mut at = root;
    for name in path {
        let next = at.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        at = match next {
            Value::Object(table) => table,
            Value::Array(items) => items.last_mut()?.as_object_mut()?,
            _value => return None,
        };
    }
    Some(at)
}

struct Reader<'a> {
    rest: &'a str,
    /// Number of the line, from 1.
    number: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> LockError {
        line(self.number, what)
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over blanks, and with `lines` over comments and ends of lines, too.
    fn skip(&mut self, lines: bool) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if !lines {
                return;
            }
            if self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            }
            if self.take("\r\n") || self.take("\n") {
                self.number += 1;
            } else {
                return;
            }
        }
    }

    fn end_of_line(&mut self) -> Result<(), LockError> {
        self.skip(false);
        let ends = self.rest.is_empty() || self.rest.starts_with(['\n', '\r', '#']);
        if ends { Ok(()) } else { Err(self.error("expected the end of the line")) }
    }

    /// Reads the name of a table, up to and with `end`.
    fn path(&mut self, end: &str) -> Result<Vec<String>, LockError> {
        let mut path = Vec::new();
        loop {
            self.skip(false);
            path.push(self.key()?);
            self.skip(false);
            if self.take(end) {
                return Ok(path);
            }
            if !self.take(".") || path.len() > DEPTH_MOST {
                return Err(self.error("expected the name of a table"));
            }
        }
    }

    fn key(&mut self) -> Result<String, LockError> {
        if self.rest.starts_with(['"', '\'']) {
            return self.text();
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.error("expected a key"));
        }
        let (key, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(key.to_owned())
    }

    fn pair(&mut self, depth: usize) -> Result<(String, Value), LockError> {
        let key = self.key()?;
        self.skip(false);
        if !self.take("=") {
            return Err(self.error("expected `key = value`"));
        }
        self.skip(false);
        Ok((key, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, LockError> {
        let deeper = depth.checked_sub(1).ok_or_else(|| self.error("too deep"))?;
        match self.rest.chars().next() {
            Some('"' | '\'') => self.text().map(Value::String),
            Some('[') => self.list(deeper),
            Some('{') => self.inline_table(deeper),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, LockError> {
        let ends = |c: char| matches!(c, ',' | ']' | '}' | '#') || c.is_whitespace();
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number => {
                let number: Option<i64> = number.replace('_', "").parse().ok();
                number.map(Value::from).ok_or_else(|| self.error("this value is not understood"))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, LockError> {
        let mut items = Vec::new();
        self.take("[");
        loop {
            self.skip(true);
            if self.take("]") {
                return Ok(Value::Array(items));
            }
            items.push(self.value(depth)?);
            self.skip(true);
            if !self.take(",") && !self.rest.starts_with(']') {
                return Err(self.error("expected `,` or `]`"));
            }
        }
    }

    fn inline_table(&mut self, depth: usize) -> Result<Value, LockError> {
        let mut table = Map::new();
        self.take("{");
        loop {
            self.skip(true);
            if self.take("}") {
                return Ok(Value::Object(table));
            }
            let (key, value) = self.pair(depth)?;
            if table.insert(key, value).is_some() {
                return Err(self.error("this key is there twice"));
            }
            self.skip(true);
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err(self.error("expected `,` or `}`"));
            }
        }
    }

    /// A text of one line: literal, or basic with its escapes.
    fn text(&mut self) -> Result<String, LockError> {
        if self.rest.starts_with("\"\"\"") || self.rest.starts_with("'''") {
            return Err(self.error("a text over several lines is not read"));
        }
        let whole = self.rest;
        let quote = whole.chars().next().unwrap_or('"');
        let mut text = String::new();
        let mut chars = whole.char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match char {
                '\n' => break,
                end if end == quote => {
                    self.rest = &whole[at + 1..];
                    return Ok(text);
                }
                '\\' if quote == '"' => {
                    let meant = escape(&mut chars.by_ref().map(|(_, char)| char));
                    text.push(meant.ok_or_else(|| self.error("an escape is not understood"))?);
                }
                char => text.push(char),
            }
        }
        Err(self.error("this text does not end"))
    }
}

/// Reads what stands behind a backslash.
fn escape(chars: &mut dyn Iterator<Item = char>) -> Option<char> {
    match chars.next()? {
        'b' => Some('\u{8}'),
        't' => Some('\t'),
        'n' => Some('\n'),
        'f' => Some('\u{c}'),
        'r' => Some('\r'),
        'u' => code(chars, 4),
        'U' => code(chars, 8),
        same @ ('"' | '\\') => Some(same),
        _ => None,
    }
}

fn code(chars: &mut dyn Iterator<Item = char>, length: usize) -> Option<char> {
    let digits: String = chars.take(length).collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_packagers_write_is_read() {
        let text = r#"a = 1
            # a comment
            [x."y z"]
            t = "q\"\u00e9" # another
            l = [
              { k = 'v', n = true },
            ]

            [[p]]
            n = 1
            [p.d]
            e = []
            [[p]]
            n = 2
            "#;
        let wanted = json!({"a": 1, "x": {"y z": {"t": "q\"é", "l": [{"k": "v", "n": true}]}},
            "p": [{"n": 1, "d": {"e": []}}, {"n": 2}]});
        assert_eq!(read(text).unwrap(), wanted);
    }

    #[test]
    fn what_is_not_understood_names_its_line() {
        let bad = [
            "= 1",
            "a",
            "a = ",
            "a = 1 2",
            "a = 1.5",
            "a = 2026-01-01",
            "a = \"x",
            r#"a = "\q""#,
            "a = [1",
            "a = [1 2]",
            "a = {b = 1",
            "[a",
            "[[a]",
            "a.b = 1",
            "x = 1\nx = 2",
            "x = '''a'''",
            "[x]\na = 1\n[x]\nb = 2",
            "x = 1\n[x]",
            "x = {a = 1, a = 2}",
        ];
        for bad in bad {
            let error = read(&format!("ok = 1\n{bad}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line "), "{bad}: {error}");
        }
        assert!(read(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
