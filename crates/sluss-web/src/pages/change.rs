//! A change: its whole path so far, with times and what each part took.

use askama::Template;
use axum::extract::{Path, State};
use sluss_core::approval::{Decision, Subject, VoidWhy};
use sluss_core::deployment::{Deployment, Phase};
use sluss_core::ids::{ChangeId, DeploymentId, PersonRef};
use sluss_core::pipeline::{EnvironmentKind, Replacement};
use sluss_core::state::{Change, ChangePhase, Run, RunEnd, State as Known};
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;
use sluss_insight::row_of;

use super::board::lane_state;
use super::evidence;
use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html, Tone};
use super::link;
use super::reviews::{self, Reviews};
use super::significance::{self, Significance};
use super::subject::{names, title_of};
use crate::api::words::{Words, gate_words, view};
use crate::app::App;

/// A point of the path.
struct Point {
    tone: &'static str,
    what: Html,
    more: Html,
    at: Option<Html>,
    /// How long it was since the point before.
    took: String,
    /// Whether that is the longest time of the whole path.
    long: bool,
    since: Option<Millis>,
}

struct ChangeView {
    title: String,
    service: String,
    branch: String,
    state: Html,
    sentence: Html,
    contributors: String,
    work_items: Vec<String>,
    commit: String,
    commits: String,
    lead_time: Option<String>,
    template: String,
    points: Vec<Point>,
    /// Deployments that take the traffic in shares.
    rollouts: Vec<DeploymentId>,
    reviews: Reviews,
    agents: Vec<reviews::AgentRow>,
    significant: Option<Significance>,
    topics: String,
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    frame: Frame,
    id: ChangeId,
    view: ChangeView,
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Page {
    let id: ChangeId = parse(&id).or_fail(&app, &asked)?;
    let now = app.engine.now();
    let who = asked.visitor.0.as_ref().map(|person| person.who.clone());
    let who = who.as_ref();
    let build = |state: &Known, words: &mut Words| change_view(state, words, id, (who, now));
    let mut view = view(&app, build).await.or_fail(&app, &asked)?;
    for deployment in &view.rollouts {
        let read = evidence::read(&app, *deployment).await.or_fail(&app, &asked)?;
        for (at, share) in &read.legs {
            let name = html::link(&link::deployment(*deployment), &deployment.to_string()).0;
            let what = format!("{share} of the traffic goes to it ({name})");
            view.points.push(point(Tone::Good, what, String::new(), *at, now));
        }
    }
    in_order(&mut view.points);
    let frame = Frame::new(&app, &asked, format!("{id}: {}", view.title))
        .twin(format!("changes/{id}"))
        .explain(link::explain(sluss_core::event::Stream::Change(id)))
        .topics(view.topics.clone());
    Ok(render(&ChangePage { frame, id, view }))
}

fn change_view(
    state: &Known,
    words: &mut Words,
    id: ChangeId,
    (who, now): (Option<&PersonRef>, Millis),
) -> Result<ChangeView, Failure> {
    let change = state.changes.get(&id).ok_or_else(|| nothing(id))?;
    let row = row_of(state, id, now).ok_or_else(|| nothing(id))?;
    let push = &change.push;
    let mut points = vec![pushed(words, change, now)];
    let mut rollouts = Vec::new();
    let mut topics = vec![format!("change/{id}")];
    if let Some((run_id, run)) = change.run.and_then(|id| Some((id, state.runs.get(&id)?))) {
        topics.push(format!("run/{run_id}"));
        of_run(&mut points, run_id, run, now);
    }
    let release = row.release.and_then(|id| Some((id, state.releases.get(&id)?)));
    if let Some((release_id, release)) = release {
        topics.push(format!("release/{release_id}"));
        let what = format!("{} was made", html::link(&link::release(release_id), "The release").0);
        let more =
            format!("{release_id}, {}", html::count(release.artifacts.len() as u64, "artifact"));
        points.push(point(Tone::Good, what, html::text(&more).0, release.created, now));
        for deployment_id in &release.deployments {
            topics.push(format!("deployment/{deployment_id}"));
            if let Some(deployment) = state.deployments.get(deployment_id) {
                if matches!(deployment.stage.replacement, Replacement::Progressive(_)) {
                    rollouts.push(*deployment_id);
                }
                of_deployment(&mut points, state, words, (*deployment_id, deployment), now);
            }
        }
    }
    ending(&mut points, change, now);
    let lead_time = match change.phase {
        ChangePhase::Delivered { at, .. } => Some(html::duration(at.since(change.at))),
        ChangePhase::Announced
        | ChangePhase::Proposed
        | ChangePhase::Merged
        | ChangePhase::MergedInto { .. }
        | ChangePhase::Withdrawn { .. } => None,
    };
    Ok(ChangeView {
        title: title_of(words, &push.title),
        service: change.service.to_string(),
        branch: push.branch.clone(),
        state: lane_state(row.lane),
        sentence: html::sentence(&row.sentence),
        contributors: names(words, &push.contributors),
        work_items: push.work_items.iter().cloned().collect(),
        commit: push.commit.to_string(),
        commits: html::count(u64::from(push.commits), "commit"),
        lead_time,
        template: push.pipeline.template.to_string(),
        points,
        rollouts,
        reviews: reviews::of_change(state, words, id, (who, now)),
        agents: reviews::agents(state, words, id),
        significant: significance::of_change(state, words, id, now),
        topics: topics.join(" "),
    })
}

fn point(tone: Tone, what: impl Into<String>, more: String, at: Millis, now: Millis) -> Point {
    Point {
        tone: tone.class(),
        what: Html(what.into()),
        more: Html(more),
        at: Some(html::clock(at, now)),
        took: String::new(),
        long: false,
        since: Some(at),
    }
}

fn going(what: impl Into<String>, more: String) -> Point {
    let (tone, at, since) = (Tone::Going.class(), None, None);
    let (what, more, took) = (Html(what.into()), Html(more), String::new());
    Point { tone, what, more, at, took, long: false, since }
}

fn pushed(words: &mut Words, change: &Change, now: Millis) -> Point {
    let who = names(words, &change.push.contributors);
    let (commits, branch) = (change.push.commits, &change.push.branch);
    let commits = html::count(u64::from(commits), "commit");
    let more = format!("{commits} on {branch}, by {who}");
    point(Tone::Good, "Pushed", html::text(&more).0, change.at, now)
}

fn of_run(points: &mut Vec<Point>, id: sluss_core::ids::RunId, run: &Run, now: Millis) {
    let name = html::link(&link::run(id), &id.to_string()).0;
    match run.started {
        Some(at) => {
            points.push(point(Tone::Good, format!("{name} began"), String::new(), at, now));
        }
        None => points.push(going(format!("{name} is queued"), String::new())),
    }
    let mut ended: Vec<(Millis, Point)> = Vec::new();
    for (step, state) in run.steps.iter() {
        let Some(last) = state.attempts().last() else { continue };
        let good = last.outcome == sluss_core::steps::StepOutcome::Succeeded;
        let tone = if good { Tone::Good } else { Tone::Bad };
        let address = link::step(id, step);
        let word = if good { "passed" } else { "failed" };
        let what = format!("Step {} {word}", html::link(&address, step.as_str()).0);
        let mut more = format!("took {}", html::duration(last.finished.since(last.started)));
        if let Some(tests) = last.tests {
            more = format!("{more}; {} tests passed, {} failed", tests.passed, tests.failed);
        }
        ended.push((last.finished, point(tone, what, more, last.finished, now)));
    }
    ended.sort_by_key(|(at, _)| *at);
    points.extend(ended.into_iter().map(|(_, point)| point));
    for (step, _) in run.steps.running() {
        let address = link::step(id, &step);
        let what = format!("Step {} is running", html::link(&address, step.as_str()).0);
        points.push(going(what, String::new()));
    }
    if let Some((at, end)) = run.ended {
        let (tone, word) = match end {
            RunEnd::Succeeded => (Tone::Good, "succeeded"),
            RunEnd::Failed => (Tone::Bad, "failed"),
            RunEnd::Cancelled => (Tone::Quiet, "was cancelled"),
        };
        points.push(point(tone, format!("{name} {word}"), String::new(), at, now));
    }
}

fn of_deployment(
    points: &mut Vec<Point>,
    state: &Known,
    words: &mut Words,
    (id, deployment): (DeploymentId, &Deployment),
    now: Millis,
) {
    let name = html::link(&link::deployment(id), &id.to_string()).0;
    let place = html::text(deployment.environment.as_str());
    let gates = deployment.gates.values().map(|saw| gate_words(words, saw));
    let gates: Vec<String> = gates.collect();
    let ephemeral = deployment.stage.kind == EnvironmentKind::Ephemeral;
    let what = if ephemeral { "Test environment" } else { "Deployment to" };
    let what = format!("{what} {place} requested ({name})");
    let more = html::sentence(&gates.join(" ")).0;
    points.push(point(Tone::Good, what, more, deployment.requested, now));
    points.extend(of_approval(state, words, id, now));
    if let Some(at) = deployment.started {
        let what = format!("It starts in {place}");
        points.push(point(Tone::Good, what, String::new(), at, now));
    }
    if let Some(at) = deployment.live {
        points.push(point(Tone::Good, format!("Live in {place}"), String::new(), at, now));
    }
    match &deployment.phase {
        Phase::Requested | Phase::Cleared | Phase::Live { .. } => {}
        Phase::RollingOut(rollout) => {
            let what = format!("It rolls out in {place}, at {} of the traffic", rollout.share());
            points.push(going(what, format!("see {name}")));
        }
        Phase::RolledBack { since, cause } => {
            let what = format!("Taken back from {place}: it {}", cause.sentence());
            points.push(point(Tone::Bad, what, String::new(), *since, now));
        }
        Phase::Superseded { since, by } => {
            let by = html::link(&link::deployment(*by), &by.to_string()).0;
            let what = format!("{by} took its place in {place}");
            points.push(point(Tone::Quiet, what, String::new(), *since, now));
        }
        Phase::Refused { since, .. } => {
            points.push(point(
                Tone::Bad,
                format!("Refused in {place}"),
                String::new(),
                *since,
                now,
            ));
        }
        Phase::Removed { since, accepted } => {
            let tone = if *accepted { Tone::Good } else { Tone::Bad };
            let word = if *accepted { "Accepted" } else { "Not accepted" };
            let what = format!("{word}; {place} is gone again");
            points.push(point(tone, what, String::new(), *since, now));
        }
    }
}

/// Returns when a second person was asked about a deployment, or decided.
fn of_approval(state: &Known, words: &mut Words, id: DeploymentId, now: Millis) -> Option<Point> {
    let request = state.requests.get(&Subject::Deployment(id))?;
    let (tone, what, at) = match &request.decision {
        Decision::Open => (Tone::Wait, "A second person is asked".to_owned(), request.since),
        Decision::Granted { by, at } => {
            (Tone::Good, format!("{} approved", words.person(by).name), *at)
        }
        Decision::Refused { by, at, .. } => {
            (Tone::Bad, format!("{} refused", words.person(by).name), *at)
        }
        Decision::Invalidated { at, why } => {
            let why = why.map_or("What was asked has changed.", VoidWhy::sentence);
            (Tone::Quiet, format!("The approval is void. {why}"), *at)
        }
        Decision::Expired { at } => (Tone::Bad, "Too few people agreed in time".to_owned(), *at),
    };
    let waited = match at.since(request.since) {
        0 => String::new(),
        waited => format!("asked for {}", html::duration(waited)),
    };
    Some(point(tone, html::text(&what).0, waited, at, now))
}

/// Puts the path in order, and says how long each point was after the one before, and which of
/// these times was the longest until it was delivered.
fn in_order(points: &mut [Point]) {
    // What is under way has no time, and is last.
    points.sort_by_key(|point| point.since.unwrap_or(Millis(i64::MAX)));
    let mut longest = (0, 0);
    for index in 1..points.len() {
        if let (Some(before), Some(at)) = (points[index - 1].since, points[index].since) {
            let took = at.since(before);
            if took >= 100 {
                points[index].took = format!("+{}", html::duration(took));
            }
            if points[index].tone != Tone::Quiet.class() {
                longest = longest.max((took, index));
            }
        }
    }
    if let (10_000.., index) = longest {
        points[index].long = true;
    }
}

fn ending(points: &mut Vec<Point>, change: &Change, now: Millis) {
    match change.phase {
        ChangePhase::Delivered { at, .. } => {
            let took = html::duration(at.since(change.at));
            points.push(point(Tone::Good, "Delivered", format!("lead time {took}"), at, now));
        }
        ChangePhase::MergedInto { into } => {
            let into = html::link(&link::change(into), &into.to_string()).0;
            points.push(going(format!("It became part of {into}"), String::new()));
        }
        ChangePhase::Announced
        | ChangePhase::Proposed
        | ChangePhase::Merged
        | ChangePhase::Withdrawn { .. } => {}
    }
}
