//! The fold itself: what each event makes true, in one `match` without wildcard.

mod change;
mod deployment;

use crate::approval::{Decision, Request};
use crate::deployment::InstanceFact;
use crate::event::Event;
use crate::ids::Digest;
use crate::incident::{Freeze, Incident};
use crate::state::{Proposal, Service, State};
use crate::units::Millis;

use change::{apply_change, apply_release, apply_run};
use deployment::{apply_deployment, apply_rollout, request_deployment, with};

/// Folds `event`, which stands at `position` and was appended at `now`.
pub(crate) fn apply(state: &mut State, position: u64, now: Millis, event: &Event) {
    use Event as E;
    match event {
        E::LogOpened { origin, demo } => {
            state.origin.clone_from(origin);
            state.demo = *demo;
        }
        E::LogGap { .. } => state.gap = true,
        E::LogGapEnded { .. } => state.gap = false,
        E::ConfigProposed { .. } | E::ConfigActivated { .. } | E::ConfigRefused { .. } => {
            apply_config(state, now, event);
        }
        E::ServiceRegistered { service, product } => {
            let (product, trunk) = (product.clone(), Vec::new());
            let service = service.clone();
            state.services.entry(service).or_insert(Service {
                product,
                trunk,
                places: Default::default(),
            });
        }
        E::ChangePushed { .. }
        | E::ChangeReceived { .. }
        | E::ChangeMerged { .. }
        | E::ChangeDelivered { .. }
        | E::ChangeWithdrawn { .. } => apply_change(state, now, event),
        E::RunQueued { .. }
        | E::StepStarted { .. }
        | E::StepFinished { .. }
        | E::RunCancelled { .. }
        | E::RunSucceeded { .. }
        | E::RunFailed { .. }
        | E::ReleaseFailed { .. } => apply_run(state, now, event),
        E::ReleaseCreated { .. } | E::ReleaseBarred { .. } | E::ReleaseUnbarred { .. } => {
            apply_release(state, now, event);
        }
        E::DeploymentRequested { .. } => request_deployment(state, now, event),
        E::ApprovalRequested { .. }
        | E::ApprovalGranted { .. }
        | E::ApprovalRefused { .. }
        | E::ApprovalInvalidated { .. } => apply_approval(state, now, event),
        E::GateDecided { .. }
        | E::DeploymentCleared { .. }
        | E::DeploymentRefused { .. }
        | E::DeploymentStarted { .. }
        | E::DeploymentLive { .. }
        | E::DeploymentRolledBack { .. }
        | E::DeploymentSuperseded { .. }
        | E::EnvironmentCreated { .. }
        | E::EnvironmentRemoved { .. } => apply_deployment(state, position, now, event),
        E::RolloutShifted { .. }
        | E::RolloutObserved { .. }
        | E::RolloutHeld { .. }
        | E::RolloutResumed { .. }
        | E::RolloutReopened { .. } => apply_rollout(state, position, now, event),
        E::InstanceObserved { deployment, number, at, what } => {
            let fact = InstanceFact { number: *number, at: *at, what: what.clone() };
            with(state, *deployment, |d| d.facts.push(fact));
        }
        E::IncidentOpened { .. } | E::IncidentMitigated { .. } | E::IncidentClosed { .. } => {
            apply_incident(state, now, event);
        }
        E::FreezeSet { .. } | E::FreezeLifted { .. } => apply_calendar(state, now, event),
        E::AccessLogin { .. } | E::AccessRefused { .. } | E::AccessRefusedCounted { .. } => {}
    }
}

fn apply_calendar(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::FreezeSet { freeze, service, environment, from, until, reason } => {
            let freeze_set = Freeze {
                service: service.clone(),
                environment: environment.clone(),
                from: *from,
                until: *until,
                reason: reason.clone(),
                lifted: None,
            };
            state.freezes.insert(*freeze, freeze_set);
        }
        Event::FreezeLifted { freeze } => {
            if let Some(freeze) = state.freezes.get_mut(freeze) {
                freeze.lifted = Some(now);
            }
        }
        _other => unreachable!("BUG: not an event of the calendar"),
    }
}

fn apply_config(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::ConfigProposed { number, commit, organisation, contributors, nonce } => {
            for earlier in state.proposals.values_mut() {
                earlier.over = true;
            }
            let proposal = Proposal {
                commit: commit.clone(),
                organisation: organisation.clone(),
                contributors: contributors.clone(),
                nonce: nonce.clone(),
                at: now,
                over: false,
            };
            state.proposals.insert(*number, proposal);
        }
        Event::ConfigActivated { number, .. } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.over = true;
            state.organisation = Some(proposal.organisation.clone());
        }
        Event::ConfigRefused { number } => {
            if let Some(proposal) = state.proposals.get_mut(number) {
                proposal.over = true;
            }
        }
        _other => unreachable!("BUG: not an event of the configuration"),
    }
}

fn apply_approval(state: &mut State, now: Millis, event: &Event) {
    // What is decided over another statement than the one that is asked about means nothing.
    let mut decided = |subject, statement: &Digest, decision| {
        if let Some(request) = state.requests.get_mut(subject)
            && request.statement == *statement
        {
            request.decision = decision;
        }
    };
    match event {
        Event::ApprovalRequested { subject, statement, why } => {
            let contributors = state.contributors_to(*subject);
            let (statement, decision) = (statement.clone(), Decision::Open);
            let request = Request { statement, why: *why, since: now, contributors, decision };
            state.requests.insert(*subject, request);
        }
        Event::ApprovalGranted { subject, statement, by } => {
            decided(subject, statement, Decision::Granted { by: by.clone(), at: now });
        }
        Event::ApprovalRefused { subject, statement, by, reason } => {
            let (by, reason) = (by.clone(), reason.clone());
            decided(subject, statement, Decision::Refused { by, at: now, reason });
        }
        Event::ApprovalInvalidated { subject, statement } => {
            decided(subject, statement, Decision::Invalidated { at: now });
        }
        _other => unreachable!("BUG: not an event of an approval"),
    }
}

fn apply_incident(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::IncidentOpened { incident, deployment: id, cause } => {
            let Some(deployment) = state.deployments.get(id) else { return };
            let opened = Incident {
                service: deployment.service.clone(),
                environment: deployment.environment.clone(),
                deployment: *id,
                cause: *cause,
                opened: now,
                mitigated: None,
                closed: None,
            };
            state.incidents.insert(*incident, opened);
            state.open.incidents.insert(*incident);
        }
        Event::IncidentMitigated { incident } => {
            if let Some(incident) = state.incidents.get_mut(incident) {
                incident.mitigated = incident.mitigated.or(Some(now));
            }
        }
        Event::IncidentClosed { incident: id, .. } => {
            state.open.incidents.remove(id);
            if let Some(incident) = state.incidents.get_mut(id) {
                incident.closed = Some(now);
            }
        }
        _other => unreachable!("BUG: not an event of an incident"),
    }
}
