//! What people say of an incident: its classification, and what the authority was told.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use sluss_core::decide::{Command, Reporting, Stated};
use sluss_core::ids::{CauseName, IncidentId};
use sluss_core::incident::clocks::Report;
use sluss_core::incident::criteria::{Criteria, MemberState, Portion};
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::incident::proposed;

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use crate::app::App;

/// What somebody says of an incident. What is left out is as it was said before, or not known.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassificationWanted {
    /// When it was classified; now unless given.
    pub at_ms: Option<i64>,
    pub occurred_ms: Option<i64>,
    /// When whoever answers for it became aware of it; not after it was opened.
    pub aware_ms: Option<i64>,
    /// Whether critical services were affected.
    pub critical: Option<bool>,
    pub clients: Option<u64>,
    /// `12.5%`
    pub clients_share: Option<String>,
    pub counterparts_share: Option<String>,
    /// Of the daily average.
    pub transactions_share: Option<String>,
    /// Of the daily average.
    pub amount_share: Option<String>,
    pub relevant_clients: Option<bool>,
    pub reputation: Option<bool>,
    /// Of what supports critical functions.
    pub downtime_seconds: Option<u64>,
    /// Like `DE`; an empty list says that there are none.
    pub member_states: Option<Vec<String>>,
    pub data_loss: Option<bool>,
    pub malicious_access: Option<bool>,
    /// Whole euros, rounded up.
    pub cost_eur: Option<u64>,
    /// Whether nothing was affected beside what is said, now or before.
    pub nothing_else: bool,
    /// Whether what Sluss proposes is confirmed, where nothing else is said.
    pub confirm_proposed: bool,
    /// A name of its apparent cause, which others may share: `expired-certificate`.
    pub cause: Option<String>,
    /// Whether it is looked at as one with the others that have this cause.
    pub recurring: bool,
    /// Why; needed where it ends a limit, or moves it later.
    pub reason: Option<String>,
    /// The password; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// That the authority was told.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationWanted {
    /// `initial`, `intermediate` or `final`.
    pub report: String,
    /// When it was sent; now unless given.
    pub sent_ms: Option<i64>,
    /// What was sent, or under which reference.
    pub reference: String,
    /// The password; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// What was learnt of an incident that is over, and what follows.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewWanted {
    /// In words.
    pub findings: String,
    /// The password; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Returns the command that says what was learnt of an incident.
pub(crate) async fn review(
    app: &App,
    incident: IncidentId,
    findings: &str,
) -> Result<Command, Failure> {
    let findings = app.put_reason(Some(findings)).await?.ok_or_else(|| {
        let hint = "Say what was learnt, and what follows";
        Failure::new(Blame::Caller, "A review says something.", hint)
    })?;
    Ok(Command::Reporting(Reporting::Review { incident, findings }))
}

fn share(text: Option<&str>) -> Result<Option<Portion>, Failure> {
    let given = text.map(str::trim).filter(|text| !text.is_empty());
    given.map(parse::<Portion>).transpose()
}

/// Reads what somebody says of an incident, with what is proposed where they confirm that.
pub(crate) async fn stated(
    app: &App,
    incident: IncidentId,
    wanted: &ClassificationWanted,
) -> Result<Stated, Failure> {
    let states = |of: &Vec<String>| of.iter().map(|one| parse::<MemberState>(one.trim())).collect();
    let criteria = Criteria {
        critical: wanted.critical,
        clients: wanted.clients,
        clients_share: share(wanted.clients_share.as_deref())?,
        counterparts_share: share(wanted.counterparts_share.as_deref())?,
        transactions_share: share(wanted.transactions_share.as_deref())?,
        amount_share: share(wanted.amount_share.as_deref())?,
        relevant_clients: wanted.relevant_clients,
        reputation: wanted.reputation,
        downtime_seconds: wanted.downtime_seconds,
        member_states: wanted.member_states.as_ref().map(states).transpose()?,
        data_loss: wanted.data_loss,
        malicious_access: wanted.malicious_access,
        cost_eur: wanted.cost_eur,
    };
    let criteria = match wanted.confirm_proposed {
        true => criteria.or(&proposed(&app.engine, incident).await?.criteria()),
        false => criteria,
    };
    let cause = wanted.cause.as_deref().map(str::trim).filter(|cause| !cause.is_empty());
    Ok(Stated {
        at: wanted.at_ms.map(Millis),
        occurred: wanted.occurred_ms.map(Millis),
        aware: wanted.aware_ms.map(Millis),
        criteria,
        nothing_else: wanted.nothing_else,
        cause: cause.map(parse::<CauseName>).transpose()?,
        recurring: wanted.recurring,
    })
}

/// Returns the command that says that the authority was told.
pub(crate) async fn notification(
    app: &App,
    incident: IncidentId,
    wanted: &NotificationWanted,
) -> Result<Command, Failure> {
    let report = report_named(&wanted.report)?;
    let reference = app.put_reason(Some(&wanted.reference)).await?.ok_or_else(|| {
        let hint = "Give the authority's reference, or what was sent";
        Failure::new(Blame::Caller, "A report that was sent has a reference.", hint)
    })?;
    let sent = wanted.sent_ms.map(Millis);
    Ok(Command::Reporting(Reporting::Notify { incident, report, sent, reference }))
}

/// Returns the report of that name.
pub(crate) fn report_named(name: &str) -> Result<Report, Failure> {
    Report::named(name).ok_or_else(|| {
        let what = format!("There is no report `{name}`.");
        Failure::new(Blame::Caller, what, "Name one: initial, intermediate, final")
    })
}

pub(super) async fn classify(
    State(app): State<App>,
    asking: Asking,
    Path(incident): Path<String>,
    Wanted(wanted): Wanted<ClassificationWanted>,
) -> Answer<DoneView> {
    let incident: IncidentId = parse(&incident)?;
    let stated = stated(&app, incident, &wanted).await?;
    let reason = app.put_reason(wanted.reason.as_deref()).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    let command = Command::Reporting(Reporting::Classify { incident, stated, reason });
    asking.ask_as(&app, command, actor).await
}

pub(super) async fn notified(
    State(app): State<App>,
    asking: Asking,
    Path(incident): Path<String>,
    Wanted(wanted): Wanted<NotificationWanted>,
) -> Answer<DoneView> {
    let incident: IncidentId = parse(&incident)?;
    let command = notification(&app, incident, &wanted).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, command, actor).await
}

pub(super) async fn reviewed(
    State(app): State<App>,
    asking: Asking,
    Path(incident): Path<String>,
    Wanted(wanted): Wanted<ReviewWanted>,
) -> Answer<DoneView> {
    let incident: IncidentId = parse(&incident)?;
    let command = review(&app, incident, &wanted.findings).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, command, actor).await
}
