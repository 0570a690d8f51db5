//! `sluss-verify`: checks a release's dossier without network, server or platform.
//!
//! It reads files and writes to standard output, nothing else.

use std::process::ExitCode;

use clap::Parser;
use sluss_verify::{Arguments, Form, UNREADABLE, run};

/// Checks the evidence of a release, offline.
///
/// Exit code 0: every required check passed. 1: a check failed. 2: none failed, but a required one
/// could not be made, or holds by an exception only. 3: the input could not be read.
#[derive(Debug, Parser)]
#[command(name = "sluss-verify", version)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
    /// The form of the report.
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
}

fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(CommandLine { arguments, output }) => run("sluss-verify", &arguments, output),
        Err(error) => {
            // Exit code 2 has a meaning of its own here.
            let code = if error.use_stderr() { UNREADABLE } else { 0 };
            if error.print().is_ok() { code.into() } else { UNREADABLE.into() }
        }
    }
}
