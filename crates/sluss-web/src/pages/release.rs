//! A release: what it is made of, what speaks for it, and where it is.

use askama::Template;
use axum::extract::{Path, State};
use sluss_core::approval::Subject;
use sluss_core::contents::{Gone, GoneWhy, Kept};
use sluss_core::deployment::{Deployment, Phase};
use sluss_core::event::Stream;
use sluss_core::evidence::{Evidence as Signable, Recorded};
use sluss_core::findings::FindingCounts;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::hold::Hold;
use sluss_core::ids::{DeploymentId, Digest, HoldId, ReleaseId};
use sluss_core::pipeline::GateKind;
use sluss_core::state::{Release, State as Known};
use sluss_core::steps::{StepOwner, Steps};
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;

use super::findings::Findings;
use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html};
use super::link;
use super::significance;
use super::step_log::tests;
use super::subject::{Approval, Looking, approval, title};
use crate::api::dependencies::{TouchedView, touched};
use crate::api::performance::{MeasuredView, measured};
use crate::api::releases::{found_in, made_of};
use crate::api::words::{Words, gate_words, view};
use crate::app::App;

struct ArtifactRow {
    name: String,
    digest: String,
    bytes: String,
}

pub(super) struct GateRow {
    pub(super) name: &'static str,
    pub(super) state: Html,
    pub(super) sentence: Html,
}

struct DeploymentRow {
    address: String,
    id: String,
    environment: String,
    state: Html,
    requested: Html,
    live: Option<Html>,
}

/// Something of it that is gone: its digest, as what it was kept, why and when.
struct GoneRow {
    digest: String,
    class: &'static str,
    why: String,
    at: Html,
    address: String,
}

struct Signed {
    what: String,
    form: &'static str,
    at: Html,
    address: String,
    leaf: u64,
}

/// What of a release is signed.
struct Evidence {
    /// How it was built, in a sentence.
    provenance: Html,
    rows: Vec<Signed>,
    /// How often it was sealed.
    seals: u64,
    dossier: String,
}

struct ReleaseView {
    title: String,
    service: String,
    change: Html,
    run: Html,
    commit: String,
    tests: String,
    /// Whether the tests did not pass, so that a person may accept that.
    red: bool,
    /// Who accepted that, when and why.
    accepted: Option<(String, Html, String)>,
    /// What was looked at last for what tests left: how it stands, who, when, what they found.
    clean: Option<(Html, String, Html, String)>,
    isolated: bool,
    template: String,
    /// What it is made of, and what scanners found, in sentences.
    materials: Html,
    findings: String,
    configuration: String,
    created: Html,
    barred: Option<Html>,
    /// Each legal hold that it lies in, what that holds, and since when.
    holds: Vec<(String, String, Html)>,
    gone: Vec<GoneRow>,
    artifacts: Vec<ArtifactRow>,
    deployments: Vec<DeploymentRow>,
    /// The deployment whose gates are shown.
    open: Option<(Html, String, Vec<GateRow>)>,
    approval: Option<Approval>,
    /// What it touches in each environment: what it needs, and who needs it.
    touches: Vec<TouchedView>,
    measured: Vec<MeasuredView>,
    evidence: Evidence,
    stages: Vec<String>,
    topics: String,
}

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    frame: Frame,
    id: ReleaseId,
    view: ReleaseView,
    findings: Findings,
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Page {
    let id: ReleaseId = parse(&id).or_fail(&app, &asked)?;
    let frame = Frame::new(&app, &asked, id.to_string());
    let looking =
        Looking { who: asked.who(), csrf: &frame.csrf, now: app.engine.now(), ring: None };
    let build = |state: &Known, words: &mut Words| {
        let release = state.releases.get(&id).ok_or_else(|| nothing(id))?;
        release_view(state, words, (id, release), &looking)
    };
    let view = view(&app, build).await.or_fail(&app, &asked)?;
    let topics = view.topics.clone();
    let frame = frame
        .twin(format!("releases/{id}"))
        .explain(link::explain(Stream::Release(id)))
        .topics(topics);
    let findings = Findings::of(&app, id).await.or_fail(&app, &asked)?;
    Ok(render(&ReleasePage { frame, id, view, findings }))
}

/// Returns whether its tests did not pass, where a gate has looked at them.
fn red(steps: Option<&Steps>, deployments: &[(DeploymentId, &Deployment)]) -> bool {
    let tests = steps.and_then(|steps| steps.tests());
    let passed = tests.is_some_and(|tests| tests.failed == 0 && tests.passed > 0);
    !passed && !deployments.is_empty()
}

/// Returns who accepted its tests though they did not pass, when and why.
fn accepted(
    state: &Known,
    words: &mut Words,
    id: ReleaseId,
    now: Millis,
) -> Option<(String, Html, String)> {
    let accepted = state.assurance.accepted.get(&id)?;
    let why = words.text(&accepted.what.reason);
    let why = why.unwrap_or_else(|| "(the reason is gone)".to_owned());
    Some((words.person(&accepted.what.by).name, html::ago(accepted.at, now), why))
}

fn release_view(
    state: &Known,
    words: &mut Words,
    (id, release): (ReleaseId, &Release),
    looking: &Looking<'_>,
) -> Result<ReleaseView, Failure> {
    let change = state.changes.get(&release.change).ok_or_else(|| nothing(release.change))?;
    let steps = state.steps(StepOwner::Run(release.run));
    let deployments: Vec<(DeploymentId, &Deployment)> = release
        .deployments
        .iter()
        .filter_map(|id| Some((*id, state.deployments.get(id)?)))
        .collect();
    let open = deployments.iter().rev().find(|(_, deployment)| !deployment.is_over());
    let shown = open.or(deployments.last());
    let topics: Vec<String> =
        release.deployments.iter().map(|id| format!(" deployment/{id}")).collect();
    let row = |(id, deployment): &(DeploymentId, &Deployment)| DeploymentRow {
        address: link::deployment(*id),
        id: id.to_string(),
        environment: deployment.environment.to_string(),
        state: html::state(deployment.phase.word()),
        requested: html::ago(deployment.requested, looking.now),
        live: deployment.live.map(|at| html::ago(at, looking.now)),
    };
    let artifact = |artifact: &sluss_core::event::Artifact| ArtifactRow {
        name: artifact.name.to_string(),
        digest: artifact.digest.to_string(),
        bytes: html::bytes(artifact.bytes),
    };
    Ok(ReleaseView {
        title: title(state, words, id),
        service: release.service.to_string(),
        change: html::link(&link::change(release.change), &release.change.to_string()),
        run: html::link(&link::run(release.run), &release.run.to_string()),
        commit: change.push.commit.to_string(),
        tests: steps.and_then(|s| s.tests()).map_or("none reported".to_owned(), tests),
        red: red(steps, &deployments),
        accepted: accepted(state, words, id, looking.now),
        clean: significance::of_release(state, words, id, looking.now),
        isolated: steps.is_some_and(|steps| !steps.unisolated()),
        template: change.push.pipeline.template.to_string(),
        materials: html::sentence(&made_of(release)),
        findings: found_in(state, id).map_or("nobody looked".to_owned(), FindingCounts::words),
        configuration: release.configuration.to_string(),
        created: html::ago(release.created, looking.now),
        barred: release.barred.map(|at| html::ago(at, looking.now)),
        holds: state.holds_over_release(id).map(|(id, hold)| held(id, hold, looking)).collect(),
        gone: state.gone_of_release(id).map(|gone| gone_row(gone, looking)).collect(),
        artifacts: release.artifacts.iter().map(artifact).collect(),
        deployments: deployments.iter().rev().map(row).collect(),
        open: shown.map(|(id, deployment)| {
            let name = html::link(&link::deployment(*id), &id.to_string());
            (name, deployment.environment.to_string(), gates(state, words, *id))
        }),
        approval: shown
            .and_then(|(id, _)| approval(state, words, Subject::Deployment(*id), looking)),
        touches: touched(state, id),
        measured: measured(state, id),
        evidence: evidence(state, (id, release), looking),
        stages: change.push.pipeline.deliver.iter().map(|s| s.environment.to_string()).collect(),
        topics: format!("release/{id}{}", topics.concat()),
    })
}

fn held(id: HoldId, hold: &Hold, looking: &Looking<'_>) -> (String, String, Html) {
    (id.to_string(), hold.scope.words().replace('`', ""), html::ago(hold.since, looking.now))
}

fn gone_row(of: (&Digest, &Kept, &Gone), looking: &Looking<'_>) -> GoneRow {
    let (digest, kept, gone) = of;
    GoneRow {
        digest: digest.to_string(),
        class: kept.class.as_str(),
        why: match gone.why {
            GoneWhy::Disposed(disposal) => format!("disposed of by {disposal}"),
            GoneWhy::Erased => "its writer was erased".to_owned(),
        },
        at: html::ago(gone.at, looking.now),
        address: link::entry(gone.leaf),
    }
}

fn evidence(state: &Known, (id, release): (ReleaseId, &Release), looking: &Looking) -> Evidence {
    let streams = state.streams_of(id);
    let known = streams.iter().filter_map(|stream| state.attested.get(&stream.to_string()));
    let mut recorded: Vec<&Recorded> = known.flatten().collect();
    recorded.sort_by_key(|one| one.leaf);
    let row = |one: &&Recorded| {
        let (what, form) = worded(&one.evidence);
        let (at, address) = (html::ago(one.at, looking.now), link::entry(one.leaf));
        Signed { what, form, at, address, leaf: one.leaf }
    };
    let service = &release.service;
    let provenance = match &release.provenance {
        Some(_) => format!(
            "Which commit of {service}, template and runner made it is signed; a verifier matches \
             it by the digest of the artifact."
        ),
        None => "How it was built is not signed yet, so it does not go to customers.".to_owned(),
    };
    Evidence {
        provenance: html::sentence(&provenance),
        rows: recorded.iter().map(row).collect(),
        seals: release.seals,
        dossier: format!("/api/v1/releases/{id}/dossier"),
    }
}

/// What is signed, and in which form.
fn worded(evidence: &Signable) -> (String, &'static str) {
    match evidence {
        Signable::Provenance { .. } => ("How it was built".to_owned(), "SLSA provenance"),
        Signable::TestResult { owner, step, .. } => {
            (format!("Tests of {step}, {owner}"), "in-toto test result")
        }
        Signable::Sbom { .. } => ("What it is made of".to_owned(), "CycloneDX 1.6"),
        Signable::Scan { owner, step, .. } => (format!("Report of {step}, {owner}"), "scan"),
        Signable::Performance { owner, step, .. } => {
            (format!("Measurements of {step}, {owner}"), "in-toto test result")
        }
        Signable::Gate { deployment, gate } => {
            (format!("Gate {}, {deployment}", gate_name(*gate)), "SLSA verification summary")
        }
        Signable::Freeze { deployment } => {
            (format!("The calendar's answer, {deployment}"), "freeze decision")
        }
        Signable::Approval { subject } => (format!("Second person, {subject}"), "approval"),
        Signable::Automated { deployment } => {
            (format!("Standard change for a second person, {deployment}"), "approval")
        }
        Signable::Waiver { exception } => (format!("Waiver {exception}"), "waiver"),
        Signable::Verdict { deployment } => {
            (format!("Verdict of traffic, {deployment}"), "rollout verdict")
        }
    }
}

fn gate_name(gate: GateKind) -> &'static str {
    match gate {
        GateKind::Tests => "Tests",
        GateKind::FourEyes => "Four eyes",
        GateKind::Provenance => "Provenance",
        GateKind::Sbom => "Bill of materials",
        GateKind::Findings => "Findings",
        GateKind::Performance => "Performance",
        GateKind::ErrorBudget => "Error budget",
        GateKind::Dependencies => "Dependencies",
        GateKind::Policy => "Policies",
        GateKind::Freeze => "Freeze",
    }
}

/// Returns the gates of a deployment, in order; a reason that is compiled in with its id.
pub(super) fn gates(state: &Known, words: &mut Words, id: DeploymentId) -> Vec<GateRow> {
    let Some(deployment) = state.deployments.get(&id) else { return Vec::new() };
    let row = |gate: &GateKind| {
        let saw = deployment.gates.get(gate);
        let word = match saw {
            None if matches!(deployment.phase, Phase::Requested) => "pending",
            None => "not asked",
            Some(GateOutcome::Cleared { why: ClearedWhy::WouldRefuse { .. } }) => "would refuse",
            Some(GateOutcome::Cleared { .. }) => "cleared",
            Some(GateOutcome::Waiting { .. }) => "waiting",
            Some(GateOutcome::Refused { .. }) => "refused",
        };
        let unseen = || "It has not been looked at yet.".to_owned();
        let said = saw.map_or_else(unseen, |saw| gate_words(words, saw));
        GateRow {
            name: gate_name(*gate),
            state: html::state(word),
            sentence: html::sentence(&match saw.and_then(|saw| state.shut_by(id, *gate, saw)) {
                Some(core) => format!("{said} `{core}`"),
                None => said,
            }),
        }
    };
    deployment.gates_asked().iter().map(row).collect()
}
