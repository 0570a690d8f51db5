//! `sluss where`: where a change, a commit or a service is.

use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{list, part, plain, short, table, word};
use super::status::places;
use super::times::rfc3339;
use crate::client::Client;

/// How much is told of what processes did by themselves.
const FACTS: usize = 3;

/// Show where a change, a commit or a service is
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A change (`chg-7`), a commit (7 digits or more) or a service
    query: String,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let path = format!("/api/v1/where/{}", part(&arguments.query));
    let client = arguments.of.client()?;
    let found = client.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => {
            show(&found);
            tell_why(&client, &found).await?;
        }
    }
    Ok(())
}

/// Says what processes did by themselves in the last deployment of the newest change, where that
/// stopped it.
async fn tell_why(client: &Client, found: &Value) -> Result<(), Failure> {
    let newest = list(found, "changes").first();
    let last = newest.and_then(|change| list(change, "deployments").last());
    let Some(last) = last.filter(|last| !["live", "superseded"].contains(&word(last, "phase")))
    else {
        return Ok(());
    };
    let id = word(last, "deployment");
    let deployment = client.get(&format!("/api/v1/deployments/{}", part(id))).await?;
    let facts: Vec<String> = list(&deployment, "facts").iter().filter_map(fact).collect();
    let rows = facts.len().saturating_sub(FACTS);
    for fact in &facts[rows..] {
        print(&format!("  {id}: {fact}"));
    }
    Ok(())
}

/// Returns what a process did by itself, if it is nothing good.
fn fact(row: &Value) -> Option<String> {
    let what = &row["what"];
    let instance = what["instance"].as_u64().unwrap_or_default();
    let said = match word(what, "what") {
        "exited" => format!("ended by itself with code {}", what["code"]),
        "killed" => "did not end in time and was killed".to_owned(),
        "not_ready_in_time" => "did not become ready in time".to_owned(),
        _nothing_bad => return None,
    };
    let at = rfc3339(row["at"].as_i64().unwrap_or_default());
    Some(format!("instance {instance} {said} ({at})"))
}

fn show(found: &Value) {
    if !list(found, "places").is_empty() {
        print(&places(list(found, "places")));
    }
    for change in list(found, "changes") {
        print(&format!(
            "{}  {}  {}  {}",
            word(change, "change"),
            word(change, "service"),
            short(word(change, "commit")),
            plain(word(change, "title"))
        ));
        print(&table(2, &story(change)));
    }
}

/// Returns what happened to a change, a row each.
fn story(change: &Value) -> Vec<Vec<String>> {
    let at = |key: &str| change[key].as_i64().map(rfc3339).unwrap_or_default();
    let row = |what: &str, of: &str, when: String| vec![what.to_owned(), of.to_owned(), when];
    let mut rows = vec![row("pushed", word(change, "branch"), at("pushed_ms"))];
    for (what, key) in [("run", "run"), ("release", "release")] {
        if let Some(id) = change[key].as_str() {
            rows.push(row(what, id, String::new()));
        }
    }
    for deployment in list(change, "deployments") {
        let of =
            format!("{} in {}", word(deployment, "deployment"), word(deployment, "environment"));
        let when = deployment["live_ms"].as_i64().map(rfc3339).unwrap_or_default();
        rows.push(row(word(deployment, "phase"), &of, when));
    }
    rows.push(row(word(change, "phase"), &plain(word(change, "sentence")), at("delivered_ms")));
    rows
}
