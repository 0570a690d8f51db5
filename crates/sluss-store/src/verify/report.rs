//! What a verification found, for people and as JSON.

use std::fmt;

use serde::Serialize;
use sluss_core::silence::SILENCE_MS;
use sluss_ledger::Hash;

/// Most findings that a report lists; further ones are counted.
const MOST_FINDINGS: usize = 1000;

/// What a verification looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether everything is as it was written.
    pub ok: bool,
    /// Leaves that were hashed.
    pub events: u64,
    /// Streams whose chains were followed.
    pub streams: u64,
    /// Root of the tree over all leaves.
    pub root: Hash,
    /// Leaves that the signed checkpoint covers, where it was accepted.
    pub checkpoint: Option<u64>,
    /// Hash tiles and entry bundles that were compared.
    pub files: u64,
    /// Blobs and private texts whose digest was checked; `None` where that was not asked for.
    pub blobs: Option<u64>,
    /// What is not as it was written, in the order of the log; the first thousand.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
    /// Where nothing was recorded for longer than heartbeats allow: Sluss did not run, or could
    /// not write. That is no finding, since a stop is allowed; the last thousand.
    pub silences: Vec<Silence>,
    /// When the last entry was appended, in milliseconds since 1970.
    pub last_ms: Option<i64>,
}

/// A time in which nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The entry after it.
    pub before: u64,
    /// When the entry before it was appended, in milliseconds since 1970.
    pub from_ms: i64,
    /// When the entry after it was.
    pub until_ms: i64,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            ok: true,
            events: 0,
            streams: 0,
            root: Hash::empty_root(),
            checkpoint: None,
            files: 0,
            blobs: None,
            findings: Vec::new(),
            more_findings: 0,
            silences: Vec::new(),
            last_ms: None,
        }
    }

    /// Takes when the next entry was appended.
    pub(super) fn hear(&mut self, position: u64, time_ms: i64) {
        if let Some(last) = self.last_ms.replace(time_ms)
            && time_ms.saturating_sub(last) > SILENCE_MS
        {
            if self.silences.len() == MOST_FINDINGS {
                self.silences.remove(0);
            }
            self.silences.push(Silence { before: position, from_ms: last, until_ms: time_ms });
        }
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.ok = false;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }
}

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file it is in, relative to the data folder.
    pub file: String,
    /// The entry of the log that it concerns, where it is one.
    pub entry: Option<Entry>,
    /// What is wrong.
    pub what: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// Names an entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its position.
    pub index: u64,
    /// Its stream, as the database says.
    pub stream: String,
    /// Its number in the stream, as the database says.
    pub seq: u64,
    /// Its kind, as the database says.
    #[serde(rename = "type")]
    pub kind: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} ({}, {} #{})", self.index, self.kind, self.stream, self.seq)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{entry} in {}: {}", self.file, self.what)?,
            None => write!(f, "{}: {}", self.file, self.what)?,
        }
        write!(f, " (expected {}, found {})", self.expected, self.found)
    }
}
