//! `sluss exception` and `sluss delegate`: what goes round a gate, by two people and never unseen.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::decide::Person;
use super::print::{print, print_json, say};
use super::shape::{list, part, plain, table, word};
use super::times::{read_length, rfc3339};

/// Ask for exceptions from gates, grant, end and review them
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Ask for one: it holds once enough others agree
    Ask(Box<Ask>),
    /// List exceptions, newest first
    List(List),
    /// Grant one, with the password given again
    Grant(Decide),
    /// Refuse one, or end it before its time
    End(End),
    /// Say what came of an emergency, as someone who had no part in it
    Review(Review),
    /// Report the emergencies of a period, for the function that answers for risk
    Report(Report),
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Freeze,
    Emergency,
    Waiver,
    ProdData,
    LogTrust,
    Standard,
}

/// Ask for an exception
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// Against a freeze, in an emergency, a waiver of a policy's rule or of findings, one for real
    /// data in tests, to trust the log again that a witness knows otherwise, or a standard change
    kind: Kind,
    /// The deployment, of a freeze or an emergency
    #[arg(long, required_if_eq_any([("kind", "freeze"), ("kind", "emergency")]))]
    deployment: Option<String>,
    /// The service, of a waiver or a standard change
    #[arg(long, required_if_eq_any([("kind", "waiver"), ("kind", "prod-data"), ("kind", "standard")]))]
    service: Option<String>,
    /// The rule of a policy, of a waiver of it
    #[arg(long)]
    rule: Option<String>,
    /// A finding, of a waiver of findings: its key, or the first digits. Once for each
    #[arg(long = "finding", value_name = "KEY", conflicts_with = "rule")]
    findings: Vec<String>,
    /// Files that may differ, of a standard change: `docs/`, `*.md` or one file. Once for each
    #[arg(long = "path", value_name = "PATH", required_if_eq("kind", "standard"))]
    paths: Vec<String>,
    /// How many files at most, of a standard change
    #[arg(long, default_value_t = 10)]
    files: u32,
    /// How many lines at most, added and removed, of a standard change
    #[arg(long, default_value_t = 200)]
    lines: u32,
    /// How many of its releases may be taken back before a standard change is suspended
    #[arg(long, default_value_t = 1)]
    failures: u32,
    /// What is broken, of an emergency: `inc-7`; a new incident unless given
    #[arg(long)]
    incident: Option<String>,
    /// The login of who answers for a standard change; you unless given
    #[arg(long)]
    owner: Option<String>,
    /// The group of which one must agree to a standard change: its independent function
    #[arg(long, value_name = "GROUP")]
    function: Option<String>,
    /// How many points of risk a release of a standard change may have at most
    #[arg(long, value_name = "POINTS")]
    max_risk: Option<u8>,
    /// A gate that a release of a standard change must clear: `sbom`. Once for each
    #[arg(long = "evidence", value_name = "GATE")]
    required_evidence: Vec<String>,
    /// Why
    #[arg(long)]
    reason: String,
    /// What guards meanwhile instead, of a waiver
    #[arg(long, required_if_eq_any([("kind", "waiver"), ("kind", "prod-data")]))]
    instead: Option<String>,
    /// Where alone a waiver holds; everywhere unless given. Real data name it
    #[arg(long, required_if_eq("kind", "prod-data"))]
    environment: Option<String>,
    /// For how long: an emergency `1h`, a freeze `24h`, a waiver `90d`, a standard change `365d`
    #[arg(long = "for", value_name = "LENGTH", default_value = "1h")]
    length: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// List exceptions
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    of: Where,
}

/// Grant an exception
#[derive(Debug, clap::Args)]
pub struct Decide {
    /// The exception: `exc-1`
    exception: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// End an exception
#[derive(Debug, clap::Args)]
pub struct End {
    /// The exception: `exc-1`
    exception: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Review an emergency
#[derive(Debug, clap::Args)]
pub struct Review {
    /// The emergency: `exc-1`
    exception: String,
    /// What happened, and what follows from it
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Report the emergencies of a period
#[derive(Debug, clap::Args)]
pub struct Report {
    /// The first day, of UTC: `2026-01-01`; thirty days ago unless given
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last day, included; today unless given
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    #[command(flatten)]
    of: Where,
}

/// Let another person who may decide do so for you
#[derive(Debug, clap::Args)]
pub struct Delegate {
    /// The login of who decides meanwhile
    to: String,
    /// For how long: `14d`
    #[arg(long = "for", value_name = "LENGTH", required_unless_present = "end")]
    length: Option<String>,
    /// Take back, from now on, that they decide for you
    #[arg(long, conflicts_with = "length")]
    end: bool,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs `sluss exception`.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Ask(arguments) => ask(*arguments, output).await,
        Command::Report(arguments) => report(&arguments, output).await,
        Command::List(List { of }) => show(&of, output).await,
        Command::Grant(Decide { exception, person, of }) => {
            grant(&exception, person, &of, output).await
        }
        Command::End(End { exception, person, of }) => {
            let path = format!("/api/v1/exceptions/{}/end", part(&exception));
            let client = person.there(&of)?;
            let done = client.post(&path, &json!({})).await?;
            // It is ended, whether or not can be read how.
            let found = client.get("/api/v1/exceptions").await.unwrap_or_default();
            let mut all = list(&found, "exceptions").iter();
            let one = all.find(|one| word(one, "exception") == exception);
            let state = one.map_or("ended", |one| word(one, "state"));
            changed(&done, output, &format!("{exception} is {state}."), "sluss exception list");
            Ok(())
        }
        Command::Review(Review { exception, findings, person, of }) => {
            let path = format!("/api/v1/exceptions/{}/review", part(&exception));
            let body = json!({ "findings": findings });
            let done = person.there(&of)?.post(&path, &body).await?;
            changed(&done, output, &format!("{exception} is reviewed."), "sluss exception list");
            Ok(())
        }
    }
}

/// Shows what is asked for before the password that grants it.
async fn grant(id: &str, person: Person, of: &Where, output: Output) -> Result<(), Failure> {
    if let Some(asked) = found(of, id).await {
        for line in brief(&asked) {
            say(&line);
        }
    }
    let path = format!("/api/v1/exceptions/{}/grant", part(id));
    let done = person.there(of)?.post(&path, &json!({})).await?;
    let more = found(of, id).await.and_then(|one| one["still_asks"].as_u64()).unwrap_or(0);
    let more = match more {
        0 => String::new(),
        1 => " 1 more person must agree.".to_owned(),
        more => format!(" {more} more people must agree."),
    };
    changed(&done, output, &format!("You granted {id}.{more}"), "sluss exception list");
    Ok(())
}

/// Looks an exception up; a person who sees none is still asked, and told by who decides.
async fn found(of: &Where, id: &str) -> Option<Value> {
    let all = of.client().ok()?.get("/api/v1/exceptions").await.ok()?;
    list(&all, "exceptions").iter().find(|one| one["exception"] == id).cloned()
}

/// What somebody is to know who grants it.
fn brief(one: &Value) -> Vec<String> {
    let until = one["until_ms"].as_i64().map(rfc3339).unwrap_or_default();
    let of = about(one).join(" ");
    let mut lines = vec![
        format!("{}: {} {of}, until {until}", word(one, "exception"), word(one, "kind")),
        format!("  asked by   {}", plain(word(&one["asked_by"], "name"))),
        format!("  reason     {}", plain(one["reason"].as_str().unwrap_or("not kept any more"))),
    ];
    if let Some(instead) = one["compensating"].as_str() {
        lines.push(format!("  instead    {}", plain(instead)));
    }
    if let Some(incident) = one["incident"].as_str() {
        lines.push(format!("  incident   {incident}"));
    }
    lines.extend(fits(&one["model"]));
    lines
}

/// What a release is that goes without anybody's word by a standard change.
fn fits(model: &Value) -> Vec<String> {
    if !model.is_object() {
        return Vec::new();
    }
    let words = |key: &str| {
        let all: Vec<&str> = list(model, key).iter().filter_map(Value::as_str).collect();
        plain(&all.join(", "))
    };
    let number = |key: &str| model[key].as_u64().unwrap_or(0);
    let bounds = format!("{} files, {} lines at most", number("files"), number("lines"));
    let mut lines = vec![
        format!("  fits       {}; {bounds}", words("paths")),
        format!("  suspended  once {} of its releases fail", number("failures")),
    ];
    if let Some(points) = model["max_risk"].as_u64() {
        lines.push(format!("  risk       {points} points at most"));
    }
    if !list(model, "required_evidence").is_empty() {
        lines.push(format!("  clears     {}", words("required_evidence")));
    }
    lines
}

/// What it is about: a deployment, a service, a rule, findings.
fn about(one: &Value) -> Vec<String> {
    let about =
        ["deployment", "service", "environment", "rule"].map(|key| word(one, key).to_owned());
    let findings = list(one, "findings").iter().filter_map(Value::as_str);
    let findings = findings.map(|key| key.get(..12).unwrap_or(key).to_owned());
    about.into_iter().filter(|text| !text.is_empty()).chain(findings).collect()
}

/// Runs `sluss delegate`.
pub(super) async fn delegate(arguments: Delegate, output: Output) -> Result<(), Failure> {
    let Delegate { to, length, end: _, person, of } = arguments;
    let seconds = length.as_deref().map(read_length).transpose()?.map_or(0, |time| time / 1000);
    let body = json!({ "to": to, "for_seconds": seconds });
    let done = person.there(&of)?.post("/api/v1/delegations", &body).await?;
    let said = match length {
        Some(length) => format!("{to} decides for you, for {length}."),
        None => format!("{to} decides for you no more."),
    };
    changed(&done, output, &said, "sluss status");
    Ok(())
}

async fn ask(arguments: Ask, output: Output) -> Result<(), Failure> {
    let Ask { kind, deployment, service, rule, reason, length, of, .. } = &arguments;
    let kind = match kind {
        Kind::Freeze => "freeze",
        Kind::Emergency => "emergency",
        Kind::Waiver => "waiver",
        Kind::ProdData => "prod_data",
        Kind::LogTrust => "log_trust",
        Kind::Standard => "standard",
    };
    let model = (kind == "standard").then(|| model_of(&arguments));
    let body = json!({
        "kind": kind, "deployment": deployment, "service": service, "rule": rule,
        "findings": arguments.findings,
        "reason": reason, "for_seconds": read_length(length)? / 1000, "model": model,
        "incident": arguments.incident,
        "compensating": arguments.instead, "environment": arguments.environment,
    });
    let of = of.clone();
    let done = arguments.person.there(&of)?.post("/api/v1/exceptions", &body).await?;
    let asked = happened(&done, "exception.requested");
    let id = asked.and_then(|event| event["exception"].as_str()).unwrap_or("it").to_owned();
    let what = format!("{id} is asked for; someone else must agree.");
    changed(&done, output, &what, &format!("sluss exception grant {id}"));
    Ok(())
}

fn model_of(asked: &Ask) -> Value {
    let Ask { paths, files, lines, failures, owner, function, max_risk, .. } = asked;
    json!({
        "paths": paths, "files": files, "lines": lines, "failures": failures, "owner": owner,
        "function": function, "max_risk": max_risk,
        "required_evidence": asked.required_evidence,
    })
}

async fn report(Report { from, to, of }: &Report, output: Output) -> Result<(), Failure> {
    let day = |text: &Option<String>| text.as_deref().map(part).unwrap_or_default();
    let query = format!("from={}&to={}", day(from), day(to));
    let found = of.client()?.get(&format!("/api/v1/exceptions/report?{query}")).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => print(&text_of(&found)),
    }
    Ok(())
}

fn text_of(found: &Value) -> String {
    let row = |one: &Value| {
        let of = &one["exception"];
        let told = |key: &str| one[key].as_i64().map_or_else(|| "-".to_owned(), rfc3339);
        let review = match (one["reviewed_ms"].as_i64(), of["review_overdue"] == true) {
            (Some(at), _) => format!("reviewed {}", rfc3339(at)),
            (None, true) => format!("review overdue since {}", told("review_due_ms")),
            (None, false) => format!("review due {}", told("review_due_ms")),
        };
        vec![
            word(of, "exception").to_owned(),
            word(of, "state").to_owned(),
            format!("{} in {}", word(one, "service"), word(one, "environment")),
            one["incident"].as_str().unwrap_or("no incident").to_owned(),
            format!("risk told by {}", told("report_due_ms")),
            review,
        ]
    };
    let rows: Vec<Vec<String>> = list(found, "emergencies").iter().map(row).collect();
    let real = |one: &Value| {
        let until = one["until_ms"].as_i64().map(rfc3339).unwrap_or_default();
        vec![
            word(one, "exception").to_owned(),
            word(one, "state").to_owned(),
            format!("real data of {} in {}", word(one, "service"), word(one, "environment")),
            format!("until {until}"),
        ]
    };
    let real: Vec<Vec<String>> = list(found, "real_data").iter().map(real).collect();
    let number = |key: &str| found[key].as_u64().unwrap_or(0);
    format!(
        "Emergencies from {} to {}: {} asked for, {} granted; {} wait for review, {} too long.\n{}{}",
        word(found, "from"),
        word(found, "to"),
        rows.len(),
        number("granted"),
        number("unreviewed"),
        number("overdue"),
        table(0, &rows),
        table(0, &real)
    )
}

async fn show(of: &Where, output: Output) -> Result<(), Failure> {
    let found = of.client()?.get("/api/v1/exceptions").await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text if list(&found, "exceptions").is_empty() => print("No exception."),
        Output::Text => {
            let row = |one: &Value| {
                let review = match (one["review_overdue"] == true, one["review_due"] == true) {
                    (true, _) => "review overdue",
                    (false, true) => "to be reviewed",
                    (false, false) => "",
                };
                vec![
                    word(one, "exception").to_owned(),
                    word(one, "kind").to_owned(),
                    word(one, "state").to_owned(),
                    about(one).join(" "),
                    format!("until {}", rfc3339(one["until_ms"].as_i64().unwrap_or(0))),
                    review.to_owned(),
                    plain(word(&one["asked_by"], "name")),
                    plain(word(one, "reason")),
                ]
            };
            let rows: Vec<Vec<String>> = list(&found, "exceptions").iter().map(row).collect();
            print(&table(0, &rows));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_grants_is_shown_what_is_asked_for_by_whom_and_why() {
        let asked = json!({
            "exception": "exc-1", "kind": "waiver", "service": "pay", "rule": "licence",
            "until_ms": 0, "asked_by": { "name": "Anna" }, "reason": "The scanner\nis down",
            "compensating": "By hand",
        });
        let said = brief(&asked).join("\n");
        assert!(
            said.starts_with("exc-1: waiver pay licence, until 1970-01-01T00:00:00Z\n"),
            "{said}"
        );
        assert!(said.contains("asked by   Anna") && said.contains("instead    By hand"), "{said}");
        assert!(!said.contains("scanner\nis"), "one line each: {said}");
        let model = json!({ "paths": ["docs/", "*.md"], "files": 3, "lines": 5, "failures": 1,
            "max_risk": 2, "required_evidence": ["sbom"] });
        let said = fits(&model).join("\n");
        assert!(said.contains("docs/, *.md; 3 files, 5 lines at most"), "{said}");
        assert!(said.contains("clears     sbom") && said.contains("2 points"), "{said}");
    }
}
