//! Approvals that a standard change stood for: its model is the one that was agreed to, held at
//! that time, and was agreed to by somebody without a hand in the release; and an attestation says
//! so with the summary of the gate.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::emergencies::{Exception, person};
use super::opened::Opened;
use super::{SignedEvent, approvals};
use crate::attest::Dsse;
use crate::attest::predicate::{Approval, VerificationResult, VerificationSummary};
use crate::dossier::report::Failure;
use crate::hash::Hash;

/// What a summary says of a gate that a standard change opened.
const LEVEL: &str = "SLUSS_STANDARD_CHANGE";

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    what: What<'a>,
}

#[derive(Deserialize)]
struct What<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
}

/// Checks one; `false` where it is in order and not signed yet, or that was disposed of.
pub(super) fn checked(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    data: &Value,
    barred: &BTreeSet<Hash>,
) -> Result<bool, Failure> {
    let wrong = |why: &str| Err(approvals::at(signed, why));
    let digest = |name: &str| data[name].as_str().and_then(|text| text.parse::<Hash>().ok());
    let (Some(model), Some(name)) = (digest("model_sha256"), data["exception"].as_str()) else {
        return wrong("an approval without a person names no model");
    };
    if agreed_to(opened, name, signed) != Some(model) {
        return wrong("the model that stood for an approval is not the one that was agreed to");
    }
    let of = Exception::read(opened, name, signed);
    let Some((asked_by, what, until)) = of.asked else {
        return wrong("the model that stood for an approval is not here");
    };
    if what["kind"] != "standard" {
        return wrong("what stood for an approval is no standard change");
    }
    let stream = format!("exception/{name}");
    let suspended = opened.told().any(|(event, _)| {
        event.event.stream == stream
            && event.event.kind == "exception.suspended"
            && event.index < signed.index
    });
    let ended = of.ended.is_some_and(|at| at < signed.index);
    if suspended || ended || until <= signed.event.time_ms {
        return wrong("the model that stood for an approval held no more");
    }
    let owner = what["model"]["owner"].as_str().and_then(|who| who.parse::<Hash>().ok());
    let free = |who: &Hash| {
        asked_by.is_some_and(|by| by != *who) && owner != Some(*who) && !barred.contains(who)
    };
    let before = of.granted.iter().filter(|granted| granted.index < signed.index);
    let agreed: BTreeSet<Hash> = before.filter_map(|one| person(one)).filter(free).collect();
    if agreed.is_empty() {
        return wrong("nobody without a hand in it agreed to the model that stood for an approval");
    }
    let Some(envelope) = attestation(opened, signed) else { return Ok(false) };
    let approval = envelope.unverified_statement().and_then(|of| of.read::<Approval>());
    let Ok(approval) = approval else {
        return wrong("what is signed of it is no approval");
    };
    let said = approval.automated.filter(|said| said.model_digest == model);
    let Some(said) = said.filter(|_| Some(approval.statement.sha256) == digest("statement")) else {
        return wrong("what is signed of it names another model or another statement");
    };
    if !agreed.contains(&approval.person_ref) {
        return wrong("what is signed of it names somebody who did not agree to the model");
    }
    match summary(opened, said.vsa) {
        Some(true) => Ok(true),
        Some(false) => wrong("the summary that it names says of no standard change"),
        None => wrong("the summary that it names is not here"),
    }
}

/// The digest of the model of an exception as it was asked for.
fn agreed_to(opened: &Opened<'_>, name: &str, used: &SignedEvent) -> Option<Hash> {
    let stream = format!("exception/{name}");
    let asked = opened.told().find(|(event, _)| {
        event.event.stream == stream
            && event.event.kind == "exception.requested"
            && event.index < used.index
    });
    let asked: Asked<'_> = serde_json::from_str(asked?.0.event.data.get()).ok()?;
    Some(Hash::sha256(asked.what.model.get().as_bytes()))
}

/// The envelope of what is signed of an event.
fn attestation<'a>(opened: &'a Opened<'_>, signed: &SignedEvent) -> Option<&'a Dsse> {
    let recorded = opened.told().find(|(event, data)| {
        event.event.kind == "attestation.recorded" && data["of"] == signed.index
    });
    let leaf = recorded?.0.event.atts.first()?.leaf;
    Some(&opened.bundles.get(&leaf)?.1.envelope)
}

/// Whether the summary in the envelope of this digest says that a standard change opened the gate;
/// nothing where it is not here.
fn summary(opened: &Opened<'_>, envelope: Hash) -> Option<bool> {
    let bundles = opened.bundles.values().map(|(_, bundle)| &bundle.envelope);
    let mut found = bundles.filter(|one| Hash::sha256(one.to_json().as_bytes()) == envelope);
    let summary = found.next()?.unverified_statement().ok()?.read::<VerificationSummary>().ok();
    Some(summary.is_some_and(|of| {
        of.verification_result == VerificationResult::Passed
            && of.verified_levels.iter().any(|level| level == LEVEL)
    }))
}
