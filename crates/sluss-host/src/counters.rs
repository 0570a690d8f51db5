//! Counts what came back from one release: requests, errors and durations, by the second.
//!
//! # Invariants
//!
//! - A second is reported only when it is over, and does not change after it was reported.
//! - Reading resets nothing; a second is kept for 15 minutes.
//!
//! Counting takes a lock of the counting thread's own shard, so threads hardly ever meet.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use sluss_core::ids::ReleaseId;
use sluss_core::target::CounterRow;
use sluss_core::units::Millis;

use crate::clock;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Fine,
    /// A 5xx, a time-out, a connection failure, or marked as failed by the service.
    Failed,
}

/// The counters of one release in one route.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    shards: [Mutex<Shard>; SHARDS],
    /// Seconds that a shard has closed; summed over all shards.
    over: Mutex<BTreeMap<i64, Tally>>,
}

impl Meter {
    /// Counts a request that ends now and took `duration`.
    pub(crate) fn count(&self, outcome: Outcome, duration: Duration) {
        let bin = bin_of(duration);
        let mut shard = lock(&self.shards[shard_of_thread()]);
        // Read under the lock, so that a reader who saw the second end has seen all of it.
        let second = clock::now().second();
        if shard.second != second {
            self.close(&mut shard);
            shard.second = second;
        }
        shard.tally.requests += 1;
        shard.tally.errors += u64::from(outcome == Outcome::Failed);
        shard.tally.bins[bin] += 1;
    }

    /// Returns the seconds after `after` that are over and in which something ended.
    pub(crate) fn rows(&self, release: ReleaseId, after: i64) -> Vec<CounterRow> {
        let current = clock::now().second();
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.second < current {
                self.close(&mut shard);
            }
        }
        let mut over = lock(&self.over);
        over.retain(|second, _| *second > current - KEPT_SECONDS);
        // A shard whose clock was read later than ours may have closed a second that goes on.
        let rows = over.iter().filter(|(second, _)| **second > after && **second < current);
        rows.map(|(second, tally)| tally.row(*second, release)).collect()
    }

    /// Returns whether nothing is kept or counted any more.
    pub(crate) fn is_empty(&self, now: Millis) -> bool {
        self.rows(ReleaseId(0), i64::MIN).is_empty()
            && self.shards.iter().all(|shard| lock(shard).second < now.second() - KEPT_SECONDS)
    }

    fn close(&self, shard: &mut Shard) {
        if shard.tally.requests > 0 {
            let mut over = lock(&self.over);
            let oldest = shard.second - KEPT_SECONDS;
            while over.first_key_value().is_some_and(|(second, _)| *second < oldest) {
                over.pop_first();
            }
            over.entry(shard.second).or_default().add(&shard.tally);
            shard.tally = Tally::default();
        }
    }
}

/// What one thread counted in the second that it last saw. Aligned so that two threads do not
/// share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    second: i64,
    tally: Tally,
}

#[derive(Debug, Clone)]
struct Tally {
    requests: u64,
    errors: u64,
    bins: [u64; BINS],
}

impl Default for Tally {
    fn default() -> Self {
        Self { requests: 0, errors: 0, bins: [0; BINS] }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        for (bin, count) in self.bins.iter_mut().zip(other.bins) {
            *bin += count;
        }
    }

    fn row(&self, second: i64, release: ReleaseId) -> CounterRow {
        let filled = (0u8..).zip(self.bins).filter(|(_, count)| *count > 0);
        CounterRow {
            second,
            release,
            requests: self.requests,
            errors: self.errors,
            latency: filled.collect(),
        }
    }
}

/// Returns the histogram's bin for `duration`: bin k holds up to `2^((k+1)/4)` ms.
fn bin_of(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    UPPER_BOUNDS_US.partition_point(|upper| micros > *upper)
}

fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    MINE.with(|mine| {
        mine.get().unwrap_or_else(|| {
            let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            mine.set(Some(shard));
            shard
        })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const SHARDS: usize = 8;
const BINS: usize = 64;
const KEPT_SECONDS: i64 = 15 * 60;

/// The upper bounds of all bins but the last, which has none.
static UPPER_BOUNDS_US: LazyLock<[u64; BINS - 1]> = LazyLock::new(|| {
    std::array::from_fn(|bin| {
        let upper_us = 1000.0 * ((bin as f64 + 1.0) / 4.0).exp2();
        upper_us as u64
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_grow_by_the_fourth_root_of_two_from_one_millisecond() {
        let at = |us: u64| bin_of(Duration::from_micros(us));
        assert_eq!(at(0), 0);
        assert_eq!(at(1_189), 0);
        assert_eq!(at(1_190), 1);
        assert_eq!(at(2_000), 3);
        assert_eq!(at(2_001), 4);
        assert_eq!(at(16_000), 15);
        assert_eq!(at(55_108_000), 62);
        assert_eq!(at(55_110_000), 63);
        assert_eq!(at(u64::MAX), 63);
    }

    #[test]
    fn a_closed_second_is_summed_over_all_shards() {
        let meter = Meter::default();
        for shard in &meter.shards {
            let mut shard = shard.lock().unwrap();
            shard.second = clock::now().second() - 2;
            shard.tally.requests = 2;
            shard.tally.errors = 1;
            shard.tally.bins[3] = 2;
        }
        let rows = meter.rows(ReleaseId(7), 0);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].requests, rows[0].errors), (16, 8));
        assert_eq!(rows[0].latency, vec![(3, 16)]);
        assert_eq!(meter.rows(ReleaseId(7), 0), rows, "reading resets nothing");
        assert_eq!(meter.rows(ReleaseId(7), rows[0].second), vec![], "after is exclusive");
    }
}
