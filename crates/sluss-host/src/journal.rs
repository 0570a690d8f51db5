//! What happened in the data plane by itself, numbered, on disk before anyone is told.
//!
//! # Invariants
//!
//! - Numbers grow by one, also over restarts; a row that was read once never changes.
//! - A row can be read only when it is durable.
//!
//! A thread of its own writes, so that no request ever waits for the disk.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluss_core::ids::ReleaseId;
use sluss_core::target::{JournalEntry, JournalRow, RouteKey};

use crate::clock;

/// The journal.
#[derive(Debug)]
pub(crate) struct Journal {
    rows: Arc<Mutex<Rows>>,
    to_writer: Sender<JournalRow>,
}

#[derive(Debug)]
struct Rows {
    kept: VecDeque<JournalRow>,
    next: u64,
    /// The last number that is on disk.
    durable: u64,
}

impl Journal {
    /// Opens the journal at `path` and starts its writer.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let kept = load(path)?;
        let durable = kept.back().map_or(0, |row| row.number);
        let rows = Arc::new(Mutex::new(Rows { kept, next: durable + 1, durable }));
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let (to_writer, from_host) = channel();
        let written = Arc::clone(&rows);
        std::thread::Builder::new()
            .name("sluss-journal".to_owned())
            .spawn(move || write(file, &from_host, &written))?;
        Ok(Self { rows, to_writer })
    }

    /// Notes what happened.
    pub(crate) fn note(&self, key: &RouteKey, release: ReleaseId, what: JournalEntry) {
        tracing::info!(%key, %release, ?what, "journal");
        let mut rows = lock(&self.rows);
        let row =
            JournalRow { number: rows.next, at: clock::now(), key: key.clone(), release, what };
        rows.next += 1;
        rows.kept.push_back(row.clone());
        while rows.kept.len() > KEPT_ROWS {
            rows.kept.pop_front();
        }
        // Sent under the lock, so that rows reach the file in the order of their numbers.
        if self.to_writer.send(row).is_err() {
            tracing::error!("the journal's writer ended; look for disk errors in the log above");
        }
    }

    /// Waits until everything that was noted is durable, for a while.
    pub(crate) fn flush(&self) {
        for _ in 0..FLUSH_ATTEMPTS {
            let rows = lock(&self.rows);
            if rows.durable + 1 >= rows.next {
                return;
            }
            drop(rows);
            std::thread::sleep(FLUSH_INTERVAL);
        }
    }

    /// Returns the rows after number `after`.
    pub(crate) fn after(&self, after: u64) -> Vec<JournalRow> {
        let rows = lock(&self.rows);
        let readable = |row: &&JournalRow| row.number > after && row.number <= rows.durable;
        rows.kept.iter().filter(readable).cloned().collect()
    }
}

fn write(mut file: File, from_host: &Receiver<JournalRow>, rows: &Mutex<Rows>) {
    while let Ok(first) = from_host.recv() {
        let batch: Vec<JournalRow> = std::iter::once(first).chain(from_host.try_iter()).collect();
        let Some(last) = batch.last().map(|row| row.number) else { continue };
        let mut said = false;
        while let Err(error) = append(&mut file, &batch) {
            if !std::mem::replace(&mut said, true) {
                tracing::error!(%error, "the journal cannot be written; free disk space");
            }
            std::thread::sleep(AGAIN_AFTER);
        }
        lock(rows).durable = last;
    }
}

/// Appends a batch whole; what was written of one that fails is cut off again.
fn append(file: &mut File, batch: &[JournalRow]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for row in batch {
        serde_json::to_writer(&mut bytes, row)?;
        bytes.push(b'\n');
    }
    let before = file.metadata()?.len();
    let written = file.write_all(&bytes).and_then(|()| file.sync_data());
    if written.is_err() {
        file.set_len(before)?;
    }
    written
}

/// Reads the journal; cuts off a last line that a crash left unfinished, and old rows.
fn load(path: &Path) -> io::Result<VecDeque<JournalRow>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
        Err(error) => return Err(error),
    };
    let parsed = text.lines().map_while(|line| serde_json::from_str(line).ok());
    let mut rows: VecDeque<JournalRow> = parsed.collect();
    let whole = text.ends_with('\n') || text.is_empty();
    if whole && rows.len() == text.lines().count() && rows.len() <= 2 * KEPT_ROWS {
        return Ok(rows);
    }
    rows.drain(..rows.len().saturating_sub(KEPT_ROWS));
    let fresh = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
    append(&mut file, rows.make_contiguous())?;
    fs::rename(&fresh, path)?;
    Ok(rows)
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

const FLUSH_ATTEMPTS: u32 = 1_000;
const FLUSH_INTERVAL: std::time::Duration = std::time::Duration::from_millis(2);
/// How long after it could not be written it is tried again.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
const KEPT_ROWS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RouteKey {
        RouteKey { service: "pay".parse().unwrap(), environment: "test".parse().unwrap() }
    }

    fn read(journal: &Journal, count: usize) -> Vec<JournalRow> {
        loop {
            let rows = journal.after(0);
            if rows.len() >= count {
                return rows;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn numbers_go_on_after_a_restart_and_a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let journal = Journal::open(&path).unwrap();
        journal.note(&key(), ReleaseId(1), JournalEntry::Ready { instance: 0 });
        journal.note(&key(), ReleaseId(1), JournalEntry::Lapsed);
        let before = read(&journal, 2);
        drop(journal);

        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"number\":3,\"at\":");
        fs::write(&path, text).unwrap();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.after(0), before);
        journal.note(&key(), ReleaseId(1), JournalEntry::Lapsed);
        assert_eq!(read(&journal, 3)[2].number, 3);
        assert_eq!(journal.after(2).len(), 1);
    }
}
