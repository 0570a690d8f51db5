//! Reviews of code on the page of a change, and the form for one.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::agent::AgentResult;
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{ChangeId, CommitId, PersonRef};
use sluss_core::review::{ReviewOutcome, Reviewed};
use sluss_core::state::{ChangePhase, State as Known};
use sluss_core::units::Millis;

use super::acts::answer;
use super::frame::parse;
use super::html::{self, Html, Tone};
use super::link;
use crate::api::access::said;
use crate::api::agents::{AgentRunView, runs_of};
use crate::api::reviews::reviews_of;
use crate::api::words::Words;
use crate::app::App;
use crate::forms::Form;

/// A review, as it stands on the page.
pub(super) struct Row {
    pub(super) who: String,
    pub(super) outcome: Html,
    /// What it is worth by now, where it does not count.
    pub(super) stale: Option<&'static str>,
    pub(super) comment: String,
    pub(super) commit: String,
    pub(super) at: Html,
}

/// Reviews of a change.
pub(super) struct Reviews {
    pub(super) rows: Vec<Row>,
    pub(super) state: Html,
    /// Whether who looks may review it.
    pub(super) mine: bool,
}

/// Returns the reviews of a change as `who` sees them.
pub(super) fn of_change(
    state: &Known,
    words: &mut Words,
    id: ChangeId,
    (who, now): (Option<&PersonRef>, Millis),
) -> Reviews {
    let reviewed = state.reviewed(id);
    let tone = match reviewed {
        Reviewed::Nobody => Tone::Wait,
        Reviewed::Approved => Tone::Good,
        Reviewed::ChangesAsked => Tone::Bad,
    };
    let open = state.changes.get(&id).is_some_and(|change| match change.phase {
        ChangePhase::Proposed | ChangePhase::Merged | ChangePhase::Delivered { .. } => true,
        ChangePhase::Announced | ChangePhase::MergedInto { .. } => false,
        ChangePhase::Withdrawn { .. } => false,
    });
    let contributors = state.contributors_of_change(id);
    let row = |one: crate::api::reviews::CodeReviewView| Row {
        who: one.by.name,
        outcome: match one.outcome {
            ReviewOutcome::Approves => html::toned(Tone::Good, "approves"),
            ReviewOutcome::AsksForChanges => html::toned(Tone::Bad, "asks for changes"),
        },
        stale: (one.standing != "counts").then_some(match one.standing {
            "stale" => "stale: newer commits came",
            "replaced" => "replaced by a later word",
            "contributed" => "does not count: they contributed",
            _no_role => "does not count: no role any more",
        }),
        comment: one.comment.unwrap_or_else(|| "gone".to_owned()),
        commit: one.commit.chars().take(10).collect(),
        at: html::clock(Millis(one.at_ms), now),
    };
    Reviews {
        rows: reviews_of(state, words, id).into_iter().map(row).collect(),
        state: html::toned(tone, reviewed.word()),
        mine: open
            && who.is_some_and(|who| !contributors.contains(who) && state.develops_or_decides(who)),
    }
}

/// A run of an agent, as it stands on the page.
pub(super) struct AgentRow {
    pub(super) what: String,
    pub(super) entry: String,
    pub(super) acts_for: String,
    pub(super) result: Html,
    pub(super) took: String,
    pub(super) commits: String,
    pub(super) log: String,
}

/// Returns the runs of agents that a change came of.
pub(super) fn agents(state: &Known, words: &mut Words, id: ChangeId) -> Vec<AgentRow> {
    let row = |one: AgentRunView| AgentRow {
        what: format!("{} on {}", one.harness, one.model),
        entry: format!("{}/{}", link::LOG, one.leaf),
        acts_for: one.acts_for.name,
        result: match one.result {
            AgentResult::Succeeded => html::toned(Tone::Good, one.result.word()),
            AgentResult::Failed => html::toned(Tone::Bad, one.result.word()),
            AgentResult::Stopped => html::toned(Tone::Quiet, one.result.word()),
        },
        took: html::duration(Millis(one.ended_ms).since(Millis(one.started_ms))),
        commits: html::count(one.commits.len() as u64, "commit"),
        log: one.log.unwrap_or_else(|| "gone".to_owned()),
    };
    runs_of(state, words, id).into_iter().map(row).collect()
}

#[derive(Deserialize)]
pub(super) struct Fields {
    commit: String,
    outcome: ReviewOutcome,
    comment: String,
    password: String,
}

pub(super) async fn review(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Fields>,
) -> Response {
    let done = async {
        let change: ChangeId = parse(&id)?;
        let commit: CommitId = parse(&form.fields.commit)?;
        let comment = said(&app, &form.fields.comment, "A review").await?;
        let outcome = form.fields.outcome;
        let said = Assure::ReviewChange { change, commit, outcome, comment };
        form.decide(&app, Command::Assure(said), form.fields.password.clone()).await?;
        Ok(format!("{}#reviews", link::change(change)))
    };
    let done = done.await;
    answer(&app, &form, done)
}
