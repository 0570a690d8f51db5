//! The domain of Sluss: its words as types, state machines and decisions.
//!
//! Pure: `decide` says what happened, `apply` folds that, `wanted` says what should be so. There
//! is no clock, no randomness and no I/O here, and no float in anything that is stored.

pub mod ids;
pub mod target;
pub mod units;
