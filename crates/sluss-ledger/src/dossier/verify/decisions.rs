//! Decisions of policies as the running system records them: the event names what the policy was
//! given, the configuration that was in force names the policy, and both are blobs.

use serde_json::Value;

use super::SignedEvent;
use super::opened::Opened;
use crate::dossier::build::PolicyRecord;
use crate::dossier::layout::{blob_path, event_path};
use crate::dossier::report::Failure;
use crate::hash::Hash;

/// The data that policies are given besides their own: none.
const NO_DATA: &[u8] = b"{}";

/// Decisions of policies that name what they were given, with that digest.
pub(super) fn made<'a>(
    opened: &'a Opened<'_>,
) -> impl Iterator<Item = (&'a SignedEvent, &'a Value, &'a str)> {
    opened.told().filter_map(|(signed, data)| {
        let of_policy = signed.event.kind == "gate.decided" && data["gate"] == "policy";
        let outcome = &data["outcome"];
        let inputs = [
            &outcome["why"]["policy_allows"]["input"],
            &outcome["why"]["waived"]["input"],
            &outcome["on"]["policy"]["input"],
        ];
        let input = inputs.into_iter().find_map(Value::as_str);
        Some((signed, data, input.filter(|_| of_policy)?))
    })
}

/// Gathers what a decision was made from; nothing where part of that was disposed of.
pub(super) fn record(
    opened: &Opened<'_>,
    (signed, data, input): (&SignedEvent, &Value, &str),
) -> Result<Option<PolicyRecord>, Failure> {
    let bundle = in_force(opened, signed).ok_or_else(|| {
        let why = "which policies were in force is not here";
        Failure::new(why).file(event_path(signed.index)).leaf(signed.index)
    })?;
    let (bundle, input) = (blob(opened, signed, bundle)?, blob(opened, signed, input)?);
    Ok(bundle.zip(input).map(|(bundle, input)| PolicyRecord {
        bundle,
        data: NO_DATA.to_vec(),
        input,
        result: data["outcome"].to_string().into_bytes(),
    }))
}

/// The digest of the policies that the configuration before this decision put in force.
fn in_force<'a>(opened: &'a Opened<'_>, signed: &SignedEvent) -> Option<&'a str> {
    let before = |found: &&SignedEvent| found.index < signed.index;
    let activated =
        opened.told().filter(|(found, _)| before(found) && found.event.kind == "config.activated");
    let number = &activated.last()?.1["number"];
    let proposed = opened.told().filter(|(found, data)| {
        before(found) && found.event.kind == "config.proposed" && data["number"] == *number
    });
    proposed.last()?.1["organisation"]["policies"].as_str()
}

/// Returns a part of what a decision was made from; nothing where it was disposed of.
fn blob(
    opened: &Opened<'_>,
    signed: &SignedEvent,
    digest: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let at = |why: &str, path: &str| Failure::new(why).file(path).leaf(signed.index);
    let Ok(digest) = digest.parse::<Hash>() else {
        return Err(at("a decision names no digest", &event_path(signed.index)));
    };
    let path = blob_path(&digest);
    match opened.files.get(&path) {
        None if opened.disposed(&digest, signed.index) => Ok(None),
        None => Err(at("what a decision was made from is missing", &path)),
        Some(bytes) if Hash::sha256(bytes) != digest => {
            Err(at("this is not what the decision was made from", &path))
        }
        Some(bytes) => Ok(Some(bytes.clone())),
    }
}
