//! What two people dispose of, and whom they erase, on a real engine: the files, the log, and what
//! an auditor makes of it.

use sluss_core::contents::Gone;
use sluss_core::decide::Retain;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::ReleaseId;
use sluss_core::retention::Class;
use sluss_ledger::dossier::{Check, Outcome, Report, Trust, TrustSource, archive};
use sluss_store::{Blobs as _, NewAccount};

use super::*;
use crate::evidence::dossier::{Dossier, export, trust_folder};
use crate::retention::{Done, look, once};

fn person(name: &str) -> PersonRef {
    PersonRef::derive(&[7; 32], name)
}

impl Bank {
    async fn by(&self, who: &PersonRef, command: Command) {
        let actor = Actor::Person { who: who.clone(), reauthenticated: true };
        self.engine.command(command, actor, None).await.unwrap();
    }

    async fn text(&self, text: &str) -> Digest {
        self.engine.parts().prose.put_prose(text).await.unwrap()
    }

    /// Lets bob and carl decide, beside anna.
    async fn with_approvers(&self) {
        let mut organisation = organisation(&self.anna);
        organisation.approvers.extend(["bob", "carl"].map(person));
        let commit = "2".repeat(40).parse().unwrap();
        let (contributors, nonce) = (BTreeSet::new(), "second".to_owned());
        let propose = Command::Propose { commit, organisation, contributors, nonce };
        self.engine.report(propose).await.unwrap();
        let known = self.engine.state().organisation.as_ref().map(|known| known.approvers.len());
        assert_eq!(known, Some(3));
    }

    /// Two people dispose of this, for a reason.
    async fn dispose(&self, digest: &Digest) -> Gone {
        let early = Some(self.text("space").await);
        let disposal = self.engine.state().next_disposal();
        let contents = [digest.clone()].into();
        self.by(&person("bob"), Command::Retain(Retain::ProposeDisposal { contents, early })).await;
        self.by(&person("carl"), Command::Retain(Retain::AgreeDisposal { disposal })).await;
        self.engine.state().contents[digest].gone.clone().unwrap()
    }

    async fn dossier(&self) -> Dossier {
        attest::once(&self.engine).await;
        export(&self.engine, ReleaseId(1), true, Actor::System).await.unwrap()
    }

    /// What an auditor makes of a dossier, with the keys from elsewhere.
    async fn verified(&self, dossier: &Dossier) -> Report {
        let keys = trust_folder(&self.engine).await.unwrap();
        let trust = Trust::read(&keys, TrustSource::Independent).unwrap();
        let files = archive::read(&dossier.archive).unwrap();
        sluss_ledger::dossier::verify(&files, &trust, &Default::default())
    }
}

fn passed(report: &Report, check: Check) -> bool {
    matches!(report.outcome(check), Outcome::Passed(_))
}

fn none_failed(report: &Report) -> bool {
    !report.checks().any(|(_, _, outcome)| matches!(outcome, Outcome::Failed(_)))
}

#[tokio::test]
async fn what_is_disposed_of_goes_after_its_event_and_a_dossier_says_so() {
    let bank = Bank::open().await;
    bank.with_approvers().await;
    bank.release(0).await;
    // Nothing ever started it, so that it is taken back in time, and barred.
    bank.pass(HOUR_MS).await;
    let before = bank.dossier().await;
    assert!(passed(&bank.verified(&before).await, Check::Signatures));
    let envelope = bank.engine.state().releases[&ReleaseId(1)].provenance.clone().unwrap();
    let gone = bank.dispose(&envelope).await;
    let blobs = &bank.engine.parts().blobs;
    assert!(blobs.exists(&envelope).await.unwrap(), "the event comes first");

    // Within the hour it stays: what names it may still be on its way.
    let (mut done, now) = (Done::default(), Millis(i64::MAX / 2));
    let put = std::fs::metadata(blobs.path(&envelope)).unwrap().modified().unwrap();
    let put = put.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    once(&bank.engine, &mut done, Millis(i64::try_from(put).unwrap() + 60_000)).await.unwrap();
    assert!(blobs.exists(&envelope).await.unwrap());
    once(&bank.engine, &mut done, now).await.unwrap();
    assert!(!blobs.exists(&envelope).await.unwrap());
    // After a kill, the next start does the same again, and nothing more.
    once(&bank.engine, &mut Done::default(), now).await.unwrap();
    once(&bank.engine, &mut done, now).await.unwrap();

    let report = verify(bank.folder.path(), Scope::Full).await.unwrap();
    assert!(report.ok, "{report:?}");
    let found = look(bank.folder.path()).await.unwrap();
    let [told] = &found.gone[..] else { panic!("{found:?}") };
    assert_eq!(
        (told.leaf, told.why, told.class),
        (gone.leaf, "disposed under policy", Class::Evidence)
    );
    assert!(found.missing.iter().all(|one| one.digest != envelope.to_string()), "{found:?}");

    let after = bank.dossier().await;
    let report = bank.verified(&after).await;
    let signatures = report.outcome(Check::Signatures);
    assert!(matches!(signatures, Outcome::NotChecked(_)), "{signatures:?}");
    assert!(
        format!("{signatures:?}").contains("1 attestations were disposed of"),
        "{signatures:?}"
    );
    let refs = report.outcome(Check::CrossReferences);
    assert!(format!("{refs:?}").contains("1 contents disposed of"), "{refs:?}");
    assert!(none_failed(&report), "{report:?}");
    let page = archive::read(&after.archive).unwrap();
    let page = String::from_utf8(page["index.html"].clone()).unwrap();
    assert!(page.contains("was disposed of under a policy (evidence, leaf"), "{page}");
    // What was given away before still verifies as it did.
    assert!(passed(&bank.verified(&before).await, Check::Signatures));
}

#[tokio::test]
async fn what_is_missing_and_was_not_disposed_of_is_named() {
    let bank = Bank::open().await;
    bank.release(0).await;
    let envelope = bank.engine.state().releases[&ReleaseId(1)].provenance.clone().unwrap();
    std::fs::remove_file(bank.engine.parts().blobs.path(&envelope)).unwrap();
    let found = look(bank.folder.path()).await.unwrap();
    let missing = found.missing.iter().find(|one| one.digest == envelope.to_string());
    assert_eq!(missing.unwrap().streams, ["release/rel-1"]);
    assert!(found.gone.is_empty());
}

/// Every file of a folder that holds these bytes.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if let Ok(content) = std::fs::read(&path) {
            let holds = content.windows(bytes.len()).any(|window| window == bytes);
            found.extend(holds.then_some(path));
        }
    }
    found
}

#[tokio::test]
async fn of_a_person_who_is_erased_no_file_holds_the_name_and_every_proof_stands() {
    let bank = Bank::open().await;
    bank.with_approvers().await;
    let accounts = bank.engine.parts().accounts.clone();
    let created = accounts.create(NewAccount {
        login: "mallory-login".to_owned(),
        name: "Mallory Unmistakable".to_owned(),
        emails: vec!["mallory@unmistakable.example".to_owned()],
        password: "a long and private password".to_owned(),
    });
    let mallory = created.await.unwrap().person;
    let password = "a wrong and private password".to_owned();
    assert!(accounts.sign_in("mallory-login", password).await.is_err());
    let session = accounts.sign_in("mallory-login", "a long and private password".to_owned());
    let session = session.await.unwrap();
    // What they wrote, and what they made alone.
    let reason = bank.text("I, Mallory Unmistakable, ask for it").await;
    let what = ExceptionKind::Waiver { service: "pay".parse().unwrap(), rule: "sbom".to_owned() };
    let until = bank.engine.now().plus(HOUR_MS);
    let mut organisation = organisation(&bank.anna);
    organisation.approvers.extend(["bob", "carl"].map(person));
    let roles = organisation.clone();
    organisation.developers.insert(mallory.clone());
    let propose = |commit: &str, organisation| Command::Propose {
        commit: commit.repeat(40).parse().unwrap(),
        organisation,
        contributors: BTreeSet::new(),
        nonce: commit.to_owned(),
    };
    bank.engine.report(propose("3", organisation)).await.unwrap();
    bank.by(
        &mallory,
        Command::AskException {
            what,
            reason: reason.clone(),
            until,
            terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
        },
    )
    .await;
    bank.release(0).await;
    bank.pass(2 * HOUR_MS).await;
    let before = bank.dossier().await;
    assert!(!holding(bank.folder.path(), b"Unmistakable").is_empty());

    let why = bank.text("a request by law").await;
    let ask = Command::Retain(Retain::ProposeErasure { person: mallory.clone(), reason: why });
    let bob = Actor::Person { who: person("bob"), reauthenticated: true };
    let refused = bank.engine.command(ask.clone(), bob, None).await.unwrap_err();
    assert!(refused.what.contains("They have a role"), "{refused:?}");
    bank.engine.report(propose("4", roles)).await.unwrap();
    bank.by(&person("bob"), ask).await;
    let erasure = sluss_core::ids::ErasureId(1);
    bank.by(&person("carl"), Command::Retain(Retain::AgreeErasure { erasure })).await;
    // A kill after the event: the next start does it, twice the same.
    for mut done in [Done::default(), Done::default()] {
        once(&bank.engine, &mut done, bank.engine.now()).await.unwrap();
    }

    assert_eq!(accounts.find_by_ref(&mallory).await.unwrap(), None);
    assert!(accounts.session(&session.token).await.unwrap().is_none());
    assert_eq!(bank.engine.parts().prose.prose(&reason).await.unwrap(), None);
    for bytes in ["Unmistakable", "unmistakable", "mallory-login"] {
        assert_eq!(holding(bank.folder.path(), bytes.as_bytes()), [] as [std::path::PathBuf; 0]);
    }
    let report = verify(bank.folder.path(), Scope::Full).await.unwrap();
    assert!(report.ok, "{report:?}");
    let found = look(bank.folder.path()).await.unwrap();
    let told = found.gone.iter().find(|one| one.digest == reason.to_string()).unwrap();
    assert_eq!(told.why, "erased with its author");
    assert!(found.missing.iter().all(|one| one.digest != reason.to_string()), "{found:?}");
    for dossier in [&before, &bank.dossier().await] {
        let report = bank.verified(dossier).await;
        assert!(passed(&report, Check::Signatures), "{report:?}");
        assert!(none_failed(&report), "{report:?}");
    }
}
