//! Which checkpoint a dossier proves into: one that covers the release and that the witnesses
//! cosigned. That may be any later one; they cosign others while an export waits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use sluss_ledger::{Checkpoint, LogKeys, Note, NoteSignature, TreeHead, WitnessVerifier};

use super::dossier::WITNESSED;
use crate::engine::Engine;

/// How long an export waits for witnesses: some rounds of theirs.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks again meanwhile.
const AGAIN: Duration = Duration::from_millis(200);

/// A checkpoint with what witnesses said of it.
pub(super) struct Vouched {
    /// The checkpoint as the log signed it, with the cosignatures.
    pub note: Note,
    /// Its tree.
    pub head: TreeHead,
    /// Names of witnesses that have not cosigned it.
    pub missing: Vec<String>,
}

/// Returns a checkpoint of more than `last` leaves. Waits until all witnesses cosigned the same
/// one, or no longer; then it is the one that most of them did.
pub(super) async fn vouched(engine: &Engine, last: u64) -> Option<Vouched> {
    let log = &engine.parts().log;
    let published = log.published(last + 1);
    tokio::time::timeout(PATIENCE, published).await.ok();
    let witnesses = engine.outside().witnesses;
    let folder = engine.parts().data.join(WITNESSED);
    let mut seen = Seen::default();
    if !witnesses.is_empty() {
        let wait = async {
            loop {
                seen.look(&folder, &log.keys(), &witnesses, last);
                if seen.is_enough(witnesses.len()) {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.ok();
    }
    if let Some(best) = seen.best(&witnesses) {
        return Some(best);
    }
    let text = log.checkpoint()?;
    let note = by_those_who_sign(&log.keys(), Note::parse(text.as_bytes()).ok()?);
    let head = note.unverified_text().parse::<Checkpoint>().ok()?.head;
    let missing = witnesses.iter().map(|one| one.name().to_string()).collect();
    (head.size > last).then_some(Vouched { note, head, missing })
}

/// What witnesses were seen to cosign.
#[derive(Default)]
struct Seen(BTreeMap<u64, Cosigned>);

struct Cosigned {
    note: Note,
    head: TreeHead,
    lines: Vec<NoteSignature>,
    by: BTreeSet<String>,
}

impl Seen {
    /// Looks what each witness cosigned last; what is no checkpoint of this log, or not of that
    /// witness, is as good as nothing.
    fn look(&mut self, folder: &Path, keys: &LogKeys, witnesses: &[WitnessVerifier], last: u64) {
        for witness in witnesses {
            let Some((note, head, line)) = read(folder, keys, witness) else { continue };
            if head.size <= last {
                continue;
            }
            let (lines, by) = (Vec::new(), BTreeSet::new());
            let entry = self.0.entry(head.size).or_insert(Cosigned { note, head, lines, by });
            if entry.head == head && entry.by.insert(witness.id().to_string()) {
                entry.lines.push(line);
            }
        }
    }

    fn is_enough(&self, all: usize) -> bool {
        self.0.values().any(|one| one.by.len() == all)
    }

    /// The one that most cosigned; of several the newest.
    fn best(self, witnesses: &[WitnessVerifier]) -> Option<Vouched> {
        let best = self.0.into_values().max_by_key(|one| (one.by.len(), one.head.size))?;
        let Cosigned { note, head, lines, by } = best;
        let missing = witnesses.iter().filter(|one| !by.contains(&one.id().to_string()));
        let missing = missing.map(|one| one.name().to_string()).collect();
        let note = lines.into_iter().fold(note, Note::with);
        Some(Vouched { note, head, missing })
    }
}

/// Reads what a witness cosigned last: the note as the log signed it, and the witness' line.
fn read(
    folder: &Path,
    keys: &LogKeys,
    witness: &WitnessVerifier,
) -> Option<(Note, TreeHead, NoteSignature)> {
    let text = std::fs::read(folder.join(witness.id().to_string())).ok()?;
    let head = *keys.verify(&text).ok()?.head();
    let cosigned = Note::parse(&text).ok()?;
    let line = witness.find(&cosigned).ok()??.line().clone();
    let own = cosigned.only(|found| *found != line);
    Some((by_those_who_sign(keys, own), head, line))
}

/// Leaves out what a key signed that is retired by now: for the instant in which that is recorded,
/// it may have signed once more.
fn by_those_who_sign(keys: &LogKeys, note: Note) -> Note {
    let Ok(checkpoint) = note.unverified_text().parse::<Checkpoint>() else { return note };
    let over = keys.spans().iter().filter(|span| span.is_over(checkpoint.head.size));
    over.fold(note, |note, span| note.without(span.verifier()))
}

#[cfg(test)]
mod tests {
    use sluss_ledger::{AddCheckpoint, Hash, LogKey, WitnessKey, WitnessState};

    use super::*;

    const ORIGIN: &str = "sluss.example/ledger";

    struct Desk {
        folder: tempfile::TempDir,
        log: LogKey,
        witnesses: Vec<WitnessKey>,
    }

    impl Desk {
        fn new() -> Self {
            let witness = |which: u8| {
                let name = format!("witness.example/{which}").parse().unwrap();
                WitnessKey::from_seed(name, [which; 32])
            };
            Self {
                folder: tempfile::tempdir().unwrap(),
                log: LogKey::from_seed(ORIGIN.parse().unwrap(), [7; 32]),
                witnesses: vec![witness(1), witness(2)],
            }
        }

        /// Lets a witness have cosigned this size last.
        fn cosigned(&self, which: usize, size: u64, by: &LogKey) {
            let head = TreeHead { size, root: Hash::sha256(&size.to_be_bytes()) };
            let body = Checkpoint { origin: ORIGIN.parse().unwrap(), head };
            let witness = &self.witnesses[which];
            let note = body.sign(by).unwrap();
            let asked = AddCheckpoint::new(0, vec![], note.clone()).unwrap();
            let state = WitnessState::new(body.origin.clone());
            let decided = state.decide(&[by.verifier()], &asked).unwrap();
            let note = note.with(decided.cosign(witness, 1_795_255_300));
            let file = self.folder.path().join(witness.verifier().id().to_string());
            std::fs::write(file, note.to_string()).unwrap();
        }

        fn look(&self, seen: &mut Seen, last: u64) {
            let keys = LogKeys::new(ORIGIN.parse().unwrap(), self.log.verifier()).unwrap();
            seen.look(self.folder.path(), &keys, &self.verifiers(), last);
        }

        fn verifiers(&self) -> Vec<WitnessVerifier> {
            self.witnesses.iter().map(WitnessKey::verifier).collect()
        }
    }

    #[test]
    fn witnesses_that_cosign_one_checkpoint_after_the_other_are_waited_for() {
        let desk = Desk::new();
        let mut seen = Seen::default();
        desk.cosigned(0, 8, &desk.log);
        desk.cosigned(1, 7, &desk.log);
        desk.look(&mut seen, 5);
        assert!(!seen.is_enough(2));
        // The first is at another one by now; what it cosigned before still counts.
        desk.cosigned(0, 9, &desk.log);
        desk.cosigned(1, 8, &desk.log);
        desk.look(&mut seen, 5);
        assert!(seen.is_enough(2));
        let best = seen.best(&desk.verifiers()).unwrap();
        assert_eq!((best.head.size, best.missing.len(), best.note.signatures().len()), (8, 0, 3));
    }

    #[test]
    fn what_does_not_cover_the_release_or_is_of_another_log_is_no_cosignature_of_it() {
        let desk = Desk::new();
        let mut seen = Seen::default();
        desk.cosigned(0, 5, &desk.log);
        desk.cosigned(1, 9, &LogKey::from_seed(ORIGIN.parse().unwrap(), [8; 32]));
        desk.look(&mut seen, 5);
        assert!(seen.best(&desk.verifiers()).is_none());
    }

    #[test]
    fn who_has_not_cosigned_it_is_named() {
        let desk = Desk::new();
        let mut seen = Seen::default();
        desk.cosigned(1, 6, &desk.log);
        desk.look(&mut seen, 5);
        assert!(!seen.is_enough(2));
        let best = seen.best(&desk.verifiers()).unwrap();
        assert_eq!(best.missing, ["witness.example/1"]);
    }
}
