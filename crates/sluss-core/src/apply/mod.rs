//! The fold itself: what each event makes true. A test folds a sample of each.

mod change;
mod config;
mod deployment;
mod exception;

use crate::approval::{Decision, Request, Subject, VoidWhy};
use crate::deployment::{InstanceFact, Phase};
use crate::event::Event;
use crate::evidence::{Evidence, Recorded};
use crate::ids::Digest;
use crate::incident::Freeze;
use crate::keys;
use crate::state::State;
use crate::stop::{Agreed, Stop};
use crate::target::RouteKey;
use crate::units::Millis;

use change::{apply_change, apply_release, apply_run};
use deployment::{apply_deployment, apply_rollout, begin_leg_again, request_deployment, with};
use exception::apply_exception;

/// Folds `event`, which stands at `position` and was appended at `now`.
pub(crate) fn apply(state: &mut State, position: u64, now: Millis, event: &Event) {
    state.unattested.extend(Evidence::of(state, event).map(|evidence| (position, evidence)));
    crate::seal::note(state, event);
    crate::basis::note(state, event);
    crate::authenticator::note(state, now, event);
    crate::contents::note(state, now, event);
    crate::remediation::note(state, now, event);
    crate::disposal::note(state, position, now, event);
    crate::erasure::note(state, position, now, event);
    fold(state, position, now, event);
}

fn fold(state: &mut State, position: u64, now: Millis, event: &Event) {
    use Event as E;
    match event {
        E::LogRollbackDetected { .. }
        | E::LogTrustRestored { .. }
        | E::LogWitnessLagging { .. }
        | E::LogWitnessLagEnded { .. } => crate::trust::apply(state, position, now, event),
        E::LogKeyRotated { .. } | E::LogKeyRetired { .. } => keys::apply(state, position, event),
        E::PopulationSealed(sealed) => crate::population::apply(state, now, sealed),
        E::TrafficCounted(counted) => crate::budget::apply(state, counted),
        E::EnvironmentObserved { .. } => apply_observed(state, now, event),
        E::LogOpened { .. }
        | E::LogWitnessed { .. }
        | E::LogHeartbeat { .. }
        | E::LogGap { .. }
        | E::LogGapEnded { .. }
        | E::Attestation {}
        | E::ReleaseSealed { .. }
        | E::DossierExported { .. }
        | E::AttestationRecorded { .. } => apply_log(state, position, now, event),
        E::ConfigProposed { .. }
        | E::ConfigCompared { .. }
        | E::PolicyReviewOverdue { .. }
        | E::ConfigCalendarCompared { .. }
        | E::ConfigActivated { .. }
        | E::ConfigRefused { .. }
        | E::ServiceRegistered { .. } => config::apply(state, now, event),
        E::ChangePushed { .. }
        | E::ChangeReceived { .. }
        | E::ChangeMerged { .. }
        | E::ChangeDelivered { .. }
        | E::ChangeWithdrawn { .. } => apply_change(state, now, event),
        E::RunQueued { .. }
        | E::StepStarted { .. }
        | E::StepFinished { .. }
        | E::FindingsRecorded { .. }
        | E::PerformanceMeasured { .. }
        | E::RunCancelled { .. }
        | E::RunSucceeded { .. }
        | E::RunFailed { .. }
        | E::ReleaseFailed { .. } => apply_run(state, now, event),
        E::ReleaseCreated { .. }
        | E::SbomRecorded { .. }
        | E::ReleaseBarred { .. }
        | E::ReleaseUnbarred { .. } => apply_release(state, now, event),
        E::DeploymentRequested { .. } => request_deployment(state, now, event),
        E::GateDecided { .. }
        | E::DeploymentCleared { .. }
        | E::DeploymentRefused { .. }
        | E::DeploymentStarted { .. }
        | E::DeploymentLive { .. }
        | E::DeploymentRolledBack { .. }
        | E::DeploymentSuperseded { .. }
        | E::FindingsOverdue { .. }
        | E::EnvironmentCreated { .. }
        | E::EnvironmentRemoved { .. } => apply_deployment(state, position, now, event),
        E::RolloutShifted { .. }
        | E::RolloutObserved { .. }
        | E::RolloutHeld { .. }
        | E::RolloutResumed { .. }
        | E::RolloutReopened { .. }
        | E::RolloutWindowBegan { .. }
        | E::RolloutWindowOver { .. } => apply_rollout(state, position, now, event),
        E::InstanceObserved { .. } => apply_instance(state, event),
        // They say of what is decided or shared next what others want to know.
        E::FreezeDecided(_) | E::RolloutStarted(_) | E::LogRecordTakenIn(_) => {}
        other => apply_people(state, now, other),
    }
}

/// Folds what runs somewhere.
fn apply_observed(state: &mut State, now: Millis, event: &Event) {
    let Event::EnvironmentObserved { service, environment, running } = event else { return };
    let (service, environment) = (service.clone(), environment.clone());
    crate::observed::apply(state, now, RouteKey { service, environment }, running);
}

/// Folds what people decide, and what befalls them.
fn apply_people(state: &mut State, now: Millis, event: &Event) {
    use Event as E;
    match event {
        E::ApprovalRequested { .. }
        | E::ApprovalGranted { .. }
        | E::ApprovalRefused { .. }
        | E::ApprovalExpired { .. }
        | E::ApprovalRevoked { .. }
        | E::ApprovalInvalidated { .. } => apply_approval(state, now, event),
        E::ExceptionRequested { .. }
        | E::ExceptionGranted { .. }
        | E::ExceptionEnded { .. }
        | E::ExceptionSuspended { .. }
        | E::WaiverExpired { .. }
        | E::RetrospectiveOverdue { .. }
        | E::ExceptionReviewed { .. } => apply_exception(state, now, event),
        E::AccessLogin { person } => {
            state.sign_ins.insert(person.clone(), state.size.saturating_sub(1));
        }
        said if said.assured().is_some() => crate::assurance::apply(state, now, said),
        E::AccessDelegated { delegation } => state.delegate(delegation),
        E::AccessIdentified { unknown, person, by } => {
            let said = state.identified.entry(unknown.clone()).or_default();
            said.extend(person.iter().chain([by]).cloned());
        }
        E::IncidentOpened { .. }
        | E::IncidentReported { .. }
        | E::IncidentShadow { .. }
        | E::IncidentLinked { .. }
        | E::IncidentMitigated { .. }
        | E::IncidentClassified(_)
        | E::IncidentNotified(_)
        | E::IncidentReviewed(_)
        | E::IncidentLimitNear(_)
        | E::IncidentClosed { .. } => crate::incident::apply(state, now, event),
        E::FreezeSet { .. } | E::FreezeLifted { .. } => apply_calendar(state, now, event),
        E::LineStopped { .. } | E::LineLiftAgreed { .. } | E::LineLifted { .. } => {
            apply_stop(state, now, event);
        }
        E::HoldPlaced { .. } | E::HoldLiftAgreed { .. } | E::HoldLifted { .. } => {
            crate::hold::apply(state, now, event);
        }
        // What is gone was noted, with its place in the log.
        E::DisposalProposed { .. }
        | E::DisposalAgreed { .. }
        | E::DisposalRefused { .. }
        | E::BlobDisposed { .. }
        | E::ErasureProposed { .. }
        | E::ErasureRefused { .. }
        | E::PersonErased { .. }
        | E::ApprovalAutomated(_)
        | E::AccessRoleChanged(_)
        | E::AuthenticatorRegistered { .. }
        | E::AuthenticatorVouched { .. }
        | E::AuthenticatorRemoved { .. }
        | E::AccessRefused { .. }
        | E::AccessRefusedCounted { .. } => {}
        _other => unreachable!("BUG: an event that nothing folds"),
    }
}

fn apply_instance(state: &mut State, event: &Event) {
    let Event::InstanceObserved { deployment, number, at, what } = event else { return };
    let fact = InstanceFact { number: *number, at: *at, what: what.clone() };
    with(state, *deployment, |d| d.facts.push(fact));
}

fn apply_log(state: &mut State, position: u64, now: Millis, event: &Event) {
    use Event as E;
    match event {
        E::LogOpened { origin, demo } => {
            state.origin.clone_from(origin);
            state.demo = *demo;
        }
        E::LogWitnessed { .. } | E::LogHeartbeat { .. } => {}
        E::LogGap { missed: true, .. } => state.assurance.silence_ms = None,
        E::LogGap { missed: false, .. } => state.gap = true,
        E::LogGapEnded { .. } => state.gap = false,
        E::Attestation {} | E::ReleaseSealed { .. } | E::DossierExported { .. } => {}
        E::AttestationRecorded { of, evidence, envelope } => {
            state.unattested.remove(of);
            // An attestation's leaf stands just before the event that names it.
            let leaf = position.saturating_sub(1);
            let recorded = Recorded { leaf, at: now, evidence: evidence.clone() };
            state.attested.entry(evidence.stream().to_string()).or_default().push(recorded);
            let envelope = Some(envelope.clone());
            match evidence {
                Evidence::Provenance { release } => {
                    state.releases.get_mut(release).map(|known| known.provenance = envelope)
                }
                Evidence::Sbom { release } => {
                    state.releases.get_mut(release).map(|known| known.sbom = envelope)
                }
                _no_gate_waits_for_it => None,
            };
        }
        _other => unreachable!("BUG: not an event of the log itself"),
    }
}

fn apply_calendar(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::FreezeSet { freeze, service, environment, from, until, reason, by } => {
            let freeze_set = Freeze {
                service: service.clone(),
                environment: environment.clone(),
                from: *from,
                until: *until,
                reason: reason.clone(),
                by: by.clone(),
                lifted: None,
            };
            state.freezes.insert(*freeze, freeze_set);
        }
        Event::FreezeLifted { freeze, .. } => {
            if let Some(freeze) = state.freezes.get_mut(freeze) {
                freeze.lifted = Some(now);
            }
        }
        _other => unreachable!("BUG: not an event of the calendar"),
    }
}

fn apply_stop(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::LineStopped { stop, scope, by, reason } => {
            let stopped = Stop {
                scope: scope.clone(),
                by: by.clone(),
                reason: reason.clone(),
                since: now,
                agreed: Vec::new(),
                lifted: None,
            };
            state.stops.insert(*stop, stopped);
        }
        Event::LineLiftAgreed { stop, by, reason } => {
            let agreed = Agreed { by: by.clone(), at: now, reason: reason.clone() };
            if let Some(stop) = state.stops.get_mut(stop) {
                stop.agreed.push(agreed);
            }
        }
        Event::LineLifted { stop } => {
            for id in state.open.deployments.clone() {
                let held = state.deployments.get(&id).and_then(|of| state.stop_over(of));
                if held.is_some() {
                    with(state, id, |of| {
                        if let Phase::RollingOut(rollout) = &mut of.phase {
                            begin_leg_again(rollout, now);
                        }
                    });
                }
            }
            if let Some(stop) = state.stops.get_mut(stop) {
                stop.lifted = stop.lifted.or(Some(now));
            }
        }
        _other => unreachable!("BUG: not an event of the line"),
    }
}

fn apply_approval(state: &mut State, now: Millis, event: &Event) {
    // What is decided over another statement than the one that is asked about means nothing.
    let decided = |state: &mut State, subject, statement: &Digest, decision| {
        if let Some(request) = state.requests.get_mut(subject)
            && request.statement == *statement
        {
            request.decision = decision;
        }
    };
    match event {
        Event::ApprovalRequested { .. } => crate::approval::ask(state, now, event),
        Event::ApprovalGranted { subject, statement, by, signed } => {
            let matches = |request: &&mut Request| {
                request.statement == *statement && request.decision == Decision::Open
            };
            let Some(request) = state.requests.get_mut(subject).filter(matches) else { return };
            request.agreed.push((by.clone(), now));
            request.signed.extend(signed.is_some().then(|| by.clone()));
            if let Subject::Configuration(number) = subject
                && let Some(proposal) = state.proposals.get_mut(number)
            {
                proposal.approved_leaf = state.size.checked_sub(1);
            }
            if state.still_asked(*subject, now).is_empty()
                && let Some(request) = state.requests.get_mut(subject)
            {
                request.decision = Decision::Granted { by: by.clone(), at: now };
            }
        }
        Event::ApprovalExpired { subject, statement } => {
            decided(state, subject, statement, Decision::Expired { at: now });
        }
        Event::ApprovalRefused { subject, statement, by, reason, signed: _ } => {
            let (by, reason) = (by.clone(), reason.clone());
            decided(state, subject, statement, Decision::Refused { by, at: now, reason });
        }
        Event::ApprovalInvalidated { subject, statement, why } => {
            decided(state, subject, statement, Decision::Invalidated { at: now, why: *why });
        }
        Event::ApprovalRevoked { subject, statement, .. } => {
            let why = Some(VoidWhy::Revoked);
            decided(state, subject, statement, Decision::Invalidated { at: now, why });
        }
        _other => unreachable!("BUG: not an event of an approval"),
    }
}
