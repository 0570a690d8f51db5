//! A witness of others: it cosigns the log, and a data folder of yesterday is found out.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::{Sluss, Witness, free_port, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

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
    let key = Witness::init(&folder, "witness.test/audit");
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
