//! Which time a leaf is stamped with when clocks misbehave.
//!
//! # Invariants
//!
//! - Stamps never go backwards.
//! - While the wall clock is more than a minute away from where the monotonic clock says it
//!   should be, stamps follow the monotonic clock: a jump of a year moves no stamp by a year.

use sluss_core::units::Millis;

/// How far the wall clock may leave the monotonic clock, in milliseconds.
const TOLERANCE_MS: i64 = 60_000;

/// What both clocks show at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The wall clock.
    pub(super) wall: Millis,
    /// The monotonic clock, in milliseconds since some instant.
    pub(super) monotonic_ms: i64,
}

/// Compares the wall clock with the monotonic clock from the moment it was last trusted.
#[derive(Debug)]
pub(super) struct Timekeeper {
    /// Wall minus monotonic when the wall clock was last trusted, in milliseconds.
    offset_ms: i64,
    /// The last stamp.
    last: Millis,
}

/// The time of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) time: Millis,
    /// Whether the clock showed an earlier time than the leaf before has.
    pub(super) skew: bool,
}

impl Timekeeper {
    /// Starts after a leaf stamped `last`. A wall clock more than a minute before it is not
    /// trusted.
    pub(super) fn new(reading: Reading, last: Millis) -> Self {
        let behind = last.since(reading.wall) > TOLERANCE_MS;
        let trusted = if behind { last } else { reading.wall };
        Self { offset_ms: trusted.0 - reading.monotonic_ms, last }
    }

    /// Tells whether the wall clock is more than a minute from where it should be.
    pub(super) fn jumped(&self, reading: Reading) -> bool {
        reading.wall.since(self.expected(reading)).abs() > TOLERANCE_MS
    }

    /// Trusts the wall clock as it is now.
    pub(super) fn confirm(&mut self, reading: Reading) {
        self.offset_ms = reading.wall.0 - reading.monotonic_ms;
    }

    /// Returns the next stamp, without taking it.
    pub(super) fn stamp(&self, reading: Reading) -> Stamp {
        let now = if self.jumped(reading) { self.expected(reading) } else { reading.wall };
        Stamp { time: now.max(self.last), skew: now < self.last }
    }

    /// Notes the stamp of the last leaf that is in the log.
    pub(super) fn stamped(&mut self, last: Millis) {
        self.last = last;
    }

    fn expected(&self, reading: Reading) -> Millis {
        Millis(reading.monotonic_ms).plus(self.offset_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: i64, monotonic_ms: i64) -> Reading {
        Reading { wall: Millis(wall), monotonic_ms }
    }

    fn at(time: i64) -> Stamp {
        Stamp { time: Millis(time), skew: false }
    }

    #[test]
    fn a_jump_of_a_year_moves_no_stamp_until_someone_confirms_it() {
        let year = 365 * 86_400_000;
        let mut time = Timekeeper::new(reading(1_000_000, 0), Millis(900_000));
        assert_eq!(time.stamp(reading(1_000_005, 5)), at(1_000_005));
        time.stamped(Millis(1_000_005));
        let jumped = reading(1_000_010 + year, 10);
        assert!(time.jumped(jumped));
        assert_eq!(time.stamp(jumped), at(1_000_010));
        assert!(!time.jumped(reading(1_000_020, 20)));
        time.confirm(jumped);
        assert!(!time.jumped(jumped));
        assert_eq!(time.stamp(jumped), at(1_000_010 + year));
    }

    #[test]
    fn a_small_step_back_is_clamped_and_flagged() {
        let mut time = Timekeeper::new(reading(1_000_000, 0), Millis(0));
        time.stamped(Millis(1_000_000));
        let stamp = time.stamp(reading(999_000, 1));
        assert_eq!(stamp, Stamp { time: Millis(1_000_000), skew: true });
    }

    #[test]
    fn a_start_long_before_the_last_leaf_is_a_jump() {
        let time = Timekeeper::new(reading(1_000, 7), Millis(9_000_000));
        assert!(time.jumped(reading(1_000, 7)));
        assert_eq!(time.stamp(reading(1_003, 10)), at(9_000_003));
    }
}
