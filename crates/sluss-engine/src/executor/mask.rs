//! Takes secrets out of text before anybody can read it.
//!
//! # Invariants
//!
//! - A secret of at least four characters does not appear, nor does its base64 or URL-encoded form.
//! - Of a secret with several lines, no line of at least four characters appears.
//!
//! It works on whole lines, so how they were cut up on their way here does not matter.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// What stands where a secret was.
const STARS: &str = "***";
/// Shorter texts are found everywhere; masking them would only show where they are.
const SHORTEST: usize = 4;
/// Where `base64` breaks its lines.
const BASE64_LINE: usize = 76;

/// Knows the forms in which secrets may appear.
#[derive(Debug)]
pub(crate) struct Mask {
    /// Longest first.
    forms: Vec<Vec<u8>>,
    /// Whether a form begins with this byte.
    begins: [bool; 256],
}

impl Mask {
    /// Returns the mask of these values.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets {
            forms.extend(forms_of(secret).into_iter().filter(|form| form.len() >= SHORTEST));
        }
        let mut forms: Vec<_> = forms.into_iter().map(String::into_bytes).collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let mut begins = [false; 256];
        for form in &forms {
            begins[usize::from(form[0])] = true;
        }
        Self { forms, begins }
    }

    /// Returns the length of the longest form, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.forms.first().map_or(0, Vec::len)
    }

    /// Returns the first `end` bytes of `text` with each secret that begins there masked.
    pub(crate) fn apply(&self, text: &str, end: usize) -> String {
        let bytes = text.as_bytes();
        let (mut shown, mut from, mut at) = (String::with_capacity(end.min(text.len())), 0, 0);
        while at < end.min(bytes.len()) {
            let found = self.begins[usize::from(bytes[at])]
                .then(|| self.forms.iter().find(|form| bytes[at..].starts_with(form)))
                .flatten();
            if let Some(form) = found {
                shown.push_str(&text[from..at]);
                shown.push_str(STARS);
                at += form.len();
                from = at;
            } else {
                at += 1;
            }
        }
        if from < at {
            shown.push_str(&text[from..text.floor_char_boundary(at)]);
        }
        shown
    }
}

fn forms_of(secret: &str) -> Vec<String> {
    if secret.trim().len() < SHORTEST {
        return Vec::new();
    }
    let with_newline = format!("{secret}\n");
    let mut forms = vec![secret.to_owned(), percent_encoded(secret, "%20"), form_encoded(secret)];
    forms.extend(secret.lines().map(|line| line.trim().to_owned()));
    for text in [secret, &with_newline] {
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(text);
            forms.extend(lines_of(&encoded));
            forms.push(encoded);
        }
    }
    forms
}

/// Returns the lines that a program breaks `encoded` into, without the short last one.
fn lines_of(encoded: &str) -> impl Iterator<Item = String> + '_ {
    let whole = encoded.as_bytes().chunks(BASE64_LINE).filter(|chunk| chunk.len() >= 8);
    whole.map(|chunk| String::from_utf8_lossy(chunk).into_owned())
}

fn percent_encoded(text: &str, space: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn form_encoded(text: &str) -> String {
    percent_encoded(text, "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secret: &str, text: &str) -> String {
        Mask::new([secret]).apply(text, text.len())
    }

    #[test]
    fn a_secret_is_masked_in_each_of_its_forms() {
        assert_eq!(masked("hunter22", "a hunter22 b hunter22"), "a *** b ***");
        assert_eq!(masked("p@ss word", "p%40ss%20word p%40ss+word"), "*** ***");
        assert_eq!(masked("hunter22", "aHVudGVyMjI= aHVudGVyMjI aHVudGVyMjIK"), "*** *** ***");
        assert_eq!(masked("line one\nline two", "x line two y"), "x *** y");
    }

    #[test]
    fn what_is_too_short_is_left_alone_and_the_longest_form_wins() {
        assert_eq!(masked("abc", "abcabc"), "abcabc");
        let mask = Mask::new(["abcd", "abcdef"]);
        assert_eq!(mask.apply("abcdef", 6), "***");
    }

    #[test]
    fn a_secret_that_begins_before_the_end_is_masked_and_one_after_is_not_shown() {
        let mask = Mask::new(["secret"]);
        assert_eq!(mask.apply("ab secret cd", 5), "ab ***");
        assert_eq!(mask.apply("ab secret cd", 2), "ab");
        assert_eq!(mask.apply("aé secret", 2), "a");
    }
}
