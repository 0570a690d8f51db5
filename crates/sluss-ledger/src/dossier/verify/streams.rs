//! Streams: numbered and chained without a gap, sealed, and in the order of time.

use std::collections::BTreeMap;

use serde_json::Value;

use super::opened::Opened;
use super::{SignedEvent, Timestamps, signed};
use crate::attest::UtcTime;
use crate::dossier::layout::event_path;
use crate::dossier::manifest::StreamExtent;
use crate::dossier::report::{Failure, Outcome};
use crate::dossier::trust::Trust;
use crate::hash::Hash;

fn at(signed: &SignedEvent, why: impl std::fmt::Display) -> Failure {
    Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
}

/// Numbers, previous hashes and what the manifest says of each stream.
pub(super) fn contiguity(opened: &Opened<'_>) -> Outcome {
    let mut failures = opened.bad_events.clone();
    let mut streams: BTreeMap<&str, StreamExtent> = BTreeMap::new();
    let own = opened.own_streams();
    for signed in &opened.events {
        let whole = own.contains(&signed.event.stream);
        failures.extend(follows(&mut streams, signed, whole).err());
    }
    let found: Vec<&StreamExtent> = streams.values().collect();
    let stated: Vec<&StreamExtent> = opened.manifest.streams.iter().collect();
    if found != stated {
        let differs = found
            .iter()
            .chain(&stated)
            .find(|extent| found.contains(*extent) != stated.contains(*extent));
        let name = differs.map_or("", |extent| extent.stream.as_str());
        let why = format!("stream {name:?} is not there as the manifest says");
        failures.push(Failure::new(why).file("manifest.json"));
    }
    for own in own {
        if !streams.get(own.as_str()).is_some_and(|extent| extent.complete) {
            failures.push(Failure::new(format!("stream {own} is not there from its beginning")));
        }
    }
    let (events, count) = (opened.events.len(), streams.len());
    Outcome::of(failures, || format!("{events} events in {count} streams"))
}

/// Adds an event to what is known of its stream. Of one that must not be there `whole` there may be
/// excerpts, from its first event on too; what the manifest says of it holds them together.
fn follows<'a>(
    streams: &mut BTreeMap<&'a str, StreamExtent>,
    signed: &'a SignedEvent,
    whole: bool,
) -> Result<(), Failure> {
    let (event, hash) = (&signed.event, signed.hash);
    let Some(extent) = streams.get_mut(event.stream.as_str()) else {
        let complete = event.seq == 0;
        let extent = StreamExtent {
            stream: event.stream.clone(),
            complete,
            first: event.seq,
            last: event.seq,
            count: 1,
            head: hash,
        };
        streams.insert(&event.stream, extent);
        if complete != (event.prev == Hash::ZERO) {
            return Err(at(signed, "only the first event of a stream follows none"));
        }
        return Ok(());
    };
    let (last, head, complete) = (extent.last, extent.head, extent.complete);
    extent.complete &= event.seq == extent.count;
    (extent.last, extent.head) = (event.seq, hash);
    extent.count += 1;
    let stream = &event.stream;
    if event.seq <= last {
        return Err(at(signed, format!("event {} of {stream} comes after {last}", event.seq)));
    }
    if whole && complete && event.seq != last + 1 {
        let why = format!("event {} of {stream} is missing: {} follows", last + 1, event.seq);
        return Err(at(signed, why));
    }
    if event.seq == last + 1 && event.prev != head {
        return Err(at(signed, format!("it does not follow the event {last} of {stream} here")));
    }
    Ok(())
}

/// What was sealed is there, and nothing came after it unsealed.
pub(super) fn seal(opened: &Opened<'_>) -> Outcome {
    let own = opened.own_stream();
    let told: Vec<_> = opened.told().filter(|(signed, _)| signed.event.stream == own).collect();
    let seals: Vec<_> =
        told.iter().filter(|(signed, _)| signed.event.kind == "release.sealed").collect();
    let Some((last, data)) = seals.last() else {
        return Outcome::Failed(vec![Failure::new(format!("{own} was never sealed"))]);
    };
    let mut failures = Vec::new();
    for (number, (signed, data)) in seals.iter().enumerate() {
        if data["n"] != number as u64 + 1 {
            failures.push(at(signed, format!("this is not seal {}", number + 1)));
        }
        failures.extend(sealed(opened, &own, signed, data).err());
    }
    for part in data["streams"].as_array().into_iter().flatten() {
        let name = part["stream"].as_str().unwrap_or_default();
        failures.extend(sealed(opened, name, last, part).err());
    }
    let after = told.iter().filter(|(signed, _)| {
        signed.event.seq > last.event.seq && signed.event.kind != "dossier.exported"
    });
    let after = after.count();
    if failures.is_empty() && after > 0 {
        let why = format!("{after} events came after seal {} and are not sealed yet", seals.len());
        return Outcome::not_checked(why);
    }
    Outcome::of(failures, || format!("seal {} closes {} events", seals.len(), data["count"]))
}

/// Checks one closed stretch: `count` events from the first on, of which `head` is the last.
fn sealed(
    opened: &Opened<'_>,
    stream: &str,
    seal: &SignedEvent,
    data: &Value,
) -> Result<(), Failure> {
    let (Some(count), Some(head)) = (data["count"].as_u64(), data["head"].as_str()) else {
        return Err(at(seal, "the seal does not say how many events it closes"));
    };
    let before: Vec<_> = opened
        .events
        .iter()
        .filter(|signed| signed.event.stream == stream && signed.index < seal.index)
        .collect();
    if before.len() as u64 != count {
        let found = before.len();
        return Err(at(seal, format!("{count} events of {stream} were sealed, {found} are here")));
    }
    let whole = before.iter().zip(0..).all(|(signed, seq)| signed.event.seq == seq);
    if !whole || before.last().is_none_or(|signed| signed.hash.to_string() != head) {
        return Err(at(seal, format!("the events of {stream} are not those that were sealed")));
    }
    Ok(())
}

/// Times never go back in the order of the log, and a token is as old as the log says.
pub(super) fn timestamps(
    opened: &Opened<'_>,
    trust: &Trust,
    verifier: Option<&dyn Timestamps>,
) -> Outcome {
    let back = opened.events.windows(2).filter(|two| two[1].event.time_ms < two[0].event.time_ms);
    let failures: Vec<_> =
        back.map(|two| at(&two[1], "it is dated before the event before it")).collect();
    if !failures.is_empty() {
        return Outcome::Failed(failures);
    }
    let Some(token) = opened.files.get("checkpoint.tsr") else {
        return Outcome::not_checked("there is no time-stamp; times are in the order of the log");
    };
    let (Some(certificate), Some(verifier)) = (trust.tsa(), verifier) else {
        return Outcome::not_checked(
            "there is a time-stamp, but no trusted `tsa.pem` or nothing that reads it; \
             VERIFY.md has the command of openssl",
        );
    };
    let checkpoint = opened.files.get("checkpoint").map(Vec::as_slice).unwrap_or_default();
    let newest = opened.events.last().map_or(i64::MIN, |signed| signed.event.time_ms);
    match verifier.verify(token, checkpoint, certificate) {
        // Clocks may differ by a minute (they are checked against each other to that).
        Ok(stamped) if stamped + 60_000 < newest => {
            let why = "the checkpoint was time-stamped before its newest event";
            Outcome::Failed(vec![Failure::new(why).file("checkpoint.tsr")])
        }
        Ok(stamped) => {
            let stamped = UtcTime::from_ms(stamped).map_or(String::new(), |at| at.to_string());
            let passed = format!("the checkpoint was stamped {stamped}, and times are in order");
            signed::independent(trust, Outcome::Passed(passed))
        }
        Err(why) => Outcome::Failed(vec![Failure::new(why).file("checkpoint.tsr")]),
    }
}
