//! Where releases are made live: the seam between the engine and a data plane.
//!
//! # Invariants
//!
//! - Everything that is asked may be asked again: it is the same as asking once.
//! - An unreachable target is no refusal: nothing is known of what it did.

#[cfg(test)]
pub(crate) mod conformance;
pub mod host;

use async_trait::async_trait;
use sluss_core::target::{Applied, CounterRow, Desired, JournalRow, RouteKey, RouteStatus};

pub use host::HostTarget;

/// Makes releases live and splits their traffic.
#[async_trait]
pub trait Target: Send + Sync {
    /// Asks for a route to be as `desired`. When it answers [`Applied::Accepted`], that is durable
    /// and the shares hold for new requests.
    async fn apply(&self, desired: &Desired) -> Result<Applied, TargetError>;

    /// Returns how all routes stand.
    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError>;

    /// Returns what came back from the releases of a route in the seconds after `after`.
    async fn counters(&self, key: &RouteKey, after: i64) -> Result<Vec<CounterRow>, TargetError>;

    /// Renews the lease that was given with `generation`.
    async fn renew(&self, key: &RouteKey, generation: u64) -> Result<Applied, TargetError>;

    /// Returns what happened by itself, from the row after number `after` on.
    async fn journal(&self, after: u64) -> Result<Vec<JournalRow>, TargetError>;
}

/// Why a target did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It gave no answer that can be understood; it may or may not have done it. Ask again later.
    #[error("the target cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered that it will not; asking again does not help.
    #[error("the target refused: {what}")]
    Refused {
        /// What is wrong.
        what: String,
        /// What to do next.
        hint: String,
    },
}
