//! What a gate's policy promises, as claims.

mod contract;
mod decisions;
mod refusals;
mod replay;
mod sample;
mod suites;
