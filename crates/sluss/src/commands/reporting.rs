//! `sluss incident classify`, `notified`, `show`, `report` and `recurring`: what an incident did,
//! and until when the authority is to be told.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::decide::Person;
use super::print::{print, print_json};
use super::shape::{list, part, plain, table, word};
use super::times::{length, now_ms, read_length, read_rfc3339, rfc3339};

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Initial,
    Intermediate,
    Final,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Intermediate => "intermediate",
            Self::Final => "final",
        }
    }
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    Yes,
    No,
}

/// Say what an incident did, in person: whether it is major follows from that
///
/// What is left out is as it was said before, or not known; an estimate counts. It is *not major*
/// only where enough is known to say so.
#[derive(Debug, clap::Args)]
pub struct Classify {
    /// The incident: `inc-1`
    incident: String,
    /// Whether critical services were affected
    #[arg(long, value_name = "YES|NO")]
    critical: Option<Answer>,
    /// How many clients were affected
    #[arg(long, value_name = "NUMBER")]
    clients: Option<u64>,
    /// Which share of the clients of the service these are: `12.5%`
    #[arg(long, value_name = "SHARE")]
    clients_share: Option<String>,
    /// Which share of the financial counterparts was affected
    #[arg(long, value_name = "SHARE")]
    counterparts_share: Option<String>,
    /// How many transactions were affected, as a share of their daily average
    #[arg(long, value_name = "SHARE")]
    transactions_share: Option<String>,
    /// Their amount, as a share of the daily average
    #[arg(long, value_name = "SHARE")]
    amount_share: Option<String>,
    /// Whether clients or counterparts that you call relevant were affected
    #[arg(long, value_name = "YES|NO")]
    relevant_clients: Option<Answer>,
    /// Whether the reputation suffers: media, repeated complaints, requirements not met, clients
    /// lost
    #[arg(long, value_name = "YES|NO")]
    reputation: Option<Answer>,
    /// For how long what supports critical functions was down, wholly or in part: `2h5m`, or `none`
    #[arg(long, value_name = "LENGTH")]
    downtime: Option<String>,
    /// Where it was felt: `DE,FR`, or `none`
    #[arg(long, value_name = "STATES")]
    member_states: Option<String>,
    /// Whether data were lost, with harm
    #[arg(long, value_name = "YES|NO")]
    data_loss: Option<Answer>,
    /// Whether somebody malicious got in, so that data may be lost
    #[arg(long, value_name = "YES|NO")]
    malicious_access: Option<Answer>,
    /// Costs and losses in whole euros, rounded up
    #[arg(long, value_name = "EUROS")]
    cost: Option<u64>,
    /// Nothing was affected beside what is said, now or before
    #[arg(long)]
    nothing_else: bool,
    /// Confirm what Sluss proposes, where nothing else is said: `sluss incident show`
    #[arg(long)]
    confirm_proposed: bool,
    /// A name of its apparent cause, which others may share: `expired-certificate`
    #[arg(long, value_name = "NAME")]
    cause: Option<String>,
    /// Look at it as one with the others that have this cause: `sluss incident recurring`
    #[arg(long)]
    recurring: bool,
    /// When it occurred: `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "MOMENT")]
    occurred: Option<String>,
    /// When somebody who answers for it became aware of it; not after it was opened
    #[arg(long, value_name = "MOMENT")]
    aware: Option<String>,
    /// When it was classified; now unless given
    #[arg(long, value_name = "MOMENT")]
    at: Option<String>,
    /// Why; needed where it ends a limit, or moves it later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Say in person that a report was sent to the authority
#[derive(Debug, clap::Args)]
pub struct Notified {
    /// The incident: `inc-1`
    incident: String,
    /// Which report
    report: Kind,
    /// What was sent, or under which reference
    #[arg(long)]
    reference: String,
    /// When it was sent: `2026-01-31T12:00:00Z`; now unless given
    #[arg(long, value_name = "MOMENT")]
    at: Option<String>,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Say in person what was learnt of an incident that is over, and what follows
#[derive(Debug, clap::Args)]
pub struct Review {
    /// The incident: `inc-1`
    incident: String,
    /// What was learnt, and what follows
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Show an incident with its clocks
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The incident: `inc-1`
    incident: String,
    #[command(flatten)]
    of: Where,
}

/// Print what the log knows for a report to the authority
#[derive(Debug, clap::Args)]
pub struct Report {
    /// The incident: `inc-1`
    incident: String,
    /// Which report
    #[arg(long, default_value = "initial")]
    kind: Kind,
    #[command(flatten)]
    of: Where,
}

/// Show incidents with the same cause within six months, as one
#[derive(Debug, clap::Args)]
pub struct Recurring {
    #[command(flatten)]
    of: Where,
}

pub(super) async fn classify(arguments: Classify, output: Output) -> Result<(), Failure> {
    let incident = arguments.incident.clone();
    let body = said(&arguments)?;
    let path = format!("/api/v1/incidents/{}/classify", part(&incident));
    let Classify { person, of, .. } = arguments;
    let done = person.there(&of)?.post(&path, &body).await?;
    let major = happened(&done, "incident.classified").is_some_and(|of| of["major"] == true);
    let what = if major { "is major: the authority is to be told" } else { "is not major" };
    let then = format!("sluss incident show {incident}");
    changed(&done, output, &format!("{incident} {what}."), &then);
    Ok(())
}

fn said(of: &Classify) -> Result<Value, Failure> {
    let yes = |of: Option<Answer>| of.map(|of| of == Answer::Yes);
    let moment = |of: &Option<String>| of.as_deref().map(read_rfc3339).transpose();
    let downtime = match of.downtime.as_deref() {
        None => None,
        Some("none") => Some(0),
        // A part of a second counts as a whole one.
        Some(given) => Some((read_length(given)? + 999) / 1_000),
    };
    let states = of.member_states.as_deref().map(|given| match given {
        "none" => Vec::new(),
        some => some.split(',').map(|one| one.trim().to_owned()).collect(),
    });
    Ok(json!({
        "critical": yes(of.critical),
        "clients": of.clients,
        "clients_share": of.clients_share,
        "counterparts_share": of.counterparts_share,
        "transactions_share": of.transactions_share,
        "amount_share": of.amount_share,
        "relevant_clients": yes(of.relevant_clients),
        "reputation": yes(of.reputation),
        "downtime_seconds": downtime,
        "member_states": states,
        "data_loss": yes(of.data_loss),
        "malicious_access": yes(of.malicious_access),
        "cost_eur": of.cost,
        "nothing_else": of.nothing_else,
        "confirm_proposed": of.confirm_proposed,
        "cause": of.cause,
        "recurring": of.recurring,
        "occurred_ms": moment(&of.occurred)?,
        "aware_ms": moment(&of.aware)?,
        "at_ms": moment(&of.at)?,
        "reason": of.reason,
    }))
}

pub(super) async fn notified(arguments: Notified, output: Output) -> Result<(), Failure> {
    let Notified { incident, report, reference, at, person, of } = arguments;
    let sent = at.as_deref().map(read_rfc3339).transpose()?;
    let body = json!({ "report": report.as_str(), "sent_ms": sent, "reference": reference });
    let path = format!("/api/v1/incidents/{}/notified", part(&incident));
    let done = person.there(&of)?.post(&path, &body).await?;
    let what = format!("The {} report of {incident} is recorded as sent.", report.as_str());
    changed(&done, output, &what, &format!("sluss incident show {incident}"));
    Ok(())
}

pub(super) async fn review(arguments: Review, output: Output) -> Result<(), Failure> {
    let Review { incident, findings, person, of } = arguments;
    let path = format!("/api/v1/incidents/{}/review", part(&incident));
    let done = person.there(&of)?.post(&path, &json!({ "findings": findings })).await?;
    let what = format!("What was learnt of {incident} is recorded.");
    changed(&done, output, &what, &format!("sluss incident show {incident}"));
    Ok(())
}

pub(super) async fn report(arguments: Report, output: Output) -> Result<(), Failure> {
    let Report { incident, kind, of } = arguments;
    let path = format!("/api/v1/incidents/{}/report?kind={}", part(&incident), kind.as_str());
    let found = of.client()?.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        // Each line by itself, since what people wrote must not steer a terminal.
        Output::Text => {
            let lines: Vec<String> = word(&found, "text").lines().map(plain).collect();
            print(&lines.join("\n"));
        }
    }
    Ok(())
}

pub(super) async fn recurring(arguments: Recurring, output: Output) -> Result<(), Failure> {
    let found = arguments.of.client()?.get("/api/v1/incidents/recurring").await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text if list(&found, "recurring").is_empty() => {
            print("No two incidents of the last six months have the same cause.");
        }
        Output::Text => {
            let row = |of: &Value| {
                vec![
                    word(of, "cause").to_owned(),
                    words(of, "incidents"),
                    format!("{} together", length(of["duration_ms"].as_i64().unwrap_or(0))),
                    format!("major together: {}", word(of, "major")),
                    match word(of, "reported_as") {
                        "" => String::new(),
                        id => format!("classified as {id}"),
                    },
                ]
            };
            let rows: Vec<Vec<String>> = list(&found, "recurring").iter().map(row).collect();
            print(&table(0, &rows));
        }
    }
    Ok(())
}

pub(super) async fn show(arguments: Show, output: Output) -> Result<(), Failure> {
    let Show { incident, of } = arguments;
    let path = format!("/api/v1/incidents/{}", part(&incident));
    let found = of.client()?.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => print(&shown(&found, now_ms())),
    }
    Ok(())
}

fn words(of: &Value, key: &str) -> String {
    let words = list(of, key).iter().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

/// Returns an incident as text.
fn shown(found: &Value, now: i64) -> String {
    let own = &found["incident"];
    let moment = |of: &Value, key: &str| of[key].as_i64().map_or("-".to_owned(), rfc3339);
    let mut text = format!(
        "{}: {} in {}, {}, {}\n{}\n\n",
        word(own, "incident"),
        word(own, "service"),
        word(own, "environment"),
        word(own, "state"),
        word(own, "classified"),
        plain(found["summary"].as_str().unwrap_or(word(own, "cause"))),
    );
    let how = if found["occurred_said"] == true { "as a person said" } else { "by the log" };
    let over = if found["over"] == true { "" } else { " so far" };
    let rows = vec![
        vec!["occurred".to_owned(), moment(found, "occurred_ms"), how.to_owned()],
        vec!["aware".to_owned(), moment(found, "aware_ms")],
        vec!["lasted".to_owned(), length(found["duration_ms"].as_i64().unwrap_or(0)) + over],
    ];
    text += &table(0, &rows);
    let clock = |of: &Value| {
        let left = of["left_ms"].as_i64();
        let left = left.map(|left| match left < 0 {
            true => format!("{} ago", length(left)),
            false => format!("{} left", length(left)),
        });
        let done = of["met_ms"].as_i64().map(|at| format!("done {}", rfc3339(at)));
        vec![
            word(of, "limit").to_owned(),
            format!("due {}", moment(of, "due_ms")),
            word(of, "standing").to_owned(),
            left.or(done).unwrap_or_default(),
        ]
    };
    text += "\nLimits\n";
    text += &table(2, &list(found, "clocks").iter().map(clock).collect::<Vec<_>>());
    let asked = |name: &str, holds: &str| vec![name.to_owned(), holds.to_owned()];
    let mut rows = vec![
        asked("critical", word(found, "critical")),
        asked("malicious_access", word(found, "malicious_access")),
    ];
    let thresholds = list(found, "thresholds").iter();
    rows.extend(thresholds.map(|of| asked(word(of, "criterion"), word(of, "passed"))));
    text += &format!("\nMajor by its figures now: {}\n", word(found, "major_now"));
    text += &table(2, &rows);
    if !list(found, "missing").is_empty() {
        text += &format!("\nMissing: {}\n", words(found, "missing"));
    }
    if found["classify_again"] == true {
        text += "\nIts figures say otherwise than when it was classified: classify it again.\n";
    }
    text += &told(found, now);
    text
}

/// What Sluss proposes, what the authority was told, and what recurs.
fn told(found: &Value, now: i64) -> String {
    let mut text = String::new();
    let proposed = &found["proposed"];
    let number = |of: &Value| of.as_u64().map_or("not known".to_owned(), |of| of.to_string());
    let figures = &proposed["figures"];
    let rows = vec![
        vec!["requests, failed".to_owned(), number(&proposed["requests"])],
        vec![String::new(), number(&proposed["failed"])],
        vec!["requests of an average day".to_owned(), number(&proposed["daily_requests"])],
        vec![
            "transactions_share".to_owned(),
            figures["transactions_share"].as_str().unwrap_or("not known").to_owned(),
        ],
        vec!["downtime_seconds".to_owned(), number(&figures["downtime_seconds"])],
        vec!["cost_eur".to_owned(), number(&figures["cost_eur"])],
    ];
    text += "\nProposed by what was counted (--confirm-proposed takes it)\n";
    text += &table(2, &rows);
    let sent = |of: &Value| {
        vec![
            word(of, "report").to_owned(),
            rfc3339(of["sent_ms"].as_i64().unwrap_or(now)),
            plain(of["reference"].as_str().unwrap_or("(the reference is gone)")),
            word(&of["by"], "name").to_owned(),
        ]
    };
    if !list(found, "sent").is_empty() {
        text += "\nThe authority was told\n";
        text += &table(2, &list(found, "sent").iter().map(sent).collect::<Vec<_>>());
    }
    let learnt = |of: &Value| {
        vec![
            rfc3339(of["at_ms"].as_i64().unwrap_or(now)),
            word(&of["by"], "name").to_owned(),
            plain(of["findings"].as_str().unwrap_or("(what was written is gone)")),
        ]
    };
    if !list(found, "reviewed").is_empty() {
        text += "\nLooking back\n";
        text += &table(2, &list(found, "reviewed").iter().map(learnt).collect::<Vec<_>>());
    }
    if let Some(group) = found["recurring"].as_object() {
        let group = Value::Object(group.clone());
        text += &format!(
            "\nRecurs with the cause {}: {}; major together: {}\n",
            word(&group, "cause"),
            words(&group, "incidents"),
            word(&group, "major"),
        );
    }
    text
}
