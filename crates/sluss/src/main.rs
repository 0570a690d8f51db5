//! Sluss takes a change from idea to production through gates, on evidence.
//!
//! This is the command line and the composition root: the only place that makes clocks, pools and
//! clients.

mod cli;
mod client;
mod commands;
mod demo;
mod first;
mod http;
mod notices;
mod serve;
mod timestamps;
mod up;
mod witnesses;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
