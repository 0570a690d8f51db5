//! `cargo xtask prove`: builds what a proof needs, and runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Runs the proof with these arguments.
pub fn prove(arguments: &[&str]) -> ExitCode {
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, so that crates are built with the features that the tests have.
    let mut built = cargo();
    built.args(["build", "--quiet", "--release", "--workspace", "--bins", "--example", "prove"]);
    let folder = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let mut proof = Command::new(folder.join("release/examples/prove"));
    proof.args(arguments);
    for mut command in [built, proof] {
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
