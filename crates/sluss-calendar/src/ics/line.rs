//! Content lines of RFC 5545 section 3.1: unfolded, and split into name, parameters and value.

/// A content line.
pub(super) struct Line<'a> {
    /// Its number in the text, from 1; the first of those it was folded over.
    pub(super) number: u32,
    /// In capitals.
    pub(super) name: String,
    parameters: Vec<(String, String)>,
    pub(super) value: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn parse(number: u32, text: &'a str) -> Option<Self> {
        let colon = outside_quotes(text, ':').next()?;
        let (head, value) = (&text[..colon], &text[colon + 1..]);
        let mut at = 0;
        let mut pieces = Vec::new();
        for semicolon in outside_quotes(head, ';') {
            pieces.push(&head[at..semicolon]);
            at = semicolon + 1;
        }
        pieces.push(&head[at..]);
        let (name, parameters) = pieces.split_first()?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            return None;
        }
        let parameters = parameters.iter().map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            Some((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        });
        let parameters = parameters.collect::<Option<Vec<_>>>()?;
        Some(Self { number, name: name.to_ascii_uppercase(), parameters, value: value.trim_end() })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The items of a value that is a list, unescaped.
    pub(super) fn items(&self) -> Vec<String> {
        let mut items = vec![String::new()];
        let mut escaped = false;
        for c in self.value.chars() {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, ',') => items.push(String::new()),
                (true, 'n' | 'N') => push(&mut items, ' ', &mut escaped),
                (_, c) => push(&mut items, c, &mut escaped),
            }
        }
        items.into_iter().map(|item| item.trim().to_owned()).collect()
    }

    /// The value as one text, unescaped.
    pub(super) fn text(&self) -> String {
        self.items().join(", ")
    }
}

fn push(items: &mut [String], c: char, escaped: &mut bool) {
    *escaped = false;
    if let Some(last) = items.last_mut() {
        last.push(c);
    }
}

fn outside_quotes(text: &str, wanted: char) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    text.char_indices().filter_map(move |(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

/// Lines as they were before folding, with the numbers of their first lines.
pub(super) fn unfold(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end_matches('\r');
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, whole))) => whole.push_str(more),
            (Some(_) | None, _) => lines.push((number, line.to_owned())),
        }
    }
    lines
}
