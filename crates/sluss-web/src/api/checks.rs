//! What `sluss-verify` would say of a release's evidence as it is now.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::ids::ReleaseId;
use sluss_engine::evidence::dossier::{draft, trust_folder};
use sluss_engine::failure::Failure;
use sluss_ledger::dossier::{Outcome, Report, Trust, TrustSource};

use super::answer::{Answer, parse};
use crate::app::App;

/// What came of all checks of a release's evidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChecksView {
    /// Which release.
    pub release: String,
    /// 0 where all required checks passed, 1 where any failed, 2 where none failed but a required
    /// one was not made or holds by an exception: the exit code of `sluss-verify`.
    pub exit_code: u8,
    /// Each check on its own.
    pub checks: Vec<CheckView>,
    /// Whether more has happened to it than was sealed; taking its dossier out seals it.
    pub unsealed: bool,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckView {
    /// The check, as `sluss-verify` calls it.
    pub check: &'static str,
    /// Whether a dossier is not good without it.
    pub required: bool,
    /// `passed`, `failed`, `excepted` or `not_checked`.
    pub outcome: &'static str,
    /// What was looked at, what is wrong and where, or why nobody knows.
    pub said: Vec<String>,
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Answer<ChecksView> {
    Ok(Json(checks(&app, parse(&id)?).await?))
}

/// Makes all checks of what the dossier of a release would be now, with this installation's keys.
pub(crate) async fn checks(app: &App, id: ReleaseId) -> Result<ChecksView, Failure> {
    // A closed semaphore would only mean that nobody else waits.
    let _turn = app.shared.checking.acquire().await.ok();
    let files = draft(&app.engine, id).await?;
    let trusted = trust_folder(&app.engine).await?;
    let report = tokio::task::spawn_blocking(move || {
        let trust = Trust::read(&trusted, TrustSource::Independent)?;
        Ok::<_, sluss_ledger::dossier::TrustError>(sluss_verify::check(&files, &trust))
    });
    let report = report.await.map_err(|error| Failure::upstream("The checks broke off", &error))?;
    let report = report.map_err(|e| Failure::upstream("Our own keys can't be used", &e))?;
    let unsealed = app.engine.state().unsealed.contains(&id);
    Ok(view(id, &report, unsealed))
}

fn view(id: ReleaseId, report: &Report, unsealed: bool) -> ChecksView {
    let check = |(check, required, outcome): (sluss_ledger::dossier::Check, bool, &Outcome)| {
        let (word, said) = match outcome {
            Outcome::Passed(what) => ("passed", vec![what.clone()]),
            Outcome::Failed(all) => ("failed", all.iter().map(ToString::to_string).collect()),
            Outcome::Excepted(what) => ("excepted", vec![what.clone()]),
            Outcome::NotChecked(why) => ("not_checked", vec![why.clone()]),
        };
        CheckView { check: check.name(), required, outcome: word, said }
    };
    ChecksView {
        release: id.to_string(),
        exit_code: report.exit_code(),
        checks: report.checks().map(check).collect(),
        unsealed,
    }
}
