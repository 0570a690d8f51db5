//! Bytes changed on the disk are named, and what is derived can be made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sluss_store::verify::{self, Report, Scope};
use sluss_store::{FileBlobs, Log};
use sqlx::{Connection, SqliteConnection};

use crate::world::{World, append, numbered, open};

async fn check(data: &Path) -> Report {
    verify::verify(data, Scope::Log).await.unwrap()
}

/// The entries that a report names, and the files.
fn named(report: &Report) -> (Vec<u64>, Vec<&str>) {
    let entries = report.findings.iter().filter_map(|finding| finding.entry.as_ref());
    let files = report.findings.iter().map(|finding| finding.file.as_str());
    (entries.map(|entry| entry.index).collect(), files.collect())
}

async fn sql(data: &Path, sql: &'static str) {
    let path = data.join("log.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let drop = "DROP TRIGGER leaf_never_changes; DROP TRIGGER leaf_never_goes;";
    sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn filled(count: u64) -> tempfile::TempDir {
    let world = World::new().await;
    world.fill(count).await;
    world.close().await.0
}

#[tokio::test]
async fn an_untouched_log_is_verified_while_it_runs_and_when_it_is_closed() {
    let world = World::new().await;
    for count in [0, 1, 254, 1, 1, 343] {
        world.fill(count).await;
        let report = check(world.data.path()).await;
        assert!(report.ok, "{:#?}", report.findings);
        assert_eq!(report.checkpoint, Some(report.events));
    }
    let (data, _) = world.close().await;
    let report = check(data.path()).await;
    assert!(report.ok, "{:#?}", report.findings);
    assert_eq!((report.events, report.streams), (600, 7));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["ok"], &json["events"]), (&true.into(), &600.into()));
}

#[tokio::test]
async fn a_byte_flipped_in_the_database_file_is_named() {
    let data = filled(600).await;
    let path = data.path().join("log.db");
    let whole = fs::read(&path).unwrap();
    for number in [0_u64, 17, 255, 256, 511, 599] {
        let marker = format!("marker-{number:08}");
        let at = whole.windows(marker.len()).position(|bytes| bytes == marker.as_bytes());
        let mut bytes = whole.clone();
        bytes[at.expect("the leaf is in the file") + 3] ^= 1;
        fs::write(&path, bytes).unwrap();
        let report = check(data.path()).await;
        let (entries, files) = named(&report);
        assert!(!report.ok);
        assert!(entries.iter().all(|index| *index == number), "{number}: {entries:?}");
        assert_eq!(files[0], "log.db");
        let entry = report.findings[0].entry.clone().unwrap();
        assert_eq!(entry.stream, format!("run/run-{}", number % 7));
        assert_eq!((entry.seq, entry.kind.as_str()), (number / 7, "test.happened"));
    }
    fs::write(&path, whole).unwrap();
    assert!(check(data.path()).await.ok);
}

#[tokio::test]
async fn a_byte_flipped_in_a_derived_file_is_named() {
    let data = filled(600).await;
    let log = data.path().join("log");
    // Offset 40 is in the second hash; in a bundle, somewhere in the first entry.
    let cases = [
        ("tile/0/000", 40, Some(1)),
        ("tile/0/001", 255 * 32, Some(511)),
        ("tile/0/002.p/88", 0, Some(512)),
        ("tile/1/000.p/2", 33, None),
        ("tile/entries/000", 40, Some(0)),
        ("tile/entries/000", 0, Some(0)),
        ("tile/entries/002.p/88", 1, Some(512)),
        ("checkpoint", 20, None),
    ];
    for (file, at, entry) in cases {
        let path = log.join(file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let report = check(data.path()).await;
        let (entries, files) = named(&report);
        assert!(!report.ok, "{file}");
        assert!(files.iter().all(|found| *found == format!("log/{file}")), "{files:?}");
        assert_eq!(entries.first().copied(), entry, "{file}");
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(!check(data.path()).await.ok, "{file} cut");
        fs::remove_file(&path).unwrap();
        assert!(!check(data.path()).await.ok, "{file} gone");
        fs::write(&path, whole).unwrap();
    }
    assert!(check(data.path()).await.ok);
}

#[tokio::test]
async fn an_entry_deleted_inserted_swapped_or_renamed_is_named() {
    let cases = [
        ("DELETE FROM leaf WHERE position = 100", 107),
        ("UPDATE leaf SET kind = 'test.other' WHERE position = 100", 100),
        ("UPDATE leaf SET command_key = 'x' WHERE position = 100", 100),
        ("UPDATE leaf SET hash = zeroblob(32) WHERE position = 100", 100),
        ("UPDATE leaf SET hash = x'00' WHERE position = 100", 100),
        (
            "UPDATE leaf SET position = -1 WHERE position = 100;
             UPDATE leaf SET position = 100 WHERE position = 107;
             UPDATE leaf SET position = 107 WHERE position = -1",
            100,
        ),
        (
            "INSERT INTO leaf SELECT 600, stream, 1000, kind, time_ms, NULL, hash, bytes
             FROM leaf WHERE position = 100",
            600,
        ),
    ];
    for (statement, expected) in cases {
        let data = filled(600).await;
        sql(data.path(), statement).await;
        let report = check(data.path()).await;
        let (entries, _) = named(&report);
        assert!(!report.ok && entries.contains(&expected), "{statement}: {report:#?}");
        assert!(entries.len() < 12, "{statement}: {report:#?}");
    }
}

#[tokio::test]
async fn a_changed_blob_is_found_by_the_full_verification() {
    let data = filled(1).await;
    let blobs = FileBlobs::open(data.path()).unwrap();
    let digest = blobs.put_blocking(b"report").unwrap();
    let full = async || verify::verify(data.path(), Scope::Full).await.unwrap();
    assert_eq!((full().await.ok, full().await.blobs), (true, Some(1)));
    fs::write(blobs.path(&digest), b"rapport").unwrap();
    let report = full().await;
    assert!(report.findings[0].file.starts_with("blobs/sha256/"), "{report:#?}");
    assert_eq!(report.findings[0].expected, digest.to_string());
}

fn files(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn everything_derived_is_made_again_the_same() {
    let data = filled(600).await;
    let clock = std::sync::Arc::new(sluss_store::ManualClock::default());
    let log = data.path().join("log");
    let mut before = BTreeMap::new();
    files(&log, &mut before);
    for gone in ["", "checkpoint", "tile/0/001", "tile/entries", "tile/1/000.p/2", "tile"] {
        let path = log.join(gone);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        let opened = open(data.path(), &clock).await.unwrap();
        opened.close().await;
        drop(opened);
        let mut after = BTreeMap::new();
        files(&log, &mut after);
        let names: Vec<_> = after.keys().collect();
        assert!(before == after, "{gone}: {names:#?}");
        assert!(check(data.path()).await.ok);
    }
}

#[tokio::test]
async fn a_tile_damaged_while_the_log_runs_is_mended_and_the_log_goes_on() {
    let world = World::new().await;
    world.fill(300).await;
    fs::write(world.path("log/tile/0/000"), vec![0; 8192]).unwrap();
    assert!(!check(world.data.path()).await.ok);
    append(&world.log, vec![numbered(1)]).await;
    assert!(world.log.published(301).await);
    assert_eq!(world.log.size().await.unwrap(), 301);
}
