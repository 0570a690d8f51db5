//! Plays a proof and prints what it has shown: `cargo xtask prove`.
#![expect(clippy::print_stdout, reason = "it is run to print its figures")]

use std::process::ExitCode;

use e2e::prove::{Options, USAGE, run};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(&words) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok((figures, said)) => {
            print!("{said}");
            match figures.succeeded() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(problem) => {
            eprintln!("the proof was not played to its end: {problem}");
            ExitCode::from(3)
        }
    }
}
