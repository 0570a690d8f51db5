//! Paths, layout and bytes of tiles, as C2SP `tlog-tiles` gives them.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::tree::{MemoryTree, consistency_proof, inclusion_proof};

#[test]
fn paths_have_groups_of_three_digits() {
    let path = |index, width| Tile::new(3, index, width).unwrap().to_string();
    assert_eq!(path(0, 256), "tile/3/000");
    assert_eq!(path(999, 1), "tile/3/999.p/1");
    assert_eq!(path(1000, 256), "tile/3/x001/000");
    assert_eq!(path(1_234_067, 112), "tile/3/x001/x234/067.p/112");
    let bundle = Bundle::new(1_234_067, 255).unwrap();
    assert_eq!(bundle.to_string(), "tile/entries/x001/x234/067.p/255");
    assert_eq!("tile/entries/x001/x234/067.p/255".parse(), Ok(bundle));
}

#[test]
fn a_path_has_one_spelling() {
    for path in [
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/",
        "tile/00/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "/tile/0/000",
        "tile/0//000",
        "tile/0/000/",
        "tile/0/../000",
        "tile/0/x001/x000",
        "tile/0/000.p/",
        "tile/entries/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(TileError::Path(path.to_owned())));
    }
    assert!("tile/entries/00".parse::<Bundle>().is_err());
    assert!("tile/0/000".parse::<Bundle>().is_err());
}

#[test]
fn a_tile_has_between_1_and_256_hashes() {
    assert!(Tile::new(0, 0, 0).is_err());
    assert!(Tile::new(0, 0, 257).is_err());
    assert!(Tile::new(64, 0, 1).is_err());
}

/// Full tiles and the partial one of each level.
fn check(size: u64, expected: Expect) {
    let mut lines = String::new();
    for level in 0..LEVELS {
        let (partial, full): (Vec<Tile>, Vec<Tile>) =
            tiles_of(size).into_iter().filter(|t| t.level() == level).partition(Tile::is_partial);
        if !full.is_empty() {
            lines += &format!("level {level}: {} full to {}\n", full.len(), full[full.len() - 1]);
        }
        for tile in partial {
            lines += &format!("level {level}: {tile}\n");
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn trees_are_laid_out_as_the_specification_says() {
    check(0, expect![[""]]);
    check(1, expect![["level 0: tile/0/000.p/1\n"]]);
    check(255, expect![["level 0: tile/0/000.p/255\n"]]);
    check(
        256,
        expect![[r#"
        level 0: 1 full to tile/0/000
        level 1: tile/1/000.p/1
    "#]],
    );
    check(
        257,
        expect![[r#"
        level 0: 1 full to tile/0/000
        level 0: tile/0/001.p/1
        level 1: tile/1/000.p/1
    "#]],
    );
    check(
        65_535,
        expect![[r#"
        level 0: 255 full to tile/0/254
        level 0: tile/0/255.p/255
        level 1: tile/1/000.p/255
    "#]],
    );
    check(
        65_536,
        expect![[r#"
        level 0: 256 full to tile/0/255
        level 1: 1 full to tile/1/000
        level 2: tile/2/000.p/1
    "#]],
    );
    check(
        70_000,
        expect![[r#"
        level 0: 273 full to tile/0/272
        level 0: tile/0/273.p/112
        level 1: 1 full to tile/1/000
        level 1: tile/1/001.p/17
        level 2: tile/2/000.p/1
    "#]],
    );
}

#[test]
fn growth_writes_only_what_changed() {
    let paths =
        |old, new| -> Vec<String> { tiles_between(old, new).iter().map(Tile::to_string).collect() };
    assert_eq!(paths(70_000, 70_000), [""; 0]);
    assert_eq!(paths(256, 257), ["tile/0/001.p/1"]);
    assert_eq!(paths(250, 260), ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1"]);
    let bundles: Vec<String> = bundles_between(250, 260).iter().map(Bundle::to_string).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001.p/4"]);
    assert_eq!(paths(5, 3), [""; 0]);
    assert_eq!(tiles_between(u64::MAX - 1, u64::MAX).len(), 1);
}

#[test]
fn bundles_return_the_entries_that_went_in() {
    let long = vec![b'x'; 65_535];
    let entries: [&[u8]; 3] = [b"a", b"", &long];
    let bytes = encode_entries(entries).unwrap();
    assert_eq!(&bytes[..6], b"\x00\x01a\x00\x00\xff");
    assert_eq!(Bundle::new(0, 3).unwrap().decode(&bytes).unwrap(), entries);
    assert_eq!(decode_entries(&bytes[..4]), Err(TileError::Truncated { offset: 3 }));
    let bundle = Bundle::new(0, 2).unwrap();
    assert_eq!(bundle.decode(&bytes), Err(TileError::Entries { bundle, found: 3 }));
    let over = vec![0; 65_536];
    assert_eq!(encode_entries([&over[..]]), Err(TileError::EntryTooLong { found: 65_536 }));
}

#[test]
fn a_tile_of_the_wrong_length_is_named() {
    let tile = Tile::new(0, 1, 2).unwrap();
    let bytes = encode_hashes(&[Hash::ZERO, Hash::empty_root()]);
    assert_eq!(tile.decode(&bytes), Ok(vec![Hash::ZERO, Hash::empty_root()]));
    let message = tile.decode(&bytes[1..]).unwrap_err().to_string();
    assert_eq!(message, "tile/0/001.p/2 has 63 bytes instead of 64");
}

#[test]
fn proofs_built_from_tiles_equal_those_built_from_the_tree() {
    let size = 70_000;
    let tree: MemoryTree = (0..size).map(|n: u64| Hash::leaf(&n.to_be_bytes())).collect();
    let files: BTreeMap<String, Vec<u8>> = tiles_of(size)
        .iter()
        .map(|tile| (tile.to_string(), encode_hashes(&tile.hashes(&tree).unwrap())))
        .collect();
    let reader =
        TileReader::new(size, |tile: &Tile| tile.decode(files.get(&tile.to_string())?).ok());
    for index in [0, 255, 256, 65_535, 65_536, 69_999] {
        assert_eq!(inclusion_proof(size, index, &reader), inclusion_proof(size, index, &tree));
    }
    for old in [1, 255, 256, 257, 65_535, 65_536, 65_537, 69_999, 70_000] {
        assert_eq!(consistency_proof(old, size, &reader), consistency_proof(old, size, &tree));
    }
}

/// Grows a tree in steps and writes the files of each step, as a sequencer does.
fn grow(edge: &mut TileEdge, files: &mut BTreeMap<Tile, Vec<Hash>>, to: u64) {
    let old = edge.size();
    for number in old..to {
        edge.push(Hash::leaf(&number.to_be_bytes()), |tile, hashes| {
            files.insert(tile, hashes.to_vec());
        });
    }
    files.extend(edge.partial_tiles(old).map(|(tile, hashes)| (tile, hashes.to_vec())));
}

#[test]
fn the_edge_writes_the_tiles_of_every_size_that_it_stops_at() {
    let mut tree = MemoryTree::new();
    let (mut edge, mut files) = (TileEdge::new(), BTreeMap::new());
    assert_eq!(edge.root(), Hash::empty_root());
    for size in [1, 255, 256, 257, 511, 1_000, 65_535, 65_536, 65_537, 70_000] {
        let from = edge.size();
        tree.extend((from..size).map(|number| Hash::leaf(&number.to_be_bytes())));
        grow(&mut edge, &mut files, size);
        assert_eq!(edge.root(), tree.frontier().root());
        for tile in tiles_of(size) {
            assert_eq!(files.get(&tile), tile.hashes(&tree).as_ref(), "{tile}");
        }
        let read = TileEdge::read(size, |tile| files.get(tile).cloned());
        assert_eq!(read, Ok(edge.clone()));
    }
    let full = |tile: &Tile| tile.level() == 0 && !tile.is_partial();
    assert_eq!(files.keys().filter(|tile| full(tile)).count(), 273);
}

#[test]
fn an_edge_is_not_read_from_tiles_that_are_missing_or_too_short() {
    let tile = Tile::new(1, 0, 1).unwrap();
    assert_eq!(TileEdge::read(256, |_| None), Err(TileError::Missing(tile)));
    assert_eq!(TileEdge::read(256, |_| Some(vec![])), Err(TileError::Missing(tile)));
}

proptest! {
    #[test]
    fn a_path_reads_back_as_the_tile(level in 0_u8..64, index: u64, width in 1_u16..=256) {
        let tile = Tile::new(level, index, width).unwrap();
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        let bundle = Bundle::new(index, width).unwrap();
        prop_assert_eq!(bundle.to_string().parse(), Ok(bundle));
    }

    #[test]
    fn growing_in_steps_writes_every_tile_of_the_whole(a in 0_u64..200_000, b in 0_u64..200_000) {
        let (small, large) = (a.min(b), a.max(b));
        let mut written: BTreeSet<Tile> = tiles_of(small).into_iter().collect();
        written.extend(tiles_between(small, large));
        prop_assert!(tiles_of(large).iter().all(|tile| written.contains(tile)));
    }
}
