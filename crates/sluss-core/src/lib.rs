//! The domain of Sluss: its words as types, state machines and decisions.
//!
//! Pure: `decide` says what happened, `apply` folds that, `wanted` says what should be so. There
//! is no clock, no randomness and no I/O here, and no float in anything that is stored.

mod apply;
pub mod approval;
pub mod config;
pub mod confinement;
pub mod decide;
pub mod deployment;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod follow;
pub mod gate;
pub mod ids;
pub mod incident;
pub mod pipeline;
pub mod rollout;
pub mod rules;
pub mod seal;
pub mod slots;
pub mod state;
pub mod steps;
pub mod stop;
mod stream;
pub mod target;
pub mod traffic;
pub mod units;
pub mod wanted;
pub mod weakening;
