//! Which instance a request goes to: the routing table, its coin, and the count of flights.
//!
//! # Invariants
//!
//! - Each request draws its arm by a coin of its own, whatever other requests did.
//! - An instance that is not ready gets no request; it is asked after the flight was counted, so
//!   whoever makes an instance unready and then sees no flights knows that none will follow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use pingora_core::upstreams::peer::HttpPeer;
use sluss_core::ids::ReleaseId;
use sluss_core::units::Share;
use tokio::sync::Notify;

use crate::callers::{self, Rules};
use crate::counters::Meter;

/// One running process, as the proxy sees it.
pub(crate) struct Instance {
    /// Unlike any other instance's, also of earlier runs of the host.
    pub(crate) id: u64,
    pub(crate) release: ReleaseId,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What its release's requests are counted in.
    pub(crate) meter: Arc<Meter>,
    /// How to connect to it; cloned for each request.
    pub(crate) peer: HttpPeer,
    /// Written by its keeper and, to `false`, by a request that could not connect.
    ready: AtomicBool,
    flights: AtomicU32,
    landed: Notify,
    suspected: Notify,
}

impl Instance {
    /// Returns an instance that is not ready yet.
    pub(crate) fn new(
        id: u64,
        release: ReleaseId,
        address: SocketAddr,
        meter: Arc<Meter>,
        mut peer: HttpPeer,
    ) -> Self {
        // Connections of an earlier process on the same port are never taken for this one's.
        peer.group_key = id;
        Self {
            id,
            release,
            address,
            meter,
            peer,
            ready: AtomicBool::new(false),
            flights: AtomicU32::new(0),
            landed: Notify::new(),
            suspected: Notify::new(),
        }
    }

    /// Returns whether it may get requests.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// Says whether it may get requests from now on.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Takes it out at once, after a request could not connect, and has it checked.
    pub(crate) fn suspect(&self) {
        self.set_ready(false);
        self.suspected.notify_one();
    }

    /// Waits until it is suspected.
    pub(crate) async fn suspected(&self) {
        self.suspected.notified().await;
    }

    /// Waits until it has no request in flight.
    pub(crate) async fn without_flights(&self) {
        loop {
            let landed = self.landed.notified();
            if self.flights.load(Ordering::SeqCst) == 0 {
                return;
            }
            landed.await;
        }
    }

    fn board(self: &Arc<Self>) -> Option<Flight> {
        self.flights.fetch_add(1, Ordering::SeqCst);
        let flight = Flight { instance: Arc::clone(self) };
        self.is_ready().then_some(flight)
    }
}

/// A request on its way to an instance and back.
pub(crate) struct Flight {
    pub(crate) instance: Arc<Instance>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.instance.flights.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.instance.landed.notify_one();
        }
    }
}

/// One release of a route and its running instances.
pub(crate) struct TableArm {
    pub(crate) release: ReleaseId,
    pub(crate) share: Share,
    pub(crate) instances: Vec<Arc<Instance>>,
}

impl TableArm {
    fn is_ready(&self) -> bool {
        self.instances.iter().any(|instance| instance.is_ready())
    }

    /// Boards the ready instance with the fewest flights; among equals, any.
    fn board(&self, tried: &[u64]) -> Option<Flight> {
        let count = self.instances.len();
        if count == 0 {
            return None;
        }
        let first = if count == 1 { 0 } else { fastrand::usize(..count) };
        let (head, tail) = self.instances.split_at(first);
        let ready = tail
            .iter()
            .chain(head)
            .filter(|instance| instance.is_ready() && !tried.contains(&instance.id));
        ready.min_by_key(|instance| instance.flights.load(Ordering::Relaxed))?.board()
    }
}

/// Where a route's requests go; swapped whole.
#[derive(Default)]
pub(crate) struct Table {
    /// The arms that are wanted, then those that retire, which serve only if no other can.
    pub(crate) arms: Vec<TableArm>,
    /// The release that careful customers are sent back to.
    pub(crate) incumbent: Option<ReleaseId>,
    /// How requests are told apart.
    pub(crate) rules: Rules,
}

impl Table {
    /// Returns the incumbent, if it is ready.
    pub(crate) fn ready_incumbent(&self) -> Option<ReleaseId> {
        let incumbent = self.arms.iter().find(|arm| Some(arm.release) == self.incumbent);
        incumbent.filter(|arm| arm.is_ready()).map(|arm| arm.release)
    }

    /// Returns the arm of a caller. Whoever the candidate has, it keeps while its share grows.
    pub(crate) fn arm_of(&self, secret: &str, caller: &[u8]) -> Option<ReleaseId> {
        let (others, incumbent): (Vec<_>, Vec<_>) =
            self.arms.iter().partition(|arm| Some(arm.release) != self.incumbent);
        let of = |arm: Option<&&TableArm>| arm.map(|arm| arm.release.0).unwrap_or_default();
        let rollout = format!("{} {}", of(incumbent.first()), of(others.first()));
        let weight = |arm: &&TableArm| u64::from(arm.share.basis_points());
        let whole: u64 = self.arms.iter().map(|arm| weight(&arm)).sum();
        let place = u64::from(callers::place(secret, &rollout, caller));
        let mut point = (place * whole) >> 32;
        others
            .into_iter()
            .chain(incumbent)
            .find(|arm| match point.checked_sub(weight(arm)) {
                Some(rest) => {
                    point = rest;
                    false
                }
                None => true,
            })
            .map(|arm| arm.release)
    }

    /// Returns the arm for a request: by its coin, or the one it drew before.
    pub(crate) fn drawn(&self, before: Option<ReleaseId>) -> Option<usize> {
        let kept = before.and_then(|r| self.arms.iter().position(|arm| arm.release == r));
        if kept.is_some() {
            return kept;
        }
        let mut weights = self.arms.iter().map(|arm| u32::from(arm.share.basis_points()));
        let whole: u32 = weights.clone().sum();
        if whole == 0 {
            return (!self.arms.is_empty()).then_some(0);
        }
        let mut coin = fastrand::u32(..whole);
        weights.position(|weight| match coin.checked_sub(weight) {
            Some(rest) => {
                coin = rest;
                false
            }
            None => true,
        })
    }

    /// Boards an instance of the arm at `drawn`, or of another one if that has none ready.
    pub(crate) fn board(&self, drawn: usize, tried: &[u64]) -> Option<Flight> {
        let others = self.arms.iter().enumerate().filter(|(at, _)| *at != drawn);
        self.arms
            .get(drawn)
            .and_then(|arm| arm.board(tried))
            .or_else(|| others.map(|(_, arm)| arm).find_map(|arm| arm.board(tried)))
    }

    /// Returns the share that each arm really gets now, in the order of the arms.
    pub(crate) fn effective(&self) -> Vec<Share> {
        let ready: Vec<bool> = self.arms.iter().map(TableArm::is_ready).collect();
        let weight = |at: usize| u32::from(self.arms[at].share.basis_points());
        let whole: u32 = (0..self.arms.len()).map(weight).sum();
        let fallback = ready.iter().position(|ready| *ready);
        let lost: u32 = (0..ready.len()).filter(|at| !ready[*at]).map(weight).sum();
        let share_of = |at: usize| {
            let taken_over = if Some(at) == fallback { lost } else { 0 };
            let points = match (ready[at], whole) {
                (false, _) => 0,
                (true, 0) => u32::from(Some(at) == fallback) * 10_000,
                (true, whole) => (weight(at) + taken_over) * 10_000 / whole,
            };
            u16::try_from(points).ok().and_then(|p| Share::from_basis_points(p).ok())
        };
        (0..ready.len()).map(|at| share_of(at).unwrap_or(Share::ALL)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(release: u64, points: u16, ready: &[bool]) -> TableArm {
        let instance = |ready: &bool| {
            let address = SocketAddr::from(([127, 0, 0, 1], 9));
            let peer = HttpPeer::new(address, false, String::new());
            let id = fastrand::u64(..);
            let made = Instance::new(id, ReleaseId(release), address, Arc::default(), peer);
            made.set_ready(*ready);
            Arc::new(made)
        };
        TableArm {
            release: ReleaseId(release),
            share: Share::from_basis_points(points).unwrap(),
            instances: ready.iter().map(instance).collect(),
        }
    }

    fn table_of(arms: Vec<TableArm>) -> Table {
        Table { incumbent: arms.first().map(|arm| arm.release), arms, rules: Rules::default() }
    }

    fn boarded(table: &Table) -> Option<u64> {
        let drawn = table.drawn(None)?;
        table.board(drawn, &[]).map(|flight| flight.instance.release.0)
    }

    #[test]
    fn a_share_of_five_percent_gets_that_of_a_hundred_thousand_requests() {
        fastrand::seed(20_261_122);
        let table = table_of(vec![arm(1, 9_500, &[true]), arm(2, 500, &[true, true])]);
        let candidate = (0..100_000).filter(|_| boarded(&table) == Some(2)).count();
        assert!((4_500..=5_500).contains(&candidate), "{candidate} of 100000");
    }

    #[test]
    fn an_arm_that_is_not_ready_leaves_its_share_to_the_other() {
        let table = table_of(vec![arm(1, 9_500, &[false]), arm(2, 500, &[true])]);
        assert!((0..1_000).all(|_| boarded(&table) == Some(2)));
        assert_eq!(table.effective(), vec![Share::NONE, Share::ALL]);
        let table = table_of(vec![arm(1, 10_000, &[true]), arm(2, 0, &[true])]);
        assert!((0..1_000).all(|_| boarded(&table) == Some(1)));
        assert_eq!(table.effective(), vec![Share::ALL, Share::NONE]);
    }

    #[test]
    fn an_arm_without_share_serves_only_if_no_other_can() {
        let table = table_of(vec![arm(1, 10_000, &[false]), arm(2, 0, &[true])]);
        assert_eq!(boarded(&table), Some(2));
        let table = table_of(vec![arm(1, 10_000, &[false]), arm(2, 0, &[false])]);
        assert_eq!(boarded(&table), None);
    }

    #[test]
    fn the_instance_with_the_fewest_flights_is_taken() {
        let arm = arm(1, 10_000, &[true, true, false]);
        let flights: Vec<Flight> = (0..10).filter_map(|_| arm.board(&[])).collect();
        assert_eq!(flights.len(), 10);
        let load = |at: usize| arm.instances[at].flights.load(Ordering::SeqCst);
        assert_eq!((load(0), load(1), load(2)), (5, 5, 0));
        drop(flights);
        assert_eq!((load(0), load(1)), (0, 0));
    }

    #[test]
    fn a_growing_share_only_moves_callers_towards_the_candidate() {
        let mut had: Vec<usize> = Vec::new();
        for points in [0, 500, 1_000, 5_000, 10_000] {
            let table = table_of(vec![arm(1, 10_000 - points, &[true]), arm(2, points, &[true])]);
            let of = |caller: &usize| table.arm_of("secret", &caller.to_be_bytes());
            let has: Vec<usize> = (0..10_000).filter(|n| of(n) == Some(ReleaseId(2))).collect();
            assert!(had.iter().all(|caller| has.contains(caller)), "{points}: one went back");
            assert!(has.len().abs_diff(usize::from(points)) < 200, "{points}: {}", has.len());
            had = has;
        }
    }
}
