//! `sluss change`: significant changes, what was confirmed of them, and what tests left.

use clap::ValueEnum;
use serde_json::json;
use sluss_engine::failure::Failure;

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::decide::Person;
use super::shape::part;

/// Mark and confirm significant changes, and say what tests left
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Mark a change as significant: someone else confirms what it may touch
    Significant(Significant),
    /// Confirm that all requirements hold after a significant change
    Confirm(Confirm),
    /// Say whether data and accounts of tests are gone from a release
    CleanCheck(CleanCheck),
}

/// Mark a change as significant
#[derive(Debug, clap::Args)]
pub struct Significant {
    /// The change: `chg-7`
    change: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Confirm a significant change, as someone who did not contribute
#[derive(Debug, clap::Args)]
pub struct Confirm {
    /// The change: `chg-7`
    change: String,
    /// What you looked at, and found
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Left {
    Gone,
    StillThere,
}

/// Say whether data and accounts of tests are gone
#[derive(Debug, clap::Args)]
pub struct CleanCheck {
    /// The release: `rel-7`
    release: String,
    /// Whether they are gone
    #[arg(long)]
    result: Left,
    /// What you looked at, and found
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Significant(Significant { change, reason, person, of }) => {
            let path = format!("/api/v1/changes/{}/significant", part(&change));
            let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
            let said = format!("{change} is significant; someone else confirms it.");
            changed(&done, output, &said, &format!("sluss change confirm {change}"));
        }
        Command::Confirm(Confirm { change, findings, person, of }) => {
            let path = format!("/api/v1/changes/{}/confirm", part(&change));
            let done = person.there(&of)?.post(&path, &json!({ "findings": findings })).await?;
            changed(&done, output, &format!("{change} is confirmed."), "sluss controls show");
        }
        Command::CleanCheck(CleanCheck { release, result, findings, person, of }) => {
            let path = format!("/api/v1/releases/{}/clean-check", part(&release));
            let body = json!({ "passed": result == Left::Gone, "findings": findings });
            let done = person.there(&of)?.post(&path, &body).await?;
            changed(&done, output, "That is recorded.", &format!("sluss promote {release}"));
        }
    }
    Ok(())
}
