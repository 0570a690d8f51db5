//! `sluss stop-line` and `sluss lift-line`: everything in a scope stands still, until two others
//! agree that it runs again.

use serde_json::json;
use sluss_engine::failure::Failure;

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::decide::Person;
use super::shape::part;

/// Stop the line: at once nothing in a scope starts or grows
///
/// Taking back is possible all the while. Neither a freeze's override nor an emergency goes past
/// it; two others who may decide lift it.
#[derive(Debug, clap::Args)]
pub struct Stop {
    /// What: `all`, `product:NAME`, `service:NAME` or `environment:NAME`
    scope: String,
    /// Why, for those who wait
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    of: Where,
}

/// Agree that the line runs again: two others must
#[derive(Debug, clap::Args)]
pub struct Lift {
    /// The stop: `stp-1`
    stop: String,
    /// Why it may
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs `sluss stop-line`.
pub(super) async fn stop(arguments: Stop, output: Output) -> Result<(), Failure> {
    let Stop { scope, reason, of } = arguments;
    let body = json!({ "scope": scope, "reason": reason });
    let done = of.client()?.post("/api/v1/stops", &body).await?;
    let id = happened(&done, "line.stopped").and_then(|event| event["stop"].as_str());
    let id = id.unwrap_or("it").to_owned();
    let what = format!("The line is stopped for {scope} ({id}): nothing starts or grows.");
    changed(&done, output, &what, &format!("sluss lift-line {id} --reason …, by two others"));
    Ok(())
}

/// Runs `sluss lift-line`.
pub(super) async fn lift(arguments: Lift, output: Output) -> Result<(), Failure> {
    let Lift { stop, reason, person, of } = arguments;
    let path = format!("/api/v1/stops/{}/lift", part(&stop));
    let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
    let what = match happened(&done, "line.lifted") {
        Some(_) => format!("{stop} is lifted: the line runs again."),
        None => format!("You agreed to lift {stop}; it takes one more person."),
    };
    changed(&done, output, &what, "sluss status");
    Ok(())
}
