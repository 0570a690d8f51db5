//! Silence: a log that says nothing is told apart from one that nobody writes.
//!
//! # Invariants
//!
//! - While Sluss runs, an entry is never older than [`HEARTBEAT_MS`] when the next one comes, but
//!   for what an append takes. A longer time without one is a gap: once two heartbeats are missing
//!   an entry says so, and each verification names it.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::state::State;
use crate::units::Millis;

/// After how many milliseconds without an event a heartbeat is recorded: five minutes.
pub const HEARTBEAT_MS: i64 = 5 * 60 * 1000;
/// After how many milliseconds without an entry the log was silent: two heartbeats are missing.
pub const SILENCE_MS: i64 = 2 * HEARTBEAT_MS;

/// What keeps the machine's clock right, as far as that can be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// Nothing that could be asked.
    #[default]
    Unknown,
    /// `chronyd`, which follows some source.
    Chrony,
    /// `systemd-timesyncd`, which has set the clock.
    Timesyncd,
}

impl TimeSource {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Chrony => "chrony",
            Self::Timesyncd => "timesyncd",
        }
    }
}

/// How the machine's clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSource {
    /// What keeps it right.
    pub time_source: TimeSource,
    /// By how many milliseconds it is ahead of that, where that is said.
    #[serde(default)]
    pub offset_ms: Option<i64>,
}

/// Notes how long nothing was recorded before an entry of `time`.
pub(crate) fn note(state: &mut State, time: Millis) {
    let silence = time.since(state.time);
    if state.size > 0 && silence >= SILENCE_MS {
        let known = state.assurance.silence_ms.unwrap_or(0);
        state.assurance.silence_ms = Some(known.max(silence));
    }
}

impl State {
    /// Returns whether a heartbeat is due, or that some were missed is to be said.
    pub fn asks_heartbeat(&self, now: Millis) -> bool {
        self.size > 0
            && (self.assurance.silence_ms.is_some() || now.since(self.time) >= HEARTBEAT_MS)
    }

    /// Returns the heartbeat, if nothing else has happened for long enough, and before it that some
    /// were missed.
    pub(crate) fn heartbeat(&self, clock: ClockSource, now: Millis) -> Vec<Event> {
        if !self.asks_heartbeat(now) {
            return vec![];
        }
        let silence = now.since(self.time).max(self.assurance.silence_ms.unwrap_or(0));
        let gap = Event::LogGap { milliseconds: silence, missed: true };
        let beat = Event::LogHeartbeat { interval_ms: HEARTBEAT_MS, clock: Some(clock) };
        (silence >= SILENCE_MS).then_some(gap).into_iter().chain([beat]).collect()
    }
}
