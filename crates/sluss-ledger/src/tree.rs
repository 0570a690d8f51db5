//! The RFC 6962 Merkle tree: its growing edge, and building and checking its proofs.
//!
//! # Invariants
//!
//! - Every hash that is not a leaf is the hash of two others: the shape of a tree follows from
//!   its size alone (RFC 6962 section 2.1).
//! - A proof is accepted only when it has exactly the hashes it needs: neither fewer nor more.
//!
//! Not here: which files hold the tree's hashes (see [`crate::tile`]).

use crate::hash::Hash;

/// The size and root of a tree: what a checkpoint commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves the tree has.
    pub size: u64,
    /// Root of the tree of that size.
    pub root: Hash,
}

impl TreeHead {
    /// Returns the head of the tree without leaves.
    pub fn empty() -> Self {
        Self { size: 0, root: Hash::empty_root() }
    }
}

/// Where the hashes of a tree are read from.
pub trait HashReader {
    /// Returns the root of the complete subtree that spans the leaves
    /// `index << level .. (index + 1) << level`, or `None` where it is not known.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

impl<R: HashReader + ?Sized> HashReader for &R {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        (**self).node(level, index)
    }
}

/// The right edge of a growing tree: one hash for each complete subtree, largest first.
///
/// At most 64 hashes, whatever the size of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Returns the edge of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the edge of the tree of `size` leaves whose hashes `reader` knows.
    ///
    /// # Errors
    ///
    /// [`ProofError::Missing`] where `reader` lacks one of the complete subtrees.
    pub fn read(size: u64, reader: impl HashReader) -> Result<Self, ProofError> {
        let mut peaks = Vec::new();
        let mut start = 0;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(read_node(level, start >> level, &reader)?);
            start += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// Returns how many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf, given as its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_level, _index, _hash| {});
    }

    /// Adds the next leaf and reports every subtree that it completes, the leaf first, as
    /// `(level, index, hash)` in the sense of [`HashReader::node`].
    pub fn push_with(&mut self, leaf: Hash, mut completed: impl FnMut(u8, u64, Hash)) {
        let mut hash = leaf;
        completed(0, self.size, hash);
        for level in 1..=self.size.trailing_ones() as u8 {
            let left = self.peaks.pop().expect("one peak for each bit of the size");
            hash = Hash::node(&left, &hash);
            completed(level, self.size >> level, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Returns the root of the tree as it is now.
    pub fn root(&self) -> Hash {
        let folded =
            self.peaks.iter().copied().rev().reduce(|right, left| Hash::node(&left, &right));
        folded.unwrap_or_else(Hash::empty_root)
    }

    /// Returns size and root of the tree as it is now.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

/// A whole tree in memory, 64 bytes a leaf: for small trees, such as a population's.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Returns the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next leaf, given as its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.push_with(leaf, |level, _index, hash| {
            let level = usize::from(level);
            if level == levels.len() {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }

    /// Returns the tree's right edge, which knows its size and root.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl HashReader for MemoryTree {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let hashes = self.levels.get(usize::from(level))?;
        hashes.get(usize::try_from(index).ok()?).copied()
    }
}

/// Why a proof could not be built, or was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf asked for is not in the tree.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    OutOfRange {
        /// Zero-based index of the leaf.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree cannot be consistent with a smaller one that came later.
    #[error("a tree of {new} leaves does not extend one of {old}")]
    Shrunk {
        /// Leaves in the earlier tree.
        old: u64,
        /// Leaves in the later tree.
        new: u64,
    },
    /// The reader does not have a hash that the proof needs.
    #[error("the hash of node {index} at level {level} is missing")]
    Missing {
        /// Height of the complete subtree; 0 is a leaf.
        level: u8,
        /// Index of the subtree within its level.
        index: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("the proof has {found} hashes, which is not what trees of these sizes need")]
    WrongLength {
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof leads to another root than the tree of `size` leaves has.
    #[error("the proof leads to root {found}, but the tree of {size} leaves has {expected}")]
    WrongRoot {
        /// Leaves in the tree whose root differs.
        size: u64,
        /// Root that was to be reached.
        expected: Hash,
        /// Root that the proof leads to.
        found: Hash,
    },
}

/// Returns the proof (RFC 6962 section 2.1.1) that leaf `index` is in the tree of `size`
/// leaves: sibling hashes from the leaf up to the root's child.
///
/// # Errors
///
/// [`ProofError::OutOfRange`], or [`ProofError::Missing`] where `reader` lacks a hash.
pub fn inclusion_proof(
    size: u64,
    index: u64,
    reader: impl HashReader,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(subtree(middle, end, &reader)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, &reader)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the proof (RFC 6962 section 2.1.2) that the tree of `new` leaves extends the tree
/// of `old` leaves. It is empty where `old` is 0 or equals `new`.
///
/// # Errors
///
/// [`ProofError::Shrunk`], or [`ProofError::Missing`] where `reader` lacks a hash.
pub fn consistency_proof(
    old: u64,
    new: u64,
    reader: impl HashReader,
) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(subtree(middle, end, &reader)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, &reader)?);
            start = middle;
        }
    }
    // A subtree that begins at leaf 0 is the old tree itself, whose root the verifier has.
    if start > 0 {
        proof.push(subtree(start, end, &reader)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Accepts a proof that `leaf` (a leaf hash) stands at `index` in the tree of `head`
/// (RFC 9162 section 2.1.3.2).
///
/// # Errors
///
/// [`ProofError::OutOfRange`], [`ProofError::WrongLength`] or [`ProofError::WrongRoot`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    proof: &[Hash],
    head: &TreeHead,
) -> Result<(), ProofError> {
    let size = head.size;
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let too_long = ProofError::WrongLength { found: proof.len() };
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(too_long);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(too_long);
    }
    same_root(head, hash)
}

/// Accepts a proof that the tree of `new` extends the tree of `old` (RFC 9162 section
/// 2.1.4.2). From the empty tree, and between trees of one size, the proof has no hashes.
///
/// # Errors
///
/// [`ProofError::Shrunk`], [`ProofError::WrongLength`] or [`ProofError::WrongRoot`], which
/// names the tree whose root was not reached.
pub fn verify_consistency(
    old: &TreeHead,
    new: &TreeHead,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::Shrunk { old: old.size, new: new.size });
    }
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if old.size == 0 || old.size == new.size {
        if !proof.is_empty() {
            return Err(wrong_length);
        }
        let expected = if old.size == 0 { Hash::empty_root() } else { new.root };
        return same_root(old, expected);
    }
    // Complete subtrees on the right of the old tree need no hash: start above them.
    let skipped = (old.size - 1).trailing_ones();
    let (mut node, mut last) = ((old.size - 1) >> skipped, (new.size - 1) >> skipped);
    let (seed, rest) = match proof.split_first() {
        _ if old.size.is_power_of_two() => (old.root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(wrong_length),
    };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old_hash = Hash::node(sibling, &old_hash);
            new_hash = Hash::node(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = Hash::node(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    same_root(old, old_hash)?;
    same_root(new, new_hash)
}

fn same_root(head: &TreeHead, found: Hash) -> Result<(), ProofError> {
    if head.root == found {
        return Ok(());
    }
    Err(ProofError::WrongRoot { size: head.size, expected: head.root, found })
}

/// The root over leaves `start..end`, a range that the recursion of RFC 6962 section 2.1 makes.
fn subtree(start: u64, end: u64, reader: &impl HashReader) -> Result<Hash, ProofError> {
    let mut complete = Vec::new();
    let mut from = start;
    while from < end {
        let level = (end - from).ilog2() as u8;
        complete.push(read_node(level, from >> level, reader)?);
        from += 1 << level;
    }
    let folded = complete.into_iter().rev().reduce(|right, left| Hash::node(&left, &right));
    Ok(folded.unwrap_or_else(Hash::empty_root))
}

fn read_node(level: u8, index: u64, reader: &impl HashReader) -> Result<Hash, ProofError> {
    reader.node(level, index).ok_or(ProofError::Missing { level, index })
}

/// The largest power of two below `leaves`, which is at least 2.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

#[cfg(test)]
mod tests;
