//! People: who a contributor is whom no organisation names.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use sluss_core::decide::Command;

use super::answer::Answer;
use super::ask::{Asking, DoneView, Wanted};
use super::retention::whom;
use crate::app::App;

/// Who somebody is.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentifyWanted {
    /// The address of their commits, or their reference in the log.
    pub who: String,
    /// The login of who that is; left out where it is nobody who decides here.
    #[serde(rename = "as")]
    pub person: Option<String>,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

pub(super) async fn identify(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<IdentifyWanted>,
) -> Answer<DoneView> {
    let unknown = whom(&app, &wanted.who).await?;
    let person = match &wanted.person {
        Some(login) => Some(whom(&app, login).await?),
        None => None,
    };
    let actor = asking.caller.decider(&app, wanted.password).await;
    asking.ask_as(&app, Command::Identify { unknown, person }, actor).await
}
