//! Folds for people: the board, where something is, and what controls have to show.
//!
//! # Invariants
//!
//! - Everything here is a function of the folded state and the time; nothing is stored.
//! - A change stands in exactly one lane.
//!
//! Not here: names of people and texts that people wrote, which the state does not hold.

mod board;
pub mod controls;
mod whereabouts;

pub use board::{Board, BoardRow, Lane, Waiting, board, row_of};
pub use sluss_core::risk::{LOOKED_BACK, Risk, RiskPart, Size, brought, live_beside, risk};
pub use whereabouts::{Whereabouts, where_is};
