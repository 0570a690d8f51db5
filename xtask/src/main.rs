//! The house's own chores: `cargo xtask crash`, `cargo xtask bench`, `cargo xtask
//! prove`; the tidy checks are its tests.

mod chores;
mod prove;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["crash", rest @ ..] => chores::crash(rest),
        ["bench", rest @ ..] => chores::bench(rest),
        ["prove", rest @ ..] => prove::prove(rest),
        _other => {
            eprintln!("cargo xtask crash [--kills N] [--seed N]   kill Sluss at random, and look");
            eprintln!("cargo xtask bench                          measure what the README says");
            eprintln!(
                "cargo xtask prove [--minutes N] [--short]      play a bank's month, and judge"
            );
            eprintln!("cargo test -p xtask                        the tidy checks");
            ExitCode::from(2)
        }
    }
}
