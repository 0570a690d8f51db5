//! Every way of tampering with a log is named with the entry where it shows.

use std::error::Error;

use expect_test::{Expect, expect};
use serde_json::value::RawValue;

use super::*;
use crate::envelope::{Actor, ActorKind};

const ATTESTATION: &[u8] = br#"{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{}}"#;

/// Writes valid logs: each event is `(stream, time_ms)`.
#[derive(Default)]
struct Writer {
    streams: BTreeMap<String, StreamHead>,
    leaves: Vec<Vec<u8>>,
}

impl Writer {
    fn write(&mut self, stream: &str, time_ms: i64) {
        let head = self.streams.get(stream);
        let event = Envelope {
            stream: stream.to_owned(),
            seq: head.map_or(0, |head| head.seq + 1),
            prev: head.map_or(Hash::ZERO, |head| head.hash),
            kind: "step.started".to_owned(),
            time_ms,
            id: "019ab3f0-7a3c-7c11-8f5e-6f1f6f0a1b2c".to_owned(),
            occurred_ms: time_ms,
            source: "https://sluss.example".to_owned(),
            cause: None,
            command_key: None,
            actor: Actor {
                kind: ActorKind::System,
                reference: Hash::ZERO,
                acts_for: None,
                login: None,
            },
            subject: vec![],
            refs: vec![],
            atts: vec![],
            skew: false,
            data: RawValue::from_string(r#"{"attempt":1}"#.to_owned()).unwrap(),
        };
        let leaf = event.seal().unwrap();
        let head = StreamHead { seq: event.seq, hash: Hash::leaf(&leaf) };
        self.streams.insert(event.stream, head);
        self.leaves.push(leaf);
    }
}

/// Entries 0 to 5: run/1, run/2, run/1, attestation, run/1, run/2, at 10 ms steps.
fn log() -> Vec<Vec<u8>> {
    let mut writer = Writer::default();
    writer.write("run/1", 10);
    writer.write("run/2", 20);
    writer.write("run/1", 20);
    writer.leaves.push(ATTESTATION.to_vec());
    writer.write("run/1", 30);
    writer.write("run/2", 40);
    writer.leaves
}

fn audit(leaves: &[Vec<u8>]) -> Result<StreamChecker, AuditError> {
    let mut checker = StreamChecker::new();
    for (index, leaf) in (0..).zip(leaves) {
        checker.feed(index, leaf)?;
    }
    Ok(checker)
}

/// Tampers with the log and writes down the error with its causes, a line each. Hashes appear
/// as the leaf that they are of.
fn check(tamper: impl FnOnce(&mut Vec<Vec<u8>>), expected: Expect) {
    let good = log();
    let mut leaves = log();
    tamper(&mut leaves);
    let error = audit(&leaves).unwrap_err();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n{error}");
        cause = error.source();
    }
    for (name, log) in [("good", &good), ("tampered", &leaves)] {
        for (index, leaf) in log.iter().enumerate() {
            text = text.replace(&Hash::leaf(leaf).to_string(), &format!("<{name} {index}>"));
        }
    }
    expected.assert_eq(&text);
}

fn edit(leaf: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(leaf.clone()).unwrap();
    assert!(text.contains(from));
    *leaf = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_good_log_is_accepted_and_its_root_known() {
    let leaves = log();
    let checker = audit(&leaves).unwrap();
    let tree: crate::tree::MemoryTree = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
    assert_eq!(checker.head(), tree.frontier().head());
    let last = StreamHead { seq: 2, hash: Hash::leaf(&leaves[4]) };
    assert_eq!(checker.stream("run/1"), Some(last));
    assert_eq!(checker.streams().map(|(stream, _)| stream).collect::<Vec<_>>(), ["run/1", "run/2"]);
    assert_eq!(checker.stream("run/3"), None);
}

#[test]
fn a_deleted_event_is_named() {
    check(
        |log| drop(log.remove(2)),
        expect!["entry 3 is event 2 of run/1, where event 1 comes next"],
    );
}

#[test]
fn an_inserted_event_is_named() {
    check(
        |log| log.insert(3, log[2].clone()),
        expect!["entry 3 is event 1 of run/1, where event 2 comes next"],
    );
}

#[test]
fn reordered_events_are_named() {
    check(|log| log.swap(2, 4), expect!["entry 2 is event 2 of run/1, where event 1 comes next"]);
}

#[test]
fn an_edited_event_is_named_by_the_next_of_its_stream() {
    check(
        |log| edit(&mut log[2], r#""attempt":1"#, r#""attempt":2"#),
        expect!["entry 4 of run/1 follows <good 2>, but the event before it is <tampered 2>"],
    );
}

#[test]
fn time_that_goes_backwards_is_named() {
    check(
        |log| edit(&mut log[5], r#""time_ms":40"#, r#""time_ms":29"#),
        expect!["entry 5 of run/2 was taken at 29 ms, before 30 ms"],
    );
}

#[test]
fn a_leaf_of_a_third_kind_is_named() {
    check(
        |log| log[3] = b"{}".to_vec(),
        expect![[r#"
        entry 3 is not a valid leaf
        neither an event nor an attestation begins at byte 0"#]],
    );
}

#[test]
fn a_duplicate_key_is_named_with_its_byte() {
    check(
        |log| edit(&mut log[4], r#"{"attempt":1"#, r#"{"attempt":1,"attempt":2"#),
        expect![[r#"
        entry 4 is not a valid leaf
        duplicate key "attempt" at byte 448"#]],
    );
}

#[test]
fn an_event_with_a_key_too_few_is_named() {
    check(
        |log| edit(&mut log[4], r#""cause":null,"#, ""),
        expect![[r#"
        entry 4 is not a valid event
        the envelope is not written as it should be from byte 237 on"#]],
    );
}

#[test]
fn a_log_without_its_beginning_is_refused() {
    check(
        |log| drop(log.drain(..4)),
        expect!["entry 0 is event 2 of run/1, where event 0 comes next"],
    );
}

#[test]
fn a_refused_leaf_leaves_the_checker_where_it_stood() {
    let leaves = log();
    let mut checker = audit(&leaves[..4]).unwrap();
    let before = checker.head();
    assert!(matches!(
        checker.feed(5, &leaves[4]),
        Err(AuditError::Order { expected: 4, found: 5 })
    ));
    assert!(checker.feed(4, &leaves[0]).is_err());
    assert_eq!(checker.head(), before);
    assert!(checker.feed(4, &leaves[4]).unwrap().event.is_some());
}

#[test]
fn twenty_thousand_leaves_of_many_streams_are_audited() {
    let mut writer = Writer::default();
    for number in 0..20_000 {
        writer.write(&format!("run/{}", number % 97), number);
    }
    let checker = audit(&writer.leaves).unwrap();
    assert_eq!(checker.head().size, 20_000);
}
