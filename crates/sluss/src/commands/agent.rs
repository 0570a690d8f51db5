//! `sluss agent`: what software did that acted for a person.

use std::path::PathBuf;

use serde_json::{Map, Value};
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::shape::part;

/// Record what agents did
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Record what an agent did for a change
    Record(Record),
}

/// Record what an agent did for a change
///
/// The file is a JSON object: `change`, `commits`, `model`, `harness`, `tools_sha256`,
/// `prompts_sha256`, `log`, `started_ms`, `ended_ms`, `result` (`succeeded`, `failed` or
/// `stopped`), and perhaps `log_sha256`. Asked with a token, the agent acts for the person whose
/// it is; that person counts as a contributor to the change.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// The file with what it did
    file: PathBuf,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    let Command::Record(Record { file, of }) = command;
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::new(
            Blame::Caller,
            format!("{} can't be read: {error}.", file.display()),
            "Name the file that the agent wrote",
        )
    })?;
    let (change, told) = read(&text)?;
    let path = format!("/api/v1/changes/{}/agent-runs", part(&change));
    let done = of.client()?.post(&path, &told).await?;
    changed(&done, output, "The run is recorded.", &format!("sluss where {change}"));
    Ok(())
}

/// Returns the change that a record names, and the rest of it. What the rest may be is the server's
/// to say.
fn read(text: &str) -> Result<(String, Value), Failure> {
    let wrong = |what: String| {
        Failure::new(Blame::Caller, what, "See what it holds: `sluss agent record --help`")
    };
    let mut told: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| wrong(format!("The record of an agent is no JSON object: {error}.")))?;
    match told.remove("change") {
        Some(Value::String(change)) => Ok((change, Value::Object(told))),
        Some(_) | None => Err(wrong("The record of an agent names no `change`.".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_record_names_its_change_and_what_is_no_object_is_refused() {
        let (change, rest) = read(r#"{"change": "chg-7", "model": "m"}"#).unwrap();
        assert_eq!((change.as_str(), rest), ("chg-7", serde_json::json!({ "model": "m" })));
        for wrong in ["", "[]", "{}", r#"{"change": 7}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
