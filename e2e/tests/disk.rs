//! A disk that is full: what comes is refused in words, customers keep what they have, and once
//! there is space the next change works.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};
use serde_json::{Value, json};

const PASSWORD: &str = "a long and private password";
const PATIENCE: Duration = Duration::from_secs(120);

/// A small disk of its own, mounted in a folder.
struct Disk(PathBuf);

impl Disk {
    /// Returns nothing where whoever runs the test may not mount one.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir(folder).expect("a folder can be made");
        let options = format!("size={size},mode=0700");
        let mount = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(folder).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(folder.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut filler = std::fs::OpenOptions::new();
        let mut filler = filler.create(true).append(true).open(self.filler()).expect("a file");
        for size in [1 << 20, 4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Fills it again and again, also with what others give back, until the log takes nothing.
    fn fill_until_the_log_is_shut(&self, sluss: &Sluss) {
        let path = "/api/v1/places/ledger/production/rollback";
        wait_for("the log takes nothing any more", PATIENCE, || {
            self.fill();
            // Each refusal is an entry.
            let refused = |_: &u8| sluss.post(path, ("bob", PASSWORD), &json!({})).0 >= 500;
            let shut = || sluss.get("/api/v1/status")?["unwritable_since_ms"].as_i64();
            (0..50).any(|one| refused(&one)).then(shut).flatten()
        });
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the filler can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_refuses_pushes_in_words_and_the_next_one_works_when_there_is_space() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let Some(disk) = Disk::mount(&folder.path().join("data"), "64m") else {
        eprintln!("not tested: only root can mount a small disk");
        return;
    };
    let sluss = Sluss::up_in(folder);
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "at-once");
    let delivers = |version: &str| {
        repository.service(version, "0.0");
        repository.commit(version);
        let (taken, said) = repository.push(&sluss.remote("ledger"), "main");
        assert!(taken, "{said}");
        wait_for("customers have it", PATIENCE, || (answer(port, "/")? == version).then_some(()));
    };
    delivers("one");
    let customers = Customers::begin(port, 2, Duration::from_millis(20));
    disk.fill();
    repository.service("two", "0.0");
    repository.commit("two");
    let (taken, said) = repository.push(&sluss.remote("ledger"), "main");
    assert!(!taken, "a full disk took a push: {said}");
    assert!(said.to_lowercase().contains("no space left") || said.contains("full"), "{said}");
    let before = customers.tally().answered;
    wait_for("customers are served all the same", PATIENCE, || {
        (customers.tally().answered > before + 20).then_some(())
    });
    disk.free();
    delivers("three");
    let tally = customers.end();
    assert_eq!(tally.failed, 0, "{tally:?}");
    let (clean, said) = sluss.run(&["log", "verify", "--full"]);
    assert!(clean, "{said}");
}

/// What the log says of rollbacks that were put aside.
fn taken_in(sluss: &Sluss) -> Vec<Value> {
    let events = sluss.events();
    events.into_iter().filter(|event| event["type"] == "log.record_taken_in").collect()
}

#[test]
fn with_the_log_shut_nothing_goes_forward_and_a_rollback_is_put_aside_and_taken_in_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let Some(disk) = Disk::mount(&folder.path().join("data"), "96m") else {
        eprintln!("not tested: only root can mount a small disk");
        return;
    };
    let sluss = Sluss::up_in(folder);
    sluss.account("bob", PASSWORD);
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "at-once");
    for version in ["one", "two"] {
        repository.service(version, "0.0");
        repository.commit(version);
        let (taken, said) = repository.push(&sluss.remote("ledger"), "main");
        assert!(taken, "{said}");
        wait_for("customers have it", PATIENCE, || (answer(port, "/")? == version).then_some(()));
    }
    wait_for("it is live", PATIENCE, || {
        let events = sluss.events();
        let live = events.iter().filter(|event| event["type"] == "deployment.live").count();
        (live >= 2).then_some(())
    });
    disk.fill_until_the_log_is_shut(&sluss);

    // Forward stays shut, in words.
    let who = (sluss.login.as_str(), sluss.password.as_str());
    let freeze = json!({ "service": "ledger", "for_seconds": 60, "reason": "a full disk" });
    let (status, said) = sluss.post("/api/v1/freezes", who, &freeze);
    assert!(status >= 500, "{status} {said}");
    let (promoted, said) = sluss.run(&["promote", "rel-2"]);
    assert!(!promoted, "{said}");

    // A person takes back what is live all the same.
    let (done, said) = sluss.run(&["rollback", "ledger"]);
    assert!(done && said.contains("put aside as record 1"), "{said}");
    wait_for("customers have what was before", PATIENCE, || {
        (answer(port, "/")? == "one").then_some(())
    });
    let status = sluss.get("/api/v1/status").expect("it answers");
    assert_eq!(status["put_aside"][0]["service"], "ledger", "{status}");
    assert!(status["unwritable_since_ms"].is_i64(), "{status}");
    assert!(taken_in(&sluss).is_empty());

    // Neither of both parts forgets it when it is killed.
    sluss.kill("host");
    sluss.kill("control");
    wait_for("customers still have what was before", PATIENCE, || {
        (answer(port, "/")? == "one").then_some(())
    });
    disk.free();
    sluss.until_ready();
    wait_for("it is in the log", PATIENCE, || (!taken_in(&sluss).is_empty()).then_some(()));
    sluss.kill("control");
    sluss.until_ready();
    let found = taken_in(&sluss);
    assert_eq!(found.len(), 1, "{found:?}");
    let data = &found[0]["data"];
    assert!(data["since"].as_i64() <= data["written"].as_i64(), "{data}");
    assert!(data["written"].as_i64() < found[0]["time_ms"].as_i64(), "{found:?}");
    assert_eq!(data["counts"], true, "{data}");
    let events = sluss.events();
    let back: Vec<_> =
        events.iter().filter(|event| event["type"] == "deployment.rolled_back").collect();
    assert_eq!(back.len(), 1, "{back:?}");
    assert_eq!(back[0]["data"]["cause"], "by_hand");
    let status = sluss.get("/api/v1/status").expect("it answers");
    assert_eq!(status["put_aside"], json!([]));
    assert_eq!(answer(port, "/").as_deref(), Some("one"));
    let (clean, said) = sluss.run(&["log", "verify", "--full"]);
    assert!(clean, "{said}");
    let controls =
        sluss.get("/api/v1/controls?catalogue=iso27001").expect("it answers").to_string();
    assert!(controls.contains("put aside while the log could not be written"), "{controls}");
}
