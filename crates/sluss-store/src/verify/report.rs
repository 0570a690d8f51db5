//! What a verification found, for people and as JSON.

use std::fmt;

use serde::Serialize;
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
