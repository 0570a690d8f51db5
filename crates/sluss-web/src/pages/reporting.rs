//! An incident's classification and its reports: the limits, what they rest on, and the two forms.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::decide::{Command, Reporting};
use sluss_core::ids::IncidentId;
use sluss_core::incident::Incident;
use sluss_core::incident::clocks::{Clock, Limit, Standing, of_utc_minute};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::acts::answer;
use super::frame::parse;
use super::html::{self, Html, Tone};
use super::link;
use crate::api::incidents::{
    ClassificationView, ClockView, FiguresView, RecurringView, ReviewedView, SentView,
    ThresholdView, WholeView,
};
use crate::api::reporting::{
    ClassificationWanted, NotificationWanted, notification, review, stated as read_stated,
};
use crate::app::App;
use crate::forms::Form;

/// How many limits each page names.
const NAMED: usize = 3;

/// Something that is to be done soon, or was not in time.
#[derive(Debug, Clone)]
pub(super) struct Pressing {
    pub(super) what: String,
    pub(super) when: Html,
    pub(super) overdue: bool,
}

/// Returns what each page says of limits: reports of major incidents one by one, and how many
/// incidents nobody classified in time.
pub(super) fn pressing(state: &Known, now: Millis) -> Vec<Pressing> {
    let all = state.pressing_limits(now);
    let of_report = |(_, clock): &&(IncidentId, Clock)| clock.limit != Limit::Classification;
    let one = |(id, clock): &(IncidentId, Clock)| {
        let overdue = clock.standing(now) == Standing::Overdue;
        let word = if overdue { "is overdue:" } else { "is due:" };
        let at = html::link(&link::incident(*id), &id.to_string());
        Pressing {
            what: format!("{} of {id} {word}", clock.limit.words()),
            when: Html(format!("{}, {at}", html::ago(clock.due, now))),
            overdue,
        }
    };
    let mut said: Vec<Pressing> = all.iter().filter(of_report).take(NAMED).map(one).collect();
    let more = all.iter().filter(of_report).count().saturating_sub(NAMED);
    if more > 0 {
        let what = format!("{} more of incidents:", html::count(more as u64, "limit"));
        let when = html::link(link::INCIDENTS, "Incidents");
        said.push(Pressing { what, when, overdue: true });
    }
    let unclassified = all.len() - all.iter().filter(of_report).count();
    if unclassified > 0 {
        let overdue = all.iter().any(|(_, clock)| {
            clock.limit == Limit::Classification && clock.standing(now) == Standing::Overdue
        });
        let count = html::count(unclassified as u64, "incident");
        let what = format!("{count} to be classified, the day after awareness over or nearly:");
        let when = html::link(link::INCIDENTS, "Incidents");
        said.push(Pressing { what, when, overdue });
    }
    said
}

/// Returns how an incident is classified, as a word with its icon.
pub(super) fn class(incident: &Incident) -> Html {
    let tone = match incident.classification().map(|of| of.major) {
        None => Tone::Wait,
        Some(true) => Tone::Bad,
        Some(false) => Tone::Quiet,
    };
    html::toned(tone, incident.class())
}

/// Returns what is to be done next about an incident, and until when.
pub(super) fn due(incident: &Incident, now: Millis) -> Option<Html> {
    let next = incident.recorded().next()?;
    let (tone, word) = match next.standing(now) {
        Standing::Overdue => (Tone::Bad, "overdue"),
        Standing::Near => (Tone::Wait, "due"),
        Standing::Ahead | Standing::InTime | Standing::Late => (Tone::Quiet, "due"),
    };
    let said = html::toned(tone, &format!("{} {word}", next.limit.words()));
    Some(Html(format!("{said} {}", html::ago(next.due, now))))
}

/// A limit, as a row.
pub(super) struct ClockRow {
    pub(super) what: &'static str,
    pub(super) due: Html,
    pub(super) standing: Html,
    pub(super) left: Html,
}

/// A threshold, as a row.
pub(super) struct ThresholdRow {
    pub(super) name: String,
    pub(super) sentence: &'static str,
    pub(super) passed: Html,
}

/// A classification of the history, as a row.
pub(super) struct ClassRow {
    pub(super) at: Html,
    pub(super) class: Html,
    pub(super) passed: String,
    pub(super) cause: String,
    pub(super) by: String,
    pub(super) reason: String,
}

/// What the authority was told, as a row.
pub(super) struct SentRow {
    pub(super) report: &'static str,
    pub(super) at: Html,
    pub(super) reference: String,
    pub(super) by: String,
}

/// What was learnt, as a row.
pub(super) struct ReviewRow {
    pub(super) at: Html,
    pub(super) by: String,
    pub(super) findings: String,
}

/// Incidents with the same cause, as a row.
pub(super) struct RecurringRow {
    pub(super) cause: String,
    pub(super) incidents: Vec<Html>,
    pub(super) major: Html,
    pub(super) passed: String,
    pub(super) lasted: String,
    pub(super) reported_as: Option<String>,
}

/// A figure: what was said, and what is proposed.
pub(super) struct FigureRow {
    pub(super) name: &'static str,
    pub(super) said: String,
    pub(super) proposed: String,
}

/// All that an incident's page says of its classification and reports.
pub(super) struct Card {
    pub(super) clocks: Vec<ClockRow>,
    pub(super) occurred: Html,
    pub(super) occurred_said: bool,
    pub(super) aware: Html,
    pub(super) lasted: String,
    pub(super) over: bool,
    pub(super) major_now: Html,
    pub(super) critical: Html,
    pub(super) malicious: Html,
    pub(super) thresholds: Vec<ThresholdRow>,
    pub(super) missing: String,
    pub(super) classify_again: bool,
    pub(super) classified: bool,
    pub(super) major: bool,
    pub(super) classes: Vec<ClassRow>,
    pub(super) sent: Vec<SentRow>,
    pub(super) reviewed: Vec<ReviewRow>,
    pub(super) figures: Vec<FigureRow>,
    pub(super) counted: String,
    pub(super) recurring: Option<RecurringRow>,
    pub(super) cause: String,
}

impl Card {
    pub(super) fn of(of: WholeView, now: Millis) -> Self {
        let last = of.classifications.last();
        let none = FiguresView::default();
        let figures = figure_rows(last.map_or(&none, |last| &last.figures), &of.proposed.figures);
        Self {
            clocks: of.clocks.iter().map(|clock| clock_row(clock, now)).collect(),
            occurred: html::clock(Millis(of.occurred_ms), now),
            occurred_said: of.occurred_said,
            aware: html::clock(Millis(of.aware_ms), now),
            lasted: html::duration(of.duration_ms),
            over: of.over,
            major_now: holds(of.major_now),
            critical: holds(of.critical),
            malicious: holds(of.malicious_access),
            thresholds: of.thresholds.iter().map(threshold_row).collect(),
            missing: of.missing.join(", ").replace('_', " "),
            classify_again: of.classify_again,
            classified: last.is_some(),
            major: of.classifications.iter().any(|of| of.major),
            cause: last.and_then(|last| last.cause.clone()).unwrap_or_default(),
            classes: of.classifications.iter().rev().map(|of| class_row(of, now)).collect(),
            sent: of.sent.iter().map(|of| sent_row(of, now)).collect(),
            reviewed: of.reviewed.iter().map(|of| review_row(of, now)).collect(),
            figures,
            counted: counted(&of, now),
            recurring: of.recurring.as_ref().map(|of| recurring_row(of, now)),
        }
    }
}

fn counted(of: &WholeView, now: Millis) -> String {
    let known = &of.proposed;
    let (Some(requests), Some(failed)) = (known.requests, known.failed) else {
        return "No period of counted requests lies within it: how many failed is not known."
            .into();
    };
    let at = |ms: Option<i64>| html::absolute(Millis(ms.unwrap_or(now.0)))[11..16].to_owned();
    let day = match known.daily_requests {
        Some(day) => format!("An average day before had {}.", html::number(day)),
        None => "How many an average day has is not known: less than a day was counted.".into(),
    };
    format!(
        "{} of {} requests failed in the periods counted from {} to {} UTC. {day}",
        html::number(failed),
        html::number(requests),
        at(known.counted_from_ms),
        at(known.counted_until_ms)
    )
}

fn holds(word: &str) -> Html {
    let tone = match word {
        "yes" => Tone::Bad,
        "no" => Tone::Good,
        _unknown => Tone::Wait,
    };
    html::toned(tone, if word == "unknown" { "not known" } else { word })
}

fn clock_row(of: &ClockView, now: Millis) -> ClockRow {
    let tone = match of.standing {
        "in time" => Tone::Good,
        "overdue" | "late" => Tone::Bad,
        "near" => Tone::Wait,
        _ahead => Tone::Going,
    };
    let due = Millis(of.due_ms);
    ClockRow {
        what: of.what,
        due: html::clock(due, now),
        standing: html::toned(tone, of.standing),
        left: match of.met_ms {
            Some(at) => Html(format!("done {}", html::clock(Millis(at), now))),
            None => html::ago(due, now),
        },
    }
}

fn threshold_row(of: &ThresholdView) -> ThresholdRow {
    ThresholdRow {
        name: of.criterion.replace('_', " "),
        sentence: of.sentence,
        passed: holds(of.passed),
    }
}

fn class_row(of: &ClassificationView, now: Millis) -> ClassRow {
    let (tone, word) = if of.major { (Tone::Bad, "major") } else { (Tone::Quiet, "not major") };
    let with = match of.with.is_empty() {
        true => String::new(),
        false => format!(" with {}", of.with.join(", ")),
    };
    ClassRow {
        at: html::clock(Millis(of.at_ms), now),
        class: html::toned(tone, word),
        passed: none_or(&of.passed.join(", ").replace('_', " ")),
        cause: format!("{}{with}", of.cause.as_deref().unwrap_or("not named")),
        by: of.by.name.clone(),
        reason: of.reason.clone().unwrap_or_default(),
    }
}

fn none_or(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn sent_row(of: &SentView, now: Millis) -> SentRow {
    SentRow {
        report: of.report,
        at: html::clock(Millis(of.sent_ms), now),
        reference: of.reference.clone().unwrap_or_else(|| "(the reference is gone)".to_owned()),
        by: of.by.name.clone(),
    }
}

fn review_row(of: &ReviewedView, now: Millis) -> ReviewRow {
    ReviewRow {
        at: html::clock(Millis(of.at_ms), now),
        by: of.by.name.clone(),
        findings: of.findings.clone().unwrap_or_else(|| "(what was written is gone)".to_owned()),
    }
}

pub(super) fn recurring_row(of: &RecurringView, _now: Millis) -> RecurringRow {
    let at = |id: &String| html::sentence(id);
    let passed = of.thresholds.iter().filter(|one| one.passed == "yes");
    let passed: Vec<String> = passed.map(|one| one.criterion.replace('_', " ")).collect();
    RecurringRow {
        cause: of.cause.clone(),
        incidents: of.incidents.iter().map(at).collect(),
        major: holds(of.major),
        passed: none_or(&passed.join(", ")),
        lasted: html::duration(of.duration_ms),
        reported_as: of.reported_as.clone(),
    }
}

fn figure_rows(said: &FiguresView, proposed: &FiguresView) -> Vec<FigureRow> {
    let yes = |of: Option<bool>| of.map(|of| if of { "yes" } else { "no" }.to_owned());
    let number = |of: Option<u64>| of.map(html::number);
    let seconds = |of: Option<u64>| {
        of.map(|of| html::duration(i64::try_from(of).unwrap_or(i64::MAX).saturating_mul(1_000)))
    };
    let euros = |of: Option<u64>| of.map(|of| format!("EUR {}", html::number(of)));
    let states = said.member_states.as_ref().map(|of| none_or(&of.join(", ")));
    let row = |name, said: Option<String>, proposed: Option<String>| FigureRow {
        name,
        said: said.unwrap_or_else(|| "not known".to_owned()),
        proposed: proposed.unwrap_or_default(),
    };
    vec![
        row("critical services", yes(said.critical), None),
        row("clients", number(said.clients), None),
        row("share of clients", said.clients_share.clone(), None),
        row("share of counterparts", said.counterparts_share.clone(), None),
        row(
            "share of a day's transactions",
            said.transactions_share.clone(),
            proposed.transactions_share.clone(),
        ),
        row("share of a day's amount", said.amount_share.clone(), None),
        row("relevant clients", yes(said.relevant_clients), None),
        row("reputation", yes(said.reputation), None),
        row("downtime", seconds(said.downtime_seconds), seconds(proposed.downtime_seconds)),
        row("Member States", states, None),
        row("data loss", yes(said.data_loss), None),
        row("malicious access", yes(said.malicious_access), None),
        row("costs and losses", euros(said.cost_eur), euros(proposed.cost_eur)),
    ]
}

/// What the form says; what is empty is as before.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Classification {
    critical: String,
    clients: String,
    clients_share: String,
    counterparts_share: String,
    transactions_share: String,
    amount_share: String,
    relevant_clients: String,
    reputation: String,
    downtime_minutes: String,
    member_states: String,
    data_loss: String,
    malicious_access: String,
    cost_eur: String,
    cause: String,
    occurred: String,
    aware: String,
    at: String,
    reason: String,
    nothing_else: String,
    confirm_proposed: String,
    recurring: String,
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn number(text: &str, what: &str) -> Result<Option<u64>, Failure> {
    let wrong = |_| {
        let said = format!("`{}` is no number of {what}.", text.trim());
        Failure::new(Blame::Caller, said, "Write digits only")
    };
    given(text).map(|text| text.parse::<u64>().map_err(wrong)).transpose()
}

fn moment(text: &str) -> Result<Option<i64>, Failure> {
    let wrong = || {
        let said = format!("`{}` is no moment.", text.trim());
        Failure::new(Blame::Caller, said, "Write it like `2026-01-31T12:00`, in UTC")
    };
    given(text).map(|text| of_utc_minute(text).map(|at| at.0).ok_or_else(wrong)).transpose()
}

fn wanted(of: &Classification) -> Result<ClassificationWanted, Failure> {
    let yes = |text: &str| given(text).map(|text| text == "yes");
    let share = |text: &str| {
        given(text).map(|text| if text.ends_with('%') { text.into() } else { format!("{text}%") })
    };
    let states = given(&of.member_states).map(|text| match text {
        "none" => Vec::new(),
        some => some.split(',').map(|one| one.trim().to_uppercase()).collect(),
    });
    let minutes = number(&of.downtime_minutes, "minutes")?;
    Ok(ClassificationWanted {
        at_ms: moment(&of.at)?,
        occurred_ms: moment(&of.occurred)?,
        aware_ms: moment(&of.aware)?,
        critical: yes(&of.critical),
        clients: number(&of.clients, "clients")?,
        clients_share: share(&of.clients_share),
        counterparts_share: share(&of.counterparts_share),
        transactions_share: share(&of.transactions_share),
        amount_share: share(&of.amount_share),
        relevant_clients: yes(&of.relevant_clients),
        reputation: yes(&of.reputation),
        downtime_seconds: minutes.map(|minutes| minutes.saturating_mul(60)),
        member_states: states,
        data_loss: yes(&of.data_loss),
        malicious_access: yes(&of.malicious_access),
        cost_eur: number(&of.cost_eur, "euros")?,
        nothing_else: !of.nothing_else.is_empty(),
        confirm_proposed: !of.confirm_proposed.is_empty(),
        cause: given(&of.cause).map(str::to_owned),
        recurring: !of.recurring.is_empty(),
        reason: given(&of.reason).map(str::to_owned),
        password: None,
    })
}

pub(super) async fn classify(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Classification>,
) -> Response {
    let done = async {
        let incident: IncidentId = parse(&id)?;
        let wanted = wanted(&form.fields)?;
        let stated = read_stated(&app, incident, &wanted).await?;
        let reason = app.put_reason(wanted.reason.as_deref()).await?;
        let command = Command::Reporting(Reporting::Classify { incident, stated, reason });
        form.ask(&app, command).await?;
        Ok(link::incident(incident))
    };
    let done = done.await;
    answer(&app, &form, done)
}

/// What the form says of a report that was sent.
#[derive(Deserialize)]
pub(super) struct Told {
    report: String,
    #[serde(default)]
    sent: String,
    reference: String,
}

pub(super) async fn notified(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Told>,
) -> Response {
    let done = async {
        let incident: IncidentId = parse(&id)?;
        let Told { report, sent, reference } = &form.fields;
        let (report, reference, sent_ms) = (report.clone(), reference.clone(), moment(sent)?);
        let wanted = NotificationWanted { report, sent_ms, reference, password: None };
        form.ask(&app, notification(&app, incident, &wanted).await?).await?;
        Ok(link::incident(incident))
    };
    let done = done.await;
    answer(&app, &form, done)
}

/// What the form says was learnt.
#[derive(Deserialize)]
pub(super) struct Learnt {
    findings: String,
}

pub(super) async fn reviewed(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Learnt>,
) -> Response {
    let done = async {
        let incident: IncidentId = parse(&id)?;
        form.ask(&app, review(&app, incident, &form.fields.findings).await?).await?;
        Ok(link::incident(incident))
    };
    let done = done.await;
    answer(&app, &form, done)
}
