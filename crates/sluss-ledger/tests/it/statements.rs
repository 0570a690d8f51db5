//! An approval is about the statement that its people saw; where a standard change stands for one,
//! the model, who agreed to it, and what is signed of it must hold.

use serde_json::{Value, json};
use sluss_ledger::Hash;
use sluss_ledger::attest::predicate::{Approval, Automated, StatementDigest, VerificationResult};
use sluss_ledger::dossier::{
    Check, Files, Options, Outcome, Parts, Report, Trust, TrustSource, build, verify,
};
use sluss_ledger::sample::predicates::approval;
use sluss_ledger::sample::{
    Draft, Ledger, START_MS, artifact, attestation_key, log_key, person, signed, summary,
    test_result,
};

const COMMIT: &str = "4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f";

/// A release that went on by an approval, told as wished.
#[derive(Clone)]
struct Told {
    /// What of the statement is another than it should be.
    statement: Value,
    /// Whether somebody takes the approval back before the start.
    revoked: bool,
    /// What a scanner says once the approval was asked for.
    found_later: bool,
    /// The standard change that stands for it, where one does.
    standard: Option<Standard>,
}

/// A standard change that `linus` asked for and answers for.
#[derive(Clone)]
struct Standard {
    granted_by: &'static str,
    /// What the approval says that the digest of its model is; by itself, what it is.
    model: Option<Hash>,
    suspended: bool,
    /// Seconds after the log began at which it ends.
    until: i64,
    /// Whether what is signed of it is there.
    attested: bool,
    /// Whom that names.
    named: &'static str,
    /// What the summary says of the gate.
    level: &'static str,
    /// Whether that summary is there.
    summary: bool,
}

fn told() -> Told {
    Told { statement: json!({}), revoked: false, found_later: false, standard: None }
}

fn standard() -> Standard {
    Standard {
        granted_by: "grace",
        model: None,
        suspended: false,
        until: 30 * 24 * 3600,
        attested: true,
        named: "grace",
        level: "SLUSS_STANDARD_CHANGE",
        summary: true,
    }
}

fn by_standard(one: Standard) -> Told {
    Told { standard: Some(one), ..told() }
}

/// The statement as it should be, but for what is told otherwise.
fn statement(told: &Told, evidence: &[Value]) -> String {
    let mut digests: Vec<String> =
        evidence.iter().map(|of| Hash::sha256(of.to_string().as_bytes()).to_string()).collect();
    digests.sort();
    let lines: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
    let mut text = json!({
        "format": "urn:sluss/statement/v1",
        "subject": "dep-1",
        "release": "rel-1",
        "artifacts": [artifact()],
        "commit": COMMIT,
        "environments": ["production"],
        "evidence_sha256": Hash::sha256(lines.as_bytes()),
        "valid_from": START_MS,
        "valid_until": START_MS + 3_600_000,
        "nonce": "n",
    });
    for (name, value) in told.statement.as_object().unwrap() {
        text[name] = value.clone();
    }
    text.to_string()
}

fn parts(told: &Told) -> Parts {
    let mut ledger = Ledger::default();
    let by = |name: &str| json!(person(name).reference);
    ledger.event(Draft::new("log", "log.opened", json!({"demo": true, "origin": "x"})));
    let deciders = ["grace", "linus", "ada"].map(by).to_vec();
    let organisation = json!({"approvers": deciders, "groups": {}});
    let proposed = json!({"number": 1, "organisation": organisation});
    ledger.event(Draft::new("config", "config.proposed", proposed));
    ledger.event(Draft::new("config", "config.activated", json!({"number": 1})));
    let push = json!({"branch": "main", "commit": COMMIT, "contributors": [by("ada")]});
    let pushed = json!({"change": "chg-1", "service": "pay", "push": push});
    ledger.event(Draft::new("change/chg-1", "change.pushed", pushed).by("ada"));
    ledger.event(Draft::new("run/run-1", "run.queued", json!({"run": "run-1", "change": "chg-1"})));
    let ran = |step: &str| json!({"owner": {"run": "run-1"}, "step": step, "tests": {"passed": 3, "failed": 0}});
    let evidence = [ran("test"), ran("more")];
    for data in &evidence {
        ledger.event(Draft::new("run/run-1", "step.finished", data.clone()));
    }
    let built = json!({"owner": {"run": "run-1"}, "step": "build", "tests": null});
    ledger.event(Draft::new("run/run-1", "step.finished", built));
    let key = attestation_key(1);
    let tests = ledger.attestation(signed(&test_result(), &key).unwrap(), &key);
    let data = json!({"release": "rel-1", "run": "run-1"});
    let mut created = Draft::new("release/rel-1", "release.created", data);
    (created.subject, created.atts) = (vec![artifact()], vec![tests]);
    ledger.event(created);
    let event = |kind, data: Value| Draft::new("deployment/dep-1", kind, data);
    let data = json!({"deployment": "dep-1", "release": "rel-1", "environment": "production"});
    let mut requested = event("deployment.requested", data);
    requested.subject = vec![artifact()];
    ledger.event(requested);
    let bound = ledger.blob(statement(told, &evidence));
    let subject = json!({"subject": "dep-1", "statement": bound});
    match &told.standard {
        Some(one) => automated(&mut ledger, one, bound),
        None => {
            ledger.event(event("approval.requested", subject.clone()));
            if told.found_later {
                let data = json!({"owner": {"run": "run-1"}, "step": "scan"});
                ledger.event(Draft::new("run/run-1", "findings.recorded", data));
            }
            let mut granted = subject.clone();
            granted["by"] = by("grace");
            ledger.event(event("approval.granted", granted).by("grace"));
        }
    }
    if told.revoked {
        let mut revoked = subject;
        revoked["by"] = by("grace");
        ledger.event(event("approval.revoked", revoked).by("grace"));
    }
    for kind in ["deployment.cleared", "deployment.started", "deployment.live"] {
        ledger.event(event(kind, json!({"deployment": "dep-1"})));
    }
    let closed = |stream: &str| {
        let (count, head) = ledger.head(stream);
        json!({"stream": stream, "count": count, "head": head})
    };
    let also = json!([closed("run/run-1"), closed("change/chg-1"), closed("deployment/dep-1")]);
    let (count, head) = ledger.head("release/rel-1");
    let seal = json!({"n": 1, "count": count, "head": head, "streams": also});
    ledger.event(Draft::new("release/rel-1", "release.sealed", seal));
    ledger.parts("rel-1", &log_key(1)).unwrap()
}

fn automated(ledger: &mut Ledger, told: &Standard, statement: Hash) {
    let by = |name: &str| json!(person(name).reference);
    let key = attestation_key(1);
    let model = json!({"service": "pay", "paths": ["docs/"], "files": 3, "lines": 50,
        "failures": 1, "owner": by("linus")});
    let digest = told.model.unwrap_or_else(|| Hash::sha256(model.to_string().as_bytes()));
    let event = |kind, data: Value| Draft::new("exception/exc-1", kind, data);
    let what = json!({"kind": "standard", "model": model});
    let until = START_MS + 1000 * told.until;
    let asked = json!({"exception": "exc-1", "what": what, "by": by("linus"), "until": until});
    ledger.event(event("exception.requested", asked).by("linus"));
    let granted = json!({"exception": "exc-1", "by": by(told.granted_by)});
    ledger.event(event("exception.granted", granted).by(told.granted_by));
    if told.suspended {
        ledger.event(event("exception.suspended", json!({"exception": "exc-1", "failures": 1})));
    }
    let event = |kind, data: Value| Draft::new("deployment/dep-1", kind, data);
    let of = ledger.event(event(
        "approval.automated",
        json!({"subject": "dep-1", "statement": statement, "exception": "exc-1",
            "model_sha256": digest}),
    ));
    let why = json!({"standard": {"exception": "exc-1", "files": 1, "lines": 12}});
    let decided = json!({"deployment": "dep-1", "gate": "four_eyes",
        "outcome": {"outcome": "cleared", "why": why}});
    ledger.event(event("gate.decided", decided));
    let mut vsa = summary(VerificationResult::Passed, vec![]);
    vsa.verified_levels = vec![told.level.to_owned()];
    let mut attest = |of: u64, envelope: sluss_ledger::attest::Dsse| {
        let data = json!({"of": of, "envelope": Hash::sha256(envelope.to_json().as_bytes())});
        let leaf = ledger.attestation(envelope, &key);
        let mut recorded = event("attestation.recorded", data);
        recorded.atts = vec![leaf];
        ledger.event(recorded);
    };
    let envelope = signed(&vsa, &key).unwrap();
    let vsa = Hash::sha256(envelope.to_json().as_bytes());
    if told.summary {
        attest(of + 1, envelope);
    }
    let said = Approval {
        statement: StatementDigest { sha256: statement, size: 1 },
        person_ref: person(told.named).reference,
        webauthn: None,
        automated: Some(Automated { model_digest: digest, vsa }),
        ..approval()
    };
    if told.attested {
        attest(of, signed(&said, &key).unwrap());
    }
}

fn report(parts: &Parts) -> Report {
    let files = build(parts, &attestation_key(1)).unwrap();
    let inside = |(path, content): (&String, &Vec<u8>)| {
        Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
    };
    let kept: Files = files.iter().filter_map(inside).collect();
    let trust = Trust::read(&kept, TrustSource::Independent).unwrap();
    verify(&files, &trust, &Options::default())
}

fn fails(told: &Told, reason: &str) {
    let report = report(&parts(told));
    match report.outcome(Check::Approvals) {
        Outcome::Failed(failures) => {
            let found = failures.iter().any(|failure| failure.reason.contains(reason));
            assert!(found, "not `{reason}`: {report}");
        }
        other => panic!("{other:?} and not `{reason}`"),
    }
}

fn with(statement: Value) -> Told {
    Told { statement, ..told() }
}

#[test]
fn an_approval_of_what_went_on_passes() {
    let good = report(&parts(&told()));
    assert!(matches!(good.outcome(Check::Approvals), Outcome::Passed(_)), "{good}");
    // What came after it was asked for is not of its evidence.
    let later = report(&parts(&Told { found_later: true, ..told() }));
    assert!(matches!(later.outcome(Check::Approvals), Outcome::Passed(_)), "{later}");
}

#[test]
fn a_statement_that_says_another_thing_than_the_log_fails() {
    fails(&with(json!({"evidence_sha256": Hash::sha256(b"")})), "other evidence");
    fails(&with(json!({"environments": ["staging"]})), "goes elsewhere");
    fails(&with(json!({"environments": ["production", "staging"]})), "goes elsewhere");
    fails(&with(json!({"commit": "11".repeat(20)})), "another commit");
    fails(&with(json!({"valid_from": START_MS + 1_800_000})), "outside of the time");
    fails(&with(json!({"valid_until": START_MS - 3_600_000})), "outside of the time");
    fails(&with(json!({"valid_until": null})), "outside of the time");
}

#[test]
fn a_start_after_a_revocation_fails_and_a_revocation_is_not_left_away() {
    let revoked = Told { revoked: true, ..told() };
    fails(&revoked, "without the approval");
    let mut without = parts(&revoked);
    let is_revoked = |leaf: &[u8]| leaf.windows(16).any(|part| part == b"approval.revoked");
    let before = without.events.len();
    without.events.retain(|event| !is_revoked(&event.leaf));
    assert_eq!(without.events.len() + 1, before);
    let report = report(&without);
    assert!(matches!(report.outcome(Check::Contiguity), Outcome::Failed(_)), "{report}");
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn a_standard_change_stands_for_an_approval_with_what_is_signed_of_it() {
    let good = report(&parts(&by_standard(standard())));
    assert!(matches!(good.outcome(Check::Approvals), Outcome::Passed(_)), "{good}");
    let unsigned = report(&parts(&by_standard(Standard { attested: false, ..standard() })));
    assert!(matches!(unsigned.outcome(Check::Approvals), Outcome::NotChecked(_)), "{unsigned}");
    assert_eq!(unsigned.exit_code(), 2, "{unsigned}");
}

#[test]
fn a_standard_change_of_another_model_or_that_held_no_more_approves_nothing() {
    let bad = |one: Standard, reason: &str| fails(&by_standard(one), reason);
    let other = Some(Hash::sha256(b"another model"));
    bad(Standard { model: other, ..standard() }, "not the one that was agreed to");
    bad(Standard { suspended: true, ..standard() }, "held no more");
    bad(Standard { until: 0, ..standard() }, "held no more");
    // Ada contributed, and linus asked for it.
    bad(Standard { granted_by: "ada", ..standard() }, "nobody without a hand in it");
    bad(Standard { granted_by: "linus", ..standard() }, "nobody without a hand in it");
    bad(Standard { named: "linus", ..standard() }, "somebody who did not agree");
    bad(Standard { level: "SLUSS_FOUR_EYES", ..standard() }, "says of no standard change");
    bad(Standard { summary: false, ..standard() }, "summary that it names is not here");
}
