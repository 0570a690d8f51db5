//! A disk that is full: what comes is refused in words, customers keep what they have, and once
//! there is space the next change works.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};

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
