//! What waits for whoever looks, each with all that a decision takes.

use std::collections::BTreeSet;

use sluss_core::approval::Subject;
use sluss_core::deployment::Deployment;
use sluss_core::ids::{CommitId, DeploymentId, ServiceName};
use sluss_core::state::State as Known;
use sluss_core::steps::TestCounts;
use sluss_engine::failure::Failure;
use sluss_engine::forge::RepositoryName;
use sluss_insight::{Risk, Size, live_beside, risk};

use super::approvals::{Past, past};
use super::frame::Asked;
use super::html::{self, Html, Tone};
use super::link;
use super::release::{GateRow, gates};
use super::subject::Approval;
use crate::api::words::{Words, view};
use crate::app::App;

/// How many requests are shown whole.
const SHOWN: usize = 12;
/// How many changed files are named.
const PATHS: usize = 8;

/// A request with all that a decision takes.
pub(super) struct Card {
    pub(super) a: Approval,
    /// Of a release: what differs, tests, risk and evidence.
    pub(super) release: Option<ReleaseCard>,
    /// Of a configuration: what its policies would have made of the past.
    pub(super) past: Option<Past>,
}

pub(super) struct ReleaseCard {
    /// What it would take the place of.
    pub(super) live: Html,
    pub(super) difference: String,
    pub(super) paths: Vec<String>,
    pub(super) more: usize,
    pub(super) configuration: Vec<&'static str>,
    pub(super) tests: Html,
    pub(super) risk: Html,
    pub(super) points: String,
    /// What gave points, and how many.
    pub(super) parts: Vec<(String, u8)>,
    pub(super) gates: Vec<GateRow>,
    pub(super) signed: String,
}

/// Something else that waits for whoever looks.
pub(super) struct Also {
    pub(super) what: Html,
    pub(super) since: Html,
}

/// What is read of a release while the state is looked at.
struct Facts {
    id: DeploymentId,
    service: ServiceName,
    live: Option<(DeploymentId, CommitId)>,
    commit: CommitId,
    tests: Option<TestCounts>,
    configuration: Vec<&'static str>,
    gates: Vec<GateRow>,
    signed: usize,
    provenance: bool,
}

/// What the repository says of the difference to what is live.
struct Difference {
    commits: u64,
    added: u64,
    removed: u64,
    paths: Vec<String>,
}

/// Returns each request with all that a decision takes.
pub(super) async fn cards(app: &App, mine: Vec<Approval>) -> Result<Vec<Card>, Failure> {
    let mut cards = Vec::new();
    for (index, a) in mine.into_iter().enumerate() {
        let subject: Option<Subject> = a.subject.parse().ok().filter(|_| index < SHOWN);
        let (release, past) = match subject {
            Some(Subject::Deployment(id)) => (release(app, id).await, None),
            Some(subject @ Subject::Configuration(_)) => (None, past(app, subject).await),
            None => (None, None),
        };
        cards.push(Card { a, release, past });
    }
    Ok(cards)
}

async fn release(app: &App, id: DeploymentId) -> Option<ReleaseCard> {
    let facts = {
        let state = app.engine.state();
        facts(&state, id)?
    };
    let difference = difference(app, &facts).await;
    let size = difference.as_ref().map(size_of);
    let risk = {
        let state = app.engine.state();
        risk(&state, facts.id, size, app.engine.now())?
    };
    Some(card(facts, difference, risk))
}

fn facts(state: &Known, id: DeploymentId) -> Option<Facts> {
    let deployment = state.deployments.get(&id)?;
    let release = state.releases.get(&deployment.release)?;
    let change = state.change_of(deployment.release)?;
    let live = live_beside(state, deployment);
    let live_change = live.and_then(|live| state.change_of(live.release));
    let place = state.place(&deployment.service, &deployment.environment);
    let live_id = place.and_then(|place| place.live);
    let run = state.runs.get(&release.run);
    let streams = state.streams_of(deployment.release);
    let signed = |stream: &sluss_core::event::Stream| state.attested.get(&stream.to_string());
    Some(Facts {
        id,
        service: deployment.service.clone(),
        live: live_id.zip(live_change.map(|change| change.push.commit.clone())),
        commit: change.push.commit.clone(),
        tests: run.and_then(|run| run.steps.tests()),
        configuration: configuration(state, deployment, live),
        gates: gates(deployment),
        signed: streams.iter().filter_map(signed).map(Vec::len).sum(),
        provenance: release.provenance.is_some(),
    })
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

async fn difference(app: &App, facts: &Facts) -> Option<Difference> {
    let repository = RepositoryName::from(facts.service.clone());
    let objects = app.engine.parts().repositories.objects(&repository)?;
    let (old, new) = (facts.live.as_ref().map(|(_, commit)| commit), &facts.commit);
    let stat = objects.diff_stat(old, new).await.ok()?;
    Some(Difference {
        commits: objects.commit_count(old, new).await.ok()?,
        added: stat.added,
        removed: stat.removed,
        paths: objects.changed_paths(old, new).await.ok()?,
    })
}

fn size_of(difference: &Difference) -> Size {
    let area = |path: &String| path.split_once('/').map_or("", |(area, _)| area).to_owned();
    let areas: BTreeSet<String> = difference.paths.iter().map(area).collect();
    Size {
        files: difference.paths.len() as u64,
        lines: difference.added.saturating_add(difference.removed),
        areas: areas.len() as u64,
    }
}

fn card(facts: Facts, difference: Option<Difference>, risk: Risk) -> ReleaseCard {
    let live = match &facts.live {
        Some((id, _)) => html::link(&link::deployment(*id), &id.to_string()),
        None => html::text("nothing: it is the first release there"),
    };
    let said = difference.as_ref().map_or_else(
        || "What differs could not be read from the repository.".to_owned(),
        |it| {
            format!(
                "{}, {}, +{} −{} lines",
                html::count(it.commits, "commit"),
                html::count(it.paths.len() as u64, "file"),
                html::number(it.added),
                html::number(it.removed)
            )
        },
    );
    let paths = difference.map_or_else(Vec::new, |it| it.paths);
    let tests = match facts.tests {
        Some(counts) if counts.failed == 0 && counts.passed > 0 => {
            html::toned(Tone::Good, &format!("{} passed, none failed", counts.passed))
        }
        Some(counts) => {
            let said = format!("{} passed, {} failed", counts.passed, counts.failed);
            html::toned(Tone::Bad, &said)
        }
        None => html::toned(Tone::Bad, "no tests reported"),
    };
    let tone = match risk.level {
        "low" => Tone::Good,
        "medium" => Tone::Wait,
        _high => Tone::Bad,
    };
    let provenance = if facts.provenance { "with" } else { "without" };
    ReleaseCard {
        live,
        difference: said,
        more: paths.len().saturating_sub(PATHS),
        paths: paths.into_iter().take(PATHS).collect(),
        configuration: facts.configuration,
        tests,
        risk: html::toned(tone, risk.level),
        points: html::count(u64::from(risk.points), "point"),
        parts: risk.parts.into_iter().map(|part| (part.sentence, part.points)).collect(),
        gates: facts.gates,
        signed: format!(
            "{} signed, {provenance} provenance",
            html::count(facts.signed as u64, "statement")
        ),
    }
}

/// Returns exceptions and stops that wait for whoever looks.
pub(super) async fn also(app: &App, asked: &Asked) -> Result<Vec<Also>, Failure> {
    let now = app.engine.now();
    let Some(who) = asked.who() else { return Ok(Vec::new()) };
    let build = |state: &Known, _: &mut Words| {
        let decides = state.organisation.as_ref().is_some_and(|o| o.deciders().contains(who));
        let mut all = Vec::new();
        for (id, one) in state.exceptions.iter().filter(|_| decides) {
            let contributed = |id| state.contributors(id).contains(who);
            let barred = one.asked_by == *who || one.what.deployment().is_some_and(contributed);
            let waits = one.word(now) == "asked" && !one.granted_by.contains(who);
            let (word, address) = (one.what.word(), format!("{}#{id}", link::EXCEPTIONS));
            let link = html::link(&address, &id.to_string()).0;
            if waits && !barred {
                let what = Html(format!("{link}: a {word} waits for someone to agree"));
                all.push(Also { what, since: html::ago(one.asked, now) });
            }
        }
        for (id, stop) in
            state.active_stops().filter(|(_, stop)| state.may_lift(stop).contains(who))
        {
            let link = html::link(link::STOPS, &id.to_string()).0;
            let scope = html::sentence(&stop.scope.words()).0;
            let what = Html(format!("{link}: the line is stopped for {scope}"));
            all.push(Also { what, since: html::ago(stop.since, now) });
        }
        Ok(all)
    };
    view(app, build).await
}
