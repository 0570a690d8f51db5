//! The one place of the launcher that asks for the time: it is a process of its own, so nobody
//! else can tell it.

use std::time::{Duration, Instant, SystemTime};

use sluss_core::units::Millis;

/// Returns the time of day.
#[expect(clippy::disallowed_methods, reason = "the launcher is its own composition root")]
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Measures how long ago something began, unmoved by changes of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[expect(clippy::disallowed_methods, reason = "the launcher is its own composition root")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns what has passed since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
