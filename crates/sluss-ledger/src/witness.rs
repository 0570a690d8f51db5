//! What a witness decides: whether a checkpoint extends the last one that it cosigned.
//!
//! Pure. Whoever keeps the [`WitnessState`] calls [`WitnessState::decide`], makes
//! [`Extension::state`] durable, and only then asks the [`Extension`] for its cosignature; from
//! reading the state until it is durable nobody else may decide about the same log.
//!
//! # Invariants
//!
//! - The size of a state never falls, and its root changes only with its size.
//! - [`WitnessKey`] cosigns an [`Extension`] and nothing else, and only a decision makes one: it
//!   was signed by a known key of the log and proved to extend the state.
//!
//! Not here: the protocol's bodies (see [`crate::add_checkpoint`]), locks, files and HTTP.

use crate::add_checkpoint::{AddCheckpoint, AddCheckpointError, WitnessAnswer};
use crate::checkpoint::{Checkpoint, CheckpointError, Origin};
use crate::cosignature::WitnessKey;
use crate::note::{LogVerifier, NoteError, NoteSignature};
use crate::tree::{ProofError, TreeHead, verify_consistency};

/// The last checkpoint of a log that a witness cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessState {
    origin: Origin,
    head: TreeHead,
}

impl WitnessState {
    /// Returns the state of a witness that has not cosigned any checkpoint of the log yet.
    pub fn new(origin: Origin) -> Self {
        Self { origin, head: TreeHead::empty() }
    }

    /// Returns the state of a witness whose last checkpoint was this one: how a state that was
    /// made durable is loaded again.
    pub fn resumed(last: Checkpoint) -> Self {
        Self { origin: last.origin, head: last.head }
    }

    /// Returns whose log it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns size and root of the last checkpoint; the empty tree where there was none.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// Returns the checkpoint of `request` as one that may be cosigned, `keys` being those that
    /// the witness trusts for this log.
    ///
    /// # Errors
    ///
    /// [`WitnessRefusal`], in the order of the specification: the log is another, no known key
    /// signed, the sizes are the wrong way round, the old size is not this state's, or the proof
    /// does not hold.
    pub fn decide(
        &self,
        keys: &[LogVerifier],
        request: &AddCheckpoint,
    ) -> Result<Extension, WitnessRefusal> {
        let signed = request.checkpoint();
        let claimed: Checkpoint = signed.unverified_text().parse()?;
        if claimed.origin != self.origin {
            return Err(WitnessRefusal::UnknownLog(claimed.origin));
        }
        let verified = signed.verify(keys).map_err(WitnessRefusal::Signature)?;
        let checkpoint: Checkpoint = verified.text().parse()?;
        let (old, new) = (request.old_size(), checkpoint.head.size);
        if old > new {
            return Err(WitnessRefusal::Shrinks { old, new });
        }
        if old != self.head.size {
            return Err(WitnessRefusal::OtherSize { asked: old, have: self.head.size });
        }
        verify_consistency(&self.head, &checkpoint.head, request.proof())
            .map_err(WitnessRefusal::Inconsistent)?;
        Ok(Extension { checkpoint })
    }
}

/// A checkpoint that a witness may cosign, once it is durable.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a checkpoint that is not made durable must not be cosigned"]
pub struct Extension {
    checkpoint: Checkpoint,
}

impl Extension {
    /// Returns the checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the state to make durable before [`Extension::cosign`].
    pub fn state(&self) -> WitnessState {
        WitnessState::resumed(self.checkpoint.clone())
    }

    /// Returns the line that cosigns the checkpoint at `seconds` since 1970. Call it only after
    /// [`Extension::state`] is durable: a state that is lost after this lets the witness cosign
    /// another tree of the same size.
    pub fn cosign(self, key: &WitnessKey, seconds: u64) -> NoteSignature {
        key.cosign(&self.checkpoint, seconds)
    }
}

/// Why a witness does not cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// The request cannot be read.
    #[error("the request cannot be read; see C2SP tlog-witness v1.0.0 for its form")]
    Malformed(#[from] AddCheckpointError),
    /// The signed text is not a checkpoint.
    #[error("the signed text is not a checkpoint: origin, size and root, without other lines")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is of a log that this witness does not know.
    #[error("log {0} is not known here; its vkey has to be given to this witness")]
    UnknownLog(Origin),
    /// No known key signed the checkpoint, or the line of one does not verify.
    #[error("no key that this witness knows for the log vouches for the checkpoint")]
    Signature(#[source] NoteError),
    /// The old size is larger than the checkpoint's.
    #[error("the old size {old} is larger than the checkpoint's, {new}")]
    Shrinks {
        /// Size that the request says the witness has.
        old: u64,
        /// Size of the checkpoint.
        new: u64,
    },
    /// The last cosigned checkpoint has another size than the request says.
    #[error("the last checkpoint cosigned here has size {have}, not {asked}")]
    OtherSize {
        /// Size that the request says the witness has.
        asked: u64,
        /// Size that it has.
        have: u64,
    },
    /// The checkpoint does not extend the last cosigned one: the log was forked or changed, or
    /// the proof is wrong.
    #[error("the checkpoint is not proved to extend the last one cosigned here")]
    Inconsistent(#[source] ProofError),
}

impl WitnessRefusal {
    /// Returns the answer that the protocol has for this refusal.
    pub fn answer(&self) -> WitnessAnswer {
        match self {
            Self::Malformed(_) | Self::Checkpoint(_) | Self::Shrinks { .. } => {
                WitnessAnswer::Malformed
            }
            Self::Signature(_) => WitnessAnswer::UnknownKey,
            Self::UnknownLog(_) => WitnessAnswer::UnknownLog,
            Self::OtherSize { have, .. } => WitnessAnswer::OtherSize(*have),
            Self::Inconsistent(_) => WitnessAnswer::Inconsistent,
        }
    }

    /// Returns whether the request may prove that the log misbehaved: a known key of the log
    /// signed a checkpoint that does not extend what it had shown before.
    pub fn is_evidence(&self) -> bool {
        match self {
            Self::Inconsistent(_) => true,
            Self::Malformed(_)
            | Self::Checkpoint(_)
            | Self::UnknownLog(_)
            | Self::Signature(_)
            | Self::Shrinks { .. }
            | Self::OtherSize { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
