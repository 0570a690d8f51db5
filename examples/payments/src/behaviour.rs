//! Ways to be bad on purpose, one for each feature of this package, so that a
//! delivery path can be tried with a change that fails in a known way.
//!
//! Nothing here is on by default, and no way of being bad breaks the books.

use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `bad-fails`: of a hundred transfers, how many fail before anything is applied;
/// `bad-fails-often` is the same, and worse.
const FAILING_PERCENT: u64 = if cfg!(feature = "bad-fails") {
    5
} else if cfg!(feature = "bad-fails-often") {
    20
} else {
    0
};
/// `bad-late`: of a hundred transfers, how many fail once the service is this old.
const LATE_PERCENT: u64 = if cfg!(feature = "bad-late") { 20 } else { 0 };
const LATE_AFTER: Duration = Duration::from_secs(600);
/// `bad-kind`: of one kind of payment, those above this amount, all fail.
const FAILING_ABOVE_CENTS: Option<i64> =
    if cfg!(feature = "bad-kind") { Some(18_000) } else { None };
/// `bad-slow`: of a hundred requests, how many take [`EXTRA`] longer; enough to
/// take the 99th percentile to three times what it is and more.
const SLOW_PERCENT: u64 = if cfg!(feature = "bad-slow") { 4 } else { 0 };
const EXTRA: Duration = Duration::from_millis(80);
/// `bad-leaks`: bytes that each request leaves behind; `bad-gushes` meets a limit of
/// a gigabyte within some hundred requests.
const LEAKED_BYTES: Option<usize> = if cfg!(feature = "bad-leaks") {
    Some(64 * 1024)
} else if cfg!(feature = "bad-gushes") {
    Some(8 * 1024 * 1024)
} else {
    None
};
/// `bad-start`: whether the service refuses to start.
const REFUSES_TO_START: bool = cfg!(feature = "bad-start");
/// `bad-crashes`: after how long the service aborts.
const CRASHES_AFTER: Option<Duration> =
    if cfg!(feature = "bad-crashes") { Some(Duration::from_secs(60)) } else { None };
/// `bad-lies`: whether the service says that it is ready and fails everything.
const LIES: bool = cfg!(feature = "bad-lies");

static LATE: AtomicBool = AtomicBool::new(false);
static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// What a request is, as far as bad behaviour goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A transfer of money.
    Transfer,
    /// Readiness, metrics, version.
    Probe,
    /// Anything else.
    Other,
}

/// Starts, or refuses to.
pub(crate) fn at_start() -> Result<(), &'static str> {
    if let Some(delay) = CRASHES_AFTER {
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            eprintln!("payments: crashing, as built to");
            std::process::abort();
        });
    }
    if LATE_PERCENT > 0 {
        std::thread::spawn(|| {
            std::thread::sleep(LATE_AFTER);
            LATE.store(true, Ordering::Relaxed);
        });
    }
    if REFUSES_TO_START { Err("refusing to start, as built to") } else { Ok(()) }
}

/// Returns whether the request must be failed, with nothing applied.
pub(crate) fn spoils(kind: Kind) -> bool {
    if let Some(bytes) = LEAKED_BYTES
        && kind != Kind::Probe
    {
        let mut leaked = LEAKED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        leaked.push(vec![1; bytes]);
    }
    match kind {
        Kind::Transfer => {
            let late = LATE_PERCENT > 0 && LATE.load(Ordering::Relaxed);
            LIES || happens(FAILING_PERCENT) || (late && happens(LATE_PERCENT))
        }
        Kind::Probe => false,
        Kind::Other => LIES,
    }
}

/// Returns whether a transfer of this amount must be failed, with nothing applied.
pub(crate) fn spoils_amount(cents: i64) -> bool {
    FAILING_ABOVE_CENTS.is_some_and(|above| cents > above)
}

/// Waits as long as the request is to be slower than it need be.
pub(crate) async fn linger(kind: Kind) {
    if kind != Kind::Probe && happens(SLOW_PERCENT) {
        tokio::time::sleep(EXTRA).await;
    }
}

/// Tosses a fair coin of a hundred sides.
fn happens(percent: u64) -> bool {
    percent > 0 && RandomState::new().hash_one(percent) % 100 < percent
}
