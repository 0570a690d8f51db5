//! The contract of `Log`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;
use sluss_core::units::Millis;
use sluss_ledger::{Hash, StreamChecker};
use sluss_store::{
    AppendError, Appended, Attestation, Draft, Log, Refusal, SqliteLog, command_digest, is_stream,
};

use sluss_store::verify::{self, Scope};

use crate::world::{World, append, draft, numbered, open};

#[tokio::test]
async fn events_are_numbered_in_the_log_and_in_their_streams() {
    let world = World::new().await;
    let log = &world.log;
    let first = append(log, vec![draft("run/run-1", json!({})), draft("access", json!({}))]).await;
    let second = append(log, vec![draft("run/run-1", json!({ "x": 1 })).caused_by(1)]).await;
    let numbers = |events: &[sluss_store::Sealed]| {
        events.iter().map(|event| (event.position, event.seq)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&first), [(0, 0), (1, 0)]);
    assert_eq!(numbers(&second), [(2, 1)]);
    let read = log.stream("run/run-1", 1, 10).await.unwrap();
    assert_eq!(numbers(&read), [(2, 1)]);
    assert_eq!(read[0].body.get(), r#"{"x":1}"#);
    assert_eq!(read[0].cause, Some(1));
    assert_eq!(read[0].bytes, second[0].bytes);
    assert_eq!(numbers(&log.read(1, 1).await.unwrap()), [(1, 0)]);
    assert_eq!(log.read(3, 10).await.unwrap().len(), 0);
    assert_eq!(log.size().await.unwrap(), 3);
    let mut checker = StreamChecker::new();
    for event in log.read(0, 10).await.unwrap() {
        assert_eq!(checker.feed(event.position, &event.bytes).unwrap().hash, event.hash);
    }
}

#[tokio::test]
async fn a_writer_whose_stream_moved_loses_and_one_whose_did_not_never_does() {
    let world = World::new().await;
    let log = &world.log;
    append(log, vec![draft("run/run-1", json!({}))]).await;
    let at = |stream: &str, next: u64| [(stream.to_owned(), next)];
    let moved = log.append(&at("run/run-1", 0), vec![numbered(1)], None).await;
    assert!(matches!(
        moved,
        Err(AppendError::Moved { stream, expected: 0, found: 1 }) if stream == "run/run-1"
    ));
    let ahead = log.append(&at("run/run-9", 3), vec![numbered(1)], None).await;
    assert!(matches!(ahead, Err(AppendError::Moved { expected: 3, found: 0, .. })));
    assert_eq!(log.size().await.unwrap(), 1);
    let two = [("run/run-1".to_owned(), 1), ("run/run-2".to_owned(), 0)];
    let drafts = vec![draft("run/run-1", json!({})), draft("run/run-2", json!({}))];
    let won = log.append(&two, drafts, None).await.unwrap();
    assert_eq!(won.events().len(), 2);
}

#[tokio::test]
async fn of_many_writers_at_one_number_exactly_one_wins() {
    let world = World::new().await;
    for round in 0..5 {
        let writers: Vec<_> = (0..32)
            .map(|_| {
                let log = Arc::clone(&world.log);
                tokio::spawn(async move {
                    let at = [("run/run-1".to_owned(), round)];
                    log.append(&at, vec![draft("run/run-1", json!({}))], None).await.is_ok()
                })
            })
            .collect();
        let mut won = 0;
        for writer in writers {
            won += u32::from(writer.await.unwrap());
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn a_repeated_command_answers_as_the_first_time() {
    let world = World::new().await;
    let log = &world.log;
    let at = [("run/run-1".to_owned(), 0)];
    let drafts = || vec![draft("run/run-1", json!({})), draft("access", json!({}))];
    let first = log.append(&at, drafts(), Some("approve 7")).await.unwrap();
    assert!(matches!(first, Appended::New(_)));
    let expected: Vec<_> = first.events().iter().map(|event| event.hash).collect();
    assert_eq!(first.events()[0].command_key, Some(command_digest("approve 7")));
    let again = log.append(&at, drafts(), Some("approve 7")).await.unwrap();
    assert!(matches!(again, Appended::Repeated(_)));
    let found: Vec<_> = again.into_events().iter().map(|event| event.hash).collect();
    assert_eq!(found, expected);
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let log = Arc::clone(&world.log);
            tokio::spawn(
                async move { log.append(&[], vec![numbered(1)], Some("once")).await.unwrap() },
            )
        })
        .collect();
    let (mut new, mut positions) = (0, BTreeSet::new());
    for writer in writers {
        let appended = writer.await.unwrap();
        new += u32::from(matches!(appended, Appended::New(_)));
        positions.insert(appended.events()[0].position);
    }
    assert_eq!((new, positions), (1, BTreeSet::from([2])));
    let (data, clock) = world.close().await;
    let log = open(data.path(), &clock).await.unwrap();
    let later = log.append(&at, drafts(), Some("approve 7")).await.unwrap();
    assert!(matches!(later, Appended::Repeated(events) if events[0].hash == expected[0]));
    assert_eq!(log.size().await.unwrap(), 3);
}

async fn refusal(log: &SqliteLog, drafts: Vec<Draft>, key: Option<&str>) -> (usize, Refusal) {
    match log.append(&[], drafts, key).await {
        Err(AppendError::Refused { index, why, .. }) => (index, why),
        other => panic!("it should have been refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_append_with_a_draft_that_is_refused_leaves_nothing() {
    let world = World::new().await;
    let log = &world.log;
    let raw =
        |body: &str| Draft { body: RawValue::from_string(body.to_owned()).unwrap(), ..numbered(1) };
    let large = json!({ "text": "x".repeat(70_000) });
    let cases = [
        draft("run/run-1", large),
        raw(r#"{"a":1,"a":2}"#),
        raw(r#"{"a":1.5}"#),
        raw("[1]"),
        raw(r#"{"a": 1}"#),
        draft("Run/../x", json!({})),
        Draft { kind: "Happened".to_owned(), ..numbered(1) },
        numbered(1).caused_by(1),
    ];
    for case in cases {
        let (index, _) = refusal(log, vec![draft("run/run-1", json!({})), case], None).await;
        assert_eq!(index, 1);
    }
    let many = (0..5000).map(numbered).collect();
    assert!(matches!(refusal(log, many, None).await.1, Refusal::TooMany { .. }));
    let none = refusal(log, vec![numbered(1)], Some("")).await;
    assert!(matches!(none.1, Refusal::CommandKey { found: 0 }));
    assert_eq!(log.size().await.unwrap(), 0);
    assert_eq!(append(log, vec![draft("run/run-1", json!({}))]).await[0].seq, 0);
    assert_eq!(log.append(&[], vec![], None).await.unwrap().events().len(), 0);
}

#[test]
fn names_of_streams_are_plain() {
    for name in ["access", "log", "run/run-7", "env/production", "release/r-2041", "a/b/c"] {
        assert!(is_stream(name), "{name}");
    }
    let long = "a".repeat(201);
    for name in ["", "/", "run/", "/run", "run//7", "Run/7", "run/..", "run/a b", "run/é", &long] {
        assert!(!is_stream(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_what_64_writers_append_at_once_nothing_is_lost() {
    let world = World::new().await;
    let mut watch = world.log.subscribe();
    let writers: Vec<_> = (0..64_u64)
        .map(|writer| {
            let log = Arc::clone(&world.log);
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0..25_u64 {
                    let count = 1 + number % 3;
                    let drafts = (0..count).map(|_| numbered(writer)).collect();
                    for event in append(&log, drafts).await {
                        acknowledged.push((event.position, event.hash));
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        for (position, hash) in writer.await.unwrap() {
            assert_eq!(acknowledged.insert(position, hash), None, "position {position} twice");
        }
    }
    let size = acknowledged.len() as u64;
    assert_eq!(acknowledged.last_key_value().map(|(position, _)| position + 1), Some(size));
    assert_eq!(*watch.borrow_and_update(), size);
    let mut checker = StreamChecker::new();
    for event in world.log.read(0, usize::MAX >> 1).await.unwrap() {
        assert_eq!(acknowledged[&event.position], Hash::leaf(&event.bytes));
        checker.feed(event.position, &event.bytes).unwrap();
    }
    assert_eq!(checker.head().size, size);
}

#[tokio::test]
async fn time_does_not_go_backwards_and_a_jump_is_noticed_until_it_is_confirmed() {
    let world = World::new().await;
    let (log, clock) = (&world.log, &world.clock);
    let stamp = async || append(log, vec![numbered(1)]).await[0].clone();
    let start = stamp().await.time;
    clock.set_wall(start.plus(-30_000));
    let back = stamp().await;
    assert_eq!(back.time, start);
    assert!(String::from_utf8_lossy(&back.bytes).contains(r#""skew":true,"#));
    clock.set_wall(start);
    clock.advance(5);
    assert_eq!(stamp().await.time, start.plus(5));
    let year = Millis(start.0 + 365 * 86_400_000);
    clock.set_wall(year);
    assert!(log.clock_jumped());
    assert_eq!(stamp().await.time, start.plus(5));
    log.confirm_clock();
    assert!(!log.clock_jumped());
    assert_eq!(stamp().await.time, year);
}

#[tokio::test]
async fn the_place_of_an_event_is_proven_by_a_file_that_stands_alone() {
    let world = World::new().await;
    world.fill(300).await;
    let event = append(&world.log, vec![numbered(1)]).await.remove(0);
    let origin = crate::world::ORIGIN.parse().unwrap();
    for position in [0, 255, 256, event.position] {
        let inclusion = world.log.inclusion(position).await.unwrap();
        let proof: sluss_ledger::TlogProof = inclusion.proof.parse().unwrap();
        let leaf = Hash::leaf(&inclusion.leaf);
        let known = [world.log.verifier().clone()];
        let checkpoint = proof.verify(&leaf, &origin, &known).unwrap();
        assert_eq!((proof.index, checkpoint.head().size), (position, inclusion.size));
    }
    assert!(world.log.inclusion(event.position + 1).await.is_err());
    let vkey = std::fs::read_to_string(world.path("keys/log.vkey")).unwrap();
    assert_eq!(vkey.trim_end(), world.log.verifier().to_string());
}

#[tokio::test]
async fn a_checkpoint_follows_an_append_within_a_second() {
    let world = World::new().await;
    let mut in_time = 0;
    for _ in 0..5 {
        let last = append(&world.log, vec![numbered(1)]).await.remove(0);
        let waiting = world.log.published(last.position + 1);
        let published = tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await;
        in_time += u32::from(published.is_ok_and(|published| published));
    }
    // A machine that does much else besides may miss it now and then.
    assert!(in_time >= 3, "{in_time} of 5");
}

#[tokio::test]
async fn a_closed_log_takes_nothing_more() {
    let world = World::new().await;
    world.log.close().await;
    let refused = world.log.append(&[], vec![numbered(1)], None).await;
    assert!(matches!(refused, Err(AppendError::Unavailable { .. })));
}

fn attested(stream: &str, number: u8) -> Draft {
    let leaf = format!(r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"n":{number}}}}}"#);
    let attestation = Attestation {
        leaf: leaf.into_bytes(),
        pae: Hash::leaf(&[number]),
        predicate: "https://slsa.dev/provenance/v1".to_owned(),
    };
    Draft { attestation: Some(attestation), ..draft(stream, json!({})) }
}

#[tokio::test]
async fn an_attestation_is_the_leaf_before_the_event_that_names_it() {
    let world = World::new().await;
    append(&world.log, vec![numbered(1)]).await;
    let events = append(&world.log, vec![attested("release/rel-1", 1)]).await;
    assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        (events[0].kind.as_str(), events[0].stream.as_str()),
        ("attestation", "attestations")
    );
    let text = String::from_utf8_lossy(&events[1].bytes);
    assert!(text.contains(r#""atts":[{"leaf":1,"pae":""#), "{text}");
    append(&world.log, vec![attested("release/rel-1", 2)]).await;
    let (data, clock) = world.close().await;
    let report = verify::verify(data.path(), Scope::Log).await.unwrap();
    assert!(report.ok, "{:#?}", report.findings);
    let log = &open(data.path(), &clock).await.unwrap();
    let mut checker = StreamChecker::new();
    let read = log.read(0, 10).await.unwrap();
    for leaf in &read {
        assert_eq!(
            checker.feed(leaf.position, &leaf.bytes).unwrap().event.is_none(),
            leaf.kind == "attestation"
        );
    }
    assert_eq!(read.iter().map(|leaf| leaf.seq).collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
    let more = log.append(&[], vec![attested("release/rel-1", 3)], None).await.unwrap();
    assert_eq!(more.events()[0].seq, 2, "it goes on where it was");
    let event = log.append(&[], vec![draft("attestations", json!({}))], None).await;
    assert!(matches!(event, Err(AppendError::Refused { why: Refusal::Stream, .. })));
    let mut wrong = attested("release/rel-1", 4);
    wrong.attestation.as_mut().unwrap().leaf = read[0].bytes.to_vec();
    let refused = log.append(&[], vec![wrong], None).await;
    assert!(matches!(refused, Err(AppendError::Refused { why: Refusal::Unsealable(_), .. })));
    assert_eq!(log.size().await.unwrap(), 7);
}
