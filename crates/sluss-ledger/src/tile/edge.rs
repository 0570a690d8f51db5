//! The right edge of a tree as tiles: all that a sequencer has to remember to write the rest.
//!
//! # Invariants
//!
//! - A row holds the hashes of its level's partial tile, at most 255: what is full has been
//!   handed out and is forgotten.

use crate::hash::Hash;
use crate::tile::{FULL_WIDTH, LEVELS, Tile, TileError, complete_root, hashes_at};

/// The partial tiles of a growing tree, which hands out the full ones.
///
/// At most 255 hashes for each tile level, whatever the size of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TileEdge {
    size: u64,
    rows: [Vec<Hash>; LEVELS as usize],
}

impl TileEdge {
    /// Returns the edge of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the edge of the tree of `size` leaves, whose partial tiles `fetch` returns.
    ///
    /// # Errors
    ///
    /// [`TileError::Missing`] where a tile is not there or not of its width.
    pub fn read(size: u64, fetch: impl Fn(&Tile) -> Option<Vec<Hash>>) -> Result<Self, TileError> {
        let mut edge = Self { size, rows: Default::default() };
        for (level, row) in (0..LEVELS).zip(&mut edge.rows) {
            if let Some(tile) = partial_tile(level, size) {
                let hashes = fetch(&tile).filter(|hashes| hashes.len() == usize::from(tile.width));
                *row = hashes.ok_or(TileError::Missing(tile))?;
            }
        }
        Ok(edge)
    }

    /// Returns how many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf, given as its leaf hash, and hands every tile that it fills to
    /// `full`, the lowest level first.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash])) {
        self.size += 1;
        let mut hash = leaf;
        for (level, row) in (0..LEVELS).zip(&mut self.rows) {
            row.push(hash);
            if row.len() < usize::from(FULL_WIDTH) {
                return;
            }
            let index = hashes_at(level, self.size) / u64::from(FULL_WIDTH) - 1;
            full(Tile { level, index, width: FULL_WIDTH }, row);
            hash = complete_root(row);
            row.clear();
        }
    }

    /// Returns the partial tiles that grew since the tree had `old` leaves, lowest level first:
    /// those to write before a checkpoint of the present size is published.
    pub fn partial_tiles(&self, old: u64) -> impl Iterator<Item = (Tile, &[Hash])> {
        let grown = move |level| hashes_at(level, old) < hashes_at(level, self.size);
        (0..LEVELS)
            .zip(&self.rows)
            .filter(move |(level, _)| grown(*level))
            .filter_map(|(level, row)| Some((partial_tile(level, self.size)?, row.as_slice())))
    }

    /// Returns the root of the tree as it is now.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for row in &self.rows {
            let mut rest = row.as_slice();
            // The smallest complete subtree is the rightmost: fold from there to the left.
            while !rest.is_empty() {
                let (left, last) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let last = complete_root(last);
                root = Some(root.map_or(last, |right| Hash::node(&last, &right)));
                rest = left;
            }
        }
        root.unwrap_or_else(Hash::empty_root)
    }
}

/// The tile of a level that is not full in a tree of `size` leaves, if there is one.
fn partial_tile(level: u8, size: u64) -> Option<Tile> {
    let index = hashes_at(level, size) / u64::from(FULL_WIDTH);
    Tile::in_tree(level, index, size)
}
