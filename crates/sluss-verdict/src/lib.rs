//! Sequential statistics: evidence in, verdict out. Pure.
//!
//! While a candidate takes a share of live traffic, [`Judge`] says each second
//! whether it is proved worse than the incumbent (take it back), proved not
//! worse than a tolerance (go on), or neither yet. [`Analyzer`] does the same
//! for a recorded trace and for several metrics at once.
//!
//! The evidence against a candidate is an e-process: a process that starts at 1
//! and whose expectation never exceeds 1 as long as the release is harmless.
//! By Ville's inequality (Ville 1939) it then ever reaches 1/alpha with
//! probability at most alpha, however long and however often one looks; see
//! Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe
//! anytime-valid inference", Statistical Science 38 (2023). Each factor is a bet
//! on which share of the bad events of a block falls on the candidate, given
//! the share of the requests it carried.
//!
//! # Invariants
//!
//! - At most a share alpha of harmless releases is ever taken back by statistics,
//!   provided that requests are routed at random and that what depends on one
//!   another lies within a block (robust mode) or that nothing does (fast mode).
//! - No data never passes: a second without a request to the candidate is no
//!   evidence, and no leg is favourable without requests to the candidate.
//! - Equal inputs give equal outputs, byte for byte, on every platform.
//! - Memory is constant.
//!
//! Not here: reading files or sockets, the time, and what is done about a verdict.

mod alarm;
mod analyzer;
mod bets;
mod block;
mod detector;
mod judge;
mod latency;
mod math;
mod mixture;
mod normal;
mod promotion;
mod sentence;
mod trace;

pub use alarm::Alarm;
pub use analyzer::{Analyzer, Decision, Options, Outcome, Step};
pub use judge::{Counts, Judge, Mode, Plan, Promotion, Reading, Second, Verdict};
pub use trace::{Arm, Header, Metric, Row, TraceError};
