//! Exceptions from gates, and deciding for somebody else.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::decide::Command;
use sluss_core::exception::{Exception, ExceptionKind, Model};
use sluss_core::findings::FindingKey;
use sluss_core::ids::{ExceptionId, PersonRef};
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::findings::keys;
use super::words::{PersonView, Words, view};
use crate::app::App;

/// What kind of exception is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A deployment goes on although a freeze covers it.
    Freeze,
    /// A deployment goes on without the people and against the policies; reviewed afterwards.
    Emergency,
    /// A rule of a policy, or findings past their terms, do not keep a service's releases.
    Waiver,
    /// The log is the right one, against what a witness knows of it.
    LogTrust,
    /// Changes of a kind are agreed to in advance.
    Standard,
}

/// An exception that somebody asks for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionWanted {
    /// What kind.
    pub kind: Kind,
    /// For which deployment: of a freeze or an emergency.
    pub deployment: Option<String>,
    /// For which service: of a waiver.
    pub service: Option<String>,
    /// For which rule: of a waiver of a rule.
    pub rule: Option<String>,
    /// For which findings, by their keys or the first eight digits or more: of a waiver of
    /// findings.
    #[serde(default)]
    pub findings: Vec<String>,
    /// What fits: of a standard change.
    pub model: Option<ModelWanted>,
    /// Why.
    pub reason: String,
    /// For how long from now.
    pub for_seconds: u32,
}

/// What fits a standard change.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelWanted {
    /// Which files may differ: `docs/` is all in that folder, `*.md` all that end so, anything else
    /// one file.
    pub paths: Vec<String>,
    /// How many files at most.
    pub files: u32,
    /// How many lines, added and removed, at most.
    pub lines: u32,
    /// How many of its releases may be taken back before it is suspended.
    pub failures: u32,
}

/// A person who shows again that they are there.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InPerson {
    /// Their password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
    /// What came of an emergency; only of a review.
    pub findings: Option<String>,
}

/// Somebody who decides for who asks.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationWanted {
    /// The login of who decides meanwhile.
    pub to: String,
    /// For how long from now.
    pub for_seconds: u32,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// An exception.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExceptionView {
    pub exception: String,
    /// `freeze override`, `emergency`, `waiver`, `waiver of findings`, `trust in the log` or
    /// `standard change`.
    pub kind: &'static str,
    pub deployment: Option<String>,
    pub service: Option<String>,
    pub rule: Option<String>,
    /// The keys of findings, of a waiver of these.
    pub findings: Vec<String>,
    /// What fits, of a standard change.
    pub model: Option<ModelView>,
    /// `asked`, `refused`, `expired`, `holds`, `suspended`, `ended` or `over`.
    pub state: &'static str,
    pub reason: Option<String>,
    pub asked_by: PersonView,
    pub asked_ms: i64,
    pub until_ms: i64,
    pub granted_by: Vec<PersonView>,
    /// How many more people must agree.
    pub still_asks: usize,
    /// Whether it is an emergency that nobody has reviewed yet.
    pub review_due: bool,
    pub review_overdue: bool,
}

/// What fits a standard change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ModelView {
    pub paths: Vec<String>,
    pub files: u32,
    pub lines: u32,
    /// How many of its releases may be taken back before it is suspended.
    pub failures: u32,
    /// How many were.
    pub failed: u32,
}

/// All exceptions, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExceptionsView {
    /// Them.
    pub exceptions: Vec<ExceptionView>,
}

pub(crate) fn exception_view(
    state: &Known,
    words: &mut Words,
    id: ExceptionId,
    of: &Exception,
    now: Millis,
) -> ExceptionView {
    let (service, rule) = match &of.what {
        ExceptionKind::Waiver { service, rule } => (Some(service.to_string()), Some(rule.clone())),
        ExceptionKind::Findings { service, .. } => (Some(service.to_string()), None),
        ExceptionKind::Standard { model } => (Some(model.service.to_string()), None),
        ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. }
        | ExceptionKind::LogTrust { .. } => (None, None),
    };
    let findings = match &of.what {
        ExceptionKind::Findings { findings, .. } => findings.clone(),
        ExceptionKind::Waiver { .. }
        | ExceptionKind::Standard { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. } => Default::default(),
    };
    let model = match &of.what {
        ExceptionKind::Standard { model } => Some(ModelView {
            paths: model.paths.iter().cloned().collect(),
            files: model.files,
            lines: model.lines,
            failures: model.failures,
            failed: state.failures_of(id),
        }),
        ExceptionKind::Waiver { .. }
        | ExceptionKind::Findings { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. } => None,
    };
    let emergency = matches!(of.what, ExceptionKind::Emergency { .. });
    let missing = of.what.people().saturating_sub(of.granted_by.len());
    ExceptionView {
        exception: id.to_string(),
        kind: of.what.word(),
        deployment: of.what.deployment().map(|id| id.to_string()),
        service,
        rule,
        findings: findings.iter().map(FindingKey::to_string).collect(),
        model,
        state: of.word(now),
        reason: words.text(&of.reason),
        asked_by: words.person(&of.asked_by),
        asked_ms: of.asked.0,
        until_ms: of.until.0,
        granted_by: words.people(&of.granted_by),
        still_asks: if of.ended.is_none() && now < of.until { missing } else { 0 },
        review_due: emergency && of.granted.is_some() && of.reviewed.is_none(),
        review_overdue: of.is_overdue(now),
    }
}

pub(super) async fn all(State(app): State<App>) -> Answer<ExceptionsView> {
    let now = app.engine.now();
    let build = |state: &Known, words: &mut Words| {
        let newest = state.exceptions.iter().rev();
        let exceptions =
            newest.map(|(id, of)| exception_view(state, words, *id, of, now)).collect();
        Ok(ExceptionsView { exceptions })
    };
    Ok(Json(view(&app, build).await?))
}

fn named<T>(text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr<Err = sluss_core::ids::Malformed>,
{
    text.parse().map_err(|error: sluss_core::ids::Malformed| {
        Failure::new(Blame::Caller, format!("{error}."), "See what waits: `sluss status`")
    })
}

/// What an exception is wanted for, as far as it was said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub deployment: Option<&'a str>,
    pub service: Option<&'a str>,
    pub rule: Option<&'a str>,
    pub findings: &'a [String],
    pub model: Option<&'a ModelWanted>,
}

/// Reads what kind of exception is wanted.
pub(crate) fn kind(kind: Kind, of: About<'_>, state: &Known) -> Result<ExceptionKind, Failure> {
    let About { deployment, service, rule, findings, model } = of;
    let needs = |what: &str| {
        let said = format!("An exception of this kind needs {what}.");
        Failure::new(Blame::Caller, said, "See `sluss exception ask --help`")
    };
    let given = |text: Option<&str>, what| {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| needs(what))
    };
    Ok(match kind {
        Kind::Freeze => {
            let deployment = given(deployment, "a deployment")?;
            ExceptionKind::Freeze { deployment: named(&deployment)? }
        }
        Kind::Emergency => {
            let deployment = given(deployment, "a deployment")?;
            ExceptionKind::Emergency { deployment: named(&deployment)? }
        }
        Kind::Waiver => {
            let service = named(&given(service, "a service")?)?;
            match findings {
                [] => {
                    let rule = given(rule, "a policy's rule, or the keys of findings")?;
                    ExceptionKind::Waiver { service, rule }
                }
                _some if rule.is_some_and(|rule| !rule.trim().is_empty()) => {
                    return Err(needs("a policy's rule or findings, and not both"));
                }
                some => {
                    let findings = keys(state, &service, some)?;
                    ExceptionKind::Findings { service, findings }
                }
            }
        }
        Kind::LogTrust => {
            let found = state.distrusted.as_ref().map(|distrust| distrust.position);
            let found = found.ok_or_else(|| {
                let what = "No witness knows the log otherwise.";
                Failure::new(Blame::Conflict, what, "See how it stands: `sluss status`")
            })?;
            ExceptionKind::LogTrust { found }
        }
        Kind::Standard => {
            let service = named(&given(service, "a service")?)?;
            let ModelWanted { paths, files, lines, failures } =
                model.cloned().ok_or_else(|| needs("what fits it"))?;
            let paths = paths.into_iter().map(|path| path.trim().to_owned());
            let paths = paths.filter(|path| !path.is_empty()).collect();
            ExceptionKind::Standard { model: Model { service, paths, files, lines, failures } }
        }
    })
}

pub(super) async fn ask(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<ExceptionWanted>,
) -> Answer<DoneView> {
    let about = About {
        deployment: wanted.deployment.as_deref(),
        service: wanted.service.as_deref(),
        rule: wanted.rule.as_deref(),
        findings: &wanted.findings,
        model: wanted.model.as_ref(),
    };
    let what = kind(wanted.kind, about, &app.engine.state())?;
    let reason = app.put_reason(Some(&wanted.reason)).await?.ok_or_else(|| {
        Failure::new(Blame::Caller, "An exception needs a reason.", "Say why in a sentence")
    })?;
    let until = app.engine.now().plus(i64::from(wanted.for_seconds) * 1000);
    asking.ask(&app, Command::AskException { what, reason, until }).await
}

pub(super) async fn grant(
    State(app): State<App>,
    asking: Asking,
    Path(exception): Path<String>,
    Wanted(wanted): Wanted<InPerson>,
) -> Answer<DoneView> {
    let exception: ExceptionId = parse(&exception)?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::GrantException { exception }, actor).await
}

pub(super) async fn end(
    State(app): State<App>,
    asking: Asking,
    Path(exception): Path<String>,
) -> Answer<DoneView> {
    let exception: ExceptionId = parse(&exception)?;
    asking.ask(&app, Command::EndException { exception }).await
}

pub(super) async fn review(
    State(app): State<App>,
    asking: Asking,
    Path(exception): Path<String>,
    Wanted(wanted): Wanted<InPerson>,
) -> Answer<DoneView> {
    let exception: ExceptionId = parse(&exception)?;
    let findings = app.put_reason(wanted.findings.as_deref()).await?.ok_or_else(|| {
        let hint = "Say what happened, and what follows from it";
        Failure::new(Blame::Caller, "A review needs its findings.", hint)
    })?;
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::ReviewException { exception, findings }, actor).await
}

pub(super) async fn delegate(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<DelegationWanted>,
) -> Answer<DoneView> {
    let to = person(&app, &wanted.to).await?;
    let until = app.engine.now().plus(i64::from(wanted.for_seconds) * 1000);
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Delegate { to, until }, actor).await
}

/// Returns who has this login.
pub(crate) async fn person(app: &App, login: &str) -> Result<PersonRef, Failure> {
    let found = app.engine.parts().accounts.find(login).await;
    let found =
        found.map_err(|error| Failure::upstream("The accounts could not be read", &error))?;
    found.map(|account| account.person).ok_or_else(|| {
        let what = format!("Nobody has the login `{login}`.");
        Failure::new(
            Blame::NotFound,
            what,
            "Look at how it is written: their login is on their account page",
        )
    })
}
