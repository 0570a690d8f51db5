//! Runs of agents: software that acted for a person.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::agent::{AgentResult, AgentRun, Recorded, Software};
use sluss_core::decide::{Assure, Command};
use sluss_core::ids::{ChangeId, CommitId, Digest};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::access::said;
use super::answer::{Answer, nothing, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::words::{PersonView, Words};
use crate::app::App;

/// A run of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AgentRunView {
    /// The entry of the log that tells of it.
    pub leaf: u64,
    pub recorded_ms: i64,
    /// Who answers for it.
    pub acts_for: PersonView,
    pub model: String,
    pub harness: String,
    pub commits: Vec<String>,
    pub tools_sha256: String,
    pub prompts_sha256: String,
    /// Where its own log is.
    pub log: Option<String>,
    pub log_sha256: Option<String>,
    pub started_ms: i64,
    pub ended_ms: i64,
    /// `succeeded`, `failed` or `stopped`.
    #[schemars(with = "String")]
    pub result: AgentResult,
}

/// Returns the runs of agents that a change came of, oldest first.
pub(crate) fn runs_of(state: &Known, words: &mut Words, id: ChangeId) -> Vec<AgentRunView> {
    state.agent_runs(id).map(|one| run_view(words, one)).collect()
}

fn run_view(words: &mut Words, Recorded { leaf, run }: &Recorded) -> AgentRunView {
    let of = &run.what;
    AgentRunView {
        leaf: *leaf,
        recorded_ms: run.at.0,
        acts_for: words.person(&of.acts_for),
        model: of.model.to_string(),
        harness: of.harness.to_string(),
        commits: of.commits.iter().map(ToString::to_string).collect(),
        tools_sha256: of.tools_sha256.to_string(),
        prompts_sha256: of.prompts_sha256.to_string(),
        log: words.text(&of.log),
        log_sha256: of.log_sha256.as_ref().map(ToString::to_string),
        started_ms: of.started.0,
        ended_ms: of.ended.0,
        result: of.result,
    }
}

/// What an agent did, told by the agent. It acts for the person whose token it holds.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentRunWanted {
    /// The commits that came of it, in full: each is one of the change.
    pub commits: Vec<String>,
    /// Which model it ran on: a name of letters, digits and `._:/@+-`.
    pub model: String,
    /// Which program ran that, as such a name.
    pub harness: String,
    /// SHA-256 of the list of tools that it was given.
    pub tools_sha256: String,
    /// SHA-256 of what it was told.
    pub prompts_sha256: String,
    /// Where its own log is.
    pub log: String,
    /// SHA-256 of that log, where it is known.
    pub log_sha256: Option<String>,
    /// In milliseconds since 1970.
    pub started_ms: i64,
    /// In milliseconds since 1970.
    pub ended_ms: i64,
    /// `succeeded`, `failed` or `stopped`.
    #[schemars(with = "String")]
    pub result: AgentResult,
}

pub(super) async fn record(
    State(app): State<App>,
    asking: Asking,
    Path(change): Path<String>,
    Wanted(wanted): Wanted<AgentRunWanted>,
) -> Answer<DoneView> {
    let change: ChangeId = parse(&change)?;
    let digest = |text: &str| parse::<Digest>(text);
    let commits = wanted.commits.iter().map(|text| parse::<CommitId>(text));
    let commits: BTreeSet<CommitId> = commits.collect::<Result<_, _>>()?;
    // Who may record nothing is refused by the engine, and that is recorded.
    let known = app.engine.state().develops_or_decides(&asking.caller.who);
    if known && !asking.caller.is_in_person() {
        of_the_change(&app, change, &commits).await?;
    }
    let run = AgentRun {
        change,
        commits,
        acts_for: asking.caller.who.clone(),
        model: parse::<Software>(&wanted.model)?,
        harness: parse::<Software>(&wanted.harness)?,
        tools_sha256: digest(&wanted.tools_sha256)?,
        prompts_sha256: digest(&wanted.prompts_sha256)?,
        log: said(&app, &wanted.log, "Where an agent's log is").await?,
        log_sha256: wanted.log_sha256.as_deref().map(digest).transpose()?,
        started: Millis(wanted.started_ms),
        ended: Millis(wanted.ended_ms),
        result: wanted.result,
    };
    asking.ask(&app, Command::Assure(Assure::RecordAgent(run))).await
}

/// Checks that the repository has each of `commits`, and that each is the change's or before it,
/// and none was there before it.
async fn of_the_change(
    app: &App,
    id: ChangeId,
    commits: &BTreeSet<CommitId>,
) -> Result<(), Failure> {
    let (service, tip, old) = {
        let state = app.engine.state();
        let change = state.changes.get(&id).ok_or_else(|| nothing(id))?;
        (change.service.clone(), change.push.commit.clone(), change.push.old.clone())
    };
    let objects = app.engine.parts().repositories.objects(&service.into());
    let objects = objects.ok_or_else(|| nothing("repository of this change"))?;
    for commit in commits {
        let before = match &old {
            Some(old) => objects.is_ancestor(commit, old).await.unwrap_or(true),
            None => false,
        };
        if before || !objects.is_ancestor(commit, &tip).await.unwrap_or(false) {
            return Err(Failure::new(
                Blame::Caller,
                format!("{commit} is no commit of {id}."),
                format!("Name commits that {id} brought: `sluss where {id}`"),
            ));
        }
    }
    Ok(())
}
