//! C2SP `tlog-tiles`: the files that a tree is published in, their paths and their bytes.
//!
//! A tile is up to 256 consecutive hashes of one tile level, 32 bytes each; those of level 0
//! are leaf hashes, those above are the roots of full tiles below. A bundle is the entries of
//! one level 0 tile, each behind its length in two bytes, big end first.
//!
//! # Invariants
//!
//! - Width, level and index of a [`Tile`] or [`Bundle`] are such that its path is valid, and
//!   a path has one spelling.
//! - A partial tile is never hashed into the level above.
//!
//! Not here: reading and writing the files.

mod edge;

use std::fmt;
use std::str::FromStr;

use crate::hash::Hash;
use crate::tree::HashReader;

pub use edge::TileEdge;

/// Hashes in a full tile, and entries in a full bundle.
pub const FULL_WIDTH: u16 = 256;

/// Tile levels that a tree of at most 2^64 - 1 leaves can have.
const LEVELS: u8 = 8;

/// The coordinates of a hash tile: `tile/<L>/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// Returns the tile with the `width` first hashes at tile level `level`, index `index`.
    ///
    /// # Errors
    ///
    /// [`TileError::Coordinates`] where the level exceeds 63 or the width is not 1 to 256.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level > 63 || !(1..=FULL_WIDTH).contains(&width) {
            return Err(TileError::Coordinates { level, index, width });
        }
        Ok(Self { level, index, width })
    }

    /// Returns the tile at `level` and `index` as wide as it is in a tree of `size` leaves, or
    /// `None` where that tree has no hash in it.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = hashes_at(level, size);
        let before = index.checked_mul(u64::from(FULL_WIDTH))?;
        let width = hashes.checked_sub(before)?.min(u64::from(FULL_WIDTH)) as u16;
        Self::new(level, index, width).ok()
    }

    /// Returns the tile level: hashes at level `l` span `256^l` leaves each.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Returns the index of the tile within its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns how many hashes the tile has, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Returns whether the tile has fewer than 256 hashes.
    pub fn is_partial(&self) -> bool {
        self.width < FULL_WIDTH
    }

    /// Returns the hashes of the tile as `reader` knows them, or `None` where one is missing.
    pub fn hashes(&self, reader: impl HashReader) -> Option<Vec<Hash>> {
        let first = self.index.checked_mul(u64::from(FULL_WIDTH))?;
        let level = self.level.checked_mul(8)?;
        (first..first + u64::from(self.width)).map(|index| reader.node(level, index)).collect()
    }

    /// Returns the hashes in the bytes of this tile's file.
    ///
    /// # Errors
    ///
    /// [`TileError::Length`] where the bytes are not 32 for each hash of the tile.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || chunks.len() != usize::from(self.width) {
            return Err(TileError::Length { tile: *self, found: bytes.len() });
        }
        Ok(chunks.iter().copied().map(Hash::from_bytes).collect())
    }
}

/// Returns the bytes of the tile file that holds `hashes`.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_index(f, self.index, self.width)
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let parsed = || {
            let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
            let (index, width) = parse_index(rest)?;
            Self::new(parse_decimal(level)?.try_into().ok()?, index, width).ok()
        };
        parsed().ok_or_else(|| TileError::Path(path.to_owned()))
    }
}

/// The coordinates of an entry bundle: `tile/entries/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    index: u64,
    width: u16,
}

impl Bundle {
    /// Returns the bundle with the `width` first entries from leaf `256 * index` on.
    ///
    /// # Errors
    ///
    /// [`TileError::Coordinates`] where the width is not 1 to 256.
    pub fn new(index: u64, width: u16) -> Result<Self, TileError> {
        Tile::new(0, index, width).map(Self::from_tile)
    }

    fn from_tile(tile: Tile) -> Self {
        Self { index: tile.index, width: tile.width }
    }

    /// Returns the index of the bundle, that of the level 0 tile with its leaf hashes.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns how many entries the bundle has, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Returns the index of the bundle's first entry in the log.
    pub fn first_leaf(&self) -> u64 {
        self.index.saturating_mul(u64::from(FULL_WIDTH))
    }

    /// Returns the entries in the bytes of this bundle's file.
    ///
    /// # Errors
    ///
    /// [`TileError::Truncated`], or [`TileError::Entries`] where there are more or fewer
    /// entries than the bundle has.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
        let entries = decode_entries(bytes)?;
        if entries.len() != usize::from(self.width) {
            return Err(TileError::Entries { bundle: *self, found: entries.len() });
        }
        Ok(entries)
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_index(f, self.index, self.width)
    }
}

impl FromStr for Bundle {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let parsed = || {
            let (index, width) = parse_index(path.strip_prefix("tile/entries/")?)?;
            Some(Self { index, width })
        };
        parsed().ok_or_else(|| TileError::Path(path.to_owned()))
    }
}

/// Returns the bytes of the bundle file that holds `entries`.
///
/// # Errors
///
/// [`TileError::EntryTooLong`] where an entry is longer than 65,535 bytes.
pub fn encode_entries<'a>(
    entries: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let too_long = TileError::EntryTooLong { found: entry.len() };
        let length = u16::try_from(entry.len()).map_err(|_| too_long)?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// Returns the entries in the bytes of a bundle file, however many they are.
///
/// # Errors
///
/// [`TileError::Truncated`] where the bytes end within an entry.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let truncated = TileError::Truncated { offset: bytes.len() - rest.len() };
        let (length, after) = rest.split_first_chunk::<2>().ok_or(truncated.clone())?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// Returns the tiles to write when a tree grows from `old` to `new` leaves: per level the full
/// tiles that were completed, then the partial one that grew. Nothing where it did not grow.
///
/// Partial tiles of sizes in between are not among them: they are needed only where a
/// checkpoint was published.
pub fn tiles_between(old: u64, new: u64) -> Vec<Tile> {
    (0..LEVELS).flat_map(|level| tiles_at(level, old, new)).collect()
}

/// Returns the bundles to write when a log grows from `old` to `new` entries.
pub fn bundles_between(old: u64, new: u64) -> Vec<Bundle> {
    tiles_at(0, old, new).map(Bundle::from_tile).collect()
}

/// Returns the tiles of a tree of `size` leaves, each as wide as it is in that tree.
pub fn tiles_of(size: u64) -> Vec<Tile> {
    tiles_between(0, size)
}

fn tiles_at(level: u8, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let width = u64::from(FULL_WIDTH);
    let (from, to) = (hashes_at(level, old), hashes_at(level, new));
    let indexes = if from < to { from / width..to.div_ceil(width) } else { 0..0 };
    indexes.filter_map(move |index| Tile::in_tree(level, index, new))
}

/// Hashes at a tile level in a tree of `size` leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// Reads the hashes of a tree of `size` leaves out of its tiles.
///
/// `fetch` is asked for a tile as wide as it is in that tree and returns its hashes, or `None`
/// where it has none. It is asked anew for every node: let it remember.
#[derive(Debug, Clone)]
pub struct TileReader<F> {
    size: u64,
    fetch: F,
}

impl<F: Fn(&Tile) -> Option<Vec<Hash>>> TileReader<F> {
    /// Returns a reader of the tree of `size` leaves.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch }
    }
}

impl<F: Fn(&Tile) -> Option<Vec<Hash>>> HashReader for TileReader<F> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        // A node between two tile levels is the root over `1 << height` hashes of the lower.
        let height = level % 8;
        let width = u64::from(FULL_WIDTH);
        let first = index.checked_mul(1 << height)?;
        let tile = Tile::in_tree(level / 8, first / width, self.size)?;
        let hashes = (self.fetch)(&tile)?;
        let start = (first % width) as usize;
        hashes.get(start..start + (1 << height)).map(complete_root)
    }
}

/// The root over hashes whose number is a power of two.
fn complete_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::empty_root(),
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Hash::node(&complete_root(left), &complete_root(right))
        }
    }
}

/// Why coordinates, a path or the bytes of a tile were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// No tile has these coordinates.
    #[error("no tile has level {level}, index {index} and width {width}")]
    Coordinates {
        /// Tile level asked for; at most 63.
        level: u8,
        /// Index within the level.
        index: u64,
        /// Hashes; 1 to 256.
        width: u16,
    },
    /// A path is not that of a tile or bundle.
    #[error("{0:?} is not the path of a tile")]
    Path(String),
    /// A tile file does not have 32 bytes for each of its hashes.
    #[error("{tile} has {found} bytes instead of {}", usize::from(tile.width) * 32)]
    Length {
        /// The tile in question.
        tile: Tile,
        /// Bytes in its file.
        found: usize,
    },
    /// A bundle file does not have the entries that its name says.
    #[error("{bundle} has {found} entries instead of {}", bundle.width)]
    Entries {
        /// The bundle in question.
        bundle: Bundle,
        /// Entries in its file.
        found: usize,
    },
    /// A bundle ends within an entry.
    #[error("the entry at byte {offset} of the bundle is cut off")]
    Truncated {
        /// Where the entry's length begins, in bytes.
        offset: usize,
    },
    /// A tile that is needed is not there, or has fewer or more hashes than its name says.
    #[error("{0} is missing or does not have its hashes")]
    Missing(Tile),
    /// An entry does not fit its two length bytes.
    #[error("an entry of {found} bytes does not fit a bundle, which takes at most 65535")]
    EntryTooLong {
        /// Bytes in the entry.
        found: usize,
    },
}

fn write_index(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    for (position, group) in groups.iter().enumerate().rev() {
        let (mark, end) = if position > 0 { ("x", "/") } else { ("", "") };
        write!(f, "{mark}{group:03}{end}")?;
    }
    if width < FULL_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
}

fn parse_index(text: &str) -> Option<(u64, u16)> {
    let (groups, width) = match text.split_once(".p/") {
        Some((groups, width)) => {
            let width = parse_decimal(width)?;
            (groups, (1..256).contains(&width).then_some(width as u16)?)
        }
        None => (text, FULL_WIDTH),
    };
    let (leading, last) = groups.rsplit_once('/').unwrap_or(("", groups));
    let mut index = parse_group(last)?;
    if !leading.is_empty() {
        let mut thousands = 0_u64;
        for group in leading.split('/') {
            let group = parse_group(group.strip_prefix('x')?)?;
            thousands = thousands.checked_mul(1000)?.checked_add(group)?;
        }
        // Needless leading groups would give a tile two paths.
        if leading.starts_with("x000") {
            return None;
        }
        index = thousands.checked_mul(1000)?.checked_add(index)?;
    } else if groups.starts_with('/') {
        return None;
    }
    Some((index, width))
}

fn parse_group(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Reads a decimal number without sign or needless zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
