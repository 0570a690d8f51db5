//! What second persons are asked, and what they said.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::approval::{Decision, Subject};
use sluss_core::decide::Command;
use sluss_core::ids::Digest;
use sluss_core::risk::level_of;
use sluss_core::state::State as Known;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, nothing, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::deployments::may_decide;
use super::proposed::{ProposedView, proposed};
use super::words::{PersonView, Words, view};
use crate::app::App;

/// A request for a second person.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ApprovalView {
    /// What is to be approved: `dep-7` or `cfg-2`.
    pub subject: String,
    /// The digest of the statement that a decision is bound to; send it with the decision.
    pub statement: String,
    /// Why a person is asked.
    pub why: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// Who contributed, and so does not decide.
    pub contributors: Vec<PersonView>,
    /// Who could decide, while nobody has.
    pub may_decide: Vec<PersonView>,
    /// The groups of which somebody must still agree, each once for every person; empty once
    /// nobody is asked any more.
    pub still_asked: Vec<String>,
    /// Whether whoever approves signs with a key of their own, which is done in the browser.
    pub by_key: bool,
    /// `open`, `granted`, `refused` or `invalidated`.
    pub decision: &'static str,
    /// Who decided.
    pub by: Option<PersonView>,
    /// When.
    pub at_ms: Option<i64>,
    /// Why not.
    pub reason: Option<String>,
    /// Why it is void, where it is.
    pub void: Option<&'static str>,
    /// Until when an approval of it counts.
    pub valid_until_ms: Option<i64>,
    /// What stood behind a deployment when it was asked about; its statement says the same.
    pub basis: Option<BasisView>,
    /// In what a configuration asks less than the one in force: then it takes two people.
    pub weakens: Vec<&'static str>,
    /// What a configuration changes, where it is asked for by itself or in the inbox.
    pub changes: Option<ProposedView>,
}

/// What stood behind a deployment when it was asked about.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BasisView {
    /// The commit that was live there; nothing where nothing was.
    pub base_commit: Option<String>,
    /// SHA-256 of what `git diff-tree -r -z --no-renames` says of the difference to that; nothing
    /// where it could not be read.
    pub diff_sha256: Option<String>,
    /// SHA-256 over the digests of the evidence.
    pub evidence_sha256: String,
    /// `low`, `medium` or `high`.
    pub risk: &'static str,
    /// The points that say so.
    pub risk_points: u8,
    /// From when on an approval of it counts.
    pub valid_from_ms: i64,
}

/// What second persons are asked now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ApprovalsView {
    /// The open requests.
    pub open: Vec<ApprovalView>,
}

/// Why somebody who agreed takes that back.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeWanted {
    /// Why.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

pub(super) async fn revoke(
    State(app): State<App>,
    asking: Asking,
    Path(subject): Path<String>,
    Wanted(wanted): Wanted<RevokeWanted>,
) -> Answer<DoneView> {
    let subject: Subject = parse(&subject)?;
    let reason = revoked_for(&app, &wanted.reason).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Revoke { subject, reason }, actor).await
}

/// Keeps why an approval is revoked.
pub(crate) async fn revoked_for(app: &App, text: &str) -> Result<Digest, Failure> {
    app.put_reason(Some(text)).await?.ok_or_else(|| {
        let what = "Revoking an approval needs a reason.";
        Failure::new(Blame::Caller, what, "Say why in a sentence: `--reason …`")
    })
}

pub(super) async fn all(State(app): State<App>) -> Answer<ApprovalsView> {
    let build = |state: &Known, words: &mut Words| {
        let open = state.requests.iter().filter(|(_, request)| request.decision == Decision::Open);
        let open: Vec<Subject> = open.map(|(subject, _)| *subject).collect();
        let open = open.into_iter().filter_map(|subject| approval_view(state, words, subject));
        Ok(ApprovalsView { open: open.collect() })
    };
    Ok(Json(view(&app, build).await?))
}

pub(super) async fn one(
    State(app): State<App>,
    Path(subject): Path<String>,
) -> Answer<ApprovalView> {
    let subject: Subject = parse(&subject)?;
    let build = |state: &Known, words: &mut Words| {
        let asked = approval_view(state, words, subject);
        asked.ok_or_else(|| nothing(format!("request for a second person about {subject}")))
    };
    let asked = view(&app, build).await?;
    Ok(Json(ApprovalView { changes: proposed(&app, subject, true).await, ..asked }))
}

/// Returns the groups whose members must still agree to what is open.
fn still_asked(state: &Known, subject: Subject) -> Vec<String> {
    let open = state.requests.get(&subject).is_some_and(|of| of.decision == Decision::Open);
    match open {
        true => state.still_asked(subject, state.time).iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    }
}

pub(super) fn approval_view(
    state: &Known,
    words: &mut Words,
    subject: Subject,
) -> Option<ApprovalView> {
    let request = state.requests.get(&subject)?;
    let (decision, by, at, reason) = match &request.decision {
        Decision::Open => ("open", None, None, None),
        Decision::Granted { by, at } => ("granted", Some(by), Some(*at), None),
        Decision::Refused { by, at, reason } => ("refused", Some(by), Some(*at), reason.as_ref()),
        Decision::Invalidated { at, .. } => ("invalidated", None, Some(*at), None),
        Decision::Expired { at } => ("expired", None, Some(*at), None),
    };
    Some(ApprovalView {
        subject: subject.to_string(),
        statement: request.statement.to_string(),
        why: request.why.sentence(),
        since_ms: request.since.0,
        contributors: words.people(&request.contributors),
        may_decide: may_decide(state, words, subject),
        still_asked: still_asked(state, subject),
        by_key: state.rules_of(subject).iter().all(|rule| rule.by_key),
        decision,
        by: by.map(|who| words.person(who)),
        at_ms: at.map(|at| at.0),
        reason: reason.and_then(|digest| words.text(digest)),
        void: match &request.decision {
            Decision::Invalidated { why: Some(why), .. } => Some(why.sentence()),
            _stands_or_unsaid => None,
        },
        valid_until_ms: state.approval_ends(request).map(|end| end.0),
        basis: request.basis.as_ref().map(|basis| BasisView {
            base_commit: basis.base_commit.as_ref().map(ToString::to_string),
            diff_sha256: basis.diff_sha256.as_ref().map(ToString::to_string),
            evidence_sha256: basis.evidence_sha256.to_string(),
            risk: level_of(basis.risk_points),
            risk_points: basis.risk_points,
            valid_from_ms: basis.valid_from.0,
        }),
        weakens: match subject {
            Subject::Configuration(number) => {
                state.weakenings(number).into_iter().map(|found| found.sentence()).collect()
            }
            Subject::Deployment(_) => Vec::new(),
        },
        changes: None,
    })
}
