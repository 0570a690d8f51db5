//! What developers ask for: promote, roll back, hold, resume, cancel.

use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::decide::Person;
use super::print::{next, print_json, say};
use super::shape::{list, part, plain, word};

/// Ask for a release to be live in the next environment
#[derive(Debug, clap::Args)]
pub struct Promote {
    /// The release: `rel-7`
    release: String,
    /// The environment; the next one unless given
    #[arg(long, value_name = "ENVIRONMENT")]
    to: Option<String>,
    /// Lift the bar of a release that was taken back
    #[arg(long)]
    unbar: bool,
    #[command(flatten)]
    of: Where,
}

/// Take back what is rolling out or live
///
/// What was live before takes all traffic at once; nothing is built and nobody is asked. It works
/// while the log can't be written, too: see docs/unavailable.md.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// The service
    service: String,
    /// The environment
    #[arg(long, default_value = "production")]
    environment: String,
    #[command(flatten)]
    of: Where,
}

/// Hold a rollout.
#[derive(Debug, clap::Args)]
pub struct OfDeployment {
    /// The deployment: `dep-7`
    deployment: String,
    #[command(flatten)]
    of: Where,
}

/// Resume a rollout
///
/// A first release has nothing beside it that it is compared with: there the word of an approver
/// who had no hand in it stands for proof, given in person with `--login`.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The deployment: `dep-7`
    deployment: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Cancel a run
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// The run: `run-7`
    run: String,
    #[command(flatten)]
    of: Where,
}

/// Runs `sluss promote`.
pub(super) async fn promote(arguments: Promote, output: Output) -> Result<(), Failure> {
    let Promote { release, to, unbar, of } = arguments;
    let path = format!("/api/v1/releases/{}/promote", part(&release));
    let done = of.client()?.post(&path, &json!({ "environment": to, "unbar": unbar })).await?;
    let made = happened(&done, "deployment.requested").and_then(|e| e["deployment"].as_str());
    let what = match made {
        Some(deployment) => format!("{release} is to go further: {deployment} was requested."),
        None => format!("{release} is to go further."),
    };
    changed(&done, output, &what, "sluss status");
    Ok(())
}

/// Runs `sluss rollback`.
pub(super) async fn rollback(arguments: Rollback, output: Output) -> Result<(), Failure> {
    let Rollback { service, environment, of } = arguments;
    let path = format!("/api/v1/places/{}/{}/rollback", part(&service), part(&environment));
    let done = of.client()?.post(&path, &json!({})).await?;
    let what = match done["put_aside"]["number"].as_u64() {
        None => format!("{service} is taken back in {environment}."),
        Some(number) => {
            let to = plain(word(&done["put_aside"], "to"));
            format!(
                "{service} is taken back in {environment}: {to} has all traffic. The log can't be \
                 written, so this was put aside as record {number}; it is taken into the log once \
                 that can be written. Make space on the disk of the data folder."
            )
        }
    };
    changed(&done, output, &what, &format!("sluss where {service}"));
    Ok(())
}

/// Runs `sluss hold`.
pub(super) async fn hold(arguments: OfDeployment, output: Output) -> Result<(), Failure> {
    let OfDeployment { deployment, of } = arguments;
    let path = format!("/api/v1/deployments/{}/hold", part(&deployment));
    let done = of.client()?.post(&path, &json!({})).await?;
    let what = format!("{deployment} is held at its share.");
    changed(&done, output, &what, &format!("sluss resume {deployment}"));
    Ok(())
}

/// Runs `sluss resume`.
pub(super) async fn resume(arguments: Resume, output: Output) -> Result<(), Failure> {
    let Resume { deployment, person, of } = arguments;
    let path = format!("/api/v1/deployments/{}/resume", part(&deployment));
    let there = if person.is_named() { person.there(&of)? } else { of.client()? };
    let done = there.post(&path, &json!({})).await?;
    changed(&done, output, &format!("{deployment} goes on."), "sluss status");
    Ok(())
}

/// Runs `sluss cancel`.
pub(super) async fn cancel(arguments: Cancel, output: Output) -> Result<(), Failure> {
    let Cancel { run, of } = arguments;
    let path = format!("/api/v1/runs/{}/cancel", part(&run));
    let done = of.client()?.post(&path, &json!({})).await?;
    changed(&done, output, &format!("{run} is cancelled."), "sluss status");
    Ok(())
}

/// Says what changed and what to do next.
pub(super) fn changed(done: &Value, output: Output, what: &str, then: &str) {
    if matches!(output, Output::Json) {
        print_json(done);
    }
    say(what);
    next(then);
}

/// Returns what happened under this name.
pub(super) fn happened<'a>(done: &'a Value, kind: &str) -> Option<&'a Value> {
    let found = list(done, "events").iter().find(|event| word(event, "type") == kind);
    found.map(|event| &event["data"])
}
