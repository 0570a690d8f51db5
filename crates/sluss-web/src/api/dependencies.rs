//! What services provide to each other and need of each other, as answers and pages tell it.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::contracts::{Between, Missing, Touched};
use sluss_core::ids::{EnvironmentName, ReleaseId};
use sluss_core::state::State as Known;

use super::answer::Answer;
use super::words::{Words, view};
use crate::app::App;

/// A contract at a version, and the service at its other end.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BetweenView {
    /// The contract.
    pub contract: String,
    /// Its version.
    pub version: u32,
    /// The service.
    pub service: String,
}

/// What must go first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FirstView {
    /// The service.
    pub service: String,
    /// Its release, if there is one already.
    pub release: Option<String>,
}

/// Something that is needed and that nothing live provides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MissingView {
    /// The contract.
    pub contract: String,
    /// The version that is needed.
    pub version: u32,
    /// What must go first; nothing where no service has it in its newest change.
    pub first: Vec<FirstView>,
    /// The same as a sentence.
    pub sentence: String,
}

/// What a release touches in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TouchedView {
    /// The service.
    pub service: String,
    /// Its release.
    pub release: String,
    /// The environment.
    pub environment: String,
    /// What it needs, and who provides it there.
    pub met: Vec<BetweenView>,
    /// What it needs and nothing live there provides.
    pub missing: Vec<MissingView>,
    /// Who needs there what it provides.
    pub serves: Vec<BetweenView>,
    /// Who needs there what it no longer provides, and nothing else does.
    pub drops: Vec<BetweenView>,
}

/// What everything that is live touches.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DependenciesView {
    /// A row for each service in each lasting environment in which it has contracts with others.
    pub live: Vec<TouchedView>,
}

impl TouchedView {
    /// Returns whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        let Self { met, missing, serves, drops, .. } = self;
        met.is_empty() && missing.is_empty() && serves.is_empty() && drops.is_empty()
    }
}

pub(super) async fn all(State(app): State<App>) -> Answer<DependenciesView> {
    let build = |state: &Known, _: &mut Words| {
        let mut live = Vec::new();
        for (name, service) in &state.services {
            for environment in state.lasting_environments(name) {
                let place = service.places.get(&environment);
                let deployment = place.and_then(|place| state.deployments.get(&place.live?));
                live.extend(deployment.and_then(|of| touched_in(state, of.release, &environment)));
            }
        }
        live.retain(|touched| !touched.is_empty());
        Ok(DependenciesView { live })
    };
    Ok(Json(view(&app, build).await?))
}

/// Returns what `release` touches in each environment in which it stays, or would.
pub(crate) fn touched(state: &Known, release: ReleaseId) -> Vec<TouchedView> {
    let stages = state.pipeline_of(release).map_or(&[][..], |pipeline| &pipeline.deliver);
    let lasting = stages.iter().filter(|one| sluss_core::decide::has_customers(one.kind));
    let environments: BTreeSet<&EnvironmentName> = lasting.map(|one| &one.environment).collect();
    let touched = environments.into_iter().filter_map(|one| touched_in(state, release, one));
    touched.filter(|touched| !touched.is_empty()).collect()
}

fn touched_in(
    state: &Known,
    release: ReleaseId,
    environment: &EnvironmentName,
) -> Option<TouchedView> {
    let service = state.releases.get(&release)?.service.to_string();
    let Touched { met, missing, serves, drops } = state.touched_by(release, environment);
    let between = |all: &[Between]| all.iter().map(between_view).collect();
    Some(TouchedView {
        service,
        release: release.to_string(),
        environment: environment.to_string(),
        met: between(&met),
        missing: missing.iter().map(missing_view).collect(),
        serves: between(&serves),
        drops: between(&drops),
    })
}

fn between_view(one: &Between) -> BetweenView {
    BetweenView {
        contract: one.contract.contract.to_string(),
        version: one.contract.version,
        service: one.service.to_string(),
    }
}

fn missing_view(one: &Missing) -> MissingView {
    let first = |first: &sluss_core::contracts::First| FirstView {
        service: first.service.to_string(),
        release: first.release.map(|release| release.to_string()),
    };
    MissingView {
        contract: one.contract.contract.to_string(),
        version: one.contract.version,
        first: one.first.iter().map(first).collect(),
        sentence: one.sentence(),
    }
}
