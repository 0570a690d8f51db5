//! Forms that only our own pages can send, and each only once.
//!
//! # Invariants
//!
//! - Nothing is done for a form that came from elsewhere, or was carried out before: it is
//!   refused and recorded.
//! - What a form asks for has the form's number as its command key, so that after a restart too
//!   it means the same as asking once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sluss_core::decide::{Actor, Command};
use sluss_core::event::RefusedWhy;
use sluss_core::ids::Digest;
use sluss_core::units::Millis;
use sluss_engine::engine::Done;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::signing::{self, Answer, Signatory, Site};

use crate::app::{App, body_of};
use crate::auth::{Person, Visitor};
use crate::pages;

/// How long a form may lie on a page before it is sent, in milliseconds.
const VALID_MS: i64 = 12 * 3_600_000;

/// A form that a signed-in person sent from one of our pages.
#[derive(Debug)]
pub struct Form<T> {
    /// Who sent it.
    pub person: Person,
    /// Its fields.
    pub fields: T,
    act: String,
    number: String,
}

impl<T> Form<T> {
    /// Asks for what the form wants.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn ask(&self, app: &App, command: Command) -> Result<Done, Failure> {
        self.ask_as(app, command, self.person.actor()).await
    }

    /// Asks for what the form wants, as somebody who gives their password with it. A wrong one is
    /// refused, and recorded, where the decision needs one.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn decide(
        &self,
        app: &App,
        command: Command,
        password: String,
    ) -> Result<Done, Failure> {
        let accounts = &app.engine.parts().accounts;
        let checked = accounts.check_password(&self.person.login, password).await;
        let reauthenticated = checked.is_ok_and(|account| account.person == self.person.who);
        let who = self.person.who.clone();
        self.ask_as(app, command, Actor::Person { who, reauthenticated }).await
    }

    /// Asks for what the form wants, as somebody whose own key signed it. A signature that does not
    /// count is refused, and recorded.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn sign(
        &self,
        app: &App,
        command: Command,
        answer: &Answer,
    ) -> Result<Done, Failure> {
        let site = self.site()?;
        let actor = signing::signer(&app.engine, &self.signatory(), &command, answer, site).await?;
        self.ask_as(app, command, actor).await
    }

    /// Returns who signs what the form asks for.
    pub fn signatory(&self) -> Signatory {
        let (who, signed_in) = (self.person.who.clone(), self.person.signed_in);
        Signatory { who, signed_in, nonce: self.number.clone() }
    }

    /// Returns the site that keys sign for here.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the page was reached by a number.
    pub fn site(&self) -> Result<&Site, Failure> {
        self.person.site.as_ref().ok_or_else(|| {
            let what =
                "Keys belong to a name, and this page was reached by a number or without TLS.";
            Failure::new(Blame::Caller, what, "Open it by its name, like `http://localhost:8440`")
        })
    }

    async fn ask_as(&self, app: &App, command: Command, actor: Actor) -> Result<Done, Failure> {
        self.spend(app).await?;
        let key = format!("form/{}", self.number);
        let done = app.engine.command(command, actor, Some(key)).await;
        if done.is_err() {
            app.shared.spent.give_back(&self.number);
        }
        done
    }

    /// Takes the form as carried out, for what is not a command of the engine.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it was before; that is recorded.
    pub async fn spend(&self, app: &App) -> Result<(), Failure> {
        if app.shared.spent.spend(&self.number, app.engine.now()) {
            return Ok(());
        }
        app.record_denied(self.person.actor(), &self.act, RefusedWhy::ForgedForm).await;
        Err(Failure::new(
            Blame::Denied,
            "This form was carried out before; it is not carried out again.",
            "Look at how it stands now, and use the form that is there",
        ))
    }
}

#[derive(Deserialize)]
struct Csrf {
    #[serde(default)]
    csrf: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Response;
    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let Some(person) = request.extensions().get::<Person>().cloned() else {
            return Err(Redirect::to("/sign-in").into_response());
        };
        let act = act_of(&request);
        match read(request, app, &person, &act).await {
            Ok((fields, number)) => Ok(Self { person, fields, act, number }),
            Err(failure) => Err(pages::failure(app, &Visitor(Some(person)), failure)),
        }
    }
}

async fn read<T: DeserializeOwned>(
    request: Request,
    app: &App,
    person: &Person,
    act: &str,
) -> Result<(T, String), Failure> {
    let ours = comes_from_here(request.headers());
    let body = match body_of(request).await {
        Ok(body) => body,
        Err(failure) => {
            app.record_denied(person.actor(), act, RefusedWhy::ForgedForm).await;
            return Err(failure);
        }
    };
    let csrf = parse::<Csrf>(body.clone()).await.map_or(String::new(), |fields| fields.csrf);
    let number = number_of(&person.secret, &csrf, app.engine.now()).filter(|_| ours);
    let Some(number) = number else {
        app.record_denied(person.actor(), act, RefusedWhy::ForgedForm).await;
        return Err(Failure::new(
            Blame::Denied,
            "This form did not come from a page of yours, or lay there for too long.",
            "Load the page again and use the form that is there",
        ));
    };
    Ok((parse(body).await?, number))
}

async fn parse<T: DeserializeOwned>(body: bytes::Bytes) -> Result<T, Failure> {
    let mut request = Request::new(axum::body::Body::from(body));
    *request.method_mut() = Method::POST;
    let form = header::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    let parsed = axum::Form::<T>::from_request(request, &()).await;
    let axum::Form(fields) = parsed.map_err(|error| {
        let what = format!("The form is not complete: {}.", error.body_text());
        Failure::new(Blame::Caller, what, "Fill it in and send it again")
    })?;
    Ok(fields)
}

/// Returns how the act that a request asks for is recorded: method and route.
pub(crate) fn act_of(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    format!("{} {path}", request.method())
}

/// Returns whether a browser says that the request came from one of our own pages. What is no
/// browser says nothing, and holds no cookies that another page could abuse.
pub(crate) fn comes_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => {}
        Some(_) => return false,
        None => {}
    }
    // The guard has checked that the host is one of ours.
    match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin.to_str().ok().is_some_and(|origin| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some() && authority == text(header::HOST)
        }),
    }
}

/// Returns what a form of the session with this `secret` brings along in its field `csrf`; `nonce`
/// is random.
pub fn issue(secret: &str, nonce: &str, now: Millis) -> String {
    let number = format!("{:x}.{nonce}", now.0);
    let seal = seal(secret, &number);
    format!("{number}.{seal}")
}

/// Returns the number in a field `csrf` of ours.
pub(crate) fn number(csrf: &str) -> &str {
    csrf.rsplit_once('.').map_or("", |(number, _)| number)
}

/// Returns the number of the form that `csrf` was given out with, unless that was for another
/// session or too long ago.
pub(crate) fn number_of(secret: &str, csrf: &str, now: Millis) -> Option<String> {
    let (number, sealed) = csrf.rsplit_once('.')?;
    if !same(sealed.as_bytes(), seal(secret, number).as_bytes()) {
        return None;
    }
    let issued = Millis(i64::from_str_radix(number.split_once('.')?.0, 16).ok()?);
    (0..VALID_MS).contains(&now.since(issued)).then(|| number.to_owned())
}

/// A keyed digest: nested, so that what was sealed can't be made longer.
fn seal(secret: &str, number: &str) -> String {
    let inner = Digest::of(format!("sluss/form/v1\0{secret}\0{number}").as_bytes());
    Digest::of(format!("sluss/form/v1\0{secret}\0{inner}").as_bytes()).to_string()
}

/// Compares without telling by the time it takes where the two differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differ = left.iter().zip(right).fold(0, |differ, (left, right)| differ | (left ^ right));
    left.len() == right.len() && differ == 0
}

/// The forms that were carried out, for as long as they would be taken otherwise.
#[derive(Debug, Default)]
pub(crate) struct SpentForms {
    since: Mutex<HashMap<String, Millis>>,
}

impl SpentForms {
    /// Takes a form as carried out; `false` if it was before.
    fn spend(&self, number: &str, now: Millis) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.retain(|_, spent| now.since(*spent) < VALID_MS);
        since.insert(number.to_owned(), now).is_none()
    }

    fn give_back(&self, number: &str) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_in_its_own_session_and_time_only() {
        let csrf = issue("secret", "n", Millis(1_000));
        assert!(number_of("secret", &csrf, Millis(2_000)).is_some());
        assert_eq!(number_of("another", &csrf, Millis(2_000)), None);
        assert_eq!(number_of("secret", &csrf, Millis(1_000 + VALID_MS)), None);
        assert_eq!(number_of("secret", &csrf.replace('n', "m"), Millis(2_000)), None);
        assert_eq!(number_of("secret", "", Millis(2_000)), None);
    }

    #[test]
    fn another_site_is_recognised() {
        let from = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            comes_from_here(&headers)
        };
        let host = ("host", "127.0.0.1:8470");
        assert!(from(&[host]));
        assert!(from(&[host, ("origin", "http://127.0.0.1:8470")]));
        assert!(from(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!from(&[host, ("origin", "http://evil.example")]));
        assert!(!from(&[host, ("origin", "null")]));
        assert!(!from(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!from(&[host, ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_form_is_carried_out_once() {
        let spent = SpentForms::default();
        assert!(spent.spend("a", Millis(0)));
        assert!(!spent.spend("a", Millis(1)));
        spent.give_back("a");
        assert!(spent.spend("a", Millis(2)));
    }
}
