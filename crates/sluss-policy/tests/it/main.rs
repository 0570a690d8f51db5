//! What a gate's policy promises, as claims.

mod cases;
mod contract;
mod decisions;
mod refusals;
mod replay;
mod sample;
mod suites;
