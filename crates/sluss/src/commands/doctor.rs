//! `sluss doctor`: walks through an installation and says what is wrong and how to mend it.
//!
//! Reads only. A finding that stops Sluss from working is *bad*; one that weakens it is *warn*.

mod machine;
mod running;

use std::path::PathBuf;

use serde::Serialize;
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{counted, table};
use crate::cli::default_data;

/// Name what is wrong with this installation, and how to mend it
///
/// Looks at this machine, the data folder and the running parts. Exit code 1 when something stops
/// Sluss from working.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The data folder; that of the Sluss that was started or signed in to here unless given
    #[arg(long, env = "SLUSS_DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    of: Where,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Ok,
    /// Weaker than it should be.
    Warn,
    /// Stops Sluss from working.
    Bad,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    what: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do about it; empty where nothing is wrong.
    #[serde(rename = "do", skip_serializing_if = "String::is_empty")]
    mend: String,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, state: State::Ok, found: found.into(), mend: String::new() }
    }

    fn warn(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what, state: State::Warn, found: found.into(), mend: mend.into() }
    }

    fn bad(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what, state: State::Bad, found: found.into(), mend: mend.into() }
    }
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Arguments { data, of } = arguments;
    let data = data.or_else(|| of.data()).unwrap_or_else(default_data);
    let mut findings = vec![machine::git(), machine::namespaces(), machine::landlock()];
    findings.extend(machine::folder(&data));
    findings.push(running::host(&data).await);
    findings.extend(running::control_plane(&of, &data).await);
    findings.extend(running::notices(&data));
    findings.push(running::connection());
    match output {
        Output::Json => print_json(&findings),
        Output::Text => show(&findings),
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    if bad == 0 {
        return Ok(());
    }
    let what = format!("{} to mend.", counted(bad as u64, "thing", "things"));
    Err(Failure::new(Blame::Upstream, what, "Mend them from the top, and look again"))
}

fn show(findings: &[Finding]) {
    let mut rows = Vec::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Bad => "bad",
        };
        rows.push([state, finding.what, &finding.found].map(str::to_owned).to_vec());
        if !finding.mend.is_empty() {
            rows.push(["", "", &format!("do: {}", finding.mend)].map(str::to_owned).to_vec());
        }
    }
    print(&table(0, &rows));
}
