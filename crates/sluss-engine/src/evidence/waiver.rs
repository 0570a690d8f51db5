//! That two people let a rule of a policy go unmet, or findings past their terms stay, for a time.

use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{ExceptionId, PersonRef};
use sluss_core::state::State;
use sluss_ledger::attest::predicate::Waiver;
use sluss_ledger::attest::{DigestSet, Statement, StatementSubject};

use super::{about, gone, hash, utc};
use crate::failure::Failure;

/// What a waiver of findings lets past: that gate.
const GATE_OF_FINDINGS: &str = "findings";

/// What a waiver for real data lets be: Regulation (EU) 2024/1774, Article 16(5).
const REAL_DATA: &str = "rts/16(5)-(6)";

/// What is signed of a waiver, about what was asked for, by its digest.
pub(super) fn statement(state: &State, id: ExceptionId) -> Result<Statement, Failure> {
    let waiver = state.exceptions.get(&id).ok_or_else(|| gone(id))?;
    let (service, kind, control, findings) = match &waiver.what {
        ExceptionKind::Waiver { service, rule } => (service, "rule", rule.clone(), vec![]),
        ExceptionKind::Findings { service, findings } => {
            let keys = findings.iter().map(ToString::to_string).collect();
            (service, "finding", GATE_OF_FINDINGS.to_owned(), keys)
        }
        ExceptionKind::ProdData { service } => (service, "prod_data", REAL_DATA.to_owned(), vec![]),
        ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Standard { .. } => return Err(gone(id)),
    };
    let [first, second, ..] = &waiver.granted_by[..] else { return Err(gone(id)) };
    let person = |who: &PersonRef| who.as_str().parse().map_err(|_| gone("person"));
    let predicate = Waiver {
        kind: kind.to_owned(),
        control_ids: vec![control],
        scope: match &waiver.terms.environment {
            None => service.to_string(),
            Some(environment) => format!("{service} in {environment}"),
        },
        findings,
        // A private text, as the reason is.
        compensating_control: match &waiver.terms.compensating {
            None => "none stated".to_owned(),
            Some(text) => format!("sha256:{text}"),
        },
        requester: person(&waiver.asked_by)?,
        approvers: [person(first)?, person(second)?],
        reason_ref: hash(&waiver.reason),
        valid_until: utc(waiver.until)?,
    };
    let digest = DigestSet::sha256(hash(&waiver.statement(id)));
    about(vec![StatementSubject { name: id.to_string(), digest }], &predicate)
}
