//! What all pages have around what they are about.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html as HtmlBody, IntoResponse, Response};
use sluss_core::approval::{Decision, Subject};
use sluss_core::aside::PutAside;
use sluss_core::exception::Exception;
use sluss_core::ids::{ExceptionId, PersonRef};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::html::{Html, clock};
use super::reporting::Pressing;
use super::{link, reporting};
use crate::app::App;
use crate::auth::{Person, Visitor};

/// Who asks for a page, and how.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) visitor: Visitor,
    /// Whether only what changes is wanted.
    fragment: bool,
    path: String,
}

impl FromRequestParts<App> for Asked {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(
        parts: &mut Parts,
        _app: &App,
    ) -> Result<Self, std::convert::Infallible> {
        let visitor = Visitor(parts.extensions.get::<Person>().cloned());
        Ok(Self::new(visitor, &parts.headers, &parts.uri))
    }
}

impl Asked {
    fn new(visitor: Visitor, headers: &HeaderMap, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or("");
        let fragment = headers.contains_key("x-fragment")
            || query.split('&').any(|pair| pair == "fragment=main");
        Self { visitor, fragment, path: uri.path().to_owned() }
    }

    /// Asks as `visitor`, for a whole page.
    pub(super) fn whole(visitor: &Visitor) -> Self {
        Self { visitor: visitor.clone(), fragment: false, path: String::new() }
    }

    /// Returns who asks, in the log.
    pub(super) fn who(&self) -> Option<&PersonRef> {
        self.visitor.0.as_ref().map(|person| &person.who)
    }
}

/// A place to go to from everywhere.
#[derive(Debug, Clone)]
pub(super) struct NavItem {
    pub(super) address: &'static str,
    pub(super) word: &'static str,
    pub(super) key: &'static str,
    pub(super) here: bool,
    /// How many there are that want attention.
    pub(super) count: usize,
}

/// What all pages have around what they are about.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) fragment: bool,
    pub(super) demo: bool,
    pub(super) gap: bool,
    /// The witness that knows another history of the log than this one, if any.
    pub(super) distrust: String,
    /// Why the log can't be written and since when, and the rollbacks that wait for it.
    pub(super) unwritable: Option<(&'static str, Html, Vec<String>)>,
    /// Witnesses that are too far behind.
    pub(super) lagging: Vec<(String, Html)>,
    /// Emergencies that everybody is to see: id, what of it, and whether it is too late.
    pub(super) emergencies: Vec<(String, String, bool)>,
    /// What stands still, and since when.
    pub(super) stopped: Vec<(String, Html)>,
    /// What the authority is to be told soon, or was not in time.
    pub(super) pressing: Vec<Pressing>,
    pub(super) organisation: String,
    pub(super) nav: Vec<NavItem>,
    pub(super) name: String,
    pub(super) csrf: String,
    pub(super) signed_in: bool,
    pub(super) size: u64,
    pub(super) time: Html,
    pub(super) checkpoint: String,
    /// The streams whose events change the page; `*` for all.
    pub(super) topics: String,
    pub(super) twin: String,
    pub(super) explain: String,
}

impl Frame {
    /// Returns the frame of a page.
    pub(super) fn new(app: &App, asked: &Asked, title: impl Into<String>) -> Self {
        let state = app.engine.state();
        let person = asked.visitor.0.as_ref();
        let checkpoint = app.engine.parts().log.checkpoint();
        Self {
            title: title.into(),
            fragment: asked.fragment,
            demo: app.settings.demo || state.demo,
            gap: state.gap,
            distrust: state.distrusted.as_ref().map_or(String::new(), |of| of.witness.clone()),
            unwritable: unwritable(app),
            lagging: lagging(&state, app.engine.now()),
            emergencies: emergencies(&state, app.engine.now()),
            stopped: stopped(&state, app.engine.now()),
            pressing: reporting::pressing(&state, app.engine.now()),
            organisation: state.organisation.as_ref().map_or(String::new(), |o| o.name.clone()),
            nav: nav(&state, asked),
            name: person.map_or(String::new(), |person| person.name.clone()),
            csrf: person.map_or(String::new(), |person| person.csrf.clone()),
            signed_in: person.is_some(),
            size: state.size,
            time: clock(state.time, app.engine.now()),
            checkpoint: checkpoint.as_deref().map_or(String::new(), of_checkpoint),
            topics: "*".to_owned(),
            twin: String::new(),
            explain: String::new(),
        }
    }

    /// Says what the page is in the API.
    pub(super) fn twin(mut self, path: impl std::fmt::Display) -> Self {
        self.twin = link::twin(path);
        self
    }

    /// Says which events the page is made of.
    pub(super) fn explain(mut self, address: impl Into<String>) -> Self {
        self.explain = address.into();
        self
    }

    /// Says which streams change the page, separated by spaces.
    pub(super) fn topics(mut self, topics: impl Into<String>) -> Self {
        self.topics = topics.into();
        self
    }
}

/// Returns why the log can't be written, since when, and what was put aside meanwhile.
fn unwritable(app: &App) -> Option<(&'static str, Html, Vec<String>)> {
    let waiting = app.engine.put_aside();
    let first = waiting.first().map(|record| (record.since, record.why));
    let (since, why) = app.engine.unwritable().or(first)?;
    let said = |record: &PutAside| {
        let PutAside { service, environment, deployment, to, .. } = record;
        format!("{service} in {environment}: {deployment} was taken back, {to} has all traffic")
    };
    Some((why.words(), clock(since, app.engine.now()), waiting.iter().map(said).collect()))
}

fn lagging(state: &State, now: Millis) -> Vec<(String, Html)> {
    state.lagging.iter().map(|(name, since)| (name.clone(), clock(*since, now))).collect()
}

/// Returns the emergencies that everybody is to see, with where and what of it.
fn emergencies(state: &State, now: Millis) -> Vec<(String, String, bool)> {
    let said = |(id, one): (ExceptionId, &Exception)| {
        let of = one.what.deployment().and_then(|id| state.deployments.get(&id));
        let place =
            of.map_or(String::new(), |of| format!(" of {} in {}", of.service, of.environment));
        (id.to_string(), format!("{place} {}", one.loud_words(now)), one.is_overdue(now))
    };
    state.loud(now).map(said).collect()
}

/// Returns what the line is stopped for, and since when.
fn stopped(state: &State, now: Millis) -> Vec<(String, Html)> {
    let stops = state.active_stops();
    stops.map(|(_, stop)| (stop.scope.words().replace('`', ""), clock(stop.since, now))).collect()
}

fn nav(state: &State, asked: &Asked) -> Vec<NavItem> {
    let item = |address: &'static str, word, key, count| {
        let here = match address {
            link::BOARD => asked.path == address,
            _ => asked.path.starts_with(address),
        };
        NavItem { address, word, key, here, count }
    };
    let waits = asked.who().map_or(0, |who| waiting_for(state, who).len());
    vec![
        item(link::BOARD, "Board", "g b", 0),
        item(link::ENVIRONMENTS, "Environments", "g e", 0),
        item(link::APPROVALS, "Approvals", "g a", waits),
        item(link::INCIDENTS, "Incidents", "g i", state.incidents_at_hand().len()),
        item(link::FREEZES, "Freezes", "g f", 0),
        item(link::EXCEPTIONS, "Exceptions", "g x", waiting_exceptions(state)),
        item(link::LOG, "Log", "g l", 0),
    ]
}

/// Returns how many exceptions wait for someone: to be granted, or to be reviewed.
fn waiting_exceptions(state: &State) -> usize {
    let waits = |one: &&Exception| {
        state.exception_word(one, state.time) == "asked"
            || one.what.is_emergency() && one.granted.is_some() && one.reviewed.is_none()
    };
    state.exceptions.values().filter(waits).count()
}

/// Returns what waits for the decision of `who`.
pub(super) fn waiting_for(state: &State, who: &PersonRef) -> Vec<Subject> {
    let open = state.requests.iter().filter(|(subject, request)| {
        request.decision == Decision::Open && state.may_decide(**subject, state.time).contains(who)
    });
    open.map(|(subject, _)| *subject).collect()
}

/// Returns size and root of a checkpoint, shortened.
fn of_checkpoint(note: &str) -> String {
    let mut lines = note.lines().skip(1);
    let size = lines.next().unwrap_or("");
    let root = lines.next().unwrap_or("");
    format!("{size} · {}", root.get(..12).unwrap_or(root))
}

/// Renders a page.
pub(super) fn render(page: &impl Template) -> Response {
    render_as(StatusCode::OK, page)
}

pub(super) fn render_as(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, HtmlBody(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (code, text, "BUG: this page could not be rendered.\n").into_response()
        }
    }
}

/// Why a page is not there: what [`failure`](super::failure) shows.
pub(super) struct Failed(Box<(App, Visitor, Failure)>);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (app, visitor, failure) = *self.0;
        super::failure(&app, &visitor, failure)
    }
}

/// What handlers of pages return.
pub(super) type Page = Result<Response, Failed>;

/// Turns failures into pages.
pub(super) trait OrFail<T> {
    fn or_fail(self, app: &App, asked: &Asked) -> Result<T, Failed>;
}

impl<T> OrFail<T> for Result<T, Failure> {
    fn or_fail(self, app: &App, asked: &Asked) -> Result<T, Failed> {
        self.map_err(|failure| Failed(Box::new((app.clone(), asked.visitor.clone(), failure))))
    }
}

/// Reads an id or name out of an address.
pub(super) fn parse<T>(text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr<Err = sluss_core::ids::Malformed>,
{
    text.parse().map_err(|error: sluss_core::ids::Malformed| {
        Failure::new(Blame::NotFound, format!("{error}."), "Look for it on the board")
    })
}

/// Returns the failure of looking for what does not exist.
pub(super) fn nothing(what: impl std::fmt::Display) -> Failure {
    Failure::new(Blame::NotFound, format!("There is no {what}."), "Look for it on the board")
}
