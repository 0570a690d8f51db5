//! The two clocks of a proof: the wall, in which the log tells its times, and one that never jumps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns now, on the clock that never jumps.
#[expect(clippy::disallowed_methods, reason = "a proof is run at the edge, by the wall")]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the milliseconds since 1970, as the log has them.
#[expect(clippy::disallowed_methods, reason = "a proof is run at the edge, by the wall")]
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns for how many microseconds, since the machine started, something on it has waited for a
/// processor; 0 where the kernel does not say.
pub fn waited_us() -> u64 {
    let said = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let total = said.lines().next().and_then(|line| line.split_once("total="));
    total.and_then(|(_, total)| total.trim().parse().ok()).unwrap_or(0)
}
