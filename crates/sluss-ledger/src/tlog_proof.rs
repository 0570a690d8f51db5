//! C2SP `tlog-proof`: one file with which an entry's place in a log is checked offline.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>            (optional; nobody vouches for it)
//! index <decimal>
//! <base64 hash>             (leaf's sibling first, root's child last)
//!
//! <checkpoint, verbatim>
//! ```
//!
//! Files end in `.tlog-proof`. The entry itself is not in the file.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError, Origin, VerifiedCheckpoint, parse_hash};
use crate::hash::Hash;
use crate::note::{LogVerifier, Note};
use crate::tile::parse_decimal;
use crate::tree::{ProofError, verify_inclusion};

/// First line of every file.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes of a proof: a tree of 2^64 leaves has no more levels.
const MAX_HASHES: usize = 64;

/// The content of a `.tlog-proof` file, not yet checked. `Display` writes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque bytes that nothing authenticates.
    pub extra: Option<Vec<u8>>,
    /// Zero-based index of the entry in the log.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// Signed checkpoint of the tree that the proof leads to.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Checks that a key of `known` signed the checkpoint for `origin` and that `leaf` (a leaf
    /// hash) is at this index in its tree.
    ///
    /// # Errors
    ///
    /// [`TlogProofError::Checkpoint`] or [`TlogProofError::Inclusion`].
    pub fn verify(
        &self,
        leaf: &Hash,
        origin: &Origin,
        known: &[LogVerifier],
    ) -> Result<VerifiedCheckpoint, TlogProofError> {
        let note = self.checkpoint.to_string();
        let checkpoint = Checkpoint::open(note.as_bytes(), origin, known)?;
        verify_inclusion(leaf, self.index, &self.hashes, checkpoint.head())?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(file: &str) -> Result<Self, TlogProofError> {
        let expected = TlogProofError::Expected;
        let (head, checkpoint) = file.split_once("\n\n").ok_or(expected("a blank line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(expected("the header c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(STANDARD.decode(extra).map_err(|_| expected("base64 after `extra`"))?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(expected("`index` and a number"))?;
        let hashes = lines.map(parse_hash).collect::<Option<Vec<_>>>();
        let hashes = hashes
            .filter(|hashes| hashes.len() <= MAX_HASHES)
            .ok_or(expected("at most 64 base64 hashes of 32 bytes"))?;
        let checkpoint = Note::parse(checkpoint.as_bytes()).map_err(CheckpointError::Note)?;
        Ok(Self { extra, index, hashes, checkpoint })
    }
}

/// Why a proof file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file is not of the specified form.
    #[error("a proof file has {0}")]
    Expected(&'static str),
    /// The checkpoint in the file was refused.
    #[error("the checkpoint in the proof was refused")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is good, but the entry is not in its tree at that index.
    #[error("the entry is not in the tree of the checkpoint")]
    Inclusion(#[from] ProofError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::LogKey;
    use crate::tree::{MemoryTree, inclusion_proof};

    fn origin() -> Origin {
        "log.example/1".parse().unwrap()
    }

    fn key() -> LogKey {
        LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32])
    }

    fn proof(index: u64, extra: Option<Vec<u8>>) -> TlogProof {
        let tree: MemoryTree = (0..9_u8).map(|number| Hash::leaf(&[number])).collect();
        let head = tree.frontier().head();
        let hashes = inclusion_proof(head.size, index, &tree).unwrap();
        let checkpoint = Checkpoint { origin: origin(), head }.sign(&key()).unwrap();
        TlogProof { extra, index, hashes, checkpoint }
    }

    #[test]
    fn a_proof_file_reads_back_and_verifies() {
        for proof in [proof(0, None), proof(4, Some(b"context".to_vec())), proof(8, Some(vec![]))] {
            let read: TlogProof = proof.to_string().parse().unwrap();
            assert_eq!(read, proof);
            let leaf = Hash::leaf(&[proof.index as u8]);
            let checkpoint = read.verify(&leaf, &origin(), &[key().verifier()]).unwrap();
            assert_eq!(checkpoint.head().size, 9);
            let other = read.verify(&Hash::leaf(&[99]), &origin(), &[key().verifier()]);
            assert!(matches!(other, Err(TlogProofError::Inclusion(_))));
        }
    }

    #[test]
    fn the_proof_of_a_tree_of_one_leaf_has_no_hashes() {
        let head = crate::tree::TreeHead { size: 1, root: Hash::leaf(b"only") };
        let checkpoint = Checkpoint { origin: origin(), head }.sign(&key()).unwrap();
        let proof = TlogProof { extra: None, index: 0, hashes: vec![], checkpoint };
        let file = proof.to_string();
        assert!(file.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/1\n1\n"));
        let read: TlogProof = file.parse().unwrap();
        assert!(read.verify(&Hash::leaf(b"only"), &origin(), &[key().verifier()]).is_ok());
    }

    #[test]
    fn a_checkpoint_that_nobody_known_signed_proves_nothing() {
        let stranger = LogKey::from_seed("log.example/1".parse().unwrap(), [2; 32]);
        let refused = proof(4, None).verify(&Hash::leaf(&[4]), &origin(), &[stranger.verifier()]);
        assert!(matches!(refused, Err(TlogProofError::Checkpoint(_))));
    }

    #[test]
    fn malformed_proof_files_are_refused() {
        let file = proof(4, Some(b"context".to_vec())).to_string();
        for bad in [
            file.replace("@v1", "@v2"),
            file.replace("index 4", "index 04"),
            file.replace("index 4\n", ""),
            file.replace("extra ", "extra"),
            file.replace("extra Y", "extra !"),
            file.replace("\nindex 4\n", "\nindex 4\nAAAA\n"),
            file.replace("\n\n", "\n"),
            String::new(),
        ] {
            assert!(bad.parse::<TlogProof>().is_err(), "{bad}");
        }
    }
}
