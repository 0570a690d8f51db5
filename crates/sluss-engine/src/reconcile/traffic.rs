//! Counts customers' requests into the log: a row every few minutes for each service and
//! environment, out of what the target counted.
//!
//! What was counted since the last row is kept here and lost with the process: the target is read
//! again from where the log ends, as far as it remembers (the host: a quarter of an hour).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::budget::TrafficCounted;
use sluss_core::decide::Command;
use sluss_core::rollout::Counts;
use sluss_core::state::State;
use sluss_core::target::{RouteKey, RouteStatus};

use crate::engine::Engine;
use crate::target::{Target, TargetError};

const PERIOD: Duration = Duration::from_secs(5);
/// Seconds that are read at most, so that all of them are still remembered.
const READ_SECONDS: i64 = 14 * 60;

/// Counts the requests of all places.
pub struct Counter {
    engine: Engine,
    target: Arc<dyn Target>,
    pending: BTreeMap<RouteKey, Pending>,
}

/// What was read of a place and is not in the log.
#[derive(Debug, Clone, Copy)]
struct Pending {
    /// The second that the log ended at when this was begun.
    base: Option<i64>,
    after: i64,
    until: i64,
    counts: Counts,
}

impl Counter {
    /// Returns one that knows nothing yet.
    pub fn new(engine: Engine, target: Arc<dyn Target>) -> Self {
        Self { engine, target, pending: BTreeMap::new() }
    }

    /// Counts until Sluss stops.
    pub async fn run(mut self) {
        let changed = self.engine.changed();
        loop {
            tokio::time::sleep(PERIOD).await;
            if changed.has_changed().is_err() {
                return;
            }
            if let Err(error) = self.once().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "requests could not be counted; they are counted later");
            }
        }
    }

    /// Reads what is new everywhere, and records what is due.
    ///
    /// # Errors
    ///
    /// When the target cannot be asked.
    pub async fn once(&mut self) -> Result<(), TargetError> {
        let places = self.engine.state().places_counted();
        self.pending.retain(|key, _| places.contains(key));
        if places.is_empty() {
            return Ok(());
        }
        let routes = self.target.status().await?;
        for key in places {
            // A place that is not served yet has nothing to count.
            let Some(route) = routes.iter().find(|route| route.key == key) else { continue };
            let pending = self.read(&key).await?;
            let counted = counted(&self.engine.state(), route, &pending);
            let due = self.engine.state().traffic_due(&counted);
            if due && let Err(failure) = self.engine.report(Command::CountTraffic(counted)).await {
                tracing::warn!(%failure, "counted requests could not be recorded; trying again");
            }
        }
        Ok(())
    }

    /// Adds what the target counted since it was read last.
    async fn read(&mut self, key: &RouteKey) -> Result<Pending, TargetError> {
        let last = self.engine.now().second() - 1;
        let base = self.engine.state().counted_in(key).map(|known| known.until);
        let known = self.pending.get(key).filter(|known| known.base == base).copied();
        let mut pending = known.unwrap_or_else(|| {
            let after = base.unwrap_or(i64::MIN).max(last - READ_SECONDS);
            Pending { base, after, until: after, counts: Counts::default() }
        });
        if pending.until < last {
            let rows = self.target.counters(key, pending.until).await?;
            let new = rows.iter().filter(|row| (pending.until + 1..=last).contains(&row.second));
            pending.counts = new.fold(pending.counts, |all, row| {
                all.and(Counts { requests: row.requests, errors: row.errors })
            });
            pending.until = last;
            self.pending.insert(key.clone(), pending);
        }
        Ok(pending)
    }
}

fn counted(state: &State, route: &RouteStatus, pending: &Pending) -> TrafficCounted {
    let refused_so_far = route.unserved.saturating_add(route.shed);
    TrafficCounted {
        service: route.key.service.clone(),
        environment: route.key.environment.clone(),
        after: pending.after,
        until: pending.until,
        requests: pending.counts.requests,
        errors: pending.counts.errors,
        refused: state.refused_since(&route.key, refused_so_far),
        refused_so_far,
    }
}
