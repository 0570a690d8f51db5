//! Controls as CycloneDX 1.6 declarations (ECMA-424): each control a requirement, with a claim, its
//! evidence by entries of the log, and how far it is met. A gap has score 0, and says why.

use serde_json::{Value, json};
use sluss_insight::controls::{Answer, Assessed};

use super::{AskView, ControlView, ControlsView, MissingView};

/// Whose log says so, and when.
pub(super) struct Said {
    pub(super) origin: String,
    pub(super) organisation: String,
    pub(super) now: String,
}

/// How what leaves hold is classified: references of people and digests, no names and no texts.
const CLASS: &str = "internal";

/// Returns the declarations.
pub(super) fn declarations(view: &ControlsView, assessed: &[Assessed], said: &Said) -> Value {
    let requirements = view.controls.iter().map(requirement);
    let claims = view.controls.iter().map(|control| {
        json!({
            "bom-ref": reference("claim", control),
            "target": "organization",
            "predicate": control.title,
            "reasoning": reasoning(control),
            "evidence": [reference("evidence", control)],
        })
    });
    let both = view.controls.iter().zip(assessed);
    let evidence = both.map(|(control, of)| proof(view, control, of, said));
    let map = view.controls.iter().map(|control| {
        json!({
            "requirement": reference("requirement", control),
            "claims": [reference("claim", control)],
            "conformance": conformance(control),
            "confidence": {
                "score": f64::from(control.confidence) / 100.0,
                "rationale": control.confidence_why,
            },
        })
    });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "timestamp": said.now },
        "definitions": { "standards": [{
            "bom-ref": format!("standard:{}", view.catalogue),
            "name": view.title,
            "version": view.version,
            "requirements": requirements.collect::<Vec<_>>(),
        }] },
        "declarations": {
            "assessors": [{
                "bom-ref": "assessor",
                "thirdParty": false,
                "organization": { "name": said.organisation },
            }],
            "attestations": [{
                "summary": format!(
                    "{} from {} to {}, as of {} entries of the log {}",
                    view.title, view.from, view.to, view.size, said.origin
                ),
                "assessor": "assessor",
                "map": map.collect::<Vec<_>>(),
            }],
            "claims": claims.collect::<Vec<_>>(),
            "evidence": evidence.collect::<Vec<_>>(),
            "targets": { "organizations": [{
                "bom-ref": "organization",
                "name": said.organisation,
            }] },
        },
    })
}

fn reference(kind: &str, control: &ControlView) -> String {
    format!("{kind}:{}", control.key)
}

fn requirement(control: &ControlView) -> Value {
    let property = |name: &str, value: &str| json!({ "name": name, "value": value });
    let mut properties = vec![
        property("sluss:key", &control.key),
        property("sluss:text_status", control.text_status),
    ];
    properties.extend(control.applies_if.map(|whom| property("sluss:applies_if", whom)));
    properties.extend(control.tests.iter().map(|test| property("sluss:test", test)));
    json!({
        "bom-ref": reference("requirement", control),
        "identifier": control.id,
        "title": control.title,
        "properties": properties,
    })
}

/// Returns how far a control is met: the share of what it asks for that is there, and never all of
/// it where anything is missing. What does not apply has no score.
fn conformance(control: &ControlView) -> Value {
    let score = match control.standing {
        "not_applicable" => return json!({ "rationale": reasoning(control) }),
        "evidenced" => 1.0,
        "partial" => {
            let met = control.asks.iter().filter(|ask| ask.met).count();
            let of = control.asks.len() + control.unrecorded.len();
            // Hundredths, so that it is written shortly; below one, since something is missing.
            let hundredths = (met * 100).checked_div(of).unwrap_or(0).clamp(1, 99);
            hundredths as f64 / 100.0
        }
        _gap => 0.0,
    };
    json!({ "score": score, "rationale": reasoning(control) })
}

/// Returns the evidence of one control, and what spoke against it.
fn proof(view: &ControlsView, control: &ControlView, of: &Assessed, said: &Said) -> Value {
    let asked = control.asks.iter().zip(&of.answers).map(|(ask, answer)| evidence(ask, answer));
    let against = control.exceptions.iter().map(|seen| {
        let said = json!({ "count": seen.count, "leaves": [seen.first, seen.last] });
        datum(&format!("exception: {}", seen.what), &said)
    });
    let exempt = control.not_applicable.iter().map(|why| {
        let approvers: Vec<&String> = why.approvers.iter().map(|who| &who.reference).collect();
        let said = json!({
            "reason": { "sha256": why.reason_sha256, "class": "evidence" },
            "configuration": why.configuration,
            "approvers": approvers,
            "leaves": [why.leaf],
        });
        datum("not applicable", &said)
    });
    json!({
        "bom-ref": reference("evidence", control),
        "propertyName": "sluss:log",
        "description": format!(
            "entries of the log {}, {} to {}", said.origin, view.from, view.to
        ),
        "created": said.now,
        "data": asked.chain(against).chain(exempt).collect::<Vec<_>>(),
    })
}

/// Returns what one thing that is asked came to: which entries say so, and which items lack it.
fn evidence(ask: &AskView, answer: &Answer) -> Value {
    let missing = ask.missing.iter().map(|one| {
        let MissingView { id, leaf, through, note } = one;
        json!({ "id": id, "leaf": leaf, "through": through, "note": note })
    });
    let said = json!({
        "of": ask.of,
        "have": ask.have,
        "leaves": answer.leaves,
        "lacks": ask.lacks,
        "missing": missing.collect::<Vec<_>>(),
    });
    datum(&format!("evidence: {}", ask.what), &said)
}

fn datum(name: &str, said: &Value) -> Value {
    json!({
        "name": name,
        "classification": CLASS,
        "contents": { "attachment": {
            "contentType": "application/json",
            "content": said.to_string(),
        } },
    })
}

fn reasoning(control: &ControlView) -> String {
    let mut said: Vec<String> = Vec::new();
    if let Some(why) = &control.not_applicable {
        let reason = why.reason.as_deref().unwrap_or("the reason is gone");
        said.push(format!("taken not to apply: {reason}"));
    }
    let asked = |ask: &AskView| format!("{} ({} of {})", ask.what, ask.have, ask.of);
    said.extend(control.asks.iter().map(asked));
    let against = control.exceptions.iter();
    said.extend(against.map(|seen| format!("exception: {} ({})", seen.what, seen.count)));
    said.extend(control.gaps.iter().map(|gap| format!("gap: {gap}")));
    said.join("; ")
}
