//! What became of units, as lines that are written down and read again by the next host.
//!
//! ```text
//! 0f1e2d3c4b5a6978 b00ff00ff00ff00ff@1763800000000 g00ff00ff00ff00ff
//! ```
//!
//! The first word is the beginning of the SHA-256 of what follows it: `b` a unit's first attempt
//! with its time, then how an attempt of it ended (`g` well, `f` failed, `u` unknown), or `x` that
//! nothing of it was counted.
//!
//! # Invariants
//!
//! - A line that was not written whole, or was changed, says nothing.

use std::fmt::Write as _;

use sluss_core::ids::Digest;
use sluss_core::units::Millis;

use crate::units::{Earlier, Unit};

/// Something that became known of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Its first attempt came.
    Begun(Unit, Millis),
    /// An attempt ended.
    Ended(Unit, Earlier),
    /// It is to be new again.
    Forgotten(Unit),
}

/// Returns the line that says all this; nothing if there is nothing to say.
pub(crate) fn line(all: &[Seen]) -> Option<String> {
    let mut words = String::new();
    for seen in all {
        let written = match seen {
            Seen::Begun(unit, at) => write!(words, " b{unit}@{}", at.0),
            Seen::Ended(unit, Earlier::Fine) => write!(words, " g{unit}"),
            Seen::Ended(unit, Earlier::Failed) => write!(words, " f{unit}"),
            Seen::Ended(unit, Earlier::Unknown) => write!(words, " u{unit}"),
            Seen::Forgotten(unit) => write!(words, " x{unit}"),
        };
        written.ok()?;
    }
    (!all.is_empty()).then(|| format!("{}{words}\n", check(&words)))
}

/// Returns what the whole lines of a text say, in their order.
pub(crate) fn parse(text: &str) -> Vec<Seen> {
    let whole = text.split_inclusive('\n').filter_map(|line| {
        let (checked, words) = line.strip_suffix('\n')?.split_at_checked(CHECK_LENGTH)?;
        (check(words) == checked).then_some(words)
    });
    whole.flat_map(|words| words.split_ascii_whitespace().filter_map(word)).collect()
}

fn word(word: &str) -> Option<Seen> {
    let (kind, rest) = word.split_at_checked(1)?;
    Some(match kind {
        "b" => {
            let (unit, at) = rest.split_once('@')?;
            Seen::Begun(unit.parse().ok()?, Millis(at.parse().ok()?))
        }
        "g" => Seen::Ended(rest.parse().ok()?, Earlier::Fine),
        "f" => Seen::Ended(rest.parse().ok()?, Earlier::Failed),
        "u" => Seen::Ended(rest.parse().ok()?, Earlier::Unknown),
        "x" => Seen::Forgotten(rest.parse().ok()?),
        _ => return None,
    })
}

fn check(words: &str) -> String {
    Digest::of(words.as_bytes()).as_str().chars().take(CHECK_LENGTH).collect()
}

const CHECK_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_torn_or_changed_line_says_nothing() {
        let unit = |number: u64| format!("{number:016x}").parse::<Unit>().unwrap();
        let all = [
            Seen::Begun(unit(1), Millis(1_763_800_000_000)),
            Seen::Ended(unit(1), Earlier::Failed),
            Seen::Begun(unit(u64::MAX), Millis(7)),
            Seen::Ended(unit(u64::MAX), Earlier::Fine),
            Seen::Ended(unit(2), Earlier::Unknown),
            Seen::Forgotten(unit(3)),
        ];
        let (first, second) = (line(&all[..2]).unwrap(), line(&all[2..]).unwrap());
        assert_eq!(parse(&format!("{first}{second}")), all);
        let torn = &second[..second.len() - 1];
        assert_eq!(parse(&format!("{first}{torn}")), all[..2]);
        let changed = first.replacen("@1", "@2", 1);
        assert_eq!(parse(&format!("{changed}{second}")), all[2..]);
        assert_eq!(parse("\n\nä\nnonsense of some length here\n"), []);
        assert_eq!(line(&[]), None);
    }
}
