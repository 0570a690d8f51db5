//! A dossier is good, or its report says what is not.

use std::collections::BTreeMap;

use serde_json::json;
use sluss_ledger::dossier::{
    Check, Disposed, Files, KeySpan, Options, Outcome, Parts, Report, Trust, TrustParts,
    TrustSource, TrustedKeys, archive, build, verify,
};
use sluss_ledger::sample::{
    Draft, Emergency, Ledger, ORIGIN, Story, Waiver, artifact, attestation_key, log_key, person,
    signed, story, test_result,
};
use sluss_ledger::{Checkpoint, Hash, LogKeys, Note};

fn parts(told: &Story) -> Parts {
    let mut parts = story(told).unwrap().parts(told.release, &log_key(1)).unwrap();
    parts.sbom = Some(sluss_ledger::sample::SBOM.to_owned());
    parts
}

fn written(parts: &Parts) -> Files {
    build(parts, &attestation_key(1)).unwrap()
}

fn trust_of(files: &Files) -> Trust {
    let inside = |(path, content): (&String, &Vec<u8>)| {
        Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
    };
    Trust::read(&files.iter().filter_map(inside).collect(), TrustSource::Independent).unwrap()
}

/// The trust of whoever verifies, which is not read from what is verified.
fn trust() -> Trust {
    trust_of(&written(&parts(&Story::default())))
}

fn report(files: &Files) -> Report {
    verify(files, &trust(), &Options::default())
}

/// Signs a changed dossier anew, as somebody who has the platform's key could.
fn signed_anew(mut files: Files) -> Files {
    use sluss_ledger::attest::Dsse;
    use sluss_ledger::dossier::{FileEntry, MANIFEST_PAYLOAD, Manifest};
    let mut manifest = Manifest::parse(&files["manifest.json"]).unwrap();
    files.retain(|path, _| !path.starts_with("manifest."));
    let entry = |(path, content): (&String, &Vec<u8>)| FileEntry {
        path: path.clone(),
        sha256: Hash::sha256(content),
        size: content.len() as u64,
    };
    manifest.files = files.iter().map(entry).collect();
    let json = manifest.to_json();
    let signed = Dsse::sign(MANIFEST_PAYLOAD, json.clone().into_bytes(), &attestation_key(1));
    files.insert("manifest.json".to_owned(), json.into_bytes());
    files.insert("manifest.dsse.json".to_owned(), signed.to_json().into_bytes());
    files
}

#[track_caller]
fn assert_fails(report: &Report, check: Check, reason: &str) {
    let Outcome::Failed(failures) = report.outcome(check) else {
        panic!("{check} did not fail:\n{report}");
    };
    assert!(failures.iter().any(|failure| failure.to_string().contains(reason)), "{report}");
    assert_eq!(report.exit_code(), 1);
    assert!(!report.to_string().contains("OK"));
}

#[test]
fn a_good_dossier_passes_every_required_check() {
    let files = written(&parts(&Story::default()));
    let report = report(&files);
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(report.to_string().contains("OK"));
    assert_eq!(report.release(), Some("rel-1"));
    let zip = archive::write(&files).unwrap();
    assert_eq!(archive::read(&zip).unwrap(), files);
}

#[test]
fn the_same_parts_give_the_same_bytes() {
    let zip = || archive::write(&written(&parts(&Story::default()))).unwrap();
    assert_eq!(zip(), zip());
}

/// The smallest dossier that is good: one attestation, one release, one seal.
fn smallest() -> Files {
    let key = attestation_key(1);
    let mut ledger = Ledger::default();
    let tests = signed(&test_result(), &key).unwrap();
    let tests = ledger.attestation(tests, &key);
    let mut created = Draft::new("release/rel-1", "release.created", json!({"release": "rel-1"}));
    created.atts = vec![tests];
    ledger.event(created);
    let (count, head) = ledger.head("release/rel-1");
    let seal = json!({"n": 1, "count": count, "head": head});
    ledger.event(Draft::new("release/rel-1", "release.sealed", seal));
    written(&ledger.parts("rel-1", &log_key(1)).unwrap())
}

/// Changes every `step`th byte of every file, one at a time.
fn assert_no_change_unnoticed(files: &Files, step: usize) {
    let trust = trust();
    assert_eq!(verify(files, &trust, &Options::default()).exit_code(), 0);
    let mut changed = files.clone();
    for (path, content) in files {
        for at in (0..content.len()).step_by(step) {
            changed.get_mut(path).unwrap()[at] ^= 1;
            let report = verify(&changed, &trust, &Options::default());
            assert_eq!(report.exit_code(), 1, "byte {at} of {path}:\n{report}");
            changed.get_mut(path).unwrap()[at] ^= 1;
        }
    }
}

#[test]
fn no_changed_byte_of_any_file_goes_unnoticed() {
    let (every, some) = if cfg!(debug_assertions) { (211, 997) } else { (1, 53) };
    assert_no_change_unnoticed(&smallest(), every);
    assert_no_change_unnoticed(&written(&parts(&Story::default())), some);
}

#[test]
fn no_changed_byte_of_the_archive_goes_unnoticed() {
    let zip = archive::write(&written(&parts(&Story::default()))).unwrap();
    let step = if cfg!(debug_assertions) { 499 } else { 61 };
    for at in (0..zip.len()).step_by(step).chain(zip.len() - 22..zip.len()) {
        let mut changed = zip.clone();
        changed[at] ^= 1;
        if let Ok(files) = archive::read(&changed) {
            assert_eq!(report(&files).exit_code(), 1, "byte {at}");
        }
    }
}

#[test]
fn a_file_too_few_too_many_or_in_another_place_is_named() {
    let files = written(&parts(&Story::default()));
    let told = Story { release: "rel-2", ..Story::default() };
    let other = written(&parts(&told));
    for path in files.keys() {
        let mut without = files.clone();
        without.remove(path);
        assert_eq!(report(&without).exit_code(), 1, "without {path}");
        let mut swapped = files.clone();
        swapped.insert(path.clone(), other.get(path).cloned().unwrap_or_default());
        if swapped != files {
            assert_eq!(report(&swapped).exit_code(), 1, "{path} of another release");
        }
    }
    for more in ["events/0000000099.json", "notes.txt", "CHECKPOINT", "../up", "/root"] {
        let mut files = files.clone();
        files.insert(more.to_owned(), files["checkpoint"].clone());
        assert_fails(&report(&files), Check::Container, "");
    }
    let events: Vec<&String> = files.keys().filter(|path| path.starts_with("events/")).collect();
    let mut swapped = files.clone();
    swapped.insert(events[0].clone(), files[events[2]].clone());
    swapped.insert(events[2].clone(), files[events[0]].clone());
    assert_fails(&report(&swapped), Check::Digests, "not the one that was listed");
    assert_fails(&report(&signed_anew(swapped)), Check::Inclusion, "not in the tree");
}

#[test]
fn wrong_trust_is_never_good_and_the_dossiers_own_keys_check_nothing() {
    let files = written(&parts(&Story::default()));
    let enclosed = Trust::enclosed(&files).unwrap();
    let report = verify(&files, &enclosed, &Options::default());
    assert_eq!(report.exit_code(), 2, "{report}");
    let Outcome::NotChecked(why) = report.outcome(Check::Signatures) else { panic!("{report}") };
    assert!(why.contains("keys not independent"));
    assert!(!report.to_string().contains("OK"));

    let mut other = parts(&Story::default());
    other.trust.logs[0].0 = log_key(2).verifier();
    other.trust.spans = keys_of_log(2);
    let report = verify(&files, &trust_of(&written(&other)), &Options::default());
    assert_fails(&report, Check::Inclusion, "no known key signed");

    let mut other = parts(&Story::default());
    let key = attestation_key(2).verifier().clone();
    other.trust.keys = TrustedKeys::of(vec![KeySpan { key, from_leaf: 0, to_leaf: None }]);
    let other = build(&other, &attestation_key(1)).unwrap();
    let report = verify(&files, &trust_of(&other), &Options::default());
    assert_fails(&report, Check::Signatures, "no trusted key signed this");
}

#[test]
fn a_dossier_from_before_a_rotation_verifies_and_a_retired_key_signs_nothing_new() {
    let mut rotated = parts(&Story::default());
    let size = story(&Story::default()).unwrap().parts("rel-1", &log_key(1)).unwrap();
    let last = size.events.last().unwrap().index + 1;
    let span = |which: u8, from_leaf: u64, to_leaf| KeySpan {
        key: attestation_key(which).verifier().clone(),
        from_leaf,
        to_leaf,
    };
    let files = written(&rotated);
    for (to, exit) in [(last + 1, 0), (last - 5, 1)] {
        rotated.trust.keys = TrustedKeys::of(vec![span(1, 0, Some(to)), span(2, to, None)]);
        let report = verify(&files, &trust_of(&written(&rotated)), &Options::default());
        assert_eq!(report.exit_code(), exit, "{report}");
    }
}

/// The keys of a log that has had one.
fn keys_of_log(which: u8) -> LogKeys {
    LogKeys::new(ORIGIN.parse().unwrap(), log_key(which).verifier()).unwrap()
}

/// What was told, under a checkpoint that the keys of these numbers signed.
fn signed_by(keys: &[u8]) -> Parts {
    let mut parts = parts(&Story::default());
    let note = Note::parse(parts.checkpoint.as_bytes()).unwrap();
    let body: Checkpoint = note.unverified_text().parse().unwrap();
    let (first, rest) = keys.split_first().unwrap();
    let note = body.sign(&log_key(*first)).unwrap();
    let text = note.unverified_text().to_owned();
    let note = rest.iter().fold(note, |note, which| note.with(log_key(*which).sign(&text)));
    parts.checkpoint = note.to_string();
    parts.trust = rotated(9, None);
    parts
}

/// The trust in a log whose second key signs from leaf `from` on, and the first up to `until`.
fn rotated(from: u64, until: Option<u64>) -> TrustParts {
    let mut trust = parts(&Story::default()).trust;
    let mut spans = keys_of_log(1);
    spans.rotate(log_key(2).verifier(), from).unwrap();
    if let Some(until) = until {
        spans.retire(&log_key(1).verifier(), until).unwrap();
    }
    let since = trust.logs[0].1;
    trust.logs.push((log_key(2).verifier(), since));
    TrustParts { spans, ..trust }
}

#[test]
fn a_checkpoint_is_signed_by_each_key_of_the_log_that_vouches_for_it_and_by_no_former_one() {
    let last = parts(&Story::default()).events.last().unwrap().index;
    let judge = |signers: &[u8], (from, until): (u64, Option<u64>)| {
        let trust = Trust::read(&rotated(from, until).files(), TrustSource::Independent).unwrap();
        verify(&written(&signed_by(signers)), &trust, &Options::default())
    };
    // From before the rotation, and from between the making of a key and its naming.
    let (after, during, over) = ((last + 5, None), (last - 5, None), (last - 5, Some(last)));
    for (signers, spans) in [
        (&[1][..], after),
        (&[1, 2], after),
        (&[1, 2], during),
        (&[2], over),
        (&[1], (last + 5, Some(last + 9))),
        (&[1, 2], (last - 5, Some(last + 1))),
    ] {
        let report = judge(signers, spans);
        assert_eq!(report.exit_code(), 0, "{signers:?} {spans:?}: {report}");
    }
    assert_fails(&judge(&[1], during), Check::KeySpans, "lacks the signature");
    assert_fails(&judge(&[2], during), Check::KeySpans, "lacks the signature");
    assert_fails(&judge(&[2], after), Check::KeySpans, "lacks the signature");
    assert_fails(&judge(&[1], over), Check::KeySpans, "lacks the signature");
    let once_more = judge(&[1, 2], over);
    assert_fails(&once_more, Check::KeySpans, &format!("was retired at leaf {last}"));
}

#[test]
fn trusted_files_without_spans_leave_them_unchecked_and_others_than_those_of_the_keys_are_refused()
{
    let files = written(&parts(&Story::default()));
    let mut trusted = parts(&Story::default()).trust.files();
    let spans = trusted.remove("log-keys.json").unwrap();
    let trust = Trust::read(&trusted, TrustSource::Independent).unwrap();
    let report = verify(&files, &trust, &Options::default());
    assert_eq!(report.exit_code(), 2, "{report}");
    let Outcome::NotChecked(why) = report.outcome(Check::KeySpans) else { panic!("{report}") };
    assert!(why.contains("sluss log trust"), "{why}");

    let spans = String::from_utf8(spans).unwrap();
    let other = rotated(9, None).files().remove("log-keys.json").unwrap();
    for (bad, why) in [
        (spans.replace("v1\"", "v2\""), "is of format"),
        (spans.replace("\"from_leaf\": 0", "\"from_leaf\": 1"), "from leaf 0"),
        (spans.replace("\"to_leaf\": null", "\"to_leaf\": 7"), "cannot be retired"),
        (String::from_utf8(other).unwrap(), "other keys than"),
    ] {
        trusted.insert("log-keys.json".to_owned(), bad.into_bytes());
        let error = Trust::read(&trusted, TrustSource::Independent).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

#[test]
fn the_seal_counts_exactly() {
    for off in [-1, 1] {
        let told = Story { seal_off_by: off, ..Story::default() };
        assert_fails(&report(&written(&parts(&told))), Check::Seal, "were sealed");
    }
    let mut ledger = story(&Story::default()).unwrap();
    let late = json!({"release": "rel-1"});
    ledger.event(Draft::new("release/rel-1", "release.barred", late));
    let report = report(&written(&ledger.parts("rel-1", &log_key(1)).unwrap()));
    assert_eq!(report.exit_code(), 2, "{report}");
}

#[test]
fn a_given_artifact_is_the_releases_or_fails() {
    let files = written(&parts(&Story::default()));
    for (digest, exit) in [(artifact(), 0), (Hash::sha256(b"another"), 1)] {
        let artifacts = vec![("payments.bin".to_owned(), digest)];
        let report = verify(&files, &trust(), &Options { artifacts, ..Options::default() });
        assert_eq!(report.exit_code(), exit, "{report}");
    }
}

#[test]
fn what_is_required_and_not_checked_is_not_good() {
    let files = written(&parts(&Story::default()));
    let require = [Check::Witnesses].into();
    let report = verify(&files, &trust(), &Options { require, ..Options::default() });
    assert_eq!(report.exit_code(), 2, "{report}");
}

#[test]
fn disclosed_persons_are_those_of_the_events_or_it_fails() {
    let mut disclosed = parts(&Story::default());
    disclosed.identities = vec![person("ada"), person("grace")];
    let report_of = |parts: &Parts| report(&written(parts));
    assert!(matches!(report_of(&disclosed).outcome(Check::Identities), Outcome::Passed(_)));
    disclosed.identities.pop();
    assert!(matches!(report_of(&disclosed).outcome(Check::Identities), Outcome::NotChecked(_)));
    disclosed.identities[0].person = "bob".to_owned();
    assert_fails(&report_of(&disclosed), Check::Identities, "not who");
}

// The six forms in which evidence fails (FINOS SDLC Common Controls, risk 5).

#[test]
fn a_history_that_can_not_be_reconstructed_fails() {
    let mut holed = parts(&Story::default());
    let stream =
        |part: &sluss_ledger::dossier::EventPart| sluss_ledger::Envelope::open(&part.leaf).unwrap();
    holed.events.retain(|part| stream(part).kind != "deployment.cleared");
    let report = report(&written(&holed));
    assert_fails(&report, Check::Contiguity, "is missing");
    assert_fails(&report, Check::Seal, "were sealed");
}

#[test]
fn a_control_that_did_not_hold_throughout_fails() {
    let told = Story { revoked: true, ..Story::default() };
    let report = report(&written(&parts(&told)));
    assert_fails(&report, Check::Approvals, "without the approval");
}

#[test]
fn integrity_that_can_not_be_proved_fails() {
    let files = written(&parts(&Story::default()));
    let path = "events/0000000001.json".to_owned();
    let changed = String::from_utf8(files[&path].clone()).unwrap().replace("main", "evil");
    assert_ne!(changed.as_bytes(), files[&path]);
    let mut files = files.clone();
    files.insert(path, changed.into_bytes());
    assert_fails(&report(&signed_anew(files)), Check::Inclusion, "not in the tree");
}

#[test]
fn a_decision_about_another_artifact_fails() {
    let told = Story { approved_artifact: Hash::sha256(b"another artifact"), ..Story::default() };
    let report = report(&written(&parts(&told)));
    assert_fails(&report, Check::Approvals, "not this release's artifacts");
}

#[test]
fn evidence_that_was_lost_fails_and_evidence_that_was_disposed_of_does_not() {
    let mut lost = parts(&Story::default());
    lost.blobs.retain(|blob| blob != b"<testsuites/>");
    assert_fails(&report(&written(&lost)), Check::CrossReferences, "was not disposed of");

    let mut ledger = story(&Story::default()).unwrap();
    let digest = Hash::sha256(b"<testsuites/>");
    let data = json!({"sha256": digest, "class": "1y", "reason": "term is over"});
    let leaf = ledger.event(Draft::new("log", "blob.disposed", data));
    let mut disposed = ledger.parts("rel-1", &log_key(1)).unwrap();
    disposed.blobs.retain(|blob| blob != b"<testsuites/>");
    disposed.disposed = vec![Disposed { sha256: digest, class: "1y".to_owned(), leaf }];
    let report = report(&written(&disposed));
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[test]
fn a_disposal_excuses_nothing_that_is_named_after_it() {
    let mut ledger = story(&Story::default()).unwrap();
    let digest = Hash::sha256(b"<testsuites/>");
    let data = json!({"sha256": digest, "class": "evidence", "disposal": "dsp-1"});
    let leaf = ledger.event(Draft::new("retention", "blob.disposed", data));
    let named = json!({"report": {"sha256": digest, "size": 13, "media_type": "text/xml"}});
    ledger.event(Draft::new("release/rel-1", "report.named", named));
    let mut parts = ledger.parts("rel-1", &log_key(1)).unwrap();
    parts.blobs.retain(|blob| blob != b"<testsuites/>");
    parts.disposed = vec![Disposed { sha256: digest, class: "evidence".to_owned(), leaf }];
    assert_fails(&report(&written(&parts)), Check::CrossReferences, "was not disposed of");
}

#[test]
fn an_approval_over_what_was_disposed_of_is_not_checked() {
    let mut ledger = story(&Story::default()).unwrap();
    let whole = ledger.parts("rel-1", &log_key(1)).unwrap();
    let is_statement = |blob: &&Vec<u8>| blob.windows(9).any(|part| part == b"\"release\"");
    let statement = whole.blobs.iter().find(is_statement).unwrap();
    let digest = Hash::sha256(statement);
    let data = json!({"sha256": digest, "class": "evidence", "disposal": "dsp-1"});
    let leaf = ledger.event(Draft::new("retention", "blob.disposed", data));
    let mut parts = ledger.parts("rel-1", &log_key(1)).unwrap();
    parts.blobs.retain(|blob| blob != statement);
    parts.disposed = vec![Disposed { sha256: digest, class: "evidence".to_owned(), leaf }];
    let report = report(&written(&parts));
    let Outcome::NotChecked(why) = report.outcome(Check::Approvals) else { panic!("{report}") };
    assert!(why.contains("disposed of under a policy"), "{why}");
    assert_eq!(report.exit_code(), 2, "{report}");
}

#[test]
fn an_approval_by_nobody_known_fails() {
    let told = Story { approver_told: false, ..Story::default() };
    assert_fails(&report(&written(&parts(&told))), Check::Approvals, "not known who approved");
}

#[test]
fn whoever_contributed_did_not_approve() {
    let told = Story { approver: "ada", ..Story::default() };
    assert_fails(&report(&written(&parts(&told))), Check::Approvals, "had contributed");
}

#[test]
fn approvals_of_another_release_are_not_this_ones() {
    let told = Story { release: "rel-2", ..Story::default() };
    let mut other = parts(&told);
    other.release = "rel-1".to_owned();
    let report = report(&written(&other));
    assert_eq!(report.exit_code(), 1, "{report}");
}

#[test]
fn what_an_emergency_let_through_is_said_as_that_and_its_own_evidence_is_checked() {
    let good = Emergency {
        granted_by: "grace",
        reviewed_by: Some("barbara"),
        deployment: "dep-1",
        seconds: 3600,
    };
    let told = |emergency| Story { emergency: Some(emergency), ..Story::default() };
    let said = report(&written(&parts(&told(good))));
    let Outcome::Excepted(what) = said.outcome(Check::Approvals) else { panic!("{said}") };
    assert!(what.contains("exc-1: 1 agreed, reviewed by another"), "{what}");
    assert_eq!(said.exit_code(), 2, "{said}");
    assert!(said.to_string().contains("BY EXCEPTION") && !said.to_string().contains("OK"));
    let unreviewed = report(&written(&parts(&told(Emergency { reviewed_by: None, ..good }))));
    assert!(unreviewed.to_string().contains("not reviewed yet"), "{unreviewed}");
    for (bad, reason) in [
        (Emergency { granted_by: "linus", ..good }, "was not granted by somebody else"),
        (Emergency { granted_by: "ada", ..good }, "was not granted by somebody else"),
        (Emergency { reviewed_by: Some("grace"), ..good }, "was reviewed by somebody who"),
        (Emergency { deployment: "dep-2", ..good }, "is no emergency of this deployment"),
        (Emergency { seconds: 0, ..good }, "was over by then"),
    ] {
        assert_fails(&report(&written(&parts(&told(bad)))), Check::Approvals, reason);
    }
}

/// Two others agreed in time to what `linus` asked for.
fn in_order(of_finding: bool) -> Waiver {
    Waiver {
        of_finding,
        granted_by: ["grace", "barbara"],
        service: "payments",
        seconds: 3_600,
        ended: false,
        reported: Waiver::FINDING,
    }
}

fn with_waiver(waiver: Waiver) -> Report {
    report(&written(&parts(&Story { waiver: Some(waiver), ..Story::default() })))
}

#[test]
fn what_a_waiver_let_through_is_said_as_that_where_two_others_granted_it_in_time() {
    for of_finding in [true, false] {
        let good = with_waiver(in_order(of_finding));
        let Outcome::Excepted(what) = good.outcome(Check::Waivers) else { panic!("{good}") };
        assert!(what.ends_with("waived by exc-2: 2 agreed"), "{what}");
        assert_eq!(good.exit_code(), 2, "{good}");
        let of = in_order(of_finding);
        for (bad, reason) in [
            (Waiver { granted_by: ["grace", "grace"], ..of }, "two others"),
            (Waiver { granted_by: ["grace", "linus"], ..of }, "two others"),
            (Waiver { granted_by: ["grace", "ada"], ..of }, "two others"),
            (Waiver { granted_by: ["grace", "edsger"], ..of }, "two others"),
            (Waiver { service: "cards", ..of }, "is of something else"),
            (Waiver { seconds: 0, ..of }, "was over by then"),
            (Waiver { ended: true, ..of }, "had been ended by then"),
        ] {
            assert_fails(&with_waiver(bad), Check::Waivers, reason);
        }
    }
    let other = Waiver { reported: "cards", ..in_order(true) };
    assert_fails(&with_waiver(other), Check::Waivers, "not of what scanners found");
    assert!(matches!(report(&smallest()).outcome(Check::Waivers), Outcome::NotChecked(_)));
}

/// Whatever leaf about a waiver is left away, nothing that it let through has passed.
#[test]
fn a_waiver_of_which_something_is_missing_never_passes() {
    for of_finding in [true, false] {
        let whole = parts(&Story { waiver: Some(in_order(of_finding)), ..Story::default() });
        let mut tried = 0;
        for kind in ["exception.requested", "exception.granted", "config.proposed"] {
            let of_kind = |leaf: &[u8]| String::from_utf8_lossy(leaf).contains(kind);
            for left_out in whole.events.iter().filter(|event| of_kind(&event.leaf)) {
                let mut fewer = whole.clone();
                fewer.events.retain(|event| event.index != left_out.index);
                let report = report(&written(&fewer));
                let outcome = report.outcome(Check::Waivers);
                assert!(matches!(outcome, Outcome::Failed(_)), "{kind}: {report}");
                assert_eq!(report.exit_code(), 1, "{report}");
                tried += 1;
            }
        }
        assert_eq!(tried, 4);
    }
}

#[test]
fn an_archive_that_climbs_out_hides_or_explodes_is_refused() {
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};
    let files = written(&parts(&Story::default()));
    type Zip = ZipWriter<std::io::Cursor<Vec<u8>>>;
    let pack = |more: &dyn Fn(&mut Zip)| {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in &files {
            zip.start_file(name.as_str(), stored).unwrap();
            zip.write_all(content).unwrap();
        }
        more(&mut zip);
        zip.finish().unwrap().into_inner()
    };
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in ["../up", "/etc/passwd", "a/../../b", "C:\\x", "CHECKPOINT", ".hidden", "a//b"] {
        let zip = pack(&|zip| {
            zip.start_file(name, stored).unwrap();
            zip.write_all(b"x").unwrap();
        });
        assert!(archive::read(&zip).is_err(), "{name}");
    }
    let link = pack(&|zip| zip.add_symlink("blobs/link", "/etc/passwd", stored).unwrap());
    assert!(archive::read(&link).is_err());
    let good = archive::write(&files).unwrap();
    let mut trailing = good.clone();
    trailing.extend(b"more");
    let leading = [b"#!/bin/sh\n".as_slice(), &good].concat();
    for bad in [trailing, leading, good[1..].to_vec(), good[..good.len() - 1].to_vec(), vec![]] {
        assert!(archive::read(&bad).is_err());
    }
    // An entry that says to be larger than it is: both size fields of the first local header.
    let mut larger = good.clone();
    larger[18..26].copy_from_slice(&[0xff; 8]);
    assert!(archive::read(&larger).is_err());
    let mut inflating = good.clone();
    let central = find(&good, b"PK\x01\x02");
    inflating[central + 10] = 8;
    inflating[central + 24..central + 28].copy_from_slice(&[0xff; 4]);
    assert!(archive::read(&inflating).is_err());
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn what_a_dossier_says_of_itself_does_not_read_like_a_good_report() {
    let mut boasting = parts(&Story::default());
    boasting.release = "OK".to_owned();
    let told = report(&written(&boasting)).to_string();
    assert!(told.contains("NOT GOOD") && !told.contains("OK"), "{told}");
    boasting.release = "rel-1\nOK: every required check passed".to_owned();
    assert!(build(&boasting, &attestation_key(1)).is_err());
}

#[test]
fn a_report_as_json_names_every_check() {
    let files = written(&parts(&Story::default()));
    let json: serde_json::Value = serde_json::from_str(&report(&files).to_json()).unwrap();
    assert_eq!(json["exit"], 0);
    assert_eq!(json["checks"].as_array().unwrap().len(), Check::ALL.len());
    let statuses: BTreeMap<&str, &str> = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["check"].as_str().unwrap(), line["status"].as_str().unwrap()))
        .collect();
    assert_eq!(statuses["signatures"], "passed");
    assert_eq!(statuses["witnesses"], "not_checked");
}

#[test]
fn the_page_has_no_scripts_and_shows_text_as_text() {
    let mut ledger = Ledger::default();
    let hostile = json!({"text": "<script>alert(1)</script>"});
    ledger.event(Draft::new("release/rel-1", "release.created", hostile));
    let files = written(&ledger.parts("rel-1", &log_key(1)).unwrap());
    let page = String::from_utf8(files["index.html"].clone()).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert!(page.contains("@media print"));
}
