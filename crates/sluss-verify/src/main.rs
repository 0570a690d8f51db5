//! `sluss-verify`: checks a release's dossier without network, server or platform.
//!
//! It reads files and writes to standard output, nothing else.
//!
//! # Invariants
//!
//! - Exit code 0 means that every required check passed; no option turns a check off.
//! - Whatever can not be read or understood ends with another exit code than 0.

mod policies;
mod reading;
mod timestamps;
mod witnesses;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use sluss_ledger::dossier::{Check, Options, Report, Trust, TrustSource, verify};

use reading::{Source, Unreadable};

/// Exit code where the input can not be read, or the command line is wrong.
const UNREADABLE: u8 = 3;

/// Checks the evidence of a release, offline.
///
/// Exit code 0: every required check passed. 1: a check failed. 2: none failed, but a required one
/// could not be made, or holds by an exception only. 3: the input could not be read.
#[derive(Debug, Parser)]
#[command(name = "sluss-verify", version)]
struct Arguments {
    /// The dossier: a `.sluss.zip`, or the folder that was unpacked from one.
    dossier: PathBuf,
    /// Folder with the keys to trust: `vkey`, `log-keys.json`, `keys.json`, and where wanted
    /// `tlog-policy` and `tsa.pem`. Get them from whoever runs the log, not from the dossier.
    /// Without it, signatures are not checked.
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
    /// A file that must be one of the release's artifacts; may be given several times.
    #[arg(long = "artifact", value_name = "FILE")]
    artifacts: Vec<PathBuf>,
    /// A check that must pass beyond those that must anyway; may be given several times.
    #[arg(long, value_name = "CHECK", value_parser = check_named)]
    require: Vec<Check>,
    /// The form of the report.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn check_named(name: &str) -> Result<Check, String> {
    let names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    let found = Check::ALL.into_iter().find(|check| check.name() == name);
    found.ok_or_else(|| format!("the checks are {}", names.join(", ")))
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Exit code 2 has a meaning of its own here.
            let code = if error.use_stderr() { UNREADABLE } else { 0 };
            return if error.print().is_ok() { code.into() } else { UNREADABLE.into() };
        }
    };
    let report = match examine(&arguments) {
        Ok(report) => report,
        Err(error) => {
            let told = writeln!(std::io::stderr().lock(), "sluss-verify: {error}");
            drop(told);
            return UNREADABLE.into();
        }
    };
    let text = match arguments.output {
        Output::Text => report.to_string(),
        Output::Json => report.to_json() + "\n",
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => report.exit_code().into(),
        Err(_) => UNREADABLE.into(),
    }
}

fn examine(arguments: &Arguments) -> Result<Report, Unreadable> {
    let files = match reading::dossier(&arguments.dossier)? {
        Source::Files(files) => files,
        Source::Unsafe(why) => return Ok(Report::refused(why)),
    };
    let trust = match &arguments.trust {
        Some(folder) => {
            let source = source_of(&arguments.dossier, folder);
            Trust::read(&reading::trust(folder)?, source)
        }
        None => Trust::enclosed(&files),
    };
    let trust = trust.map_err(Unreadable::Trust)?;
    let artifacts = arguments.artifacts.iter().map(|path| reading::digest(path));
    let options = Options {
        artifacts: artifacts.collect::<Result<_, _>>()?,
        require: arguments.require.iter().copied().collect(),
        policy: Some(&policies::Policies),
        quorum: Some(&witnesses::Witnesses),
        timestamps: Some(&timestamps::Stamps),
        ..Options::default()
    };
    Ok(verify(&files, &trust, &options))
}

/// Keys in the dossier's own folder are the dossier's, whatever the command line calls them.
fn source_of(dossier: &Path, trust: &Path) -> TrustSource {
    match (dossier.canonicalize(), trust.canonicalize()) {
        (Ok(dossier), Ok(trust)) if !trust.starts_with(&dossier) => TrustSource::Independent,
        _ => TrustSource::Enclosed,
    }
}
