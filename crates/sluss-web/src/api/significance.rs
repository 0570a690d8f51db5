//! Significant changes, what was confirmed of them, and what tests left in releases.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{ChangeId, ReleaseId};
use sluss_core::state::State as Known;

use super::access::said;
use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::words::{PersonView, Words};
use crate::app::App;

/// What somebody said, and when.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SaidView {
    pub at_ms: i64,
    pub by: PersonView,
    pub text: Option<String>,
}

/// That a change is significant.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SignificantView {
    pub marked: SaidView,
    /// Nothing as long as nobody else confirmed what it may touch.
    pub confirmed: Option<SaidView>,
}

/// Returns whether a change is significant, and what was confirmed.
pub(crate) fn significant(
    state: &Known,
    words: &mut Words,
    id: ChangeId,
) -> Option<SignificantView> {
    let known = state.assurance.significant.get(&id)?;
    let marked = &known.marked;
    Some(SignificantView {
        marked: SaidView {
            at_ms: marked.at.0,
            by: words.person(&marked.what.by),
            text: words.text(&marked.what.reason),
        },
        confirmed: known.confirmed.as_ref().map(|one| SaidView {
            at_ms: one.at.0,
            by: words.person(&one.what.by),
            text: words.text(&one.what.findings),
        }),
    })
}

/// Why a change is significant.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignificantWanted {
    /// Why.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// What was looked at after a significant change.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmWanted {
    /// What was looked at, and found.
    pub findings: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// Whether data and accounts of tests are gone.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanWanted {
    /// Whether they are.
    pub passed: bool,
    /// What was found.
    pub findings: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

pub(super) async fn mark(
    State(app): State<App>,
    asking: Asking,
    Path(change): Path<String>,
    Wanted(wanted): Wanted<SignificantWanted>,
) -> Answer<DoneView> {
    let change: ChangeId = parse(&change)?;
    let reason = said(&app, &wanted.reason, "Marking a change as significant").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Assure(Assure::MarkSignificant { change, reason }), actor).await
}

pub(super) async fn confirm(
    State(app): State<App>,
    asking: Asking,
    Path(change): Path<String>,
    Wanted(wanted): Wanted<ConfirmWanted>,
) -> Answer<DoneView> {
    let change: ChangeId = parse(&change)?;
    let findings = said(&app, &wanted.findings, "Confirming a change").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Assure(Assure::ConfirmChange { change, findings }), actor).await
}

pub(super) async fn clean(
    State(app): State<App>,
    asking: Asking,
    Path(release): Path<String>,
    Wanted(wanted): Wanted<CleanWanted>,
) -> Answer<DoneView> {
    let release: ReleaseId = parse(&release)?;
    let findings = said(&app, &wanted.findings, "A check for what tests left").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    let command = Assure::CheckClean { release, passed: wanted.passed, findings };
    asking.ask_as(&app, Command::Assure(command), actor).await
}
