//! The board: all changes in lanes, and per service what is live where.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use sluss_core::ids::ServiceName;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_insight::{Board, BoardRow, Lane, Waiting, board};

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html, Tone};
use super::link;
use super::stops::{ScopeOption, scopes};
use super::subject::{names, title_of};
use crate::api::words::{Words, view};
use crate::app::App;

/// How many rows a page has at most.
const ROWS_MOST: usize = 60;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    service: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    lane: String,
}

/// A lane to choose.
struct LaneTab {
    address: String,
    word: &'static str,
    count: usize,
    here: bool,
}

/// A change on the board, or found.
pub(super) struct Row {
    pub(super) address: String,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) service: String,
    pub(super) who: String,
    pub(super) commit: Html,
    pub(super) state: Html,
    pub(super) sentence: Html,
    pub(super) waits: String,
    pub(super) since: Html,
}

/// What a service has where.
struct ServiceLine {
    name: String,
    address: String,
    product: String,
    places: Vec<PlaceLine>,
}

struct PlaceLine {
    environment: String,
    live: Html,
    rolling: Option<Html>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    frame: Frame,
    lanes: Vec<LaneTab>,
    rows: Vec<Row>,
    left_out: usize,
    services: Vec<ServiceLine>,
    products: Vec<String>,
    which: Which,
    address: String,
    any: bool,
    scopes: Vec<ScopeOption>,
}

pub(super) async fn page(State(app): State<App>, Query(which): Query<Which>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, "Board").twin("status").explain(link::LOG).topics("*");
    let build = |state: &Known, words: &mut Words| {
        let whole = chosen(board(state, now), &which);
        let rows: Vec<&BoardRow> = whole
            .rows
            .iter()
            .filter(|row| match which.lane.as_str() {
                "" => row.lane != Lane::Over,
                lane => row.lane.word() == lane,
            })
            .collect();
        let left_out = rows.len().saturating_sub(ROWS_MOST);
        let rows = rows.into_iter().take(ROWS_MOST).map(|row| row_view(state, words, row, now));
        Ok((tabs(&whole, &which), rows.collect::<Vec<_>>(), left_out, services(state, &which)))
    };
    let (lanes, rows, left_out, services) = view(&app, build).await.or_fail(&app, &asked)?;
    let (products, scopes): (Vec<String>, _) = {
        let state = app.engine.state();
        let products = state.products().into_iter().map(ToString::to_string).collect();
        (products, scopes(&state))
    };
    let any = !app.engine.state().changes.is_empty();
    let address = app.settings.address.clone();
    Ok(render(&BoardPage {
        frame,
        lanes,
        rows,
        left_out,
        services,
        products,
        which,
        address,
        any,
        scopes,
    }))
}

fn chosen(mut board: Board, which: &Which) -> Board {
    board.rows.retain(|row| {
        (which.service.is_empty() || row.service.as_str() == which.service)
            && (which.product.is_empty()
                || row.product.as_ref().is_some_and(|name| name.as_str() == which.product))
    });
    board
}

fn tabs(board: &Board, which: &Which) -> Vec<LaneTab> {
    let query = |lane: &str| {
        let pairs = [("lane", lane), ("service", &which.service), ("product", &which.product)];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{name}={}", link::in_query(value))).collect();
        if pairs.is_empty() { link::BOARD.to_owned() } else { format!("/?{}", pairs.join("&")) }
    };
    let tab = |lane: Lane| LaneTab {
        address: query(lane.word()),
        word: lane.word(),
        count: board.rows.iter().filter(|row| row.lane == lane).count(),
        here: which.lane == lane.word(),
    };
    let all = LaneTab {
        address: query(""),
        word: "all but over",
        count: board.rows.iter().filter(|row| row.lane != Lane::Over).count(),
        here: which.lane.is_empty(),
    };
    [all].into_iter().chain(Lane::ALL.map(tab)).collect()
}

/// Returns the tone of a lane.
pub(super) fn lane_state(lane: Lane) -> Html {
    let tone = match lane {
        Lane::Waiting => Tone::Wait,
        Lane::InProgress | Lane::Ready => Tone::Going,
        Lane::Live => Tone::Good,
        Lane::TakenBack | Lane::Stopped => Tone::Bad,
        Lane::Over => Tone::Quiet,
    };
    html::toned(tone, lane.word())
}

pub(super) fn row_view(state: &Known, words: &mut Words, row: &BoardRow, now: Millis) -> Row {
    let change = state.changes.get(&row.change);
    let waits = match &row.waiting_on {
        None => String::new(),
        Some(Waiting::Approval { people }) if people.is_empty() => "nobody may decide".to_owned(),
        Some(Waiting::Approval { people }) => names(words, people),
        Some(Waiting::Held) => "a developer".to_owned(),
        Some(Waiting::Freeze { freeze, until }) => {
            format!("{freeze}, until {}", &html::absolute(*until)[..16])
        }
        Some(Waiting::Calendar { until: Some(until) }) => {
            format!("the calendar, until {}", &html::absolute(*until)[..16])
        }
        Some(Waiting::Calendar { until: None }) => "the calendar".to_owned(),
        Some(Waiting::Budget { until: Some(until) }) => {
            format!("its error budget, until {}", &html::absolute(*until)[..16])
        }
        Some(Waiting::Budget { until: None }) => "its error budget".to_owned(),
        Some(Waiting::Dependencies) => "other services".to_owned(),
        Some(Waiting::Policy) => "a policy".to_owned(),
        Some(Waiting::Review { exception }) => format!("the review of {exception}"),
        Some(Waiting::Stopped { stop }) => format!("two people who lift {stop}"),
        Some(Waiting::Clock) => "the clock".to_owned(),
        Some(Waiting::Provenance) => "its provenance".to_owned(),
    };
    Row {
        address: link::change(row.change),
        id: row.change.to_string(),
        title: change.map_or(String::new(), |change| title_of(words, &change.push.title)),
        service: row.service.to_string(),
        who: change.map_or(String::new(), |change| names(words, &change.push.contributors)),
        commit: html::short(change.map_or("", |change| change.push.commit.as_str())),
        state: lane_state(row.lane),
        sentence: html::sentence(&row.sentence),
        waits,
        since: html::ago(row.since, now),
    }
}

fn services(state: &Known, which: &Which) -> Vec<ServiceLine> {
    let product =
        |name: &ServiceName| state.product_of(name).map(ToString::to_string).unwrap_or_default();
    let shown = state.services.iter().filter(|(name, _)| {
        (which.service.is_empty() || name.as_str() == which.service)
            && (which.product.is_empty() || product(name) == which.product)
    });
    let line = |(name, service): (&ServiceName, &sluss_core::state::Service)| {
        let mut places = Vec::new();
        for environment in state.lasting_environments(name) {
            let place = service.places.get(&environment);
            let deployed = |id: Option<sluss_core::ids::DeploymentId>| {
                let id = id?;
                let release = state.deployments.get(&id)?.release;
                Some(html::link(&link::deployment(id), &release.to_string()))
            };
            places.push(PlaceLine {
                environment: environment.to_string(),
                live: place
                    .and_then(|place| deployed(place.live))
                    .unwrap_or_else(|| Html("<span class=\"soft\">nothing yet</span>".to_owned())),
                rolling: place.and_then(|place| deployed(place.rolling)),
            });
        }
        ServiceLine {
            name: name.to_string(),
            address: format!("/?service={name}"),
            product: product(name),
            places,
        }
    };
    shown.map(line).collect()
}
