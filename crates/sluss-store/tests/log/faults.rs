//! Full disks, read-only folders, second openers, older databases.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use sluss_core::units::Millis;
use sluss_store::verify::{self, Scope, VerifyError};
use sluss_store::{AppendError, FolderError, KeyError, Log, ManualClock, OpenError};

use crate::world::{World, append, draft, numbered, open};

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let world = World::new().await;
    let refused = open(world.data.path(), &world.clock).await;
    let in_use = match refused {
        Err(OpenError::Folder(error @ FolderError::InUse { .. })) => error.to_string(),
        other => panic!("it should have been refused: {other:?}"),
    };
    assert!(in_use.contains(&std::process::id().to_string()), "{in_use}");
    let (data, clock) = world.close().await;
    open(data.path(), &clock).await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_dropped_lets_go_of_its_folder() {
    let World { data, clock, log } = World::new().await;
    append(&log, vec![numbered(1)]).await;
    drop(log);
    for _ in 0..100 {
        match open(data.path(), &clock).await {
            Ok(log) => return assert_eq!(log.size().await.unwrap(), 1),
            Err(OpenError::Folder(FolderError::InUse { .. })) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the folder stayed locked");
}

/// A disk of a few hundred kilobytes; `None` where this user cannot mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mount = |folder: &Path| {
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", options, "tmpfs"])
                .arg(folder)
                .output()
                .is_ok_and(|output| output.status.success())
        };
        mount(folder.path()).then(|| Self(folder))
    }

    fn remount(&self, options: &str) {
        let option = format!("remount,{options}");
        let done = Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_appends_whole_and_takes_them_again_when_there_is_space() {
    let Some(disk) = SmallDisk::new("size=700k") else { return };
    let clock = Arc::new(ManualClock::at(Millis(1_800_000_000_000)));
    let log = open(disk.0.path(), &clock).await.unwrap();
    let large =
        |number: u64| draft("run/run-1", json!({ "number": number, "text": "x".repeat(20_000) }));
    let mut taken = 0;
    let refused = loop {
        let pair = vec![large(taken), large(taken)];
        match log.append(&[], pair, Some(&format!("pair {taken}"))).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "the disk should be full");
    };
    assert!(
        matches!(refused, AppendError::Full { .. } | AppendError::Unavailable { .. }),
        "{refused:?}"
    );
    assert_eq!(log.size().await.unwrap(), 2 * taken);
    let still = log.append(&[], vec![large(0), large(0)], None).await;
    assert!(still.is_err());
    disk.remount("size=8m");
    let again = log.append(&[], vec![large(taken), large(taken)], Some("again")).await.unwrap();
    assert_eq!(again.events()[0].position, 2 * taken);
    assert!(log.published(2 * taken + 2).await);
    log.close().await;
    let report = verify::verify(disk.0.path(), Scope::Full).await.unwrap();
    assert!(report.ok, "{:#?}", report.findings);
}

#[tokio::test]
async fn a_read_only_disk_is_verified_but_not_opened() {
    let Some(disk) = SmallDisk::new("size=8m") else { return };
    let clock = Arc::new(ManualClock::at(Millis(1_800_000_000_000)));
    let log = open(disk.0.path(), &clock).await.unwrap();
    append(&log, (0..10).map(numbered).collect()).await;
    log.close().await;
    drop(log);
    disk.remount("ro");
    let refused = open(disk.0.path(), &clock).await;
    assert!(matches!(refused, Err(OpenError::Folder(FolderError::Unusable { .. }))));
    let report = verify::verify(disk.0.path(), Scope::Full).await.unwrap();
    assert!(report.ok && report.events == 10, "{report:#?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, b"").unwrap();
    let clock = Arc::new(ManualClock::default());
    let refused = open(&file.join("data"), &clock).await;
    assert!(matches!(refused, Err(OpenError::Folder(FolderError::Unusable { .. }))));
    let nothing = verify::verify(data.path(), Scope::Log).await;
    assert!(matches!(nothing, Err(VerifyError::NoLog(_))));
}

#[tokio::test]
async fn an_older_database_under_a_newer_checkpoint_is_refused() {
    let world = World::new().await;
    world.fill(5).await;
    let (data, clock) = world.close().await;
    let old = fs::read(data.path().join("log.db")).unwrap();
    let log = open(data.path(), &clock).await.unwrap();
    append(&log, vec![numbered(1)]).await;
    log.close().await;
    drop(log);
    fs::write(data.path().join("log.db"), old).unwrap();
    let refused = open(data.path(), &clock).await;
    assert!(matches!(refused, Err(OpenError::RolledBack { signed: 6, found: 5 })));
    let report = verify::verify(data.path(), Scope::Log).await.unwrap();
    assert!(!report.ok);
}

#[tokio::test]
async fn another_logs_database_or_key_is_refused() {
    let (one, other) = (World::new().await, World::new().await);
    one.fill(5).await;
    append(&other.log, (0..6).map(|n| draft("access", json!({ "n": n }))).collect()).await;
    let ((one, clock), (other, _)) = (one.close().await, other.close().await);
    let keep = fs::read(one.path().join("log.db")).unwrap();
    fs::copy(other.path().join("log.db"), one.path().join("log.db")).unwrap();
    fs::remove_dir_all(one.path().join("log/tile")).unwrap();
    let refused = open(one.path(), &clock).await;
    assert!(matches!(refused, Err(OpenError::Diverged { size: 5, .. })), "{refused:?}");
    fs::write(one.path().join("log.db"), keep).unwrap();
    fs::remove_file(one.path().join("keys/log.key")).unwrap();
    let refused = open(one.path(), &clock).await;
    assert!(matches!(refused, Err(OpenError::Key(KeyError::Lost(_)))), "{refused:?}");
}
