//! The program as an auditor runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sluss_ledger::dossier::{Files, archive, build};
use sluss_ledger::sample::{ORIGIN, Story, attestation_key, cosigned, log_key, story, witness_key};

struct Desk {
    folder: tempfile::TempDir,
    files: Files,
}

impl Desk {
    /// A folder with a dossier in both forms and the keys beside it.
    fn new() -> Self {
        let mut parts = story(&Story::default()).unwrap().parts("rel-1", &log_key(1)).unwrap();
        parts.checkpoint = cosigned(&parts.checkpoint, &witness_key(1)).unwrap();
        let files = build(&parts, &attestation_key(1)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder, files };
        desk.write("dossier.sluss.zip", &archive::write(&desk.files).unwrap());
        for (path, content) in &desk.files {
            desk.write(&format!("dossier/{path}"), content);
            if path.starts_with("trust/") {
                desk.write(path, content);
            }
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        program(Command::new(env!("CARGO_BIN_EXE_sluss-verify")), self.folder.path(), arguments)
    }
}

fn program(mut command: Command, folder: &Path, arguments: &[&str]) -> Output {
    command.args(arguments).current_dir(folder).output().unwrap()
}

#[track_caller]
fn assert_ends(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}{errors}");
    assert_eq!(text.contains("OK"), code == 0, "{text}");
    text + &errors
}

#[test]
fn a_good_dossier_ends_with_0_as_archive_and_as_folder() {
    let desk = Desk::new();
    for dossier in ["dossier.sluss.zip", "dossier"] {
        assert_ends(&desk.run(&[dossier, "--trust", "trust"]), 0);
    }
}

#[test]
fn a_changed_file_ends_with_1() {
    let desk = Desk::new();
    desk.write("dossier/index.html", b"all is well");
    let told = assert_ends(&desk.run(&["dossier", "--trust", "trust"]), 1);
    assert!(told.contains("index.html"), "{told}");
}

#[test]
fn keys_from_the_dossier_end_with_2_however_they_are_given() {
    let desk = Desk::new();
    for trust in [&[][..], &["--trust", "dossier/trust"], &["--trust", "trust/../dossier/trust"]] {
        let arguments = [&["dossier"], trust].concat();
        let told = assert_ends(&desk.run(&arguments), 2);
        assert!(told.contains("keys not independent"), "{told}");
    }
}

#[test]
fn what_can_not_be_read_ends_with_3() {
    let desk = Desk::new();
    desk.write("text", b"not a dossier");
    desk.write("empty/file", b"");
    for dossier in ["text", "empty", "nowhere"] {
        assert_ends(&desk.run(&[dossier, "--trust", "trust"]), 3);
    }
    assert_ends(&desk.run(&["dossier", "--trust", "empty"]), 3);
    assert_ends(&desk.run(&["dossier", "--trust", "trust", "--skip", "seal"]), 3);
    assert_ends(&desk.run(&["dossier", "--trust", "trust", "--artifact", "nowhere"]), 3);
}

#[test]
fn a_link_in_the_folder_ends_with_1() {
    let desk = Desk::new();
    std::os::unix::fs::symlink("/etc/hostname", desk.path("dossier/blobs/link")).unwrap();
    let told = assert_ends(&desk.run(&["dossier", "--trust", "trust"]), 1);
    assert!(told.contains("link"), "{told}");
}

#[test]
fn an_artifact_is_compared_with_the_releases() {
    let desk = Desk::new();
    desk.write("payments", b"the payments service, built\n");
    desk.write("other", b"another");
    let with = |file| desk.run(&["dossier", "--trust", "trust", "--artifact", file]);
    assert_ends(&with("payments"), 0);
    assert_ends(&with("other"), 1);
}

#[test]
fn a_check_that_is_required_and_can_not_be_made_ends_with_2() {
    let desk = Desk::new();
    assert_ends(&desk.run(&["dossier", "--trust", "trust", "--require", "witnesses"]), 2);
    assert_ends(&desk.run(&["dossier", "--trust", "trust", "--require", "timestamps"]), 2);
}

#[test]
fn witnesses_are_counted_by_the_auditors_own_policy() {
    let desk = Desk::new();
    let by = |log: u8, witness: u8, quorum: &str| {
        let (log, witness) = (log_key(log).verifier(), witness_key(witness).verifier());
        let policy = format!("log {log}\nwitness audit {witness}\nquorum {quorum}\n");
        desk.write("trust/tlog-policy", policy.as_bytes());
        desk.run(&["dossier", "--trust", "trust"])
    };
    let told = assert_ends(&by(1, 1, "audit"), 0);
    assert!(told.contains("cosigned by audit, of 1 listed"), "{told}");
    assert_ends(&by(1, 2, "audit"), 1);
    assert_ends(&by(2, 1, "audit"), 1);
    let told = assert_ends(&by(1, 1, "none"), 1);
    assert!(told.contains("asks for no witness"), "{told}");
    desk.write("trust/tlog-policy", format!("log {ORIGIN}\nquorum none\n").as_bytes());
    assert_ends(&desk.run(&["dossier", "--trust", "trust"]), 1);
}

#[test]
fn the_report_as_json_says_the_same() {
    let desk = Desk::new();
    let output = desk.run(&["dossier", "--trust", "trust", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["exit"]), (Some(0), &0.into()));
    assert_eq!(report["release"], "rel-1");
}

#[test]
fn it_works_in_an_empty_network_namespace() {
    let desk = Desk::new();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "-n", env!("CARGO_BIN_EXE_sluss-verify")]);
    let output = program(command, desk.folder.path(), &["dossier.sluss.zip", "--trust", "trust"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    // Some machines forbid namespaces to everyone; `e2e/verifiers/run` insists on them.
    if !errors.starts_with("unshare:") {
        assert_ends(&output, 0);
    }
}
