//! The host with real processes and real sockets, called as the control plane calls it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod client;
mod confined;
mod conformance;
mod crash;
mod figures;
mod handover;
mod lease;
mod load;
mod overload;
mod probes;
mod release;
mod restart;
mod units;
mod wishes;
mod world;

/// The engine's own client, so that both ends of the socket are tested together.
#[path = "../../../sluss-engine/src/target/mod.rs"]
mod target;
