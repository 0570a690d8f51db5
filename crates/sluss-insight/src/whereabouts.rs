//! Where something is: a change, a commit, a service, a release.

use std::collections::BTreeSet;

use serde::Serialize;
use sluss_core::ids::{ChangeId, DeploymentId, EnvironmentName, ReleaseId, RunId, ServiceName};
use sluss_core::state::{Change, State};
use sluss_core::units::Millis;

use crate::board::{BoardRow, row_of};

/// The fewest digits of a commit that something is looked for by.
const COMMIT_SHORTEST: usize = 4;
/// How many changes are found at most.
const FOUND_MOST: usize = 50;

/// Where one change is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Whereabouts {
    /// Its row of the board.
    pub row: BoardRow,
    /// The environments that have it now, as what is live there or as part of that.
    pub live_in: Vec<(EnvironmentName, DeploymentId)>,
}

/// Returns where everything is that `query` names: a change, a commit's first digits, a service, a
/// release, a run, a deployment or a work item; newest first.
pub fn where_is(state: &State, query: &str, now: Millis) -> Vec<Whereabouts> {
    let query = query.trim();
    let found: BTreeSet<ChangeId> = match by_id(state, query) {
        Some(id) => BTreeSet::from([id]),
        None => {
            let service = query.parse::<ServiceName>().ok();
            let service = service.filter(|name| state.services.contains_key(name));
            let digits = query.len() >= COMMIT_SHORTEST
                && query.bytes().all(|byte| byte.is_ascii_hexdigit());
            let named = |change: &Change| {
                service.as_ref().is_some_and(|name| change.service == *name)
                    || (digits && change.push.commit.as_str().starts_with(query))
                    || change.push.work_items.contains(query)
                    || change.push.branch == query
            };
            let newest = state.changes.iter().rev().filter(|(_, change)| named(change));
            newest.take(FOUND_MOST).map(|(id, _)| *id).collect()
        }
    };
    let whole = |id: &ChangeId| {
        let row = row_of(state, *id, now)?;
        Some(Whereabouts { live_in: live_in(state, *id, &row.service), row })
    };
    found.iter().rev().filter_map(whole).collect()
}

fn by_id(state: &State, query: &str) -> Option<ChangeId> {
    let of_release = |id: ReleaseId| state.releases.get(&id).map(|release| release.change);
    let of_deployment = |id: DeploymentId| of_release(state.deployments.get(&id)?.release);
    let change = query.parse().ok().filter(|id| state.changes.contains_key(id));
    change
        .or_else(|| of_release(query.parse().ok()?))
        .or_else(|| of_deployment(query.parse().ok()?))
        .or_else(|| Some(state.runs.get(&query.parse::<RunId>().ok()?)?.change))
}

/// Returns the places whose live release holds `change`: its own, or a later one of the trunk.
fn live_in(
    state: &State,
    change: ChangeId,
    service: &ServiceName,
) -> Vec<(EnvironmentName, DeploymentId)> {
    let Some(service) = state.services.get(service) else { return Vec::new() };
    let on_trunk = service.trunk.contains(&change);
    let holds = |id: &DeploymentId| {
        let release = state.deployments.get(id).and_then(|d| state.releases.get(&d.release));
        release.is_some_and(|release| {
            release.change == change || (on_trunk && release.change > change)
        })
    };
    let live = |(name, place): (&EnvironmentName, &sluss_core::state::Place)| {
        Some((name.clone(), place.live.filter(holds)?))
    };
    service.places.iter().filter_map(live).collect()
}
