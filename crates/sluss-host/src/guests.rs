//! The connections of customers to one door, and who is asked to leave when there are too many.
//!
//! # Invariants
//!
//! - Only a connection without a request in flight is closed to make room; the one that has been
//!   idle for longest first.
//! - There are at most [`CONNECTIONS_PER_REQUEST`] connections for each request that may be in
//!   flight, so open files are bounded whatever customers do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::gate::Gate;

/// The connections of a door.
pub(crate) struct Guests {
    gate: Arc<Gate>,
    opened: Instant,
    hall: Mutex<Hall>,
}

#[derive(Default)]
struct Hall {
    seats: HashMap<SocketAddr, Arc<Seat>>,
    /// How many of them were asked to leave and are still there.
    leaving: usize,
}

/// One connection.
#[derive(Default)]
struct Seat {
    requests: AtomicU32,
    /// Milliseconds from the opening of the door to the end of its last request.
    idle_since: AtomicU64,
    /// Written with the hall locked.
    is_leaving: AtomicBool,
    asked_to_leave: Notify,
}

/// A connection that is open; whoever drops it has closed it.
pub(crate) struct Guest {
    guests: Arc<Guests>,
    customer: SocketAddr,
    seat: Arc<Seat>,
}

/// A request of a connection, which is not closed meanwhile.
pub(crate) struct Busy {
    seat: Arc<Seat>,
    opened: Instant,
}

impl Guests {
    /// Returns the guests of a door before anybody came.
    pub(crate) fn new(gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self { gate, opened: Instant::now(), hall: Mutex::default() })
    }

    /// Takes in a connection, and has idle ones closed if there are many. If all are busy and
    /// there are too many, counts that it was refused.
    pub(crate) fn admit(self: &Arc<Self>, customer: SocketAddr) -> Option<Guest> {
        let most = self.most();
        let mut hall = self.hall();
        if hall.staying() >= most && hall.ask_idle_to_leave(part_of(most)) == 0 {
            let is_full = hall.seats.len() >= most.saturating_mul(HARD);
            if is_full {
                self.gate.count_shed(1);
                return None;
            }
        }
        let seat = Arc::new(Seat::default());
        seat.idle_since.store(milliseconds(self.opened.elapsed()), Ordering::Relaxed);
        hall.seats.insert(customer, Arc::clone(&seat));
        drop(hall);
        Some(Guest { guests: Arc::clone(self), customer, seat })
    }

    /// Has a part of the idle connections closed: this machine has no files left.
    pub(crate) fn make_room(&self) {
        let mut hall = self.hall();
        let count = part_of(hall.seats.len());
        hall.ask_idle_to_leave(count);
    }

    /// Returns whether a connection that is done should rather be closed than kept.
    pub(crate) fn is_crowded(&self) -> bool {
        self.hall().staying() >= self.most()
    }

    /// Marks the connection of a customer as busy with a request.
    pub(crate) fn begin(&self, customer: &SocketAddr) -> Option<Busy> {
        let hall = self.hall();
        let seat = Arc::clone(hall.seats.get(customer)?);
        // With the hall locked, so that nobody is sent away who has begun.
        seat.requests.fetch_add(1, Ordering::SeqCst);
        Some(Busy { seat, opened: self.opened })
    }

    fn most(&self) -> usize {
        usize::try_from(self.gate.most())
            .map_or(usize::MAX, |most| most.saturating_mul(CONNECTIONS_PER_REQUEST))
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    fn staying(&self) -> usize {
        self.seats.len() - self.leaving
    }

    /// Asks up to `count` idle connections to leave, and returns how many there were.
    fn ask_idle_to_leave(&mut self, count: usize) -> usize {
        let mut idle: Vec<(u64, &Arc<Seat>)> = self
            .seats
            .values()
            .filter(|seat| seat.is_idle() && !seat.is_leaving.load(Ordering::SeqCst))
            .map(|seat| (seat.idle_since.load(Ordering::Relaxed), seat))
            .collect();
        if idle.len() > count {
            idle.select_nth_unstable_by_key(count, |(since, _)| *since);
            idle.truncate(count);
        }
        for (_, seat) in &idle {
            seat.is_leaving.store(true, Ordering::SeqCst);
            seat.asked_to_leave.notify_one();
        }
        let asked = idle.len();
        self.leaving += asked;
        asked
    }
}

impl Seat {
    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::SeqCst) == 0
    }
}

impl Guest {
    /// Waits until it should be closed, and is idle.
    pub(crate) async fn sent_away(&self) {
        loop {
            self.seat.asked_to_leave.notified().await;
            let mut hall = self.guests.hall();
            if self.seat.is_idle() {
                return;
            }
            // It has begun a request meanwhile, and stays.
            self.seat.is_leaving.store(false, Ordering::SeqCst);
            hall.leaving -= 1;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut hall = self.guests.hall();
        hall.seats.remove(&self.customer);
        if self.seat.is_leaving.load(Ordering::SeqCst) {
            hall.leaving -= 1;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.seat.idle_since.store(milliseconds(self.opened.elapsed()), Ordering::Relaxed);
        self.seat.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn part_of(count: usize) -> usize {
    (count / PART_TO_CLEAR).max(1)
}

/// As many idle connections as there may be requests in flight.
pub(crate) const CONNECTIONS_PER_REQUEST: usize = 2;
/// Beyond so many times that, connections are refused even if all are busy.
const HARD: usize = 2;
/// Cleared at once, so that not every newcomer looks through all.
const PART_TO_CLEAR: usize = 16;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn customer(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_leave_first_and_the_busy_never() {
        let gate = Arc::new(Gate::default());
        gate.limit(NonZeroU32::new(2));
        let guests = Guests::new(gate);
        let mut inside = Vec::new();
        for number in 0..4 {
            inside.push(guests.admit(customer(number)).unwrap());
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        let busy = guests.begin(&customer(0)).unwrap();
        inside.push(guests.admit(customer(4)).unwrap());
        inside[1].sent_away().await;
        let asked = |guest: &Guest| guest.seat.is_leaving.load(Ordering::SeqCst);
        assert_eq!(inside.iter().filter(|guest| asked(guest)).count(), 1, "0 was busy");
        assert_eq!(guests.hall().staying(), 4);
        drop(inside);
        let hall = guests.hall();
        assert_eq!((hall.seats.len(), hall.leaving), (0, 0));
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_begins_a_request_before_leaving_stays() {
        let gate = Arc::new(Gate::default());
        gate.limit(NonZeroU32::new(1));
        let guests = Guests::new(gate);
        let first = guests.admit(customer(1)).unwrap();
        tokio::time::advance(Duration::from_millis(5)).await;
        let _second = guests.admit(customer(2)).unwrap();
        let _third = guests.admit(customer(3)).unwrap();
        let _busy = guests.begin(&customer(1)).unwrap();
        let left = tokio::time::timeout(Duration::from_secs(1), first.sent_away()).await;
        assert!(left.is_err());
        let hall = guests.hall();
        assert_eq!((hall.staying(), hall.leaving), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_busy_there_is_still_an_end() {
        let gate = Arc::new(Gate::default());
        gate.limit(NonZeroU32::new(1));
        let guests = Guests::new(gate);
        let come = |number| {
            let guest = guests.admit(customer(number))?;
            Some((guests.begin(&customer(number))?, guest))
        };
        let inside: Vec<_> = (0..10).map_while(come).collect();
        assert_eq!(inside.len(), CONNECTIONS_PER_REQUEST * HARD);
        drop(inside);
        assert!(guests.admit(customer(1)).is_some(), "whoever leaves makes room");
    }
}
