//! Reconcilers: each compares what is wanted with what is happening, on a signal and on a period,
//! takes no input but the state, and may do everything twice.

pub mod attest;
mod beside;
pub mod inventory;
pub mod judge;
mod live;
pub mod pack;
mod quiet;
pub(crate) mod reports;
pub mod routes;
pub mod steps;
pub mod traffic;
pub mod upkeep;
pub mod watch;

use std::time::Duration;

use tokio::sync::watch::Receiver;

/// Waits until the log has grown or `period` has passed; false when Sluss stops.
pub(crate) async fn signal(changed: &mut Receiver<u64>, period: Duration) -> bool {
    match tokio::time::timeout(period, changed.changed()).await {
        Ok(Ok(())) | Err(_) => true,
        Ok(Err(_stopped)) => false,
    }
}

#[cfg(test)]
mod tests;
