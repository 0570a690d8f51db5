//! What every log must do, tried on the SQLite log in real folders; and what it must withstand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod contract;
mod crash;
mod faults;
mod tampering;
mod world;
