//! One release from its push to its seal, with one refusal on the way.

use serde_json::{Value, json};

use super::{
    Draft, Ledger, SBOM, artifact, attestation_key, person, provenance, signed, summary,
    test_result,
};
use crate::attest::StatementError;
use crate::attest::predicate::{Sbom, VerificationResult};
use crate::hash::Hash;

/// What may be told otherwise, to see whether anybody notices.
#[derive(Debug, Clone)]
pub struct Story {
    /// The release.
    pub release: &'static str,
    /// Who pushed.
    pub author: &'static str,
    /// Who approved.
    pub approver: &'static str,
    /// What the approved statement says of the artifact.
    pub approved_artifact: Hash,
    /// What is appended to the seal's count.
    pub seal_off_by: i64,
    /// Whether the approval was revoked before the start.
    pub revoked: bool,
    /// Whether it is told who approved.
    pub approver_told: bool,
    /// What let it through in the place of an approval.
    pub emergency: Option<Emergency>,
    /// What was waived of it.
    pub waiver: Option<Waiver>,
    /// How many observations the rollout has.
    pub observations: usize,
}

/// An emergency.
#[derive(Debug, Clone, Copy)]
pub struct Emergency {
    /// Who granted what `linus` had asked for.
    pub granted_by: &'static str,
    /// Who looked at it afterwards.
    pub reviewed_by: Option<&'static str>,
    /// For which deployment it was asked.
    pub deployment: &'static str,
    /// Seconds after it was asked for at which it ends.
    pub seconds: i64,
}

/// A waiver of what `linus` asked for: of the rule `sbom`, or of a finding.
#[derive(Debug, Clone, Copy)]
pub struct Waiver {
    /// Whether it is of a finding.
    pub of_finding: bool,
    /// Who granted it.
    pub granted_by: [&'static str; 2],
    /// Whose releases it is for.
    pub service: &'static str,
    /// Seconds after the beginning at which it ends.
    pub seconds: i64,
    /// Whether it was ended before it was used.
    pub ended: bool,
    /// The key of the finding that scanners reported.
    pub reported: &'static str,
}

impl Waiver {
    /// The key of the finding that it is of.
    pub const FINDING: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
}

impl Default for Story {
    fn default() -> Self {
        Self {
            release: "rel-1",
            author: "ada",
            approver: "grace",
            approved_artifact: artifact(),
            seal_off_by: 0,
            revoked: false,
            approver_told: true,
            emergency: None,
            waiver: None,
            observations: 5,
        }
    }
}

/// Writes the story into a log.
///
/// # Errors
///
/// None: the statements follow their own rules.
pub fn story(told: &Story) -> Result<Ledger, StatementError> {
    let mut ledger = Ledger::default();
    ledger.event(Draft::new("log", "log.opened", json!({"demo": true, "origin": super::ORIGIN})));
    let pushed = push(&mut ledger, told);
    let built = build(&mut ledger, told, pushed)?;
    deploy(&mut ledger, told, built)?;
    seal(&mut ledger, told);
    Ok(ledger)
}

fn push(ledger: &mut Ledger, told: &Story) -> u64 {
    let contributors = json!([person(told.author).reference.to_string()]);
    let push = json!({"branch": "main", "contributors": contributors});
    let data = json!({"change": "chg-1", "service": "payments", "push": push});
    ledger.event(Draft::new("change/chg-1", "change.pushed", data).by(told.author))
}

/// The run, its attestations and the release.
fn build(ledger: &mut Ledger, told: &Story, pushed: u64) -> Result<u64, StatementError> {
    let key = attestation_key(1);
    let mut queued =
        Draft::new("run/run-1", "run.queued", json!({"run": "run-1", "change": "chg-1"}));
    queued.refs = vec![pushed];
    ledger.event(queued);
    let tests = ledger.attestation(signed(&test_result(), &key)?, &key);
    let report = ledger.blob(&b"<testsuites/>"[..]);
    let report =
        json!({"sha256": report, "size": 13, "media_type": "application/xml", "class": "10y"});
    let mut finished =
        Draft::new("run/run-1", "step.finished", json!({"step": "test", "report": report}));
    finished.atts = vec![tests];
    ledger.event(finished);
    let made = ledger.attestation(signed(&provenance()?, &key)?, &key);
    let bill = Sbom::from_json(SBOM)?;
    let bill = ledger.attestation(signed(&bill, &key)?, &key);
    let stream = format!("release/{}", told.release);
    let artifacts = json!([{"name": "payments", "digest": artifact()}]);
    let data = json!({"release": told.release, "run": "run-1", "artifacts": artifacts});
    let mut created = Draft::new(stream, "release.created", data);
    created.subject = vec![artifact()];
    created.refs = vec![pushed];
    created.atts = vec![made, bill];
    Ok(ledger.event(created))
}

/// A refusal by the gate, then an approval, and the way into production.
fn deploy(ledger: &mut Ledger, told: &Story, created: u64) -> Result<(), StatementError> {
    let stream = "deployment/dep-1";
    let event = |kind, data: Value| Draft::new(stream, kind, data);
    let mut requested = event(
        "deployment.requested",
        json!({"deployment": "dep-1", "release": told.release, "environment": "production"}),
    );
    requested.refs = vec![created];
    ledger.event(requested);
    let statement = json!({
        "format": "sluss.approval-statement.v1",
        "release": told.release,
        "artifacts": [told.approved_artifact],
        "environments": ["production"],
        "nonce": "b5f1",
    });
    let statement = ledger.blob(statement.to_string());
    gate(ledger, stream, VerificationResult::Failed)?;
    let subject = json!({"subject": "dep-1", "statement": statement});
    ledger.event(event("approval.requested", subject.clone()));
    match told.emergency {
        Some(emergency) => except(ledger, stream, emergency),
        None => {
            let mut granted = subject.clone();
            if told.approver_told {
                granted["by"] = json!(person(told.approver).reference);
            }
            ledger.event(event("approval.granted", granted).by(told.approver));
            gate(ledger, stream, VerificationResult::Passed)?;
        }
    }
    if let Some(waiver) = told.waiver {
        waive(ledger, stream, waiver);
    }
    if told.revoked {
        ledger.event(event("approval.revoked", subject).by(told.approver));
    }
    for kind in ["deployment.cleared", "deployment.started"] {
        ledger.event(event(kind, json!({"deployment": "dep-1"})));
    }
    for number in 0..told.observations {
        ledger.event(event("rollout.observed", json!({"deployment": "dep-1", "number": number})));
    }
    ledger.event(event("deployment.live", json!({"deployment": "dep-1"})));
    Ok(())
}

fn except(ledger: &mut Ledger, stream: &str, told: Emergency) {
    let event = |kind, data: Value| Draft::new("exception/exc-1", kind, data);
    let by = |name: &str| json!(person(name).reference);
    let what = json!({"kind": "emergency", "deployment": told.deployment});
    let until = super::START_MS + 1000 * told.seconds;
    let asked = json!({"exception": "exc-1", "what": what, "by": by("linus"), "until": until});
    ledger.event(event("exception.requested", asked).by("linus"));
    let granted = json!({"exception": "exc-1", "by": by(told.granted_by)});
    ledger.event(event("exception.granted", granted).by(told.granted_by));
    let why = json!({"exception": {"exception": "exc-1"}});
    let outcome = json!({"outcome": "cleared", "why": why});
    let decided = json!({"deployment": "dep-1", "gate": "four_eyes", "outcome": outcome});
    ledger.event(Draft::new(stream, "gate.decided", decided));
    if let Some(reviewer) = told.reviewed_by {
        let reviewed = json!({"exception": "exc-1", "by": by(reviewer)});
        ledger.event(event("exception.reviewed", reviewed).by(reviewer));
    }
}

fn waive(ledger: &mut Ledger, stream: &str, told: Waiver) {
    let by = |name: &str| json!(person(name).reference);
    let organisation = json!({
        "approvers": [by("grace"), by("linus")],
        "groups": {"security": [by("barbara"), by("ada")]},
    });
    let proposed = json!({"number": 1, "organisation": organisation});
    ledger.event(Draft::new("config", "config.proposed", proposed));
    ledger.event(Draft::new("config", "config.activated", json!({"number": 1})));
    let named = json!({"open": {"critical": [told.reported]}});
    let recorded = json!({"step": "scan", "named": named});
    ledger.event(Draft::new("run/run-1", "findings.recorded", recorded));
    let event = |kind, data: Value| Draft::new("exception/exc-2", kind, data);
    let what = match told.of_finding {
        true => json!({"kind": "findings", "service": told.service, "findings": [Waiver::FINDING]}),
        false => json!({"kind": "waiver", "service": told.service, "rule": "sbom"}),
    };
    let until = super::START_MS + 1000 * told.seconds;
    let asked = json!({"exception": "exc-2", "what": what, "by": by("linus"), "until": until});
    ledger.event(event("exception.requested", asked).by("linus"));
    for name in told.granted_by {
        let granted = json!({"exception": "exc-2", "by": by(name)});
        ledger.event(event("exception.granted", granted).by(name));
    }
    if told.ended {
        let ended = json!({"exception": "exc-2", "by": by("grace")});
        ledger.event(event("exception.ended", ended).by("grace"));
    }
    let (gate, why) = match told.of_finding {
        true => ("findings", json!({"findings_in_term": {"waived": {"exc-2": 1}}})),
        false => ("policy", json!({"waived": {"rules": ["sbom"], "by": ["exc-2"]}})),
    };
    let outcome = json!({"outcome": "cleared", "why": why});
    let decided = json!({"deployment": "dep-1", "gate": gate, "outcome": outcome});
    ledger.event(Draft::new(stream, "gate.decided", decided));
}

fn gate(
    ledger: &mut Ledger,
    stream: &str,
    result: VerificationResult,
) -> Result<(), StatementError> {
    let key = attestation_key(1);
    let inputs = ledger.attestations.iter().map(|(_, envelope)| envelope.pae_digest()).collect();
    let vsa = ledger.attestation(signed(&summary(result, inputs), &key)?, &key);
    let outcome = match result {
        VerificationResult::Passed => "cleared",
        VerificationResult::Failed => "waiting",
    };
    let data = json!({"deployment": "dep-1", "gate": "four_eyes", "outcome": outcome});
    let mut decided = Draft::new(stream, "gate.decided", data);
    decided.atts = vec![vsa];
    ledger.event(decided);
    Ok(())
}

fn seal(ledger: &mut Ledger, told: &Story) {
    let stream = format!("release/{}", told.release);
    let (count, head) = ledger.head(&stream);
    let (deployed, deployed_head) = ledger.head("deployment/dep-1");
    let also = json!([{"stream": "deployment/dep-1", "count": deployed, "head": deployed_head}]);
    let count = count as i64 + told.seal_off_by;
    let data = json!({"n": 1, "count": count, "head": head, "streams": also});
    ledger.event(Draft::new(stream, "release.sealed", data));
}
