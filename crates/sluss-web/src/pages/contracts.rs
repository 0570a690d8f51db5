//! Contracts between services: who provides what where, who needs it, and what waits for others.

use askama::Template;
use axum::extract::State;
use sluss_core::state::State as Known;

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html, Tone};
use crate::api::contracts::{ContractView, ContractsView, WaitView, contracts};
use crate::api::words::{Words, view};
use crate::app::App;

struct Row {
    of: ContractView,
    stands: Html,
}

#[derive(Template)]
#[template(path = "contracts.html")]
struct ContractsPage {
    frame: Frame,
    rows: Vec<Row>,
    waiting: Vec<(WaitView, Html)>,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let build = |state: &Known, _: &mut Words| Ok(contracts(state));
    let ContractsView { contracts, waiting } = view(&app, build).await.or_fail(&app, &asked)?;
    let frame = Frame::new(&app, &asked, "Contracts").twin("contracts").topics("deployment");
    let row = |of: ContractView| {
        let tone = match of.stands {
            "met" => Tone::Good,
            "lacking" => Tone::Bad,
            _unused => Tone::Wait,
        };
        Row { stands: html::toned(tone, of.stands), of }
    };
    let rows = contracts.into_iter().map(row).collect();
    let told = |one: WaitView| {
        let said = html::sentence(&one.sentence);
        (one, said)
    };
    let waiting = waiting.into_iter().map(told).collect();
    Ok(render(&ContractsPage { frame, rows, waiting }))
}
