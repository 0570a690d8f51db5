//! `sluss incident`: what customers noticed, what caused it, and its end.

use serde_json::json;
use sluss_engine::failure::Failure;

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{list, part, table};
use super::{reporting, status};

/// Report incidents, name their cause, classify and close them, tell the authority in time
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Report one: what went live there within an hour is suspected
    Open(Open),
    /// List incidents, newest first
    List(List),
    /// Name the deployment that caused one
    Link(Link),
    /// Show one with its clocks
    Show(reporting::Show),
    /// Say what one did, in person: whether it is major follows from that
    Classify(Box<reporting::Classify>),
    /// Say in person that a report was sent to the authority
    Notified(reporting::Notified),
    /// Print what the log knows for a report to the authority
    Report(reporting::Report),
    /// Show those with the same cause within six months, as one
    Recurring(reporting::Recurring),
    /// Say that one is over
    Close(Close),
    /// Say in person what was learnt of one that is over, and what follows
    Review(reporting::Review),
}

/// Report an incident
#[derive(Debug, clap::Args)]
pub struct Open {
    /// The service
    service: String,
    /// What customers notice, in a sentence
    #[arg(long)]
    summary: String,
    /// The environment
    #[arg(long, default_value = "production")]
    environment: String,
    #[command(flatten)]
    of: Where,
}

/// List incidents
#[derive(Debug, clap::Args)]
pub struct List {
    /// Also those that are closed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    of: Where,
}

/// Name the cause of an incident
#[derive(Debug, clap::Args)]
pub struct Link {
    /// The incident: `inc-1`
    incident: String,
    /// The deployment: `dep-7`
    deployment: String,
    #[command(flatten)]
    of: Where,
}

/// Close an incident
#[derive(Debug, clap::Args)]
pub struct Close {
    /// The incident: `inc-1`
    incident: String,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Open(arguments) => open(arguments, output).await,
        Command::List(arguments) => show(arguments, output).await,
        Command::Show(arguments) => reporting::show(arguments, output).await,
        Command::Classify(arguments) => reporting::classify(*arguments, output).await,
        Command::Notified(arguments) => reporting::notified(arguments, output).await,
        Command::Review(arguments) => reporting::review(arguments, output).await,
        Command::Report(arguments) => reporting::report(arguments, output).await,
        Command::Recurring(arguments) => reporting::recurring(arguments, output).await,
        Command::Link(Link { incident, deployment, of }) => {
            let path = format!("/api/v1/incidents/{}/link", part(&incident));
            let done = of.client()?.post(&path, &json!({ "deployment": deployment })).await?;
            let what = format!("{deployment} is named as the cause of {incident}.");
            changed(&done, output, &what, "sluss incident list");
            Ok(())
        }
        Command::Close(Close { incident, of }) => {
            let path = format!("/api/v1/incidents/{}/close", part(&incident));
            let done = of.client()?.post(&path, &json!({})).await?;
            changed(&done, output, &format!("{incident} is closed."), "sluss incident list");
            Ok(())
        }
    }
}

async fn open(arguments: Open, output: Output) -> Result<(), Failure> {
    let Open { service, summary, environment, of } = arguments;
    let body = json!({ "service": service, "environment": environment, "summary": summary });
    let done = of.client()?.post("/api/v1/incidents", &body).await?;
    let event = happened(&done, "incident.reported");
    let incident = event.and_then(|event| event["incident"].as_str()).unwrap_or("an incident");
    let suspect = event.and_then(|event| event["suspect"].as_str());
    let (what, next) = match suspect {
        Some(suspect) => (
            format!("{incident} is open; {suspect} went live within the hour and is suspected."),
            format!("sluss rollback {service} --environment {environment}"),
        ),
        None => (
            format!("{incident} is open; nothing went live there within the hour."),
            format!("sluss incident link {incident} DEPLOYMENT"),
        ),
    };
    changed(&done, output, &what, &next);
    Ok(())
}

async fn show(arguments: List, output: Output) -> Result<(), Failure> {
    let mut found = arguments.of.client()?.get("/api/v1/incidents").await?;
    if !arguments.all
        && let Some(incidents) = found["incidents"].as_array_mut()
    {
        // One of which the authority is still to be told is not over.
        incidents.retain(|one| {
            one["closed_ms"].is_null() || one["classified"] == "major" && !one["due_ms"].is_null()
        });
    }
    match output {
        Output::Json => print_json(&found),
        Output::Text if list(&found, "incidents").is_empty() => print("No incident is open."),
        Output::Text => {
            let rows: Vec<Vec<String>> =
                list(&found, "incidents").iter().map(status::incident).collect();
            print(&table(0, &rows));
        }
    }
    Ok(())
}
