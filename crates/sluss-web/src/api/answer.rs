//! How the API answers: JSON, or why not.

use std::str::FromStr;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::Malformed;
use sluss_core::invariant::Invariant;
use sluss_engine::failure::{Blame, Failure};

use crate::app::status;

/// What handlers of the API return.
pub(super) type Answer<T> = Result<Json<T>, Refused>;

/// A failure, as the API answers it.
#[derive(Debug)]
pub struct Refused(pub Failure);

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Who can mend it: `caller`, `denied`, `not_found`, `conflict`, `upstream` or `bug`.
    pub blame: &'static str,
    /// What happened, and why.
    pub what: String,
    /// What to do next.
    pub hint: String,
    /// The id of the compiled-in invariant that it would break, if it is one: `core.freeze`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<&'static str>,
}

impl Refused {
    /// Returns the failure as JSON, without a status.
    pub fn body(self) -> Json<Problem> {
        let Failure { blame, what, hint, core } = self.0;
        let blame = match blame {
            Blame::Caller => "caller",
            Blame::TooLarge => "too_large",
            Blame::Denied => "denied",
            Blame::NotFound => "not_found",
            Blame::Conflict => "conflict",
            Blame::Upstream => "upstream",
            Blame::Bug => "bug",
        };
        let core = core.map(Invariant::as_str);
        Json(Problem { blame, what, hint, core })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status: StatusCode = status(self.0.blame);
        (status, self.body()).into_response()
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// Reads an id or a name out of an address or a body.
pub(super) fn parse<T: FromStr<Err = Malformed>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: Malformed| {
        Failure::new(Blame::Caller, format!("{error}."), "See what there is: `sluss status`")
    })
}

/// Returns the failure of looking for what does not exist.
pub(super) fn nothing(what: impl std::fmt::Display) -> Failure {
    Failure::new(
        Blame::NotFound,
        format!("There is no {what}."),
        "See what there is: `sluss status`",
    )
}
