//! Controls over a period: how each stands, item by item, and what is missing.

use askama::Template;
use axum::extract::{Query, State};
use sluss_insight::controls::Catalogue;

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html, Tone};
use super::link;
use crate::api::controls::{AskView, ControlView, ControlsView, MissingView, Which, assessed};
use crate::app::App;

/// How many items are listed of those that lack one thing, beside other controls.
const BESIDE: usize = 4;
/// How many are where one control is looked at; the rest stands in the JSON.
const ALONE: usize = 1_000;

struct Missing {
    id: String,
    /// What let it through, and what else is said of it.
    said: String,
    address: String,
}

struct Asks {
    of: AskView,
    missing: Vec<Missing>,
    /// How many are not listed.
    more: usize,
}

struct Row {
    of: ControlView,
    standing: Html,
    asks: Vec<Asks>,
    /// Where it is looked at alone.
    address: String,
}

struct Tab {
    key: &'static str,
    title: &'static str,
    here: bool,
}

/// How many controls stand so, and where they alone are shown.
struct Lane {
    word: &'static str,
    count: usize,
    address: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "controls.html")]
struct ControlsPage {
    frame: Frame,
    title: &'static str,
    version: &'static str,
    from: String,
    to: String,
    entries: u64,
    tabs: Vec<Tab>,
    lanes: Vec<Lane>,
    rows: Vec<Row>,
    unknown: Vec<String>,
    /// Whether one control is looked at alone, and where all are.
    alone: bool,
    all: String,
    twin: String,
    export: String,
}

pub(super) async fn page(State(app): State<App>, Query(which): Query<Which>, asked: Asked) -> Page {
    let (view, _) = assessed(&app, &which).await.or_fail(&app, &asked)?;
    let ControlsView { catalogue, title, version, from, to, entries, controls, unknown, .. } = view;
    let query = format!("catalogue={catalogue}&from={from}&to={to}");
    let frame = Frame::new(&app, &asked, "Controls")
        .twin(format!("controls?{query}"))
        .explain(link::LOG)
        .topics("none");
    let tab =
        |one: Catalogue| Tab { key: one.key(), title: one.title().0, here: one.key() == catalogue };
    let lane = |key: &'static str| {
        let counts = |one: &&ControlView| key.is_empty() || one.standing == key;
        Lane {
            word: if key.is_empty() { "all" } else { word(key) },
            count: controls.iter().filter(counts).count(),
            address: format!("/controls?{query}&standing={key}"),
            here: which.standing == key && which.control.is_empty(),
        }
    };
    let lanes = ["", "evidenced", "partial", "gap", "not_applicable"].map(lane).into();
    let alone = !which.control.is_empty();
    let shown = |one: &ControlView| match alone {
        true => one.id == which.control,
        false => which.standing.is_empty() || one.standing == which.standing,
    };
    let shown = controls.into_iter().filter(shown);
    let rows = shown.map(|of| row(of, &query, if alone { ALONE } else { BESIDE })).collect();
    let tabs = Catalogue::ALL.into_iter().map(tab).collect();
    Ok(render(&ControlsPage {
        frame,
        title,
        version,
        from,
        to,
        entries,
        tabs,
        lanes,
        rows,
        unknown,
        alone,
        all: format!("/controls?{query}"),
        twin: format!("/api/v1/controls?{query}"),
        export: format!("/api/v1/controls/cyclonedx?{query}"),
    }))
}

fn word(standing: &'static str) -> &'static str {
    match standing {
        "not_applicable" => "not applicable",
        other => other,
    }
}

fn row(of: ControlView, query: &str, listed: usize) -> Row {
    let tone = match of.standing {
        "evidenced" => Tone::Good,
        "partial" => Tone::Wait,
        "not_applicable" => Tone::Quiet,
        _gap => Tone::Bad,
    };
    let standing = html::toned(tone, word(of.standing));
    let asks = of.asks.iter().map(|one| asks(one, listed)).collect();
    let address = format!("/controls?{query}&control={}", of.id);
    Row { standing, asks, address, of }
}

fn asks(of: &AskView, listed: usize) -> Asks {
    let missing = of.missing.iter().take(listed).map(|one| Missing {
        id: one.id.clone(),
        said: said(one),
        address: address(one),
    });
    let more = of.missing.len().saturating_sub(listed);
    Asks { missing: missing.collect(), more, of: of.clone() }
}

fn said(of: &MissingView) -> String {
    let through = (!of.through.is_empty()).then(|| format!("{} let it by", of.through.join(", ")));
    let note = (!of.note.is_empty()).then(|| of.note.clone());
    through.into_iter().chain(note).collect::<Vec<_>>().join("; ")
}

/// Returns where more is told of an item: on its own page, or else in its entry of the log.
fn address(of: &MissingView) -> String {
    if let Ok(id) = of.id.parse() {
        return link::deployment(id);
    }
    if let Ok(id) = of.id.parse() {
        return link::change(id);
    }
    if let Ok(id) = of.id.parse() {
        return link::incident(id);
    }
    of.leaf.map(link::entry).unwrap_or_default()
}
