//! Deployments: gates, what is to be approved, the rollout and its evidence.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sluss_core::approval::{Decision, Subject};
use sluss_core::deployment::{Deployment, HoldReason, Phase};
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::DeploymentId;
use sluss_core::invariant::Invariant;
use sluss_core::pipeline::{EnvironmentKind, GateKind, Replacement};
use sluss_core::rollout::{self, Counts, Detail, Metric, Reading, Rollout, Verdict};
use sluss_core::state::State as Known;
use sluss_core::steps::StepOwner;
use sluss_core::units::Millis;

use super::answer::{Answer, nothing, parse};
use super::approvals::{ApprovalView, approval_view};
use super::budget::{BudgetView, budget_before};
use super::runs::{StepView, step_views};
use super::words::{PersonView, Words, gate_words, view};
use crate::app::App;

/// A deployment in a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DeploymentBrief {
    pub deployment: String,
    pub service: String,
    pub environment: String,
    pub release: String,
    pub change: Option<String>,
    pub commit: Option<String>,
    /// The first line of the change's message.
    pub title: Option<String>,
    /// Where it stands: `requested`, `cleared`, `rolling out`, `live`, `rolled back`, …
    pub phase: String,
    pub requested_ms: i64,
    pub live_ms: Option<i64>,
    /// Its share of the traffic, in basis points.
    pub share_basis_points: u16,
    /// What it waits for.
    pub waits: Vec<WaitView>,
    /// What the gate said that refused it, if one did.
    pub refused: Option<String>,
}

/// What a deployment waits for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WaitView {
    /// The gate that is shut.
    pub gate: &'static str,
    /// Why, as a sentence.
    pub sentence: String,
    /// Who can open it, where people can.
    pub people: Vec<PersonView>,
    /// The id of the compiled-in invariant that shuts it, if one does.
    pub core: Option<&'static str>,
}

/// A gate of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GateView {
    /// Which: `tests`, `four_eyes`, `freeze`, `policy` and so on.
    pub gate: &'static str,
    /// What it saw last: `cleared`, `waiting`, `refused`; `pending` before it saw anything.
    pub outcome: &'static str,
    /// Why, as a sentence.
    pub sentence: String,
    /// The id of the compiled-in invariant that shuts it, if one does: `core.freeze`.
    pub core: Option<&'static str>,
    /// Whether policies would refuse it, and only warn.
    pub would_refuse: bool,
}

/// Requests of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct CountsView {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, how many failed.
    pub errors: u64,
}

/// What the evidence says, in micro-nats.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReadingView {
    /// Log evidence that the candidate is worse.
    pub against_micronats: i64,
    /// Where that takes it back.
    pub against_at_micronats: i64,
    /// Log evidence that it is not worse than the tolerance.
    pub favour_micronats: i64,
    /// Where that lets it go on.
    pub favour_at_micronats: i64,
    /// `favourable`, `unfavourable`, `undecided` or `no_data`.
    pub verdict: &'static str,
    /// About how many more requests a proof in its favour needs, where that is known.
    pub needs_requests: Option<u64>,
    /// About how many seconds that takes at the traffic of this share.
    pub needs_seconds: Option<u64>,
    /// For how many seconds nothing has come back, where nothing does.
    pub silent_seconds: Option<u32>,
    /// Log evidence by errors alone.
    pub errors_micronats: Option<i64>,
    /// Log evidence by latency alone, where that is judged.
    pub latency_micronats: Option<i64>,
    /// Log evidence by exceptions alone, where these are judged.
    pub exceptions_micronats: Option<i64>,
    /// Log evidence by conversion alone, where that is judged.
    pub conversion_micronats: Option<i64>,
    /// `errors`, `latency`, `exceptions` or `conversion`: in what it is worse, once it is.
    pub worse_in: Option<&'static str>,
    /// The instance of the candidate that alone is the reason for the evidence.
    pub lone_instance: Option<u16>,
    /// Whether probes were judged beside customers' requests, of which there were too few.
    pub by_probes: bool,
}

/// A rollout under way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RolloutView {
    /// `baking`, `judging` or `held`.
    pub phase: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// Why it is held.
    pub held_why: Option<&'static str>,
    /// Which of the shares it has, from 0.
    pub leg: Option<usize>,
    /// The candidate's share now, in basis points.
    pub share_basis_points: u16,
    /// The shares that it takes one after the other, in basis points; none if all at once.
    pub shares_basis_points: Vec<u16>,
    /// What customers had before.
    pub incumbent: Option<String>,
    /// When the candidate got its first share.
    pub first_share_ms: Option<i64>,
    /// Seconds of evidence.
    pub seconds: usize,
    /// What the incumbent did in these.
    pub incumbent_counts: CountsView,
    /// What the candidate did in these.
    pub candidate_counts: CountsView,
    /// Probes to the incumbent, which are no customers' requests.
    pub incumbent_probes: CountsView,
    /// Probes to the candidate.
    pub candidate_probes: CountsView,
    /// What was read from it last.
    pub reading: Option<ReadingView>,
}

/// A deployment whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DeploymentView {
    /// It in a line.
    pub brief: DeploymentBrief,
    /// Whether the environment is `ephemeral` or `lasting`.
    pub kind: &'static str,
    /// Where it stands, with what that phase has, as in the log.
    pub stands: Value,
    /// When its target was first asked.
    pub started_ms: Option<i64>,
    /// What it replaced.
    pub before: Option<String>,
    /// Its gates in order.
    pub gates: Vec<GateView>,
    /// What is left of what its service promised of its live traffic, where it did.
    pub error_budget: Option<BudgetView>,
    /// What a second person is asked, if one is.
    pub approval: Option<ApprovalView>,
    /// Its rollout while that is under way.
    pub rollout: Option<RolloutView>,
    /// Its acceptance steps.
    pub acceptance: Vec<StepView>,
    /// What its processes did by themselves, as in the log.
    pub facts: Vec<Value>,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<DeploymentView> {
    let id: DeploymentId = parse(&id)?;
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let deployment = state.deployments.get(&id).ok_or_else(|| nothing(id))?;
        Ok(deployment_view(state, words, (id, deployment), now))
    };
    Ok(Json(view(&app, build).await?))
}

fn deployment_view(
    state: &Known,
    words: &mut Words,
    (id, deployment): (DeploymentId, &Deployment),
    now: Millis,
) -> DeploymentView {
    let subject = Subject::Deployment(id);
    let stands = match &deployment.phase {
        Phase::RollingOut(_) => Value::Null,
        over => serde_json::to_value(over).unwrap_or_default(),
    };
    let fact = |fact| serde_json::to_value(fact).unwrap_or_default();
    DeploymentView {
        brief: brief(state, words, id, deployment),
        kind: match deployment.stage.kind {
            EnvironmentKind::Ephemeral => "ephemeral",
            EnvironmentKind::Lasting => "lasting",
        },
        stands,
        started_ms: deployment.started.map(|at| at.0),
        before: deployment.before.map(|id| id.to_string()),
        gates: deployment
            .gates_asked()
            .into_iter()
            .map(|gate| gate_view(state, words, (id, deployment), gate))
            .collect(),
        error_budget: budget_before(state, deployment, now),
        approval: approval_view(state, words, subject),
        rollout: rollout_of(deployment).map(rollout_view),
        acceptance: step_views(state, words, StepOwner::Deployment(id)),
        facts: deployment.facts.iter().map(fact).collect(),
    }
}

/// Returns a deployment in a line; nothing if there is none.
pub(super) fn brief_of(
    state: &Known,
    words: &mut Words,
    id: DeploymentId,
) -> Option<DeploymentBrief> {
    let deployment = state.deployments.get(&id)?;
    Some(brief(state, words, id, deployment))
}

fn brief(
    state: &Known,
    words: &mut Words,
    id: DeploymentId,
    deployment: &Deployment,
) -> DeploymentBrief {
    let change = state.change_of(deployment.release);
    let release = state.releases.get(&deployment.release);
    DeploymentBrief {
        deployment: id.to_string(),
        service: deployment.service.to_string(),
        environment: deployment.environment.to_string(),
        release: deployment.release.to_string(),
        change: release.map(|release| release.change.to_string()),
        commit: change.map(|change| change.push.commit.to_string()),
        title: change.and_then(|change| words.text(&change.push.title)),
        phase: deployment.phase.word().to_owned(),
        requested_ms: deployment.requested.0,
        live_ms: deployment.live.map(|at| at.0),
        share_basis_points: share(state, id, deployment),
        waits: waits(state, words, id, deployment),
        refused: refused(deployment),
    }
}

/// Returns what the gate said that refused it.
fn refused(deployment: &Deployment) -> Option<String> {
    let said = |outcome: &GateOutcome| match outcome {
        GateOutcome::Refused { .. } => Some(outcome.sentence()),
        GateOutcome::Cleared { .. } | GateOutcome::Waiting { .. } => None,
    };
    deployment.gates.values().find_map(said)
}

fn share(state: &Known, id: DeploymentId, deployment: &Deployment) -> u16 {
    let rolling = state
        .place(&deployment.service, &deployment.environment)
        .and_then(|place| Some((place.live, state.deployments.get(&place.rolling?)?)))
        .and_then(|(live, rolling)| Some((live, rollout_of(rolling)?.share())));
    match (&deployment.phase, rolling) {
        (Phase::RollingOut(rollout), _) => rollout.share().basis_points(),
        (Phase::Live { .. }, Some((live, share))) if live == Some(id) => {
            share.rest().basis_points()
        }
        (Phase::Live { .. }, _) => 10_000,
        (
            Phase::Requested
            | Phase::Cleared
            | Phase::RolledBack { .. }
            | Phase::Superseded { .. }
            | Phase::Refused { .. }
            | Phase::Removed { .. },
            _,
        ) => 0,
    }
}

fn rollout_of(deployment: &Deployment) -> Option<&Rollout> {
    match &deployment.phase {
        Phase::RollingOut(rollout) => Some(rollout),
        Phase::Requested
        | Phase::Cleared
        | Phase::Live { .. }
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => None,
    }
}

fn waits(
    state: &Known,
    words: &mut Words,
    id: DeploymentId,
    deployment: &Deployment,
) -> Vec<WaitView> {
    let mut waits = Vec::new();
    if let Some(Rollout { phase: rollout::Phase::Held { why, .. }, .. }) = rollout_of(deployment) {
        let sentence = match why {
            HoldReason::NoProofInTime => "No proof came in time; a person decides.",
            HoldReason::ByHand => "It is held by hand.",
            HoldReason::ForwardOnly => {
                "The evidence speaks against it and it cannot be put back; a person decides."
            }
        };
        let developers = state.organisation.iter().flat_map(|o| &o.developers);
        let people = words.people(developers);
        let (sentence, core) = (sentence.to_owned(), why.invariant().map(Invariant::as_str));
        waits.push(WaitView { gate: "rollout", sentence, people, core });
    }
    if !matches!(deployment.phase, Phase::Requested | Phase::Cleared) {
        return waits;
    }
    for (gate, outcome) in &deployment.gates {
        if let GateOutcome::Waiting { .. } = outcome {
            let people = match gate {
                GateKind::FourEyes | GateKind::ErrorBudget | GateKind::Performance => {
                    may_decide(state, words, Subject::Deployment(id))
                }
                GateKind::Tests
                | GateKind::Provenance
                | GateKind::Sbom
                | GateKind::Findings
                | GateKind::Dependencies
                | GateKind::Policy
                | GateKind::Freeze => Vec::new(),
            };
            let (gate, sentence, core) =
                (gate_word(*gate), gate_words(words, outcome), shut_by(state, id, *gate, outcome));
            waits.push(WaitView { gate, sentence, people, core });
        }
    }
    waits
}

/// Returns who could be the second person for `subject`.
pub(super) fn may_decide(state: &Known, words: &mut Words, subject: Subject) -> Vec<PersonView> {
    let Some(request) = state.requests.get(&subject) else { return Vec::new() };
    if request.decision != Decision::Open {
        return Vec::new();
    }
    words.people(&state.may_decide(subject, state.time))
}

fn gate_word(gate: GateKind) -> &'static str {
    match gate {
        GateKind::Tests => "tests",
        GateKind::FourEyes => "four_eyes",
        GateKind::Provenance => "provenance",
        GateKind::Sbom => "sbom",
        GateKind::Findings => "findings",
        GateKind::Performance => "performance",
        GateKind::ErrorBudget => "error_budget",
        GateKind::Dependencies => "dependencies",
        GateKind::Policy => "policy",
        GateKind::Freeze => "freeze",
    }
}

fn shut_by(
    state: &Known,
    id: DeploymentId,
    gate: GateKind,
    outcome: &GateOutcome,
) -> Option<&'static str> {
    state.shut_by(id, gate, outcome).map(Invariant::as_str)
}

pub(super) fn gate_view(
    state: &Known,
    words: &mut Words,
    (id, deployment): (DeploymentId, &Deployment),
    gate: GateKind,
) -> GateView {
    let saw = deployment.gates.get(&gate);
    let outcome = match saw {
        None => "pending",
        Some(GateOutcome::Cleared { .. }) => "cleared",
        Some(GateOutcome::Waiting { .. }) => "waiting",
        Some(GateOutcome::Refused { .. }) => "refused",
    };
    let unseen = || "It has not been looked at yet.".to_owned();
    let sentence = saw.map_or_else(unseen, |saw| gate_words(words, saw));
    let core = saw.and_then(|saw| shut_by(state, id, gate, saw));
    let would_refuse =
        matches!(saw, Some(GateOutcome::Cleared { why: ClearedWhy::WouldRefuse { .. } }));
    GateView { gate: gate_word(gate), outcome, sentence, core, would_refuse }
}

fn rollout_view(rollout: &Rollout) -> RolloutView {
    let (phase, leg, since, held) = match &rollout.phase {
        rollout::Phase::Baking { since } => ("baking", None, *since, None),
        rollout::Phase::Judging { leg, since } => ("judging", Some(*leg), *since, None),
        rollout::Phase::Held { leg, since, why } => ("held", Some(*leg), *since, Some(*why)),
    };
    let shares = match &rollout.plan {
        Replacement::Progressive(_) if rollout.incumbent.is_none() => vec![10_000],
        Replacement::Progressive(plan) => plan.shares.iter().map(|s| s.basis_points()).collect(),
        Replacement::AtOnce => Vec::new(),
    };
    let total = |arm: fn(&rollout::Observation) -> Counts| {
        let sum = rollout.observations.iter().map(arm).fold(Counts::default(), Counts::and);
        CountsView { requests: sum.requests, errors: sum.errors }
    };
    RolloutView {
        phase,
        since_ms: since.0,
        held_why: held.map(|why| match why {
            HoldReason::NoProofInTime => "no_proof_in_time",
            HoldReason::ByHand => "by_hand",
            HoldReason::ForwardOnly => "forward_only",
        }),
        leg,
        share_basis_points: rollout.share().basis_points(),
        shares_basis_points: shares,
        incumbent: rollout.incumbent.map(|id| id.to_string()),
        first_share_ms: rollout.first_share.map(|at| at.0),
        seconds: rollout.seconds(),
        incumbent_counts: total(|observation| observation.incumbent),
        candidate_counts: total(|observation| observation.candidate),
        incumbent_probes: total(|observation| probed(&observation.incumbent_detail)),
        candidate_probes: total(|observation| probed(&observation.candidate_detail)),
        reading: rollout.reading.map(reading_view),
    }
}

fn probed(detail: &Detail) -> Counts {
    Counts { requests: detail.probes.requests, errors: detail.probes.errors }
}

fn reading_view(reading: Reading) -> ReadingView {
    let (verdict, needs_requests, silent_seconds) = match reading.verdict {
        Verdict::Favourable => ("favourable", None, None),
        Verdict::Unfavourable => ("unfavourable", None, None),
        Verdict::Undecided { needs_requests } => ("undecided", needs_requests, None),
        Verdict::NoData { seconds } => ("no_data", None, Some(seconds)),
    };
    ReadingView {
        against_micronats: reading.against_micronats,
        against_at_micronats: reading.against_at_micronats,
        favour_micronats: reading.favour_micronats,
        favour_at_micronats: reading.favour_at_micronats,
        verdict,
        needs_requests,
        needs_seconds: reading.needs_seconds,
        silent_seconds,
        errors_micronats: reading.errors_micronats,
        latency_micronats: reading.latency_micronats,
        exceptions_micronats: reading.exceptions_micronats,
        conversion_micronats: reading.conversion_micronats,
        worse_in: reading.worse_in.map(|metric| match metric {
            Metric::Errors => "errors",
            Metric::Latency => "latency",
            Metric::Exceptions => "exceptions",
            Metric::Conversion => "conversion",
        }),
        lone_instance: reading.lone_instance,
        by_probes: reading.by_probes,
    }
}
