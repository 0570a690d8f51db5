//! What the crate promises to its callers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod explore;
mod floor;
mod golden;
mod judge;
mod metrics;
mod simulation;
mod trace;
mod traffic;
