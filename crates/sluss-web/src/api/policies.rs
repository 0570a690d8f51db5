//! Policies: those in force, what they were given, and what others would have made of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::approval::Subject;
use sluss_core::ids::Digest;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::texts;
use sluss_policy::{Change, DiffReport, DiffResult, Flip, GateInput};
use sluss_store::Blobs as _;

use super::answer::{Answer, Refused, nothing, parse};
use crate::app::App;

/// The days of the past that a new policy is compared over.
const PAST_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// Decisions that it is compared over at most, the newest ones.
const DECISIONS_MOST: usize = 200;

/// The policies in force.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PoliciesView {
    /// The digest that they are kept under; nothing where there are none.
    pub policies: Option<String>,
    /// Their texts by path.
    pub files: BTreeMap<String, String>,
    /// How they came into force, and when they are looked at again; nothing where there are none.
    pub version: Option<PolicyVersionView>,
}

/// Policies as a version.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PolicyVersionView {
    /// The digest that they are kept under.
    pub policies: String,
    /// `block`, or `warn`: what they deny is recorded and shown, and keeps nothing.
    pub mode: &'static str,
    /// Rules that only warn.
    pub warn: Vec<String>,
    /// The team that answers for them.
    pub owner: Option<String>,
    /// The configuration that brought them.
    pub configuration: String,
    /// Its commit in the platform repository.
    pub commit: String,
    /// When they came into force.
    pub activated_ms: i64,
    /// The position of the approval by which they did, where a second person was asked.
    pub approved_leaf: Option<u64>,
    /// The digest of the report on what they would have made of the past.
    pub report: Option<String>,
    /// By when they are looked at again.
    pub review_due_ms: i64,
    /// Whether that is overdue.
    pub review_overdue: bool,
}

/// Returns the version of the policies in force.
pub(crate) fn version(state: &Known, now: Millis) -> Option<PolicyVersionView> {
    let version = state.policy_version.as_ref()?;
    let of = &state.organisation.as_ref()?.policy;
    Some(PolicyVersionView {
        policies: version.bundle.to_string(),
        mode: of.mode.as_str(),
        warn: of.warn.iter().cloned().collect(),
        owner: of.owner.as_ref().map(ToString::to_string),
        configuration: Subject::Configuration(version.number).to_string(),
        commit: version.commit.to_string(),
        activated_ms: version.activated.0,
        approved_leaf: version.approved_leaf,
        report: version.report.as_ref().map(ToString::to_string),
        review_due_ms: state.policy_review_due()?.0,
        review_overdue: state.policy_review_overdue(now).is_some(),
    })
}

/// What other policies would have made of the past.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DifferenceView {
    /// The digest of the policies in force.
    pub old: Option<String>,
    /// The digest of those proposed.
    pub new: Option<String>,
    /// `same`, `tightened`, `weakened` or `not checked`.
    pub result: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// Decisions that both made again.
    pub checked: usize,
    /// Those that went though the policies then would have refused them, since they only warned.
    pub only_warned: usize,
    /// Those that come out otherwise.
    pub flips: Vec<FlipView>,
    /// Those of which nothing is known, and why.
    pub not_checked: Vec<NotCheckedView>,
}

/// A decision that would come out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FlipView {
    /// The position of its event.
    pub position: String,
    /// `weakening` or `tightening`.
    pub change: &'static str,
    /// The rules that denied it.
    pub before: Vec<String>,
    /// The rules that would deny it.
    pub after: Vec<String>,
}

/// A decision of which nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NotCheckedView {
    /// The position of its event.
    pub position: String,
    /// Why.
    pub why: String,
}

pub(super) async fn active(State(app): State<App>) -> Answer<PoliciesView> {
    let policies = app.engine.state().organisation.as_ref().and_then(|o| o.policies.clone());
    let files = match &policies {
        Some(digest) => {
            let packed = app.engine.parts().blobs.get(digest).await;
            let packed = packed.map_err(|e| Failure::upstream("The policies can't be read", &e))?;
            texts::unpack(&packed).map_err(|lines| unreadable(&lines))?
        }
        None => BTreeMap::new(),
    };
    let version = version(&app.engine.state(), app.engine.now());
    let policies = policies.map(|digest| digest.to_string());
    Ok(Json(PoliciesView { policies, files, version }))
}

fn unreadable(lines: &[String]) -> Failure {
    let hint = "Look at what is wrong: `sluss doctor`";
    Failure::new(Blame::Upstream, lines.join("\n"), hint)
}

/// Answers with what a policy was given, byte by byte as it was digested, and with no other blob.
pub(super) async fn given(
    State(app): State<App>,
    Path(digest): Path<String>,
) -> Result<Response, Refused> {
    let digest: Digest = parse(&digest)?;
    let found = app.engine.parts().blobs.get(&digest).await.ok();
    let found = found.filter(|bytes| GateInput::parse(bytes).is_ok());
    let bytes = found.ok_or_else(|| nothing(format!("record of a policy's input {digest}")))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response())
}

pub(super) async fn difference(
    State(app): State<App>,
    Path(subject): Path<String>,
) -> Answer<DifferenceView> {
    let subject: Subject = parse(&subject)?;
    let found = would_change(&app, subject).await?;
    Ok(Json(found.ok_or_else(|| nothing(format!("proposed configuration {subject}")))?))
}

/// Returns what the policies of a proposed configuration would have made of the past; nothing where
/// none is proposed.
pub(crate) async fn would_change(
    app: &App,
    subject: Subject,
) -> Result<Option<DifferenceView>, Failure> {
    let Subject::Configuration(number) = subject else { return Ok(None) };
    let (old, new) = {
        let state = app.engine.state();
        let Some(proposal) = state.proposals.get(&number) else { return Ok(None) };
        let old = state.organisation.as_ref().and_then(|known| known.policies.clone());
        (old, proposal.organisation.policies.clone())
    };
    let since = app.engine.now().plus(-PAST_MS);
    let mut view = DifferenceView {
        old: old.as_ref().map(ToString::to_string),
        new: new.as_ref().map(ToString::to_string),
        result: "same",
        since_ms: since.0,
        checked: 0,
        only_warned: 0,
        flips: Vec::new(),
        not_checked: Vec::new(),
    };
    match (old, new) {
        (old, new) if old == new => {}
        (Some(old), Some(new)) => fill(&mut view, report(app, &old, &new, since).await?),
        // What was closed by a policy is open without any.
        (Some(_), None) => view.result = "weakened",
        (None, Some(_) | None) => view.result = "tightened",
    }
    Ok(Some(view))
}

async fn report(
    app: &App,
    old: &Digest,
    new: &Digest,
    since: Millis,
) -> Result<DiffReport, Failure> {
    let blobs = &app.engine.parts().blobs;
    let old = texts::bundle(blobs, old).await.map_err(|lines| unreadable(&lines))?;
    let new = texts::bundle(blobs, new).await.map_err(|lines| unreadable(&lines))?;
    let past = texts::past(&app.engine, since, DECISIONS_MOST).await?;
    tokio::task::spawn_blocking(move || texts::difference(&old, &new, past))
        .await
        .map_err(|error| Failure::upstream("The past could not be decided again", &error))
}

fn fill(view: &mut DifferenceView, report: DiffReport) {
    view.result = match report.result() {
        DiffResult::NotChecked => "not checked",
        DiffResult::Same => "same",
        DiffResult::Tightened => "tightened",
        DiffResult::Weakened => "weakened",
    };
    view.checked = report.checked;
    view.only_warned = report.only_warned;
    view.flips = report.flips.iter().map(flip_view).collect();
    let pairs = report.not_checked.into_iter();
    view.not_checked = pairs.map(|(position, why)| NotCheckedView { position, why }).collect();
}

fn flip_view(flip: &Flip) -> FlipView {
    let rules = |side: &sluss_policy::Side| -> Vec<String> {
        let denied = side.deny.iter().map(|denial| denial.rule.clone());
        denied.chain(side.require.iter().map(|asked| format!("require {asked}"))).collect()
    };
    FlipView {
        position: flip.id.clone(),
        change: match flip.change {
            Change::Weakening => "weakening",
            Change::Tightening => "tightening",
        },
        before: rules(&flip.before),
        after: rules(&flip.after),
    }
}
