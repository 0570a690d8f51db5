//! A witness of others: it cosigns the log, and a data folder of yesterday is found out.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::{Sluss, free_port, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running `sluss-witness`; it ends with the test.
struct Witness {
    process: Child,
    folder: PathBuf,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> PathBuf {
    e2e::program().with_file_name("sluss-witness")
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the witness runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

impl Witness {
    fn init(folder: &Path) -> String {
        let mut init = Command::new(program());
        init.args(["init", "--name", "witness.test/audit", "--dir"]).arg(folder);
        let text = said(&mut init);
        let key = text.split_whitespace().find(|word| word.starts_with("witness.test/audit+"));
        key.expect("it prints its vkey").to_owned()
    }

    fn serve(folder: &Path, port: u16, log: &str) -> Self {
        let mut serve = Command::new(program());
        serve.arg("serve").arg("--dir").arg(folder);
        serve.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--log").arg(log);
        let process = serve.stdout(Stdio::null()).spawn().expect("the witness starts");
        Self { process, folder: folder.to_owned() }
    }

    fn size(&self) -> u64 {
        let mut status = Command::new(program());
        let text = said(status.args(["status", "--json", "--dir"]).arg(&self.folder));
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        json["logs"][0]["size"].as_u64().unwrap_or(0)
    }
}

fn happened(sluss: &Sluss, kind: &str) -> bool {
    let found = sluss.get(&format!("/api/v1/log?type={kind}"));
    found.is_some_and(|page| page["events"].as_array().is_some_and(|all| !all.is_empty()))
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} is copied", from.display());
}

#[test]
fn a_witness_cosigns_the_log_and_finds_out_a_data_folder_of_yesterday() {
    let mut sluss = Sluss::up();
    let (folder, port) = (sluss.scratch("witness"), free_port());
    let folder = folder.join("audit");
    let key = Witness::init(&folder);
    let keys = sluss.run(&["log", "key"]).1;
    let log = keys.split_whitespace().find(|word| word.contains("/ledger+"));
    let log = log.expect("the log's vkey is among the keys").to_owned();
    let witness = Witness::serve(&folder, port, &log);
    let line = format!("http://127.0.0.1:{port} {key}\n");
    let yesterday = sluss.scratch("yesterday").join("data");
    let copied = yesterday.clone();
    sluss.restart(move |data| {
        copy(data, &copied);
        std::fs::write(data.join("witnesses"), &line).expect("the file is written");
    });
    wait_for("the witness cosigned", PATIENCE, || happened(&sluss, "log.witnessed").then_some(()));
    let kept = sluss.data().join("witnessed");
    let note = wait_for("the cosignature is kept", PATIENCE, || {
        let file = std::fs::read_dir(&kept).ok()?.next()?.ok()?.path();
        std::fs::read_to_string(file).ok()
    });
    assert!(note.contains("— witness.test/audit "), "{note}");
    let before = witness.size();
    assert!(before > 0);

    // Something happens that somebody would like not to have happened.
    let reason = ["--reason", "it is late", "--for", "1h"];
    assert!(sluss.run(&[&["freeze", "set"], &reason[..]].concat()).0);
    wait_for("the witness has it", PATIENCE, || (witness.size() > before).then_some(()));
    sluss.restart(|data| {
        let names = std::fs::read_to_string(data.join("witnesses")).expect("the file is there");
        std::fs::remove_dir_all(data).expect("the folder is removed");
        copy(&yesterday, data);
        std::fs::write(data.join("witnesses"), names).expect("the file is written");
    });
    wait_for("the alarm is in the log", PATIENCE, || {
        happened(&sluss, "log.rollback_detected").then_some(())
    });
}
