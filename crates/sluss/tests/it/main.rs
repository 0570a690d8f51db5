//! The command line, as people meet it: sessions with the real program in a folder of their own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod analyze;
mod check;
mod clients;
mod controls;
mod init;
mod log_verify;
mod no_way_round;
mod reference;
mod run;
mod sample;
mod session;
