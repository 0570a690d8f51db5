//! The tree, tiles and notes as other people's crates read them: `ct-merkle`, `tlog_tiles` and
//! `signed_note`. Each accepts what is ours and rejects it with one bit changed, and the other way
//! round.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use proptest::sample::Index;
use sha2::Sha256;
use signed_note::{NoteError, Signer as _, StandardSigner, StandardVerifier, VerifierList};
use sluss_ledger::sample::{cosigned, log_key, witness_key};
use sluss_ledger::{
    Checkpoint, FULL_WIDTH, Frontier, Hash, HashReader as _, MemoryTree, Note, Tile, TreeHead,
    consistency_proof, encode_hashes, inclusion_proof, tiles_between, tiles_of, verify_consistency,
    verify_inclusion,
};
use tlog_tiles::{TileHashReader, TileReader};

/// A tree, and the same one of `ct-merkle`.
struct Both {
    ours: MemoryTree,
    theirs: MemoryBackedTree<Sha256, Vec<u8>>,
}

fn leaf(index: u64) -> Vec<u8> {
    // Entries of all lengths, the empty one among them.
    let length = usize::try_from(index % 70).unwrap();
    format!("{index:>70}").into_bytes()[70 - length..].to_vec()
}

impl Both {
    fn new(size: u64) -> Self {
        let mut both = Self { ours: MemoryTree::new(), theirs: MemoryBackedTree::new() };
        for index in 0..size {
            both.ours.push(Hash::leaf(&leaf(index)));
            both.theirs.push(leaf(index));
        }
        both
    }

    fn size(&self) -> u64 {
        self.ours.frontier().size()
    }

    fn head_at(&self, size: u64) -> TreeHead {
        Frontier::read(size, &self.ours).unwrap().head()
    }

    /// Asks both sides about one leaf; `bit` is what is changed in the second question.
    fn agree_on_leaf(&self, index: u64, bit: usize) {
        let (size, head) = (self.size(), self.ours.frontier().head());
        let root = root(&head);
        let proof = inclusion_proof(size, index, &self.ours).unwrap();
        let place = usize::try_from(index).unwrap();
        let bytes = encode_hashes(&proof);
        assert_eq!(bytes, self.theirs.prove_inclusion(place).as_bytes(), "leaf {index} of {size}");
        let accepts = |leaf: &Vec<u8>, index, bytes: Vec<u8>| {
            let proof = InclusionProof::<Sha256>::try_from_bytes(bytes);
            proof.and_then(|proof| root.verify_inclusion(leaf, index, &proof)).is_ok()
        };
        assert!(accepts(&leaf(index), index, bytes.clone()), "leaf {index} of {size}");
        let mut other = leaf(index);
        other.push(0);
        assert!(!accepts(&other, index, bytes.clone()), "another leaf {index} of {size}");
        assert!(verify_inclusion(&Hash::leaf(&other), index, &proof, &head).is_err());
        if let Some(flipped) = flipped(&bytes, bit) {
            assert!(!accepts(&leaf(index), index, flipped.clone()), "a bit, {index} of {size}");
            let hash = Hash::leaf(&leaf(index));
            assert!(verify_inclusion(&hash, index, &hashes(&flipped), &head).is_err());
            assert!(!accepts(&leaf(index), index, bytes[32..].to_vec()), "a hash less");
        }
        if size > 1 {
            assert!(!accepts(&leaf(index), (index + 1) % size, bytes), "at another place");
        }
    }

    /// Asks both sides whether the tree extends that of the first `old` leaves.
    fn agree_on_growth(&self, old: u64, bit: usize) {
        let (size, new) = (self.size(), self.ours.frontier().head());
        let old_head = self.head_at(old);
        let added = usize::try_from(size - old).unwrap();
        let proof = consistency_proof(old, size, &self.ours).unwrap();
        let bytes = encode_hashes(&proof);
        assert_eq!(bytes, self.theirs.prove_consistency(added).as_bytes(), "{old} to {size}");
        let accepts = |old: &TreeHead, bytes: Vec<u8>| {
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes);
            proof.and_then(|proof| root(&new).verify_consistency(&root(old), &proof)).is_ok()
        };
        assert!(accepts(&old_head, bytes.clone()), "{old} to {size}");
        verify_consistency(&old_head, &new, &proof).unwrap();
        let forked = TreeHead { root: Hash::leaf(b"another history"), ..old_head };
        assert!(!accepts(&forked, bytes.clone()), "another history, {old} to {size}");
        assert!(verify_consistency(&forked, &new, &proof).is_err());
        if let Some(flipped) = flipped(&bytes, bit) {
            assert!(!accepts(&old_head, flipped.clone()), "a bit, {old} to {size}");
            assert!(verify_consistency(&old_head, &new, &hashes(&flipped)).is_err());
        }
    }
}

fn root(head: &TreeHead) -> RootHash<Sha256> {
    RootHash::new((*head.root.as_bytes()).into(), head.size)
}

/// The bytes with one bit inverted; nothing where there are none.
fn flipped(bytes: &[u8], bit: usize) -> Option<Vec<u8>> {
    let bit = bit.checked_rem(bytes.len() * 8)?;
    let mut copy = bytes.to_vec();
    copy[bit / 8] ^= 1 << (bit % 8);
    Some(copy)
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.iter().copied().map(Hash::from_bytes).collect()
}

#[test]
fn ct_merkle_has_the_same_roots_and_proofs_in_every_small_tree() {
    for size in 1..=70 {
        let both = Both::new(size);
        assert_eq!(
            both.theirs.root().as_bytes().as_slice(),
            both.ours.frontier().root().as_bytes()
        );
        for index in 0..size {
            let bit = usize::try_from(index * 37 + size).unwrap();
            both.agree_on_leaf(index, bit);
            both.agree_on_growth(index + 1, bit);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ct_merkle_has_the_same_proofs_in_larger_trees(
        size in 1_u64..5000,
        places in prop::collection::vec((any::<Index>(), any::<usize>()), 1..20),
    ) {
        let both = Both::new(size);
        let count = usize::try_from(size).unwrap();
        for (place, bit) in places {
            let index = u64::try_from(place.index(count)).unwrap();
            both.agree_on_leaf(index, bit);
            both.agree_on_growth(index + 1, bit);
        }
    }
}

/// The tiles of a log as they are published, by their paths.
struct Published(HashMap<String, Vec<u8>>);

impl Published {
    fn new(tree: &MemoryTree) -> Self {
        let tiles = tiles_of(tree.frontier().size()).into_iter();
        let file = |tile: Tile| (tile.to_string(), encode_hashes(&tile.hashes(tree).unwrap()));
        Self(tiles.map(file).collect())
    }
}

/// Where C2SP tlog-tiles has what Go's checksum database has under `tile/8/`.
fn path(tile: &tlog_tiles::Tile) -> String {
    tile.path().replacen("tile/8/data/", "tile/entries/", 1).replacen("tile/8/", "tile/", 1)
}

impl TileReader for Published {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let file = |tile| self.0.get(&path(tile)).cloned().ok_or(tlog_tiles::Error::InvalidTile);
        tiles.iter().map(file).collect()
    }

    fn save_tiles(&self, _tiles: &[tlog_tiles::Tile], _data: &[Vec<u8>]) {}
}

fn theirs(hash: Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

/// Sizes about every edge of a tile.
fn sizes() -> impl Iterator<Item = u64> {
    let full = u64::from(FULL_WIDTH);
    let edges = [1, 2, 3, 255, full, full + 1, 2 * full, 1000, full * full - 1, full * full];
    edges.into_iter().chain([full * full + 1, full * full + full + 77])
}

#[test]
fn tlog_tiles_proves_and_checks_with_the_tiles_of_our_log() {
    let whole: MemoryTree = (0..66_000).map(|index| Hash::leaf(&leaf(index))).collect();
    for size in sizes() {
        let tree: MemoryTree = (0..size).map(|index| whole.node(0, index).unwrap()).collect();
        let (root, log) = (theirs(tree.frontier().root()), Published::new(&tree));
        let reader = TileHashReader::new(size, root, &log);
        for index in [0, size / 3, size / 2, size - 1] {
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            let ours = inclusion_proof(size, index, &tree).unwrap();
            assert_eq!(proof, ours.iter().copied().map(theirs).collect::<Vec<_>>());
            let hash = tlog_tiles::record_hash(&leaf(index));
            tlog_tiles::check_record(&proof, size, root, index, hash).unwrap();
            let other = tlog_tiles::record_hash(b"another entry");
            assert!(tlog_tiles::check_record(&proof, size, root, index, other).is_err());

            let old = index + 1;
            let old_root = theirs(Frontier::read(old, &tree).unwrap().root());
            let proof = tlog_tiles::prove_tree(size, old, &reader).unwrap();
            let ours = consistency_proof(old, size, &tree).unwrap();
            assert_eq!(proof, ours.iter().copied().map(theirs).collect::<Vec<_>>());
            tlog_tiles::check_tree(&proof, size, root, old, old_root).unwrap();
            assert!(tlog_tiles::check_tree(&proof, size, root, old, other).is_err());
        }
    }
}

/// Whether these entries are proven out of the tiles. The hashes alone do not say: where several
/// subtrees of the tree's edge share a tile, 0.2.0 hands out those of some others unchecked.
fn proven(log: &Published, tree: &MemoryTree, entries: &[u64]) -> bool {
    let (size, root) = (tree.frontier().size(), theirs(tree.frontier().root()));
    let reader = TileHashReader::new(size, root, log);
    entries.iter().filter(|entry| **entry < size).all(|entry| {
        let hash = tlog_tiles::record_hash(&leaf(*entry));
        let proof = tlog_tiles::prove_record(size, *entry, &reader);
        proof.is_ok_and(|proof| tlog_tiles::check_record(&proof, size, root, *entry, hash).is_ok())
    })
}

#[test]
fn tlog_tiles_rejects_a_log_with_one_bit_changed_in_any_tile() {
    let size = 66_000;
    let tree: MemoryTree = (0..size).map(|index| Hash::leaf(&leaf(index))).collect();
    let mut log = Published::new(&tree);
    let tiles = tiles_of(size);
    assert!(tiles.iter().any(|tile| tile.level() == 2));
    // All above the leaves, and some of these.
    for tile in tiles.into_iter().filter(|tile| tile.level() > 0 || tile.index() % 16 == 1) {
        let good = log.0[&tile.to_string()].clone();
        let bit = usize::try_from(tile.index()).unwrap() * 613 + 5;
        let hash = u64::try_from(bit % (good.len() * 8) / 256).unwrap();
        let span = 256_u64.pow(u32::from(tile.level()));
        let first = (tile.index() * 256 + hash) * span;
        // A proof has the hashes beside it, never its own.
        let entries = [first, first ^ span];
        assert!(proven(&log, &tree, &entries), "{tile}");
        log.0.insert(tile.to_string(), flipped(&good, bit).unwrap());
        assert!(!proven(&log, &tree, &entries), "{tile} with a bit changed");
        log.0.insert(tile.to_string(), good);
    }
}

#[test]
fn tlog_tiles_publishes_the_same_files_under_its_own_spelling_of_the_paths() {
    let steps: Vec<u64> = std::iter::once(0).chain(sizes()).chain([17_000_000]).collect();
    for pair in steps.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        let ours = tiles_between(old, new).into_iter().map(|tile| tile.to_string());
        let ours: Vec<String> = ours.collect();
        let theirs = tlog_tiles::Tile::new_tiles(8, old, new);
        assert_eq!(theirs.iter().map(path).collect::<Vec<_>>(), ours, "{old} to {new}");
        for (tile, ours) in theirs.iter().zip(&ours) {
            let read: Tile = ours.parse().unwrap();
            let same = (tile.level(), tile.level_index(), tile.width());
            assert_eq!(same, (read.level(), read.index(), u32::from(read.width())));
        }
        let bundles = sluss_ledger::bundles_between(old, new).into_iter();
        let bundles: Vec<String> = bundles.map(|bundle| bundle.to_string()).collect();
        let data = theirs.iter().filter(|tile| tile.level() == 0).map(|tile| {
            let mut tile = *tile;
            tile.set_is_data();
            path(&tile)
        });
        assert_eq!(data.collect::<Vec<_>>(), bundles, "{old} to {new}");
    }
}

fn signed() -> Note {
    let head = Both::new(300).ours.frontier().head();
    Checkpoint { origin: log_key(1).name().as_str().parse().unwrap(), head }
        .sign(&log_key(1))
        .unwrap()
}

fn opens(note: &[u8]) -> Result<Vec<u8>, NoteError> {
    let verifier = StandardVerifier::new(&log_key(1).verifier().to_string()).unwrap();
    let note = signed_note::Note::from_bytes(note)?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)]))?;
    Ok(note.text().to_vec())
}

#[test]
fn signed_note_opens_our_checkpoint_and_tlog_tiles_reads_it() {
    let (note, head) = (signed().to_string(), Both::new(300).ours.frontier().head());
    let text = opens(note.as_bytes()).unwrap();
    let read = tlog_tiles::Checkpoint::from_bytes(&text).unwrap();
    assert_eq!(read.origin(), log_key(1).name().as_str());
    assert_eq!((read.size(), *read.hash()), (300, theirs(head.root)));
    assert_eq!(read.to_bytes(), text);
    // A witness' line is of a key that it does not know, and does not disturb it.
    let cosigned = cosigned(&note, &witness_key(1)).unwrap();
    assert_eq!(opens(cosigned.as_bytes()).unwrap(), text);
    let other = signed().without(&log_key(1).verifier());
    assert!(opens(other.to_string().as_bytes()).is_err());
}

#[test]
fn signed_note_rejects_our_checkpoint_with_any_one_bit_changed() {
    let note = signed().to_string().into_bytes();
    for bit in 0..note.len() * 8 {
        let changed = flipped(&note, bit).unwrap();
        assert!(opens(&changed).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
        assert!(
            Note::parse(&changed)
                .and_then(|note| note.verify(&[log_key(1).verifier()]).map(drop))
                .is_err(),
            "ours: bit {} of byte {}",
            bit % 8,
            bit / 8
        );
    }
}

#[test]
fn we_open_what_signed_note_signs_with_our_key_and_both_sign_the_same() {
    let verifier = log_key(1).verifier();
    let secret = STANDARD.encode([&[1][..], &[1; 32]].concat());
    let public = verifier.to_string();
    let (name, rest) = public.split_once('+').unwrap();
    let id = rest.split('+').next().unwrap();
    let signer = StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id}+{secret}")).unwrap();
    let head = Both::new(300).ours.frontier().head();
    let text = tlog_tiles::Checkpoint::new(name, head.size, theirs(head.root), "").unwrap();
    let mut note = signed_note::Note::new(&text.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let bytes = note.to_bytes();
    let opened = Checkpoint::open(&bytes, &name.parse().unwrap(), &[verifier]).unwrap();
    assert_eq!(*opened.head(), head);
    assert_eq!(String::from_utf8(bytes).unwrap(), signed().to_string());
    assert_eq!(format!("{:08x}", signer.key_id()), id);
}
