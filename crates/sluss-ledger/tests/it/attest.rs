//! What attestations hold, and what they refuse.

use sluss_ledger::attest::predicate::{Sbom, VerificationResult, VerificationSummary};
use sluss_ledger::attest::{
    AttestationVerifier, Bundle, Dsse, DsseError, HashedRekord, IN_TOTO_PAYLOAD, Predicate as _,
    Statement, pae,
};
use sluss_ledger::dossier::build;
use sluss_ledger::sample::{
    self, ORIGIN, Story, attestation_key, log_key, provenance, signed, story, summary, test_result,
};
use sluss_ledger::{LeafKind, lint_leaf};

#[test]
fn what_is_signed_is_that_of_dsse() {
    // The example of the specification, protocol.md.
    let encoded = pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_eq!(pae("", "ü".as_bytes()), "DSSEv1 0  2 ü".as_bytes());
}

#[test]
fn the_same_statement_is_signed_the_same_way_twice() {
    let key = attestation_key(1);
    let (one, two) = (signed(&test_result(), &key), signed(&test_result(), &key));
    assert_eq!(one.unwrap().to_json(), two.unwrap().to_json());
}

#[test]
fn an_envelope_reads_back_in_either_alphabet_and_with_one_signature_only() {
    let key = attestation_key(1);
    let envelope = signed(&test_result(), &key).unwrap();
    let json = envelope.to_json();
    assert_eq!(Dsse::parse(json.as_bytes()).unwrap(), envelope);
    let url_safe = json.replace('+', "-").replace('/', "_");
    let url_safe = url_safe.replace("application_vnd.in-toto-json", IN_TOTO_PAYLOAD);
    assert_ne!(url_safe, json);
    assert_eq!(Dsse::parse(url_safe.as_bytes()).unwrap(), envelope);
    let signature = json.split("\"signatures\":[").nth(1).unwrap().split(']').next().unwrap();
    let two = json.replace(signature, &format!("{signature},{signature}"));
    let none = json.replace(signature, "");
    for (json, count) in [(two, 2), (none, 0)] {
        let refused = Dsse::parse(json.as_bytes());
        assert!(matches!(refused, Err(DsseError::Signatures { found }) if found == count));
    }
    for bad in [
        json.replace("\"payload\"", "\"payload\":\"\",\"payload\""),
        json.replace("{\"payload\"", "{\"more\":1,\"payload\""),
        json.replace("payloadType", "payloadtype"),
        json[1..].to_owned(),
    ] {
        assert!(Dsse::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn another_key_another_payload_and_another_type_are_refused() {
    let key = attestation_key(1);
    let envelope = signed(&test_result(), &key).unwrap();
    let verified = envelope.verify(IN_TOTO_PAYLOAD, key.verifier()).unwrap();
    assert_eq!(verified.key(), key.verifier().id());
    let stranger = envelope.verify(IN_TOTO_PAYLOAD, attestation_key(2).verifier());
    assert!(matches!(stranger, Err(DsseError::Signature { .. })));
    let other = envelope.verify("application/json", key.verifier());
    assert!(matches!(other, Err(DsseError::PayloadType { .. })));
    let json = envelope.to_json();
    let changed = json.replacen("eyJ", "eyK", 1);
    assert_ne!(changed, json);
    let changed = Dsse::parse(changed.as_bytes()).unwrap();
    assert!(changed.verify(IN_TOTO_PAYLOAD, key.verifier()).is_err());
}

#[test]
fn a_public_key_has_one_spelling() {
    let key = attestation_key(1);
    let spki = key.verifier().spki();
    assert_eq!(spki.len(), 91);
    assert_eq!(AttestationVerifier::from_spki(spki).unwrap(), *key.verifier());
    for at in 0..spki.len() {
        let mut bytes = spki.to_vec();
        bytes[at] ^= 1;
        assert!(AttestationVerifier::from_spki(&bytes).is_err(), "byte {at}");
    }
    assert!(AttestationVerifier::from_spki(&[spki, b"\0"].concat()).is_err());
    assert!(!format!("{key:?}").contains("01, 01"));
}

#[test]
fn the_leaf_of_an_attestation_is_one_of_the_log_and_has_one_spelling() {
    let key = attestation_key(1);
    let leaf = HashedRekord::of(&signed(&test_result(), &key).unwrap(), key.verifier());
    let bytes = leaf.to_leaf();
    assert_eq!(lint_leaf(&bytes), Ok(LeafKind::Attestation));
    assert_eq!(HashedRekord::parse(&bytes).unwrap(), leaf);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        // Within digest, signature or key another value is another leaf.
        assert!(!HashedRekord::parse(&changed).is_ok_and(|read| read == leaf), "byte {at}");
    }
}

#[test]
fn a_bundle_verifies_and_no_changed_byte_of_it_does() {
    let key = attestation_key(1);
    let parts = story(&Story::default()).unwrap().parts("rel-1", &log_key(1)).unwrap();
    let files = build(&parts, &key).unwrap();
    let (_, json) = files.iter().find(|(path, _)| path.starts_with("attestations/")).unwrap();
    let bundle = Bundle::parse(json).unwrap();
    let (origin, log) = (ORIGIN.parse().unwrap(), [log_key(1).verifier()]);
    let verified = bundle.verify(key.verifier(), &origin, &log).unwrap();
    assert_eq!(verified.statement().unwrap().predicate_type(), sample::test_result_type());
    assert_eq!(bundle.to_json().as_bytes(), json.as_slice());
    for at in (0..json.len()).step_by(if cfg!(debug_assertions) { 61 } else { 1 }) {
        let mut changed = json.clone();
        changed[at] ^= 1;
        let same = Bundle::parse(&changed)
            .is_ok_and(|read| read.verify(key.verifier(), &origin, &log).is_ok() && read != bundle);
        assert!(!same, "byte {at}");
    }
    assert!(bundle.verify(attestation_key(2).verifier(), &origin, &log).is_err());
    assert!(bundle.verify(key.verifier(), &origin, &[log_key(2).verifier()]).is_err());
}

#[test]
fn a_statement_without_subject_or_digest_is_refused() {
    let good = String::from_utf8(
        signed(&test_result(), &attestation_key(1))
            .unwrap()
            .verify(IN_TOTO_PAYLOAD, attestation_key(1).verifier())
            .unwrap()
            .payload()
            .to_vec(),
    )
    .unwrap();
    assert!(Statement::parse(good.as_bytes()).is_ok());
    let subject = good.split("\"subject\":[").nth(1).unwrap().split("],").next().unwrap();
    let digest = subject.split("\"digest\":").nth(1).unwrap().trim_end_matches('}');
    for bad in [
        good.replace(subject, ""),
        good.replace(&format!("\"digest\":{digest}}}"), "\"digest\":{}"),
        good.replace("\"sha256\":\"", "\"sha256\":\"00"),
        good.replace("Statement/v1", "Statement/v0.1"),
    ] {
        assert_ne!(bad, good);
        assert!(Statement::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_refusal_claims_no_level_and_nothing_claims_a_level_that_slsa_lacks() {
    let failed = summary(VerificationResult::Failed, vec![]);
    assert_eq!(failed.check(), Ok(()));
    let mut passed =
        VerificationSummary { verification_result: VerificationResult::Passed, ..failed.clone() };
    assert!(passed.check().is_err());
    passed.verified_levels = vec!["SLSA_FOUR_EYES".to_owned()];
    assert!(passed.check().is_err());
    passed.verified_levels = vec!["SLUSS_FOUR_EYES".to_owned()];
    assert_eq!(passed.check(), Ok(()));
    let mut lying = failed;
    lying.verified_levels.push("SLSA_BUILD_LEVEL_3".to_owned());
    assert!(signed(&lying, &attestation_key(1)).is_err());
}

#[test]
fn provenance_needs_a_commit_and_refuses_parameters_that_nobody_knows() {
    let good = provenance().unwrap();
    let mut rootless = good.clone();
    rootless.build_definition.resolved_dependencies.clear();
    assert!(signed(&rootless, &attestation_key(1)).is_err());
    let json = serde_json::to_string(&good).unwrap();
    let more =
        json.replace("\"externalParameters\":{", "\"externalParameters\":{\"skip\":\"yes\",");
    assert_ne!(more, json);
    assert!(serde_json::from_str::<sluss_ledger::attest::predicate::Provenance>(&more).is_err());
}

#[test]
fn only_a_bill_of_materials_is_attested_as_one() {
    let sbom = |text: &str| Sbom::from_json(text).unwrap().check();
    assert_eq!(sbom(sample::SBOM), Ok(()));
    assert!(sbom("{}").is_err());
    assert!(sbom(&sample::SBOM.replace("\"1.6\"", "\"1.3\"")).is_err());
}
