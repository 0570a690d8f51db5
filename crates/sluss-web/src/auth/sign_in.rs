//! Signing in and out.

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;
use sluss_core::decide::{Actor, Command};
use sluss_core::event::RefusedWhy;
use sluss_engine::failure::{Blame, Failure};
use sluss_store::AccountError;

use super::COOKIE;
use super::caller::log_unless_theirs;
use super::guard::failed;
use super::visitor::Visitor;
use crate::app::App;
use crate::forms::{Form, act_of, comes_from_here};
use crate::pages;

/// How long a browser keeps the cookie, in seconds; the session may end earlier.
const COOKIE_SECONDS: u32 = 7 * 24 * 3600;

/// Returns the routes that forms for signing in and out are sent to.
pub fn router() -> Router<App> {
    Router::new().route("/sign-in", post(sign_in)).route("/sign-out", post(sign_out))
}

#[derive(Deserialize)]
struct SignIn {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let act = act_of(&request);
    if !comes_from_here(request.headers()) {
        app.count_stranger(&act, RefusedWhy::ForgedForm);
        let what = "This form did not come from a page of ours.";
        let failure = Failure::new(Blame::Denied, what, "Sign in on the page itself");
        return failed(&app, &request, failure);
    }
    let form: Result<axum::Form<SignIn>, FormRejection> =
        axum::Form::from_request(request, &()).await;
    let Ok(axum::Form(SignIn { login, password, next })) = form else {
        app.count_stranger(&act, RefusedWhy::ForgedForm);
        let failure = Failure::new(Blame::Caller, "The form is not complete.", "Fill it in again");
        return pages::failure(&app, &Visitor(None), failure);
    };
    let next = inside(&next);
    let began = match app.engine.parts().accounts.sign_in(&login, password).await {
        Ok(began) => began,
        Err(error) => {
            log_unless_theirs(&error);
            app.count_stranger(&act, RefusedWhy::SignIn);
            let failed = match error {
                AccountError::Locked { .. } => "locked",
                _wrong => "wrong",
            };
            let again = super::guard::sign_in_address(&next.parse().unwrap_or_default());
            return Redirect::to(&format!("{again}&failed={failed}")).into_response();
        }
    };
    let person = began.session.account.person.clone();
    let actor = Actor::Person { who: person.clone(), reauthenticated: true };
    if let Err(failure) = app.engine.command(Command::SignedIn { person }, actor, None).await {
        // What is not recorded has not happened.
        app.engine.parts().accounts.sign_out(&began.token).await.ok();
        return pages::failure(&app, &Visitor(None), failure);
    }
    let cookie = cookie(&app, &began.token, COOKIE_SECONDS);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()
}

#[derive(Deserialize)]
struct SignOut {}

async fn sign_out(State(app): State<App>, form: Form<SignOut>) -> Response {
    let SignOut {} = form.fields;
    match app.engine.parts().accounts.sign_out(&form.person.session).await {
        Ok(()) => {
            let gone = cookie(&app, "", 0);
            ([(header::SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
        }
        Err(error) => {
            let failure = Failure::upstream("You could not be signed out", &error);
            pages::failure(&app, &Visitor(Some(form.person)), failure)
        }
    }
}

fn cookie(app: &App, token: &str, seconds: u32) -> String {
    let secure = if app.settings.tls() { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Returns `next` if it is an address of ours, else the first page.
fn inside(next: &str) -> String {
    let ours = next.starts_with('/')
        && !next[1..].starts_with(['/', '\\'])
        && next.bytes().all(|byte| byte.is_ascii_graphic())
        && next.len() <= 2_000;
    if ours { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_elsewhere() {
        for next in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nb"] {
            assert_eq!(inside(next), "/", "{next:?}");
        }
        assert_eq!(inside("/changes/chg-7?tab=log"), "/changes/chg-7?tab=log");
    }
}
