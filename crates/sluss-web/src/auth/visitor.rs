//! Who looks at a page: a person with a session, or nobody.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use sluss_core::decide::Actor;
use sluss_core::ids::PersonRef;
use sluss_core::units::Millis;
use sluss_engine::signing::Site;

use super::guard::sign_in_address;
use crate::app::App;

/// Somebody with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stands for them in the log.
    pub who: PersonRef,
    /// What they sign in with.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// Their session, as their browser holds it: never to be shown.
    pub session: String,
    /// What the forms of this page bring along, in the hidden field `csrf`. One that was carried
    /// out once is not taken again.
    pub csrf: String,
    /// What `csrf` is checked with.
    pub(crate) secret: String,
    /// When they signed in.
    pub(crate) signed_in: Millis,
    /// The site that keys of theirs sign for on this page; nothing where it is known by number.
    pub(crate) site: Option<Site>,
}

impl Person {
    /// Returns the person as who wants something, without having given their password again.
    pub fn actor(&self) -> Actor {
        Actor::Person { who: self.who.clone(), reauthenticated: false }
    }
}

/// Who looks at a page, if they are signed in. This never refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor(pub Option<Person>);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Person>().cloned()))
    }
}

/// A signed-in person; anybody else is sent to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn(pub Person);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Response> {
        match parts.extensions.get::<Person>() {
            Some(person) => Ok(Self(person.clone())),
            None => Err(Redirect::to(&sign_in_address(&parts.uri)).into_response()),
        }
    }
}
