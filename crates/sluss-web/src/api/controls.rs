//! Controls over a period: how each stands, and the same as CycloneDX 1.6 declarations.

use axum::Json;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluss_engine::engine::read_event;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::population::Day;
use sluss_insight::controls::{Assessed, Catalogue, Days, Period, Seen, Standing};
use sluss_ledger::attest::UtcTime;
use sluss_store::Log as _;
use tokio::sync::MutexGuard;

use super::answer::Answer;
use crate::app::App;

/// Entries that are read at once.
const PAGE: usize = 2_000;
/// Milliseconds of the period that is shown where none is given.
const USUAL_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What happened, how often, and where the log says so.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SeenView {
    /// What happened, in words.
    pub what: &'static str,
    pub count: u64,
    /// The first entry.
    pub first: u64,
    /// The last entry.
    pub last: u64,
}

/// A control over the period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ControlView {
    pub id: &'static str,
    /// What it asks for, in our words.
    pub title: &'static str,
    /// `evidenced`, `partial` or `gap`.
    pub standing: &'static str,
    pub evidence: Vec<SeenView>,
    /// What spoke against it.
    pub exceptions: Vec<SeenView>,
    /// What is missing.
    pub gaps: Vec<String>,
}

/// The controls of a catalogue over a period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ControlsView {
    /// `finos`, `dora`, `pci`, `sox` or `iso27001`.
    pub catalogue: &'static str,
    pub title: &'static str,
    pub version: &'static str,
    /// The first day, of UTC.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// Entries of the log in the period.
    pub entries: u64,
    pub controls: Vec<ControlView>,
}

/// Which controls, over which days.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    pub(crate) catalogue: String,
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) to: String,
}

pub(super) async fn all(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Answer<ControlsView> {
    Ok(Json(assessed(&app, &which).await?))
}

pub(super) async fn cyclonedx(State(app): State<App>, Query(which): Query<Which>) -> Answer<Value> {
    let view = assessed(&app, &which).await?;
    let (origin, organisation) = {
        let state = app.engine.state();
        let name = state.organisation.as_ref().map(|known| known.name.clone());
        (state.origin.clone(), name.unwrap_or_default())
    };
    let now = UtcTime::from_ms(app.engine.now().0).map(|time| time.to_string());
    Ok(Json(declarations(&view, &origin, &organisation, &now.unwrap_or_default())))
}

/// Assesses the controls of a catalogue; of the last thirty days where none are given.
pub(crate) async fn assessed(app: &App, which: &Which) -> Result<ControlsView, Failure> {
    let now = app.engine.now();
    let catalogue = match which.catalogue.as_str() {
        "" => Catalogue::Finos,
        key => Catalogue::named(key).ok_or_else(|| {
            let what = format!("There is no catalogue `{key}`.");
            Failure::new(Blame::Caller, what, "Name one: finos, dora, pci, sox, iso27001")
        })?,
    };
    let day = |text: &str, otherwise: Day| match text {
        "" => Ok(otherwise),
        given => given.parse::<Day>(),
    };
    let from = day(&which.from, Day::of(now.plus(-USUAL_MS)))?;
    let to = day(&which.to, Day::of(now))?;
    if to < from {
        let what = format!("{to} is before {from}.");
        return Err(Failure::new(Blame::Caller, what, "Give the earlier day as `from`"));
    }
    let mut period = period(app, from, to).await?;
    period.take_limits(&app.engine.state(), (from.begins(), to.ends()), now);
    let (title, version) = catalogue.title();
    Ok(ControlsView {
        catalogue: catalogue.key(),
        title,
        version,
        from: from.to_string(),
        to: to.to_string(),
        entries: period.entries(),
        controls: period.assess(catalogue).into_iter().map(control).collect(),
    })
}

/// Returns what happened in a period. What was read for an earlier one is not read again; who asks
/// while the log is read waits for that, and what was read is kept when nobody waits any more.
async fn period(app: &App, from: Day, to: Day) -> Result<Period, Failure> {
    let mut days: MutexGuard<'_, Days> = app.shared.controls.lock().await;
    loop {
        let page = app.engine.parts().log.read(days.next(), PAGE).await?;
        if page.is_empty() {
            return Ok(days.between(from.begins(), to.begins()));
        }
        for sealed in &page {
            days.take(sealed.position, sealed.time, &read_event(sealed)?.1);
        }
    }
}

fn control(of: Assessed) -> ControlView {
    let seen = |seen: &Seen| SeenView {
        what: seen.fact.sentence(),
        count: seen.count,
        first: seen.first,
        last: seen.last,
    };
    ControlView {
        id: of.control.id,
        title: of.control.title,
        standing: match of.standing {
            Standing::Evidenced => "evidenced",
            Standing::Partial => "partial",
            Standing::Gap => "gap",
        },
        evidence: of.evidence.iter().map(seen).collect(),
        exceptions: of.exceptions.iter().map(seen).collect(),
        gaps: of.gaps,
    }
}

/// Returns CycloneDX 1.6 declarations: each control a requirement, with a claim, its evidence, and
/// how far it is met. A gap has score 0, and says why.
fn declarations(view: &ControlsView, origin: &str, organisation: &str, now: &str) -> Value {
    let reference = |kind: &str, control: &ControlView| format!("{kind}:{}", control.id);
    let requirements = view.controls.iter().map(|control| {
        json!({
            "bom-ref": reference("requirement", control),
            "identifier": control.id,
            "title": control.title,
        })
    });
    let claims = view.controls.iter().map(|control| {
        json!({
            "bom-ref": reference("claim", control),
            "target": "organization",
            "predicate": control.title,
            "reasoning": reasoning(control),
            "evidence": [reference("evidence", control)],
        })
    });
    let evidence = view.controls.iter().map(|control| proof(view, control, origin, now));
    let map = view.controls.iter().map(|control| {
        let score = match control.standing {
            "evidenced" => 1.0,
            "partial" => 0.5,
            _gap => 0.0,
        };
        json!({
            "requirement": reference("requirement", control),
            "claims": [reference("claim", control)],
            "conformance": { "score": score, "rationale": reasoning(control) },
        })
    });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "timestamp": now },
        "definitions": { "standards": [{
            "bom-ref": format!("standard:{}", view.catalogue),
            "name": view.title,
            "version": view.version,
            "requirements": requirements.collect::<Vec<_>>(),
        }] },
        "declarations": {
            "assessors": [{
                "bom-ref": "assessor",
                "thirdParty": false,
                "organization": { "name": organisation },
            }],
            "attestations": [{
                "summary": format!("{} from {} to {}", view.title, view.from, view.to),
                "assessor": "assessor",
                "map": map.collect::<Vec<_>>(),
            }],
            "claims": claims.collect::<Vec<_>>(),
            "evidence": evidence.collect::<Vec<_>>(),
            "targets": { "organizations": [{
                "bom-ref": "organization",
                "name": organisation,
            }] },
        },
    })
}

/// Returns the evidence of one control, and what spoke against it.
fn proof(view: &ControlsView, control: &ControlView, origin: &str, now: &str) -> Value {
    let said: Vec<Value> = control
        .evidence
        .iter()
        .map(|seen| datum("evidence", seen))
        .chain(control.exceptions.iter().map(|seen| datum("exception", seen)))
        .collect();
    json!({
        "bom-ref": format!("evidence:{}", control.id),
        "propertyName": "sluss:log",
        "description": format!("entries of the log {origin}, {} to {}", view.from, view.to),
        "created": now,
        "data": said,
    })
}

fn datum(kind: &str, seen: &SeenView) -> Value {
    let said =
        format!("{} times, first in entry {}, last in {}", seen.count, seen.first, seen.last);
    json!({
        "name": format!("{kind}: {}", seen.what),
        "classification": "internal",
        "contents": { "attachment": { "contentType": "text/plain", "content": said } },
    })
}

fn reasoning(control: &ControlView) -> String {
    let mut said: Vec<String> =
        control.evidence.iter().map(|seen| format!("{} ({})", seen.what, seen.count)).collect();
    let against = control.exceptions.iter();
    said.extend(against.map(|seen| format!("exception: {} ({})", seen.what, seen.count)));
    said.extend(control.gaps.iter().map(|gap| format!("gap: {gap}")));
    said.join("; ")
}
