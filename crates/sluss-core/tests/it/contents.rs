//! What events name by digest is kept: no digest that is stored is forgotten by `Event::contents`.

use serde_json::Value;
use sluss_core::event::Event;
use sluss_core::ids::Digest;

use crate::formats::samples;
use crate::world::{PEOPLE, person};

/// Digests that name nothing that Sluss keeps for the event, each with what it is.
const NO_CONTENT: &[(&str, &str)] = &[
    ("config.proposed organisation.templates.rust-service@1", "a template is in its repository"),
    ("change.pushed push.pipeline.template_digest", "a template is in its repository"),
    ("agent.run tools_sha256", "over what an agent was given, kept where it ran"),
    ("agent.run prompts_sha256", "over what an agent was told, kept where it ran"),
    ("agent.run log_sha256", "over an agent's own log, kept where it ran"),
    ("release.created configuration", "over what its change pushed"),
    ("release.sealed head", "over events"),
    ("release.sealed streams.head", "over events"),
    ("dossier.exported manifest_sha256", "over what was given away"),
    ("approval.granted statement", "kept since it was asked for"),
    ("approval.refused statement", "kept since it was asked for"),
    ("approval.expired statement", "kept since it was asked for"),
    ("approval.invalidated statement", "kept since it was asked for"),
    ("approval.requested basis.diff_sha256", "over what the repository says"),
    ("approval.requested basis.evidence_sha256", "over the digests of the evidence"),
    ("approval.automated model_sha256", "over what the exception was asked for with"),
    ("authenticator.registered credential.id_sha256", "over what the event names beside it"),
    ("approval.revoked statement", "kept since it was asked for"),
    ("log.record_taken_in record", "over what the event names beside it, and its key"),
    ("population.sealed head", "over events"),
    ("population.sealed merkle_root", "over events"),
    ("environment.observed running.digest", "what a target runs, whoever brought it there"),
    ("incident.shadow_found digest", "what a target runs, and nobody deployed"),
    ("incident.reported by.fingerprint", "over what an alert calls itself"),
    ("disposal.proposed contents", "named so that they go"),
    ("blob.disposed sha256", "gone"),
    ("blob.disposed reason", "kept since the disposal was proposed"),
    ("findings.recorded named.open.high", "over what its report says of a finding"),
    ("findings.recorded named.suppressed.medium", "over what its report says of a finding"),
    ("findings.overdue late.overdue.key", "over what its report says of a finding"),
    (
        "gate.decided outcome.why.findings_overdue.late.overdue.key",
        "over what its report says of a finding",
    ),
    ("policy.review_overdue bundle", "kept since it was proposed"),
    ("exception.requested what.findings", "over what a report says of findings"),
];

#[test]
fn each_digest_that_is_stored_is_a_content_or_said_to_be_none() {
    let mut used = Vec::new();
    let mut forgotten = Vec::new();
    for event in samples() {
        let (kind, mut left) = (event.to_parts().0, digests(&event));
        for named in event.contents() {
            let at = left.iter().position(|(_, digest)| *digest == named.digest);
            let at = at.unwrap_or_else(|| panic!("{kind} does not store {named:?}"));
            left.remove(at);
        }
        for (path, _) in left {
            let field = format!("{kind} {path}");
            match NO_CONTENT.iter().find(|(known, _)| *known == field) {
                Some(known) => used.push(known),
                None => forgotten.push(field),
            }
        }
    }
    forgotten.dedup();
    assert!(
        forgotten.is_empty(),
        "what these name would not be kept; name it in `Event::contents`, or say here why it is \
         no content: {forgotten:#?}",
    );
    let unused: Vec<_> = NO_CONTENT.iter().filter(|known| !used.contains(known)).collect();
    assert!(unused.is_empty(), "no event stores these, or they are contents: {unused:#?}");
}

/// Returns each digest in an event's stored form but references to people, with where it stands.
fn digests(event: &Event) -> Vec<(String, Digest)> {
    let mut found = Vec::new();
    walk("", &serde_json::from_str(event.to_parts().1.get()).unwrap(), &mut found);
    let people = PEOPLE.map(|name| person(name).to_string());
    found.retain(|(_, digest)| !people.contains(&digest.to_string()));
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<(String, Digest)>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::String(text) => found.extend(text.parse().ok().map(|one| (path.to_owned(), one))),
        Value::Array(all) => all.iter().for_each(|one| walk(path, one, found)),
        Value::Object(all) => {
            for (name, one) in all {
                walk(&below(name), &Value::String(name.clone()), found);
                walk(&below(name), one, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
