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
        log.append(&[], (0..3).map(draft).collect(), None).await.unwrap();
        assert!(log.published(3).await);
        log.close().await;
    });
    data
}

#[test]
fn an_untouched_log_is_verified() {
    let session = Session::new();
    filled(&session);
    expect![[r#""#]].assert_eq(&session.sluss("log verify --data data --full"));
}

#[test]
fn an_entry_that_was_changed_on_the_disk_is_named() {
    let session = Session::new();
    let path = filled(&session).join("log.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|bytes| bytes == b"marker-1").unwrap();
    bytes[at + 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    expect![[r#""#]].assert_eq(&session.sluss("log verify --data data"));
    let json = session.sluss("log verify --data data --output json");
    assert!(json.contains("\"ok\": false"), "{json}");
}

#[test]
fn where_there_is_no_log_it_says_so() {
    let session = Session::new();
    expect![[r#""#]].assert_eq(&session.sluss("log verify --data data"));
}
