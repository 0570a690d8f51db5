//! Signatures of people's own keys: the right one counts, and each kind of wrong one does not.

use proptest::prelude::*;
use sluss_ledger::Hash;
use sluss_ledger::sample::authenticator::Authenticator;
use sluss_ledger::webauthn::{Asked, PersonKey, SignedDecision, WebauthnFault, register, verify};

const RP: &str = "localhost";
const ORIGIN: &str = "http://localhost:8470";

fn asked(challenge: &Hash) -> Asked<'_> {
    Asked { rp_id: RP, origin: Some(ORIGIN), challenge }
}

fn key_of(authenticator: &Authenticator) -> PersonKey {
    let challenge = Hash::sha256(b"register");
    let (client, object) = authenticator.create(&challenge);
    let made = register(&client, &object, asked(&challenge)).expect("a good credential");
    assert_eq!(made.credential, authenticator.credential);
    assert_eq!(made.aaguid, "07070707-0707-0707-0707-070707070707");
    made.key
}

fn both() -> [Authenticator; 2] {
    [Authenticator::es256(1), Authenticator::ed25519(2)]
}

fn text() -> String {
    format!(
        r#"{{"format":"urn:sluss/decision/v1","decision":"approve","subject":"dep-7","statement":"{}","by":"{}","nonce":"n"}}"#,
        Hash::sha256(b"statement"),
        Hash::sha256(b"bo")
    )
}

#[test]
fn what_a_registered_key_signs_counts_and_its_text_has_one_spelling() {
    for mut authenticator in both() {
        let key = key_of(&authenticator);
        assert_eq!(key.to_string().parse::<PersonKey>(), Ok(key.clone()));
        assert!(key.to_string().to_uppercase().parse::<PersonKey>().is_err());
        let kept = authenticator.sign(&text()).to_bytes();
        let kept = SignedDecision::parse(&kept).unwrap();
        let (said, asserted) = kept.verify(&key, RP, Some(ORIGIN)).unwrap();
        assert_eq!((said.decision.as_str(), said.subject.as_str()), ("approve", "dep-7"));
        assert_eq!(said.by, Hash::sha256(b"bo"));
        assert_eq!(asserted.counter, 1);
        assert!(kept.verify(&key, RP, None).is_ok());
    }
}

#[test]
fn another_key_another_site_another_challenge_and_no_user_do_not_count() {
    use WebauthnFault as F;
    type Change = fn(&mut Authenticator);
    let changes: [(Change, F); 6] = [
        (|a| a.origin = "http://localhost:9999".to_owned(), F::Origin),
        (|a| a.origin = "https://evil.example".to_owned(), F::Origin),
        (|a| a.rp_id = "evil.example".to_owned(), F::Origin),
        (|a| a.flags = 0x01, F::NotVerified),
        (|a| a.flags = 0x04, F::NotVerified),
        (|a| a.flags = 0x45, F::Malformed),
    ];
    for (change, fault) in changes {
        for mut authenticator in both() {
            let key = key_of(&authenticator);
            change(&mut authenticator);
            let kept = authenticator.sign(&text());
            assert_eq!(kept.verify(&key, RP, Some(ORIGIN)), Err(fault));
        }
    }
    let (mut mine, mut theirs) = (Authenticator::es256(1), Authenticator::es256(3));
    let key = key_of(&mine);
    assert_eq!(theirs.sign(&text()).verify(&key, RP, None), Err(F::Signature));
    let (client, data, signature) = mine.get(&Hash::sha256(b"one"));
    let other = Hash::sha256(b"another");
    assert_eq!(verify(&key, &client, &data, &signature, asked(&other)), Err(F::Challenge));
}

#[test]
fn a_page_of_another_site_or_without_tls_is_not_ours() {
    for (origin, right) in [
        ("https://bank.example", true),
        ("https://sluss.bank.example:8443", true),
        ("http://bank.example", false),
        ("https://evilbank.example", false),
        ("https://bank.example.evil.example", false),
        ("https://bank.example/x", false),
        ("bank.example", false),
    ] {
        let mut authenticator = Authenticator::es256(1);
        let key = key_of(&authenticator);
        authenticator.rp_id = "bank.example".to_owned();
        authenticator.origin = origin.to_owned();
        let found = authenticator.sign(&text()).verify(&key, "bank.example", None);
        assert_eq!(found.is_ok(), right, "{origin}");
    }
}

#[test]
fn a_new_credential_must_answer_what_was_asked_with_its_user_verified() {
    let challenge = Hash::sha256(b"register");
    let mut authenticator = Authenticator::es256(1);
    let (client, object) = authenticator.create(&challenge);
    let other = Hash::sha256(b"other");
    let refused = |found: Result<_, WebauthnFault>| found.map(drop).unwrap_err();
    assert_eq!(refused(register(&client, &object, asked(&other))), WebauthnFault::Challenge);
    let (got, ..) = authenticator.get(&challenge);
    assert_eq!(refused(register(&got, &object, asked(&challenge))), WebauthnFault::Malformed);
    for end in 0..object.len() {
        assert!(register(&client, &object[..end], asked(&challenge)).is_err(), "cut at {end}");
    }
    authenticator.flags = 0x01;
    let (client, object) = authenticator.create(&challenge);
    let found = register(&client, &object, asked(&challenge));
    assert_eq!(refused(found), WebauthnFault::NotVerified);
}

proptest! {
    #[test]
    fn no_changed_bit_of_what_was_signed_counts(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for mut authenticator in both() {
            let key = key_of(&authenticator);
            let challenge = Hash::sha256(b"challenge");
            let (client, data, signature) = authenticator.get(&challenge);
            let mut parts = [client, data, signature];
            let total: usize = parts.iter().map(Vec::len).sum();
            let mut place = at.index(total);
            for part in &mut parts {
                match part.get_mut(place) {
                    Some(byte) => { *byte ^= 1 << bit; break }
                    None => place -= part.len(),
                }
            }
            let [client, data, signature] = &parts;
            prop_assert!(verify(&key, client, data, signature, asked(&challenge)).is_err());
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let challenge = Hash::sha256(b"register");
        let (client, _) = Authenticator::es256(1).create(&challenge);
        prop_assert!(register(&client, &bytes, asked(&challenge)).is_err());
        prop_assert!(SignedDecision::parse(&bytes).is_err());
    }
}
