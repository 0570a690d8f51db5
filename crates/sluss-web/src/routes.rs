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
    route("GET", "/", Who::SignedIn),
    route("GET", "/search", Who::SignedIn),
    route("GET", "/changes/{id}", Who::SignedIn),
    route("GET", "/runs/{id}", Who::SignedIn),
    route("POST", "/runs/{id}/cancel", Who::Developer),
    route("GET", "/releases/{id}", Who::SignedIn),
    route("POST", "/releases/{id}/promote", Who::Developer),
    route("POST", "/releases/{id}/unbar", Who::Developer),
    route("GET", "/deployments/{id}", Who::SignedIn),
    route("POST", "/deployments/{id}/hold", Who::Developer),
    route("POST", "/deployments/{id}/resume", Who::Developer),
    route("GET", "/services/{service}/{environment}/rollback", Who::SignedIn),
    route("POST", "/services/{service}/{environment}/rollback", Who::Developer),
    route("GET", "/environments", Who::SignedIn),
    route("GET", "/incidents", Who::SignedIn),
    route("GET", "/incidents/{id}", Who::SignedIn),
    route("POST", "/incidents", Who::Developer),
    route("POST", "/incidents/{id}/link", Who::Developer),
    route("POST", "/incidents/{id}/classify", Who::Developer),
    route("POST", "/incidents/{id}/notified", Who::Developer),
    route("POST", "/incidents/{id}/close", Who::Developer),
    route("GET", "/exceptions", Who::SignedIn),
    route("POST", "/exceptions", Who::Developer),
    route("POST", "/exceptions/{id}/grant", Who::Approver),
    route("POST", "/exceptions/{id}/end", Who::Approver),
    route("POST", "/exceptions/{id}/review", Who::Approver),
    route("POST", "/releases/{id}/tests/accept", Who::Approver),
    route("GET", "/access", Who::SignedIn),
    route("POST", "/access/reviews", Who::Approver),
    route("POST", "/access/rehearsals", Who::Approver),
    route("GET", "/approvals", Who::SignedIn),
    route("GET", "/approvals/{subject}", Who::SignedIn),
    route("POST", "/approvals/{subject}", Who::Approver),
    route("POST", "/approvals/{subject}/revoke", Who::Approver),
    route("GET", "/calendar", Who::SignedIn),
    route("POST", "/stops", Who::Developer),
    route("POST", "/stops/{id}/lift", Who::Approver),
    route("GET", "/freezes", Who::SignedIn),
    route("POST", "/freezes", Who::Developer),
    route("POST", "/freezes/{id}/lift", Who::Approver),
    route("GET", "/contracts", Who::SignedIn),
    route("GET", "/releases/{id}/checks", Who::SignedIn),
    route("GET", "/controls", Who::SignedIn),
    route("GET", "/retention", Who::SignedIn),
    route("POST", "/retention/holds", Who::Approver),
    route("POST", "/retention/holds/{id}/lift", Who::Approver),
    route("POST", "/retention/disposals", Who::Approver),
    route("POST", "/retention/disposals/{id}", Who::Approver),
    route("POST", "/retention/erasures", Who::Approver),
    route("POST", "/retention/erasures/{id}", Who::Approver),
    route("GET", "/log", Who::SignedIn),
    route("GET", "/log/{position}", Who::SignedIn),
    route("GET", "/sign-in", Who::Public),
    route("GET", "/account", Who::SignedIn),
    route("POST", "/account/tokens", Who::SignedIn),
    route("POST", "/account/tokens/{id}/revoke", Who::SignedIn),
    route("POST", "/account/keys", Who::SignedIn),
    route("POST", "/account/keys/{id}/remove", Who::SignedIn),
    route("POST", "/account/keys/{id}/vouch", Who::Approver),
    route("GET", "/help", Who::SignedIn),
    route("GET", "/static/{name}", Who::Public),
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
