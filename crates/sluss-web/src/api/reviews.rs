//! Reviews of the code of changes.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::assurance::At;
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{ChangeId, CommitId};
use sluss_core::review::{ChangeReviewed, ReviewOutcome, Standing};
use sluss_core::state::State as Known;

use super::access::said;
use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::words::{PersonView, Words};
use crate::app::App;

/// A review of code.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CodeReviewView {
    pub at_ms: i64,
    pub by: PersonView,
    /// The commit that was looked at.
    pub commit: String,
    /// `approves` or `asks_for_changes`.
    #[schemars(with = "String")]
    pub outcome: ReviewOutcome,
    pub comment: Option<String>,
    /// `counts`, `replaced` by a later word of theirs, `stale` since newer commits came,
    /// `contributed`, or `no role` any more.
    pub standing: &'static str,
}

/// Returns the reviews that have to do with a change, newest first.
pub(crate) fn reviews_of(state: &Known, words: &mut Words, id: ChangeId) -> Vec<CodeReviewView> {
    let all = state.reviews_of(id);
    all.into_iter().rev().map(|(one, standing)| review_view(words, one, standing)).collect()
}

fn review_view(words: &mut Words, one: &At<ChangeReviewed>, standing: Standing) -> CodeReviewView {
    CodeReviewView {
        at_ms: one.at.0,
        by: words.person(&one.what.by),
        commit: one.what.commit.to_string(),
        outcome: one.what.outcome,
        comment: words.text(&one.what.comment),
        standing: standing.word(),
    }
}

/// What somebody says who looked at code.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeReviewWanted {
    /// The commit that was looked at, in full.
    pub commit: String,
    /// `approves` or `asks_for_changes`.
    #[schemars(with = "String")]
    pub outcome: ReviewOutcome,
    /// Why.
    pub comment: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

pub(super) async fn review(
    State(app): State<App>,
    asking: Asking,
    Path(change): Path<String>,
    Wanted(wanted): Wanted<CodeReviewWanted>,
) -> Answer<DoneView> {
    let change: ChangeId = parse(&change)?;
    let commit: CommitId = parse(&wanted.commit)?;
    let comment = said(&app, &wanted.comment, "A review").await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    let outcome = wanted.outcome;
    let said = Assure::ReviewChange { change, commit, outcome, comment };
    asking.ask_as(&app, Command::Assure(said), actor).await
}
