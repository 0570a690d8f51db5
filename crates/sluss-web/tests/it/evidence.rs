//! What is taken out of the running system is what others can check without it.

use std::collections::BTreeSet;

use serde_json::Value;
use sluss_core::approval::Subject;
use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::Phase;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::ReleaseId;
use sluss_core::keys::KeyOf;
use sluss_engine::evidence::dossier::{export, trust_folder};
use sluss_engine::keys;
use sluss_engine::reconcile::attest;
use sluss_ledger::dossier::{Check, Files, Options, Outcome, Report, Trust, TrustSource};
use sluss_ledger::dossier::{archive, verify};
use sluss_ledger::{Envelope, Hash};
use sluss_store::verify::{Scope, verify as verify_log};

use crate::story::{Fares, Story};

async fn told() -> (Story, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    (story, folder)
}

async fn dossier(story: &Story, release: ReleaseId, identities: bool) -> Files {
    let made = export(&story.engine, release, identities, Actor::System).await.unwrap();
    archive::read(&made.archive).unwrap()
}

async fn judged(story: &Story, files: &Files) -> Report {
    let trusted = trust_folder(&story.engine).await.unwrap();
    let trust = Trust::read(&trusted, TrustSource::Independent).unwrap();
    verify(files, &trust, &Options::default())
}

fn releases(story: &Story) -> Vec<ReleaseId> {
    story.engine.state().releases.keys().copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dossier_of_each_release_is_verified_without_us() {
    let (story, _folder) = told().await;
    let all = releases(&story);
    assert!(all.len() >= 4, "{all:?}");
    for release in all {
        let files = dossier(&story, release, false).await;
        let report = judged(&story, &files).await;
        assert_eq!(report.exit_code(), 0, "{release}: {report}");
        for (check, required, outcome) in report.checks() {
            let passed = matches!(outcome, Outcome::Passed(_));
            assert!(passed || !required, "{release}: {check}: {report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_with_one_changed_byte_is_refused() {
    let (story, _folder) = told().await;
    let release = ReleaseId(1);
    let files = dossier(&story, release, false).await;
    for path in files.keys() {
        let mut changed = files.clone();
        let content = changed.get_mut(path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let report = judged(&story, &changed).await;
        assert_eq!(report.exit_code(), 1, "{path}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dossier_has_of_attestations_is_all_that_a_release_did() {
    let (story, _folder) = told().await;
    let files = dossier(&story, ReleaseId(1), false).await;
    let lines = String::from_utf8(files["release.intoto.jsonl"].clone()).unwrap();
    let types: BTreeSet<String> = lines
        .lines()
        .map(|line| {
            let envelope = sluss_ledger::attest::Dsse::parse(line.as_bytes()).unwrap();
            envelope.unverified_statement().unwrap().predicate_type().to_owned()
        })
        .collect();
    let wanted = [
        "https://in-toto.io/attestation/test-result/v0.1",
        "https://slsa.dev/provenance/v1",
        "https://slsa.dev/verification_summary/v1",
        "urn:sluss/attestation/approval/v1",
    ];
    for kind in wanted {
        assert!(types.contains(kind), "{kind} is not among {types:?}");
    }
    let page = String::from_utf8(files["index.html"].clone()).unwrap();
    assert!(!page.contains("Anna"), "nobody is named unless that is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_on_its_way_is_sealed_as_far_as_it_went() {
    let (story, _folder) = told().await;
    let going = {
        let state = story.engine.state();
        let rolling = state.deployments.values();
        rolling
            .filter(|one| matches!(one.phase, Phase::RollingOut(_)))
            .map(|one| one.release)
            .next()
    };
    let going = going.expect("a release that is rolling out");
    for seals in 1..3 {
        let files = dossier(&story, going, false).await;
        let report = judged(&story, &files).await;
        assert_eq!(report.exit_code(), 0, "{report}");
        let known = story.engine.state().releases[&going].seals;
        assert!(known == 1, "nothing came in between: {known} seals after {seals} dossiers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_disclosed_only_where_that_is_asked_for_by_who_may() {
    let (story, _folder) = told().await;
    let files = dossier(&story, ReleaseId(1), true).await;
    let report = judged(&story, &files).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(!matches!(report.outcome(Check::Identities), Outcome::Failed(_)), "{report}");
    assert!(files.contains_key("identities.json"));
    let eva = story.engine.parts().accounts.find("eva").await.unwrap().unwrap().person;
    let eva = || Actor::Person { who: eva.clone(), reauthenticated: false };
    let refused = export(&story.engine, ReleaseId(1), true, eva()).await.unwrap_err();
    assert_eq!(refused.blame, sluss_engine::failure::Blame::Denied);
    export(&story.engine, ReleaseId(1), false, eva()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_rest_is_signed_once_and_sealed_and_the_log_stays_whole() {
    let (story, folder) = told().await;
    assert!(!attest::once(&story.engine).await, "nothing is left to be signed");
    {
        let state = story.engine.state();
        assert!(state.unattested.is_empty());
        for (id, release) in &state.releases {
            let deployments = release.deployments.iter().map(|id| &state.deployments[id]);
            let going = deployments.clone().any(|one| {
                matches!(one.phase, Phase::Requested | Phase::Cleared | Phase::RollingOut(_))
            });
            assert_eq!(release.seals > 0, !going, "{id}");
            assert!(release.provenance.is_some(), "{id}");
        }
        let recorded: Vec<_> = state.attested.values().flatten().collect();
        let leaves: BTreeSet<u64> = recorded.iter().map(|one| one.leaf).collect();
        assert_eq!(leaves.len(), recorded.len());
    }
    story.engine.parts().log.close().await;
    let report = verify_log(folder.path(), Scope::Full).await.unwrap();
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_handed_over_by_who_may_and_what_the_former_ones_signed_still_verifies() {
    let (story, folder) = told().await;
    let deciders = story.engine.state().organisation.as_ref().unwrap().deciders();
    let who = deciders.into_iter().next().unwrap();
    let person = |reauthenticated| Actor::Person { who: who.clone(), reauthenticated };
    let both = [KeyOf::Log, KeyOf::Attestations];
    let before = trust_folder(&story.engine).await.unwrap();
    let first = dossier(&story, ReleaseId(1), false).await;
    for of in both {
        assert!(keys::rotate(&story.engine, of, person(false)).await.is_err());
        assert!(keys::retire(&story.engine, of, person(true)).await.is_err(), "none to retire");
        keys::rotate(&story.engine, of, person(true)).await.unwrap();
    }
    let during = dossier(&story, ReleaseId(1), false).await;
    for of in both {
        keys::retire(&story.engine, of, person(true)).await.unwrap();
    }
    let after = dossier(&story, ReleaseId(1), false).await;
    let signers = |files: &Files| {
        let note = String::from_utf8(files["checkpoint"].clone()).unwrap();
        note.lines().filter(|line| line.starts_with('\u{2014}')).count()
    };
    assert_eq!([&first, &during, &after].map(signers), [1, 2, 1]);
    for (when, files) in [("before", &first), ("during", &during), ("after", &after)] {
        let report = judged(&story, files).await;
        assert_eq!(report.exit_code(), 0, "{when}: {report}");
    }
    // Who was never given the present keys does not take them on trust.
    let old = Trust::read(&before, TrustSource::Independent).unwrap();
    assert_ne!(verify(&after, &old, &Options::default()).exit_code(), 0);
    let size = story.engine.state().size;
    assert!(story.engine.parts().log.published(size).await);
    let report = verify_log(folder.path(), Scope::Log).await.unwrap();
    assert!(report.ok, "{:?}", report.findings);
    let known = story.engine.parts().log.keys();
    let [former, present] = known.spans() else { panic!("{known}") };
    assert!(former.until_leaf().is_some() && present.until_leaf().is_none());
}

/// The kinds of the events of a dossier, each with its stream.
fn events(files: &Files) -> Vec<(String, Envelope)> {
    let is_event = |path: &String| path.starts_with("events/") && path.ends_with(".json");
    let files = files.iter().filter(|(path, _)| is_event(path));
    files.map(|(path, text)| (path.clone(), Envelope::open(text).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_has_the_exception_that_opened_a_gate_and_what_held_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path()).await;
    story.propose(1).await;
    let eva = story.engine.parts().accounts.find("eva").await.unwrap().unwrap().person;
    let mut organisation = story.engine.state().organisation.clone().unwrap();
    organisation.developers.insert(eva);
    let (commit, nonce) = ("9".repeat(40).parse().unwrap(), story.engine.nonce());
    let contributors = BTreeSet::new();
    story.ask("anna", Command::Propose { commit, organisation, contributors, nonce }).await;
    let subject = Subject::Configuration(2);
    let statement = story.engine.state().requests[&subject].statement.clone();
    story.ask("bo", Command::Approve { subject, statement }).await;
    let first = story.push("payments", "main", "Take payments", &[]).await;
    story.build(first, "").await;
    story.accept(first).await;
    story.approve(story.waiting().unwrap()).await;
    story.roll_out(first, Fares::Well).await;
    story.wait(3_600_000);
    story.count(120_000, 180).await;
    story.freeze("cards", 4).await;
    story.freeze("payments", 4).await;
    let urgent = story.push("payments", "main", "Refuse a fee below zero", &[]).await;
    story.build(urgent, "").await;
    story.accept(urgent).await;
    let deployment = story.newest(urgent).unwrap();
    let (exception, until) = {
        let state = story.engine.state();
        (state.next_exception(), state.time.plus(3_600_000))
    };
    let reason = story.text("Customers pay too much.").await;
    let what = ExceptionKind::Freeze { deployment };
    story
        .ask(
            "eva",
            Command::AskException {
                what,
                reason,
                until,
                terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(
                    b"instead",
                )),
            },
        )
        .await;
    story.ask("bo", Command::GrantException { exception }).await;
    story.roll_out(urgent, Fares::Well).await;
    let release = story.engine.state().deployments[&deployment].release;
    let files = dossier(&story, release, false).await;
    let report = judged(&story, &files).await;
    let Outcome::Excepted(said) = report.outcome(Check::Exceptions) else { panic!("{report}") };
    assert!(said.contains(&format!("{deployment} let past a freeze by {exception}")), "{said}");
    assert_eq!(report.exit_code(), 2, "only that it holds by an exception: {report}");
    let events = events(&files);
    let of = |kind: &str| events.iter().filter(|(_, one)| one.kind == kind).count();
    let asked = ["exception.requested", "exception.granted", "freeze.set"].map(of);
    assert_eq!(asked, [1, 1, 1], "that of another service held nothing");
    let decided = events.iter().find(|(_, one)| {
        one.kind == "gate.decided" && one.data.get().contains(&exception.to_string())
    });
    let (_, decided) = decided.unwrap();
    let granted = events.iter().find(|(_, one)| one.kind == "exception.granted").unwrap();
    let rests_on: Vec<String> =
        decided.refs.iter().map(|rests| format!("events/{:010}.json", rests.leaf)).collect();
    assert!(rests_on.contains(&granted.0), "{rests_on:?}");

    let reason = story.text("We look for the cause first.").await;
    let scope = "service:payments".parse().unwrap();
    story.ask("bo", Command::StopLine { scope, reason }).await;
    let held = story.push("payments", "main", "Show the fee", &[]).await;
    story.build(held, "").await;
    story.accept(held).await;
    let deployment = story.newest(held).unwrap();
    let release = story.engine.state().deployments[&deployment].release;
    let files = dossier(&story, release, false).await;
    let report = judged(&story, &files).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let page = String::from_utf8(files["index.html"].clone()).unwrap();
    let (decisions, _) = page.split_once("<h2>Everything that happened</h2>").unwrap();
    assert!(decisions.contains("line.stopped") && decisions.contains("freeze.set"), "{decisions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_releases_events_rest_on_is_named_and_is_in_its_dossier() {
    let (story, _folder) = told().await;
    let files = dossier(&story, ReleaseId(1), false).await;
    let events = events(&files);
    for kind in ["run.queued", "release.created", "deployment.requested", "gate.decided"] {
        let mut of_kind = events.iter().filter(|(_, one)| one.kind == kind).peekable();
        assert!(of_kind.peek().is_some(), "{kind}");
        assert!(of_kind.all(|(_, one)| !one.refs.is_empty()), "{kind}");
    }
    let report = judged(&story, &files).await;
    let Outcome::Passed(said) = report.outcome(Check::CrossReferences) else { panic!("{report}") };
    assert!(!said.starts_with("0 "), "{said}");
}

/// The predicates of this type in a dossier.
fn predicates(files: &Files, kind: &str) -> Vec<Value> {
    let lines = String::from_utf8(files["release.intoto.jsonl"].clone()).unwrap();
    let statement = |line: &str| {
        let envelope = sluss_ledger::attest::Dsse::parse(line.as_bytes()).unwrap();
        envelope.unverified_statement().unwrap()
    };
    let of_kind = lines.lines().map(statement).filter(|one| one.predicate_type() == kind);
    of_kind.map(|one| serde_json::from_str(one.predicate().get()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_of_a_gate_names_every_attestation_that_it_rests_on() {
    let (story, _folder) = told().await;
    let files = dossier(&story, ReleaseId(1), false).await;
    let lines = String::from_utf8(files["release.intoto.jsonl"].clone()).unwrap();
    let known: BTreeSet<String> =
        lines.lines().map(|line| Hash::sha256(line.as_bytes()).to_string()).collect();
    let mut seen = BTreeSet::new();
    for summary in predicates(&files, "https://slsa.dev/verification_summary/v1") {
        let gate = summary["policy"]["uri"].as_str().unwrap().to_owned();
        let inputs = summary["inputAttestations"].as_array().cloned().unwrap_or_default();
        for input in &inputs {
            let digest = input["digest"]["sha256"].as_str().unwrap();
            assert!(known.contains(digest), "{gate} rests on {digest}, which is not here");
        }
        if !inputs.is_empty() {
            seen.insert(gate);
        }
    }
    let rest = ["urn:sluss:gate:four-eyes", "urn:sluss:gate:provenance", "urn:sluss:gate:tests"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_says_the_largest_share_that_a_release_had_and_how_long_it_could_last() {
    let (story, _folder) = told().await;
    let (mut promoted, mut taken_back) = (0, 0);
    for release in releases(&story) {
        let files = dossier(&story, release, false).await;
        for verdict in predicates(&files, "urn:sluss/attestation/rollout-verdict/v1") {
            let shares = verdict["steps"].as_array().unwrap().iter();
            let largest = shares.map(|step| step["share_ppm"].as_u64().unwrap()).max().unwrap();
            let said = verdict["max_traffic_ppm"].as_u64().unwrap();
            match verdict["action"].as_str().unwrap() {
                "promoted" => promoted += u32::from(said == 1_000_000),
                _taken_back => taken_back += u32::from(said == largest && said < 1_000_000),
            }
            let day = 24 * 3_600_000;
            assert!(verdict["max_duration_ms"].as_u64().unwrap() > day, "one hold, and the legs");
        }
    }
    assert!(promoted >= 2 && taken_back == 1, "{promoted} {taken_back}");
}
