//! `sluss log verify`.

use std::path::PathBuf;
use std::sync::Arc;

use expect_test::expect;
use sluss_core::units::Millis;
use sluss_ledger::{Actor, ActorKind, Hash};
use sluss_store::{Draft, Log, LogOptions, ManualClock, SeededEntropy, SqliteLog};

use crate::session::Session;

/// Fills a data folder with three entries and closes it.
fn filled(session: &Session) -> PathBuf {
    let data = session.work().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = SqliteLog::open(LogOptions {
            data: data.clone(),
            origin: "sluss.test/ledger".to_owned(),
            clock: Arc::new(ManualClock::at(Millis(1_800_000_000_000))),
            entropy: Arc::new(SeededEntropy::new(7)),
        })
        .await
        .unwrap();
        let by =
            Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None };
        let draft = |number: u64| {
            let body = serde_json::json!({ "marker": format!("marker-{number}") });
            Draft::new("run/run-1", "test.happened", by.clone(), &body).unwrap()
        };
        let _new = log.append(&[], (0..3).map(draft).collect(), None).await.unwrap();
        assert!(log.published(3).await);
        log.close().await;
    });
    data
}

#[test]
fn an_untouched_log_is_verified() {
    let session = Session::new();
    filled(&session);
    expect![[r#"
        $ sluss log verify --data data
        verified: 3 entries in 1 stream, 2 files; the signed checkpoint covers 3; root be163d7b58d3c63e370ac61d8abe203c74381e325166e01869070a499d50e0ba
    "#]].assert_eq(&session.sluss("log verify --data data"));
    // What entries of unknown types name is not known, so that it is not taken as there.
    expect![[r#"
        $ sluss log verify --data data --full
        verified: 3 entries in 1 stream, 2 files, 0 artifacts and texts; the signed checkpoint covers 3; root be163d7b58d3c63e370ac61d8abe203c74381e325166e01869070a499d50e0ba
        [err] error: The entries verify, but this version can't read what they name.
        [err]   next: Use the version that wrote the log, or newer
        [exit 1]
    "#]].assert_eq(&session.sluss("log verify --data data --full"));
}

#[test]
fn an_entry_that_was_changed_on_the_disk_is_named() {
    let session = Session::new();
    let path = filled(&session).join("log.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|bytes| bytes == b"marker-1").unwrap();
    bytes[at + 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    expect![[r#"
        $ sluss log verify --data data
        entry 1 (test.happened, run/run-1 #1) in log.db: its bytes or its hash were changed (expected c130a09a9247b0aa1da6e16ba846d6a157c8153d2e1571757f6230121bd0b8d6, found 74161d43cd72f6fe8a19898fae2a4af19f23fe5a296caaf39cb080a6dd7e6fcb)
        entry 1 (test.happened, run/run-1 #1) in log/tile/entries/000.p/3: its bytes are others than in the database (expected 43fc9eb54f23aeafaadab30dd68237243e5412f38f7be99e840a47a1baa5b023, found ff872c4f8fc7ed98681da42ded5b056dfd8ff498c1fb4985f6a74bf729ed6973)
        NOT VERIFIED: 3 entries in 1 stream, 2 files; the signed checkpoint covers 3; root be163d7b58d3c63e370ac61d8abe203c74381e325166e01869070a499d50e0ba
        [err] error: The log is not as it was written: entry 1 (test.happened, run/run-1 #1).
        [err]   next: Stop Sluss, keep the data folder as it is, and compare it with a backup
        [exit 1]
    "#]].assert_eq(&session.sluss("log verify --data data"));
    let json = session.sluss("log verify --data data --output json");
    assert!(json.contains("\"ok\": false"), "{json}");
}

#[test]
fn where_there_is_no_log_it_says_so() {
    let session = Session::new();
    expect![[r#"
        $ sluss log verify --data data
        [err] error: There is no log in data.
        [err]   next: Name the data folder: `sluss log verify --data FOLDER`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("log verify --data data"));
}
