//! Counts what came back from one instance: requests, errors and durations, by the quarter of a
//! second.
//!
//! # Invariants
//!
//! - A quarter is reported only when it is over, and does not change after it was reported.
//! - Reading resets nothing; a quarter is kept for 15 minutes.
//!
//! Counting takes a lock of the counting thread's own shard, so threads hardly ever meet.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use sluss_core::ids::ReleaseId;
use sluss_core::target::{CounterRow, InstanceRow};
use sluss_core::units::{Millis, Quarter};

use crate::clock;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Fine,
    /// A 5xx, a time-out, a connection failure, or marked as failed by the service.
    Failed,
}

/// The counters of one instance of a release in one route.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    shards: [Mutex<Shard>; SHARDS],
    /// Quarters that a shard has closed; summed over all shards.
    over: Mutex<BTreeMap<Quarter, Tally>>,
}

impl Meter {
    /// Counts a request that ends now and took `duration`.
    pub(crate) fn count(&self, outcome: Outcome, duration: Duration) {
        let bin = bin_of(duration);
        self.add(|tally| {
            tally.requests += 1;
            tally.errors += u64::from(outcome == Outcome::Failed);
            tally.bins[bin] += 1;
        });
    }

    /// Counts a later attempt of a unit that ends now.
    pub(crate) fn count_retry(&self, outcome: Outcome) {
        self.add(|tally| {
            tally.retries += 1;
            tally.failed_retries += u64::from(outcome == Outcome::Failed);
        });
    }

    fn add(&self, count: impl FnOnce(&mut Tally)) {
        let mut shard = lock(&self.shards[shard_of_thread()]);
        // Read under the lock, so that a reader who saw the quarter end has seen all of it.
        let quarter = clock::now().quarter();
        if shard.quarter != quarter {
            self.close(&mut shard);
            shard.quarter = quarter;
        }
        count(&mut shard.tally);
    }

    /// Returns the quarters after `after` and before `current` in which something ended.
    pub(crate) fn quarters(&self, after: Quarter, current: Quarter) -> Vec<(Quarter, Tally)> {
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.quarter < current {
                self.close(&mut shard);
            }
        }
        let mut over = lock(&self.over);
        over.retain(|quarter, _| *quarter > current.plus(-KEPT_QUARTERS));
        // A shard whose clock was read later than ours may have closed a quarter that goes on.
        let rows = over.iter().filter(|(quarter, _)| **quarter > after && **quarter < current);
        rows.map(|(quarter, tally)| (*quarter, tally.clone())).collect()
    }

    /// Takes up again what an earlier host counted in a quarter that is over.
    pub(crate) fn recall(&self, quarter: Quarter, tally: &Tally) {
        lock(&self.over).entry(quarter).or_default().add(tally);
    }

    /// Counts now what another host counted in our name.
    pub(crate) fn absorb(&self, other: &Tally) {
        self.add(|tally| tally.add(other));
    }

    /// Takes out what was counted after `after`, also what is not over.
    pub(crate) fn take_after(&self, after: Quarter) -> Tally {
        for shard in &self.shards {
            self.close(&mut lock(shard));
        }
        let mut over = lock(&self.over);
        let taken = over.split_off(&after.plus(1));
        let mut whole = Tally::default();
        taken.values().for_each(|tally| whole.add(tally));
        whole
    }

    /// Returns whether nothing is kept or counted any more.
    pub(crate) fn is_empty(&self, now: Millis) -> bool {
        let now = now.quarter();
        let oldest = now.plus(-KEPT_QUARTERS);
        self.quarters(Quarter(i64::MIN), now).is_empty()
            && self.shards.iter().all(|shard| lock(shard).quarter < oldest)
    }

    fn close(&self, shard: &mut Shard) {
        if !shard.tally.is_empty() {
            let mut over = lock(&self.over);
            let oldest = shard.quarter.plus(-KEPT_QUARTERS);
            while over.first_key_value().is_some_and(|(quarter, _)| *quarter < oldest) {
                over.pop_first();
            }
            over.entry(shard.quarter).or_default().add(&shard.tally);
            shard.tally = Tally::default();
        }
    }
}

/// What one thread counted in the quarter that it last saw. Aligned so that two threads do not
/// share a cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    quarter: Quarter,
    tally: Tally,
}

impl Default for Shard {
    fn default() -> Self {
        Self { quarter: Quarter(0), tally: Tally::default() }
    }
}

/// What was counted in some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    requests: u64,
    errors: u64,
    /// Narrow, since a quarter of an hour is kept; no quarter has four thousand million requests.
    bins: [u32; BINS],
    retries: u64,
    failed_retries: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { requests: 0, errors: 0, bins: [0; BINS], retries: 0, failed_retries: 0 }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        for (bin, count) in self.bins.iter_mut().zip(other.bins) {
            *bin = bin.saturating_add(count);
        }
        self.retries += other.retries;
        self.failed_retries += other.failed_retries;
    }

    /// Returns whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.requests == 0 && self.retries == 0
    }

    fn latency(&self) -> Vec<(u8, u64)> {
        let bins = (0u8..).zip(self.bins).filter(|(_, count)| *count > 0);
        bins.map(|(bin, count)| (bin, u64::from(count))).collect()
    }
}

/// Returns what the instances counted of which a row was made.
pub(crate) fn parts(row: &CounterRow) -> Vec<(u16, Tally)> {
    let part = |of: &InstanceRow| {
        let mut tally = Tally { requests: of.requests, errors: of.errors, ..Tally::default() };
        for (bin, count) in &of.latency {
            if let Some(kept) = tally.bins.get_mut(usize::from(*bin)) {
                *kept = kept.saturating_add(u32::try_from(*count).unwrap_or(u32::MAX));
            }
        }
        (of.index, tally)
    };
    let mut parts: Vec<(u16, Tally)> = row.instances.iter().map(part).collect();
    if row.retries > 0 {
        // By instance they are not told apart; their sum is the release's.
        let (retries, failed_retries) = (row.retries, row.failed_retries);
        let index = parts.first().map_or(0, |(index, _)| *index);
        parts.push((index, Tally { retries, failed_retries, ..Tally::default() }));
    }
    parts
}

/// Returns the row of one release and quarter from what its instances counted.
pub(crate) fn row(quarter: Quarter, release: ReleaseId, parts: &[(u16, Tally)]) -> CounterRow {
    let mut whole = Tally::default();
    parts.iter().for_each(|(_, part)| whole.add(part));
    let instance = |(index, part): &(u16, Tally)| InstanceRow {
        index: *index,
        requests: part.requests,
        errors: part.errors,
        latency: part.latency(),
    };
    CounterRow {
        second: quarter.second(),
        quarter: quarter.in_second(),
        release,
        requests: whole.requests,
        errors: whole.errors,
        latency: whole.latency(),
        retries: whole.retries,
        failed_retries: whole.failed_retries,
        instances: parts.iter().filter(|(_, part)| part.requests > 0).map(instance).collect(),
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
pub(crate) const KEPT_SECONDS: i64 = 15 * 60;
const KEPT_QUARTERS: i64 = KEPT_SECONDS * 4;

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
    fn a_closed_quarter_is_summed_over_all_shards() {
        let meter = Meter::default();
        for shard in &meter.shards {
            let mut shard = shard.lock().unwrap();
            shard.quarter = clock::now().quarter().plus(-5);
            shard.tally.requests = 2;
            shard.tally.errors = 1;
            shard.tally.bins[3] = 2;
        }
        let now = clock::now().quarter();
        let quarters = meter.quarters(Quarter(0), now);
        assert_eq!(quarters.len(), 1);
        let (quarter, tally) = &quarters[0];
        assert_eq!((tally.requests, tally.errors), (16, 8));
        assert_eq!(tally.latency(), vec![(3, 16)]);
        assert_eq!(meter.quarters(Quarter(0), now), quarters, "reading resets nothing");
        assert_eq!(meter.quarters(*quarter, now), vec![], "after is exclusive");
        let row = row(*quarter, ReleaseId(7), &[(0, tally.clone()), (2, tally.clone())]);
        assert_eq!((row.requests, row.errors, row.instances.len()), (32, 16, 2));
        assert_eq!(row.when(), *quarter);
        assert_eq!((row.instances[1].index, row.instances[1].requests), (2, 16));
    }
}
