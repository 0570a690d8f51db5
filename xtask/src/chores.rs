//! Chores that take long: they run the tests and examples that do the work, with more of it.

use std::process::{Command, ExitCode};

/// Runs the crash test with many random kills: 200 unless `--kills` says otherwise.
pub fn crash(arguments: &[&str]) -> ExitCode {
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| *argument == name)?;
        arguments.get(at + 1).map(|value| (*value).to_owned())
    };
    let mut command = cargo();
    // The whole workspace, so that crates are built with the features that the tests have.
    command.args(["test", "--release", "--workspace", "--test", "crash"]);
    command.args(["--", "--nocapture"]);
    command.env("SLUSS_KILLS", value("--kills").unwrap_or_else(|| "200".to_owned()));
    if let Some(seed) = value("--seed") {
        command.env("SLUSS_SEED", seed);
    }
    run(command)
}

/// Runs the benchmarks.
pub fn bench(arguments: &[&str]) -> ExitCode {
    let mut command = cargo();
    command.args(["bench", "--workspace", "--bench", "figures", "--"]).args(arguments);
    run(command)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn run(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo can't be started: {error}");
            ExitCode::FAILURE
        }
    }
}
