//! The sample policy of `examples/controls` over real steps: a release that is listed and scanned
//! goes to customers, one without a bill of materials does not, and a product may ask for more.
//! What an auditor takes out is vouched for by a witness and an authority outside.

use std::path::Path;
use std::process::Command;

use e2e::evidence::{PATIENCE, bank, decided, deliver, push, take};
use e2e::{Authority, Sluss, Witness, free_port, program, wait_for};

fn verified(sluss: &Sluss, desk: &Path) -> (bool, String) {
    let verify = program().with_file_name("sluss-verify");
    sluss.run_in(desk, &verify, &["it.zip", "--trust", "trust"])
}

/// Takes the dossier out and verifies it: what policies decided comes out the same again, and
/// nothing of a changed file does.
fn an_auditor_decides_again(sluss: &Sluss, release: &str) {
    let desk = sluss.scratch("desk");
    take(sluss, release, &desk);
    let (succeeded, said) = verified(sluss, &desk);
    let again = said.lines().find(|line| line.contains("passed       policy"));
    assert!(again.is_some_and(|line| line.contains("made again")) && succeeded, "{said}");
    assert!(said.contains("passed       key-spans"), "{said}");
    let same = sluss.run_in(&desk, &program(), &["verify", "it.zip", "--trust", "trust"]);
    assert_eq!(same, (succeeded, said), "`sluss verify` says the same");
    let mut bytes = std::fs::read(desk.join("it.zip")).expect("it was written");
    let told = br#""present":true"#;
    let at = bytes.windows(told.len()).position(|part| part == told);
    bytes[at.expect("the input tells of it") + told.len() - 1] ^= 1;
    std::fs::write(desk.join("it.zip"), bytes).expect("a file can be written");
    let (succeeded, said) = verified(sluss, &desk);
    assert!(!succeeded && said.contains("FAILED"), "{said}");
}

/// Lets a witness and an authority vouch, and an auditor see that they did.
fn others_vouch_for_it(mut sluss: Sluss, release: &str) {
    let (folder, port) = (sluss.scratch("witness").join("audit"), free_port());
    let key = Witness::init(&folder, "witness.test/audit");
    let keys = sluss.run(&["log", "key"]).1;
    let log = keys.split_whitespace().find(|word| word.contains("/ledger+"));
    let log = log.expect("the log's vkey is among the keys").to_owned();
    let _witness = Witness::serve(&folder, port, &log);
    let stamps = sluss.scratch("authority");
    let authority = Authority::begin(&stamps);
    let line = format!("http://127.0.0.1:{port} {key}\n");
    sluss.restart(|data| {
        std::fs::write(data.join("witnesses"), &line).expect("the file is written");
        if let Some(authority) = &authority {
            authority.stamps_for(data);
        }
    });
    let desk = sluss.scratch("vouched");
    let said = take(&sluss, release, &desk);
    assert!(!said.contains("in time") && !said.contains("no time-stamp"), "{said}");
    let policy = format!("log {log}\nwitness audit {key}\nquorum audit\n");
    std::fs::write(desk.join("trust/tlog-policy"), policy).expect("a file can be written");
    let (succeeded, said) = verified(&sluss, &desk);
    assert!(succeeded && said.contains("cosigned by audit"), "{said}");
    if let Some(authority) = authority {
        assert!(said.contains("the checkpoint was stamped"), "{said}");
        let kept = sluss.data().join("timestamped");
        wait_for("the hour's checkpoint is kept with its stamp", PATIENCE, || {
            let mut files = std::fs::read_dir(&kept).ok()?.flatten();
            files.find(|file| file.path().extension().is_some_and(|end| end == "tsr"))
        });
        openssl_agrees(&sluss, &desk, &authority);
        // Another authority vouches for nothing of it.
        std::fs::copy(authority.file("other.pem"), desk.join("trust/tsa.pem")).expect("copied");
        let (succeeded, said) = verified(&sluss, &desk);
        assert!(!succeeded && said.contains("no trusted authority"), "{said}");
    }
    // Who does not answer is named, and keeps nobody waiting for ever.
    let absent = Witness::init(&sluss.scratch("absent").join("risk"), "witness.test/risk");
    let lines = format!("{line}http://127.0.0.1:{} {absent}\n", free_port());
    sluss.restart(|data| {
        std::fs::write(data.join("witnesses"), lines).expect("the file is written");
        if data.join("timestamps").exists() {
            let nowhere = format!("http://127.0.0.1:{}/", free_port());
            std::fs::write(data.join("timestamps"), nowhere).expect("the file is written");
        }
    });
    let stamped = sluss.data().join("timestamps").exists();
    let said = take(&sluss, release, &desk);
    assert!(said.contains("The witness witness.test/risk has not cosigned it in time."), "{said}");
    assert_eq!(said.contains("It has no time-stamp"), stamped, "{said}");
    let (succeeded, said) = verified(&sluss, &desk);
    assert!(said.contains("cosigned by audit") && succeeded != stamped, "{said}");
    assert!(said.contains("not checked  timestamps       there is no time-stamp"), "{said}");
}

/// The program that most auditors have accepts the dossier's stamp, and rejects it for other data.
fn openssl_agrees(sluss: &Sluss, desk: &Path, authority: &Authority) {
    let unzip = Command::new("python3")
        .args(["-m", "zipfile", "-e", "it.zip", "unpacked"])
        .current_dir(desk)
        .status();
    if !unzip.is_ok_and(|status| status.success()) {
        return;
    }
    let unpacked = desk.join("unpacked");
    let openssl = |data: &str, ca: &str| {
        let ca = authority.file(ca);
        let ca = ca.to_str().expect("a path is text");
        let arguments = ["ts", "-verify", "-data", data, "-in", "checkpoint.tsr", "-CAfile", ca];
        sluss.run_in(&unpacked, Path::new("openssl"), &arguments)
    };
    let (accepted, said) = openssl("checkpoint", "ca.pem");
    assert!(accepted && said.contains("Verification: OK"), "{said}");
    assert!(!openssl("manifest.json", "ca.pem").0 && !openssl("checkpoint", "other.pem").0);
}

#[test]
fn the_sample_policy_lets_a_good_release_through_and_keeps_one_without_bill_of_materials() {
    let sluss = bank();
    push(&sluss, "bare", free_port(), &[]);
    push(&sluss, "unlisted", free_port(), &[("requirements.txt", "flask>=3\n")]);
    let release = deliver(&sluss);

    decided(&sluss, "listed", "policy", |outcome| outcome["outcome"] == "cleared");
    decided(&sluss, "listed", "sbom", |outcome| outcome["why"]["listed"]["components"] == 4);
    decided(&sluss, "listed", "findings", |outcome| {
        // The same one in each report; what lies in a packed folder is a report of that step, too.
        let read = &outcome["why"]["findings_in_term"];
        read["reports"].as_u64() >= Some(2) && read["findings"]["low"] == 1
    });

    an_auditor_decides_again(&sluss, &release);

    decided(&sluss, "bare", "policy", |outcome| {
        let rules = outcome["on"]["policy"]["rules"].as_array();
        rules.is_some_and(|rules| rules.iter().any(|rule| rule == "sbom.present"))
    });
    decided(&sluss, "unlisted", "sbom", |outcome| {
        let why = &outcome["why"]["no_sbom"]["why"];
        outcome["outcome"] == "refused" && why["malformed"]["file"] == "requirements.txt"
    });
    for kept in ["bare", "unlisted"] {
        assert_ne!(sluss.change(kept, kept).expect("it is known")["phase"], "delivered");
    }
    others_vouch_for_it(sluss, &release);
}
