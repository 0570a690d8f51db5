//! `sluss keys`: the keys that sign, and handing over from one to another.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::decide::Person;
use super::print::{next, print, print_json};
use super::shape::{list, plain, table, word};

/// List the keys that sign, and hand over from one to another
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List every key there ever was, with the entries that it counts for
    List(Where),
    /// Make a new key and hand over to it: from then on both sign
    Rotate(Change),
    /// End the former key, once whoever verifies has the new one
    Retire(Change),
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Log,
    Attestations,
}

/// A key that is handed over, or ended
#[derive(Debug, clap::Args)]
pub struct Change {
    /// The key of the log's checkpoints, or of attestations and dossiers
    of: Kind,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    at: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    let (found, hint) = match command {
        Command::List(at) => (at.client()?.get("/api/v1/keys").await?, None),
        Command::Rotate(change) => {
            let hint = "Give the new key to whoever verifies: `sluss log trust --out FOLDER`";
            (changed(change, "rotate").await?, Some(hint))
        }
        Command::Retire(change) => (changed(change, "retire").await?, None),
    };
    match output {
        Output::Json => print_json(&found),
        Output::Text => {
            let rows: Vec<Vec<String>> = list(&found, "keys").iter().map(row).collect();
            print(&table(0, &rows));
        }
    }
    if let Some(hint) = hint {
        next(hint);
    }
    Ok(())
}

async fn changed(change: Change, act: &str) -> Result<Value, Failure> {
    let Change { of, person, at } = change;
    let of = match of {
        Kind::Log => "log",
        Kind::Attestations => "attestations",
    };
    person.there(&at)?.post(&format!("/api/v1/keys/{act}"), &json!({ "of": of })).await
}

fn row(key: &Value) -> Vec<String> {
    let until = match key["until_leaf"].as_u64() {
        Some(until) => format!("until entry {until}"),
        None => "signs".to_owned(),
    };
    vec![
        word(key, "of").to_owned(),
        format!("from entry {}", key["from_leaf"]),
        until,
        plain(word(key, "key")),
    ]
}
