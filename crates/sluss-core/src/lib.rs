//! The domain of Sluss: its words as types, state machines and decisions.
//!
//! Pure: `decide` says what happened, `apply` folds that, `wanted` says what should be so. There
//! is no clock, no randomness and no I/O here, and no float in anything that is stored.

mod agreement;
mod apply;
pub mod approval;
pub mod authenticator;
pub mod bounds;
pub mod budget;
pub mod config;
pub mod confinement;
pub mod contents;
pub mod contracts;
pub mod decide;
pub mod deployment;
pub mod disposal;
pub mod erasure;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod figures;
pub mod findings;
pub mod follow;
pub mod freezes;
pub mod gate;
pub mod hold;
pub mod ids;
pub mod incident;
pub mod keys;
pub mod materials;
pub mod objectives;
pub mod observed;
pub mod performance;
pub mod pipeline;
pub mod population;
pub mod probe;
pub mod profile;
mod pushed;
mod refused;
pub mod remediation;
pub mod retention;
pub mod rollout;
pub mod rules;
pub mod seal;
pub mod silence;
pub mod slots;
pub mod state;
pub mod steps;
pub mod stop;
mod stored;
mod stream;
pub mod target;
pub mod traffic;
pub mod trust;
pub mod units;
pub mod wanted;
pub mod weakening;
