//! `sluss findings`: what scanners found in a release, and until when it has to be mended.

use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json};
use super::shape::{list, part, plain, table, word};
use super::times::rfc3339;

/// Digits of a key by which people tell a finding from another one.
const SHORT: usize = 12;

/// Show what scanners found in a release, and until when it has to be mended
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The release: `rel-7`
    release: String,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let path = format!("/api/v1/releases/{}/findings", part(&arguments.release));
    let found = arguments.of.client()?.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => show(&found),
    }
    Ok(())
}

fn show(found: &Value) {
    let all = list(found, "findings");
    if all.is_empty() {
        print(match found["scanned"] == true {
            true => "No finding.",
            false => "No scanner looked.",
        });
        return;
    }
    print(&table(0, &all.iter().map(row).collect::<Vec<_>>()));
    if let Some(key) = all.iter().find(|one| one["overdue"] == true).map(key_of) {
        let service = word(found, "service");
        next(&format!(
            "mend it and push, or ask: `sluss exception ask waiver --service {service} --finding \
             {key} --for 30d --reason …`"
        ));
    }
}

fn key_of(one: &Value) -> String {
    let key = word(one, "key");
    key.get(..SHORT).unwrap_or(key).to_owned()
}

fn row(one: &Value) -> Vec<String> {
    let at = |field: &str| one[field].as_i64().map(rfc3339);
    let state = match (one["overdue"] == true, one["waived_by"].as_str()) {
        (true, _) => "overdue".to_owned(),
        (false, Some(id)) => format!("waived by {id}"),
        (false, None) => "in term".to_owned(),
    };
    let name = match (one["rule"].as_str(), one["count"].as_u64()) {
        (Some(rule), _) => plain(rule),
        (None, Some(count)) if count > 1 => format!("{count} that the log does not name"),
        (None, _) => String::new(),
    };
    let place = match (one["path"].as_str(), one["line"].as_u64()) {
        (Some(path), Some(line)) => format!("{}:{line}", plain(path)),
        (Some(path), None) => plain(path),
        (None, _) => String::new(),
    };
    vec![
        state,
        word(one, "severity").to_owned(),
        key_of(one),
        name,
        place,
        format!("since {}", at("first_ms").unwrap_or_default()),
        at("due_ms").map_or_else(|| "no term".to_owned(), |due| format!("mend by {due}")),
        if one["suppressed"] == true { "suppressed".to_owned() } else { String::new() },
    ]
}
