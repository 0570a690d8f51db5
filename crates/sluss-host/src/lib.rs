//! The data plane: runs service processes, routes and splits their traffic, counts what came back.
//!
//! It stands alone: it is told what is wanted (`sluss_core::target`), remembers that on its own
//! disk, and goes on when nobody tells it anything. It decides nothing about releases.
//!
//! # Invariants
//!
//! - No request fails because a release starts, shifts, drains or stops.
//! - An instance gets traffic only while its readiness check holds.
//! - Services outlive the host; the next one takes them over.
//!
//! A request's way: [`door`] accepts, [`proxy`] takes it to an instance that [`table`] chose, and
//! [`counters`] count how it ended. A wish's way: [`control`] reads it, [`host`] writes it down
//! and gives it to its [`route`], whose [`slot`]s are each looked after by a [`keeper`].
#![expect(rustdoc::private_intra_doc_links, reason = "the map is for those who read the code")]

mod callers;
mod cgroup;
mod clock;
mod control;
mod counters;
mod door;
mod fallback;
mod folder;
mod gate;
mod guests;
mod handover;
mod host;
mod journal;
mod keeper;
mod past;
mod prober;
mod process;
mod proxy;
mod readiness;
mod route;
mod seen;
mod serve;
mod shed;
mod slot;
mod table;
mod units;
mod upgraded;
mod user;
mod wanted;

pub use serve::{HostError, HostOptions, serve};
