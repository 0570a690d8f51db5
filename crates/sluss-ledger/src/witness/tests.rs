//! A witness cosigns one history of a log, whatever it is asked.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hash::Hash;
use crate::note::LogKey;
use crate::tree::{MemoryTree, consistency_proof};

fn origin() -> Origin {
    "log.example/1".parse().unwrap()
}

fn log_key() -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32])
}

fn witness_key() -> WitnessKey {
    WitnessKey::from_seed("witness.example/w1".parse().unwrap(), [2; 32])
}

/// A log that forks: its leaves from `fork` on are those of history `history`.
fn tree(history: u8, fork: u64, size: u64) -> MemoryTree {
    (0..size)
        .map(|leaf| {
            Hash::leaf(
                &[&[if leaf < fork { 0 } else { history }][..], &leaf.to_be_bytes()].concat(),
            )
        })
        .collect()
}

fn request(tree: &MemoryTree, old: u64, key: &LogKey) -> AddCheckpoint {
    let head = tree.frontier().head();
    let proof = consistency_proof(old.min(head.size), head.size, tree).unwrap();
    let note = Checkpoint { origin: origin(), head }.sign(key).unwrap();
    AddCheckpoint::new(old, proof, note).unwrap()
}

fn keys() -> [LogVerifier; 1] {
    [log_key().verifier()]
}

#[test]
fn a_growing_log_is_cosigned_from_its_first_checkpoint_on() {
    let mut state = WitnessState::new(origin());
    for size in [0, 1, 5, 5, 8, 300] {
        let old = state.head().size;
        let request = request(&tree(0, 0, size), old, &log_key());
        let extension = state.decide(&keys(), &request).unwrap();
        state = extension.state();
        let line = extension.cosign(&witness_key(), 1_700_000_000);
        let note = request.checkpoint().clone().with(line);
        let found = witness_key().verifier().find(&note).unwrap().unwrap();
        assert_eq!((state.head().size, found.seconds()), (size, 1_700_000_000));
    }
    let checkpoint = Checkpoint { origin: origin(), head: *state.head() };
    assert_eq!(WitnessState::resumed(checkpoint), state);
}

#[test]
fn each_refusal_has_its_status() {
    let state = WitnessState::resumed(Checkpoint {
        origin: origin(),
        head: tree(0, 0, 5).frontier().head(),
    });
    let status = |state: &WitnessState, request: &AddCheckpoint| {
        state.decide(&keys(), request).unwrap_err().answer().status()
    };
    let larger = tree(0, 0, 8);
    let good = request(&larger, 5, &log_key());
    assert!(state.decide(&keys(), &good).is_ok());

    let elsewhere = WitnessState::new("log.example/2".parse().unwrap());
    assert_eq!(status(&elsewhere, &good), 404);

    let stranger = LogKey::from_seed("log.example/1".parse().unwrap(), [9; 32]);
    assert_eq!(status(&state, &request(&larger, 5, &stranger)), 403);
    let signed = good.checkpoint().to_string();
    let (flipped, mark) = (signed.replace("\n8\n", "\n9\n"), "old 5\n\n");
    let forged = AddCheckpoint::parse(format!("{mark}{flipped}").as_bytes()).unwrap();
    assert_eq!(status(&state, &forged), 403);

    assert_eq!(status(&state, &request(&tree(0, 0, 4), 5, &log_key())), 400);
    let unsigned = crate::note::Note::sign("log.example/1\n8\n", &log_key()).unwrap();
    let no_checkpoint = AddCheckpoint::new(5, vec![], unsigned).unwrap();
    assert_eq!(status(&state, &no_checkpoint), 400);

    let stale = state.decide(&keys(), &request(&larger, 4, &log_key())).unwrap_err();
    assert_eq!(stale.answer(), WitnessAnswer::OtherSize(5));
    assert!(!stale.is_evidence());
    let ahead = state.decide(&keys(), &request(&larger, 6, &log_key())).unwrap_err();
    assert_eq!(ahead.answer(), WitnessAnswer::OtherSize(5));

    let forked = state.decide(&keys(), &request(&tree(1, 3, 8), 5, &log_key())).unwrap_err();
    assert_eq!(forked.answer().status(), 422);
    assert!(forked.is_evidence());
    assert_eq!(status(&state, &request(&tree(1, 3, 5), 5, &log_key())), 422);
    let note = good.checkpoint().clone();
    assert_eq!(status(&state, &AddCheckpoint::new(5, vec![], note.clone()).unwrap()), 422);
    let mut long = good.proof().to_vec();
    long.push(Hash::ZERO);
    assert_eq!(status(&state, &AddCheckpoint::new(5, long, note).unwrap()), 422);
}

#[test]
fn a_proof_from_the_empty_tree_has_no_hashes() {
    let state = WitnessState::new(origin());
    let good = request(&tree(0, 0, 8), 0, &log_key());
    assert!(state.decide(&keys(), &good).is_ok());
    let padded = AddCheckpoint::new(0, vec![Hash::ZERO], good.checkpoint().clone()).unwrap();
    assert!(matches!(state.decide(&keys(), &padded), Err(WitnessRefusal::Inconsistent(_))));
}

#[test]
fn during_a_rotation_either_key_will_do_but_neither_may_be_wrong() {
    let state = WitnessState::new(origin());
    let new = LogKey::from_seed("log.example/1".parse().unwrap(), [3; 32]);
    let both = [log_key().verifier(), new.verifier()];
    let asked = request(&tree(0, 0, 8), 0, &log_key());
    assert!(state.decide(&both, &asked).is_ok());
    let note = asked.checkpoint();
    let good = note.clone().with(new.sign(note.unverified_text()));
    assert!(state.decide(&both, &AddCheckpoint::new(0, vec![], good).unwrap()).is_ok());
    let bad = note.clone().with(new.sign("something else\n"));
    let refused = state.decide(&both, &AddCheckpoint::new(0, vec![], bad).unwrap());
    assert!(matches!(refused, Err(WitnessRefusal::Signature(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A log that lies with three histories never gets two roots for one size cosigned, nor a
    /// smaller tree after a larger one.
    #[test]
    fn whatever_is_asked_one_history_is_cosigned(
        fork in 0_u64..20,
        asked in prop::collection::vec((0_u8..3, 0_u64..40, 0_u64..40, any::<bool>()), 1..60),
    ) {
        let mut state = WitnessState::new(origin());
        let mut cosigned: BTreeMap<u64, Hash> = BTreeMap::new();
        for (history, size, claimed, honest_old) in asked {
            let tree = tree(history, fork, size);
            let old = if honest_old { state.head().size } else { claimed };
            let request = request(&tree, old, &log_key());
            let before = state.head().size;
            if let Ok(extension) = state.decide(&keys(), &request) {
                let head = extension.checkpoint().head;
                state = extension.state();
                prop_assert!(head.size >= before);
                prop_assert_eq!(*cosigned.entry(head.size).or_insert(head.root), head.root);
            }
        }
        // All cosigned roots are of one of the histories.
        let of_one = (0..3).any(|history| {
            cosigned.iter().all(|(size, root)| {
                tree(history, fork, *size).frontier().root() == *root
            })
        });
        prop_assert!(of_one, "{cosigned:?}");
    }
}
