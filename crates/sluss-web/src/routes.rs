//! Every route, and who may use it, in one table.
//!
//! # Invariants
//!
//! - A route that stands nowhere here is for people who are signed in.
//! - [`Who::Public`] and the rest are told apart by the guard; roles beyond that are decided in
//!   `sluss-core`, and what stands here of them is tried by a test.

use axum::http::Method;

use crate::api;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Public,
    /// Whoever is signed in, or holds a token.
    SignedIn,
    /// Whoever has the role of a developer.
    Developer,
    /// Whoever has the role of an approver, in person, and did not contribute.
    Approver,
}

/// A route and who may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method; `GET` stands for `HEAD` too.
    pub method: &'static str,
    /// The path, with parts in braces.
    pub path: &'static str,
    /// Who may use it.
    pub who: Who,
}

const fn route(method: &'static str, path: &'static str, who: Who) -> Route {
    Route { method, path, who }
}

/// The routes beside pages and API.
pub const OWN: &[Route] = &[
    route("GET", "/healthz", Who::Public),
    route("GET", "/readyz", Who::Public),
    route("GET", "/live", Who::SignedIn),
    route("POST", "/sign-in", Who::Public),
    route("POST", "/sign-out", Who::SignedIn),
];

/// The routes of pages.
pub const PAGES: &[Route] = &[
    route("GET", "/sign-in", Who::Public),
    route("GET", "/static/{*path}", Who::Public),
    route("GET", "/static/{name}", Who::Public),
    route("GET", "/static/{file}", Who::Public),
];

/// Returns every route.
pub fn all() -> impl Iterator<Item = Route> {
    let of_api = api::ENDPOINTS.iter().map(|endpoint| endpoint.route);
    OWN.iter().chain(PAGES).copied().chain(of_api)
}

/// Returns who may use a route.
pub fn who_may(method: &Method, path: &str) -> Who {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    all()
        .find(|route| route.method == method && route.path == path)
        .map_or(Who::SignedIn, |route| route.who)
}
