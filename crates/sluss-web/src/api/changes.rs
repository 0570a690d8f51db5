//! Changes, and where each is.

use axum::Json;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::event::WithdrawnReason;
use sluss_core::ids::{ChangeId, ServiceName};
use sluss_core::state::{Change, ChangePhase, State as Known};

use super::agents::{AgentRunView, runs_of};
use super::answer::{Answer, nothing, parse};
use super::deployments::{DeploymentBrief, brief_of};
use super::reviews::{CodeReviewView, reviews_of};
use super::significance::{SignificantView, significant};
use super::status::{PlaceStatus, place_statuses};
use super::words::{PersonView, Words, view};
use crate::app::App;

/// How many changes are listed unless told otherwise, and at most.
const LISTED: usize = 50;
const LISTED_MOST: usize = 500;
/// The fewest digits of a commit that something is looked for by.
const COMMIT_SHORTEST: usize = 7;

/// A change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangeView {
    pub change: String,
    pub service: String,
    pub branch: String,
    /// Whether that is the branch that is delivered.
    pub trunk: bool,
    pub commit: String,
    pub commits: u32,
    /// The first line of its message.
    pub title: Option<String>,
    pub contributors: Vec<PersonView>,
    pub work_items: Vec<String>,
    /// Whether others reviewed its code: `not reviewed`, `approved` or `changes asked for`.
    pub reviewed: &'static str,
    /// Reviews of its code, newest first, stale ones of earlier commits among them.
    pub reviews: Vec<CodeReviewView>,
    /// That somebody marked it as significant, and whether that was confirmed.
    pub significant: Option<SignificantView>,
    /// Runs of agents that it came of, oldest first.
    pub agent_runs: Vec<AgentRunView>,
    pub written_ms: i64,
    pub pushed_ms: i64,
    /// `announced`, `proposed`, `merged`, `merged_into`, `delivered` or `withdrawn`.
    pub phase: &'static str,
    /// Where it stands, as a sentence.
    pub sentence: String,
    /// The later change that it became part of.
    pub into: Option<String>,
    pub delivered_ms: Option<i64>,
    pub run: Option<String>,
    pub release: Option<String>,
    /// Where its release is or was.
    pub deployments: Vec<DeploymentBrief>,
}

/// Changes, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangesView {
    /// The changes.
    pub changes: Vec<ChangeView>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WhereView {
    /// What was asked for.
    pub asked: String,
    /// The changes that it stands for, newest first.
    pub changes: Vec<ChangeView>,
    /// Where the service is, if it is one.
    pub places: Vec<PlaceStatus>,
}

/// Which changes to list.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    service: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn all(State(app): State<App>, Query(which): Query<Which>) -> Answer<ChangesView> {
    let only = which.service.as_deref().map(parse::<ServiceName>).transpose()?;
    let limit = which.limit.unwrap_or(LISTED).min(LISTED_MOST);
    let build = |state: &Known, words: &mut Words| {
        let fits = |change: &Change| only.as_ref().is_none_or(|only| change.service == *only);
        Ok(ChangesView { changes: newest(state, words, limit, |_, change| fits(change)) })
    };
    Ok(Json(view(&app, build).await?))
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<ChangeView> {
    let id: ChangeId = parse(&id)?;
    let build = |state: &Known, words: &mut Words| {
        let change = state.changes.get(&id).ok_or_else(|| nothing(id))?;
        Ok(change_view(state, words, id, change))
    };
    Ok(Json(view(&app, build).await?))
}

pub(super) async fn whereabouts(
    State(app): State<App>,
    Path(asked): Path<String>,
) -> Answer<WhereView> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let id = asked.parse::<ChangeId>().ok();
        let service = asked.parse::<ServiceName>().ok();
        let service = service.filter(|name| state.services.contains_key(name));
        let places = match &service {
            Some(name) => place_statuses(state, words, name, now),
            None => Vec::new(),
        };
        let digits = asked.bytes().all(|b| b.is_ascii_hexdigit()) && asked.len() >= COMMIT_SHORTEST;
        let fits = |other: ChangeId, change: &Change| match (id, &service) {
            (Some(id), _) => id == other,
            (None, Some(name)) => change.service == *name,
            (None, None) => digits && change.push.commit.as_str().starts_with(&asked),
        };
        let changes = newest(state, words, LISTED, fits);
        match changes.is_empty() && service.is_none() {
            true => Err(nothing(format!("change, commit or service `{asked}`"))),
            false => Ok(WhereView { asked: asked.clone(), changes, places }),
        }
    };
    Ok(Json(view(&app, build).await?))
}

/// Returns the newest changes that fit, the last pushed first.
pub(super) fn newest(
    state: &Known,
    words: &mut Words,
    limit: usize,
    fits: impl Fn(ChangeId, &Change) -> bool,
) -> Vec<ChangeView> {
    let newest = state.changes.iter().rev().filter(|(id, change)| fits(**id, change)).take(limit);
    newest.map(|(id, change)| change_view(state, words, *id, change)).collect()
}

fn change_view(state: &Known, words: &mut Words, id: ChangeId, change: &Change) -> ChangeView {
    let push = &change.push;
    let release = change.run.and_then(|run| state.runs.get(&run)?.release);
    let deployments = release.and_then(|release| state.releases.get(&release));
    let deployments = deployments.map_or(&[][..], |release| &release.deployments);
    let deployments: Vec<DeploymentBrief> =
        deployments.iter().filter_map(|id| brief_of(state, words, *id)).collect();
    let not_packed = change.run.and_then(|run| state.runs.get(&run)?.not_packed.as_ref());
    let not_packed = not_packed.map(|why| {
        let why = words.text(why).unwrap_or_else(|| "why is not kept any more".to_owned());
        format!("Its release could not be packed: {why}.").replace("..", ".")
    });
    let (into, delivered) = match change.phase {
        ChangePhase::MergedInto { into } => (Some(into.to_string()), None),
        ChangePhase::Delivered { at, .. } => (None, Some(at.0)),
        ChangePhase::Announced
        | ChangePhase::Proposed
        | ChangePhase::Merged
        | ChangePhase::Withdrawn { .. } => (None, None),
    };
    ChangeView {
        change: id.to_string(),
        service: change.service.to_string(),
        branch: push.branch.clone(),
        trunk: push.trunk,
        commit: push.commit.to_string(),
        commits: push.commits,
        title: words.text(&push.title),
        contributors: words.people(&push.contributors),
        work_items: push.work_items.iter().cloned().collect(),
        reviewed: state.reviewed(id).word(),
        reviews: reviews_of(state, words, id),
        significant: significant(state, words, id),
        agent_runs: runs_of(state, words, id),
        written_ms: push.written.0,
        pushed_ms: change.at.0,
        phase: phase_word(change.phase),
        sentence: not_packed.unwrap_or_else(|| sentence(change.phase, &deployments)),
        into,
        delivered_ms: delivered,
        run: change.run.map(|run| run.to_string()),
        release: release.map(|release| release.to_string()),
        deployments,
    }
}

fn phase_word(phase: ChangePhase) -> &'static str {
    match phase {
        ChangePhase::Announced => "announced",
        ChangePhase::Proposed => "proposed",
        ChangePhase::Merged => "merged",
        ChangePhase::MergedInto { .. } => "merged_into",
        ChangePhase::Delivered { .. } => "delivered",
        ChangePhase::Withdrawn { .. } => "withdrawn",
    }
}

fn sentence(phase: ChangePhase, deployments: &[DeploymentBrief]) -> String {
    match phase {
        ChangePhase::Announced => "Its push is under way.".to_owned(),
        ChangePhase::Proposed => "It is on a branch that is not delivered.".to_owned(),
        ChangePhase::MergedInto { into } => format!("It became part of {into}."),
        ChangePhase::Withdrawn { why } => match why {
            WithdrawnReason::PushIncomplete => "Its push did not complete.".to_owned(),
            WithdrawnReason::BranchDeleted => "Its branch was deleted.".to_owned(),
            WithdrawnReason::Replaced => "A newer push replaced it.".to_owned(),
        },
        ChangePhase::Merged | ChangePhase::Delivered { .. } => match deployments.last() {
            None => "It has no deployment yet.".to_owned(),
            Some(last) => {
                let waits = last.waits.first().map(|wait| &wait.sentence);
                let why = waits.or(last.refused.as_ref()).map_or("", String::as_str);
                format!("It is {} in {}. {why}", last.phase, last.environment).trim_end().to_owned()
            }
        },
    }
}
