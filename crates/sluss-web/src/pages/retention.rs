//! What is kept for how long, legal holds, disposals, and persons who are erased.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::decide::{Command, Retain};
use sluss_core::hold::HoldScope;
use sluss_core::ids::{DisposalId, ErasureId, HoldId};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::acts::answer;
use super::frame::{Asked, Frame, OrFail, Page, parse, render};
use super::html::{self, Html, Tone};
use super::{freezes, link};
use crate::api::retention::{
    ClassView, DisposalView, DueView, DuesView, ErasureView, HoldView, RetentionView, dues_view,
    reason, retention_view, whom,
};
use crate::api::words::{PersonView, Words, view};
use crate::app::App;
use crate::forms::Form;

/// How many of each are listed.
const LISTED: usize = 100;

struct HoldRow {
    of: HoldView,
    state: Html,
    since: Html,
    asks: String,
    mine: bool,
}

struct DisposalRow {
    of: DisposalView,
    state: Html,
    proposed: Html,
    decided: String,
    /// Whether who looks may agree.
    mine: bool,
}

struct ErasureRow {
    of: ErasureView,
    state: Html,
    proposed: Html,
    decided: String,
    mine: bool,
}

struct DueRow {
    of: DueView,
    digest: Html,
    since: Html,
    streams: String,
}

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    frame: Frame,
    classes: Vec<ClassView>,
    holds: Vec<HoldRow>,
    due: Vec<DueRow>,
    due_count: usize,
    disposals: Vec<DisposalRow>,
    erasures: Vec<ErasureRow>,
    scopes: Vec<(String, String)>,
    /// Whether who looks may decide.
    decides: bool,
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let now = app.engine.now();
    let frame = Frame::new(&app, &asked, "Retention")
        .twin("retention")
        .explain("/log?stream=retention")
        .topics("retention");
    let build = |state: &Known, words: &mut Words| {
        let known = state.organisation.as_ref().map(|known| known.deciders());
        let decides = asked.who().zip(known).is_some_and(|(who, known)| known.contains(who));
        Ok((retention_view(state, words, now), dues_view(state, now), scopes(state), decides))
    };
    let (found, dues, scopes, decides) = view(&app, build).await.or_fail(&app, &asked)?;
    let RetentionView { classes, holds, disposals, erasures } = found;
    let DuesView { due, count: due_count } = dues;
    let me = asked.who().map(ToString::to_string);
    let mine = |by: &PersonView| decides && me.as_ref().is_some_and(|me| *me != by.reference);
    let hold = |of: HoldView| {
        let me = me.as_ref();
        let mine = me.is_some_and(|me| of.may_lift.iter().any(|who| who.reference == *me));
        hold_row(of, mine, now)
    };
    let disposal = |of: DisposalView| {
        let mine = of.decided_ms.is_none() && mine(&of.by);
        DisposalRow {
            state: html::toned(tone(of.state), of.state),
            proposed: html::ago(Millis(of.proposed_ms), now),
            decided: decided(of.decided_by.as_ref(), of.decided_ms),
            mine,
            of,
        }
    };
    let erasure = |of: ErasureView| {
        let mine = of.decided_ms.is_none() && mine(&of.by) && mine(&of.person);
        ErasureRow {
            state: html::toned(tone(of.state), of.state),
            proposed: html::ago(Millis(of.proposed_ms), now),
            decided: decided(of.decided_by.as_ref(), of.decided_ms),
            mine,
            of,
        }
    };
    let row = |of: DueView| DueRow {
        digest: html::short(&of.digest),
        since: html::clock(Millis(of.since_ms), now),
        streams: of.streams.join(", "),
        of,
    };
    Ok(render(&RetentionPage {
        frame,
        classes,
        holds: holds.into_iter().take(LISTED).map(hold).collect(),
        due: due.into_iter().take(LISTED).map(row).collect(),
        due_count,
        disposals: disposals.into_iter().take(LISTED).map(disposal).collect(),
        erasures: erasures.into_iter().take(LISTED).map(erasure).collect(),
        scopes,
        decides,
    }))
}

fn tone(word: &str) -> Tone {
    match word {
        "proposed" => Tone::Wait,
        "refused" => Tone::Bad,
        _done => Tone::Quiet,
    }
}

fn decided(by: Option<&PersonView>, at: Option<i64>) -> String {
    let said = by.zip(at).map(|(by, at)| format!("{}, {}", by.name, html::absolute(Millis(at))));
    said.unwrap_or_default()
}

fn hold_row(of: HoldView, mine: bool, now: Millis) -> HoldRow {
    let names = of.may_lift.iter().map(|who| who.name.clone()).collect::<Vec<_>>().join(", ");
    let asks = match (of.still_asks, of.may_lift.len()) {
        (0, _) => String::new(),
        (asked, there) if there < asked => format!(
            "It takes {asked} more who may decide, and {there} are there: name more in the \
             platform repository."
        ),
        (asked, _) => format!("It takes {asked} more of {names}."),
    };
    HoldRow {
        state: match of.lifted_ms {
            None => html::toned(Tone::Wait, "holds"),
            Some(_) => html::toned(Tone::Quiet, "lifted"),
        },
        since: html::clock(Millis(of.since_ms), now),
        asks,
        mine,
        of,
    }
}

/// Returns all that can be held but single releases, the most first.
fn scopes(state: &Known) -> Vec<(String, String)> {
    let products = state.organisation.iter().flat_map(|known| known.products.keys());
    let products = products.map(|name| (format!("product:{name}"), format!("product {name}")));
    let services = freezes::services(state).into_iter();
    let services = services.map(|name| (format!("service:{name}"), format!("service {name}")));
    let all = ("all".to_owned(), "everything".to_owned());
    [all].into_iter().chain(products).chain(services).collect()
}

#[derive(Deserialize)]
pub(super) struct HoldFields {
    scope: String,
    #[serde(default)]
    release: String,
    reason: String,
}

pub(super) async fn place(State(app): State<App>, form: Form<HoldFields>) -> Response {
    let done = async {
        let HoldFields { scope, release, reason: why } = &form.fields;
        let scope: HoldScope = match release.trim() {
            "" => parse(scope)?,
            release => HoldScope::Release(parse(release)?),
        };
        let reason = reason(&app, why).await?;
        form.ask(&app, Command::Retain(Retain::PlaceHold { scope, reason })).await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct LiftFields {
    reason: String,
    password: String,
}

pub(super) async fn lift(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<LiftFields>,
) -> Response {
    let done = async {
        let hold: HoldId = parse(&id)?;
        let reason = reason(&app, &form.fields.reason).await?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::Retain(Retain::LiftHold { hold, reason }), password).await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct DisposalFields {
    /// Digests, separated by blanks or lines.
    contents: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn propose(State(app): State<App>, form: Form<DisposalFields>) -> Response {
    let done = async {
        let digests = form.fields.contents.split_whitespace().map(parse);
        let contents = digests.collect::<Result<_, Failure>>()?;
        let early = app.put_reason(Some(&form.fields.reason)).await?;
        form.ask(&app, Command::Retain(Retain::ProposeDisposal { contents, early })).await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct Decided {
    decision: String,
    #[serde(default)]
    password: String,
}

impl Decided {
    /// Returns whether it is agreed to.
    fn agrees(&self) -> Result<bool, Failure> {
        match self.decision.as_str() {
            "agree" => Ok(true),
            "refuse" => Ok(false),
            _ => {
                let what = "One agrees or refuses.";
                Err(Failure::new(Blame::Caller, what, "Use one of the two buttons"))
            }
        }
    }
}

pub(super) async fn decide(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Decided>,
) -> Response {
    let done = async {
        let disposal: DisposalId = parse(&id)?;
        let command = match form.fields.agrees()? {
            true => Command::Retain(Retain::AgreeDisposal { disposal }),
            false => Command::Retain(Retain::RefuseDisposal { disposal }),
        };
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct ErasureFields {
    person: String,
    reason: String,
    password: String,
}

pub(super) async fn propose_erasure(State(app): State<App>, form: Form<ErasureFields>) -> Response {
    let done = async {
        let person = whom(&app, &form.fields.person).await?;
        let reason = reason(&app, &form.fields.reason).await?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::Retain(Retain::ProposeErasure { person, reason }), password)
            .await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn decide_erasure(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Decided>,
) -> Response {
    let done = async {
        let erasure: ErasureId = parse(&id)?;
        let command = match form.fields.agrees()? {
            true => Command::Retain(Retain::AgreeErasure { erasure }),
            false => Command::Retain(Retain::RefuseErasure { erasure }),
        };
        form.decide(&app, command, form.fields.password.clone()).await?;
        Ok(link::RETENTION.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}
