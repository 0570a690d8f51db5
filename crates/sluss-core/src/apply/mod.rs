//! The fold itself: what each event makes true. A test folds a sample of each.

mod change;
mod deployment;

use crate::approval::{Decision, Request, Subject, VoidWhy};
use crate::deployment::{InstanceFact, Phase};
use crate::event::Event;
use crate::evidence::{Evidence, Recorded};
use crate::exception::{Exception, ExceptionKind};
use crate::ids::Digest;
use crate::incident::{Freeze, Incident, Origin};
use crate::state::{Proposal, Service, State};
use crate::stop::{Agreed, Stop};
use crate::target::RouteKey;
use crate::units::Millis;

use change::{apply_change, apply_release, apply_run};
use deployment::{apply_deployment, apply_rollout, begin_leg_again, request_deployment, with};

/// Folds `event`, which stands at `position` and was appended at `now`.
pub(crate) fn apply(state: &mut State, position: u64, now: Millis, event: &Event) {
    state.unattested.extend(Evidence::of(state, event).map(|evidence| (position, evidence)));
    crate::seal::note(state, event);
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
        E::LogKeyRotated { .. } | E::LogKeyRetired { .. } => {
            crate::keys::apply(state, position, event);
        }
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
        | E::ConfigCalendarCompared { .. }
        | E::ConfigActivated { .. }
        | E::ConfigRefused { .. }
        | E::ServiceRegistered { .. } => apply_config(state, now, event),
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
        | E::RetrospectiveOverdue { .. }
        | E::ExceptionReviewed { .. } => apply_exception(state, now, event),
        E::AccessLogin { person } => {
            state.sign_ins.insert(person.clone(), state.size.saturating_sub(1));
        }
        E::TestResultAccepted(_)
        | E::BackupRestoredTest(_)
        | E::RollbackDrill(_)
        | E::AccessReviewed(_) => crate::assurance::apply(state, now, event),
        E::AccessDelegated { delegation } => state.delegations.push(delegation.clone()),
        E::AccessIdentified { unknown, person, by } => {
            let said = state.identified.entry(unknown.clone()).or_default();
            said.extend(person.iter().chain([by]).cloned());
        }
        E::IncidentOpened { .. }
        | E::IncidentReported { .. }
        | E::IncidentShadow { .. }
        | E::IncidentLinked { .. }
        | E::IncidentMitigated { .. }
        | E::IncidentClosed { .. } => apply_incident(state, now, event),
        E::IncidentClassified(_) | E::IncidentNotified(_) | E::IncidentLimitNear(_) => {
            crate::incident::reporting::apply(state, now, event);
        }
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
        | E::ApprovalAutomated { .. }
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
                activated: None,
                lets_more_pass: None,
                opens_more: None,
                asked_less: false,
            };
            state.proposals.insert(*number, proposal);
        }
        Event::ConfigCompared { number, lets_more_pass } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.lets_more_pass = Some(*lets_more_pass);
            may_be_enough(state, *number, now);
        }
        Event::ConfigCalendarCompared { number, opens_more } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.opens_more = Some(*opens_more);
            may_be_enough(state, *number, now);
        }
        Event::ConfigActivated { number, .. } => {
            let asked_less = state.lets_more_go(*number);
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.asked_less = asked_less;
            proposal.over = true;
            proposal.activated = Some(now);
            state.in_force = state.size.checked_sub(1);
            state.organisation = Some(proposal.organisation.clone());
        }
        Event::ConfigRefused { number } => {
            if let Some(proposal) = state.proposals.get_mut(number) {
                proposal.over = true;
            }
        }
        Event::ServiceRegistered { service, product } => {
            let (product, trunk, places) = (product.clone(), Vec::new(), Default::default());
            let known = state.services.entry(service.clone());
            known.or_insert(Service { product, findings: Default::default(), trunk, places });
        }
        _other => unreachable!("BUG: not an event of the configuration"),
    }
}

/// Now that more is known of a proposed configuration, one who agreed before may be enough.
fn may_be_enough(state: &mut State, number: u64, now: Millis) {
    let subject = Subject::Configuration(number);
    let enough = state.still_asked(subject, now).is_empty();
    let request = state.requests.get_mut(&subject);
    if let Some(request) = request.filter(|of| enough && of.decision == Decision::Open)
        && let Some((by, _)) = request.agreed.last().cloned()
    {
        request.decision = Decision::Granted { by, at: now };
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
        Event::ApprovalRequested { subject, statement, why, valid_until } => {
            let contributors = state.contributors_to(*subject);
            let (statement, decision) = (statement.clone(), Decision::Open);
            let (why, since, agreed, signed) = (*why, now, Vec::new(), Default::default());
            let request = Request {
                statement,
                why,
                since,
                contributors,
                agreed,
                signed,
                valid_until: *valid_until,
                decision,
            };
            state.requests.insert(*subject, request);
        }
        Event::ApprovalGranted { subject, statement, by, signed } => {
            let matches = |request: &&mut Request| {
                request.statement == *statement && request.decision == Decision::Open
            };
            let Some(request) = state.requests.get_mut(subject).filter(matches) else { return };
            request.agreed.push((by.clone(), now));
            request.signed.extend(signed.is_some().then(|| by.clone()));
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

fn apply_exception(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::ExceptionRequested { exception, what, by, reason, until } => {
            let asked = Exception {
                what: what.clone(),
                asked_by: by.clone(),
                reason: reason.clone(),
                asked: now,
                until: *until,
                granted_by: Vec::new(),
                signed: Default::default(),
                granted: None,
                ended: None,
                reviewed: None,
                suspended: None,
                overdue: None,
            };
            state.exceptions.insert(*exception, asked);
        }
        Event::ExceptionGranted { exception, by, signed } => {
            let Some(mut found) = state.exceptions.remove(exception) else { return };
            found.granted_by.push(by.clone());
            found.signed.extend(signed.is_some().then(|| by.clone()));
            let enough = found.granted_by.len() >= found.what.people()
                && match &found.what {
                    ExceptionKind::Standard { model } => {
                        state.function_agreed((model, &found), &Default::default(), now)
                    }
                    _asks_for_a_number => true,
                };
            found.granted = found.granted.or(enough.then_some(now));
            state.exceptions.insert(*exception, found);
        }
        Event::ExceptionEnded { exception, .. } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.ended = found.ended.or(Some(now));
            }
        }
        Event::ExceptionSuspended { exception, .. } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.suspended = found.suspended.or(Some(now));
            }
        }
        Event::RetrospectiveOverdue { exception } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.overdue = found.overdue.or(Some(now));
            }
        }
        Event::ExceptionReviewed { exception, by, .. } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.reviewed = Some((now, by.clone()));
            }
        }
        _other => unreachable!("BUG: not an event of an exception"),
    }
}

fn apply_incident(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::IncidentOpened { incident, deployment: id, cause } => {
            let Some(deployment) = state.deployments.get(id) else { return };
            let (service, environment) = (&deployment.service, &deployment.environment);
            let origin = Origin::Seen { deployment: *id, cause: *cause };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            state.incidents.insert(*incident, opened);
            state.open.incidents.insert(*incident);
            state.open.reports.insert(*incident);
        }
        Event::IncidentReported { incident, service, environment, by, summary, suspect } => {
            let (by, summary) = (by.clone(), summary.clone());
            let origin = Origin::Reported { by, summary, suspect: *suspect };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            state.incidents.insert(*incident, opened);
            state.open.incidents.insert(*incident);
            state.open.reports.insert(*incident);
        }
        Event::IncidentShadow { incident, service, environment, digest } => {
            let origin = Origin::Shadow { digest: digest.clone() };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            state.incidents.insert(*incident, opened);
            state.open.incidents.insert(*incident);
            state.open.reports.insert(*incident);
        }
        Event::IncidentLinked { incident, deployment: named } => {
            match state.incidents.get_mut(incident).map(|incident| &mut incident.origin) {
                Some(Origin::Seen { deployment, .. }) => *deployment = *named,
                Some(Origin::Reported { suspect, .. }) => *suspect = Some(*named),
                Some(Origin::Shadow { .. }) | None => {}
            }
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
