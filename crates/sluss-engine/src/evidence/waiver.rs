//! That two people let a rule of a policy go unmet for a time.

use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{ExceptionId, PersonRef};
use sluss_core::state::State;
use sluss_ledger::attest::predicate::Waiver;
use sluss_ledger::attest::{DigestSet, Statement, StatementSubject};

use super::{about, gone, hash, utc};
use crate::failure::Failure;

/// What is signed of a waiver, about what was asked for, by its digest.
pub(super) fn statement(state: &State, id: ExceptionId) -> Result<Statement, Failure> {
    let waiver = state.exceptions.get(&id).ok_or_else(|| gone(id))?;
    let ExceptionKind::Waiver { service, rule } = &waiver.what else { return Err(gone(id)) };
    let [first, second, ..] = &waiver.granted_by[..] else { return Err(gone(id)) };
    let person = |who: &PersonRef| who.as_str().parse().map_err(|_| gone("person"));
    let predicate = Waiver {
        kind: "rule".to_owned(),
        control_ids: vec![rule.clone()],
        scope: service.to_string(),
        findings: vec![],
        // Nothing asks for one.
        compensating_control: "none stated".to_owned(),
        requester: person(&waiver.asked_by)?,
        approvers: [person(first)?, person(second)?],
        reason_ref: hash(&waiver.reason),
        valid_until: utc(waiver.until)?,
    };
    let digest = DigestSet::sha256(hash(&waiver.statement(id)));
    about(vec![StatementSubject { name: id.to_string(), digest }], &predicate)
}
