//! The bytes of an envelope, and which bytes are one.

use expect_test::expect;

use super::*;
use crate::leaf::Fault;

fn envelope() -> Envelope {
    Envelope {
        stream: "release/r-2041".to_owned(),
        seq: 17,
        prev: Hash::leaf(b"before"),
        kind: "approval.granted".to_owned(),
        time_ms: 1_795_255_200_000,
        id: "019ab3f0-7a3c-7c11-8f5e-6f1f6f0a1b2c".to_owned(),
        occurred_ms: 1_795_255_199_000,
        source: "https://sluss.bank.example".to_owned(),
        cause: Some(40_111),
        command_key: None,
        actor: Actor {
            kind: ActorKind::Person,
            reference: Hash::sha256(b"someone"),
            acts_for: None,
            login: Some(39_000),
        },
        subject: vec![Subject {
            name: "payments-api".to_owned(),
            digest: SubjectDigest { sha256: Hash::sha256(b"artifact") },
        }],
        refs: vec![Ref { leaf: 40_112, hash: Hash::leaf(b"other") }],
        atts: vec![AttestationRef {
            leaf: 40_113,
            pae: Hash::sha256(b"pae"),
            predicate: "urn:sluss/attestation/approval/v1".to_owned(),
        }],
        skew: false,
        data: RawValue::from_string(r#"{"release":"r-2041"}"#.to_owned()).unwrap(),
    }
}

fn sealed() -> String {
    String::from_utf8(envelope().seal().unwrap()).unwrap()
}

#[test]
fn an_event_has_these_bytes() {
    // The bytes have no newlines: one is added after each comma to keep the lines short.
    expect![[r#"
        {"v":1,
        "stream":"release/r-2041",
        "seq":17,
        "prev":"2f4cb6916fa42005660d363b5da123f6afda6e64f0297462c1e61352215d5ac9",
        "type":"approval.granted",
        "time_ms":1795255200000,
        "id":"019ab3f0-7a3c-7c11-8f5e-6f1f6f0a1b2c",
        "occurred_ms":1795255199000,
        "source":"https://sluss.bank.example",
        "cause":40111,
        "command_key":null,
        "actor":{"kind":"person",
        "ref":"2a59d59e3809f827ce709d3815e3950eef4a6a93af5557a93a7fdfba71460843",
        "acts_for":null,
        "login":39000},
        "subject":[{"name":"payments-api",
        "digest":{"sha256":"c7c5c1d70c5dec4416ab6158afd0b223ef40c29b1dc1f97ed9428b94d4cadb1c"}}],
        "refs":[{"leaf":40112,
        "hash":"20127871bb98506fcb2eb26ab0f726a97fd0407c0314098a4418e31f40ab74a6"}],
        "atts":[{"leaf":40113,
        "pae":"df70a46567bf3f3f35a2f652b6e37c36db22db22b4d158f17a89f45cfce5e6e8",
        "predicate":"urn:sluss/attestation/approval/v1"}],
        "data":{"release":"r-2041"}}"#]]
    .assert_eq(&sealed().replace(",\"", ",\n\""));
}

#[test]
fn skew_is_written_only_where_it_is_true() {
    let mut event = envelope();
    event.skew = true;
    let bytes = String::from_utf8(event.seal().unwrap()).unwrap();
    assert_eq!(bytes.replace(r#""skew":true,"#, ""), sealed());
    assert!(bytes.contains(r#"],"skew":true,"data":{"#));
    assert!(Envelope::open(bytes.as_bytes()).unwrap().skew);
    let spelt_out = bytes.replace(r#""skew":true"#, r#""skew":false"#);
    assert!(matches!(Envelope::open(spelt_out.as_bytes()), Err(OpenError::Spelling { .. })));
}

#[test]
fn what_is_opened_seals_to_the_same_bytes() {
    let event = Envelope::open(sealed().as_bytes()).unwrap();
    assert_eq!(event.seal().unwrap(), sealed().as_bytes());
    assert_eq!(event.data.get(), r#"{"release":"r-2041"}"#);
    assert_eq!(event.actor, envelope().actor);
}

#[test]
fn any_other_spelling_of_an_envelope_is_refused() {
    let good = sealed();
    for (from, to) in [
        (r#""stream":"release/r-2041","seq":17,"#, r#""seq":17,"stream":"release/r-2041","#),
        (r#""acts_for":null,"#, ""),
        (r#""command_key":null,"#, ""),
        (r#""command_key":null,"#, r#""command_key":7,"#),
        (r#""data":"#, r#""more":1,"data":"#),
        (r#""login":39000"#, r#""login":39000,"name":"x""#),
        ("payments-api", "p\\u0061yments-api"),
        ("person", "Person"),
        ("person", "robot"),
        (r#""v":1"#, r#""v":2"#),
        (r#""seq":17"#, r#""seq":-17"#),
        (r#""seq":17"#, r#""seq":17.0"#),
        (r#""seq":17"#, r#""seq":17,"seq":17"#),
        (r#","data":{"release":"r-2041"}"#, ""),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(Envelope::open(bad.as_bytes()).is_err(), "{bad}");
    }
    let upper = good.replace(&Hash::leaf(b"before").to_string(), &"A".repeat(64));
    assert!(matches!(Envelope::open(upper.as_bytes()), Err(OpenError::Json(_))));
}

#[test]
fn an_attestation_is_not_an_event() {
    let leaf = br#"{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{}}"#;
    assert!(matches!(Envelope::open(leaf), Err(OpenError::Attestation)));
}

#[test]
fn an_event_that_is_too_long_is_refused_and_not_cut() {
    let mut event = envelope();
    let room = 65_535 - (sealed().len() - event.data.get().len());
    let text = |length: usize| RawValue::from_string(format!("\"{}\"", "x".repeat(length - 2)));
    event.data = text(room).unwrap();
    assert_eq!(event.seal().unwrap().len(), 65_535);
    event.data = text(room + 1).unwrap();
    let error = event.seal().unwrap_err();
    assert!(matches!(error, SealError::Lint(LintError { fault: Fault::TooLong, .. })));
}

#[test]
fn data_that_is_not_strict_is_refused() {
    for (data, fault) in [
        (r#"{"a": 1}"#, Fault::Whitespace),
        (r#"{"a":1.5}"#, Fault::NotAnInteger),
        (r#"{"a":1,"a":2}"#, Fault::DuplicateKey("a".to_owned())),
    ] {
        let mut event = envelope();
        event.data = RawValue::from_string(data.to_owned()).unwrap();
        assert!(matches!(event.seal(), Err(SealError::Lint(error)) if error.fault == fault));
    }
}
