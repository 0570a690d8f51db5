//! What a policy's decision means to its gate: an answer by the names of rules.
//!
//! # Invariants
//!
//! - What cannot be waived away is never among the names of a policy's own rules: a fact that is
//!   missing is [`EVIDENCE`], and nobody waives what begins with `core.`.

use std::collections::BTreeSet;

use sluss_core::approval::{Decision as Agreed, Subject};
use sluss_core::ids::{DeploymentId, PersonRef};
use sluss_core::pipeline::Replacement;
use sluss_core::rules::PolicyAnswer;
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_policy::{ClosedBecause, Decision, Obligation};

/// The rule that keeps a release of which a fact is missing that its policy decides from.
pub const EVIDENCE: &str = "core.evidence";
/// The rule that keeps a release that nothing denies and `allow` does not let pass. It is no rule
/// of a policy: a waiver of it would open the gate to whatever no rule has named.
pub const ALLOW: &str = "core.allow";

/// Returns what `decision` about `id` means at `now`.
pub(super) fn answer(
    state: &State,
    id: DeploymentId,
    decision: &Decision,
    now: Millis,
) -> PolicyAnswer {
    let own: BTreeSet<String> = match &decision.closed_because {
        None => BTreeSet::new(),
        Some(ClosedBecause::Denied { .. }) => {
            decision.deny.iter().map(|denial| denial.rule.clone()).collect()
        }
        Some(ClosedBecause::NotAllowed) => [ALLOW.to_owned()].into(),
        Some(ClosedBecause::EvidenceIncomplete) => [EVIDENCE.to_owned()].into(),
        Some(because) => return PolicyAnswer::Fails { why: because.word().to_owned() },
    };
    let missing = (!decision.evidence_complete).then(|| EVIDENCE.to_owned());
    let unmet = decision
        .require
        .iter()
        .filter(|asked| !is_met(state, id, asked, now))
        .map(Obligation::rule);
    let rules: BTreeSet<String> = own.into_iter().chain(missing).chain(unmet).collect();
    if rules.is_empty() {
        let warnings: BTreeSet<String> =
            decision.warnings.iter().map(|warning| warning.rule.clone()).collect();
        PolicyAnswer::Allows { warnings: warnings.into_iter().collect() }
    } else {
        PolicyAnswer::Denies { rules: rules.into_iter().collect() }
    }
}

fn is_met(state: &State, id: DeploymentId, obligation: &Obligation, now: Millis) -> bool {
    match obligation {
        Obligation::Approvals { role, count } => {
            agreed(state, id, role.as_str(), now).len() >= usize::from(count.get())
        }
        Obligation::CanaryAtMost { permille } => {
            first_share(state, id).is_some_and(|share| share <= permille.get() * 10)
        }
    }
}

/// Returns who of the group `role` agreed, and had no hand in it.
fn agreed(state: &State, id: DeploymentId, role: &str, now: Millis) -> BTreeSet<PersonRef> {
    let subject = Subject::Deployment(id);
    let groups = state.groups_for(subject, now);
    let contributors = state.contributors(id);
    let members = groups.iter().find(|(name, _)| name.as_str() == role).map(|(_, of)| of);
    let stands = state
        .requests
        .get(&subject)
        .filter(|request| matches!(request.decision, Agreed::Open | Agreed::Granted { .. }));
    let people = stands.into_iter().flat_map(|request| &request.agreed).map(|(who, _)| who);
    let fills = |who: &&PersonRef| {
        members.is_some_and(|of| of.contains(*who)) && !contributors.contains(*who)
    };
    people.filter(fills).cloned().collect()
}

/// Returns the first share of its traffic that `id` would get, in basis points; without anything
/// live beside it all of it, which no obligation allows.
fn first_share(state: &State, id: DeploymentId) -> Option<u16> {
    let deployment = state.deployments.get(&id)?;
    state.place(&deployment.service, &deployment.environment)?.live?;
    match &deployment.stage.replacement {
        Replacement::Progressive(plan) => Some(plan.shares.first()?.basis_points()),
        Replacement::AtOnce => None,
    }
}
