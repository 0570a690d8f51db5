//! What a gate's policy promises, as claims.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod cases;
mod contract;
mod decisions;
mod many;
mod refusals;
mod replay;
mod sample;
mod suites;
