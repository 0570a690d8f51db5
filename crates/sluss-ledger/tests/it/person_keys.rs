//! Decisions signed by people, in a dossier: verified from its bytes alone, or named.

use serde_json::{Value, json};
use sluss_ledger::Hash;
use sluss_ledger::dossier::{Check, Files, Options, Outcome, Trust, TrustSource, build, verify};
use sluss_ledger::sample::authenticator::Authenticator;
use sluss_ledger::sample::{Draft, Ledger, attestation_key, log_key, person, signed, test_result};
use sluss_ledger::webauthn::{Asked, register};

/// What is told of one approval.
struct Told {
    authenticator: Authenticator,
    /// The flags with which it signs.
    flags: u8,
    origin: &'static str,
    /// What grace signs, over which statement, and as whom.
    word: &'static str,
    over: Hash,
    as_whom: &'static str,
    /// Who registered the key.
    owner: &'static str,
    /// Who vouches for it.
    vouched_by: Option<&'static str>,
    removed: bool,
    registered: bool,
    /// Whether the event names a signature.
    signs: bool,
    /// The rules of the organisation.
    organisation: Value,
    counter: u32,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            authenticator: Authenticator::es256(1),
            flags: 0x05,
            origin: "http://localhost:8470",
            word: "approve",
            over: Hash::sha256(STATEMENT),
            as_whom: "grace",
            owner: "grace",
            vouched_by: Some("ada"),
            removed: false,
            registered: true,
            signs: true,
            organisation: json!({}),
            counter: 1,
        }
    }
}

const STATEMENT: &[u8] = br#"{"service":"payments","environment":"production"}"#;

fn dossier(mut told: Told) -> Files {
    let key = attestation_key(1);
    let mut ledger = Ledger::default();
    let organisation = &told.organisation;
    let proposed = json!({"number": 1, "organisation": organisation});
    ledger.event(Draft::new("config", "config.proposed", proposed));
    ledger.event(Draft::new("config", "config.activated", json!({"number": 1})));
    let challenge = Hash::sha256(b"register");
    let (client, object) = told.authenticator.create(&challenge);
    let asked = Asked { rp_id: "localhost", origin: None, challenge: &challenge };
    let made = register(&client, &object, asked).map(|made| made.key.to_string());
    let owner = person(told.owner).reference;
    let registered = json!({
        "authenticator": "key-1",
        "person": owner,
        "credential": {"key": made.unwrap_or_default(), "rp_id": "localhost"},
    });
    if told.registered {
        let event = Draft::new("access", "authenticator.registered", registered);
        ledger.event(event.by(told.owner));
    }
    if let Some(voucher) = told.vouched_by {
        let vouched = json!({"authenticator": "key-1", "by": person(voucher).reference});
        ledger.event(Draft::new("access", "authenticator.vouched", vouched).by(voucher));
    }
    if told.removed {
        let removed = json!({"authenticator": "key-1", "by": owner});
        ledger.event(Draft::new("access", "authenticator.removed", removed).by(told.owner));
    }
    let tests = ledger.attestation(signed(&test_result(), &key).unwrap(), &key);
    let mut created = Draft::new("release/rel-1", "release.created", json!({"release": "rel-1"}));
    created.atts = vec![tests];
    ledger.event(created);
    let statement = ledger.blob(STATEMENT);
    let text = format!(
        r#"{{"format":"urn:sluss/decision/v1","decision":"{}","subject":"dep-1","statement":"{}","by":"{}","nonce":"n"}}"#,
        told.word,
        told.over,
        person(told.as_whom).reference
    );
    told.authenticator.flags = told.flags;
    told.authenticator.origin = told.origin.to_owned();
    let assertion = ledger.blob(told.authenticator.sign(&text).to_bytes());
    let mut granted =
        json!({"subject": "dep-1", "statement": statement, "by": person("grace").reference});
    if told.signs {
        let counter = told.counter;
        granted["signed"] =
            json!({"authenticator": "key-1", "assertion": assertion, "counter": counter});
    }
    ledger.event(Draft::new("deployment/dep-1", "approval.granted", granted).by("grace"));
    let (count, head) = ledger.head("release/rel-1");
    let seal = json!({"n": 1, "count": count, "head": head});
    ledger.event(Draft::new("release/rel-1", "release.sealed", seal));
    build(&ledger.parts("rel-1", &log_key(1)).unwrap(), &key).unwrap()
}

fn found(files: &Files) -> Outcome {
    let inside = |(path, content): (&String, &Vec<u8>)| {
        Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
    };
    let trust: Files = files.iter().filter_map(inside).collect();
    let trust = Trust::read(&trust, TrustSource::Independent).unwrap();
    verify(files, &trust, &Options::default()).outcome(Check::PersonKeys).clone()
}

#[track_caller]
fn fails(told: Told, reason: &str) {
    match found(&dossier(told)) {
        Outcome::Failed(failures) => {
            let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|one| one.contains(reason)), "{all:?}");
        }
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn an_approval_signed_with_a_key_of_its_person_is_verified_again() {
    for authenticator in [Authenticator::es256(1), Authenticator::ed25519(1)] {
        let told = Told { authenticator, ..Told::default() };
        assert!(matches!(found(&dossier(told)), Outcome::Passed(_)));
    }
}

#[test]
fn each_way_in_which_it_is_not_theirs_or_not_this_is_named() {
    let other = Hash::sha256(b"another statement");
    fails(Told { word: "refuse", ..Told::default() }, "another decision was signed");
    fails(Told { over: other, ..Told::default() }, "another decision was signed");
    fails(Told { as_whom: "ada", ..Told::default() }, "another decision was signed");
    fails(Told { owner: "ada", ..Told::default() }, "not a key of who decided");
    fails(Told { registered: false, ..Told::default() }, "registration of key-1 is missing");
    fails(Told { vouched_by: None, ..Told::default() }, "nobody else had vouched");
    fails(Told { vouched_by: Some("grace"), ..Told::default() }, "nobody else had vouched");
    fails(Told { removed: true, ..Told::default() }, "had been removed");
    fails(Told { counter: 7, ..Told::default() }, "own count");
    fails(Told { flags: 0x01, ..Told::default() }, "did not verify its user");
    fails(Told { origin: "https://evil.example", ..Told::default() }, "another site");
}

#[test]
fn no_changed_byte_of_a_signature_passes() {
    let files = dossier(Told::default());
    let mut changed = files.clone();
    let is_kept = |content: &[u8]| content.starts_with(br#"{"format":"urn:sluss/webauthn/v1""#);
    let path = files.iter().find(|(_, content)| is_kept(content)).map(|(path, _)| path.clone());
    let path = path.expect("the signature is kept");
    for at in 0..files[&path].len() {
        changed.get_mut(&path).unwrap()[at] ^= 1;
        assert!(matches!(found(&changed), Outcome::Failed(_)), "byte {at}");
        changed.get_mut(&path).unwrap()[at] ^= 1;
    }
    changed.remove(&path);
    assert!(matches!(found(&changed), Outcome::Failed(_)));
}

#[test]
fn where_rules_of_the_time_ask_for_signatures_one_that_is_missing_fails() {
    let grace = person("grace").reference;
    let rule = |more: Value| {
        let mut rule = json!({"by_key": true, "slots": {"approvers": 1}});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"approvers": [grace], "approvals": [rule]})
    };
    let unsigned = |organisation: Value| Told { signs: false, organisation, ..Told::default() };
    let reason = "a rule asked for a signature";
    fails(unsigned(json!({"by_key": true})), reason);
    fails(unsigned(rule(json!({}))), reason);
    fails(unsigned(rule(json!({"services": ["payments"]}))), reason);
    for organisation in [
        json!({}),
        rule(json!({"services": ["cards"]})),
        rule(json!({"by_key": false})),
        rule(json!({"slots": {"security": 1}})),
    ] {
        assert!(matches!(found(&dossier(unsigned(organisation))), Outcome::NotChecked(_)));
    }
}
