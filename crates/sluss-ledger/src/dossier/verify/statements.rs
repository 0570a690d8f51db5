//! What an approval's statement says, beside what the log says: the commit, the place, the time for
//! which it counts, and the digest of the evidence, which is made again from the events.
//!
//! Not here: what differs from what was live, and the digests of rules and configuration, which no
//! file of a dossier is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::SignedEvent;
use super::opened::Opened;
use crate::dossier::layout::blob_path;
use crate::hash::Hash;

/// The form that is checked here; others say less, and what they say is checked elsewhere.
const FORMAT: &str = "urn:sluss/statement/v1";
/// What was decided in time may be written so much later, in milliseconds.
const WRITTEN_LATER_MS: i64 = 60_000;

/// Returns what is wrong with a statement that the event `signed` grants, if anything is.
pub(super) fn wrong(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    statement: &Value,
) -> Option<&'static str> {
    if statement["format"] != FORMAT {
        return None;
    }
    let stream = &signed.event.stream;
    let own = opened.own_streams();
    let requested = opened.told().find(|(event, _)| {
        event.event.stream == *stream && event.event.kind == "deployment.requested"
    });
    let environment = requested.map(|(_, data)| &data["environment"]);
    let environments = statement["environments"].as_array();
    let there = |all: &Vec<Value>| all.len() == 1 && all.first() == environment;
    if !environments.is_some_and(there) {
        return Some("what was approved goes elsewhere");
    }
    let pushed = opened.told().find(|(event, _)| {
        event.event.kind == "change.pushed" && own.contains(&event.event.stream)
    });
    if pushed.is_none_or(|(_, data)| data["push"]["commit"] != statement["commit"]) {
        return Some("what was approved is another commit");
    }
    let times = statement["valid_from"].as_i64().zip(statement["valid_until"].as_i64());
    let at = signed.event.time_ms;
    let in_time = |(from, until): (i64, i64)| from <= at && at < until + WRITTEN_LATER_MS;
    if !times.is_some_and(in_time) {
        return Some("it was approved outside of the time for which that counts");
    }
    let asked = asked(opened, signed, stream);
    let evidence = evidence(opened, asked).to_string();
    (statement["evidence_sha256"] != evidence.as_str())
        .then_some("what was approved rests on other evidence than there was")
}

/// The leaf at which that was asked; where nobody was asked, that of the approval.
fn asked(opened: &Opened<'_>, signed: &SignedEvent, stream: &str) -> u64 {
    let statement = |data: &Value| data["statement"].as_str().map(str::to_owned);
    let of = opened.event(signed.index).and_then(|(_, data)| statement(data));
    let asks = |(event, data): &(&SignedEvent, &Value)| {
        event.event.kind == "approval.requested"
            && event.event.stream == stream
            && event.index < signed.index
            && statement(data) == of
    };
    opened.told().filter(asks).last().map_or(signed.index, |(event, _)| event.index)
}

/// The digest of the evidence that stood in the log before the leaf `before`: over the digests of
/// the data of the events that say it, sorted, each once, a line each.
pub(super) fn evidence(opened: &Opened<'_>, before: u64) -> Hash {
    let own = opened.own_streams();
    let said = opened.told().filter(|(event, data)| {
        event.index < before
            && own.contains(&event.event.stream)
            && match event.event.kind.as_str() {
                "step.finished" => data["tests"].is_object(),
                "findings.recorded"
                | "performance.measured"
                | "sbom.recorded"
                | "test.result_accepted" => true,
                _ => false,
            }
    });
    let digest = |(event, _): (&SignedEvent, &Value)| {
        Hash::sha256(event.event.data.get().as_bytes()).to_string()
    };
    let lines: BTreeSet<String> = said.map(|of| digest(of) + "\n").collect();
    Hash::sha256(lines.into_iter().collect::<String>().as_bytes())
}

/// Whether an approval of the statement of this digest counted no more at the start of something.
pub(super) fn is_over(opened: &Opened<'_>, statement: &str, start: &SignedEvent) -> bool {
    let digest = statement.strip_prefix("sha256:").unwrap_or(statement).parse::<Hash>();
    let text = digest.ok().and_then(|digest| opened.files.get(&blob_path(&digest)));
    let statement = text.and_then(|text| serde_json::from_slice::<Value>(text).ok());
    let until = statement.and_then(|statement| statement["valid_until"].as_i64());
    until.is_some_and(|until| until + WRITTEN_LATER_MS <= start.event.time_ms)
}
