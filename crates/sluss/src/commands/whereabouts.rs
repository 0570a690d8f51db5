//! `sluss where`: where a change, a commit or a service is.

use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{list, part, plain, short, table, word};
use super::status::places;
use super::times::rfc3339;

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
    let found = arguments.of.client()?.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => show(&found),
    }
    Ok(())
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
