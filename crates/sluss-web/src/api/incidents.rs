//! An incident whole: its clocks, what it did, what the authority was told, and what is missing.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::IncidentId;
use sluss_core::incident::clocks::Clock;
use sluss_core::incident::criteria::{Assessment, Criteria};
use sluss_core::incident::recurring::Recurring;
use sluss_core::incident::{Classified, Incident, LookedBack, Notified, Origin};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::incident::{Proposed, proposed};

use super::answer::{Answer, parse};
use super::records::{IncidentView, incident_view};
use super::words::{PersonView, Words, view};
use crate::app::App;

/// Figures by which an incident is classified. What is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct FiguresView {
    /// Whether critical services were affected.
    pub critical: Option<bool>,
    pub clients: Option<u64>,
    /// `12.5 %`
    pub clients_share: Option<String>,
    pub counterparts_share: Option<String>,
    /// Of the daily average.
    pub transactions_share: Option<String>,
    /// Of the daily average.
    pub amount_share: Option<String>,
    pub relevant_clients: Option<bool>,
    pub reputation: Option<bool>,
    pub downtime_seconds: Option<u64>,
    pub member_states: Option<Vec<String>>,
    pub data_loss: Option<bool>,
    pub malicious_access: Option<bool>,
    pub cost_eur: Option<u64>,
}

/// A threshold, and whether it is passed now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ThresholdView {
    /// `clients`, `reputation`, `duration`, `spread`, `data_loss` or `cost`.
    pub criterion: &'static str,
    /// What passes it.
    pub sentence: &'static str,
    /// `yes`, `no` or `unknown`.
    pub passed: &'static str,
}

/// How somebody classified an incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClassificationView {
    pub at_ms: i64,
    pub recorded_ms: i64,
    pub major: bool,
    /// The thresholds that were passed then.
    pub passed: Vec<&'static str>,
    pub cause: Option<String>,
    /// The incidents that it was looked at as one with.
    pub with: Vec<String>,
    pub by: PersonView,
    pub reason: Option<String>,
    pub figures: FiguresView,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClockView {
    /// `classification`, `initial`, `intermediate` or `final`.
    pub limit: &'static str,
    /// What is to be done, in words.
    pub what: &'static str,
    pub due_ms: i64,
    /// When it was done.
    pub met_ms: Option<i64>,
    /// `ahead`, `near`, `overdue`, `in time` or `late`.
    pub standing: &'static str,
    /// How much time is left; less than nothing where the limit passed. Null once it is done.
    pub left_ms: Option<i64>,
}

/// What the authority was told.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SentView {
    /// `initial`, `intermediate` or `final`.
    pub report: &'static str,
    pub sent_ms: i64,
    pub recorded_ms: i64,
    /// What was sent, or under which reference; null where that is gone.
    pub reference: Option<String>,
    pub by: PersonView,
}

/// What was learnt of an incident, and what follows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReviewedView {
    pub at_ms: i64,
    /// Null where that is gone.
    pub findings: Option<String>,
    pub by: PersonView,
}

/// What Sluss itself knows, to be confirmed or replaced by a person. What was not counted is null.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProposedView {
    /// Customers' requests in the periods that lie within the incident, at least in part.
    pub requests: Option<u64>,
    pub failed: Option<u64>,
    /// When the first of these periods began.
    pub counted_from_ms: Option<i64>,
    /// When the last one ended.
    pub counted_until_ms: Option<i64>,
    /// Requests of an average day of the thirty before.
    pub daily_requests: Option<u64>,
    pub figures: FiguresView,
}

/// Incidents with the same cause within six months, as one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RecurringView {
    pub cause: String,
    pub incidents: Vec<String>,
    pub first_ms: i64,
    pub last_ms: i64,
    pub duration_ms: i64,
    /// Whether they are major together: `yes`, `no` or `unknown`.
    pub major: &'static str,
    pub thresholds: Vec<ThresholdView>,
    pub figures: FiguresView,
    /// The one that was classified as major for all, if one was.
    pub reported_as: Option<String>,
}

/// All that recur.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RecurringsView {
    pub recurring: Vec<RecurringView>,
}

/// An incident whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WholeView {
    pub incident: IncidentView,
    /// What somebody, or an alert, said.
    pub summary: Option<String>,
    pub release: Option<String>,
    /// Digests of what that release is made of.
    pub artifacts: Vec<String>,
    pub occurred_ms: i64,
    /// Whether a person said when it occurred; else it is what the log has traces of.
    pub occurred_said: bool,
    pub aware_ms: i64,
    pub duration_ms: i64,
    /// Whether it is over.
    pub over: bool,
    pub clocks: Vec<ClockView>,
    /// Whether the figures make it major now: `yes`, `no` or `unknown`.
    pub major_now: &'static str,
    /// `yes`, `no` or `unknown`.
    pub critical: &'static str,
    /// `yes`, `no` or `unknown`.
    pub malicious_access: &'static str,
    pub thresholds: Vec<ThresholdView>,
    /// Figures that are not known and could decide.
    pub missing: Vec<&'static str>,
    /// Whether the figures say otherwise now than when it was classified.
    pub classify_again: bool,
    /// Oldest first; the last one counts.
    pub classifications: Vec<ClassificationView>,
    pub sent: Vec<SentView>,
    /// Oldest first.
    pub reviewed: Vec<ReviewedView>,
    pub proposed: ProposedView,
    pub recurring: Option<RecurringView>,
}

pub(crate) fn figures(of: &Criteria) -> FiguresView {
    let share = |of: Option<sluss_core::incident::criteria::Portion>| of.map(|of| of.to_string());
    let states = of.member_states.as_ref();
    FiguresView {
        critical: of.critical,
        clients: of.clients,
        clients_share: share(of.clients_share),
        counterparts_share: share(of.counterparts_share),
        transactions_share: share(of.transactions_share),
        amount_share: share(of.amount_share),
        relevant_clients: of.relevant_clients,
        reputation: of.reputation,
        downtime_seconds: of.downtime_seconds,
        member_states: states.map(|of| of.iter().map(ToString::to_string).collect()),
        data_loss: of.data_loss,
        malicious_access: of.malicious_access,
        cost_eur: of.cost_eur,
    }
}

fn thresholds(of: &Assessment) -> Vec<ThresholdView> {
    let one = |(of, holds): (sluss_core::incident::criteria::Criterion, _)| ThresholdView {
        criterion: of.as_str(),
        sentence: of.sentence(),
        passed: sluss_core::incident::criteria::Holds::as_str(holds),
    };
    of.thresholds.into_iter().map(one).collect()
}

pub(crate) fn clock_view(of: &Clock, now: Millis) -> ClockView {
    ClockView {
        limit: of.limit.as_str(),
        what: of.limit.words(),
        due_ms: of.due.0,
        met_ms: of.met.map(|at| at.0),
        standing: of.standing(now).as_str(),
        left_ms: of.met.is_none().then(|| of.due.since(now)),
    }
}

fn classification(words: &mut Words, (recorded, of): &(Millis, Classified)) -> ClassificationView {
    ClassificationView {
        at_ms: of.at.0,
        recorded_ms: recorded.0,
        major: of.major,
        passed: of.passed.iter().map(|one| one.as_str()).collect(),
        cause: of.cause.as_ref().map(ToString::to_string),
        with: of.with.iter().map(ToString::to_string).collect(),
        by: words.person(&of.by),
        reason: of.reason.as_ref().and_then(|reason| words.text(reason)),
        figures: figures(&of.criteria),
    }
}

fn sent_view(words: &mut Words, (recorded, of): &(Millis, Notified)) -> SentView {
    SentView {
        report: of.report.as_str(),
        sent_ms: of.sent.0,
        recorded_ms: recorded.0,
        reference: words.text(&of.reference),
        by: words.person(&of.by),
    }
}

fn reviewed_view(words: &mut Words, (at, of): &(Millis, LookedBack)) -> ReviewedView {
    ReviewedView { at_ms: at.0, findings: words.text(&of.findings), by: words.person(&of.by) }
}

fn proposed_view(of: &Proposed) -> ProposedView {
    ProposedView {
        requests: of.traffic.map(|of| of.counts.requests),
        failed: of.traffic.map(|of| of.counts.errors),
        counted_from_ms: of.traffic.map(|of| of.from.saturating_mul(1_000)),
        counted_until_ms: of.traffic.map(|of| of.until.saturating_add(1).saturating_mul(1_000)),
        daily_requests: of.daily_requests,
        figures: figures(&of.criteria()),
    }
}

fn recurring_view(state: &Known, of: &Recurring) -> RecurringView {
    let for_all = |id: &&IncidentId| {
        let found = state.incidents.get(id).and_then(Incident::classification);
        found.is_some_and(|of| of.major && !of.with.is_empty())
    };
    RecurringView {
        cause: of.cause.to_string(),
        incidents: of.incidents.iter().map(ToString::to_string).collect(),
        first_ms: of.first.0,
        last_ms: of.last.0,
        duration_ms: of.duration_ms,
        major: of.assessment.major().as_str(),
        thresholds: thresholds(&of.assessment),
        figures: figures(&of.criteria),
        reported_as: of.incidents.iter().find(for_all).map(ToString::to_string),
    }
}

/// Returns an incident whole.
pub(crate) async fn whole(app: &App, id: IncidentId) -> Result<WholeView, Failure> {
    let now = app.engine.now();
    let proposed = proposed(&app.engine, id).await?;
    let build = |state: &Known, words: &mut Words| {
        let found = state.incidents.get(&id).ok_or_else(|| unknown(id))?;
        Ok(whole_of(state, words, (id, found), &proposed, now))
    };
    view(app, build).await
}

fn unknown(id: IncidentId) -> Failure {
    let what = format!("There is no incident {id}.");
    Failure::new(Blame::NotFound, what, "See what there is: `sluss incident list --all`")
}

fn whole_of(
    state: &Known,
    words: &mut Words,
    (id, found): (IncidentId, &Incident),
    proposed: &Proposed,
    now: Millis,
) -> WholeView {
    let last = found.classification();
    let duration_ms = state.duration_ms(id, now);
    let criteria = last.map(|of| of.criteria.clone()).unwrap_or_default();
    let assessment = criteria.assess(duration_ms);
    let recurring = state.recurring_incidents(now);
    let recurring = recurring.iter().find(|group| group.incidents.contains(&id));
    let alone = assessment.major();
    let release = found.deployment().and_then(|id| state.deployments.get(&id)).map(|of| of.release);
    let made = release.and_then(|id| state.releases.get(&id));
    let summary = match &found.origin {
        Origin::Reported { summary, .. } => words.text(summary),
        Origin::Shadow { digest } => Some(format!("nobody deployed what runs there: {digest}")),
        Origin::Seen { .. } => None,
    };
    let classified = &found.reporting.classified;
    WholeView {
        incident: incident_view(id, found, now),
        summary,
        release: release.map(|id| id.to_string()),
        artifacts: made
            .map(|of| of.artifacts.iter().map(|one| one.digest.to_string()).collect())
            .unwrap_or_default(),
        occurred_ms: state.occurred(id).unwrap_or(found.opened).0,
        occurred_said: last.is_some(),
        aware_ms: found.aware().0,
        duration_ms,
        over: found.closed.is_some(),
        clocks: found.recorded().clocks().iter().map(|of| clock_view(of, now)).collect(),
        major_now: alone.as_str(),
        critical: assessment.critical.as_str(),
        malicious_access: assessment.malicious_access.as_str(),
        thresholds: thresholds(&assessment),
        missing: criteria.missing(&assessment),
        classify_again: last.is_some_and(|of| of.says_otherwise(alone)),
        classifications: classified.iter().map(|of| classification(words, of)).collect(),
        sent: found.reporting.sent.iter().map(|of| sent_view(words, of)).collect(),
        reviewed: found.reporting.reviewed.iter().map(|of| reviewed_view(words, of)).collect(),
        proposed: proposed_view(proposed),
        recurring: recurring.map(|group| recurring_view(state, group)),
    }
}

/// Returns what recurs.
pub(crate) fn recurring_of(state: &Known, now: Millis) -> Vec<RecurringView> {
    state.recurring_incidents(now).iter().map(|group| recurring_view(state, group)).collect()
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<WholeView> {
    let id: IncidentId = parse(&id)?;
    Ok(Json(whole(&app, id).await?))
}

pub(super) async fn recurring(State(app): State<App>) -> Answer<RecurringsView> {
    let now = app.engine.now();
    Ok(Json(RecurringsView { recurring: recurring_of(&app.engine.state(), now) }))
}
