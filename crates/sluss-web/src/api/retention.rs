//! What is kept, held, disposed of, and who is erased.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::contents::GoneWhy;
use sluss_core::decide::{Command, Retain};
use sluss_core::disposal::{Disposal, Standing};
use sluss_core::erasure::Erasure;
use sluss_core::hold::{Hold, HoldScope};
use sluss_core::ids::{Digest, DisposalId, ErasureId, HoldId, PersonRef};
use sluss_core::retention::Class;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::exceptions;
use super::stops::LiftView;
use super::words::{PersonView, Words, view};
use crate::app::App;

/// The most contents that are listed as due.
const LISTED: usize = 1_000;

/// What is to be kept, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldWanted {
    /// `all`, `product:NAME`, `service:NAME` or `release:rel-N`.
    pub scope: String,
    /// Why.
    pub reason: String,
}

/// Why, in person.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonWanted {
    /// Why.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// What is to be disposed of.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisposalWanted {
    /// The digests of contents, a hundred at most.
    pub contents: Vec<String>,
    /// Why before their period is over; nothing where it is.
    pub reason: Option<String>,
}

/// Who is to be erased, and why.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureWanted {
    /// Their login, an address of their commits, or their reference in the log.
    pub person: String,
    /// Why, without naming them.
    pub reason: String,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// A decision in person.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InPersonWanted {
    /// The password again; it can be that of HTTP Basic instead.
    #[serde(default)]
    pub password: Option<String>,
}

/// How long a class is kept.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClassView {
    pub class: &'static str,
    pub years: u8,
    /// It may not be less.
    pub at_least_years: u8,
    /// The rule that says so.
    pub rule: &'static str,
    /// Contents of it that are kept.
    pub kept: u64,
    /// Those of them that are due.
    pub due: u64,
    /// Contents of it that are gone.
    pub gone: u64,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HoldView {
    pub hold: String,
    /// `all`, `product:NAME`, `service:NAME` or `release:rel-N`.
    pub scope: String,
    /// The scope in words.
    pub words: String,
    pub by: PersonView,
    pub since_ms: i64,
    pub reason: Option<String>,
    /// Who agreed so far that it be lifted.
    pub agreed: Vec<LiftView>,
    /// How many more must agree.
    pub still_asks: usize,
    /// Who may.
    pub may_lift: Vec<PersonView>,
    pub lifted_ms: Option<i64>,
}

/// A disposal that somebody proposed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DisposalView {
    pub disposal: String,
    /// `proposed`, `agreed` or `refused`.
    pub state: &'static str,
    pub contents: Vec<String>,
    /// Whether it is before their period is over.
    pub early: bool,
    /// Why, if so.
    pub reason: Option<String>,
    pub by: PersonView,
    pub proposed_ms: i64,
    pub decided_by: Option<PersonView>,
    pub decided_ms: Option<i64>,
}

/// An erasure of a person.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ErasureView {
    pub erasure: String,
    /// `proposed`, `erased` or `refused`.
    pub state: &'static str,
    pub person: PersonView,
    pub reason: Option<String>,
    pub by: PersonView,
    pub proposed_ms: i64,
    pub decided_by: Option<PersonView>,
    pub decided_ms: Option<i64>,
}

/// What is kept for how long, held, disposed of and erased; newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RetentionView {
    pub classes: Vec<ClassView>,
    pub holds: Vec<HoldView>,
    pub disposals: Vec<DisposalView>,
    pub erasures: Vec<ErasureView>,
}

/// A content whose period is over.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DueView {
    pub digest: String,
    pub class: &'static str,
    /// When its period was over.
    pub since_ms: i64,
    /// The streams of the events that name it.
    pub streams: Vec<String>,
}

/// What is due, the first thousand by digest.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DuesView {
    pub due: Vec<DueView>,
    /// How many are due in all.
    pub count: usize,
}

/// How a content stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContentView {
    pub digest: String,
    pub class: &'static str,
    /// `kept`, `due`, `needed`, `held`, `disposed under policy` or `erased with its author`.
    pub state: &'static str,
    /// The state in words.
    pub words: String,
    /// The entry that says that it is gone.
    pub leaf: Option<u64>,
    pub streams: Vec<String>,
}

pub(crate) fn hold_view(state: &Known, words: &mut Words, id: HoldId, of: &Hold) -> HoldView {
    let mut agreed = Vec::new();
    for one in &of.agreed {
        let (by, reason) = (words.person(&one.by), words.text(&one.reason));
        agreed.push(LiftView { by, at_ms: one.at.0, reason });
    }
    HoldView {
        hold: id.to_string(),
        scope: of.scope.to_string(),
        words: of.scope.words(),
        by: words.person(&of.by),
        since_ms: of.since.0,
        reason: words.text(&of.reason),
        agreed,
        still_asks: of.still_asks(),
        may_lift: words.people(&state.may_lift_hold(of)),
        lifted_ms: of.lifted.map(|at| at.0),
    }
}

fn disposal_view(words: &mut Words, id: DisposalId, of: &Disposal) -> DisposalView {
    DisposalView {
        disposal: id.to_string(),
        state: match of.decided {
            None => "proposed",
            Some((_, _, true)) => "agreed",
            Some((_, _, false)) => "refused",
        },
        contents: of.contents.iter().map(ToString::to_string).collect(),
        early: of.early.is_some(),
        reason: of.early.as_ref().and_then(|reason| words.text(reason)),
        by: words.person(&of.by),
        proposed_ms: of.proposed.0,
        decided_by: of.decided.as_ref().map(|(_, by, _)| words.person(by)),
        decided_ms: of.decided.as_ref().map(|(at, _, _)| at.0),
    }
}

fn erasure_view(words: &mut Words, id: ErasureId, of: &Erasure) -> ErasureView {
    ErasureView {
        erasure: id.to_string(),
        state: of.word(),
        person: words.person(&of.person),
        reason: words.text(&of.reason),
        by: words.person(&of.by),
        proposed_ms: of.proposed.0,
        decided_by: of.decided.as_ref().map(|(_, by, _)| words.person(by)),
        decided_ms: of.decided.as_ref().map(|(at, _, _)| at.0),
    }
}

fn classes(state: &Known, now: Millis) -> Vec<ClassView> {
    let (periods, due) = (state.periods(), state.due(now));
    let count = |class: Class, gone: bool| {
        let of = state.contents.values().filter(|kept| kept.class == class);
        of.filter(|kept| kept.gone.is_some() == gone).count() as u64
    };
    let class = |class: Class| ClassView {
        class: class.as_str(),
        years: periods.of(class).count(),
        at_least_years: class.floor().years.count(),
        rule: class.floor().rule,
        kept: count(class, false),
        due: due.iter().filter(|(_, of, _)| *of == class).count() as u64,
        gone: count(class, true),
    };
    Class::ALL.into_iter().map(class).collect()
}

pub(crate) fn retention_view(state: &Known, words: &mut Words, now: Millis) -> RetentionView {
    let mut found = RetentionView {
        classes: classes(state, now),
        holds: Vec::new(),
        disposals: Vec::new(),
        erasures: Vec::new(),
    };
    for (id, of) in state.holds.iter().rev() {
        found.holds.push(hold_view(state, words, *id, of));
    }
    for (id, of) in state.disposals.iter().rev() {
        found.disposals.push(disposal_view(words, *id, of));
    }
    for (id, of) in state.erasures.iter().rev() {
        found.erasures.push(erasure_view(words, *id, of));
    }
    found
}

pub(crate) fn dues_view(state: &Known, now: Millis) -> DuesView {
    let due = state.due(now);
    let streams = |digest: &Digest| {
        let kept = state.contents.get(digest);
        kept.into_iter().flat_map(|kept| &kept.streams).map(ToString::to_string).collect()
    };
    let view = |(digest, class, since): &(&Digest, Class, Millis)| DueView {
        digest: digest.to_string(),
        class: class.as_str(),
        since_ms: since.0,
        streams: streams(digest),
    };
    DuesView { due: due.iter().take(LISTED).map(view).collect(), count: due.len() }
}

pub(super) async fn show(State(app): State<App>) -> Answer<RetentionView> {
    let now = app.engine.now();
    Ok(Json(view(&app, |state, words| Ok(retention_view(state, words, now))).await?))
}

pub(super) async fn due(State(app): State<App>) -> Answer<DuesView> {
    let now = app.engine.now();
    Ok(Json(dues_view(&app.engine.state(), now)))
}

pub(super) async fn content(
    State(app): State<App>,
    Path(digest): Path<String>,
) -> Answer<ContentView> {
    let digest: Digest = parse(&digest)?;
    let now = app.engine.now();
    let state = app.engine.state();
    let found = state.contents.get(&digest).zip(state.standing(&digest, now));
    let (kept, standing) = found.ok_or_else(|| {
        let what = format!("No event names {digest}.");
        Failure::new(Blame::NotFound, what, "See what there is: `sluss log list`")
    })?;
    let time = crate::pages::absolute;
    let (word, words, leaf) = match standing {
        Standing::Gone(gone) => match gone.why {
            GoneWhy::Disposed(id) => {
                let words = format!("{id} disposed of it at {}.", time(gone.at));
                ("disposed under policy", words, Some(gone.leaf))
            }
            GoneWhy::Erased => {
                let words = format!("Who wrote it was erased at {}.", time(gone.at));
                ("erased with its author", words, Some(gone.leaf))
            }
        },
        Standing::Held(hold) => ("held", format!("It lies in the legal hold {hold}."), None),
        Standing::Needed(need) => ("needed", format!("It {}.", need.sentence()), None),
        Standing::Kept { until } => ("kept", format!("It is kept until {}.", time(until)), None),
        Standing::Due { since } => ("due", format!("It is due since {}.", time(since)), None),
    };
    let streams = kept.streams.iter().map(ToString::to_string).collect();
    let (digest, class) = (digest.to_string(), kept.class.as_str());
    Ok(Json(ContentView { digest, class, state: word, words, leaf, streams }))
}

/// Stores why something is asked for.
pub(crate) async fn reason(app: &App, text: &str) -> Result<Digest, Failure> {
    app.put_reason(Some(text)).await?.ok_or_else(|| {
        let what = "This needs a reason.";
        Failure::new(Blame::Caller, what, "Say why in a sentence: `--reason …`")
    })
}

/// Returns whom a login, an address or a reference names.
pub(crate) async fn whom(app: &App, text: &str) -> Result<PersonRef, Failure> {
    let text = text.trim();
    if let Ok(reference) = text.parse() {
        return Ok(reference);
    }
    if !text.contains('@') {
        return exceptions::person(app, text).await;
    }
    let found = app.engine.parts().accounts.find_by_email(text).await;
    let found =
        found.map_err(|error| Failure::upstream("The accounts could not be read", &error))?;
    found.map(|account| account.person).ok_or_else(|| {
        let what = "Nobody is known by this address.";
        Failure::new(Blame::NotFound, what, "Name the login, or the reference in the log")
    })
}

pub(super) async fn place(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<HoldWanted>,
) -> Answer<DoneView> {
    let scope: HoldScope = parse(&wanted.scope)?;
    let reason = reason(&app, &wanted.reason).await?;
    asking.ask(&app, Command::Retain(Retain::PlaceHold { scope, reason })).await
}

pub(super) async fn lift(
    State(app): State<App>,
    asking: Asking,
    Path(hold): Path<String>,
    Wanted(wanted): Wanted<ReasonWanted>,
) -> Answer<DoneView> {
    let hold: HoldId = parse(&hold)?;
    let reason = reason(&app, &wanted.reason).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Retain(Retain::LiftHold { hold, reason }), actor).await
}

pub(super) async fn propose(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<DisposalWanted>,
) -> Answer<DoneView> {
    let contents = wanted.contents.iter().map(|digest| parse(digest)).collect::<Result<_, _>>()?;
    let early = app.put_reason(wanted.reason.as_deref()).await?;
    asking.ask(&app, Command::Retain(Retain::ProposeDisposal { contents, early })).await
}

pub(super) async fn agree(
    State(app): State<App>,
    asking: Asking,
    Path(disposal): Path<String>,
    Wanted(wanted): Wanted<InPersonWanted>,
) -> Answer<DoneView> {
    let disposal: DisposalId = parse(&disposal)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Retain(Retain::AgreeDisposal { disposal }), actor).await
}

pub(super) async fn refuse(
    State(app): State<App>,
    asking: Asking,
    Path(disposal): Path<String>,
) -> Answer<DoneView> {
    let disposal: DisposalId = parse(&disposal)?;
    asking.ask(&app, Command::Retain(Retain::RefuseDisposal { disposal })).await
}

pub(super) async fn propose_erasure(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<ErasureWanted>,
) -> Answer<DoneView> {
    let person = whom(&app, &wanted.person).await?;
    let reason = reason(&app, &wanted.reason).await?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Retain(Retain::ProposeErasure { person, reason }), actor).await
}

pub(super) async fn agree_erasure(
    State(app): State<App>,
    asking: Asking,
    Path(erasure): Path<String>,
    Wanted(wanted): Wanted<InPersonWanted>,
) -> Answer<DoneView> {
    let erasure: ErasureId = parse(&erasure)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Retain(Retain::AgreeErasure { erasure }), actor).await
}

pub(super) async fn refuse_erasure(
    State(app): State<App>,
    asking: Asking,
    Path(erasure): Path<String>,
    Wanted(wanted): Wanted<InPersonWanted>,
) -> Answer<DoneView> {
    let erasure: ErasureId = parse(&erasure)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Retain(Retain::RefuseErasure { erasure }), actor).await
}
