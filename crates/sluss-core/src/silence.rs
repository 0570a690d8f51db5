//! Silence: a log that says nothing is told apart from one that nobody writes.
//!
//! # Invariants
//!
//! - While Sluss runs, an entry is never older than [`HEARTBEAT_MS`] when the next one comes, but
//!   for what an append takes. A longer time without one is a gap, and each verification names it.

use crate::event::Event;
use crate::state::State;
use crate::units::Millis;

/// After how many milliseconds without an event a heartbeat is recorded: five minutes.
pub const HEARTBEAT_MS: i64 = 5 * 60 * 1000;
/// After how many milliseconds without an entry the log was silent: two heartbeats are missing.
pub const SILENCE_MS: i64 = 2 * HEARTBEAT_MS;

impl State {
    /// Returns the heartbeat, if nothing else has happened for long enough.
    pub(crate) fn heartbeat(&self, now: Millis) -> Vec<Event> {
        match self.size > 0 && now.since(self.time) >= HEARTBEAT_MS {
            true => vec![Event::LogHeartbeat { interval_ms: HEARTBEAT_MS }],
            false => vec![],
        }
    }
}
