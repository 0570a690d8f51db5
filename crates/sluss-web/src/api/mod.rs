//! The JSON API under `/api/v1`: what the command line and other programs use.
//!
//! # Invariants
//!
//! - Router, table of rights and OpenAPI document are made from the one list [`ENDPOINTS`].
//! - Views hold no names that the log does not know: people and texts are looked up ([`words`]).

pub(crate) mod access;
mod acts;
pub(crate) mod agents;
mod alerts;
mod answer;
pub(crate) mod approvals;
mod ask;
pub(crate) mod budget;
pub(crate) mod calendar;
mod changes;
pub(crate) mod checks;
pub(crate) mod contracts;
pub(crate) mod controls;
pub(crate) mod dependencies;
mod deployments;
pub(crate) mod emergencies;
mod endpoint;
mod endpoints;
mod evidence;
pub(crate) mod exceptions;
pub(crate) mod findings;
pub(crate) mod inbox;
pub(crate) mod incident_report;
pub(crate) mod incidents;
mod keys;
mod log;
mod models;
mod people;
pub(crate) mod performance;
pub(crate) mod policies;
mod population;
pub(crate) mod proposed;
mod records;
pub(crate) mod releases;
pub(crate) mod reporting;
pub(crate) mod retention;
pub(crate) mod reviews;
mod runs;
pub(crate) mod significance;
mod status;
pub(crate) mod step_log;
pub(crate) mod stops;
mod tokens;
pub(crate) mod words;

use axum::Router;

use crate::app::App;

pub use answer::{Problem, Refused};
pub use endpoint::{Answered, Endpoint};
pub use endpoints::ENDPOINTS;
pub use evidence::REMARKS;

/// Returns the routes of the API.
pub fn router() -> Router<App> {
    ENDPOINTS.iter().fold(Router::new(), |router, endpoint| {
        router.route(endpoint.route.path, (endpoint.handler)())
    })
}
