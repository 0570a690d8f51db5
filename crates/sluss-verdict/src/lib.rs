//! Sequential statistics: evidence in, verdict out. Pure.
//!
//! While a candidate takes a share of live traffic, [`Judge`] says with each row
//! of counters whether it is proved worse than the incumbent (take it back),
//! proved not worse than a tolerance (go on), or neither yet, by one or several
//! metrics. [`Analyzer`] says the same of a recorded trace; both give their rows
//! to one engine, the panel.
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

mod absolute;
mod alarm;
mod analyzer;
mod bets;
mod block;
pub mod bound;
mod coins;
mod culprits;
mod dependence;
mod detector;
mod failing;
mod guard;
mod instances;
mod interval;
mod judge;
mod latency;
mod lone;
mod math;
mod mixture;
mod noise;
mod normal;
pub mod pace;
mod panel;
mod plan;
mod portfolio;
mod promotion;
mod reading;
mod realised;
mod replay;
mod sample;
mod sentence;
mod strand;
mod trace;
mod watch;

pub use absolute::{Absolute, Objectives};
pub use alarm::Alarm;
pub use analyzer::{Analyzer, Decision, Options, Outcome, Part, Step, Told};
pub use judge::{Judge, Tick};
pub use plan::{BlockLength, Capital, Guard, MetricPlan, Mode, Plan};
pub use reading::{Counts, MetricReading, Reading, Verdict};
pub use replay::{Replay, ReplayDecision, Replayed, replay, thin_to};
pub use sample::{Histogram, Instance, LATENCY_BINS, Sample, latency_bin};
pub use sentence::odds;
pub use trace::{Arm, Header, LineType, Metric, Row, TraceError};
