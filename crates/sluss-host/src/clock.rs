//! The time of day, as the data plane writes it down; the one place here that reads the clock.
//!
//! # Invariants
//!
//! - A step back of less than a minute is not shown: time stands still until it is caught up, so
//!   a second that was reported as over does not begin again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sluss_core::units::Millis;

static LATEST: AtomicI64 = AtomicI64::new(0);

const STEP_BACK_TO_HIDE_MS: i64 = 60_000;

/// Returns the time of day.
pub(crate) fn now() -> Millis {
    #[expect(clippy::disallowed_methods, reason = "the data plane's one reading of the clock")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let read = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let latest = LATEST.fetch_max(read, Ordering::AcqRel);
    if read >= latest {
        Millis(read)
    } else if latest - read < STEP_BACK_TO_HIDE_MS {
        Millis(latest)
    } else {
        LATEST.store(read, Ordering::Release);
        Millis(read)
    }
}
