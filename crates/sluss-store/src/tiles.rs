//! The files that are derived from the leaves: hash tiles and entry bundles.
//!
//! [`Tiling`] turns leaves, in order, into the files that hold them, and is all that the
//! publisher and the verifier know of the layout; the format itself is `sluss_ledger::tile`.
//!
//! # Invariants
//!
//! - The files follow from the leaves alone: made again, they have the same bytes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use sluss_ledger::{
    Bundle, FULL_WIDTH, Hash, HashReader, Tile, TileEdge, TileReader, TreeHead, bundles_between,
    encode_hashes, tiles_of,
};

/// What a derived file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coordinates {
    /// Hashes of one level.
    Tile(Tile),
    /// Entries.
    Bundle(Bundle),
}

/// A derived file: what it is and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileFile {
    pub(crate) coordinates: Coordinates,
    pub(crate) content: Vec<u8>,
}

impl TileFile {
    /// Returns the file's path under `log/`.
    pub(crate) fn path(&self) -> String {
        match self.coordinates {
            Coordinates::Tile(tile) => tile.to_string(),
            Coordinates::Bundle(bundle) => bundle.to_string(),
        }
    }

    /// Returns whether it has all the 256 hashes or entries that such a file can have.
    pub(crate) fn is_full(&self) -> bool {
        match self.coordinates {
            Coordinates::Tile(tile) => !tile.is_partial(),
            Coordinates::Bundle(bundle) => bundle.width() == FULL_WIDTH,
        }
    }
}

/// The growing edge of the tree and of its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tiling {
    edge: TileEdge,
    /// The entries that do not fill a bundle yet, as they stand in its file.
    entries: Vec<u8>,
}

impl Tiling {
    /// Returns the edge of the tree of `size` leaves, read from the tiles under `log` and from
    /// `entries`, the leaves that are in its partial bundle. `None` where a file is missing or
    /// not as long as it should be.
    pub(crate) fn resume(log: &Path, size: u64, entries: &[Vec<u8>]) -> Option<Self> {
        let edge = TileEdge::read(size, |tile| read_tile(log, tile).ok()).ok()?;
        let mut tiling = Self { edge, entries: Vec::new() };
        entries.iter().try_for_each(|bytes| tiling.add_entry(bytes))?;
        Some(tiling)
    }

    /// Returns how many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Returns size and root of the tree.
    pub(crate) fn head(&self) -> TreeHead {
        TreeHead { size: self.edge.size(), root: self.edge.root() }
    }

    /// Adds the next leaf; `full` is given each file that it fills.
    pub(crate) fn push(&mut self, hash: Hash, bytes: &[u8], mut full: impl FnMut(TileFile)) {
        let index = self.size() / u64::from(FULL_WIDTH);
        self.edge.push(hash, |tile, hashes| full(tile_file(tile, hashes)));
        // A leaf that is too long for a bundle was refused when it was sealed; one that was
        // changed on the disk is found by its hash.
        let _ = self.add_entry(bytes);
        if self.size().is_multiple_of(u64::from(FULL_WIDTH)) {
            full(bundle_file(index, FULL_WIDTH, std::mem::take(&mut self.entries)));
        }
    }

    /// Returns the files that are not full, as they are in the tree of this size.
    pub(crate) fn partial(&self) -> Vec<TileFile> {
        let tiles = self.edge.partial_tiles(0);
        let mut files: Vec<_> = tiles.map(|(tile, hashes)| tile_file(tile, hashes)).collect();
        let (full, size) = (u64::from(FULL_WIDTH), self.size());
        if !size.is_multiple_of(full) {
            files.push(bundle_file(size / full, (size % full) as u16, self.entries.clone()));
        }
        files
    }

    fn add_entry(&mut self, bytes: &[u8]) -> Option<()> {
        let length = u16::try_from(bytes.len()).ok()?;
        self.entries.extend(length.to_be_bytes());
        self.entries.extend(bytes);
        Some(())
    }
}

fn tile_file(tile: Tile, hashes: &[Hash]) -> TileFile {
    TileFile { coordinates: Coordinates::Tile(tile), content: encode_hashes(hashes) }
}

fn bundle_file(index: u64, width: u16, content: Vec<u8>) -> TileFile {
    let bundle = Bundle::new(index, width).expect("BUG: a bundle has 1 to 256 entries");
    TileFile { coordinates: Coordinates::Bundle(bundle), content }
}

/// Returns the first file, by path, that a log of `size` leaves needs and that is not there or
/// cannot be as long as it should.
pub(crate) fn missing(log: &Path, size: u64) -> Option<String> {
    let short = |path: &str, least: u64, exact: bool| match fs::metadata(log.join(path)) {
        Ok(file) => file.len() < least || exact && file.len() != least,
        Err(_) => true,
    };
    let tiles = tiles_of(size)
        .into_iter()
        .map(|tile| (tile.to_string(), u64::from(tile.width()) * 32, true));
    let bundles = bundles_between(0, size)
        .into_iter()
        .map(|bundle| (bundle.to_string(), u64::from(bundle.width()) * 2, false));
    tiles.chain(bundles).find(|(path, least, exact)| short(path, *least, *exact)).map(|(p, ..)| p)
}

/// Reads the tree of some size out of the tiles on the disk, each tile once.
#[derive(Debug)]
pub(crate) struct DiskTiles<'a> {
    log: &'a Path,
    size: u64,
    seen: RefCell<HashMap<Tile, Option<Vec<Hash>>>>,
}

impl<'a> DiskTiles<'a> {
    /// Returns a reader of the tree of `size` leaves from the tiles under `log`.
    pub(crate) fn new(log: &'a Path, size: u64) -> Self {
        Self { log, size, seen: RefCell::default() }
    }

    fn fetch(&self, tile: &Tile) -> Option<Vec<Hash>> {
        let mut seen = self.seen.borrow_mut();
        seen.entry(*tile).or_insert_with(|| read_tile(self.log, tile).ok()).clone()
    }
}

impl HashReader for DiskTiles<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        TileReader::new(self.size, |tile: &Tile| self.fetch(tile)).node(level, index)
    }
}

fn read_tile(log: &Path, tile: &Tile) -> io::Result<Vec<Hash>> {
    let content = read_file(log, &tile.to_string(), usize::from(tile.width()) * 32)?;
    tile.decode(&content).map_err(io::Error::other)
}

/// Reads a derived file. Where it is partial and only the full one is left, its part of that:
/// `length` bytes.
pub(crate) fn read_file(log: &Path, path: &str, length: usize) -> io::Result<Vec<u8>> {
    match fs::read(log.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (full, _) = path.split_once(".p/").ok_or(error)?;
            let mut content = fs::read(log.join(full))?;
            content.truncate(length);
            Ok(content)
        }
        content => content,
    }
}

#[cfg(test)]
mod tests {
    use sluss_ledger::tiles_between;

    use super::*;

    fn files_of(size: u64) -> Vec<TileFile> {
        let mut tiling = Tiling::default();
        let mut files = Vec::new();
        for number in 0..size {
            let bytes = number.to_be_bytes();
            tiling.push(Hash::leaf(&bytes), &bytes, |file| files.push(file));
        }
        files.extend(tiling.partial());
        files
    }

    #[test]
    fn the_files_are_those_of_the_specification_at_every_edge() {
        for size in [0, 1, 255, 256, 257, 65_535, 65_536, 70_000] {
            let files = files_of(size);
            let mut found: Vec<_> = files.iter().map(TileFile::path).collect();
            let mut expected: Vec<_> =
                tiles_between(0, size).iter().map(ToString::to_string).collect();
            expected.extend(bundles_between(0, size).iter().map(ToString::to_string));
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "size {size}");
        }
        let files = files_of(70_000);
        let widths = |level: u8| -> Vec<u16> {
            files
                .iter()
                .filter_map(|file| match file.coordinates {
                    Coordinates::Tile(tile) if tile.level() == level => Some(tile.width()),
                    Coordinates::Tile(_) | Coordinates::Bundle(_) => None,
                })
                .collect()
        };
        assert_eq!(widths(0).iter().filter(|width| **width == 256).count(), 273);
        assert_eq!(widths(0).last(), Some(&112));
        assert_eq!(widths(1), [256, 17]);
        assert_eq!(widths(2), [1]);
    }

    #[test]
    fn a_tiling_read_from_its_files_goes_on_as_if_it_had_not_stopped() {
        let folder = tempfile::tempdir().unwrap();
        for size in [1_u64, 255, 256, 300, 66_000] {
            for file in files_of(size) {
                let path = folder.path().join(file.path());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file.content).unwrap();
            }
            assert_eq!(missing(folder.path(), size), None);
            let first = size / 256 * 256;
            let entries: Vec<_> =
                (first..size).map(|number| number.to_be_bytes().to_vec()).collect();
            let mut tiling = Tiling::resume(folder.path(), size, &entries).unwrap();
            let mut files = Vec::new();
            for number in size..size + 300 {
                let bytes = number.to_be_bytes();
                tiling.push(Hash::leaf(&bytes), &bytes, |file| files.push(file));
            }
            files.extend(tiling.partial());
            let all = files_of(size + 300);
            assert!(files.iter().all(|file| all.contains(file)), "size {size}");
        }
    }
}
