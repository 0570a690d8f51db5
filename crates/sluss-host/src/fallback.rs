//! Where a route is remembered while the data folder can't be written: in space that was taken
//! before, so that a full disk does not keep a rollback from being durable.
//!
//! # Invariants
//!
//! - Of two that are remembered of one route the newer generation counts, and of one generation
//!   the one whose lease lapsed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sluss_spare::Spare;

use crate::folder::{Remembered, name_of};

/// Routes that can be remembered so.
const SLOTS: usize = 32;
/// Bytes for each; what is wanted of a route has a few thousand.
const SLOT_BYTES: usize = 64 * 1024;

/// The space, and what is in it.
#[derive(Debug)]
pub(crate) struct Fallback {
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    spare: Spare,
    routes: BTreeMap<String, (usize, Remembered)>,
}

impl Fallback {
    /// Opens the space in the file at `path`; where that can't be had, nothing is kept.
    pub(crate) fn open(path: &Path) -> Self {
        let kept = load(path).inspect_err(|error| {
            let path = path.display();
            tracing::warn!(%error, %path, "no space is kept for when the disk is full");
        });
        Self { kept: Mutex::new(kept.ok()) }
    }

    /// Remembers a route, durably.
    pub(crate) fn keep(&self, route: &Remembered) -> io::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Kept { spare, routes }) = &mut *kept else {
            return Err(io::Error::other("no space was kept for that"));
        };
        let slot = spare.put(&serde_json::to_vec(route)?)?;
        let former = routes.insert(name_of(&route.desired.key), (slot, route.clone()));
        former.map_or(Ok(()), |(former, _)| spare.clear(former))
    }

    /// Gives the space of a route back, which is remembered elsewhere now.
    pub(crate) fn give_back(&self, name: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Kept { spare, routes }) = &mut *kept else { return };
        let Some((slot, _)) = routes.remove(name) else { return };
        if let Err(error) = spare.clear(slot) {
            tracing::warn!(%error, name, "an older word about a route stays; the newer one counts");
        }
    }

    /// Returns `routes` with what counts of those that are kept here.
    pub(crate) fn merge(&self, routes: Vec<Remembered>) -> Vec<Remembered> {
        let named = |route: Remembered| (name_of(&route.desired.key), route);
        let mut all: BTreeMap<String, Remembered> = routes.into_iter().map(named).collect();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, (_, route)) in kept.iter().flat_map(|kept| &kept.routes) {
            if all.get(name).is_none_or(|known| rank(known) < rank(route)) {
                all.insert(name.clone(), route.clone());
            }
        }
        all.into_values().collect()
    }
}

fn rank(route: &Remembered) -> (u64, bool) {
    (route.desired.generation, route.lapsed)
}

fn load(path: &Path) -> io::Result<Kept> {
    let (mut spare, found) = Spare::open(path, SLOTS, SLOT_BYTES)?;
    let mut routes: BTreeMap<String, (usize, Remembered)> = BTreeMap::new();
    for found in found {
        let route: Remembered = match serde_json::from_slice(&found.record) {
            Ok(route) => route,
            Err(error) => {
                tracing::error!(%error, slot = found.slot, "a kept route can't be read; skipped");
                continue;
            }
        };
        let name = name_of(&route.desired.key);
        // Both are there where the older one was not cleared any more.
        let older = routes.get(&name).is_some_and(|(_, known)| rank(known) >= rank(&route));
        let former = match older {
            true => Some(found.slot),
            false => routes.insert(name, (found.slot, route)).map(|(former, _)| former),
        };
        if let Some(former) = former {
            spare.clear(former)?;
        }
    }
    Ok(Kept { spare, routes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluss_core::target::{Desired, RouteKey};

    fn route(generation: u64, lapsed: bool) -> Remembered {
        let key =
            RouteKey { service: "pay".parse().unwrap(), environment: "test".parse().unwrap() };
        Remembered { desired: Desired::nothing(key, generation), lapsed, chosen_port: None }
    }

    #[test]
    fn the_newer_word_about_a_route_counts_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes");
        let fallback = Fallback::open(&path);
        fallback.keep(&route(5, false)).unwrap();
        fallback.keep(&route(7, false)).unwrap();
        drop(fallback);
        let fallback = Fallback::open(&path);
        let counts = |known: Remembered| fallback.merge(vec![known]).iter().map(rank).collect();
        let ranks: [Vec<_>; 4] =
            [route(6, true), route(7, false), route(7, true), route(8, false)].map(counts);
        assert_eq!(ranks, [[(7, false)], [(7, false)], [(7, true)], [(8, false)]]);
        assert_eq!(fallback.merge(vec![]).len(), 1);
        fallback.give_back("pay@test");
        assert!(Fallback::open(&path).merge(vec![]).is_empty());
    }
}
