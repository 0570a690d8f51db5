//! The spans of one window, expanded as far as somebody has asked.
//!
//! Expansion is a pure function of the window; what is kept here only saves doing it twice.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use rrule::RRuleSetIter;

use crate::file::Kind;
use crate::rule::Rule;
use crate::zone::{DAY_MS, LAST, Wall, Zone};

/// Starts that one window may have before 2200. Past it the set is incomplete, and denies.
///
/// More than a start a day for the whole range, and 28 years of a start every hour.
pub const STARTS_MOST: usize = 250_000;

/// Turns without a start after which the library gives up (`MAX_ITER_LOOP` of `rrule` 0.14), less
/// one for the turn in which it does.
const TURNS_MOST: i64 = 99_999;

/// "Never", as an instant.
pub(crate) const NEVER: i64 = i64::MAX;

/// A zone's clock may be this far from UTC, with a missing day on top (Pacific/Apia 2011-12-30).
const OFFSET_MOST_MS: i64 = 2 * DAY_MS;

/// One time that a window is active: `[start_ms, end_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start_ms: i64,
    /// [`NEVER`] for a window without an end.
    pub(crate) end_ms: i64,
    /// The start on the wall clock.
    pub(crate) wall: Wall,
}

/// What makes a window's spans.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) kind: Kind,
    pub(crate) zone: Zone,
    pub(crate) first: Wall,
    /// Wall-clock seconds from start to end; none for a window without an end.
    pub(crate) nominal_secs: Option<i64>,
    pub(crate) rule: Option<Rule>,
    pub(crate) exdates: Vec<Wall>,
    /// Sorted.
    pub(crate) rdates: Vec<Wall>,
}

/// A window's activity around an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// The end of the span that lasts longest of those that are active.
    pub(crate) active_until: Option<i64>,
    /// The first start after the instant.
    pub(crate) next_start: i64,
    /// From here on the spans are not known.
    pub(crate) limit: i64,
}

#[derive(Debug)]
pub(crate) struct Expansion {
    recipe: Recipe,
    progress: RwLock<Progress>,
}

#[derive(Clone, Debug)]
struct Progress {
    /// In the order of their starts.
    spans: Vec<Span>,
    /// The library's iterator, while it may have more.
    rule: Option<RRuleSetIter>,
    /// A start that the rule gave and that has not become a span.
    pending: Option<Wall>,
    rdates: VecDeque<Wall>,
    yielded: usize,
    /// Every start up to here is among the spans.
    known: Wall,
    /// Starts after this are not known.
    limit: Option<Wall>,
}

impl Recipe {
    /// The span of a start, unless it is none: not in range, or an allow window's narrowest reading
    /// is empty.
    pub(crate) fn span(&self, wall: Wall) -> Option<Span> {
        let end = self.nominal_secs.map(|nominal| Wall(wall.0 + nominal));
        let (start_ms, end_ms) = match self.kind {
            Kind::Deny => (self.zone.early(wall), end.map_or(NEVER, |end| self.zone.late(end))),
            Kind::Allow => (self.zone.late(wall), end.map_or(NEVER, |end| self.zone.early(end))),
        };
        (start_ms < end_ms).then_some(Span { start_ms, end_ms, wall })
    }

    /// Whether `UNTIL` lets a start happen: for a deny window if any reading of it does, for an
    /// allow window only if all do.
    fn is_until(&self, wall: Wall, until: i64) -> bool {
        match self.kind {
            Kind::Deny => self.zone.early(wall).min(self.zone.nominal(wall)) <= until,
            Kind::Allow => self.zone.late(wall).max(self.zone.nominal(wall)) <= until,
        }
    }

    fn begin(&self) -> Progress {
        let rule = self.rule.as_ref().map(|rule| rule.starts(self.first));
        let (rule, limit) = match rule {
            Some(Ok(rule)) => (Some(rule), None),
            // The parser has tried it; an incomplete set denies all the same.
            Some(Err(_)) => (None, Some(Wall(i64::MIN))),
            None => (None, None),
        };
        let mut rdates: VecDeque<Wall> = self.rdates.iter().copied().collect();
        if self.rule.is_none() && !rdates.contains(&self.first) {
            let at = rdates.partition_point(|rdate| *rdate < self.first);
            rdates.insert(at, self.first);
        }
        let known = Wall(i64::MIN);
        Progress { spans: Vec::new(), rule, pending: None, rdates, yielded: 0, known, limit }
    }
}

impl Progress {
    /// Makes the next start a span, or finds that there is none.
    fn step(&mut self, recipe: &Recipe) {
        self.pull(recipe);
        let next = match (self.pending, self.rdates.front().copied()) {
            (Some(rule), Some(rdate)) => Some(rule.min(rdate)),
            (one, other) => one.or(other),
        };
        let Some(next) = next.filter(|next| *next < LAST) else {
            self.rule = None;
            self.pending = None;
            self.known = Wall(i64::MAX);
            return;
        };
        if self.pending == Some(next) {
            self.pending = None;
        }
        if self.rdates.front() == Some(&next) {
            self.rdates.pop_front();
        }
        self.known = next;
        if recipe.exdates.binary_search(&next).is_err()
            && let Some(span) = recipe.span(next)
        {
            let at = self.spans.partition_point(|known| known.start_ms <= span.start_ms);
            self.spans.insert(at, span);
        }
    }

    /// Asks the rule for its next start, and notes where it stops to be trusted.
    fn pull(&mut self, recipe: &Recipe) {
        let (Some(rule), None) = (&recipe.rule, self.pending) else { return };
        let Some(mut iterator) = self.rule.take() else { return };
        let last = self.known.max(recipe.first);
        // Should the library panic, what comes after `last` stays unknown, and so denies.
        self.limit = Some(last);
        let next = iterator.next().map(|start| Wall(start.timestamp()));
        self.limit = None;
        let over = |wall| rule.until.is_some_and(|until| !recipe.is_until(wall, until));
        // A reading of a later wall clock may be earlier by a gap, so `UNTIL` ends the rule only
        // when it is passed by more than that.
        let past = |wall: Wall| {
            let until = rule.until.unwrap_or(NEVER);
            wall.0.saturating_mul(1000).saturating_sub(OFFSET_MOST_MS) > until
        };
        match next {
            Some(wall) if wall >= LAST || past(wall) => {}
            Some(wall) if over(wall) => {
                self.rule = Some(iterator);
                self.pull(recipe);
            }
            Some(_) if self.yielded >= STARTS_MOST => self.limit = Some(last),
            Some(wall) => {
                self.yielded += 1;
                self.pending = Some(wall);
                self.rule = Some(iterator);
            }
            None => {
                let complete = rule.count.is_some_and(|count| self.yielded >= count as usize);
                let searched = Wall(last.0.saturating_add(TURNS_MOST * rule.turn_secs()));
                if !complete && searched < LAST && !past(searched) {
                    self.limit = Some(searched);
                }
            }
        }
    }

    /// Instants before this have all their spans.
    fn settled_ms(&self) -> i64 {
        self.known.0.saturating_mul(1000).saturating_sub(OFFSET_MOST_MS)
    }

    fn is_done(&self) -> bool {
        self.known == Wall(i64::MAX)
    }

    /// Whether the first start after `ms` is known, if there is one.
    fn is_ready(&self, ms: i64) -> bool {
        let after = self.spans.partition_point(|span| span.start_ms <= ms);
        let settled = self.settled_ms();
        self.is_done() || self.spans.get(after).is_some_and(|span| span.start_ms < settled)
    }

    fn at(&self, recipe: &Recipe, ms: i64) -> At {
        let after = self.spans.partition_point(|span| span.start_ms <= ms);
        let longest = recipe
            .nominal_secs
            .map_or(NEVER, |secs| secs.saturating_mul(1000).saturating_add(OFFSET_MOST_MS));
        let active_until = self.spans[..after]
            .iter()
            .rev()
            .take_while(|span| ms.saturating_sub(span.start_ms) <= longest)
            .filter(|span| span.end_ms > ms)
            .map(|span| span.end_ms)
            .max();
        let next_start = self.spans.get(after).map_or(NEVER, |span| span.start_ms);
        At { active_until, next_start, limit: self.limit_ms(recipe) }
    }

    fn limit_ms(&self, recipe: &Recipe) -> i64 {
        match self.limit {
            Some(Wall(i64::MIN)) => i64::MIN,
            Some(wall) => recipe.zone.early(wall),
            None => NEVER,
        }
    }
}

impl Expansion {
    pub(crate) fn new(recipe: Recipe) -> Self {
        let progress = RwLock::new(recipe.begin());
        Self { recipe, progress }
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The window's activity around `ms`.
    pub(crate) fn at(&self, ms: i64) -> At {
        self.when(|progress| progress.is_ready(ms), |progress| progress.at(&self.recipe, ms))
    }

    /// The spans that touch `[from_ms, to_ms)`, in the order of their starts, and from when on they
    /// are not known.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> (Vec<Span>, i64) {
        self.when(
            |progress| progress.is_ready(to_ms),
            |progress| {
                let touches = |span: &&Span| span.start_ms < to_ms && span.end_ms > from_ms;
                let spans = progress.spans.iter().filter(touches).copied().collect();
                (spans, progress.limit_ms(&self.recipe))
            },
        )
    }

    /// The first `most` spans.
    pub(crate) fn first(&self, most: usize) -> Vec<Span> {
        self.when(
            |progress| {
                let sure = progress.spans.get(most);
                progress.is_done() || sure.is_some_and(|s| s.start_ms < progress.settled_ms())
            },
            |progress| progress.spans.iter().take(most).copied().collect(),
        )
    }

    fn when<T>(&self, ready: impl Fn(&Progress) -> bool, read: impl FnOnce(&Progress) -> T) -> T {
        // A writer that died left what is true as far as it goes, with its limit (see `pull`).
        let progress = self.progress.read().unwrap_or_else(PoisonError::into_inner);
        if ready(&progress) {
            return read(&progress);
        }
        drop(progress);
        let mut progress = self.progress.write().unwrap_or_else(PoisonError::into_inner);
        while !ready(&progress) {
            progress.step(&self.recipe);
        }
        read(&progress)
    }
}
