//! What is taken out of the running system is what others can check without it.

use std::collections::BTreeSet;

use sluss_core::decide::Actor;
use sluss_core::deployment::Phase;
use sluss_core::ids::ReleaseId;
use sluss_core::keys::KeyOf;
use sluss_engine::evidence::dossier::{export, trust_folder};
use sluss_engine::keys;
use sluss_engine::reconcile::attest;
use sluss_ledger::dossier::{Check, Files, Options, Outcome, Report, Trust, TrustSource};
use sluss_ledger::dossier::{archive, verify};
use sluss_store::verify::{Scope, verify as verify_log};

use crate::story::Story;

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
