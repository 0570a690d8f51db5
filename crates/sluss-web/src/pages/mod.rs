//! The pages: what is true now, for people, rendered on this side and working without a script.
//!
//! # Invariants
//!
//! - A page shows what the state and the log say; what may be done is decided in `sluss-core`.
//! - No page has scripts or styles of its own; everything it loads comes from here.

mod access;
mod account;
mod acts;
mod approvals;
mod board;
mod calendar;
mod change;
mod chart;
mod checks;
mod contracts;
mod controls;
mod deployment;
mod environments;
mod evidence;
mod exceptions;
mod files;
mod findings;
mod frame;
mod freezes;
mod graph;
mod html;
mod inbox;
mod incidents;
mod keys;
mod link;
mod log;
mod notices;
mod release;
mod reporting;
mod retention;
mod run;
mod search;
mod stance;
mod step_log;
mod stops;
mod subject;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use sluss_engine::failure::Failure;

use crate::app::App;
use crate::auth::Visitor;

pub(crate) use html::absolute;

/// Returns the routes of all pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(board::page))
        .route("/search", get(search::page))
        .route("/changes/{id}", get(change::page))
        .route("/runs/{id}", get(run::page))
        .route("/runs/{id}/cancel", post(acts::cancel))
        .route("/releases/{id}", get(release::page))
        .route("/releases/{id}/promote", post(acts::promote))
        .route("/releases/{id}/unbar", post(acts::unbar))
        .route("/deployments/{id}", get(deployment::page))
        .route("/deployments/{id}/hold", post(acts::hold))
        .route("/deployments/{id}/resume", post(acts::resume))
        .route(
            "/services/{service}/{environment}/rollback",
            get(environments::confirm).post(acts::rollback),
        )
        .route("/environments", get(environments::page))
        .route("/incidents", get(incidents::page).post(acts::report))
        .route("/incidents/{id}", get(incidents::one))
        .route("/incidents/{id}/link", post(acts::link_cause))
        .route("/incidents/{id}/classify", post(reporting::classify))
        .route("/incidents/{id}/notified", post(reporting::notified))
        .route("/incidents/{id}/close", post(acts::close))
        .route("/exceptions", get(exceptions::page).post(exceptions::ask))
        .route("/exceptions/{id}/grant", post(exceptions::grant))
        .route("/exceptions/{id}/end", post(exceptions::end))
        .route("/exceptions/{id}/review", post(exceptions::review))
        .route("/releases/{id}/tests/accept", post(access::accept_tests))
        .route("/access", get(access::page))
        .route("/access/reviews", post(access::review))
        .route("/access/rehearsals", post(access::rehearse))
        .route("/approvals", get(approvals::page))
        .route("/approvals/{subject}", get(approvals::one).post(acts::decide))
        .route("/approvals/{subject}/revoke", post(acts::revoke))
        .route("/calendar", get(calendar::page))
        .route("/stops", post(stops::stop))
        .route("/stops/{id}/lift", post(stops::lift))
        .route("/freezes", get(freezes::page).post(acts::freeze))
        .route("/freezes/{id}/lift", post(acts::lift))
        .route("/contracts", get(contracts::page))
        .route("/releases/{id}/checks", get(checks::page))
        .route("/controls", get(controls::page))
        .route("/retention", get(retention::page))
        .route("/retention/holds", post(retention::place))
        .route("/retention/holds/{id}/lift", post(retention::lift))
        .route("/retention/disposals", post(retention::propose))
        .route("/retention/disposals/{id}", post(retention::decide))
        .route("/retention/erasures", post(retention::propose_erasure))
        .route("/retention/erasures/{id}", post(retention::decide_erasure))
        .route("/log", get(log::page))
        .route("/log/{position}", get(log::entry))
        .route("/sign-in", get(account::sign_in))
        .route("/account", get(account::page))
        .route("/account/tokens", post(account::make_token))
        .route("/account/tokens/{id}/revoke", post(account::revoke_token))
        .route("/account/keys", post(keys::register))
        .route("/account/keys/{id}/remove", post(keys::remove))
        .route("/account/keys/{id}/vouch", post(keys::vouch))
        .route("/help", get(notices::help))
        .route("/static/{name}", get(files::file))
}

/// Returns the page that says what went wrong and what to do next.
pub fn failure(app: &App, visitor: &Visitor, failure: Failure) -> Response {
    notices::failure(app, visitor, failure)
}
