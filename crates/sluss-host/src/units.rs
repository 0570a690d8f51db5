//! Which attempts are one unit: customers who try again do not look like more failures.
//!
//! # Invariants
//!
//! - Within the window, a unit has one first attempt; every other one is a retry.
//! - No more than twice [`CAPACITY`] units are remembered, whoever sends what; the oldest are
//!   forgotten first, and count as new when they come again.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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

/// The units of a route that are remembered.
#[derive(Debug)]
pub(crate) struct Units {
    /// Keyed, so that nobody can make two units look like one.
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    younger: HashMap<Unit, Seen>,
    older: HashMap<Unit, Seen>,
    /// When `younger` was begun.
    turned: Instant,
}

#[derive(Debug)]
struct Seen {
    begun: Instant,
    earlier: Earlier,
}

impl Default for Units {
    fn default() -> Self {
        let (younger, older) = (HashMap::new(), HashMap::new());
        let known = Known { younger, older, turned: Instant::now() };
        Self { hasher: RandomState::new(), known: Mutex::new(known) }
    }
}

impl Units {
    /// Takes in an attempt that begins `now` and is told apart by `marks`.
    pub(crate) fn begin(&self, marks: &[&[u8]], now: Instant) -> Attempt {
        let unit = Unit(self.hasher.hash_one(marks));
        let mut known = self.known();
        let seen = known.seen(unit);
        if let Some(seen) = seen.filter(|seen| now.duration_since(seen.begun) < WINDOW) {
            return Attempt::Retry(unit, seen.earlier);
        }
        if known.younger.len() >= CAPACITY || now.duration_since(known.turned) >= WINDOW {
            known.older = std::mem::take(&mut known.younger);
            known.turned = now;
        }
        known.older.remove(&unit);
        known.younger.insert(unit, Seen { begun: now, earlier: Earlier::Unknown });
        Attempt::First(unit)
    }

    /// Takes in how an attempt ended.
    pub(crate) fn end(&self, unit: Unit, how: Earlier) {
        if let Some(seen) = self.known().seen(unit) {
            seen.earlier = how;
        }
    }

    /// Forgets a unit of which nothing was counted.
    pub(crate) fn forget(&self, unit: Unit) {
        let mut known = self.known();
        known.younger.remove(&unit);
        known.older.remove(&unit);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn seen(&mut self, unit: Unit) -> Option<&mut Seen> {
        match self.younger.get_mut(&unit) {
            Some(seen) => Some(seen),
            None => self.older.get_mut(&unit),
        }
    }
}

/// How long a unit lasts from its first attempt.
const WINDOW: Duration = Duration::from_secs(60);
/// A thousand units a second for a whole window, in about 3 MB.
const CAPACITY: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(units: &Units, name: &str, now: Instant) -> Attempt {
        units.begin(&[name.as_bytes()], now)
    }

    #[tokio::test]
    async fn a_unit_is_new_again_after_a_minute_from_its_first_attempt() {
        let (units, start) = (Units::default(), Instant::now());
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
        let (units, now) = (Units::default(), Instant::now());
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
}
