//! Who may decide and deploy at a time, reviews of that, accepted tests, and rehearsals.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::access::AccessReview;
use sluss_core::assurance::{At, Drill, Rehearsal};
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::words::{PersonView, Words, view};
use crate::app::App;

/// At which time.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct When {
    /// In milliseconds since 1970; now where none is given.
    pub(crate) at_ms: Option<i64>,
}

/// Somebody who decided for somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DelegationView {
    pub from: PersonView,
    pub to: PersonView,
    pub until_ms: i64,
}

/// A review of access.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReviewView {
    pub at_ms: i64,
    pub by: PersonView,
    /// The configuration that was in force.
    pub configuration: String,
    pub findings: Option<String>,
}

/// A rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RehearsalView {
    pub at_ms: i64,
    /// `restored backup` or `rollback drill`.
    pub kind: &'static str,
    /// Of which service; nothing where it is about the whole.
    pub service: Option<String>,
    pub by: PersonView,
    pub passed: bool,
    pub findings: Option<String>,
}

/// Who may decide and deploy at a time, and who looked at that.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AccessView {
    pub at_ms: i64,
    /// The configuration that was in force; nothing before the first.
    pub configuration: Option<String>,
    /// Since when it was.
    pub since_ms: Option<i64>,
    /// Who had which role: `developer` deploys, `approver` and `group:NAME` decide.
    pub roles: BTreeMap<String, Vec<PersonView>>,
    pub delegations: Vec<DelegationView>,
    /// Reviews, newest first.
    pub reviews: Vec<ReviewView>,
    /// When the next one is due.
    pub review_due_ms: Option<i64>,
    pub review_overdue: bool,
    /// Rehearsals, newest first.
    pub rehearsals: Vec<RehearsalView>,
}

pub(crate) async fn access(app: &App, when: When) -> Result<AccessView, Failure> {
    let now = app.engine.now();
    let at = when.at_ms.map_or(now, Millis);
    view(app, |state, words| Ok(built(state, words, at, now))).await
}

fn built(state: &Known, words: &mut Words, at: Millis, now: Millis) -> AccessView {
    let found = state.access_at(at);
    let mut roles = BTreeMap::new();
    let mut delegations = Vec::new();
    for (role, people) in found.iter().flat_map(|found| &found.roles) {
        roles.insert(role.to_string(), words.people(people));
    }
    for one in found.iter().flat_map(|found| &found.delegations) {
        let (from, to) = (words.person(&one.from), words.person(&one.to));
        delegations.push(DelegationView { from, to, until_ms: one.until.0 });
    }
    let due = state.access_review_due();
    let assurance = &state.assurance;
    let newest = assurance.access_reviews.iter().rev();
    let reviews = newest.map(|one| review_view(words, one)).collect();
    let newest = assurance.rehearsals.iter().rev();
    let rehearsals = newest.map(|(drill, one)| rehearsal_view(words, *drill, one)).collect();
    AccessView {
        at_ms: at.0,
        configuration: found.as_ref().map(|found| format!("cfg-{}", found.number)),
        since_ms: found.as_ref().map(|found| found.since.0),
        roles,
        delegations,
        reviews,
        review_due_ms: due.map(|due| due.0),
        review_overdue: due.is_some_and(|due| now >= due),
        rehearsals,
    }
}

fn review_view(words: &mut Words, one: &At<AccessReview>) -> ReviewView {
    ReviewView {
        at_ms: one.at.0,
        by: words.person(&one.what.by),
        configuration: format!("cfg-{}", one.what.number),
        findings: words.text(&one.what.findings),
    }
}

fn rehearsal_view(words: &mut Words, drill: Drill, one: &At<Rehearsal>) -> RehearsalView {
    RehearsalView {
        at_ms: one.at.0,
        kind: drill.word(),
        service: one.what.service.as_ref().map(ToString::to_string),
        by: words.person(&one.what.by),
        passed: one.what.passed,
        findings: words.text(&one.what.findings),
    }
}

pub(super) async fn at(State(app): State<App>, Query(when): Query<When>) -> Answer<AccessView> {
    Ok(Json(access(&app, when).await?))
}

/// What a review of access found.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewWanted {
    /// What was found, and what follows.
    pub findings: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Why red tests of a release have nothing to do with it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptWanted {
    /// Why.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// A rehearsal that is to be recorded.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalWanted {
    /// `restore` or `rollback`.
    #[schemars(with = "String")]
    pub kind: Drill,
    /// Of which service; without one, of the whole.
    pub service: Option<String>,
    /// Whether it succeeded.
    pub passed: bool,
    /// What was found.
    pub findings: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Keeps what somebody says; saying nothing is refused.
pub(crate) async fn said(app: &App, text: &str, what: &str) -> Result<Digest, Failure> {
    app.put_reason(Some(text)).await?.ok_or_else(|| {
        Failure::new(Blame::Caller, format!("{what} needs words."), "Say it in a sentence or two")
    })
}

pub(super) async fn review(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<ReviewWanted>,
) -> Answer<DoneView> {
    let findings = said(&app, &wanted.findings, "A review of access").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Assure(Assure::ReviewAccess { findings }), actor).await
}

pub(super) async fn accept_tests(
    State(app): State<App>,
    asking: Asking,
    Path(release): Path<String>,
    Wanted(wanted): Wanted<AcceptWanted>,
) -> Answer<DoneView> {
    let release: ReleaseId = parse(&release)?;
    let reason = said(&app, &wanted.reason, "Accepting red tests").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Assure(Assure::AcceptTests { release, reason }), actor).await
}

pub(super) async fn rehearse(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<RehearsalWanted>,
) -> Answer<DoneView> {
    let service = wanted.service.as_deref().filter(|name| !name.is_empty());
    let service = service.map(parse).transpose()?;
    let findings = said(&app, &wanted.findings, "A rehearsal").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    let (drill, passed) = (wanted.kind, wanted.passed);
    let command = Command::Assure(Assure::Rehearse { drill, service, passed, findings });
    asking.ask_as(&app, command, actor).await
}
