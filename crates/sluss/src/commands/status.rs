//! `sluss status`: what is live, on its way, and waiting for whom.

use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json};
use super::shape::{list, people, plain, reason, share, short, table, word};
use super::times::{length, now_ms, rfc3339};

/// Show what is live, on its way, and waiting for whom
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let status = arguments.of.client()?.get("/api/v1/status").await?;
    match output {
        Output::Json => print_json(&status),
        Output::Text => show(&status),
    }
    Ok(())
}

fn show(status: &Value) {
    if status["clock_gap"].as_bool() == Some(true) {
        print("The clock can't be trusted: nothing goes forward until it can. See `sluss doctor`.");
    }
    if status["unwritable_since_ms"].is_i64() {
        print("The log can't be written: nothing goes forward, what is live can be taken back.");
    }
    for record in list(status, "put_aside") {
        print(&format!(
            "Put aside until the log can be written: {} in {} went back from {} to {}.",
            word(record, "service"),
            word(record, "environment"),
            word(record, "deployment"),
            word(record, "to"),
        ));
    }
    for stop in list(status, "stops") {
        print(&format!(
            "The line is stopped for {} ({}): {}",
            word(stop, "words").replace('`', ""),
            word(stop, "stop"),
            plain(word(stop, "reason"))
        ));
    }
    for remark in list(status, "remarks").iter().filter_map(Value::as_str) {
        print(&format!("Remark: {}", remark.replace('`', "")));
    }
    let services = list(status, "services");
    if services.is_empty() {
        print("No service yet.");
        next("`sluss init` in a repository");
    }
    for service in services {
        let product = word(service, "product");
        let of = if product == word(service, "service") { "" } else { product };
        let of = if of.is_empty() { String::new() } else { format!("  ({of})") };
        print(&format!("{}{of}", word(service, "service")));
        print(&places(list(service, "places")));
    }
    section("On their way", list(status, "changes"), on_its_way);
    section("Waiting for a second person", list(status, "approvals"), waiting);
    section("Incidents", list(status, "incidents"), incident);
    section("Freezes", list(status, "freezes"), freeze);
    if let Some(first) = list(status, "approvals").first() {
        next(&format!("sluss approve {}", word(first, "subject")));
    }
}

fn section(title: &str, what: &[Value], row: fn(&Value) -> Vec<String>) {
    if what.is_empty() {
        return;
    }
    print(title);
    print(&table(2, &what.iter().map(row).collect::<Vec<_>>()));
}

/// Returns what is where, a line each.
pub(super) fn places(places: &[Value]) -> String {
    let mut rows = Vec::new();
    for place in places {
        let before = rows.len();
        for key in ["rolling", "live"] {
            rows.extend(place[key].as_object().map(|_| deployment(place, &place[key])));
        }
        for waits in list(place, "waiting") {
            rows.push(deployment(place, waits));
        }
        if rows.len() == before {
            rows.push(vec![word(place, "environment").to_owned(), "nothing".to_owned()]);
        }
    }
    let budget = |place: &Value| {
        let sentence = plain(place["error_budget"]["sentence"].as_str()?);
        Some(format!("  {}, error budget: {sentence}\n", word(place, "environment")))
    };
    let overdue = |place: &Value| {
        let sentence = plain(place["findings_overdue"]["sentence"].as_str()?);
        Some(format!("  {}, findings: {sentence}\n", word(place, "environment")))
    };
    let told = |place| budget(place).into_iter().chain(overdue(place)).collect::<String>();
    table(2, &rows) + &places.iter().map(told).collect::<String>()
}

fn deployment(place: &Value, brief: &Value) -> Vec<String> {
    let basis_points = brief["share_basis_points"].as_u64().unwrap_or(0);
    let takes = if basis_points == 0 { String::new() } else { share(basis_points) };
    let mut row = vec![
        word(place, "environment").to_owned(),
        word(brief, "phase").to_owned(),
        takes,
        word(brief, "deployment").to_owned(),
        word(brief, "release").to_owned(),
        short(word(brief, "commit")).to_owned(),
        plain(word(brief, "title")),
    ];
    if let Some(wait) = list(brief, "waits").first() {
        row.push(format!("- {}", reason(wait)));
    }
    row
}

fn on_its_way(change: &Value) -> Vec<String> {
    vec![
        word(change, "change").to_owned(),
        word(change, "service").to_owned(),
        short(word(change, "commit")).to_owned(),
        plain(word(change, "title")),
        format!("- {}", plain(word(change, "sentence"))),
    ]
}

fn waiting(asked: &Value) -> Vec<String> {
    let since = now_ms() - asked["since_ms"].as_i64().unwrap_or_default();
    vec![
        word(asked, "subject").to_owned(),
        format!("for {}", length(since)),
        plain(word(asked, "why")),
        format!("- {}", plain(&people(asked, "may_decide"))),
    ]
}

pub(super) fn incident(incident: &Value) -> Vec<String> {
    vec![
        word(incident, "incident").to_owned(),
        word(incident, "state").to_owned(),
        word(incident, "service").to_owned(),
        word(incident, "environment").to_owned(),
        format!("{} {}", word(incident, "deployment"), word(incident, "cause")),
        due(incident),
    ]
}

/// Returns what is to be done about an incident, and until when.
fn due(incident: &Value) -> String {
    let class = word(incident, "classified");
    let (Some(what), Some(due)) = (incident["due"].as_str(), incident["due_ms"].as_i64()) else {
        return class.to_owned();
    };
    let left = length(due - now_ms());
    match incident["overdue"] == true {
        true => format!("{class}; OVERDUE since {left}: {what}"),
        false => format!("{class}; {what} within {left}"),
    }
}

/// Returns a freeze as a row.
pub(super) fn freeze(freeze: &Value) -> Vec<String> {
    let all = |key: &str, every: &str| freeze[key].as_str().unwrap_or(every).to_owned();
    vec![
        word(freeze, "freeze").to_owned(),
        all("service", "every service"),
        all("environment", "every environment"),
        format!("until {}", rfc3339(freeze["until_ms"].as_i64().unwrap_or_default())),
        plain(word(freeze, "reason")),
    ]
}
