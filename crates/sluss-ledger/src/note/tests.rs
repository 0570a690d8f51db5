//! Notes of other programs are accepted, spoiled ones are refused.

use super::*;

/// The example key and note of the Go implementation, whose format C2SP wrote down.
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvq\
    fqdngotpRZb6KE6RyyBwJnAM=\n";

fn key(name: &str, seed: u8) -> LogKey {
    LogKey::from_seed(name.parse().unwrap(), [seed; 32])
}

#[test]
fn a_note_of_another_implementation_verifies() {
    let known = [VKEY.parse::<LogVerifier>().unwrap()];
    assert_eq!(known[0].to_string(), VKEY);
    let note = Note::parse(NOTE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), NOTE);
    let verified = note.verify(&known).unwrap();
    assert!(verified.text().ends_with("your problem is.\n"));
    assert_eq!(verified.signed_by(), known);
}

#[test]
fn what_is_signed_here_verifies_here() {
    let key = key("sluss.bank.example/ledger", 7);
    let note = Note::sign("one\n\ntwo\n", &key).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read, note);
    assert_eq!(read.verify(&[key.verifier()]).unwrap().text(), "one\n\ntwo\n");
    assert_eq!(key.verifier().to_string().parse(), Ok(key.verifier()));
    assert!(!format!("{key:?}").contains('7'));
}

#[test]
fn an_edited_text_is_refused() {
    let known = [VKEY.parse().unwrap()];
    let note = Note::parse(NOTE.replace("think", "thank").as_bytes()).unwrap();
    assert!(matches!(note.verify(&known), Err(NoteError::BadSignature { .. })));
}

#[test]
fn unknown_keys_are_ignored_but_one_known_key_must_have_signed() {
    let (log, other) = (key("log", 1), key("other", 2));
    let note = Note::sign("text\n", &log).unwrap().with(other.sign("another text\n"));
    assert_eq!(note.verify(&[log.verifier()]).unwrap().signed_by().len(), 1);
    let failed = note.verify(&[log.verifier(), other.verifier()]);
    assert!(
        matches!(failed, Err(NoteError::BadSignature { name, .. }) if name.as_str() == "other")
    );
    assert_eq!(note.verify(&[key("third", 3).verifier()]), Err(NoteError::NoKnownKey));
    let same_name = note.verify(&[key("log", 3).verifier()]);
    assert_eq!(same_name, Err(NoteError::NoKnownKey));
}

#[test]
fn a_known_key_with_a_signature_of_the_wrong_length_is_refused() {
    let log = key("log", 1);
    let mut short = log.sign("text\n");
    short.bytes.pop();
    let note = Note::sign("text\n", &log).unwrap().with(short);
    assert!(matches!(note.verify(&[log.verifier()]), Err(NoteError::BadSignature { .. })));
}

#[test]
fn many_signatures_are_accepted_and_far_too_many_are_not() {
    let log = key("log", 1);
    let mut note = Note::sign("text\n", &log).unwrap();
    for seed in 1..=99 {
        note = note.with(key("witness", seed).sign("text\n"));
    }
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read.signatures().len(), 100);
    assert!(read.verify(&[log.verifier()]).is_ok());
    let over = note.with(log.sign("text\n")).to_string();
    assert_eq!(Note::parse(over.as_bytes()), Err(NoteError::TooLarge));
}

#[test]
fn malformed_notes_are_refused() {
    let signature = "\u{2014} log AAAAAAA=\n";
    assert!(Note::parse(format!("text\n\n{signature}").as_bytes()).is_ok());
    for bad in [
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        format!("text\n{signature}"),
        format!("text\n\n{}", signature.trim_end()),
        format!("text\n\n{signature}\n"),
        format!("te\txt\n\n{signature}"),
        format!("te\rxt\n\n{signature}"),
        format!("te\0xt\n\n{signature}"),
        "text\n\n\u{2014} log AAAAAA==\n".to_owned(),
        "text\n\n\u{2014} log AAAAAAA\n".to_owned(),
        "text\n\n\u{2014} log AAAAAAB=\n".to_owned(),
        "text\n\n- log AAAAAAA=\n".to_owned(),
        "text\n\n\u{2014} l+g AAAAAAA=\n".to_owned(),
        "text\n\n\u{2014}  AAAAAAA=\n".to_owned(),
        "text\n\n\u{2014} log  AAAAAAA=\n".to_owned(),
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(b"te\xff\n\n").is_err());
    assert_eq!(Note::sign("no newline", &key("log", 1)), Err(NoteError::Text));
}

#[test]
fn malformed_keys_are_refused() {
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
        assert_eq!(name.parse::<KeyName>(), Err(NoteError::KeyName(name.to_owned())));
    }
    for vkey in [
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("Neumann", "Newman"),
        VKEY.replace("10TW", ""),
        "log+00000000".to_owned(),
        String::new(),
    ] {
        assert!(matches!(vkey.parse::<LogVerifier>(), Err(NoteError::Vkey(_))), "{vkey}");
    }
    let ecdsa = "log+00000000+Ag==".parse::<LogVerifier>();
    assert_eq!(ecdsa, Err(NoteError::KeyType { found: 2 }));
}
