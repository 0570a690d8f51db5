//! A witness over a disk that fails in both ways signs one history of a log.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sluss_ledger::{Hash, LogKey, MemoryTree, TreeHead, WitnessVerifier, consistency_proof};

use super::*;

/// What a write to the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Works,
    NotPersisted,
    PersistedButReportedAsFailed,
}

#[derive(Default)]
struct Disk {
    last: BTreeMap<Origin, Checkpoint>,
    next: Option<Write>,
    evidence: usize,
}

#[derive(Clone, Default)]
struct Faulty(Arc<Mutex<Disk>>);

impl Memory for Faulty {
    fn last(&self, origin: &Origin) -> Result<Option<Checkpoint>, FolderError> {
        Ok(self.0.lock().unwrap().last.get(origin).cloned())
    }

    fn keep(&self, origin: &Origin, checkpoint: &Note) -> Result<(), FolderError> {
        let mut disk = self.0.lock().unwrap();
        let write = disk.next.take().unwrap_or(Write::Works);
        if write != Write::NotPersisted {
            let checkpoint = checkpoint.unverified_text().parse().unwrap();
            disk.last.insert(origin.clone(), checkpoint);
        }
        if write == Write::Works {
            return Ok(());
        }
        Err(FolderError::Io { path: PathBuf::new(), source: io::Error::other("no space") })
    }

    fn keep_evidence(&self, _request: &[u8]) -> Result<(), FolderError> {
        self.0.lock().unwrap().evidence += 1;
        Ok(())
    }
}

fn log_key() -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32])
}

fn witness_key() -> WitnessKey {
    WitnessKey::from_seed("witness.example/w1".parse().unwrap(), [2; 32])
}

fn keeper(disk: &Faulty) -> Keeper<Faulty> {
    Keeper::new(witness_key(), &[log_key().verifier()], disk.clone(), || 1_700_000_000).unwrap()
}

/// The tree of a log that has two histories, which part after three leaves.
fn tree(history: u8, size: u64) -> MemoryTree {
    let leaf = |at: u64| [if at < 3 { 0 } else { history }, at as u8];
    (0..size).map(|at| Hash::leaf(&leaf(at))).collect()
}

fn request(history: u8, old: u64, size: u64) -> (TreeHead, String) {
    let tree = tree(history, size);
    let head = tree.frontier().head();
    let note = Checkpoint { origin: "log.example/1".parse().unwrap(), head };
    let note = note.sign(&log_key()).unwrap();
    let proof = consistency_proof(old.min(size), size, &tree).unwrap();
    (head, AddCheckpoint::new(old, proof, note).unwrap().to_string())
}

fn status(answered: &Result<WitnessAnswer, Unsigned>) -> u16 {
    match answered {
        Ok(answer) => answer.status(),
        Err(unsigned) => unsigned.answer().status(),
    }
}

#[test]
fn what_is_cosigned_is_remembered_over_a_restart() {
    let disk = Faulty::default();
    let (head, first) = request(0, 0, 5);
    let answered = keeper(&disk).add_checkpoint(first.as_bytes()).unwrap();
    let body = answered.body().unwrap();
    let line = body.trim_end().parse().unwrap();
    let note = AddCheckpoint::parse(first.as_bytes()).unwrap().checkpoint().clone().with(line);
    let verifier: WitnessVerifier = witness_key().verifier();
    assert_eq!(verifier.find(&note).unwrap().unwrap().seconds(), 1_700_000_000);

    let again = keeper(&disk);
    assert_eq!(status(&again.add_checkpoint(first.as_bytes())), 409);
    assert_eq!(status(&again.add_checkpoint(request(0, head.size, 9).1.as_bytes())), 200);
}

#[test]
fn a_log_that_is_not_known_gets_nothing() {
    let disk = Faulty::default();
    let other = LogKey::from_seed("log.example/2".parse().unwrap(), [1; 32]);
    let keeper = Keeper::new(witness_key(), &[other.verifier()], disk.clone(), || 0).unwrap();
    assert_eq!(status(&keeper.add_checkpoint(request(0, 0, 5).1.as_bytes())), 404);
    assert_eq!(status(&keeper.add_checkpoint(b"nonsense")), 400);
    assert!(disk.0.lock().unwrap().last.is_empty());
}

#[test]
fn a_fork_is_refused_and_kept_as_evidence() {
    let disk = Faulty::default();
    let keeper = keeper(&disk);
    assert_eq!(status(&keeper.add_checkpoint(request(0, 0, 5).1.as_bytes())), 200);
    assert_eq!(status(&keeper.add_checkpoint(request(1, 5, 5).1.as_bytes())), 422);
    assert_eq!(status(&keeper.add_checkpoint(request(1, 5, 8).1.as_bytes())), 422);
    assert_eq!(disk.0.lock().unwrap().evidence, 2);
}

fn write() -> impl Strategy<Value = Option<Write>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Write::NotPersisted)),
        1 => Just(Some(Write::PersistedButReportedAsFailed)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_disk_does_one_history_is_signed(
        asked in prop::collection::vec((0_u8..2, 0_u64..12, 0_u64..12, write(), any::<bool>()), 1..40),
    ) {
        let disk = Faulty::default();
        let mut running = keeper(&disk);
        let mut signed: BTreeMap<u64, Hash> = BTreeMap::new();
        let mut largest = 0;
        for (history, old, size, write, restart) in asked {
            if restart {
                running = keeper(&disk);
            }
            disk.0.lock().unwrap().next = write;
            let (head, request) = request(history, old, size);
            let answered = running.add_checkpoint(request.as_bytes());
            disk.0.lock().unwrap().next = None;
            if status(&answered) == 200 {
                prop_assert!(head.size >= largest);
                largest = head.size;
                prop_assert_eq!(*signed.entry(head.size).or_insert(head.root), head.root);
            }
        }
        let one = (0..2).any(|history| {
            signed.iter().all(|(size, root)| tree(history, *size).frontier().root() == *root)
        });
        prop_assert!(one, "{signed:?}");
    }
}
