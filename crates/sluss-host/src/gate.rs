//! How many requests of a route are in flight, and how many may be.
//!
//! A host that takes in everything under too much load answers nobody in time: its connections,
//! its open files and its accept queues grow until it fails requests that it could have served.
//! So what comes beyond the limit is refused before it costs anything.
//!
//! # Invariants
//!
//! - No more requests are inside than the limit that held when the last one came in.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The gate of a route.
#[derive(Debug)]
pub(crate) struct Gate {
    most: AtomicU32,
    inside: AtomicU32,
    shed: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        let (most, inside) = (AtomicU32::new(MOST_IN_FLIGHT), AtomicU32::default());
        Self { most, inside, shed: AtomicU64::default() }
    }
}

impl Gate {
    /// Sets the limit for requests that come from now on; nothing is the host's own.
    pub(crate) fn limit(&self, most: Option<NonZeroU32>) {
        self.most.store(most.map_or(MOST_IN_FLIGHT, NonZeroU32::get), Ordering::Relaxed);
    }

    /// Returns how many requests may be in flight.
    pub(crate) fn most(&self) -> u32 {
        self.most.load(Ordering::Relaxed)
    }

    /// Lets a request in, or counts that it was refused.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Pass> {
        let pass = Pass(Arc::clone(self));
        let before = self.inside.fetch_add(1, Ordering::AcqRel);
        if before < self.most() {
            return Some(pass);
        }
        drop(pass);
        self.count_shed(1);
        None
    }

    /// Counts requests that were refused.
    pub(crate) fn count_shed(&self, count: u64) {
        self.shed.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns how many requests were refused.
    pub(crate) fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    /// Takes out how many requests were refused, to be told to the next host.
    pub(crate) fn take_shed(&self) -> u64 {
        self.shed.swap(0, Ordering::Relaxed)
    }
}

/// Being inside; whoever drops it is out.
#[derive(Debug)]
#[must_use = "a request that drops its pass is no longer counted as in flight"]
pub(crate) struct Pass(Arc<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where nothing is said: as many as Envoy's circuit breaker lets through by default
/// (`max_requests`, 1024).
const MOST_IN_FLIGHT: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_inside_than_the_limit_and_the_rest_is_counted() {
        let gate = Arc::new(Gate::default());
        gate.limit(NonZeroU32::new(2));
        let (first, second) = (gate.enter(), gate.enter());
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter().is_none());
        drop(first);
        let third = gate.enter();
        assert!(third.is_some());
        assert!(gate.enter().is_none());
        assert_eq!(gate.shed(), 2);
        gate.limit(None);
        assert!(gate.enter().is_some());
    }
}
