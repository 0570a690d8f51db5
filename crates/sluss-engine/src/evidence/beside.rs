//! What stands beside a release's own streams and tells of it: the freezes and stops of the line
//! that held it, and the sign-ins of who acted.

use std::collections::BTreeSet;

use serde_json::Value;
use sluss_core::deployment::Deployment;
use sluss_core::state::State;
use sluss_store::Sealed;

use super::gather::Gathered;

/// Returns the leaves of the sign-ins that events of the release refer to.
pub(super) fn sign_ins(gathered: &Gathered) -> BTreeSet<u64> {
    gathered.events.values().filter_map(|sealed| sealed.actor.login).collect()
}

/// Returns the freezes and stops that held a deployment, by their names.
pub(super) fn held(state: &State, deployment: &Deployment) -> Vec<String> {
    let freezes = state.freezes_over(deployment).into_iter().map(|id| id.to_string());
    freezes.chain(state.stops_over(deployment).into_iter().map(|id| id.to_string())).collect()
}

/// Returns whether an event of the calendar's stream tells of one of these freezes or stops: that
/// it began, who agreed that it end, or that it ended.
pub(super) fn is_of(sealed: &Sealed, names: &BTreeSet<String>) -> bool {
    let data: Value = serde_json::from_str(sealed.body.get()).unwrap_or_default();
    let mut named = [&data["freeze"], &data["stop"]].into_iter().filter_map(Value::as_str);
    named.any(|name| names.contains(name))
}
