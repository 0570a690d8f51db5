//! What waits for whoever asks, each with all that a decision takes.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::approval::Subject;
use sluss_core::config::Organisation;
use sluss_core::decide::Command;
use sluss_core::deployment::Deployment;
use sluss_core::event::Stream;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{
    AuthenticatorId, CommitId, DeploymentId, IncidentId, PersonRef, ServiceName,
};
use sluss_core::incident::clocks::{Clock, Standing};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;
use sluss_engine::forge::RepositoryName;
use sluss_insight::{Risk, Size, live_beside, risk};

use super::answer::{Answer, parse};
use super::approvals::{ApprovalView, approval_view};
use super::ask::{Asking, DoneView, Wanted};
use super::deployments::{GateView, gate_view};
use super::exceptions::InPerson;
use super::policies::{DifferenceView, NotCheckedView, would_change};
use super::proposed::proposed;
use super::words::{PersonView, Words, view};
use crate::app::App;

/// What waits for whoever asks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InboxView {
    /// What they may approve or refuse.
    pub waiting: Vec<WaitingView>,
    /// Exceptions and stops that they may agree to grant or lift, and limits of incidents that are
    /// near or passed.
    pub also: Vec<AlsoView>,
    /// Keys of others that count once they vouch for them.
    pub keys: Vec<KeyToVouchFor>,
}

/// A request for a second person, with all that a decision takes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WaitingView {
    /// The request.
    pub approval: ApprovalView,
    /// Of a release: what it is beside what is live.
    pub release: Option<BesideLiveView>,
    /// Of a configuration: what its policies would have made of the past.
    pub past: Option<DifferenceView>,
}

/// A release beside what is live where it would go.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BesideLiveView {
    /// Whose release it is.
    pub service: String,
    /// Which release.
    pub release: String,
    /// Where it would go.
    pub environment: String,
    /// The deployment that it would take the place of; nothing where it is the first there.
    pub live: Option<String>,
    /// What differs in the repository; nothing where that could not be read.
    pub difference: Option<DifferenceOfCommits>,
    /// In what the configuration differs, as sentences.
    pub configuration: Vec<&'static str>,
    /// Tests that passed; nothing where none were reported.
    pub tests_passed: Option<u32>,
    /// Tests that failed.
    pub tests_failed: Option<u32>,
    /// `low`, `medium` or `high`.
    pub risk: &'static str,
    /// The points that say so.
    pub risk_points: u8,
    /// What gave how many points.
    pub risk_parts: Vec<RiskPartView>,
    /// What each gate saw.
    pub gates: Vec<GateView>,
    /// How many statements about it are signed.
    pub signed: usize,
    /// Whether its provenance is among them.
    pub provenance: bool,
}

/// What differs between two commits.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DifferenceOfCommits {
    pub commits: u64,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Files that are binary: lines of them are not known.
    pub binary: u64,
    /// Files that differ.
    pub paths: Vec<String>,
}

/// One of the things that give points of risk.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RiskPartView {
    /// What was seen.
    pub sentence: String,
    /// 0, 1 or 2.
    pub points: u8,
}

/// A key that somebody registered and that counts once another person vouches for it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeyToVouchFor {
    /// Its id.
    pub key: String,
    /// Whose it says it is.
    pub person: PersonView,
    /// By what people tell it from another one: the first digits of the digest of its public half.
    pub fingerprint: String,
    /// The site that it signs for.
    pub site: String,
    /// Since when.
    pub since_ms: i64,
}

/// Something else that waits for whoever asks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AlsoView {
    /// `exception`, `emergency`, `stop`, `incident`, `findings` past their terms of what customers
    /// have, or `policies` that nobody looked at for a year.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What it is, as a sentence that goes on after the id.
    pub sentence: String,
    /// Since when.
    pub since_ms: i64,
}

/// How many requests come with all that a decision takes.
pub(crate) const SHOWN_WHOLE: usize = 12;

pub(super) async fn mine(State(app): State<App>, asking: Asking) -> Answer<InboxView> {
    let who = asking.caller.who;
    let build = |state: &Known, words: &mut Words| {
        let subjects = state.requests.keys().copied();
        let mine = subjects.filter(|of| state.may_decide(*of, state.time).contains(&who));
        let views = mine.filter_map(|of| Some((of, approval_view(state, words, of)?)));
        let views = views.filter(|(_, asked)| asked.decision == "open");
        Ok(views.collect::<Vec<(Subject, ApprovalView)>>())
    };
    let mut waiting = Vec::new();
    for (index, (subject, mut approval)) in view(&app, build).await?.into_iter().enumerate() {
        if index < SHOWN_WHOLE {
            approval.changes = proposed(&app, subject, false).await;
        }
        let (release, past) = match subject {
            _ if index >= SHOWN_WHOLE => (None, None),
            Subject::Deployment(id) => (beside_live(&app, id).await, None),
            Subject::Configuration(_) => (None, past(&app, subject).await),
        };
        waiting.push(WaitingView { approval, release, past });
    }
    let (also, keys) = (also(&app, &who).await?, keys(&app, &who).await?);
    Ok(Json(InboxView { waiting, also, keys }))
}

/// What could not be compared is not checked, and says why.
async fn past(app: &App, subject: Subject) -> Option<DifferenceView> {
    would_change(app, subject).await.unwrap_or_else(|failure| {
        Some(DifferenceView {
            old: None,
            new: None,
            result: "not checked",
            since_ms: app.engine.now().0,
            checked: 0,
            only_warned: 0,
            flips: Vec::new(),
            not_checked: vec![NotCheckedView { position: String::new(), why: failure.what }],
        })
    })
}

/// Returns a release beside what is live where it would go.
pub(crate) async fn beside_live(app: &App, id: DeploymentId) -> Option<BesideLiveView> {
    let facts = view(app, |state, words| Ok(facts(state, words, id))).await.ok()??;
    let difference = difference(app, &facts).await;
    let size = difference.as_ref().map(size_of);
    let risk = {
        let state = app.engine.state();
        risk(&state, id, size, app.engine.now())?
    };
    Some(with(facts.view, difference, risk))
}

/// What is read of a release while the state is looked at.
struct Facts {
    service: ServiceName,
    live: Option<CommitId>,
    commit: CommitId,
    view: BesideLiveView,
}

fn facts(state: &Known, words: &mut Words, id: DeploymentId) -> Option<Facts> {
    let deployment = state.deployments.get(&id)?;
    let release = state.releases.get(&deployment.release)?;
    let change = state.change_of(deployment.release)?;
    let live = live_beside(state, deployment);
    let live_change = live.and_then(|live| state.change_of(live.release));
    let place = state.place(&deployment.service, &deployment.environment);
    let live_id = place.and_then(|place| place.live).filter(|_| live_change.is_some());
    let tests = state.runs.get(&release.run).and_then(|run| run.steps.tests());
    let streams = state.streams_of(deployment.release);
    let signed = |stream: &Stream| state.attested.get(&stream.to_string());
    let view = BesideLiveView {
        service: deployment.service.to_string(),
        release: deployment.release.to_string(),
        environment: deployment.environment.to_string(),
        live: live_id.map(|id| id.to_string()),
        difference: None,
        configuration: configuration(state, deployment, live),
        tests_passed: tests.map(|counts| counts.passed),
        tests_failed: tests.map(|counts| counts.failed),
        risk: "high",
        risk_points: 0,
        risk_parts: Vec::new(),
        gates: deployment
            .gates_asked()
            .iter()
            .map(|gate| gate_view(state, words, (id, deployment), *gate))
            .collect(),
        signed: streams.iter().filter_map(signed).map(Vec::len).sum(),
        provenance: release.provenance.is_some(),
    };
    Some(Facts {
        service: deployment.service.clone(),
        live: live_change.map(|change| change.push.commit.clone()),
        commit: change.push.commit.clone(),
        view,
    })
}

fn with(
    facts: BesideLiveView,
    difference: Option<DifferenceOfCommits>,
    risk: Risk,
) -> BesideLiveView {
    let part = |part: sluss_insight::RiskPart| RiskPartView {
        sentence: part.sentence,
        points: part.points,
    };
    BesideLiveView {
        difference,
        risk: risk.level,
        risk_points: risk.points,
        risk_parts: risk.parts.into_iter().map(part).collect(),
        ..facts
    }
}

/// Says in what the configuration differs from that of what is live.
fn configuration(
    state: &Known,
    deployment: &Deployment,
    live: Option<&Deployment>,
) -> Vec<&'static str> {
    let of = |deployment: &Deployment| {
        let release = state.releases.get(&deployment.release)?;
        let pipeline = state.pipeline_of(deployment.release)?;
        Some((release.configuration.clone(), pipeline.template_digest.clone()))
    };
    let (Some(new), Some(old)) = (of(deployment), live.and_then(of)) else {
        return vec!["Nothing is live there to compare its configuration with."];
    };
    let said = [
        (new.0 != old.0, "Its configuration differs from what is live."),
        (new.1 != old.1, "Its template differs."),
    ];
    let said: Vec<&str> = said.into_iter().filter(|(is, _)| *is).map(|(_, said)| said).collect();
    if said.is_empty() { vec!["Configuration and template are those that are live."] } else { said }
}

async fn difference(app: &App, facts: &Facts) -> Option<DifferenceOfCommits> {
    let repository = RepositoryName::from(facts.service.clone());
    let objects = app.engine.parts().repositories.objects(&repository)?;
    let (old, new) = (facts.live.as_ref(), &facts.commit);
    let stat = objects.diff_stat(old, new).await.ok()?;
    Some(DifferenceOfCommits {
        commits: objects.commit_count(old, new).await.ok()?,
        added: stat.added,
        removed: stat.removed,
        binary: stat.binary,
        paths: objects.changed_paths(old, new).await.ok()?,
    })
}

fn size_of(difference: &DifferenceOfCommits) -> Size {
    let area = |path: &String| path.split_once('/').map_or("", |(area, _)| area).to_owned();
    let areas: BTreeSet<String> = difference.paths.iter().map(area).collect();
    Size {
        files: difference.paths.len() as u64,
        lines: (difference.binary == 0)
            .then(|| difference.added.saturating_add(difference.removed)),
        areas: areas.len() as u64,
    }
}

fn limit(id: IncidentId, clock: &Clock, now: Millis) -> AlsoView {
    let (what, due) = (clock.limit.words(), clock.due.utc_minute());
    let sentence = match clock.standing(now) {
        Standing::Overdue => format!("{what} is overdue since {due}"),
        Standing::Ahead | Standing::Near | Standing::InTime | Standing::Late => {
            format!("{what} is due by {due}")
        }
    };
    AlsoView { kind: "incident", id: id.to_string(), sentence, since_ms: clock.near().0 }
}

/// What an exception is asked for, within a sentence.
fn asked_of(what: &ExceptionKind) -> String {
    match what {
        ExceptionKind::Freeze { deployment } | ExceptionKind::Emergency { deployment, .. } => {
            format!(" for {deployment}")
        }
        ExceptionKind::Waiver { service, .. }
        | ExceptionKind::Findings { service, .. }
        | ExceptionKind::ProdData { service } => format!(" for {service}"),
        ExceptionKind::Standard { model } => format!(" for {}", model.service),
        ExceptionKind::LogTrust { .. } => String::new(),
    }
}

/// Returns exceptions, stops and overdue findings that wait for `who`, and limits of incidents that
/// are near.
pub(crate) async fn also(app: &App, who: &PersonRef) -> Result<Vec<AlsoView>, Failure> {
    let now = app.engine.now();
    let build = |state: &Known, _: &mut Words| {
        let mut all = Vec::new();
        // Emergencies come below.
        for (id, one) in state.exceptions.iter().filter(|(_, one)| !one.is_loud(now)) {
            if state.exception_word(one, now) == "asked" && state.may_grant(one).contains(who) {
                let of = asked_of(&one.what);
                let sentence = format!("a {}{of} waits for someone to agree", one.what.word());
                let (id, since_ms) = (id.to_string(), one.asked.0);
                all.push(AlsoView { kind: "exception", id, sentence, since_ms });
            }
        }
        // An emergency is everybody's: until its review is there.
        for (id, one) in state.loud(now) {
            let sentence = format!("an emergency {}", one.loud_words(now));
            let (id, since_ms) = (id.to_string(), one.granted.unwrap_or(one.asked).0);
            all.push(AlsoView { kind: "emergency", id, sentence, since_ms });
        }
        let stops = state.active_stops().filter(|(_, stop)| state.may_lift(stop).contains(who));
        for (id, stop) in stops {
            let sentence = format!("the line is stopped for {}", stop.scope.words());
            let (id, since_ms) = (id.to_string(), stop.since.0);
            all.push(AlsoView { kind: "stop", id, sentence, since_ms });
        }
        if state.may_classify(who) {
            all.extend(
                state.pressing_limits(now).into_iter().map(|(id, clock)| limit(id, &clock, now)),
            );
        }
        all.extend(overdue(state, who));
        all.extend(unreviewed(state, who, now));
        Ok(all)
    };
    view(app, build).await
}

/// Returns releases that customers have with findings past their terms, for who may mend that:
/// developers push, and those who may decide grant waivers.
fn overdue(state: &Known, who: &PersonRef) -> Vec<AlsoView> {
    let may = |of: &Organisation| of.developers.contains(who) || of.deciders().contains(who);
    if !state.organisation.as_ref().is_some_and(may) {
        return Vec::new();
    }
    let places = state.services.values().flat_map(|service| service.places.values());
    let live = places.filter_map(|place| state.deployments.get(&place.live?));
    let late = live.filter_map(|of| {
        let since_ms = of.late.overdue.iter().map(|one| one.due.0).min()?;
        let (service, environment) = (&of.service, &of.environment);
        let sentence = format!("{service} in {environment}: {}", of.late.words());
        Some(AlsoView { kind: "findings", id: of.release.to_string(), sentence, since_ms })
    });
    late.collect()
}

/// Returns that nobody looked at the policies for a year, for those who may decide.
fn unreviewed(state: &Known, who: &PersonRef, now: Millis) -> Option<AlsoView> {
    let due = state.policy_review_overdue(now)?;
    let decides = state.organisation.as_ref().is_some_and(|of| of.deciders().contains(who));
    let (id, since_ms) = ("policies".to_owned(), due.0);
    let sentence =
        "Nobody looked at the policies for a year; say `reviewed` in organisation.yaml".to_owned();
    decides.then_some(AlsoView { kind: "policies", id, sentence, since_ms })
}

/// Returns the keys that `who` may vouch for.
pub(crate) async fn keys(app: &App, who: &PersonRef) -> Result<Vec<KeyToVouchFor>, Failure> {
    let build = |state: &Known, words: &mut Words| {
        let mut all = Vec::new();
        for (id, key) in state.may_vouch(who) {
            all.push(KeyToVouchFor {
                key: id.to_string(),
                person: words.person(&key.person),
                fingerprint: key.fingerprint(),
                site: key.credential.rp_id.clone(),
                since_ms: key.registered.0,
            });
        }
        Ok(all)
    };
    view(app, build).await
}

pub(super) async fn vouch(
    State(app): State<App>,
    asking: Asking,
    Path(key): Path<String>,
    Wanted(wanted): Wanted<InPerson>,
) -> Answer<DoneView> {
    let authenticator: AuthenticatorId = parse(&key)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::VouchForKey { authenticator }, actor).await
}
