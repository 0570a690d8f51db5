//! Derived files as they should be, made from the leaves again, against those on the disk.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sluss_ledger::{Bundle, Hash, Tile};

use super::chains::entry;
use super::report::{Entry, Finding, Report};
use crate::sqlite::rows::LeafRow;
use crate::tiles::{self, Coordinates, TileFile, Tiling};

/// The files of the log so far.
pub(super) struct Files {
    log: PathBuf,
    tiling: Tiling,
    /// Names of the entries of the bundle that is filling.
    entries: Vec<Entry>,
    /// Entries whose hash in the tiles is another: levels above differ for that alone.
    differing: BTreeSet<u64>,
}

impl Files {
    pub(super) fn new(log: PathBuf) -> Self {
        let (tiling, entries) = (Tiling::default(), Vec::new());
        Self { log, tiling, entries, differing: BTreeSet::new() }
    }

    /// Returns how many leaves there were.
    pub(super) fn size(&self) -> u64 {
        self.tiling.size()
    }

    /// Returns the root over the leaves so far.
    pub(super) fn root(&self) -> Hash {
        self.tiling.head().root
    }

    /// Stands in for leaves that are missing, so that those after them keep their places.
    pub(super) fn skip_to(&mut self, position: u64) {
        // A position far beyond the log is a changed number, not so many missing leaves.
        let position = position.min(self.size() + 1_000_000);
        while self.size() < position {
            let index = self.size();
            self.differing.insert(index);
            self.tiling.push(Hash::ZERO, &[], |_| {});
            self.note(Entry { index, stream: String::new(), seq: 0, kind: "missing".to_owned() });
        }
    }

    /// Takes the next leaf; compares the files that it fills, up to the `covered` leaves that
    /// were published.
    pub(super) fn push(&mut self, row: LeafRow, hash: Hash, covered: u64, report: &mut Report) {
        let mut full = Vec::new();
        self.tiling.push(hash, &row.bytes, |file| full.push(file));
        self.entries.push(entry(&row));
        if self.size() <= covered {
            for file in full {
                self.compare(&file, report);
            }
        }
        if self.size().is_multiple_of(256) {
            self.entries.clear();
        }
    }

    /// Compares the files that are not full.
    pub(super) fn compare_partial(&mut self, report: &mut Report) {
        for file in self.tiling.partial() {
            self.compare(&file, report);
        }
    }

    fn note(&mut self, entry: Entry) {
        self.entries.push(entry);
        if self.size().is_multiple_of(256) {
            self.entries.clear();
        }
    }

    fn compare(&mut self, file: &TileFile, report: &mut Report) {
        report.files += 1;
        let path = file.path();
        let found = match tiles::read_file(&self.log, &path, file.content.len()) {
            Ok(found) => found,
            Err(error) => {
                let expected = format!("{} bytes", file.content.len());
                let what = "it cannot be read".to_owned();
                let (file, found) = (format!("log/{path}"), error.to_string());
                report.find(Finding { file, entry: None, what, expected, found });
                return;
            }
        };
        if found == file.content {
            return;
        }
        match file.coordinates {
            Coordinates::Tile(tile) => self.differing_hashes(tile, file, &found, report),
            Coordinates::Bundle(bundle) => self.differing_entries(bundle, file, &found, report),
        }
    }

    fn differing_hashes(&mut self, tile: Tile, file: &TileFile, found: &[u8], report: &mut Report) {
        let first = tile.index() * 256;
        for (number, expected) in file.content.chunks(32).enumerate() {
            let at = number * 32;
            let here = found.get(at..).map_or(&[][..], |rest| &rest[..rest.len().min(32)]);
            if here == expected {
                continue;
            }
            let index = first + number as u64;
            let mut finding = Finding {
                file: format!("log/{}", file.path()),
                entry: None,
                what: "the hash of its leaf is another than in the database".to_owned(),
                expected: hex::encode(expected),
                found: hex::encode(here),
            };
            if tile.level() == 0 {
                self.differing.insert(index);
                finding.entry = self.entries.get(number).cloned();
            } else {
                let span = 256_u64.saturating_pow(u32::from(tile.level()));
                let (from, to) = (index * span, (index + 1) * span);
                if self.differing.range(from..to).next().is_some() {
                    continue;
                }
                finding.what = format!("the hash over entries {from} to {} is another", to - 1);
            }
            report.find(finding);
        }
        self.find_length(file, found, report);
    }

    fn differing_entries(
        &self,
        bundle: Bundle,
        file: &TileFile,
        found: &[u8],
        report: &mut Report,
    ) {
        let mut at = 0;
        for number in 0..usize::from(bundle.width()) {
            let Some(length) = file.content.get(at..at + 2) else { break };
            let end = at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let expected = &file.content[at..end.min(file.content.len())];
            let here = found.get(at..end.min(found.len())).unwrap_or_default();
            at = end;
            let known = self.entries.get(number).is_none_or(|entry| entry.kind == "missing");
            if here == expected || known {
                continue;
            }
            report.find(Finding {
                file: format!("log/{}", file.path()),
                entry: self.entries.get(number).cloned(),
                what: "its bytes are others than in the database".to_owned(),
                expected: Hash::sha256(expected.get(2..).unwrap_or_default()).to_string(),
                found: Hash::sha256(here.get(2..).unwrap_or_default()).to_string(),
            });
            // After an entry of another length nothing stands where it should.
            if here.get(..2) != expected.get(..2) {
                return;
            }
        }
        self.find_length(file, found, report);
    }

    fn find_length(&self, file: &TileFile, found: &[u8], report: &mut Report) {
        if found.len() > file.content.len() {
            report.find(Finding {
                file: format!("log/{}", file.path()),
                entry: None,
                what: "it has bytes after its end".to_owned(),
                expected: format!("{} bytes", file.content.len()),
                found: format!("{} bytes", found.len()),
            });
        }
    }
}
