//! The keys of this installation, and handing over from one to another.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::keys::KeyOf;
use sluss_engine::engine::Done;
use sluss_engine::keys;

use super::answer::Answer;
use super::ask::{Asking, Wanted};
use crate::app::App;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Checkpoints of the log.
    Log,
    /// Attestations and dossiers.
    Attestations,
}

impl KeyKind {
    fn of(self) -> KeyOf {
        match self {
            Self::Log => KeyOf::Log,
            Self::Attestations => KeyOf::Attestations,
        }
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeyView {
    /// What it signs.
    pub of: KeyKind,
    /// The public key: a vkey, or the SHA-256 of its public half.
    pub key: String,
    /// The first entry that it counts for.
    pub from_leaf: u64,
    /// The first entry that it counts for no more; nothing while it signs.
    pub until_leaf: Option<u64>,
}

/// Every key there ever was, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeysView {
    pub keys: Vec<KeyView>,
}

/// A key that is to be handed over, or ended.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyWanted {
    /// Which kind.
    pub of: KeyKind,
    /// The password again; it can be that of HTTP Basic instead.
    pub password: Option<String>,
}

pub(super) async fn all(State(app): State<App>) -> Answer<KeysView> {
    Ok(Json(view(&app)?))
}

fn view(app: &App) -> Result<KeysView, sluss_engine::failure::Failure> {
    let log = app.engine.parts().log.keys();
    let of_log = log.spans().iter().map(|span| KeyView {
        of: KeyKind::Log,
        key: span.verifier().to_string(),
        from_leaf: span.from_leaf(),
        until_leaf: span.until_leaf(),
    });
    let attestations = keys::attestation_keys(&app.engine)?;
    let of_attestations = attestations.iter().map(|span| KeyView {
        of: KeyKind::Attestations,
        key: span.key.id().to_string(),
        from_leaf: span.from_leaf,
        until_leaf: span.to_leaf,
    });
    Ok(KeysView { keys: of_log.chain(of_attestations).collect() })
}

pub(super) async fn rotate(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<KeyWanted>,
) -> Answer<KeysView> {
    let actor = asking.caller.decider(&app, wanted.password).await;
    let _recorded: Done = keys::rotate(&app.engine, wanted.of.of(), actor).await?;
    Ok(Json(view(&app)?))
}

pub(super) async fn retire(
    State(app): State<App>,
    asking: Asking,
    Wanted(wanted): Wanted<KeyWanted>,
) -> Answer<KeysView> {
    let actor = asking.caller.decider(&app, wanted.password).await;
    let _recorded: Done = keys::retire(&app.engine, wanted.of.of(), actor).await?;
    Ok(Json(view(&app)?))
}
