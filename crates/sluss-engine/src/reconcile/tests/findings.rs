//! Findings past their terms, on a real engine: what is recorded, what policies are told, and what an
//! auditor makes of a waiver.

use sluss_core::config::Demand;
use sluss_core::deployment::Phase;
use sluss_core::exception::ExceptionKind;
use sluss_core::findings::FindingKey;
use sluss_core::gate::{ClearedWhy, GateOutcome, RefusedWhy};
use sluss_core::ids::ExceptionId;
use sluss_ledger::dossier::{Check, Outcome, Trust, TrustSource, archive};
use sluss_ledger::sarif::sarif;
use sluss_store::Blobs as _;

use super::*;
use crate::evidence::dossier::{export, trust_folder};
use crate::reconcile::reports::found;

fn person(name: &str) -> PersonRef {
    PersonRef::derive(&[7; 32], name)
}

/// What a scanner says of one place: `score` is its `security-severity`.
fn report_of(score: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"scanner","rules":[
        {{"id":"CVE-1","properties":{{"security-severity":"{score}"}}}}]}}}},
        "results":[{{"ruleId":"CVE-1","message":{{"text":"libpay 1.2 is open to it"}}}}]}}]}}"#
    )
}

impl Bank {
    async fn asks_for_findings(&self) {
        let mut organisation = organisation(&self.anna);
        organisation.approvers = ["bob", "carl"].map(person).into();
        organisation.require = [Demand::Findings].into();
        let commit = "2".repeat(40).parse().unwrap();
        let (contributors, nonce) = (BTreeSet::new(), "second".to_owned());
        let propose = Command::Propose { commit, organisation, contributors, nonce };
        self.engine.report(propose).await.unwrap();
    }

    async fn finds(&self, text: String) -> Report {
        let scans = sarif(text.as_bytes()).unwrap();
        let kept = self.engine.parts().blobs.put(text.into_bytes()).await.unwrap();
        Report::of(kept, scans.iter().flat_map(|scan| &scan.findings).filter_map(found))
    }

    fn said(&self, id: DeploymentId) -> GateOutcome {
        self.engine.state().deployments[&id].gates[&GateKind::Findings].clone()
    }

    async fn as_person(&self, name: &str, command: Command) {
        let actor = Actor::Person { who: person(name), reauthenticated: true };
        self.engine.command(command, actor, None).await.unwrap();
    }
}

#[tokio::test]
async fn who_waived_a_finding_is_in_the_dossier_of_what_that_let_through() {
    let bank = Bank::open().await;
    bank.asks_for_findings().await;
    let report = bank.finds(report_of("9.8")).await;
    let key: FindingKey = report.named.all().next().unwrap().key;
    let refused = bank.release_with(0, vec![report]).await;
    let why = bank.said(refused);
    assert!(
        matches!(&why, GateOutcome::Refused { why: RefusedWhy::FindingsOverdue { late, .. } }
            if late.overdue[0].key == Some(key)),
        "{why:?}"
    );
    let (service, findings) = ("pay".parse().unwrap(), [key].into());
    let what = ExceptionKind::Findings { service, findings };
    let reason = bank.engine.parts().prose.put_prose("not reachable").await.unwrap();
    let until = BEGIN.plus(30 * DAY_MS);
    bank.ask(Command::AskException {
        what,
        reason,
        until,
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    })
    .await;
    let exception = ExceptionId(1);
    for name in ["bob", "carl"] {
        bank.as_person(name, Command::GrantException { exception }).await;
    }
    let (release, nonce) = (ReleaseId(1), "again".to_owned());
    bank.ask(Command::Promote { release, environment: None, nonce }).await;
    let waived = bank.said(DeploymentId(refused.0 + 1));
    assert!(
        matches!(&waived, GateOutcome::Cleared { why: ClearedWhy::FindingsInTerm { waived, .. } }
            if waived.get(&exception) == Some(&1)),
        "{waived:?}"
    );
    while attest::once(&bank.engine).await {}
    let dossier = export(&bank.engine, release, false, Actor::System).await.unwrap();
    let keys = trust_folder(&bank.engine).await.unwrap();
    let trust = Trust::read(&keys, TrustSource::Independent).unwrap();
    let files = archive::read(&dossier.archive).unwrap();
    let report = sluss_ledger::dossier::verify(&files, &trust, &Default::default());
    let Outcome::Excepted(said) = report.outcome(Check::Waivers) else { panic!("{report}") };
    assert_eq!(said, "1 past their terms waived by exc-1: 2 agreed");
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    assert!(!report.checks().any(|(_, _, outcome)| failed(outcome)), "{report}");
    let envelopes = String::from_utf8(files["release.intoto.jsonl"].clone()).unwrap();
    let excepted = envelopes.lines().filter(|line| {
        let envelope = sluss_ledger::attest::Dsse::parse(line.as_bytes()).unwrap();
        envelope.unverified_statement().unwrap().predicate().get().contains("SLUSS_EXCEPTION")
    });
    assert_eq!(excepted.count(), 1, "what a waiver opened is signed as that");
}

#[tokio::test]
async fn what_customers_have_past_its_term_is_recorded_once() {
    let bank = Bank::open().await;
    bank.asks_for_findings().await;
    let report = bank.finds(report_of("7.5")).await;
    let deployment = bank.release_with(0, vec![report]).await;
    bank.engine.report(Command::Ready { deployment }).await.unwrap();
    {
        let state = bank.engine.state();
        let phase = &state.deployments[&deployment].phase;
        assert!(matches!(phase, Phase::Live { .. }), "{phase:?}");
    }
    let recorded = async || {
        let kinds = bank.kinds().await;
        kinds.iter().filter(|kind| *kind == "findings.overdue").count()
    };
    bank.pass(29 * DAY_MS).await;
    assert_eq!(recorded().await, 0, "within its term");
    bank.pass(2 * DAY_MS).await;
    bank.pass(DAY_MS).await;
    assert_eq!(recorded().await, 1);
    let late = bank.engine.state().late_at(deployment, bank.engine.now());
    assert!(late.words().starts_with("1 finding is past its term: high "), "{}", late.words());
}
