//! Drives the payments service as many careful clients would, and at the end holds
//! its own ledger against the service's books.
//!
//! Standard output carries one line a second and a last line with the findings;
//! the exit code is 0 only where nothing was lost, nothing was applied twice and
//! the books sum to zero.

mod acceptance;
mod client;
mod drive;
mod junit;
mod ledger;
mod options;
mod plan;
mod reconcile;
mod tally;

use options::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match options::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("payments-load: {problem}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("payments-load: {error}");
                return ExitCode::from(3);
            }
        };
    let done = match command {
        Command::Load(options) => runtime.block_on(drive::run(options)),
        Command::Accept(options) => runtime.block_on(acceptance::run(options)),
    };
    // Attempts that nobody waits for any more are not waited for here either.
    runtime.shutdown_background();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("payments-load: {problem}");
            ExitCode::from(3)
        }
    }
}
