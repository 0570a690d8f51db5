//! Test results, decisions of gates, and approvals.

use std::collections::BTreeMap;

use sluss_core::approval::Subject;
use sluss_core::authenticator::Signed;
use sluss_core::config::Organisation;
use sluss_core::event::Event;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::{DeploymentId, PersonRef, StepName};
use sluss_core::performance::{Metric, Pace};
use sluss_core::pipeline::GateKind;
use sluss_core::state::State;
use sluss_core::steps::{StepOutcome, StepOwner, TestCounts};
use sluss_core::units::Millis;
use sluss_ledger::attest::predicate::{
    Approval, ApprovalDecision, InputAttestation, PolicyRef, StatementDigest, TestResult,
    TestVerdict, VerificationResult, VerificationSummary, Verifier, Webauthn,
};
use sluss_ledger::attest::{DigestSet, ResourceDescriptor, Statement, StatementSubject};

use super::provenance::VERSION;
use super::{Said, about, artifacts, commit, gone, hash, utc};
use crate::engine::Engine;
use crate::failure::Failure;

/// What the tests of a step came to. Their counts stand in the event that says so; which tests
/// they were is in the report.
pub(super) fn test_result(
    engine: &Engine,
    (owner, step, attempt): (StepOwner, &StepName, u16),
    said: &Said,
) -> Result<Statement, Failure> {
    let Event::StepFinished { outcome, tests, log, .. } = &said.event else {
        return Err(gone("end of a step"));
    };
    let tests = tests.unwrap_or_default();
    let (subject, source) = looked_at(&engine.state(), owner)?;
    let uri = format!("urn:sluss:step:{owner}:{step}:{attempt}");
    let mut configuration = vec![ResourceDescriptor::new(uri, source.digest.clone())];
    let log = log.as_ref().map(|log| DigestSet::sha256(hash(log)));
    configuration.extend(log.map(|digest| ResourceDescriptor::new("urn:sluss:log", digest)));
    let predicate = TestResult {
        result: verdict(outcome, tests),
        configuration,
        url: None,
        passed_tests: vec![],
        warned_tests: vec![],
        failed_tests: vec![],
    };
    about(subject, &predicate)
}

/// What a step measured beside what was live: a metric that is slower is a test that failed, one
/// that is not decided a test that warned. The figures are in the report.
pub(super) fn measured(
    engine: &Engine,
    (owner, step): (StepOwner, &StepName),
    said: &Said,
) -> Result<Statement, Failure> {
    let Event::PerformanceMeasured { attempt, measured, .. } = &said.event else {
        return Err(gone("measurements"));
    };
    let state = engine.state();
    let (subject, source) = looked_at(&state, owner)?;
    let uri = format!("urn:sluss:step:{owner}:{step}:{attempt}");
    let report = DigestSet::sha256(hash(&measured.report));
    let mut configuration = vec![
        ResourceDescriptor::new(uri, source.digest),
        ResourceDescriptor::new("urn:sluss:measurements", report),
    ];
    let beside = measured.against.map(|live| artifacts(&state, live)).transpose()?;
    configuration.extend(beside.into_iter().flatten().map(|artifact| {
        ResourceDescriptor::new(format!("urn:sluss:live:{}", artifact.name), artifact.digest)
    }));
    let of = |pace| measured.at(pace).map(|one| one.name.to_string()).collect::<Vec<String>>();
    let (failed_tests, warned_tests) = (of(Pace::Slower), of(Pace::Undecided));
    let passed = |one: &&Metric| one.beside.is_none_or(|beside| beside.pace == Pace::Within);
    let predicate = TestResult {
        result: match (failed_tests.is_empty(), warned_tests.is_empty()) {
            (false, _) => TestVerdict::Failed,
            (true, false) => TestVerdict::Warned,
            (true, true) => TestVerdict::Passed,
        },
        configuration,
        url: None,
        passed_tests: measured.metrics.iter().filter(passed).map(|o| o.name.to_string()).collect(),
        warned_tests,
        failed_tests,
    };
    about(subject, &predicate)
}

/// What a step of `owner` looked at, and the commit that this is of.
pub(super) fn looked_at(
    state: &State,
    owner: StepOwner,
) -> Result<(Vec<StatementSubject>, StatementSubject), Failure> {
    let (release, change) = match owner {
        StepOwner::Run(run) => (None, state.runs.get(&run).map(|run| run.change)),
        StepOwner::Deployment(id) => {
            let release = state.deployments.get(&id).map(|deployment| deployment.release);
            (release, release.and_then(|id| state.releases.get(&id)).map(|release| release.change))
        }
    };
    let change = change.and_then(|id| state.changes.get(&id)).ok_or_else(|| gone(owner))?;
    let source = commit(&change.service, &change.push.commit)?;
    let subject = match release {
        Some(release) => artifacts(state, release)?,
        None => vec![source.clone()],
    };
    Ok((subject, source))
}

/// Tests that did not run did not pass.
fn verdict(outcome: &StepOutcome, tests: TestCounts) -> TestVerdict {
    let passed = *outcome == StepOutcome::Succeeded && tests.failed == 0 && tests.passed > 0;
    if passed { TestVerdict::Passed } else { TestVerdict::Failed }
}

/// Whether a gate is open without having looked at anything: nobody asks anything there.
pub(super) fn asks_nothing(said: &Said) -> bool {
    let Event::GateDecided { outcome, .. } = &said.event else { return false };
    let why = [ClearedWhy::NoPolicy, ClearedWhy::NobodyAsked];
    matches!(outcome, GateOutcome::Cleared { why: found } if why.contains(found))
}

/// What a gate decided, refusals too.
pub(super) fn gate(
    engine: &Engine,
    (id, gate): (DeploymentId, GateKind),
    input_attestations: Vec<InputAttestation>,
    said: &Said,
) -> Result<Statement, Failure> {
    let Event::GateDecided { outcome, .. } = &said.event else {
        return Err(gone("decision of a gate"));
    };
    let state = engine.state();
    let deployment = state.deployments.get(&id).ok_or_else(|| gone(id))?;
    let (word, level) = words(gate);
    let cleared = match outcome {
        GateOutcome::Cleared { why } => Some(why),
        GateOutcome::Waiting { .. } | GateOutcome::Refused { .. } => None,
    };
    let mut verified_levels = match cleared {
        Some(
            ClearedWhy::Exception { .. }
            | ClearedWhy::Waived { .. }
            | ClearedWhy::TestsAccepted { .. },
        ) => vec!["SLUSS_EXCEPTION"],
        Some(ClearedWhy::FindingsInTerm { waived, .. }) if !waived.is_empty() => {
            vec!["SLUSS_EXCEPTION"]
        }
        Some(ClearedWhy::Standard { .. }) => vec!["SLUSS_STANDARD_CHANGE"],
        // It went, and no policy let it.
        Some(ClearedWhy::WouldRefuse { .. }) => vec!["SLUSS_WARNED"],
        Some(_by_its_own_rule) => vec![level],
        None => vec!["FAILED"],
    };
    if (gate, cleared) == (GateKind::Provenance, Some(&ClearedWhy::Attested)) {
        verified_levels.push("SLSA_BUILD_LEVEL_1");
    }
    let predicate = VerificationSummary {
        verifier: Verifier {
            id: format!("https://{}/gate", state.origin),
            version: BTreeMap::from([("sluss".to_owned(), VERSION.to_owned())]),
        },
        time_verified: utc(said.at)?,
        resource_uri: format!(
            "urn:sluss:{}:{}@{}:{id}",
            deployment.release, deployment.service, deployment.environment
        ),
        policy: policy(&state, word, id)?,
        input_attestations,
        verification_result: match cleared {
            Some(_) => VerificationResult::Passed,
            None => VerificationResult::Failed,
        },
        verified_levels: verified_levels.into_iter().map(str::to_owned).collect(),
        slsa_version: "1.2".to_owned(),
    };
    about(artifacts(&state, deployment.release)?, &predicate)
}

fn words(gate: GateKind) -> (&'static str, &'static str) {
    match gate {
        GateKind::Tests => ("tests", "SLUSS_TESTS"),
        GateKind::Provenance => ("provenance", "SLUSS_PROVENANCE"),
        GateKind::Sbom => ("sbom", "SLUSS_SBOM"),
        GateKind::Findings => ("findings", "SLUSS_FINDINGS"),
        GateKind::Dependencies => ("dependencies", "SLUSS_DEPENDENCIES"),
        GateKind::Performance => ("performance", "SLUSS_PERFORMANCE"),
        GateKind::ErrorBudget => ("error-budget", "SLUSS_ERROR_BUDGET"),
        GateKind::Policy => ("policy", "SLUSS_POLICY"),
        GateKind::FourEyes => ("four-eyes", "SLUSS_FOUR_EYES"),
        GateKind::Freeze => ("freeze", "SLUSS_FREEZE"),
    }
}

/// What decided: the organisation's own rules, or before there are any, the release's.
fn policy(state: &State, gate: &str, id: DeploymentId) -> Result<PolicyRef, Failure> {
    let organisation = state.organisation.as_ref().map(Organisation::policy_digest);
    let release = || {
        let release = state.deployments.get(&id).map(|deployment| deployment.release)?;
        Some(state.releases.get(&release)?.configuration.clone())
    };
    let digest = organisation.or_else(release).ok_or_else(|| gone(id))?;
    let digest = DigestSet::sha256(hash(&digest));
    Ok(PolicyRef { uri: format!("urn:sluss:gate:{gate}"), digest })
}

/// What a second person decided. They signed it, or gave their password, with the decision itself.
pub(super) fn approval(
    engine: &Engine,
    subject: Subject,
    said: &Said,
) -> Result<Statement, Failure> {
    let (statement, by, decision, signed) = match &said.event {
        Event::ApprovalGranted { statement, by, signed, .. } => {
            (statement, by, ApprovalDecision::Granted, signed)
        }
        Event::ApprovalRefused { statement, by, signed, .. } => {
            (statement, by, ApprovalDecision::Refused, signed)
        }
        _other => return Err(gone("decision of a person")),
    };
    let blob = engine.parts().blobs.size_blocking(statement);
    let size = blob.map_err(|error| Failure::upstream("A statement can't be read", &error))?;
    let state = engine.state();
    let days = state
        .organisation
        .as_ref()
        .map_or(Organisation::APPROVAL_DAYS, |known| known.approval_days);
    let request = state.requests.get(&subject).filter(|of| of.statement == *statement);
    let until = request.and_then(|of| of.valid_until);
    let until = until.unwrap_or_else(|| said.at.plus(i64::from(days.max(1)) * 86_400_000));
    // RFC 8176: several factors with the user there, or the password given again.
    let (acr, amr): (_, &[&str]) = match signed {
        Some(_) => ("urn:sluss:webauthn", &["mfa", "user"]),
        None => ("urn:sluss:password", &["pwd"]),
    };
    let slot = slot(&state, (subject, said.at), by);
    // A password is given with the decision; who signs had signed in before.
    let signed_in = signed.as_ref().and_then(|signed| signed.signed_in).unwrap_or(said.at);
    let predicate = Approval {
        statement: StatementDigest { sha256: hash(statement), size: size.unwrap_or(0) },
        decision,
        role: slot.clone(),
        slot,
        person_ref: by.as_str().parse().map_err(|_| gone("person"))?,
        acr: acr.to_owned(),
        amr: amr.iter().map(|word| (*word).to_owned()).collect(),
        auth_time: utc(signed_in)?,
        webauthn: signed.as_ref().map(|signed| own_key(&state, signed)).transpose()?,
        automated: None,
        valid_until: utc(until)?,
    };
    let about_what = match subject {
        Subject::Deployment(id) => {
            let deployment = state.deployments.get(&id).ok_or_else(|| gone(id))?;
            artifacts(&state, deployment.release)?
        }
        Subject::Configuration(_) => vec![StatementSubject {
            name: subject.to_string(),
            digest: DigestSet::sha256(hash(statement)),
        }],
    };
    about(about_what, &predicate)
}

/// The person's own key that signed it. One whose user is not verified signs nothing here.
fn own_key(state: &State, signed: &Signed) -> Result<Webauthn, Failure> {
    let known = state.authenticators.get(&signed.authenticator);
    let known = known.ok_or_else(|| gone(signed.authenticator))?;
    Ok(Webauthn {
        aaguid: known.credential.aaguid.clone(),
        uv: true,
        credential_sha256: hash(&known.credential.id_sha256),
        assertion_ref: hash(&signed.assertion),
    })
}

/// The group in which they decide, and whose place they fill: the first that a rule asks for and
/// that they are in, or somebody's for whom they decide.
fn slot(state: &State, (subject, at): (Subject, Millis), by: &PersonRef) -> String {
    let rules = state.rules_of(subject);
    let asked = rules.iter().flat_map(|rule| rule.slots.keys());
    let groups = state.groups_for(subject, at);
    let theirs = |group: &&sluss_core::ids::GroupName| {
        groups.get(*group).is_some_and(|members| members.contains(by))
    };
    asked.into_iter().find(theirs).map_or(Organisation::APPROVERS.to_owned(), ToString::to_string)
}
