//! What was counted, on disk: so that the next host still knows the last quarter of an hour.
//!
//! # Invariants
//!
//! - A quarter of a second is written once, when it is over. A host that is killed loses what it
//!   counted in the one that went on, and no more than one before.
//! - What a host counts after it has given its place away is counted by its successor, in the
//!   quarter that it is told.
//! - Units are kept for a minute at least, and in no more than two files of [`LARGEST_OF_UNITS`];
//!   a host that is killed loses those of the last tenth of a second.
//!
//! A thread of its own writes, so that nobody waits for the disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluss_core::target::{CounterRow, RouteKey};

use crate::clock;
use crate::counters::KEPT_SECONDS;
use crate::folder::name_of;
use crate::seen::{self, Seen};
use crate::units;

/// The writer of what was counted.
#[derive(Debug)]
pub(crate) struct Past {
    folder: PathBuf,
    to_writer: Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Rows(PathBuf, Vec<CounterRow>),
    Units(PathBuf, String),
    Written(SyncSender<()>),
}

/// What a host that leaves tells its successor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Late {
    pub(crate) key: RouteKey,
    pub(crate) rows: Vec<CounterRow>,
    pub(crate) unserved: u64,
    #[serde(default)]
    pub(crate) shed: u64,
    /// What became known of units, as in [`seen`].
    #[serde(default)]
    pub(crate) units: String,
}

impl Past {
    /// Opens the folder, and starts its writer.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        let (to_writer, from_host) = channel();
        std::thread::Builder::new()
            .name("sluss-counters".to_owned())
            .spawn(move || write(&from_host))?;
        Ok(Self { folder, to_writer })
    }

    fn file(&self, key: &RouteKey) -> PathBuf {
        self.folder.join(format!("{}.jsonl", name_of(key)))
    }

    /// Returns what is still to be known of a route.
    pub(crate) fn load(&self, key: &RouteKey) -> Vec<CounterRow> {
        let file = self.file(key);
        let oldest = clock::now().second() - KEPT_SECONDS;
        let texts = [older(&file), file].map(|path| fs::read_to_string(path).unwrap_or_default());
        let lines = texts.iter().flat_map(|text| text.lines());
        // A line that a kill left unfinished is no row.
        let rows = lines.filter_map(|line| serde_json::from_str::<CounterRow>(line).ok());
        rows.filter(|row| row.second > oldest).collect()
    }

    fn units_file(&self, key: &RouteKey) -> PathBuf {
        self.folder.join(format!("{}.units", name_of(key)))
    }

    /// Returns what is still to be known of the units of a route.
    pub(crate) fn load_units(&self, key: &RouteKey) -> Vec<Seen> {
        let file = self.units_file(key);
        let texts = [older_units(&file), file].map(|path| fs::read(path).unwrap_or_default());
        texts.iter().flat_map(|text| seen::parse(&String::from_utf8_lossy(text))).collect()
    }

    /// Has what became known of units written.
    pub(crate) fn write_units(&self, key: &RouteKey, all: &[Seen]) {
        if let Some(line) = seen::line(all)
            && self.to_writer.send(Message::Units(self.units_file(key), line)).is_err()
        {
            tracing::error!("the counters' writer ended; look for disk errors in the log above");
        }
    }

    /// Has rows written.
    pub(crate) fn write(&self, key: &RouteKey, rows: Vec<CounterRow>) {
        if !rows.is_empty() && self.to_writer.send(Message::Rows(self.file(key), rows)).is_err() {
            tracing::error!("the counters' writer ended; look for disk errors in the log above");
        }
    }

    /// Waits until all is written, for a while.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.to_writer.send(Message::Written(done)).is_ok() {
            let _too_slow = written.recv_timeout(FLUSHED_WITHIN);
        }
    }
}

fn write(from_host: &Receiver<Message>) {
    while let Ok(message) = from_host.recv() {
        match message {
            Message::Rows(path, rows) => {
                if let Err(error) = append(&path, &rows) {
                    tracing::warn!(%error, "counters could not be written; free disk space");
                }
            }
            Message::Units(path, line) => {
                if let Err(error) = append_units(&path, &line) {
                    tracing::warn!(%error, "units could not be written; free disk space");
                }
            }
            // Whoever asked may have lost patience.
            Message::Written(done) => drop(done.send(())),
        }
    }
}

fn append(path: &Path, rows: &[CounterRow]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, row)?;
        bytes.push(b'\n');
    }
    let kept = Duration::from_secs(KEPT_SECONDS.unsigned_abs());
    if fs::metadata(path).is_ok_and(|found| found.len() > LARGEST_FILE || is_old(&found, kept)) {
        fs::rename(path, older(path))?;
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(&bytes)
}

fn append_units(path: &Path, line: &str) -> io::Result<()> {
    let is_full =
        |found: &fs::Metadata| found.len() > LARGEST_OF_UNITS || is_old(found, units::WINDOW);
    if fs::metadata(path).is_ok_and(|found| is_full(&found)) {
        fs::rename(path, older_units(path))?;
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    // What was torn before this ends here, so that it does not spoil this line too.
    let is_torn = file.metadata()?.len() > 0 && !ends_with_newline(path)?;
    let torn = if is_torn { "\n" } else { "" };
    file.write_all([torn, line].concat().as_bytes())
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Returns whether a file was begun so long ago that it alone holds what must be kept.
fn is_old(file: &fs::Metadata, kept: Duration) -> bool {
    let age = file.created().ok().and_then(|begun| begun.elapsed().ok());
    age.is_some_and(|age| age > kept)
}

fn older_units(path: &Path) -> PathBuf {
    path.with_extension("units-older")
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("older")
}

/// Many releases with many instances for a quarter of an hour.
const LARGEST_FILE: u64 = 64 << 20;
/// As many units as a host remembers, each with its end.
const LARGEST_OF_UNITS: u64 = 4 << 20;
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);
