//! What the calendar said, where the log says so: that it is here whole, of the calendar that was
//! in force, and that nothing was begun against it as if it had allowed it.

use serde_json::Value;

use super::SignedEvent;
use super::approvals::at;
use super::decisions::in_force;
use super::opened::Opened;
use crate::dossier::layout::blob_path;
use crate::dossier::report::Failure;
use crate::hash::Hash;

/// Checks the calendar's last answer before a deployment was begun.
pub(super) fn answered(opened: &Opened<'_>, start: &SignedEvent) -> Vec<Failure> {
    let of_stream = |(signed, _): &(&SignedEvent, &Value)| {
        signed.event.stream == start.event.stream && signed.index < start.index
    };
    let told = || opened.told().filter(of_stream);
    let decided = told()
        .filter(|(signed, data)| signed.event.kind == "gate.decided" && data["gate"] == "freeze");
    let Some((gate, decided)) = decided.last() else { return vec![] };
    let said = told()
        .filter(|(signed, _)| signed.event.kind == "freeze.decided" && signed.index < gate.index);
    let Some((signed, said)) = said.last() else { return vec![] };
    let mut failures = Vec::new();
    if decided["outcome"]["why"] == "no_freeze" && said["allowed"] != true {
        failures
            .push(at(start, "it was begun as if no freeze covered it, and one did (core.freeze)"));
    }
    let organisation = in_force(opened, signed);
    if organisation.is_some_and(|of| of["calendar"] != said["calendar"]) {
        failures.push(at(signed, "it was said by another calendar than the one in force"));
    }
    failures.extend(whole(opened, signed, said).err());
    failures
}

/// All that the calendar said is here, and says the same as the event.
fn whole(opened: &Opened<'_>, signed: &SignedEvent, said: &Value) -> Result<(), Failure> {
    let digest = said["says"].as_str().and_then(|text| text.parse::<Hash>().ok());
    let digest = digest.ok_or_else(|| at(signed, "it does not say where the answer is"))?;
    let path = blob_path(&digest);
    let wrong = |why: &str| Failure::new(why).file(&path).leaf(signed.index);
    let Some(bytes) = opened.files.get(&path) else {
        return match opened.disposed(&digest, signed.index) {
            true => Ok(()),
            false => Err(wrong("what the calendar said is missing")),
        };
    };
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let same = Hash::sha256(bytes) == digest
        && answer["allowed"] == said["allowed"]
        && answer["until_ms"] == said["until"]
        && answer["windows"] == said["windows"]
        && answer["tzdb_version"] == said["tzdb_version"];
    same.then_some(()).ok_or_else(|| wrong("this is not what the calendar said"))
}
