//! `cargo xtask prove`: builds what a proof needs, and runs it.

use std::process::{Command, ExitCode};

/// Runs the proof with these arguments.
pub fn prove(arguments: &[&str]) -> ExitCode {
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let mut sluss = cargo();
    sluss.args(["build", "--quiet", "--release", "--package", "sluss"]);
    let mut proof = cargo();
    proof.args(["run", "--quiet", "--release", "--package", "e2e", "--example", "prove", "--"]);
    proof.args(arguments);
    for mut command in [sluss, proof] {
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                return code.map_or(ExitCode::FAILURE, ExitCode::from);
            }
            Err(error) => {
                eprintln!("cargo can't be started: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
