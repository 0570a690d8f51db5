//! What waits for a second person, and the decision over one of these.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use sluss_core::approval::{Decision, Subject};
use sluss_core::event::Stream;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;

use super::frame::{Asked, Frame, OrFail, Page, nothing, parse, render};
use super::html::{self, Html, Tone};
use super::inbox::{self, Also, Card, KeyCard};
use super::keys::Ring;
use super::link;
use super::subject::{Approval, Looking, approval};
use crate::api::policies::{FlipView, PolicyVersionView, version, would_change};
use crate::api::proposed::{ProposedView, proposed};
use crate::api::words::{Words, view};
use crate::app::App;

/// How many decisions are listed that were made.
const DECIDED: usize = 20;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    mine: Vec<Card>,
    also: Vec<Also>,
    keys: Vec<KeyCard>,
    others: Vec<Approval>,
    decided: Vec<Approval>,
    /// The policies in force, where there are any.
    policies: Option<PolicyRow>,
}

/// The policies in force, and who answers for them.
struct PolicyRow {
    digest: String,
    mode: Html,
    warn: String,
    owner: String,
    by: Html,
    since: Html,
    review: Html,
}

fn policy_row(of: PolicyVersionView, now: Millis) -> PolicyRow {
    let due = Millis(of.review_due_ms).utc_minute();
    let mode = match of.mode {
        "warn" => html::toned(Tone::Wait, "only warn"),
        _block => html::toned(Tone::Good, "enforced"),
    };
    let by = match of.approved_leaf {
        Some(leaf) => html::link(&format!("/log/{leaf}"), &of.configuration).0,
        None => format!("{}, without a second person", html::text(&of.configuration)),
    };
    let review = match of.review_overdue {
        true => html::toned(Tone::Bad, &format!("overdue since {due}")),
        false => html::text(&format!("due {due}")),
    };
    PolicyRow {
        digest: of.policies,
        mode,
        warn: of.warn.join(", "),
        owner: of.owner.unwrap_or_else(|| "nobody: say `policies: {owner: TEAM}`".to_owned()),
        by: Html(by),
        since: html::ago(Millis(of.activated_ms), now),
        review,
    }
}

pub(super) async fn page(State(app): State<App>, asked: Asked) -> Page {
    let frame =
        Frame::new(&app, &asked, "Approvals").twin("approvals").explain("/log?type=approval");
    let csrf = frame.csrf.clone();
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let looking = Looking { who: asked.who(), csrf: &csrf, now, ring: None };
        let is_open = |subject: &Subject| {
            state.requests.get(subject).is_some_and(|asked| asked.decision == Decision::Open)
        };
        let (open, decided): (Vec<Subject>, Vec<Subject>) =
            state.requests.keys().copied().partition(is_open);
        let mut whole = |subjects: Vec<Subject>| -> Vec<Approval> {
            let whole = subjects.into_iter();
            whole.filter_map(|subject| approval(state, words, subject, &looking)).collect()
        };
        let decided = decided.into_iter().rev().take(DECIDED).collect();
        Ok((whole(open), whole(decided)))
    };
    let (open, decided) = view(&app, build).await.or_fail(&app, &asked)?;
    let (mine, others): (Vec<_>, Vec<_>) = open.into_iter().partition(|asked| asked.mine);
    let mine = inbox::cards(&app, mine).await.or_fail(&app, &asked)?;
    let also = inbox::also(&app, &asked).await.or_fail(&app, &asked)?;
    let keys = inbox::keys(&app, &asked).await.or_fail(&app, &asked)?;
    let policies = version(&app.engine.state(), now).map(|of| policy_row(of, now));
    Ok(render(&ApprovalsPage { frame, mine, also, keys, others, decided, policies }))
}

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    frame: Frame,
    a: Approval,
    /// What its policies would have made of the past, where they change.
    past: Option<Past>,
    /// What it changes.
    changes: Option<ProposedView>,
    /// The difference itself, its lines marked.
    difference: Option<Html>,
}

/// Returns the lines of a difference, those that go and those that come marked.
fn marked(text: &str) -> Html {
    let mut html = String::new();
    let mut among = false;
    for line in text.lines() {
        // What begins a file's difference ends the lines of the one before.
        among = !line.starts_with("diff --git ") && (among || line.starts_with("@@"));
        let mark = match line.chars().next() {
            Some('+') if among => "came",
            Some('-') if among => "went",
            _as_before => "",
        };
        match mark {
            "" => html.push_str(&html::text(line).0),
            mark => {
                html.push_str(&format!("<span class=\"{mark}\">{}</span>", html::text(line)));
            }
        }
        html.push('\n');
    }
    Html(html)
}

/// What changed policies would have made of the past.
pub(super) struct Past {
    pub(super) state: Html,
    pub(super) sentence: String,
    flips: Vec<FlipRow>,
    not_checked: usize,
}

/// A decision that would come out otherwise.
struct FlipRow {
    entry: Html,
    change: Html,
    before: String,
    after: String,
}

/// Compares what policies a proposed configuration brings with those in force.
pub(super) async fn past(app: &App, subject: Subject) -> Option<Past> {
    let found = match would_change(app, subject).await {
        Ok(found) => found.filter(|view| view.old != view.new)?,
        Err(failure) => {
            let state = html::toned(Tone::Bad, "not checked");
            let (flips, not_checked) = (Vec::new(), 0);
            return Some(Past { state, sentence: failure.what, flips, not_checked });
        }
    };
    let decided = html::count(found.checked as u64, "decision");
    let (tone, sentence) = match (found.result, &found.new) {
        ("weakened", None) => (Tone::Bad, "No policy would be in force any more.".to_owned()),
        ("weakened", _) => {
            (Tone::Bad, format!("Of {decided}, some that were refused would let more pass."))
        }
        ("not checked", _) if found.checked == 0 => {
            (Tone::Wait, "Nothing was decided in that time, so nothing was checked.".to_owned())
        }
        ("not checked", _) => (Tone::Wait, "Not every past decision could be made again.".into()),
        ("same", _) => (Tone::Good, format!("All of {decided} come out the same.")),
        _ if found.old.is_none() => (Tone::Good, "No policy was in force before.".to_owned()),
        _ => (Tone::Good, format!("Of {decided}, none would let more pass.")),
    };
    let row = |flip: &FlipView| FlipRow {
        entry: html::link(&format!("/log/{}", flip.position), &flip.position),
        change: match flip.change {
            "weakening" => html::toned(Tone::Bad, flip.change),
            _tightening => html::toned(Tone::Good, flip.change),
        },
        before: rules(&flip.before),
        after: rules(&flip.after),
    };
    let sentence = match found.only_warned {
        0 => sentence,
        many => format!(
            "{sentence} {} went though policies would have refused: they only warned.",
            html::count(many as u64, "release")
        ),
    };
    Some(Past {
        state: html::toned(tone, found.result),
        sentence,
        flips: found.flips.iter().map(row).collect(),
        not_checked: found.not_checked.len(),
    })
}

fn rules(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

pub(super) async fn one(State(app): State<App>, Path(subject): Path<String>, asked: Asked) -> Page {
    let subject: Subject = parse(&subject).or_fail(&app, &asked)?;
    if let Subject::Deployment(id) = subject {
        return Ok(Redirect::to(&link::deployment(id)).into_response());
    }
    let frame = Frame::new(&app, &asked, format!("{subject}: a second person"))
        .twin(format!("approvals/{subject}"))
        .explain(link::explain(Stream::Config))
        .topics("config");
    let csrf = frame.csrf.clone();
    let now = app.engine.now();
    let ring = Ring::of(&app, asked.visitor.0.as_ref()).await.or_fail(&app, &asked)?;
    let build = |state: &Known, words: &mut Words| {
        let looking = Looking { who: asked.who(), csrf: &csrf, now, ring: ring.as_ref() };
        let found = approval(state, words, subject, &looking);
        found.ok_or_else(|| nothing(format!("request for a second person about {subject}")))
    };
    let a = view(&app, build).await.or_fail(&app, &asked)?;
    let past = past(&app, subject).await;
    let changes = proposed(&app, subject, true).await;
    let text = changes.as_ref().and_then(|it| it.text.as_deref());
    let difference = text.filter(|text| !text.is_empty()).map(marked);
    Ok(render(&ApprovalPage { frame, a, past, changes, difference }))
}
