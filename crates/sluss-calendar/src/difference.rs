//! What a change of the calendar, or of the time zone database, changes: before it is approved.

use serde::{Deserialize, Serialize};

use crate::preview::{Interval, Preview, PreviewSpan, complement, union};

/// The difference of two previews of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Spans that the new one has and the old one has not.
    pub added: Vec<PreviewSpan>,
    /// Spans that the old one has and the new one has not.
    pub removed: Vec<PreviewSpan>,
    /// Times at which something may start now, and could not before: the calendar is weaker there.
    pub opened: Vec<Interval>,
    /// Times at which nothing may start any more.
    pub shut: Vec<Interval>,
    /// The old and the new version of the time zone database, if they differ.
    pub tzdb: Option<(String, String)>,
}

impl Difference {
    /// Whether something may start at a time at which it could not before.
    #[must_use]
    pub fn is_weaker(&self) -> bool {
        !self.opened.is_empty()
    }
}

/// Compares two previews over the time that both of them show.
#[must_use]
pub fn difference(old: &Preview, new: &Preview) -> Difference {
    let range = Interval {
        start_ms: old.range.start_ms.max(new.range.start_ms),
        end_ms: old.range.end_ms.min(new.range.end_ms),
    };
    let seen = |span: &&PreviewSpan| {
        let end_ms = span.end_ms.unwrap_or(i64::MAX);
        span.start_ms < range.end_ms && end_ms > range.start_ms
    };
    let only = |mine: &Preview, theirs: &Preview| {
        let new = mine.spans.iter().filter(seen).filter(|span| !theirs.spans.contains(span));
        new.cloned().collect()
    };
    let tzdb = (old.tzdb_version != new.tzdb_version)
        .then(|| (old.tzdb_version.clone(), new.tzdb_version.clone()));
    Difference {
        added: only(new, old),
        removed: only(old, new),
        opened: without(&old.shut, &new.shut, range),
        shut: without(&new.shut, &old.shut, range),
        tzdb,
    }
}

/// What `these` have and `those` have not, within `range`: the complement of the complement of
/// these joined with those.
fn without(these: &[Interval], those: &[Interval], range: Interval) -> Vec<Interval> {
    if range.start_ms >= range.end_ms {
        return Vec::new();
    }
    let mut outside = complement(&union(these.iter().copied()), range);
    outside.extend_from_slice(those);
    complement(&union(outside), range)
}
