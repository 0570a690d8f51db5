//! Exceptions from gates, and deciding for somebody else.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::decide::Command;
use sluss_core::exception::{Exception, ExceptionKind, Model, Terms};
use sluss_core::findings::FindingKey;
use sluss_core::ids::{ExceptionId, PersonRef, ServiceName};
use sluss_core::pipeline::GateKind;
use sluss_core::state::State as Known;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::answer::{Answer, parse};
use super::ask::{Asking, DoneView, Wanted};
use super::findings::keys;
use super::models::model_view;
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
    /// Tests of a service use real data in an environment that is not production.
    ProdData,
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
    /// What is broken: of an emergency, which opens an incident where none is named.
    pub incident: Option<String>,
    /// Why.
    pub reason: String,
    /// What guards meanwhile instead: each waiver says it.
    #[serde(default)]
    pub compensating: Option<String>,
    /// Where alone a waiver holds; everywhere without one.
    #[serde(default)]
    pub environment: Option<String>,
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
    /// How many of its releases may be taken back, or cause an incident, before it is suspended.
    pub failures: u32,
    /// The login of who answers for it; whoever asks where none is given.
    #[serde(default)]
    pub owner: Option<String>,
    /// The independent function, a group, of which one must agree.
    #[serde(default)]
    pub function: Option<String>,
    /// How many points of risk such a release may have at most, from 0 to 8.
    #[serde(default)]
    pub max_risk: Option<u8>,
    /// Gates that such a release must clear, like `tests` or `sbom`.
    #[serde(default)]
    pub required_evidence: Vec<String>,
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
    /// For how long from now; 0 takes back what was delegated to them.
    pub for_seconds: u32,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

/// An exception.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExceptionView {
    pub exception: String,
    /// `freeze override`, `emergency`, `waiver`, `waiver of findings`, `waiver for real data`,
    /// `trust in the log` or `standard change`.
    pub kind: &'static str,
    pub deployment: Option<String>,
    pub service: Option<String>,
    pub rule: Option<String>,
    /// The keys of findings, of a waiver of these.
    pub findings: Vec<String>,
    /// What fits, of a standard change.
    pub model: Option<ModelView>,
    /// What is broken, of an emergency.
    pub incident: Option<String>,
    /// `asked`, `refused`, `withdrawn`, `overtaken` (what it was asked for waits no more),
    /// `expired`, `holds`, `suspended`, `ended` or `over`.
    pub state: &'static str,
    pub reason: Option<String>,
    /// What guards meanwhile instead, of a waiver.
    pub compensating: Option<String>,
    /// Where alone a waiver holds; everywhere without one.
    pub environment: Option<String>,
    pub asked_by: PersonView,
    pub asked_ms: i64,
    pub until_ms: i64,
    pub granted_by: Vec<PersonView>,
    /// How many more people must agree.
    pub still_asks: usize,
    /// Whether it is an emergency that nobody has reviewed yet.
    pub review_due: bool,
    pub review_overdue: bool,
    /// By when it is to be reviewed: within two business days.
    pub review_due_ms: Option<i64>,
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
    /// Who answers for it.
    pub owner: Option<PersonView>,
    /// The independent function of which one must agree.
    pub function: Option<String>,
    /// How many points of risk such a release may have at most.
    pub max_risk: Option<u8>,
    /// Gates that such a release must clear.
    pub required_evidence: Vec<String>,
    /// The digest that approvals are recorded with for which it stands.
    pub model_sha256: String,
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
        ExceptionKind::Findings { service, .. } | ExceptionKind::ProdData { service } => {
            (Some(service.to_string()), None)
        }
        ExceptionKind::Standard { model } => (Some(model.service.to_string()), None),
        ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. }
        | ExceptionKind::LogTrust { .. } => (None, None),
    };
    let findings = match &of.what {
        ExceptionKind::Findings { findings, .. } => findings.clone(),
        ExceptionKind::Waiver { .. }
        | ExceptionKind::ProdData { .. }
        | ExceptionKind::Standard { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. } => Default::default(),
    };
    let model = model_view(state, words, id, &of.what);
    let emergency = of.what.is_emergency();
    let incident = match &of.what {
        ExceptionKind::Emergency { incident, .. } => incident.map(|id| id.to_string()),
        _other => None,
    };
    let open = of.ended.is_none() && now < of.until && state.overtook(of).is_none();
    let missing = of.what.people().saturating_sub(of.granted_by.len());
    ExceptionView {
        exception: id.to_string(),
        kind: of.what.word(),
        deployment: of.what.deployment().map(|id| id.to_string()),
        service,
        rule,
        findings: findings.iter().map(FindingKey::to_string).collect(),
        model,
        incident,
        state: state.exception_word(of, now),
        reason: words.text(&of.reason),
        compensating: of.terms.compensating.as_ref().and_then(|text| words.text(text)),
        environment: of.terms.environment.as_ref().map(ToString::to_string),
        asked_by: words.person(&of.asked_by),
        asked_ms: of.asked.0,
        until_ms: of.until.0,
        granted_by: words.people(&of.granted_by),
        still_asks: if open { missing } else { 0 },
        review_due: emergency && of.granted.is_some() && of.reviewed.is_none(),
        review_overdue: of.is_overdue(now),
        review_due_ms: of.review_due().map(|at| at.0),
    }
}

fn gate(word: &str) -> Result<GateKind, Failure> {
    serde_json::from_value(serde_json::Value::from(word.trim())).map_err(|_| {
        let hint = "Name gates like `tests`, `sbom`, `findings`, `provenance` or `policy`";
        Failure::new(Blame::Caller, format!("There is no gate `{word}`."), hint)
    })
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
    pub incident: Option<&'a str>,
    pub service: Option<&'a str>,
    pub rule: Option<&'a str>,
    pub findings: &'a [String],
    pub model: Option<&'a ModelWanted>,
}

/// Reads what kind of exception is wanted.
pub(crate) fn kind(kind: Kind, of: About<'_>, state: &Known) -> Result<ExceptionKind, Failure> {
    let About { deployment, incident, service, rule, findings, model } = of;
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
            let incident = incident.map(str::trim).filter(|text| !text.is_empty());
            let incident = incident.map(named).transpose()?;
            ExceptionKind::Emergency { deployment: named(&deployment)?, incident }
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
        Kind::ProdData => {
            let service = named(&given(service, "a service")?)?;
            ExceptionKind::ProdData { service }
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
            let wanted = model.ok_or_else(|| needs("what fits it"))?;
            ExceptionKind::Standard { model: model_of(wanted, service)? }
        }
    })
}

/// Keeps what guards meanwhile instead, and reads where alone a waiver holds.
pub(crate) async fn terms(
    app: &App,
    compensating: Option<&str>,
    environment: Option<&str>,
) -> Result<Terms, Failure> {
    let environment = given(environment).map(named).transpose()?;
    let compensating = app.put_reason(given(compensating)).await?;
    Ok(Terms { compensating, environment })
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn model_of(wanted: &ModelWanted, service: ServiceName) -> Result<Model, Failure> {
    let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let function = wanted.function.as_ref().and_then(given);
    let evidence = wanted.required_evidence.iter().filter_map(given);
    Ok(Model {
        service,
        paths: wanted.paths.iter().filter_map(given).collect(),
        files: wanted.files,
        lines: wanted.lines,
        failures: wanted.failures,
        owner: None,
        function: function.map(|name| named(&name)).transpose()?,
        max_risk: wanted.max_risk,
        required_evidence: evidence.map(|word| gate(&word)).collect::<Result<_, _>>()?,
    })
}

/// Names who answers for a standard change, if it is one and a login is given.
pub(crate) async fn with_owner(
    app: &App,
    mut what: ExceptionKind,
    login: Option<&String>,
) -> Result<ExceptionKind, Failure> {
    let login = login.map(|login| login.trim()).filter(|login| !login.is_empty());
    if let (ExceptionKind::Standard { model }, Some(login)) = (&mut what, login) {
        model.owner = Some(person(app, login).await?);
    }
    Ok(what)
}

pub(super) async fn ask(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<ExceptionWanted>,
) -> Answer<DoneView> {
    let about = About {
        deployment: wanted.deployment.as_deref(),
        incident: wanted.incident.as_deref(),
        service: wanted.service.as_deref(),
        rule: wanted.rule.as_deref(),
        findings: &wanted.findings,
        model: wanted.model.as_ref(),
    };
    let what = kind(wanted.kind, about, &app.engine.state())?;
    let owner = wanted.model.as_ref().and_then(|model| model.owner.as_ref());
    let what = with_owner(&app, what, owner).await?;
    let reason = app.put_reason(Some(&wanted.reason)).await?.ok_or_else(|| {
        Failure::new(Blame::Caller, "An exception needs a reason.", "Say why in a sentence")
    })?;
    let until = app.engine.now().plus(i64::from(wanted.for_seconds) * 1000);
    let terms = terms(&app, wanted.compensating.as_deref(), wanted.environment.as_deref()).await?;
    asking.ask(&app, Command::AskException { what, reason, until, terms }).await
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
