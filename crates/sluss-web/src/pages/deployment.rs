//! A deployment: its gates, its rollout as it happens, the evidence, and what can be done by hand.

use askama::Template;
use axum::extract::{Path, Query, State};
use sluss_core::approval::Subject;
use sluss_core::bounds::HELD_MOST_MS;
use sluss_core::deployment::{Cause, Deployment, HoldReason, InstanceFact, Phase};
use sluss_core::event::Stream;
use sluss_core::ids::DeploymentId;
use sluss_core::objectives::Objectives;
use sluss_core::pipeline::{EnvironmentKind, Replacement};
use sluss_core::rollout::{self, Rollout};
use sluss_core::state::State as Known;
use sluss_core::steps::StepOwner;
use sluss_core::target::JournalEntry;
use sluss_core::units::{Millis, Share};

use super::chart;
use super::evidence::{self, ArmRow, Evidence, SecondRow};
use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html};
use super::keys::Ring;
use super::link;
use super::release::{GateRow, gates};
use super::run::Which;
use super::step_log::{StepsView, Tail, steps_view, tail};
use super::subject::{Approval, Looking, approval, title};
use crate::api::budget::budget_before;
use crate::api::words::{Words, view};
use crate::app::App;

/// How many facts about instances a page shows.
const FACTS: usize = 30;

struct Leg {
    share: Share,
    state: Html,
}

struct Fact {
    at: Html,
    what: String,
}

struct DeploymentView {
    title: String,
    service: String,
    environment: String,
    release: Html,
    incumbent: Option<Html>,
    change: Html,
    state: Html,
    /// How it stands, as a sentence.
    says: String,
    requested: Html,
    took: String,
    gates: Vec<GateRow>,
    /// How its error budget stands now, and until when requests were counted.
    budget: Option<(String, Option<Html>)>,
    approval: Option<Approval>,
    steps: StepsView,
    facts: Vec<Fact>,
    reach: Reach,
    /// What is asked of a first release.
    objectives: Option<String>,
    share: Option<Share>,
    silence_seconds: u32,
    /// Whether it rolls out, and is held.
    rolling: bool,
    held: bool,
    judging: bool,
    /// Whether it can be taken back.
    back: Option<String>,
    incident: Option<Html>,
    progressive: bool,
}

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    frame: Frame,
    id: DeploymentId,
    view: DeploymentView,
    log: Option<Tail>,
    legs: Vec<Leg>,
    bar: Option<Html>,
    chart: Option<Html>,
    verdict: String,
    /// A sentence for each metric.
    reasons: Vec<String>,
    incumbent: ArmRow,
    candidate: ArmRow,
    rows: Vec<SecondRow>,
    seconds: usize,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    asked: Asked,
) -> Page {
    let id: DeploymentId = parse(&id).or_fail(&app, &asked)?;
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, id.to_string());
    let ring = Ring::of(&app, asked.visitor.0.as_ref()).await.or_fail(&app, &asked)?;
    let looking = Looking { who: asked.who(), csrf: &frame.csrf, now, ring: ring.as_ref() };
    let build = |state: &Known, words: &mut Words| {
        let deployment = state.deployments.get(&id).ok_or_else(|| nothing(id))?;
        let step = which.step.as_deref();
        Ok(deployment_view(state, words, (id, deployment), &looking, step))
    };
    let mut view = view(&app, build).await.or_fail(&app, &asked)?;
    let read = match view.progressive {
        true => evidence::read(&app, id).await.or_fail(&app, &asked)?,
        false => Evidence::default(),
    };
    if let (None, Some(id)) = (&view.incumbent, read.back_to) {
        view.incumbent = release_link(&app.engine.state(), id);
    }
    let log = match &view.steps.chosen {
        Some((step, of)) => Some(tail(&app, StepOwner::Deployment(id), step, of).await),
        None => None,
    };
    let silence = view.silence_seconds;
    let is_first = view.incumbent.is_none();
    let verdict = read.last().map(|last| evidence::sentence(last, (!is_first).then_some(silence)));
    let [incumbent, candidate] = read.arms();
    let mut reasons = read.reasons(view.rolling, is_first);
    reasons.extend(view.objectives.take());
    let frame = frame
        .twin(format!("deployments/{id}"))
        .explain(link::explain(Stream::Deployment(id)))
        .topics(format!("deployment/{id} log"));
    Ok(render(&DeploymentPage {
        frame,
        id,
        legs: view.reach.legs(read.legs.len()),
        bar: view.share.map(chart::shares),
        view,
        log,
        chart: read.chart(),
        verdict: verdict.unwrap_or_default(),
        reasons,
        incumbent,
        candidate,
        rows: read.rows(now),
        seconds: read.seconds.len(),
    }))
}

fn deployment_view(
    state: &Known,
    words: &mut Words,
    (id, deployment): (DeploymentId, &Deployment),
    looking: &Looking<'_>,
    step: Option<&str>,
) -> DeploymentView {
    let now = looking.now;
    let rollout = match &deployment.phase {
        Phase::RollingOut(rollout) => Some(rollout.as_ref()),
        Phase::Requested
        | Phase::Cleared
        | Phase::Live { .. }
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => None,
    };
    let stands = rollout.map(|rollout| &rollout.phase);
    let place = state.place(&deployment.service, &deployment.environment);
    let there = place.is_some_and(|place| place.live == Some(id) || place.rolling == Some(id));
    let lasting = deployment.stage.kind == EnvironmentKind::Lasting;
    let before = rollout.and_then(|rollout| rollout.incumbent).or(deployment.before);
    let change = state.releases.get(&deployment.release).map(|release| release.change);
    let plan = match &deployment.stage.replacement {
        Replacement::Progressive(plan) => Some(plan),
        Replacement::AtOnce => None,
    };
    let incident = state.incidents.iter().find(|(_, incident)| incident.deployment() == Some(id));
    let end = match deployment.phase {
        Phase::RolledBack { since, .. }
        | Phase::Refused { since, .. }
        | Phase::Removed { since, .. } => Some(since),
        Phase::Requested
        | Phase::Cleared
        | Phase::RollingOut(_)
        | Phase::Live { .. }
        | Phase::Superseded { .. } => deployment.live,
    };
    DeploymentView {
        title: title(state, words, deployment.release),
        service: deployment.service.to_string(),
        environment: deployment.environment.to_string(),
        release: html::link(&link::release(deployment.release), &deployment.release.to_string()),
        incumbent: before.and_then(|id| release_link(state, id)),
        change: change.map_or(Html::default(), |id| html::link(&link::change(id), &id.to_string())),
        state: html::state(deployment.phase.word()),
        says: says(deployment, rollout) + &ends(state, deployment, rollout),
        requested: html::ago(deployment.requested, now),
        took: html::duration(end.unwrap_or(now).since(deployment.requested)),
        gates: gates(state, words, id),
        budget: budget_now(state, deployment, now),
        approval: approval(state, words, Subject::Deployment(id), looking),
        steps: steps_view(state, words, StepOwner::Deployment(id), step, now),
        facts: deployment.facts.iter().rev().take(FACTS).map(|f| fact(f, now)).collect(),
        reach: Reach::of(deployment, rollout, plan.map_or(&[], |plan| &plan.shares)),
        objectives: plan
            .filter(|_| before.is_none())
            .map(|plan| objectives(&plan.objectives, plan.deadline_seconds)),
        share: rollout.map(Rollout::share),
        silence_seconds: plan.map_or(0, |plan| plan.silence_seconds),
        rolling: rollout.is_some(),
        held: matches!(stands, Some(rollout::Phase::Held { .. })),
        judging: matches!(stands, Some(rollout::Phase::Judging { .. })),
        back: (there && lasting)
            .then(|| link::rollback(&deployment.service, &deployment.environment)),
        incident: incident.map(|(id, _)| html::link(&link::incident(*id), &id.to_string())),
        progressive: plan.is_some(),
    }
}

/// Returns how the error budget stands, and until when requests were counted.
fn budget_now(
    state: &Known,
    deployment: &Deployment,
    now: Millis,
) -> Option<(String, Option<Html>)> {
    let budget = budget_before(state, deployment, now)?;
    let counted = budget.counted_until_ms.map(|at| html::ago(Millis(at), now));
    Some((budget.sentence, counted))
}

/// Returns a deployment, under the name of its release.
fn release_link(state: &Known, id: DeploymentId) -> Option<Html> {
    let release = state.deployments.get(&id)?.release;
    Some(html::link(&link::deployment(id), &release.to_string()))
}

/// Says when what is held ends by itself, where there is something to go back to.
fn ends(state: &Known, deployment: &Deployment, rollout: Option<&Rollout>) -> String {
    let goes_back = !state.is_forward_only(deployment.release);
    match rollout.map(|rollout| (&rollout.phase, rollout.incumbent)) {
        Some((rollout::Phase::Held { since, .. }, Some(_))) if goes_back => {
            let at = since.plus(HELD_MOST_MS).utc_minute();
            format!(" Without a decision it is taken back at {at}.")
        }
        _another => String::new(),
    }
}

fn says(deployment: &Deployment, rollout: Option<&Rollout>) -> String {
    let place = &deployment.environment;
    match &deployment.phase {
        Phase::Requested => "Not all gates are clear.".to_owned(),
        Phase::Cleared => "All gates are clear; it waits for its turn.".to_owned(),
        Phase::RollingOut(_) => match rollout.map(|rollout| (&rollout.phase, rollout.share())) {
            Some((rollout::Phase::Held { why, .. }, share)) => match why {
                HoldReason::NoProofInTime => format!(
                    "Held at {share}: neither line was reached in time, so a person decides."
                ),
                HoldReason::ByHand => format!("Held at {share} by hand."),
                HoldReason::ForwardOnly => format!(
                    "Held at {share}: the evidence speaks against it, and it is marked as one \
                     that cannot be put back. The next release takes its place; `sluss rollback` \
                     still works."
                ),
            },
            Some((rollout::Phase::Judging { .. }, _)) if rollout.is_some_and(is_first) => {
                "Nothing was live before it: it has all of the traffic, and is live once it has \
                 proved that it keeps its objectives."
                    .to_owned()
            }
            Some((rollout::Phase::Judging { .. }, share)) => {
                format!("It has {share} of the traffic and is judged every second.")
            }
            Some((rollout::Phase::Baking { .. }, _)) | None => {
                "It starts, and has no traffic yet.".to_owned()
            }
        },
        Phase::Live { .. } => format!("Customers of {place} have it."),
        Phase::RolledBack { cause: Cause::ByHand, .. } => "It was taken back by hand.".to_owned(),
        Phase::RolledBack { cause, .. } => {
            format!("It {}, so it was taken back.", cause.sentence())
        }
        Phase::Superseded { by, .. } => format!("{by} took its place."),
        Phase::Refused { .. } => "It was refused by a gate.".to_owned(),
        Phase::Removed { accepted: true, .. } => {
            "Its acceptance steps passed, and its environment is gone again.".to_owned()
        }
        Phase::Removed { accepted: false, .. } => {
            "Its acceptance steps did not pass; its environment is gone.".to_owned()
        }
    }
}

fn is_first(rollout: &Rollout) -> bool {
    rollout.incumbent.is_none()
}

/// What is asked of a first release, as a sentence.
fn objectives(of: &Objectives, deadline_seconds: u32) -> String {
    let slow = match of.slow_ms {
        0 => String::new(),
        slow_ms => format!(", 99 of 100 are answered within {slow_ms} ms"),
    };
    format!(
        "Asked of it: at most {} of its requests fail{slow}; proved by at least {} requests in at \
         least {} s. Without a proof after {} a person is asked.",
        html::rate(u64::from(of.errors_ppm), 1_000_000),
        of.requests,
        of.seconds,
        html::duration(i64::from(deadline_seconds) * 1000),
    )
}

/// How far a rollout got, as the state knows it.
struct Reach {
    shares: Vec<Share>,
    /// The leg that it is at, and how it stands there.
    now: Option<(usize, &'static str)>,
    live: bool,
    rolling: bool,
}

impl Reach {
    fn of(deployment: &Deployment, rollout: Option<&Rollout>, shares: &[Share]) -> Self {
        let now = rollout.and_then(|rollout| match rollout.phase {
            rollout::Phase::Baking { .. } => None,
            rollout::Phase::Judging { leg, .. } => Some((leg, "judging")),
            rollout::Phase::Held { leg, .. } => Some((leg, "held")),
        });
        let (live, rolling) = (deployment.live.is_some(), rollout.is_some());
        let first = rollout.is_some_and(is_first) || live && deployment.before.is_none();
        let shares = if first { &[Share::ALL] } else { shares };
        Self { shares: shares.to_vec(), now, live, rolling }
    }

    /// Returns the legs, `reached` of which began.
    fn legs(&self, reached: usize) -> Vec<Leg> {
        let word = |index: usize, share: Share| match self.now {
            Some((leg, _)) if index < leg => "passed",
            Some((leg, word)) if index == leg => word,
            Some(_) => "to come",
            None if self.rolling => "to come",
            None if self.live && (index < reached || share == Share::ALL) => "passed",
            None if index + 1 < reached => "passed",
            None if index + 1 == reached => "taken back",
            None => "not reached",
        };
        let leg = |(index, share): (usize, &Share)| Leg {
            share: *share,
            state: html::state(word(index, *share)),
        };
        self.shares.iter().enumerate().map(leg).collect()
    }
}

fn fact(fact: &InstanceFact, now: Millis) -> Fact {
    let what = match &fact.what {
        JournalEntry::Started { instance, pid } => {
            format!("Instance {instance} was started (process {pid}).")
        }
        JournalEntry::Ready { instance } => format!("Instance {instance} became ready."),
        JournalEntry::Exited { instance, code } => {
            format!("Instance {instance} ended by itself, with code {code}.")
        }
        JournalEntry::Stopped { instance } => format!("Instance {instance} drained and stopped."),
        JournalEntry::Killed { instance } => {
            format!("Instance {instance} did not end in time and was killed.")
        }
        JournalEntry::NotReadyInTime { instance } => {
            format!("Instance {instance} did not become ready in time.")
        }
        JournalEntry::Lapsed => "Its lease lapsed, so its share went back.".to_owned(),
        JournalEntry::Adopted { instance, pid } => {
            format!("Instance {instance} (process {pid}) was taken over after a restart.")
        }
    };
    Fact { at: html::clock(fact.at, now), what }
}
