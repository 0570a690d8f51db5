//! Requests for a second person: what is asked, when that is void, and what stands for an answer.

use crate::approval::{Asked, Automated, Request, Subject, term_ms};
use crate::event::Event;
use crate::exception::ExceptionKind;
use crate::gate::{ClearedWhy, GateOutcome};
use crate::ids::{DeploymentId, Digest};
use crate::pipeline::GateKind;
use crate::rules::Rules;
use crate::state::State;
use crate::units::Millis;

/// Returns the request for a second person over what stands there now.
pub(super) fn ask(state: &State, subject: Subject, why: Asked) -> Option<Vec<Event>> {
    let statement = Digest::of(&state.statement_text(subject, None)?);
    let (valid_until, basis) = (None, None);
    Some(vec![Event::ApprovalRequested { subject, statement, why, valid_until, basis }])
}

/// Returns the request for a second person over a deployment, with what stands behind it at `now`.
pub(super) fn ask_about(
    state: &State,
    id: DeploymentId,
    why: Asked,
    (now, rules): (Millis, &dyn Rules),
) -> Option<Vec<Event>> {
    let subject = Subject::Deployment(id);
    let until = now.plus(term_ms(state.approval_days()));
    let basis = state.basis(id, rules.diff(state, id), now)?;
    let statement = Digest::of(&state.statement_text(subject, Some((until, &basis)))?);
    let (valid_until, basis) = (Some(until), Some(basis));
    Some(vec![Event::ApprovalRequested { subject, statement, why, valid_until, basis }])
}

/// Returns whether evidence that a gate asks for is still to come, so that nobody can agree to it
/// yet: it is not recorded what the release is made of.
pub(super) fn lacks_evidence(state: &State, id: DeploymentId) -> bool {
    state.deployments.get(&id).is_some_and(|deployment| {
        let release = state.releases.get(&deployment.release);
        deployment.stage.gates.contains(&GateKind::Sbom)
            && release.is_some_and(|release| release.materials.is_none())
    })
}

/// Returns the end of `request` where it is void.
pub(super) fn moved(state: &State, subject: Subject, request: &Request) -> Option<Vec<Event>> {
    let (statement, why) = (request.statement.clone(), state.void_why(subject, request)?);
    Some(vec![Event::ApprovalInvalidated { subject, statement, why: Some(why) }])
}

/// Returns that a standard change stands for the approval of `id`, if `outcome` says so. It counts
/// no longer than the standard change.
pub(super) fn automated(
    state: &State,
    id: DeploymentId,
    outcome: &GateOutcome,
    (now, rules): (Millis, &dyn Rules),
) -> Option<Event> {
    let GateOutcome::Cleared { why: ClearedWhy::Standard { exception, .. } } = outcome else {
        return None;
    };
    let one = state.exceptions.get(exception)?;
    let ExceptionKind::Standard { model } = &one.what else { return None };
    let subject = Subject::Deployment(id);
    let until = now.plus(term_ms(state.approval_days())).min(one.until);
    let basis = state.basis(id, rules.diff(state, id), now)?;
    let statement = Digest::of(&state.statement_text(subject, Some((until, &basis)))?);
    Some(Event::ApprovalAutomated(Automated {
        subject,
        statement,
        exception: *exception,
        model_sha256: model.digest(),
        valid_until: Some(until),
        basis: Some(basis),
    }))
}
