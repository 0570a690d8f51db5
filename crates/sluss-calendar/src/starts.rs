//! The starts of a rule on the wall clock, for who wants to compare them with another reader's.

use crate::rule::Rule;
use crate::zone::Wall;

/// Why a rule has no starts to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadStarts(String);

/// The first `most` starts of `rule` from `first` on, as `2026-12-18T16:00:00`, with no zone in
/// between. `UNTIL` is read on the same wall clock.
///
/// # Errors
///
/// A first start or a rule that does not parse.
pub fn starts(first: &str, rule: &str, most: usize) -> Result<Vec<String>, BadStarts> {
    let first = Wall::parse(first).ok_or_else(|| BadStarts(format!("`{first}` is no time")))?;
    let rule = Rule::parse(rule, Wall::text)
        .map_err(|bad| BadStarts(format!("{} {} {}", bad.what, bad.why, bad.mend)))?;
    let until = rule.until.unwrap_or(i64::MAX);
    let starts = rule.starts(first).map_err(BadStarts)?;
    let starts = starts.map(|start| Wall(start.timestamp()));
    let starts = starts.take_while(|start| start.0.saturating_mul(1000) <= until);
    Ok(starts.take(most).map(Wall::text).collect())
}
