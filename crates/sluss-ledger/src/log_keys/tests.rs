//! Old checkpoints verify by old keys for ever, new ones only with the new.

use super::*;
use crate::hash::Hash;
use crate::tree::TreeHead;

fn key(seed: u8) -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [seed; 32])
}

fn keys() -> [LogKey; 3] {
    [key(1), key(2), key(3)]
}

fn checkpoint(size: u64) -> Checkpoint {
    let root = if size == 0 { Hash::empty_root() } else { Hash::leaf(&size.to_be_bytes()) };
    Checkpoint { origin: "log.example/1".parse().unwrap(), head: TreeHead { size, root } }
}

/// Leaf 40 records the second key, which signs beside the first until leaf 90; leaf 90 records
/// the third, which takes over at once.
fn history() -> LogKeys {
    let mut history = LogKeys::new("log.example/1".parse().unwrap(), key(1).verifier()).unwrap();
    history.rotate(key(2).verifier(), 40).unwrap();
    history.retire(&key(1).verifier(), 90).unwrap();
    history.rotate(key(3).verifier(), 90).unwrap();
    history.retire(&key(2).verifier(), 90).unwrap();
    history
}

fn signed(size: u64, by: &[u8]) -> String {
    let checkpoint = checkpoint(size);
    let mut note = checkpoint.sign(&key(by[0])).unwrap();
    for seed in &by[1..] {
        note = note.with(key(*seed).sign(&checkpoint.to_string()));
    }
    note.to_string()
}

#[test]
fn every_size_is_signed_by_the_keys_whose_leaves_it_ends_in() {
    let history = history();
    for (size, seeds) in [
        (0, &[1][..]),
        (1, &[1]),
        (40, &[1]),
        (41, &[1, 2]),
        (90, &[1, 2]),
        (91, &[3]),
        (u64::MAX, &[3]),
    ] {
        let expected: Vec<_> = seeds.iter().map(|seed| key(*seed).verifier()).collect();
        assert!(history.signing(size).eq(expected.iter()), "size {size}");
        let note = history.sign(&checkpoint(size), &keys()).unwrap().to_string();
        assert_eq!(note, signed(size, seeds));
        assert_eq!(history.verify(note.as_bytes()).unwrap().head().size, size);
    }
}

#[test]
fn whoever_has_only_a_former_key_makes_no_later_checkpoint() {
    let history = history();
    for (size, by) in
        [(41, &[1][..]), (41, &[2]), (91, &[1]), (91, &[2]), (91, &[1, 2]), (40, &[3])]
    {
        let refused = history.verify(signed(size, by).as_bytes());
        assert!(matches!(refused, Err(LogKeysError::Unsigned { .. })), "{size} by {by:?}");
    }
    // A line more does no harm, but may not be bad.
    assert!(history.verify(signed(91, &[3, 1]).as_bytes()).is_ok());
    let note = checkpoint(91).sign(&key(3)).unwrap().with(key(1).sign("else\n"));
    let refused = history.verify(note.to_string().as_bytes());
    assert!(matches!(refused, Err(LogKeysError::Checkpoint(_))));
}

#[test]
fn in_the_overlap_who_knows_only_one_of_the_keys_is_served_too() {
    let note = signed(50, &[1, 2]);
    for seed in [1, 2] {
        let alone = Checkpoint::open(
            note.as_bytes(),
            &"log.example/1".parse().unwrap(),
            &[key(seed).verifier()],
        );
        assert_eq!(alone.unwrap().head().size, 50);
    }
}

#[test]
fn a_checkpoint_is_not_signed_without_all_its_keys() {
    let absent = history().sign(&checkpoint(50), &[key(1), key(3)]);
    assert_eq!(absent, Err(LogKeysError::Absent(key(2).verifier().to_string())));
    let other = Checkpoint { origin: "log.example/2".parse().unwrap(), ..checkpoint(50) };
    assert!(matches!(history().sign(&other, &keys()), Err(LogKeysError::Checkpoint(_))));
}

#[test]
fn rotations_that_leave_a_hole_or_go_backwards_are_refused() {
    let mut keys = LogKeys::new("log.example/1".parse().unwrap(), key(1).verifier()).unwrap();
    assert_eq!(keys.retire(&key(1).verifier(), 10), Err(LogKeysError::LastKey));
    assert!(matches!(keys.rotate(key(2).verifier(), 0), Err(LogKeysError::Order { .. })));
    keys.rotate(key(2).verifier(), 40).unwrap();
    assert!(matches!(keys.rotate(key(3).verifier(), 40), Err(LogKeysError::Order { .. })));
    assert!(matches!(keys.rotate(key(1).verifier(), 50), Err(LogKeysError::Known(_))));
    let elsewhere = LogKey::from_seed("log.example/2".parse().unwrap(), [9; 32]).verifier();
    assert!(matches!(keys.rotate(elsewhere.clone(), 50), Err(LogKeysError::Name { .. })));
    assert!(matches!(keys.retire(&elsewhere, 50), Err(LogKeysError::Unknown(_))));
    let hole = keys.retire(&key(1).verifier(), 39);
    assert_eq!(hole, Err(LogKeysError::Gap { from: 39, until: 40 }));
    keys.retire(&key(1).verifier(), 40).unwrap();
    assert!(matches!(keys.retire(&key(1).verifier(), 60), Err(LogKeysError::Retired(_))));
    assert_eq!(keys.spans().len(), 2);
}

#[test]
fn the_file_of_keys_reads_back() {
    let file = history().to_string();
    assert_eq!(file.lines().count(), 3);
    assert!(file.ends_with(" 90 -\n"));
    assert_eq!(file.parse(), Ok(history()));
    for bad in [
        String::new(),
        file.replace(" 0 90", " 1 90"),
        file.replace(" 40 90", " 40 80 7"),
        file.replace(" 0 90", " 0 39"),
        file.replace(" 90 -", " 90"),
        file.replace(" 90 -", " 90 95"),
        file.replace("log.example/1+", "log.example/2+"),
        format!("{file}\n"),
    ] {
        assert!(bad.parse::<LogKeys>().is_err(), "{bad}");
    }
}
