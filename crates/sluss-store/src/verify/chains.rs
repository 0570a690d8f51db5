//! Leaves as the database has them: their hashes, their envelopes and the chains of streams.
//!
//! `sluss_ledger::StreamChecker` stops at the first leaf that it refuses. Here a leaf that was
//! changed is found and stepped over: whoever comes after it is judged by what it should be.

use std::collections::{BTreeMap, HashMap};

use sluss_ledger::{Envelope, Hash, LeafKind, lint_leaf};

use super::DATABASE;
use super::report::{Entry, Finding, Report};
use crate::sqlite::rows::LeafRow;

/// Where each stream stands.
#[derive(Debug, Default)]
pub(super) struct Chains {
    heads: HashMap<String, Head>,
    last_ms: i64,
    /// Attestations that no event has named yet.
    unnamed: BTreeMap<u64, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    next: u64,
    hash: Hash,
}

impl Chains {
    /// Checks a row in all that it says by itself and after those before it. Returns the leaf
    /// hash that it was written with, as far as the database knows.
    pub(super) fn check(&mut self, row: &LeafRow, report: &mut Report) -> Hash {
        let of_bytes = Hash::leaf(&row.bytes);
        let written = <[u8; 32]>::try_from(&row.hash[..]).map_or(of_bytes, Hash::from_bytes);
        if of_bytes.as_bytes()[..] != row.hash[..] {
            let found = hex::encode(&row.hash);
            let what = "its bytes or its hash were changed";
            report.find(finding(row, what, of_bytes.to_string(), found));
        } else {
            self.check_envelope(row, report);
        }
        self.step(row, written);
        written
    }

    /// Names the attestations that no event rests on: nobody says what they are for.
    pub(super) fn end(&mut self, report: &mut Report) {
        for entry in std::mem::take(&mut self.unnamed).into_values() {
            report.find(Finding {
                file: DATABASE.to_owned(),
                entry: Some(entry),
                what: "no event names this attestation".to_owned(),
                expected: "an event after it that does".to_owned(),
                found: "none".to_owned(),
            });
        }
    }

    /// Returns how many streams there are.
    pub(super) fn streams(&self) -> u64 {
        self.heads.len() as u64
    }

    fn check_envelope(&mut self, row: &LeafRow, report: &mut Report) {
        if row.is_attestation() {
            if !matches!(lint_leaf(&row.bytes), Ok(LeafKind::Attestation)) {
                let (what, expected) = ("it is not an attestation", "a leaf of that kind");
                report.find(finding(row, what, expected.to_owned(), "another".to_owned()));
            }
            self.unnamed.insert(row.position, entry(row));
            return;
        }
        let envelope = match Envelope::open(&row.bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                let what = "it is not an event as events are written";
                let expected = "an event envelope of version 1".to_owned();
                report.find(finding(row, what, expected, error.to_string()));
                return;
            }
        };
        if let Some(column) = row.contradiction(&envelope) {
            let what = format!("its column `{column}` was changed");
            let expected = "what its bytes say".to_owned();
            report.find(finding(row, &what, expected, "something else".to_owned()));
        }
        for named in &envelope.atts {
            if self.unnamed.remove(&named.leaf).is_none() {
                let what = "it names an attestation that is not there, or is named already";
                let expected = format!("an attestation at entry {}", named.leaf);
                report.find(finding(row, what, expected, "none".to_owned()));
            }
        }
        let known = self.heads.get(&envelope.stream).copied();
        let head = known.unwrap_or(Head { next: 0, hash: Hash::ZERO });
        if envelope.seq != head.next {
            let what = "its stream was shortened, extended or reordered before it";
            let (expected, found) = (format!("number {}", head.next), envelope.seq);
            report.find(finding(row, what, expected, format!("number {found}")));
        } else if envelope.prev != head.hash {
            let what = "the event before it in its stream is another than it was";
            let (expected, found) = (envelope.prev.to_string(), head.hash.to_string());
            report.find(finding(row, what, expected, found));
        }
        if envelope.time_ms < self.last_ms {
            let what = "its time is before that of the entry before it";
            let (expected, found) = (format!("at least {}", self.last_ms), envelope.time_ms);
            report.find(finding(row, what, expected, found.to_string()));
        }
    }

    /// Goes on from what the row was written as, so that one change is found once.
    fn step(&mut self, row: &LeafRow, hash: Hash) {
        self.last_ms = self.last_ms.max(row.time_ms);
        let head = Head { next: row.seq.saturating_add(1), hash };
        match self.heads.get_mut(&row.stream) {
            Some(known) => *known = head,
            None => drop(self.heads.insert(row.stream.clone(), head)),
        }
    }
}

/// Names the entry of a row.
pub(super) fn entry(row: &LeafRow) -> Entry {
    Entry { index: row.position, stream: row.stream.clone(), seq: row.seq, kind: row.kind.clone() }
}

fn finding(row: &LeafRow, what: &str, expected: String, found: String) -> Finding {
    let (file, what) = (DATABASE.to_owned(), what.to_owned());
    Finding { file, entry: Some(entry(row)), what, expected, found }
}
