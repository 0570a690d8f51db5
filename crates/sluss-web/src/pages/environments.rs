//! Environments: what is live where, and the question before a release is taken back by hand.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use sluss_core::contracts::Missing;
use sluss_core::deployment::Phase;
use sluss_core::ids::{DeploymentId, EnvironmentName, ServiceName};
use sluss_core::incident::Origin;
use sluss_core::state::{Place, Service, State as Known};
use sluss_core::target::RouteKey;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::frame::{Asked, Frame, OrFail, Page, parse, render};
use super::freezes::{FreezeRow, active};
use super::html::{self, Html};
use super::link;
use super::stance;
use super::subject::title;
use crate::api::budget::budget_there;
use crate::api::findings::overdue_live;
use crate::api::words::{Words, view};
use crate::app::App;

struct Here {
    release: Html,
    title: String,
    since: Html,
}

struct Cell {
    environment: String,
    live: Option<Here>,
    rolling: Option<(Here, String)>,
    standby: Option<Html>,
    address: String,
    back: String,
    /// What the target says runs, and since when.
    seen: Option<(String, Html)>,
    /// What is left of its error budget, and whether that is nothing.
    budget: Option<(String, bool)>,
    /// What is past its term of what scanners found in it.
    overdue: Option<String>,
    /// What it needs there and nothing live provides, as after a rollback.
    lacks: Vec<String>,
    /// What the target says of it.
    said: Vec<String>,
}

/// Something that runs and that nobody deployed.
struct Shadow {
    place: String,
    digest: String,
    whole: String,
    since: Html,
    incident: Html,
}

struct Row {
    service: String,
    product: String,
    cells: Vec<Option<Cell>>,
    ephemeral: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "environments.html")]
struct EnvironmentsPage {
    frame: Frame,
    columns: Vec<EnvironmentName>,
    rows: Vec<Row>,
    freezes: Vec<FreezeRow>,
    shadows: Vec<Shadow>,
    /// Whether there is a test environment now.
    ephemeral: bool,
    address: String,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, "Environments").twin("environments").explain(link::LOG);
    let build = |state: &Known, words: &mut Words| {
        let mut columns: Vec<EnvironmentName> = Vec::new();
        for service in state.services.keys() {
            for name in state.lasting_environments(service) {
                if !columns.contains(&name) {
                    columns.push(name);
                }
            }
        }
        let row = |(name, service): (&ServiceName, &Service)| {
            row(state, words, (name, service), &columns, now)
        };
        let rows: Vec<Row> = state.services.iter().map(row).collect();
        Ok((columns, rows, active(state, words, now), shadows(state, now)))
    };
    let (columns, mut rows, freezes, shadows) = view(&app, build).await.or_fail(&app, &asked)?;
    rows.iter_mut().for_each(|row| hear(&app, row));
    let ephemeral = rows.iter().any(|row| !row.ephemeral.is_empty());
    let address = app.settings.address.clone();
    Ok(render(&EnvironmentsPage { frame, columns, rows, freezes, shadows, ephemeral, address }))
}

/// Returns what runs anywhere and was deployed by nobody, and the incident about it.
fn shadows(state: &Known, now: Millis) -> Vec<Shadow> {
    let mut found = Vec::new();
    for (service, places) in &state.observed {
        for (environment, seen) in places {
            let key = RouteKey { service: service.clone(), environment: environment.clone() };
            for digest in state.shadows_in(&key) {
                let about = |id: &&sluss_core::ids::IncidentId| {
                    let incident = state.incidents.get(id);
                    incident.is_some_and(|incident| {
                        incident.service == *service
                            && incident.environment == *environment
                            && incident.origin == Origin::Shadow { digest: digest.clone() }
                    })
                };
                let incident = state.open.incidents.iter().find(about);
                found.push(Shadow {
                    place: format!("{service} in {environment}"),
                    digest: digest.short().to_owned(),
                    whole: digest.to_string(),
                    since: html::clock(seen.at, now),
                    incident: incident.map_or(Html::default(), |id| {
                        html::link(&link::incident(*id), &id.to_string())
                    }),
                });
            }
        }
    }
    found
}

fn seen(state: &Known, key: &RouteKey, now: Millis) -> Option<(String, Html)> {
    let seen = state.observed_in(key)?;
    let one = |running: &sluss_core::observed::Running| {
        format!("{} {}", running.release, running.digest.short())
    };
    let all: Vec<String> = seen.running.iter().map(one).collect();
    let said = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
    Some((said, html::ago(seen.at, now)))
}

/// Adds what the target says of each place of a service.
fn hear(app: &App, row: &mut Row) {
    let Some(ports) = &app.shared.seams.ports else { return };
    for cell in row.cells.iter_mut().flatten() {
        let (Ok(service), Ok(environment)) = (row.service.parse(), cell.environment.parse()) else {
            continue;
        };
        let route = ports.status(&RouteKey { service, environment });
        cell.said = route.map(|route| stance::of(&route)).unwrap_or_default();
    }
}

fn row(
    state: &Known,
    words: &mut Words,
    (name, service): (&ServiceName, &Service),
    columns: &[EnvironmentName],
    now: Millis,
) -> Row {
    let lasting: BTreeSet<EnvironmentName> = state.lasting_environments(name).into_iter().collect();
    let mut cells = Vec::new();
    for column in columns {
        let place = service.places.get(column);
        cells.push(match (lasting.contains(column), place) {
            (false, None) => None,
            (_, place) => {
                let place = place.cloned().unwrap_or_default();
                Some(cell(state, words, (name, column), &place, now))
            }
        });
    }
    let mut ephemeral = Vec::new();
    for (environment, place) in &service.places {
        let used = place.live.is_some() || place.rolling.is_some();
        if !columns.contains(environment) && used {
            ephemeral.push(cell(state, words, (name, environment), place, now));
        }
    }
    let product = state.product_of(name).map(ToString::to_string).unwrap_or_default();
    Row { service: name.to_string(), product, cells, ephemeral }
}

fn cell(
    state: &Known,
    words: &mut Words,
    (service, environment): (&ServiceName, &EnvironmentName),
    place: &Place,
    now: Millis,
) -> Cell {
    let mut here = |id: DeploymentId| {
        let deployment = state.deployments.get(&id)?;
        let since = match &deployment.phase {
            Phase::Live { since, .. } => *since,
            Phase::Requested
            | Phase::Cleared
            | Phase::RollingOut(_)
            | Phase::RolledBack { .. }
            | Phase::Superseded { .. }
            | Phase::Refused { .. }
            | Phase::Removed { .. } => deployment.started.unwrap_or(deployment.requested),
        };
        Some(Here {
            release: html::link(&link::deployment(id), &deployment.release.to_string()),
            title: title(state, words, deployment.release),
            since: html::ago(since, now),
        })
    };
    let share = |id: DeploymentId| match &state.deployments.get(&id)?.phase {
        Phase::RollingOut(rollout) => Some(rollout.share().to_string()),
        Phase::Requested
        | Phase::Cleared
        | Phase::Live { .. }
        | Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => None,
    };
    let start = place.live.or(place.rolling).and_then(|id| state.deployments.get(&id));
    let start = start.and_then(|deployment| state.pipeline_of(deployment.release)?.start.as_ref());
    let lasting = state.lasting_environments(service).contains(environment);
    let key = RouteKey { service: service.clone(), environment: environment.clone() };
    Cell {
        environment: environment.to_string(),
        seen: seen(state, &key, now),
        lacks: lacks(state, place, environment),
        overdue: overdue_live(state, place.live, now).map(|late| late.sentence),
        budget: budget_there(state, service, environment, now)
            .map(|budget| (budget.sentence, budget.stands == "spent")),
        live: place.live.and_then(&mut here),
        rolling: place.rolling.and_then(|id| Some((here(id)?, share(id).unwrap_or_default()))),
        standby: place.standby.and_then(|id| {
            let release = state.deployments.get(&id)?.release;
            Some(html::link(&link::deployment(id), &release.to_string()))
        }),
        address: match start {
            Some(start) if lasting => format!("port {}", start.port),
            Some(_) | None => String::new(),
        },
        back: match lasting && (place.live.is_some() || place.rolling.is_some()) {
            true => link::rollback(service, environment),
            false => String::new(),
        },
        said: Vec::new(),
    }
}

fn lacks(state: &Known, place: &Place, environment: &EnvironmentName) -> Vec<String> {
    let live = place.live.and_then(|id| state.deployments.get(&id));
    let touched = live.map(|live| state.touched_by(live.release, environment));
    let missing = touched.map(|touched| touched.missing).unwrap_or_default();
    missing.iter().map(Missing::sentence).collect()
}

#[derive(Template)]
#[template(path = "rollback.html")]
struct ConfirmPage {
    frame: Frame,
    service: ServiceName,
    environment: EnvironmentName,
    rolling: bool,
    from: Here,
    to: Option<Here>,
    address: String,
}

/// Asks before a release is taken back by hand.
pub(super) async fn confirm(
    State(app): State<App>,
    Path((service, environment)): Path<(String, String)>,
    asked: Asked,
) -> Page {
    let service: ServiceName = parse(&service).or_fail(&app, &asked)?;
    let environment: EnvironmentName = parse(&environment).or_fail(&app, &asked)?;
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, format!("Roll back {service}"))
        .topics(format!("none {environment}"));
    let build = |state: &Known, words: &mut Words| {
        let place = state.place(&service, &environment).cloned().unwrap_or_default();
        let cell = cell(state, words, (&service, &environment), &place, now);
        let before = match place.rolling {
            Some(_) => None,
            None => earlier(state, &place),
        };
        let before = before.and_then(|id| {
            let release = state.deployments.get(&id)?.release;
            let at = state.deployments.get(&id)?.live.unwrap_or(now);
            Some(Here {
                release: html::link(&link::deployment(id), &release.to_string()),
                title: title(state, words, release),
                since: html::ago(at, now),
            })
        });
        match (cell.rolling, cell.live) {
            (Some((rolling, _)), live) => Ok((true, rolling, live)),
            (None, Some(live)) => Ok((false, live, before)),
            (None, None) => Err(Failure::new(
                Blame::Conflict,
                format!(
                    "Nothing of {service} is in `{environment}`, so nothing can be taken back."
                ),
                "See what is live where: `/environments`",
            )),
        }
    };
    let (rolling, from, to) = view(&app, build).await.or_fail(&app, &asked)?;
    let address = link::rollback(&service, &environment);
    Ok(render(&ConfirmPage { frame, service, environment, rolling, from, to, address }))
}

/// Returns what would be gone back to: what core picks, as far as it can be seen from here.
fn earlier(state: &Known, place: &Place) -> Option<DeploymentId> {
    let live = state.deployments.get(&place.live?)?;
    let mut before = live.before;
    while let Some(id) = before {
        let deployment = state.deployments.get(&id)?;
        let barred = state.releases.get(&deployment.release).is_none_or(|r| r.barred.is_some());
        if deployment.release != live.release && !barred {
            return Some(id);
        }
        before = deployment.before;
    }
    None
}
