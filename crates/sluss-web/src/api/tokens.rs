//! Who one is here, one's tokens, and the secrets of services.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::event::RefusedWhy;
use sluss_core::ids::ServiceName;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_store::{AccountError, ApiToken, NewToken};

use super::answer::{Answer, Refused, parse};
use super::ask::{Asking, Wanted};
use crate::app::App;
use crate::auth::Via;

/// Who one is here.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SessionView {
    /// What stands for one in the log.
    pub reference: String,
    /// What one signs in with.
    pub login: String,
    /// What one is called.
    pub name: String,
    /// How that was shown: `session`, `token` or `password`.
    pub by: &'static str,
    /// Whether one has the role of a developer.
    pub developer: bool,
    /// Whether one has the role of an approver.
    pub approver: bool,
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    /// `read`, `write`.
    pub scopes: Vec<String>,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
}

/// One's tokens, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TokensView {
    /// The tokens.
    pub tokens: Vec<TokenView>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NewTokenView {
    /// Its text, which is never shown again.
    pub text: String,
    /// The token.
    pub token: TokenView,
}

/// What a token is to be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenWanted {
    /// What it is for.
    pub name: String,
    /// `read` and `write`; both unless given.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// After how many seconds it ends; never unless given.
    pub for_seconds: Option<u32>,
}

/// A secret's value.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretWanted {
    /// The value.
    pub value: String,
}

/// The names of a service's secrets.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SecretsView {
    /// The names; values are never shown.
    pub names: Vec<String>,
}

/// That it was done.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangedView {
    /// Always `true`.
    pub done: bool,
}

pub(super) async fn session(State(app): State<App>, asking: Asking) -> Answer<SessionView> {
    let caller = asking.caller;
    let state = app.engine.state();
    let organisation = state.organisation.as_ref();
    let developer = organisation.is_some_and(|o| o.developers.contains(&caller.who));
    let approver = organisation.is_some_and(|o| o.approvers.contains(&caller.who));
    Ok(Json(SessionView {
        reference: caller.who.to_string(),
        login: caller.login,
        name: caller.name,
        by: match caller.via {
            Via::Session(_) => "session",
            Via::Token(_) => "token",
            Via::Password(_) => "password",
        },
        developer,
        approver,
    }))
}

pub(super) async fn tokens(State(app): State<App>, asking: Asking) -> Answer<TokensView> {
    let tokens = app.engine.parts().accounts.tokens(&asking.caller.login).await.map_err(failure)?;
    Ok(Json(TokensView { tokens: tokens.into_iter().map(token_view).collect() }))
}

pub(super) async fn create(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<TokenWanted>,
) -> Answer<NewTokenView> {
    in_person(&app, &asking, "create token").await?;
    let known = ["read", "write"];
    let scopes = match wanted.scopes.is_empty() {
        true => known.map(str::to_owned).to_vec(),
        false => wanted.scopes,
    };
    if let Some(other) = scopes.iter().find(|scope| !known.contains(&scope.as_str())) {
        let what = format!("There is no scope `{other}`.");
        return Err(Failure::new(Blame::Caller, what, "Use `read`, `write` or both").into());
    }
    let now = app.engine.now();
    let expires = wanted.for_seconds.map(|seconds| now.plus(i64::from(seconds) * 1000));
    let new = NewToken { name: wanted.name.chars().take(100).collect(), scopes, expires };
    let accounts = &app.engine.parts().accounts;
    let made = accounts.create_token(&asking.caller.login, new).await;
    let (text, token) = made.map_err(failure)?;
    Ok(Json(NewTokenView { text, token: token_view(token) }))
}

pub(super) async fn revoke(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
) -> Answer<ChangedView> {
    let accounts = &app.engine.parts().accounts;
    match accounts.revoke_token(&asking.caller.login, &id).await {
        Ok(()) => Ok(Json(ChangedView { done: true })),
        Err(error @ AccountError::Unknown) => {
            let why = RefusedWhy::MissingRole;
            app.record_denied(asking.caller.actor(), "revoke token", why).await;
            Err(failure(error).into())
        }
        Err(error) => Err(failure(error).into()),
    }
}

pub(super) async fn secrets(
    State(app): State<App>,
    asking: Asking,
    Path(service): Path<String>,
) -> Answer<SecretsView> {
    developer(&app, &asking, "list secrets").await?;
    let service: ServiceName = parse(&service)?;
    let secrets = app.engine.parts().accounts.secrets(&service).await.map_err(failure)?;
    Ok(Json(SecretsView { names: secrets.into_iter().map(|(name, _)| name).collect() }))
}

pub(super) async fn put_secret(
    State(app): State<App>,
    asking: Asking,
    Path((service, name)): Path<(String, String)>,
    Wanted(wanted): Wanted<SecretWanted>,
) -> Answer<ChangedView> {
    developer(&app, &asking, "set a secret").await?;
    let service: ServiceName = parse(&service)?;
    let accounts = &app.engine.parts().accounts;
    accounts.set_secret(&service, &name, &wanted.value).await.map_err(failure)?;
    Ok(Json(ChangedView { done: true }))
}

pub(super) async fn delete_secret(
    State(app): State<App>,
    asking: Asking,
    Path((service, name)): Path<(String, String)>,
) -> Answer<ChangedView> {
    developer(&app, &asking, "remove a secret").await?;
    let service: ServiceName = parse(&service)?;
    app.engine.parts().accounts.remove_secret(&service, &name).await.map_err(failure)?;
    Ok(Json(ChangedView { done: true }))
}

/// Secrets are in no command of the engine, for they are in no log: the role is checked here.
async fn developer(app: &App, asking: &Asking, act: &str) -> Result<(), Refused> {
    if app.is_developer(&asking.caller.who) {
        return Ok(());
    }
    app.record_denied(asking.caller.actor(), act, RefusedWhy::MissingRole).await;
    let what = format!("To {act} takes the role of a developer, and you don't have it.");
    let hint = "Ask for it by a change of `organisation.yaml` in the platform repository";
    Err(Failure::new(Blame::Denied, what, hint).into())
}

/// A token that could make tokens would outlive being revoked.
async fn in_person(app: &App, asking: &Asking, act: &str) -> Result<(), Refused> {
    if asking.caller.is_in_person() {
        return Ok(());
    }
    app.record_denied(asking.caller.actor(), act, RefusedWhy::NotAPerson).await;
    let what = "A token makes no tokens.";
    Err(Failure::new(Blame::Denied, what, "Give login and password instead").into())
}

fn token_view(token: ApiToken) -> TokenView {
    let millis = |at: Option<Millis>| at.map(|at| at.0);
    TokenView {
        id: token.id,
        name: token.name,
        scopes: token.scopes,
        created_ms: token.created.0,
        expires_ms: millis(token.expires),
        revoked_ms: millis(token.revoked),
    }
}

fn failure(error: AccountError) -> Failure {
    match error {
        AccountError::Malformed { .. } => {
            Failure::new(Blame::Caller, format!("{error}."), "Correct it and try again")
        }
        AccountError::Unknown => {
            Failure::new(Blame::NotFound, "You have no such thing.", "List what you have first")
        }
        error => Failure::upstream("The directory does not answer", &error),
    }
}
