//! The months to come: the calendar's windows, freezes that were set, and who waits for them.

use axum::Json;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_calendar::{Calendar, CalendarFile, Kind, MONTHS_MOST, Scope, preview};
use sluss_core::deployment::Phase;
use sluss_core::gate::GateOutcome;
use sluss_core::ids::DeploymentId;
use sluss_core::incident::Freeze;
use sluss_core::pipeline::GateKind;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::texts::Texts;

use super::answer::Answer;
use super::words::{Words, view};
use crate::app::App;

/// Months that are shown unless told otherwise.
pub(crate) const MONTHS: u32 = 12;

/// One time that a window is active, or a freeze that was set by hand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SpanView {
    /// The window's name, or the freeze's: `frz-1`.
    pub window: String,
    /// `deny` and `freeze` shut, `allow` opens.
    pub kind: &'static str,
    /// Its first instant.
    pub start_ms: i64,
    /// The first instant after it; nothing for what holds until it is lifted.
    pub end_ms: Option<i64>,
    /// Both in local time and in UTC.
    pub text: String,
    /// Why.
    pub reason: Option<String>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StretchView {
    pub start_ms: i64,
    pub end_ms: i64,
}

/// A deployment that freezes or the calendar keep.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeptView {
    pub deployment: String,
    /// Why, and until when.
    pub sentence: String,
    /// When that may be another answer, where it is known.
    pub until_ms: Option<i64>,
}

/// The months to come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CalendarView {
    /// The digest of the calendar that is in force; nothing without one.
    pub calendar: Option<String>,
    /// Whether its text can be read; while it can't, nothing goes.
    pub readable: bool,
    pub from_ms: i64,
    pub until_ms: i64,
    /// Windows and freezes, by their start.
    pub spans: Vec<SpanView>,
    /// When nothing may start by the calendar; of everything together unless one thing was asked.
    pub shut: Vec<StretchView>,
    /// What its author probably did not mean.
    pub warnings: Vec<String>,
    /// The version of the time zone database.
    pub time_zones: String,
    /// What waits for it now.
    pub waiting: Vec<KeptView>,
}

/// What is asked about.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Which {
    pub(crate) months: Option<u32>,
    pub(crate) service: Option<String>,
    pub(crate) environment: Option<String>,
}

impl Which {
    fn scope(&self, state: &Known) -> Result<Scope, Failure> {
        let service = match &self.service {
            Some(name) => {
                let mut all = state.services.keys();
                let found = all.find(|known| known.as_str() == name);
                let found = found.and_then(|name| Some((name, state.product_of(name)?)));
                let (name, product) = found.ok_or_else(|| {
                    let what = format!("There is no service `{name}`.");
                    Failure::new(Blame::NotFound, what, "See which there are: `sluss status`")
                })?;
                Some((name.to_string(), product.to_string()))
            }
            None => None,
        };
        let (service, product) = service.unzip();
        Ok(Scope { product, service, environment: self.environment.clone(), ..Scope::default() })
    }

    /// Returns whether a freeze is about what is asked about.
    fn meets(&self, freeze: &Freeze) -> bool {
        let same = |asked: &Option<String>, of: Option<String>| match (asked, of) {
            (Some(asked), Some(of)) => *asked == of,
            (None, _) | (_, None) => true,
        };
        same(&self.service, freeze.service.as_ref().map(ToString::to_string))
            && same(&self.environment, freeze.environment.as_ref().map(ToString::to_string))
    }
}

pub(super) async fn calendar(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Answer<CalendarView> {
    Ok(Json(months_ahead(&app, &which).await?))
}

/// Returns the months to come.
pub(crate) async fn months_ahead(app: &App, which: &Which) -> Result<CalendarView, Failure> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| ahead(app, state, words, which, now);
    view(app, build).await
}

fn ahead(
    app: &App,
    state: &Known,
    words: &mut Words,
    which: &Which,
    now: Millis,
) -> Result<CalendarView, Failure> {
    let texts = app.engine.texts();
    let digest = state.organisation.as_ref().and_then(|known| known.calendar.clone());
    let calendar = match texts.calendar_of(digest.as_ref()) {
        Some(calendar) => calendar,
        None => Calendar::parse(&CalendarFile::default())
            .unwrap_or_else(|mistakes| Calendar::missing(mistakes.to_string())),
    };
    let months = which.months.unwrap_or(MONTHS).clamp(1, MONTHS_MOST);
    let shown = preview(&calendar, &which.scope(state)?, now.0, months);
    let of_window = |span: &sluss_calendar::PreviewSpan| SpanView {
        window: span.window.0.clone(),
        kind: match span.kind {
            Kind::Allow => "allow",
            Kind::Deny => "deny",
        },
        start_ms: span.start_ms,
        end_ms: span.end_ms,
        text: span.text.clone(),
        reason: Some(span.reason.clone()),
    };
    let mut spans: Vec<SpanView> = shown.spans.iter().map(of_window).collect();
    let to_come = state.freezes.iter().filter(|(_, set)| {
        set.lifted.is_none() && set.until > now && set.from.0 < shown.range.end_ms
    });
    for (id, set) in to_come.filter(|(_, set)| which.meets(set)) {
        spans.push(SpanView {
            window: id.to_string(),
            kind: "freeze",
            start_ms: set.from.0,
            end_ms: Some(set.until.0),
            text: format!("{} – {} UTC", minute(set.from), minute(set.until)),
            reason: words.text(&set.reason),
        });
    }
    spans.sort_by_key(|span| span.start_ms);
    let stretch =
        |one: &sluss_calendar::Interval| StretchView { start_ms: one.start_ms, end_ms: one.end_ms };
    Ok(CalendarView {
        calendar: digest.map(|digest| digest.to_string()),
        readable: calendar.file().is_some(),
        from_ms: shown.range.start_ms,
        until_ms: shown.range.end_ms,
        spans,
        shut: shown.shut.iter().map(stretch).collect(),
        warnings: shown.warnings.iter().map(ToString::to_string).collect(),
        time_zones: shown.tzdb_version,
        waiting: kept(texts, state, now),
    })
}

fn minute(at: Millis) -> String {
    crate::pages::absolute(at)[..16].to_owned()
}

/// Returns the deployments that wait at the freeze gate, with the one sentence why.
fn kept(texts: &Texts, state: &Known, now: Millis) -> Vec<KeptView> {
    let waits = |id: &DeploymentId| {
        let deployment = state.deployments.get(id)?;
        let open = matches!(deployment.phase, Phase::Requested | Phase::Cleared);
        let gate = deployment.gates.get(&GateKind::Freeze).filter(|_| open)?;
        (!gate.is_cleared()).then_some((*id, deployment, gate))
    };
    let mut kept = Vec::new();
    for (id, deployment, gate) in state.open.deployments.iter().filter_map(waits) {
        let set = state.freeze_over(&deployment.service, &deployment.environment, now);
        let (sentence, until_ms) = match (set, texts.calendar_says(state, id, now)) {
            (Some((freeze, set)), _) => {
                let (service, place) = (&deployment.service, &deployment.environment);
                let until = minute(set.until);
                let said = format!(
                    "A deployment of {service} in {place} is held: {freeze} shuts it out until \
                     {until} UTC."
                );
                (said, Some(set.until.0))
            }
            (None, Some(says)) if !says.allowed => (says.sentence, says.until_ms),
            (None, Some(_) | None) => (GateOutcome::sentence(gate), None),
        };
        kept.push(KeptView { deployment: id.to_string(), sentence, until_ms });
    }
    kept
}
