//! Who asks through the API: a person, or a program that holds a person's token.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_core::decide::Actor;
use sluss_core::ids::PersonRef;
use sluss_store::{Account, AccountError};

use super::visitor::Person;
use crate::app::App;

/// How somebody showed who they are.
#[derive(Clone)]
pub enum Via {
    /// By a session.
    Session(Person),
    /// By a token, with what it may be used for.
    Token(Vec<String>),
    /// By the password, given with this request.
    Password(String),
}

/// Somebody who showed who they are.
#[derive(Clone)]
pub struct Caller {
    /// Stands for them in the log.
    pub who: PersonRef,
    /// What they sign in with.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// How they showed it.
    pub via: Via,
}

impl Caller {
    pub(super) fn new(account: Account, via: Via) -> Option<Self> {
        let Account { login, name, person, .. } = account;
        Some(Self { who: person, login: login?, name, via })
    }

    /// Returns them as who wants something. That they gave their password counts only where a
    /// decision has it checked again: see [`Caller::decider`].
    pub fn actor(&self) -> Actor {
        let who = self.who.clone();
        match self.via {
            Via::Session(_) | Via::Password(_) => Actor::Person { who, reauthenticated: false },
            Via::Token(_) => Actor::Agent { who },
        }
    }

    /// Returns them as who decides: with `password`, or the one of the request, checked now.
    pub async fn decider(&self, app: &App, password: Option<String>) -> Actor {
        let given = match &self.via {
            Via::Session(_) => password,
            Via::Password(given) => Some(password.unwrap_or_else(|| given.clone())),
            Via::Token(_) => return self.actor(),
        };
        let Some(given) = given else { return self.actor() };
        let checked = app.engine.parts().accounts.check_password(&self.login, given).await;
        let reauthenticated = checked.is_ok_and(|account| account.person == self.who);
        Actor::Person { who: self.who.clone(), reauthenticated }
    }

    /// Returns whether what they hold lets them change anything.
    pub fn may_write(&self) -> bool {
        match &self.via {
            Via::Session(_) | Via::Password(_) => true,
            Via::Token(scopes) => scopes.iter().any(|scope| scope == "write"),
        }
    }

    /// Returns whether they are here themselves.
    pub fn is_in_person(&self) -> bool {
        match self.via {
            Via::Session(_) | Via::Password(_) => true,
            Via::Token(_) => false,
        }
    }
}

/// Why nobody is known to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Nothing was shown.
    Nobody,
    /// What was shown is not right.
    Wrong,
}

/// Finds out who asks by the header `Authorization`.
pub(super) async fn by_header(app: &App, headers: &HeaderMap) -> Result<Caller, Unknown> {
    let value = headers.get(header::AUTHORIZATION).ok_or(Unknown::Nobody)?;
    let (scheme, shown) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Unknown::Wrong)?;
    let shown = shown.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return by_token(app, shown).await.ok_or(Unknown::Wrong);
    }
    let decoded = STANDARD.decode(shown).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|decoded| decoded.split_once(':')) {
        Some((login, secret)) if scheme.eq_ignore_ascii_case("basic") => {
            by_secret(app, login, secret).await.ok_or(Unknown::Wrong)
        }
        Some(_) | None => Err(Unknown::Wrong),
    }
}

/// Returns who has this login and this password or token.
pub(super) async fn by_secret(app: &App, login: &str, secret: &str) -> Option<Caller> {
    if secret.starts_with("sluss_") {
        return by_token(app, secret).await.filter(|caller| caller.login == login);
    }
    let passwords = &app.shared.passwords;
    let now = app.engine.now();
    let known = passwords.known(login, secret, now);
    if let Some(account) = known.filter(|of| !app.engine.state().is_erased(&of.person)) {
        return Caller::new(account, Via::Password(secret.to_owned()));
    }
    match app.engine.parts().accounts.check_password(login, secret.to_owned()).await {
        Ok(account) => {
            passwords.remember(login, secret, account.clone(), now);
            Caller::new(account, Via::Password(secret.to_owned()))
        }
        Err(error) => {
            log_unless_theirs(&error);
            None
        }
    }
}

async fn by_token(app: &App, text: &str) -> Option<Caller> {
    match app.engine.parts().accounts.token(text).await {
        Ok(found) => {
            found.and_then(|(token, account)| Caller::new(account, Via::Token(token.scopes)))
        }
        Err(error) => {
            log_unless_theirs(&error);
            None
        }
    }
}

/// Logs an error that is not the fault of who signs in.
pub(super) fn log_unless_theirs(error: &AccountError) {
    match error {
        AccountError::WrongCredentials
        | AccountError::Locked { .. }
        | AccountError::LoginTaken(_)
        | AccountError::EmailTaken(_)
        | AccountError::Malformed { .. }
        | AccountError::Unknown => {}
        AccountError::Database(_) | AccountError::Io(_) | AccountError::Corrupt(_) => {
            tracing::error!(%error, "the directory does not answer");
        }
    }
}
