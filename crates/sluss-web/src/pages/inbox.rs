//! What waits for whoever looks, each with all that a decision takes.

use sluss_core::approval::Subject;
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;

use super::approvals::{Past, past};
use super::frame::Asked;
use super::html::{self, Html, Tone};
use super::link;
use super::release::{GateRow, gates};
use super::subject::Approval;
use crate::api::inbox::{
    self, AlsoView, BesideLiveView, DifferenceOfCommits, KeyToVouchFor, SHOWN_WHOLE,
};
use crate::api::proposed::{ProposedView, proposed};
use crate::api::words::view;
use crate::app::App;

/// How many changed files are named.
const PATHS: usize = 8;

/// A request with all that a decision takes.
pub(super) struct Card {
    pub(super) a: Approval,
    /// Of a release: what differs, tests, risk and evidence.
    pub(super) release: Option<ReleaseCard>,
    /// Of a configuration: what its policies would have made of the past.
    pub(super) past: Option<Past>,
    /// Of a configuration: what it changes.
    pub(super) changes: Option<ProposedView>,
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

/// Returns each request with all that a decision takes.
pub(super) async fn cards(app: &App, mine: Vec<Approval>) -> Result<Vec<Card>, Failure> {
    let mut cards = Vec::new();
    for (index, a) in mine.into_iter().enumerate() {
        let subject: Option<Subject> = a.subject.parse().ok().filter(|_| index < SHOWN_WHOLE);
        let changes = match subject {
            Some(subject) => proposed(app, subject, false).await.map(|it| it.brief(PATHS)),
            None => None,
        };
        let (release, past) = match subject {
            Some(Subject::Deployment(id)) => {
                let found = inbox::beside_live(app, id).await;
                let gates = view(app, |state, words| Ok(gates(state, words, id))).await?;
                (found.map(|found| card(found, gates)), None)
            }
            Some(subject @ Subject::Configuration(_)) => (None, past(app, subject).await),
            None => (None, None),
        };
        cards.push(Card { a, release, past, changes });
    }
    Ok(cards)
}

fn card(found: BesideLiveView, gates: Vec<GateRow>) -> ReleaseCard {
    let live = match found.live.as_ref().map(|live| (live.parse(), live)) {
        Some((Ok(id), live)) => html::link(&link::deployment(id), live),
        Some((Err(_), _)) | None => html::text("nothing: it is the first release there"),
    };
    let tests = match found.tests_passed.zip(found.tests_failed) {
        Some((passed, 0)) if passed > 0 => {
            html::toned(Tone::Good, &format!("{passed} passed, none failed"))
        }
        Some((passed, failed)) => {
            html::toned(Tone::Bad, &format!("{passed} passed, {failed} failed"))
        }
        None => html::toned(Tone::Bad, "no tests reported"),
    };
    let tone = match found.risk {
        "low" => Tone::Good,
        "medium" => Tone::Wait,
        _high => Tone::Bad,
    };
    let provenance = if found.provenance { "with" } else { "without" };
    let signed = html::count(found.signed as u64, "statement");
    let difference = said_of(found.difference.as_ref());
    let paths = found.difference.map_or_else(Vec::new, |it| it.paths);
    ReleaseCard {
        live,
        difference,
        more: paths.len().saturating_sub(PATHS),
        paths: paths.into_iter().take(PATHS).collect(),
        configuration: found.configuration,
        tests,
        risk: html::toned(tone, found.risk),
        points: html::count(u64::from(found.risk_points), "point"),
        parts: found.risk_parts.into_iter().map(|part| (part.sentence, part.points)).collect(),
        gates,
        signed: format!("{signed} signed, {provenance} provenance"),
    }
}

fn said_of(difference: Option<&DifferenceOfCommits>) -> String {
    let Some(it) = difference else {
        return "What differs could not be read from the repository.".to_owned();
    };
    let binary = match it.binary {
        0 => String::new(),
        some => format!(", {some} of the files binary: lines of these are not known"),
    };
    format!(
        "{}, {}, +{} −{} lines{binary}",
        html::count(it.commits, "commit"),
        html::count(it.paths.len() as u64, "file"),
        html::number(it.added),
        html::number(it.removed)
    )
}

/// A key of somebody else that counts once whoever looks vouches for it.
pub(super) struct KeyCard {
    pub(super) id: String,
    pub(super) person: String,
    pub(super) fingerprint: String,
    pub(super) site: String,
    pub(super) since: Html,
}

/// Returns the keys that whoever looks may vouch for.
pub(super) async fn keys(app: &App, asked: &Asked) -> Result<Vec<KeyCard>, Failure> {
    let now = app.engine.now();
    let Some(who) = asked.who() else { return Ok(Vec::new()) };
    let card = |one: KeyToVouchFor| KeyCard {
        id: one.key,
        person: one.person.name,
        fingerprint: one.fingerprint,
        site: one.site,
        since: html::ago(Millis(one.since_ms), now),
    };
    Ok(inbox::keys(app, who).await?.into_iter().map(card).collect())
}

/// Returns exceptions, stops and overdue findings that wait for whoever looks.
pub(super) async fn also(app: &App, asked: &Asked) -> Result<Vec<Also>, Failure> {
    let now = app.engine.now();
    let Some(who) = asked.who() else { return Ok(Vec::new()) };
    let row = |one: AlsoView| {
        let address = match one.kind {
            "stop" => link::STOPS.to_owned(),
            "incident" => format!("{}/{}#reporting", link::INCIDENTS, one.id),
            "findings" => format!("/releases/{}#findings", one.id),
            "policies" => "/approvals#policies".to_owned(),
            _exception => format!("{}#{}", link::EXCEPTIONS, one.id),
        };
        let (link, sentence) = (html::link(&address, &one.id).0, html::sentence(&one.sentence).0);
        let since = html::ago(Millis(one.since_ms), now);
        Also { what: Html(format!("{link}: {sentence}")), since }
    };
    Ok(inbox::also(app, who).await?.into_iter().map(row).collect())
}
