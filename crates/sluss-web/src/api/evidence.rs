//! Evidence for people outside: a release's dossier, and the keys to check it with.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluss_core::ids::ReleaseId;
use sluss_engine::evidence::dossier::{export, trust_folder};

use super::answer::{Answer, Refused, parse};
use super::ask::Asking;
use crate::app::App;

/// The header that says who did not vouch for a dossier in time, where somebody did not.
pub const REMARKS: &str = "sluss-remarks";

/// Returns what of a text a header may hold.
fn plain(text: &str) -> String {
    text.chars().map(|one| if one.is_ascii_graphic() { one } else { ' ' }).collect()
}

/// What a dossier is to have in it.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// `1` to say who the references of people stand for.
    identities: Option<u8>,
}

/// The keys of this installation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TrustView {
    /// The key that checkpoints are checked with, as a vkey (C2SP signed-note).
    pub log_key: String,
    /// The SHA-256 of the key that attestations are checked with.
    pub attestation_key: String,
    /// The files of a trust folder by name, as `sluss-verify --trust` reads it.
    pub files: BTreeMap<String, String>,
}

pub(super) async fn dossier(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refused> {
    let id: ReleaseId = parse(&id)?;
    let identities = wanted.identities == Some(1);
    let made = export(&app.engine, id, identities, asking.caller.actor()).await?;
    let name = format!("attachment; filename=\"{}\"", made.name);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (HeaderName::from_static(REMARKS), plain(&made.remarks.join(" "))),
    ];
    Ok((headers, made.archive).into_response())
}

pub(super) async fn trust(State(app): State<App>) -> Answer<TrustView> {
    let files = trust_folder(&app.engine).await?;
    let text = |(name, bytes): (String, Vec<u8>)| Some((name, String::from_utf8(bytes).ok()?));
    let parts = app.engine.parts();
    Ok(Json(TrustView {
        log_key: parts.log.verifier().to_string(),
        attestation_key: app.engine.attestor().verifier().id().to_string(),
        files: files.into_iter().filter_map(text).collect(),
    }))
}
