//! Events as a delivery makes them: many streams, each chained, about 550 bytes a leaf.

use std::collections::HashMap;
use std::error::Error;

use serde_json::value::RawValue;
use sluss_ledger::{Actor, ActorKind, Envelope, Hash, StreamHead, Subject, SubjectDigest};

/// When the log begins, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_795_255_200_000;

/// Leaves of a log, one after the other.
#[derive(Debug, Default)]
pub struct Events {
    next: u64,
    streams: HashMap<String, StreamHead>,
}

impl Events {
    /// Returns the bytes of the next leaf and its leaf hash.
    pub fn leaf(&mut self) -> Result<(Vec<u8>, Hash), Box<dyn Error>> {
        let number = self.next;
        let stream = format!("deployment/dep-{}", number / 50);
        let head = self.streams.get(&stream).copied();
        let time_ms = BEGIN_MS + i64::try_from(number)? * 250;
        let digest = Hash::sha256(format!("artifact {}", number / 50).as_bytes());
        let data = format!(
            r#"{{"deployment":"dep-{}","gate":"tests","outcome":{{"cleared":{{"seen":{number}}}}}}}"#,
            number / 50
        );
        let envelope = Envelope {
            stream: stream.clone(),
            seq: head.map_or(0, |head| head.seq + 1),
            prev: head.map_or(Hash::ZERO, |head| head.hash),
            kind: "gate.decided".to_owned(),
            time_ms,
            id: format!("0199a000-0000-7000-8000-{number:012x}"),
            occurred_ms: time_ms - 12,
            source: "urn:sluss:engine".to_owned(),
            cause: number.checked_sub(1),
            command_key: None,
            actor: Actor {
                kind: ActorKind::System,
                reference: Hash::sha256(b"the platform"),
                acts_for: None,
                login: None,
            },
            subject: vec![Subject {
                name: "payments-api".to_owned(),
                digest: SubjectDigest { sha256: digest },
            }],
            refs: vec![],
            atts: vec![],
            skew: false,
            data: RawValue::from_string(data)?,
        };
        let bytes = envelope.seal()?;
        let hash = Hash::leaf(&bytes);
        self.streams.insert(stream, StreamHead { seq: envelope.seq, hash });
        self.next += 1;
        Ok((bytes, hash))
    }
}
