//! A report to take away: what is known of an incident, for what the authority is told.
//!
//! The names of the fields are our own. Which fields a report must have, and how they are coded,
//! is said by Implementing Regulation (EU) 2025/302.
//!
//! # Invariants
//!
//! - What is not known says `unknown`; it is never left out, empty or nought.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::ids::IncidentId;
use sluss_core::incident::clocks::Report;
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;

use super::answer::{Answer, parse};
use super::incidents::{FiguresView, WholeView, whole};
use super::reporting::report_named;
use crate::app::App;

/// What stands where nothing is known.
const UNKNOWN: &str = "unknown";

/// A field of a report.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReportField {
    /// Our own name for it.
    pub field: &'static str,
    /// What is known, or `unknown`.
    pub value: String,
    /// `log`, `person`, or `nobody` where it is not known.
    pub says: &'static str,
}

/// What the log knows for a report to the authority.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReportView {
    pub incident: String,
    /// `initial`, `intermediate` or `final`.
    pub report: &'static str,
    /// When this was written.
    pub at_ms: i64,
    /// Until when the report is due, as far as that is known.
    pub due_ms: Option<i64>,
    pub fields: Vec<ReportField>,
    /// Fields of which nothing is known.
    pub unknown: usize,
    /// The same as plain text.
    pub text: String,
}

/// Which report.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    kind: String,
}

pub(super) async fn report(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer<ReportView> {
    let id: IncidentId = parse(&id)?;
    let kind = if which.kind.is_empty() { "initial" } else { &which.kind };
    Ok(Json(written(&app, id, report_named(kind)?).await?))
}

async fn written(app: &App, id: IncidentId, kind: Report) -> Result<ReportView, Failure> {
    let found = whole(app, id).await?;
    let (entity, origin) = {
        let state = app.engine.state();
        (state.organisation.as_ref().map(|of| of.name.clone()), state.origin.clone())
    };
    let now = app.engine.now();
    let mut fields = vec![
        field("financial_entity", entity.filter(|name| !name.is_empty()), "log"),
        known("log", &origin, "log"),
    ];
    fields.extend(of_incident(&found));
    fields.extend(of_classification(&found));
    if kind != Report::Initial {
        fields.extend(of_course(&found));
    }
    if kind == Report::Final {
        fields.extend(of_end(&found));
    }
    let due = found.clocks.iter().find(|clock| clock.limit == kind.as_str());
    let due_ms = due.map(|clock| clock.due_ms);
    let text = text(&found.incident.incident, kind, (due_ms, now), &fields);
    Ok(ReportView {
        incident: found.incident.incident.clone(),
        report: kind.as_str(),
        at_ms: now.0,
        due_ms,
        unknown: fields.iter().filter(|of| of.says == "nobody").count(),
        fields,
        text,
    })
}

fn field(name: &'static str, value: Option<String>, says: &'static str) -> ReportField {
    let says = if value.is_some() { says } else { "nobody" };
    ReportField { field: name, value: value.unwrap_or_else(|| UNKNOWN.to_owned()), says }
}

fn known(name: &'static str, value: &str, says: &'static str) -> ReportField {
    field(name, Some(value.to_owned()), says)
}

fn at(ms: i64) -> String {
    Millis(ms).utc_minute()
}

/// What happened where, and who knew of it when.
fn of_incident(of: &WholeView) -> Vec<ReportField> {
    let last = of.classifications.last();
    let says = if of.occurred_said { "person" } else { "log" };
    let classified = last.map(|last| at(last.at_ms));
    let major = last.map(|last| if last.major { "major" } else { "not major" }.to_owned());
    vec![
        known("incident", &of.incident.incident, "log"),
        known("service", &of.incident.service, "log"),
        known("environment", &of.incident.environment, "log"),
        field("description", of.summary.clone(), "person"),
        known("cause_seen", of.incident.cause, "log"),
        known("occurred", &at(of.occurred_ms), says),
        known("aware", &at(of.aware_ms), says),
        known("opened", &at(of.incident.opened_ms), "log"),
        field("classified", classified, "person"),
        field("classification", major, "person"),
        field("criteria_passed", last.map(|last| list(&last.passed)), "person"),
        known("state", of.incident.state, "log"),
    ]
}

/// What it did, as a person said.
fn of_classification(of: &WholeView) -> Vec<ReportField> {
    let none = FiguresView::default();
    let said = of.classifications.last().map_or(&none, |last| &last.figures);
    let yes = |of: Option<bool>| of.map(|of| if of { "yes" } else { "no" }.to_owned());
    let person = |name, value| field(name, value, "person");
    let number = |of: Option<u64>| of.map(|of| of.to_string());
    let states = said.member_states.as_ref();
    vec![
        person("critical_services_affected", yes(said.critical)),
        person("clients_affected", number(said.clients)),
        person("clients_affected_share", said.clients_share.clone()),
        person("counterparts_affected_share", said.counterparts_share.clone()),
        person("transactions_affected_share", said.transactions_share.clone()),
        person("transactions_amount_share", said.amount_share.clone()),
        person("relevant_clients_affected", yes(said.relevant_clients)),
        person("reputation_affected", yes(said.reputation)),
        person("member_states_affected", states.map(|of| list(of))),
        person("data_losses", yes(said.data_loss)),
        person("malicious_access", yes(said.malicious_access)),
        person("downtime_seconds", number(said.downtime_seconds)),
        person("costs_and_losses_eur", number(said.cost_eur)),
    ]
}

/// How it went, and what was counted meanwhile.
fn of_course(of: &WholeView) -> Vec<ReportField> {
    let log = |name, value| field(name, value, "log");
    let number = |of: Option<u64>| of.map(|of| of.to_string());
    let proposed = &of.proposed;
    let recurring = of.recurring.as_ref().map(|group| list(&group.incidents));
    vec![
        known("duration_seconds", &(of.duration_ms / 1_000).to_string(), "log"),
        known("duration_is_final", if of.over { "yes" } else { "no" }, "log"),
        log("customers_unaffected_since", of.incident.mitigated_ms.map(at)),
        log("closed", of.incident.closed_ms.map(at)),
        log("requests_counted", number(proposed.requests)),
        log("requests_failed", number(proposed.failed)),
        log("counted_from", proposed.counted_from_ms.map(at)),
        log("counted_until", proposed.counted_until_ms.map(at)),
        log("requests_of_an_average_day", number(proposed.daily_requests)),
        log("downtime_traced_seconds", number(proposed.figures.downtime_seconds)),
        log("recurring_with", recurring),
        log("deployment", of.incident.deployment.clone()),
        log("release", of.release.clone()),
        log("artifacts_sha256", (!of.artifacts.is_empty()).then(|| list(&of.artifacts))),
    ]
}

/// What is known once it is over.
fn of_end(of: &WholeView) -> Vec<ReportField> {
    let cause = of.classifications.last().and_then(|last| last.cause.clone());
    let told = of.sent.iter().map(|sent| {
        let reference = sent.reference.as_deref().unwrap_or("(the reference is gone)");
        format!("{} {}: {reference}", sent.report, at(sent.sent_ms))
    });
    let told: Vec<String> = told.collect();
    vec![
        field("root_cause", cause, "person"),
        field("told_before", (!told.is_empty()).then(|| list(&told)), "person"),
        // Nothing here records them.
        field("how_it_was_resolved", None, "person"),
        field("lessons_learnt", None, "person"),
        field("costs_recovered_eur", None, "person"),
    ]
}

fn list(of: &[impl AsRef<str>]) -> String {
    let of: Vec<&str> = of.iter().map(AsRef::as_ref).collect();
    if of.is_empty() { "none".to_owned() } else { of.join(", ") }
}

fn text(
    incident: &str,
    kind: Report,
    (due_ms, now): (Option<i64>, Millis),
    fields: &[ReportField],
) -> String {
    let due = due_ms.map_or_else(|| UNKNOWN.to_owned(), at);
    let mut text = format!(
        "{incident}: what the log knows for {}\nwritten {}, due {due}\n\n",
        kind.words(),
        now.utc_minute()
    );
    let width = fields.iter().map(|of| of.field.len()).max().unwrap_or(0);
    for ReportField { field, value, says } in fields {
        let value = value.replace(['\n', '\r'], " ");
        let note = if *says == "person" { "  (said by a person)" } else { "" };
        writeln!(text, "{field:width$}  {value}{note}").expect("BUG: a text can be written");
    }
    text.push_str(
        "\nThe names of the fields are Sluss's own. Which fields the report has, and how they \
         are coded, is said by\nImplementing Regulation (EU) 2025/302: check each against it.\n",
    );
    text
}
