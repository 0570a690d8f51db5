//! Which attempts are one unit: customers who try again do not look like more failures.
//!
//! # Invariants
//!
//! - Within the window, a unit has one first attempt; every other one is a retry.
//! - No more than twice [`CAPACITY`] units are remembered, whoever sends what; the oldest are
//!   forgotten first, and count as new when they come again.
//! - What becomes known of a unit can be taken out and given to the next host, for which the same
//!   marks are the same unit.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sluss_core::ids::Digest;
use sluss_core::units::Millis;
use tokio::time::Instant;

use crate::clock;
use crate::seen;

/// What is known of a unit's attempts before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// The last one to end was answered well.
    Fine,
    /// It failed.
    Failed,
    /// None has ended yet, or its customer went away before its answer.
    Unknown,
}

/// What an attempt is to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The unit is nothing but this request.
    Alone,
    /// The first one of this unit.
    First(Unit),
    /// A later one.
    Retry(Unit, Earlier),
}

/// Names a unit within its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Unit(u64);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Unit {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// The units of a route that are remembered.
#[derive(Debug)]
pub(crate) struct Units {
    /// So that nobody can make two units look like one.
    keys: (u64, u64),
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    younger: HashMap<Unit, Seen>,
    older: HashMap<Unit, Seen>,
    /// When `younger` was begun.
    turned: Instant,
    /// What nobody has taken out yet.
    news: Vec<News>,
}

#[derive(Debug)]
struct Seen {
    begun: Instant,
    earlier: Earlier,
}

impl Units {
    /// Returns no units yet; the same `secret` names the same units.
    pub(crate) fn new(secret: &str) -> Self {
        let digest = Digest::of(format!("units\n{secret}").as_bytes());
        let key = |part: std::ops::Range<usize>| {
            let hex = digest.as_str().get(part).unwrap_or_default();
            u64::from_str_radix(hex, 16).unwrap_or_default()
        };
        let (younger, older, news) = (HashMap::new(), HashMap::new(), Vec::new());
        let known = Known { younger, older, turned: Instant::now(), news };
        Self { keys: (key(0..16), key(16..32)), known: Mutex::new(known) }
    }

    #[expect(deprecated, reason = "std's only keyed hash that is the same in every build")]
    fn named(&self, marks: &[&[u8]]) -> Unit {
        let mut hasher = std::hash::SipHasher::new_with_keys(self.keys.0, self.keys.1);
        marks.hash(&mut hasher);
        Unit(hasher.finish())
    }

    /// Takes in an attempt that begins `now` and is told apart by `marks`.
    pub(crate) fn begin(&self, marks: &[&[u8]], now: Instant) -> Attempt {
        let unit = self.named(marks);
        let mut known = self.known();
        let seen = known.seen(unit);
        if let Some(seen) = seen.filter(|seen| now.duration_since(seen.begun) < WINDOW) {
            return Attempt::Retry(unit, seen.earlier);
        }
        known.insert(unit, now, now);
        known.tell(News::Begun(unit, now));
        Attempt::First(unit)
    }

    /// Takes in how an attempt ended.
    pub(crate) fn end(&self, unit: Unit, how: Earlier) {
        let mut known = self.known();
        if let Some(seen) = known.seen(unit) {
            seen.earlier = how;
            known.tell(News::Ended(unit, how));
        }
    }

    /// Forgets a unit of which nothing was counted.
    pub(crate) fn forget(&self, unit: Unit) {
        let mut known = self.known();
        known.remove(unit);
        known.tell(News::Forgotten(unit));
    }

    /// Takes out what became known since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<seen::Seen> {
        let news = std::mem::take(&mut self.known().news);
        let (now, today) = (Instant::now(), clock::now());
        let at = |begun: Instant| {
            let ago = i64::try_from(now.duration_since(begun).as_millis()).unwrap_or(i64::MAX);
            Millis(today.0.saturating_sub(ago))
        };
        let seen = |news: News| match news {
            News::Begun(unit, begun) => seen::Seen::Begun(unit, at(begun)),
            News::Ended(unit, how) => seen::Seen::Ended(unit, how),
            News::Forgotten(unit) => seen::Seen::Forgotten(unit),
        };
        news.into_iter().map(seen).collect()
    }

    /// Takes up what another host knew.
    pub(crate) fn recall(&self, all: &[seen::Seen]) {
        let (now, today) = (Instant::now(), clock::now());
        let mut known = self.known();
        for seen in all {
            match seen {
                seen::Seen::Begun(unit, at) => {
                    let ago = u64::try_from(today.since(*at)).map(Duration::from_millis);
                    // Of a future that the clock went back from: as if it were now.
                    let begun = now.checked_sub(ago.unwrap_or_default());
                    if let Some(begun) = begun.filter(|at| now.duration_since(*at) < WINDOW) {
                        known.insert(*unit, begun, now);
                    }
                }
                seen::Seen::Ended(unit, how) => {
                    if let Some(seen) = known.seen(*unit) {
                        seen.earlier = *how;
                    }
                }
                seen::Seen::Forgotten(unit) => known.remove(*unit),
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became known of a unit.
#[derive(Debug, Clone, Copy)]
enum News {
    Begun(Unit, Instant),
    Ended(Unit, Earlier),
    Forgotten(Unit),
}

impl Known {
    fn insert(&mut self, unit: Unit, begun: Instant, now: Instant) {
        if self.younger.len() >= CAPACITY || now.duration_since(self.turned) >= WINDOW {
            self.older = std::mem::take(&mut self.younger);
            self.turned = now;
        }
        self.older.remove(&unit);
        self.younger.insert(unit, Seen { begun, earlier: Earlier::Unknown });
    }

    fn remove(&mut self, unit: Unit) {
        self.younger.remove(&unit);
        self.older.remove(&unit);
    }

    /// Keeps it for whoever writes it down. If nobody does, it is not worth any memory.
    fn tell(&mut self, news: News) {
        if self.news.len() < MOST_NEWS {
            self.news.push(news);
        }
    }

    fn seen(&mut self, unit: Unit) -> Option<&mut Seen> {
        match self.younger.get_mut(&unit) {
            Some(seen) => Some(seen),
            None => self.older.get_mut(&unit),
        }
    }
}

/// How long a unit lasts from its first attempt.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// A thousand units a second for a whole window, in about 3 MB.
const CAPACITY: usize = 1 << 16;
/// Far more than become known between two writings.
const MOST_NEWS: usize = 4 * CAPACITY;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(units: &Units, name: &str, now: Instant) -> Attempt {
        units.begin(&[name.as_bytes()], now)
    }

    #[tokio::test]
    async fn a_unit_is_new_again_after_a_minute_from_its_first_attempt() {
        let (units, start) = (Units::new("secret"), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let Attempt::First(unit) = begin(&units, "a", at(30)) else { panic!("not the first") };
        assert_eq!(begin(&units, "a", at(31)), Attempt::Retry(unit, Earlier::Unknown));
        units.end(unit, Earlier::Failed);
        assert!(matches!(begin(&units, "b", at(61)), Attempt::First(_)));
        assert_eq!(begin(&units, "a", at(89)), Attempt::Retry(unit, Earlier::Failed));
        units.end(unit, Earlier::Fine);
        assert_eq!(begin(&units, "a", at(89)), Attempt::Retry(unit, Earlier::Fine));
        assert_eq!(begin(&units, "a", at(90)), Attempt::First(unit));
        assert_eq!(begin(&units, "a", at(91)), Attempt::Retry(unit, Earlier::Unknown));
        units.forget(unit);
        assert_eq!(begin(&units, "a", at(91)), Attempt::First(unit));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_the_oldest_are_forgotten_first() {
        let (units, now) = (Units::new("secret"), Instant::now());
        for number in 0..3 * CAPACITY {
            assert!(matches!(begin(&units, &number.to_string(), now), Attempt::First(_)));
        }
        let known = units.known();
        assert!(known.younger.len() + known.older.len() <= 2 * CAPACITY);
        drop(known);
        let newest = (3 * CAPACITY - 1).to_string();
        assert!(matches!(begin(&units, &newest, now), Attempt::Retry(..)));
        assert!(matches!(begin(&units, "0", now), Attempt::First(_)));
    }

    #[tokio::test]
    async fn the_next_host_knows_the_units_of_the_last_minute() {
        let (before, now) = (Units::new("secret"), Instant::now());
        let names = ["failed", "fine", "in flight", "forgotten"];
        let units = names.map(|name| match begin(&before, name, now) {
            Attempt::First(unit) => unit,
            other => panic!("{other:?}"),
        });
        before.end(units[0], Earlier::Failed);
        before.end(units[1], Earlier::Fine);
        before.forget(units[3]);
        let mut told = before.take_news();
        assert_eq!(before.take_news(), []);
        let old = Unit(7);
        told.push(seen::Seen::Begun(old, Millis(clock::now().0 - 60_000)));

        let after = Units::new("secret");
        after.recall(&told);
        let now = Instant::now();
        assert_eq!(begin(&after, "failed", now), Attempt::Retry(units[0], Earlier::Failed));
        assert_eq!(begin(&after, "fine", now), Attempt::Retry(units[1], Earlier::Fine));
        assert_eq!(begin(&after, "in flight", now), Attempt::Retry(units[2], Earlier::Unknown));
        assert_eq!(begin(&after, "forgotten", now), Attempt::First(units[3]));
        assert!(after.known().seen(old).is_none());
        let stranger = Units::new("another");
        stranger.recall(&told);
        assert!(matches!(begin(&stranger, "failed", now), Attempt::First(_)));
    }
}
