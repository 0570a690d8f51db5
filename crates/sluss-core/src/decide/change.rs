//! What pushes mean: changes announced, received, replaced, merged and withdrawn.

use super::{Blame, Refusal};
use crate::event::{Event, Push, RefusedWhy, WithdrawnReason};
use crate::ids::{ChangeId, ProductName, ServiceName};
use crate::state::{Change, ChangePhase, State};

pub(super) fn push_change(
    state: &State,
    service: ServiceName,
    product: ProductName,
    push: Push,
) -> Result<Vec<Event>, Refusal> {
    let mut stages = push.pipeline.deliver.iter();
    if let Some(stage) = stages.find(|stage| !stage.replacement.is_bounded()) {
        let what = format!(
            "In `{}` customers would test it without a bound in share or time.",
            stage.environment
        );
        let hint = "Give `deliver` growing `shares`, and a `deadline` from 10s to 7d";
        let refusal = Refusal::new(Blame::Denied, what, hint);
        return Err(refusal.recorded(None, "push", RefusedWhy::Unbounded));
    }
    let mut events = Vec::new();
    let organisation = state.organisation.as_ref();
    if !state.services.contains_key(&service) {
        let listed = organisation.and_then(|o| o.services.get(&service)).cloned();
        let open = organisation.is_some_and(|o| o.open_registration);
        let product = match listed {
            Some(product) => product,
            None if open => product,
            None => {
                return Err(Refusal::new(
                    Blame::Denied,
                    format!("There is no service `{service}` in the platform repository."),
                    "Add it to `organisation.yaml` there, and push that first",
                ));
            }
        };
        events.push(Event::ServiceRegistered { service: service.clone(), product });
    }
    events.push(Event::ChangePushed { change: state.next_change(), service, push });
    Ok(events)
}

pub(super) fn received(state: &State, id: ChangeId) -> Vec<Event> {
    let Some(change) = state.changes.get(&id) else { return vec![] };
    if change.phase != ChangePhase::Announced {
        return vec![];
    }
    let mut events = vec![Event::ChangeReceived { change: id }];
    if change.push.trunk {
        return events;
    }
    let why = WithdrawnReason::Replaced;
    let same = |other: &Change| {
        other.service == change.service
            && other.push.branch == change.push.branch
            && other.phase == ChangePhase::Proposed
    };
    // What was pushed later may have been received earlier.
    let newer = state.open.changes.range(id..).filter_map(|other| state.changes.get(other));
    if newer.filter(|other| same(other)).count() > 0 {
        events.push(Event::ChangeWithdrawn { change: id, why });
    } else {
        events.extend(withdraw(state, &change.service, &change.push.branch, why));
    }
    events
}

pub(super) fn lost(state: &State, change: ChangeId) -> Vec<Event> {
    match state.changes.get(&change).map(|change| change.phase) {
        Some(ChangePhase::Announced) => {
            let why = WithdrawnReason::PushIncomplete;
            vec![Event::ChangeWithdrawn { change, why }]
        }
        Some(_) | None => vec![],
    }
}

/// A change only becomes part of one on the branch of its service that is delivered.
pub(super) fn merged(state: &State, change: ChangeId, into: ChangeId) -> Vec<Event> {
    let (Some(of), Some(target)) = (state.changes.get(&change), state.changes.get(&into)) else {
        return vec![];
    };
    let fits = target.push.trunk && target.service == of.service;
    match of.phase {
        ChangePhase::Proposed if fits => vec![Event::ChangeMerged { change, into }],
        ChangePhase::Proposed
        | ChangePhase::Announced
        | ChangePhase::Merged
        | ChangePhase::MergedInto { .. }
        | ChangePhase::Delivered { .. }
        | ChangePhase::Withdrawn { .. } => vec![],
    }
}

/// Ends the proposed changes of `branch`, and their runs.
pub(super) fn withdraw(
    state: &State,
    service: &ServiceName,
    branch: &str,
    why: WithdrawnReason,
) -> Vec<Event> {
    let mut events = Vec::new();
    for id in &state.open.changes {
        let Some(change) = state.changes.get(id) else { continue };
        let same = change.service == *service && change.push.branch == branch;
        if same && change.phase == ChangePhase::Proposed {
            events.push(Event::ChangeWithdrawn { change: *id, why });
            let run = change.run.filter(|run| state.open.runs.contains(run));
            events.extend(run.map(|run| Event::RunCancelled { run }));
        }
    }
    events
}
