//! Checks a release's dossier without network, server or platform: what `sluss-verify` does, for
//! that program and for whoever shows the same.
//!
//! It reads files, nothing else.
//!
//! # Invariants
//!
//! - Exit code 0 means that every required check passed; no option turns a check off.
//! - Whatever can not be read or understood ends with another exit code than 0.

mod policies;
mod reading;
mod timestamps;
mod witnesses;

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use sluss_ledger::dossier::{Check, Files, Options, Report, Trust, TrustSource, verify};

use reading::{Source, Unreadable};

/// Exit code where the input can not be read, or the command line is wrong.
pub const UNREADABLE: u8 = 3;

/// What is checked, and with which keys.
///
/// Exit code 0: every required check passed. 1: a check failed. 2: none failed, but a required one
/// could not be made, or holds by an exception only. 3: the input could not be read.
#[derive(Debug, clap::Args)]
pub struct Arguments {
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
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn check_named(name: &str) -> Result<Check, String> {
    let names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    let found = Check::ALL.into_iter().find(|check| check.name() == name);
    found.ok_or_else(|| format!("the checks are {}", names.join(", ")))
}

/// Makes every check of files that are at hand, with all that this program knows.
pub fn check(files: &Files, trust: &Trust) -> Report {
    verify(files, trust, &options())
}

fn options() -> Options<'static> {
    Options {
        policy: Some(&policies::Policies),
        quorum: Some(&witnesses::Witnesses),
        timestamps: Some(&timestamps::Stamps),
        ..Options::default()
    }
}

/// Checks what `arguments` name, prints the report to standard output, and returns its exit code.
/// What can not be read is told on standard error, in the name of `program`.
pub fn run(program: &str, arguments: &Arguments, form: Form) -> ExitCode {
    let report = match examine(arguments) {
        Ok(report) => report,
        Err(error) => {
            tell(program, &error);
            return UNREADABLE.into();
        }
    };
    let text = match form {
        Form::Text => report.to_string(),
        Form::Json => report.to_json() + "\n",
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => report.exit_code().into(),
        Err(_) => UNREADABLE.into(),
    }
}

fn tell(program: &str, error: &dyn fmt::Display) {
    let told = writeln!(std::io::stderr().lock(), "{program}: {error}");
    drop(told);
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
        ..options()
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
