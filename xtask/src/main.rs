//! The house's own chores: `cargo xtask crash`, `cargo xtask bench`; the tidy checks are its tests.

mod chores;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["crash", rest @ ..] => chores::crash(rest),
        ["bench", rest @ ..] => chores::bench(rest),
        _other => {
            eprintln!("cargo xtask crash [--kills N] [--seed N]   kill Sluss at random, and look");
            eprintln!("cargo xtask bench                          measure what the README says");
            eprintln!("cargo test -p xtask                        the tidy checks");
            ExitCode::from(2)
        }
    }
}
