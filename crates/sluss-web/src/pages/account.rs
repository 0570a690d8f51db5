//! Signing in, and what belongs to one's own account: tokens for programs.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluss_engine::failure::{Blame, Failure};
use sluss_store::{AccountError, ApiToken, NewToken};

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::html::{self, Html};
use super::keys::{Keys, keys};
use super::link;
use crate::app::App;
use crate::auth::{SignedIn, Visitor};
use crate::forms::Form;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Before {
    #[serde(default)]
    next: String,
    #[serde(default)]
    failed: String,
}

/// Somebody at the sample bank.
struct DemoAccount {
    login: &'static str,
    password: &'static str,
    role: &'static str,
}

/// The accounts of a demo, whose passwords are public.
const DEMO: [DemoAccount; 3] = [
    DemoAccount {
        login: "anna",
        password: "demo-anna",
        role: "Anna, developer: writes and pushes",
    },
    DemoAccount {
        login: "bo",
        password: "demo-bo-2",
        role: "Bo, developer and approver: the second person",
    },
    DemoAccount {
        login: "eva",
        password: "demo-eva",
        role: "Eva, auditor: reads everything, changes nothing",
    },
];

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    failed: &'static str,
    accounts: &'static [DemoAccount],
}

pub(super) async fn sign_in(
    State(app): State<App>,
    Query(before): Query<Before>,
    asked: Asked,
) -> Response {
    let frame = Frame::new(&app, &asked, "Sign in");
    let failed = match before.failed.as_str() {
        "" => "",
        "locked" => "Too many attempts failed. Wait a while, then try again.",
        _wrong => "Login or password is wrong.",
    };
    let accounts: &[DemoAccount] = if frame.demo { &DEMO } else { &[] };
    render(&SignInPage { frame, next: before.next, failed, accounts })
}

struct TokenRow {
    id: String,
    name: String,
    scopes: String,
    created: Html,
    expires: Option<Html>,
    state: Html,
    on: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    login: String,
    roles: String,
    reference: String,
    tokens: Vec<TokenRow>,
    /// The text of the token that has just been made.
    made: Option<String>,
    address: String,
    keys: Keys,
}

pub(super) async fn page(
    State(app): State<App>,
    SignedIn(_person): SignedIn,
    asked: Asked,
) -> Page {
    show(&app, &asked, None).await
}

async fn show(app: &App, asked: &Asked, made: Option<String>) -> Page {
    let frame = Frame::new(app, asked, "Account").twin("tokens").topics("none");
    let Some(person) = &asked.visitor.0 else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    let tokens = app.engine.parts().accounts.tokens(&person.login).await;
    let tokens = tokens.map_err(|error| unanswered(&error)).or_fail(app, asked)?;
    let now = app.engine.now();
    let row = |token: ApiToken| {
        let over = token.expires.is_some_and(|at| at <= now);
        let word = match token.revoked {
            Some(_) => "revoked",
            None if over => "expired",
            None => "active",
        };
        TokenRow {
            id: token.id,
            name: token.name,
            scopes: token.scopes.join(", "),
            created: html::ago(token.created, now),
            expires: token.expires.map(|at| html::ago(at, now)),
            state: html::state(word),
            on: word == "active",
        }
    };
    let roles = {
        let state = app.engine.state();
        let known = state.organisation.as_ref();
        let mut roles = Vec::new();
        if known.is_some_and(|known| known.developers.contains(&person.who)) {
            roles.push("developer");
        }
        if known.is_some_and(|known| known.approvers.contains(&person.who)) {
            roles.push("approver");
        }
        if roles.is_empty() {
            "reads everything, changes nothing".to_owned()
        } else {
            roles.join(", ")
        }
    };
    let address = app.settings.address.clone();
    let keys = keys(app, person).await.or_fail(app, asked)?;
    Ok(render(&AccountPage {
        frame,
        login: person.login.clone(),
        roles,
        reference: person.who.to_string(),
        tokens: tokens.into_iter().map(row).collect(),
        made,
        address,
        keys,
    }))
}

fn unanswered(error: &AccountError) -> Failure {
    Failure::upstream("The directory does not answer", error)
}

#[derive(Deserialize)]
pub(super) struct TokenFields {
    name: String,
    #[serde(default)]
    write: String,
    days: u16,
}

pub(super) async fn make_token(State(app): State<App>, form: Form<TokenFields>) -> Response {
    let visitor = Visitor(Some(form.person.clone()));
    match made(&app, &form).await {
        Ok(text) => match show(&app, &Asked::whole(&visitor), Some(text)).await {
            Ok(page) => page,
            Err(failed) => failed.into_response(),
        },
        Err(failure) => super::failure(&app, &visitor, failure),
    }
}

async fn made(app: &App, form: &Form<TokenFields>) -> Result<String, Failure> {
    let TokenFields { name, write, days } = &form.fields;
    let name = name.trim();
    if name.is_empty() || name.len() > 100 {
        let what = "A token needs a name of 1 to 100 bytes.";
        return Err(Failure::new(Blame::Caller, what, "Say what it is for"));
    }
    form.spend(app).await?;
    let scopes: &[&str] = if write.is_empty() { &["read"] } else { &["read", "write"] };
    let new = NewToken {
        name: name.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires: Some(app.engine.now().plus(i64::from(*days) * DAY_MS)),
    };
    let made = app.engine.parts().accounts.create_token(&form.person.login, new).await;
    Ok(made.map_err(|error| unanswered(&error))?.0)
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn revoke_token(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Nothing>,
) -> Response {
    let done = async {
        form.spend(&app).await?;
        let revoked = app.engine.parts().accounts.revoke_token(&form.person.login, &id).await;
        revoked.map_err(|error| unanswered(&error))
    };
    match done.await {
        Ok(()) => Redirect::to(link::ACCOUNT).into_response(),
        Err(failure) => super::failure(&app, &Visitor(Some(form.person.clone())), failure),
    }
}
