//! Answers of the API as text: words out of JSON, and tables of them.

use serde_json::Value;

/// Returns the text under `key`, or nothing.
pub(super) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Returns the list under `key`, or an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the names of people under `key`.
pub(super) fn people(value: &Value, key: &str) -> String {
    let name = |person: &Value| match person["login"].as_str() {
        Some(login) => login.to_owned(),
        None => word(person, "name").to_owned(),
    };
    list(value, key).iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Returns why a gate is as it is, with the id of the compiled-in invariant that shuts it.
pub(super) fn reason(gate: &Value) -> String {
    let said = plain(word(gate, "sentence"));
    match gate["core"].as_str() {
        Some(core) => format!("{said} ({core})"),
        None if gate["would_refuse"] == true => format!("would refuse: {said}"),
        None => said,
    }
}

/// Returns the first characters of a digest or a commit.
pub(super) fn short(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}

/// Returns basis points as a percentage: `10 %`.
pub(super) fn share(basis_points: u64) -> String {
    match basis_points % 100 {
        0 => format!("{} %", basis_points / 100),
        rest => format!("{}.{rest:02} %", basis_points / 100),
    }
}

/// Returns `1 entry`, `2 entries`.
pub(super) fn counted(count: u64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}

/// Returns rows with their columns in line, two blanks apart, `margin` blanks from the left.
pub(super) fn table(margin: usize, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&" ".repeat(margin));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns the text without what could steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns `text` as one part of an address.
pub(super) fn part(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_an_address_cannot_leave_its_part() {
        assert_eq!(part("dep-7"), "dep-7");
        assert_eq!(part("../a b?"), "..%2Fa%20b%3F");
    }

    #[test]
    fn shares_are_said_in_percent() {
        assert_eq!([share(1000), share(1250), share(10_000)], ["10 %", "12.50 %", "100 %"]);
    }

    #[test]
    fn columns_stand_in_line() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(2, &rows), "  a     b\n  long\n");
    }
}
