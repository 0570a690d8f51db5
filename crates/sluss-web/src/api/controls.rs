//! Controls over a period: how each stands, item by item, and the same as CycloneDX 1.6
//! declarations.

mod cyclonedx;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluss_core::ids::Digest;
use sluss_engine::engine::read_event;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::population::Day;
use sluss_insight::controls::{
    Answer as Answered, Ask, Assessed, Catalogue, NotApplicable, Period, Seen,
};
use sluss_ledger::attest::UtcTime;
use sluss_store::{Blobs as _, Log as _};

use super::answer::Answer;
use super::words::{PersonView, Words};
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

/// An item that lacks what is asked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MissingView {
    /// Its id, or the day.
    pub id: String,
    /// The entry in which it began; a day has none.
    pub leaf: Option<u64>,
    /// The exceptions that let it through.
    pub through: Vec<String>,
    /// What else is said of it, if anything.
    pub note: String,
}

/// One thing that a control asks, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AskView {
    /// What is asked, in words.
    pub what: String,
    /// What it is asked of: a kind of item; nothing where something must have happened.
    pub each: Option<&'static str>,
    /// Of how many items; or how often it must have happened.
    pub of: u64,
    /// How many of them have it; or how often it happened.
    pub have: u64,
    /// Whether that is all.
    pub met: bool,
    /// The first entry that says so.
    pub first: Option<u64>,
    /// The last one.
    pub last: Option<u64>,
    /// What is said of each item that lacks it.
    pub lacks: Option<&'static str>,
    /// Every item that lacks it.
    pub missing: Vec<MissingView>,
}

/// Why a control is taken not to apply.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ExemptView {
    /// The text that says so, as long as it is kept.
    pub reason: Option<String>,
    /// The digest of that text.
    pub reason_sha256: String,
    /// The configuration that said so first.
    pub configuration: String,
    /// The entry in which that was activated.
    pub leaf: u64,
    /// Who agreed and is none of its authors; where nobody did, it counts for nothing.
    pub approvers: Vec<PersonView>,
}

/// A control over the period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ControlView {
    pub id: &'static str,
    /// Catalogue, id, slug and version: the same for ever.
    pub key: String,
    /// What it asks for, in our words.
    pub title: &'static str,
    /// `read`, or `to_verify` where our words were not compared with the text.
    pub text_status: &'static str,
    /// To whom or what it applies, if not to all.
    pub applies_if: Option<&'static str>,
    /// `evidenced`, `partial`, `gap` or `not_applicable`.
    pub standing: &'static str,
    pub asks: Vec<AskView>,
    /// What spoke against it.
    pub exceptions: Vec<SeenView>,
    /// What is missing.
    pub gaps: Vec<String>,
    /// What it asks for that nothing here records; a part of the gaps.
    pub unrecorded: Vec<&'static str>,
    pub not_applicable: Option<ExemptView>,
    /// How much the standing is worth, in hundredths.
    pub confidence: u8,
    /// Why.
    pub confidence_why: String,
    /// Tests of Sluss that hold what the log says to what is done.
    pub tests: Vec<&'static str>,
}

/// The controls of a catalogue over a period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ControlsView {
    /// `finos`, `dora`, `rts`, `pci`, `sox`, `iso27001`, `ssdf` or `eba`.
    pub catalogue: &'static str,
    pub title: &'static str,
    pub version: &'static str,
    /// The first day, of UTC.
    pub from: String,
    /// The last day, included.
    pub to: String,
    /// Entries of the log in the period.
    pub entries: u64,
    /// Entries of the log that were read: what it says is as of this size.
    pub size: u64,
    pub controls: Vec<ControlView>,
    /// Controls that the configuration takes not to apply, and that no catalogue has.
    pub unknown: Vec<String>,
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
    /// Only the one with this id, and only those that stand so; on the page.
    #[serde(default)]
    pub(crate) control: String,
    #[serde(default)]
    pub(crate) standing: String,
}

pub(super) async fn all(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Answer<ControlsView> {
    Ok(Json(assessed(&app, &which).await?.0))
}

pub(super) async fn cyclonedx(State(app): State<App>, Query(which): Query<Which>) -> Answer<Value> {
    let (view, assessed) = assessed(&app, &which).await?;
    let (origin, organisation) = {
        let state = app.engine.state();
        let name = state.organisation.as_ref().map(|known| known.name.clone());
        (state.origin.clone(), name.unwrap_or_default())
    };
    let now = UtcTime::from_ms(app.engine.now().0).map(|time| time.to_string());
    let said = cyclonedx::Said { origin, organisation, now: now.unwrap_or_default() };
    Ok(Json(cyclonedx::declarations(&view, &assessed, &said)))
}

/// Assesses the controls of a catalogue; of the last thirty days where none are given.
pub(crate) async fn assessed(
    app: &App,
    which: &Which,
) -> Result<(ControlsView, Vec<Assessed>), Failure> {
    let now = app.engine.now();
    let catalogue = match which.catalogue.as_str() {
        "" => Catalogue::Finos,
        key => Catalogue::named(key).ok_or_else(|| {
            let known: Vec<&str> = Catalogue::ALL.into_iter().map(Catalogue::key).collect();
            let what = format!("There is no catalogue `{key}`.");
            Failure::new(Blame::Caller, what, format!("Name one: {}", known.join(", ")))
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
    let (assessed, entries, size, unknown) = look(app, catalogue, from, to).await?;
    let (title, version) = catalogue.title();
    let words = words_of(app, &assessed).await?;
    let reasons = reasons_of(app, &assessed).await;
    let controls = assessed.iter().map(|of| control(catalogue, of, &reasons, &words)).collect();
    let view = ControlsView {
        catalogue: catalogue.key(),
        title,
        version,
        from: from.to_string(),
        to: to.to_string(),
        entries,
        size,
        controls,
        unknown,
    };
    Ok((view, assessed))
}

/// Looks at a period. What was read for an earlier one is not read again; who asks while the log is
/// read waits for that, and what was read is kept when nobody waits any more.
async fn look(
    app: &App,
    catalogue: Catalogue,
    from: Day,
    to: Day,
) -> Result<(Vec<Assessed>, u64, u64, Vec<String>), Failure> {
    let mut ledger = app.shared.controls.lock().await;
    loop {
        let page = app.engine.parts().log.read(ledger.next(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for sealed in &page {
            ledger.take(sealed.position, sealed.time, &read_event(sealed)?.1);
        }
    }
    let (state, now) = (app.engine.state(), app.engine.now());
    let period = Period::new(&ledger, from.begins(), to.ends()).with_limits(&state, now);
    drop(state);
    let unknown = ledger.exempt(to.ends()).into_iter().filter(|name| !is_known(name));
    let unknown = unknown.map(str::to_owned).collect();
    Ok((period.assess(catalogue), period.entries(), ledger.next(), unknown))
}

fn is_known(name: &str) -> bool {
    Catalogue::ALL
        .into_iter()
        .any(|one| one.controls().iter().any(|control| one.name_of(control) == name))
}

/// Looks up who agreed that controls do not apply.
async fn words_of(
    app: &App,
    assessed: &[Assessed],
) -> Result<BTreeMap<String, Vec<PersonView>>, Failure> {
    let mut words = Words::default();
    let exempt = || assessed.iter().filter_map(|one| one.not_applicable.as_ref());
    for one in exempt() {
        words.people(&one.approvers);
    }
    words.look_up(app).await?;
    let named = exempt().map(|one| (one.reason.to_string(), words.people(&one.approvers)));
    Ok(named.collect())
}

/// Reads why controls do not apply, as far as that is kept.
async fn reasons_of(app: &App, assessed: &[Assessed]) -> BTreeMap<Digest, String> {
    let mut reasons = BTreeMap::new();
    for exempt in assessed.iter().filter_map(|one| one.not_applicable.as_ref()) {
        match app.engine.parts().blobs.get(&exempt.reason).await {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                reasons.insert(exempt.reason.clone(), text);
            }
            // One text that is gone must not hide everything else.
            Err(error) => tracing::warn!(%error, "why a control does not apply can't be read"),
        }
    }
    reasons
}

fn control(
    catalogue: Catalogue,
    of: &Assessed,
    reasons: &BTreeMap<Digest, String>,
    people: &BTreeMap<String, Vec<PersonView>>,
) -> ControlView {
    let seen = |seen: &Seen| SeenView {
        what: seen.fact.sentence(),
        count: seen.count,
        first: seen.first,
        last: seen.last,
    };
    let exempt = |exempt: &NotApplicable| ExemptView {
        reason: reasons.get(&exempt.reason).cloned(),
        reason_sha256: exempt.reason.to_string(),
        configuration: format!("cfg-{}", exempt.configuration),
        leaf: exempt.leaf,
        approvers: people.get(exempt.reason.as_str()).cloned().unwrap_or_default(),
    };
    ControlView {
        id: of.control.id,
        key: catalogue.key_of(&of.control),
        title: of.control.title,
        text_status: of.control.text.as_str(),
        applies_if: of.control.applies_if,
        standing: of.standing.as_str(),
        asks: of.answers.iter().map(ask).collect(),
        exceptions: of.exceptions.iter().map(seen).collect(),
        gaps: of.gaps.clone(),
        unrecorded: of.control.unrecorded.to_vec(),
        not_applicable: of.not_applicable.as_ref().map(exempt),
        confidence: of.confidence,
        confidence_why: of.confidence_why.clone(),
        tests: of.control.tests.to_vec(),
    }
}

fn ask(of: &Answered) -> AskView {
    let missing = of.missing.iter().map(|one| MissingView {
        id: one.id.clone(),
        leaf: one.leaf,
        through: one.through.clone(),
        note: one.note.clone(),
    });
    AskView {
        what: of.ask.sentence(),
        each: match of.ask {
            Ask::Each(mark) | Ask::EachIfAny(mark) => Some(mark.kind().words(1)),
            Ask::Happened { .. } => None,
        },
        of: of.of,
        have: of.have,
        met: of.is_met(),
        first: of.leaves.iter().min().copied(),
        last: of.leaves.iter().max().copied(),
        lacks: of.ask.lacks(),
        missing: missing.collect(),
    }
}
