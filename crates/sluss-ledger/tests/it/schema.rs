//! The published schemas have the fields that are written, and no others.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use sluss_ledger::attest::predicate::{
    Approval, FreezeDecision, Predicate, RolloutVerdict, Scan, VerificationResult, Waiver,
};
use sluss_ledger::attest::{PREDICATE_BASE, predicate};
use sluss_ledger::sample::predicates::{approval, freeze_decision, rollout_verdict, scan, waiver};
use sluss_ledger::sample::summary;

fn schema(name: &str) -> Value {
    let path = format!("../../docs/schema/attestation/{name}.v1.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[track_caller]
fn assert_fields<P: Serialize>(name: &str, sample: &P) {
    let schema = schema(name);
    let sample = serde_json::to_value(sample).unwrap();
    let written: BTreeSet<&String> = sample.as_object().unwrap().keys().collect();
    let known: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(written, known, "{name}");
    let required = schema["required"].as_array().unwrap().len();
    assert_eq!(required, known.len(), "{name}");
}

#[test]
fn every_field_that_is_written_is_in_the_schema() {
    assert_fields("approval", &approval());
    assert_fields("freeze-decision", &freeze_decision());
    assert_fields("waiver", &waiver());
    assert_fields("scan", &scan());
    assert_fields("rollout-verdict", &rollout_verdict());
    assert_fields("verification-summary", &summary(VerificationResult::Failed, vec![]));
}

#[test]
fn our_predicates_are_of_our_base_and_their_schemas_are_called_so() {
    for (name, kind) in [
        ("approval", Approval::TYPE),
        ("freeze-decision", FreezeDecision::TYPE),
        ("waiver", Waiver::TYPE),
        ("rollout-verdict", RolloutVerdict::TYPE),
        ("scan", Scan::TYPE),
    ] {
        assert_eq!(kind, format!("{PREDICATE_BASE}/attestation/{name}/v1"));
        assert_eq!(schema(name)["$id"], kind);
    }
    assert_eq!(
        predicate::Provenance::BUILD_TYPE,
        format!("{PREDICATE_BASE}/buildtype/pipeline/v1")
    );
}

#[test]
fn what_breaks_its_own_rules_is_not_written() {
    let mut one = waiver();
    one.approvers[1] = one.approvers[0];
    assert!(one.check().is_err());
    let mut own = waiver();
    own.approvers[0] = own.requester;
    assert!(own.check().is_err());
    let mut core = waiver();
    core.control_ids.push("core.sod.contributor".to_owned());
    assert!(core.check().is_err());
    let mut blind = rollout_verdict();
    blind.result = predicate::RolloutResult::NoData;
    assert!(blind.check().is_err());
    let mut alone = freeze_decision();
    let by = alone.overridden.as_mut().unwrap();
    by.persons[1] = by.persons[0];
    assert!(alone.check().is_err());
    let mut nobody = approval();
    nobody.person_ref = sluss_ledger::Hash::ZERO;
    assert!(nobody.check().is_err());
}
