//! A small append-only file of step results: many are made durable by one write to the disk.
//!
//! # Invariants
//!
//! - When [`Journal::append`] returns, what it was given is on disk.
//! - A line that was cut by a crash is left out when the journal is read, and written over never.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sluss_core::ids::StepName;
use sluss_core::units::Millis;

use super::spec::Outcome;

/// How one attempt of one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) run: String,
    pub(crate) step: StepName,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    pub(crate) finished_ms: Millis,
    pub(crate) duration_ms: u64,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the journal at `path`, or begins one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file })
    }

    /// Appends `records` in one write and waits until they are on disk.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
        }
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
pub(crate) fn read(path: &Path) -> io::Result<Vec<Record>> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_by_a_crash_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let record = Record {
            run: "r".into(),
            step: "build".parse().unwrap(),
            attempt: 1,
            outcome: Outcome::Succeeded,
            finished_ms: Millis(5),
            duration_ms: 3,
        };
        Journal::open(&path).unwrap().append(&[record.clone(), record.clone()]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
        Journal::open(&path).unwrap().append(std::slice::from_ref(&record)).unwrap();
        assert_eq!(read(&path).unwrap(), vec![record.clone(), record]);
    }
}
