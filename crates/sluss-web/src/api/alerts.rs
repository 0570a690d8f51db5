//! Alerts of a monitoring system become incidents, and end them.
//!
//! The form is that of Alertmanager's webhook, version 4: a `POST` with a list of alerts, each
//! `firing` or `resolved`, told apart by its fingerprint
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::decide::Command;
use sluss_core::ids::{Digest, EnvironmentName, ServiceName};
use sluss_core::incident::Reporter;
use sluss_engine::failure::{Blame, Failure};

use super::answer::Answer;
use super::ask::{Asking, Wanted};
use crate::app::App;

/// Alerts that one request may hold.
const MOST: usize = 500;
/// Characters of an alert's summary that are kept.
const SUMMARY_MOST: usize = 400;

/// What Alertmanager sends. What is not named here is not needed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Alerts {
    /// The version of the form: `4`.
    pub version: String,
    /// The alerts.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Alert {
    /// Whether it goes on.
    pub status: Status,
    /// What it is about: `service`, and `environment` where that is not production.
    pub labels: BTreeMap<String, String>,
    /// What it says to people: `summary` or `description`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// What tells it from other alerts.
    pub fingerprint: String,
}

/// Whether an alert goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    Firing,
    /// It is over.
    Resolved,
}

/// What became of the alerts.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct TakenView {
    /// Incidents that were opened.
    pub opened: Vec<String>,
    /// Incidents that are closed.
    pub closed: Vec<String>,
    /// Alerts that say nothing new.
    pub known: usize,
    /// Alerts that are about nothing that Sluss delivers, and why.
    pub ignored: Vec<String>,
}

pub(super) async fn take(
    State(app): State<App>,
    asking: Asking,
    Wanted(sent): Wanted<Alerts>,
) -> Answer<TakenView> {
    if sent.version != "4" {
        let what = format!("Alerts of version `{}` are not known.", sent.version);
        let hint = "Send those of Alertmanager's webhook, version 4";
        return Err(Failure::new(Blame::Caller, what, hint).into());
    }
    if sent.alerts.len() > MOST {
        let what = format!("{} alerts at once are more than {MOST}.", sent.alerts.len());
        let hint = "Set `max_alerts` in the receiver";
        return Err(Failure::new(Blame::Caller, what, hint).into());
    }
    // Whoever may not report learns nothing of what is delivered here.
    let nothing = Command::Resolved { fingerprint: Digest::of(b"") };
    let Json(_done) = asking.ask_unkeyed(&app, nothing, asking.caller.actor()).await?;
    let mut taken = TakenView::default();
    for alert in &sent.alerts {
        let (service, environment) = match about(&app, alert) {
            Ok(place) => place,
            Err(why) => {
                taken.ignored.push(why);
                continue;
            }
        };
        // Two services may have alerts of one fingerprint where two systems send them.
        let fingerprint = Digest::of(format!("{service}\n{}", alert.fingerprint).as_bytes());
        let command = match alert.status {
            Status::Resolved => Command::Resolved { fingerprint },
            Status::Firing => {
                let Some(summary) = app.put_reason(Some(&summary(alert))).await? else { continue };
                let by = Reporter::Alert { fingerprint };
                Command::Report { service, environment, by, summary }
            }
        };
        let Json(done) = asking.ask_unkeyed(&app, command, asking.caller.actor()).await?;
        let named = |kind: &'static str| {
            let of_kind = done.events.iter().filter(move |event| event.kind == kind);
            of_kind.filter_map(|event| event.data["incident"].as_str().map(str::to_owned))
        };
        taken.known += usize::from(done.events.is_empty());
        taken.opened.extend(named("incident.reported"));
        taken.closed.extend(named("incident.closed"));
    }
    Ok(Json(taken))
}

/// Returns what an alert is about, if it is something that Sluss delivers.
fn about(app: &App, alert: &Alert) -> Result<(ServiceName, EnvironmentName), String> {
    let name = alert.labels.get("alertname").map_or("an alert", String::as_str);
    let name: String = name.chars().take(80).collect();
    let service = alert.labels.get("service").and_then(|label| label.parse().ok());
    let Some(service) = service else {
        return Err(format!("{name}: it has no label `service` that names a service"));
    };
    let environment = alert.labels.get("environment").map_or("production", String::as_str);
    let known = environment
        .parse()
        .ok()
        .filter(|environment| app.engine.state().place(&service, environment).is_some());
    match known {
        Some(environment) => Ok((service, environment)),
        None => Err(format!("{name}: {service} is in no environment of that name")),
    }
}

fn summary(alert: &Alert) -> String {
    let said = ["summary", "description"].iter().find_map(|key| alert.annotations.get(*key));
    let said = said.or_else(|| alert.labels.get("alertname")).map_or("an alert", String::as_str);
    said.chars().take(SUMMARY_MOST).collect()
}
