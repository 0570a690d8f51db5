//! Controls over a period: evidence, exceptions, and gaps as gaps.

use askama::Template;
use axum::extract::{Query, State};
use sluss_insight::controls::Catalogue;

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html, Tone};
use super::link;
use crate::api::controls::{ControlView, ControlsView, Which, assessed};
use crate::app::App;

struct Row {
    of: ControlView,
    standing: Html,
}

struct Tab {
    key: &'static str,
    title: &'static str,
    here: bool,
}

#[derive(Template)]
#[template(path = "controls.html")]
struct ControlsPage {
    frame: Frame,
    title: &'static str,
    version: &'static str,
    catalogue: &'static str,
    from: String,
    to: String,
    entries: u64,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    gaps: usize,
    export: String,
}

pub(super) async fn page(State(app): State<App>, Query(which): Query<Which>, asked: Asked) -> Page {
    let view = assessed(&app, &which).await.or_fail(&app, &asked)?;
    let ControlsView { catalogue, title, version, from, to, entries, controls } = view;
    let query = format!("catalogue={catalogue}&from={from}&to={to}");
    let frame = Frame::new(&app, &asked, "Controls")
        .twin(format!("controls?{query}"))
        .explain(link::LOG)
        .topics("none");
    let tab =
        |one: Catalogue| Tab { key: one.key(), title: one.title().0, here: one.key() == catalogue };
    let gaps = controls.iter().filter(|one| one.standing == "gap").count();
    let row = |of: ControlView| {
        let tone = match of.standing {
            "evidenced" => Tone::Good,
            "partial" => Tone::Wait,
            _gap => Tone::Bad,
        };
        Row { standing: html::toned(tone, of.standing), of }
    };
    let rows = controls.into_iter().map(row).collect();
    let tabs = Catalogue::ALL.into_iter().map(tab).collect();
    let export = format!("/api/v1/controls/cyclonedx?{query}");
    Ok(render(&ControlsPage {
        frame,
        title,
        version,
        catalogue,
        from,
        to,
        entries,
        tabs,
        rows,
        gaps,
        export,
    }))
}
