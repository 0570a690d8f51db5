//! `sluss freeze`: times in which no release gets in.

use serde_json::json;
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::decide::Person;
use super::print::{print, print_json};
use super::shape::{list, part, table};
use super::status;
use super::times::{now_ms, read_length, read_rfc3339, rfc3339};

/// Keep releases out for a time
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Set a freeze: rollouts that have begun go on, and taking back is always possible
    Set(Set),
    /// List freezes, newest first
    List(List),
    /// Lift a freeze before its end: another approver, who contributed to nothing that it keeps
    Lift(Lift),
    /// Show the months to come: when nothing goes, and why
    Preview(super::preview::Preview),
}

/// Set a freeze
#[derive(Debug, clap::Args)]
pub struct Set {
    /// For how long from now: `90m`, `2h`, `3d`
    #[arg(long = "for", value_name = "LENGTH", required_unless_present = "until")]
    length: Option<String>,
    /// Until when: `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "RFC3339", conflicts_with = "length")]
    until: Option<String>,
    /// Why, for those who wait
    #[arg(long)]
    reason: String,
    /// For which service; for all unless given
    #[arg(long)]
    service: Option<String>,
    /// For which environment; for all unless given
    #[arg(long)]
    environment: Option<String>,
    #[command(flatten)]
    of: Where,
}

/// List freezes
#[derive(Debug, clap::Args)]
pub struct List {
    /// Also those that are over
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    of: Where,
}

/// Lift a freeze
#[derive(Debug, clap::Args)]
pub struct Lift {
    /// The freeze: `frz-1`
    freeze: String,
    /// Why it may end
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Set(arguments) => set(arguments, output).await,
        Command::List(arguments) => show(arguments, output).await,
        Command::Preview(arguments) => super::preview::run(arguments, output).await,
        Command::Lift(Lift { freeze, reason, person, of }) => {
            let path = format!("/api/v1/freezes/{}/lift", part(&freeze));
            let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
            changed(&done, output, &format!("The freeze {freeze} is lifted."), "sluss status");
            Ok(())
        }
    }
}

async fn set(arguments: Set, output: Output) -> Result<(), Failure> {
    let Set { length, until, reason, service, environment, of } = arguments;
    let mut body = json!({ "service": service, "environment": environment, "reason": reason });
    let until_ms = match (length, until) {
        (Some(length), _) => {
            let ms = read_length(&length)?;
            body["for_seconds"] = json!(u32::try_from(ms / 1000).map_err(|_| too_long(&length))?);
            now_ms().saturating_add(ms)
        }
        (None, until) => {
            let until = read_rfc3339(&until.unwrap_or_default())?;
            body["until_ms"] = json!(until);
            until
        }
    };
    let done = of.client()?.post("/api/v1/freezes", &body).await?;
    let freeze = happened(&done, "freeze.set").and_then(|e| e["freeze"].as_str());
    let freeze = freeze.unwrap_or("a freeze").to_owned();
    let whom = match (service, environment) {
        (None, None) => "Nothing gets in anywhere".to_owned(),
        (Some(service), None) => format!("{service} gets in nowhere"),
        (None, Some(environment)) => format!("Nothing gets into {environment}"),
        (Some(service), Some(environment)) => format!("{service} does not get into {environment}"),
    };
    let what = format!("{whom} until {} ({freeze}).", rfc3339(until_ms));
    changed(
        &done,
        output,
        &what,
        &format!("sluss freeze lift {freeze} --reason …, by another approver"),
    );
    Ok(())
}

fn too_long(length: &str) -> Failure {
    let what = format!("A freeze of {length} is too long.");
    Failure::new(Blame::Caller, what, "Give its end instead: `--until 2026-01-31T12:00:00Z`")
}

async fn show(arguments: List, output: Output) -> Result<(), Failure> {
    let mut found = arguments.of.client()?.get("/api/v1/freezes").await?;
    if !arguments.all
        && let Some(freezes) = found["freezes"].as_array_mut()
    {
        let now = now_ms();
        freezes.retain(|freeze| {
            freeze["lifted_ms"].is_null() && freeze["until_ms"].as_i64().is_some_and(|at| now < at)
        });
    }
    match output {
        Output::Json => print_json(&found),
        Output::Text if list(&found, "freezes").is_empty() => print("No freeze."),
        Output::Text => {
            let rows = list(&found, "freezes").iter().map(|freeze| {
                let mut row = status::freeze(freeze);
                let lifted = freeze["lifted_ms"].as_i64().map(rfc3339);
                row.extend(lifted.map(|at| format!("lifted {at}")));
                row
            });
            print(&table(0, &rows.collect::<Vec<_>>()));
        }
    }
    Ok(())
}
