//! A log in a folder of its own, with a clock that stands still, and short ways to use it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sluss_core::units::Millis;
use sluss_ledger::{Actor, ActorKind, Hash};
use sluss_store::{
    Appended, Draft, Log, LogOptions, ManualClock, OpenError, Sealed, SeededEntropy, SqliteLog,
};

pub const ORIGIN: &str = "sluss.test/ledger";

pub struct World {
    pub data: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub log: Arc<SqliteLog>,
}

impl World {
    pub async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Millis(1_800_000_000_000)));
        let log = Arc::new(open(data.path(), &clock).await.unwrap());
        Self { data, clock, log }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.data.path().join(path)
    }

    /// Appends `count` events to a few streams and waits for their checkpoint.
    pub async fn fill(&self, count: u64) {
        let mut size = self.log.size().await.unwrap();
        let end = size + count;
        while size < end {
            let drafts: Vec<_> = (size..end.min(size + 500)).map(numbered).collect();
            size += append(&self.log, drafts).await.len() as u64;
        }
        assert!(self.log.published(size).await);
    }

    /// Ends the log, so that the folder can be looked at and opened again.
    pub async fn close(self) -> (tempfile::TempDir, Arc<ManualClock>) {
        self.log.close().await;
        drop(self.log);
        (self.data, self.clock)
    }
}

pub async fn open(data: &Path, clock: &Arc<ManualClock>) -> Result<SqliteLog, OpenError> {
    // Ids of one folder differ between its openings: the seed is the size of what is there.
    let seed = std::fs::metadata(data.join("log.db")).map_or(0, |file| file.len());
    let wal = std::fs::metadata(data.join("log.db-wal")).map_or(0, |file| file.len());
    SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: ORIGIN.to_owned(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(seed + wal)),
    })
    .await
}

pub fn actor() -> Actor {
    Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None }
}

pub fn draft(stream: &str, body: serde_json::Value) -> Draft {
    Draft::new(stream, "test.happened", actor(), &body).unwrap()
}

pub fn numbered(number: u64) -> Draft {
    let marker = format!("marker-{number:08}");
    draft(&format!("run/run-{}", number % 7), json!({ "number": number, "marker": marker }))
}

pub async fn append(log: &SqliteLog, drafts: Vec<Draft>) -> Vec<Sealed> {
    match log.append(&[], drafts, None).await.unwrap() {
        Appended::New(events) => events,
        Appended::Repeated(_) => panic!("a command without a key is new"),
    }
}
