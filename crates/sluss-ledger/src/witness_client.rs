//! The log's side of a witness: what to send it next, and what its answer means.
//!
//! Pure. [`WitnessView::ask`] makes the request for a checkpoint out of the log's own tree,
//! [`WitnessView::hear`] takes the answer.
//!
//! # Invariants
//!
//! - [`WitnessSaid::Cosigned`] holds only a line that the witness' own key made over the
//!   checkpoint that was asked for.
//! - [`WitnessSaid::Again`] follows only when the witness named a larger size than before, at most
//!   the log's: asking again comes to an end.
//! - A witness that has more of the log than the log itself, or another tree of one size, is an
//!   alarm and never tried away.
//!
//! Answers come over HTTP, and only cosignatures are authenticated: whoever sits between log and
//! witness can raise an alarm, but not silence one for longer than the bound on a witness' lag.

use crate::add_checkpoint::{AddCheckpoint, AddCheckpointError, WitnessAnswer};
use crate::checkpoint::{Checkpoint, CheckpointError, Origin};
use crate::cosignature::{Cosignature, WitnessVerifier};
use crate::note::Note;
use crate::tree::{HashReader, ProofError, consistency_proof};

/// What a log knows of one of its witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessView {
    witness: WitnessVerifier,
    size: u64,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a request that nobody sends is not answered"]
pub struct WitnessAsked {
    request: AddCheckpoint,
    checkpoint: Checkpoint,
}

impl WitnessAsked {
    /// Returns the request, whose text is the body to send.
    pub fn request(&self) -> &AddCheckpoint {
        &self.request
    }

    /// Returns the checkpoint that is to be cosigned.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// Why there is nothing to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessAskError {
    /// The note is not a checkpoint.
    #[error("the note to be cosigned is not a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The log's tree lacks a hash.
    #[error("the log cannot prove that the checkpoint extends the last cosigned one")]
    Proof(#[from] ProofError),
    /// The proof does not fit a request.
    #[error("the request cannot be written")]
    Request(#[from] AddCheckpointError),
}

/// What an answer means for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an alarm that nobody hears is none"]
pub enum WitnessSaid {
    /// The witness cosigned; add the line to the checkpoint.
    Cosigned(Cosignature),
    /// The witness has another size than was thought: ask again, with the newest checkpoint.
    Again,
    /// Something is wrong with the request, the witness or what is between: try later, and raise
    /// the lag once it passes its bound.
    Later(WitnessTrouble),
    /// Tell people now.
    WitnessAlarm(WitnessAlarm),
}

/// Why a witness did not cosign although nothing says that the log is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessTrouble {
    /// The witness does not have the log's present key.
    #[error("the witness does not know the log's key: give it the log's vkey")]
    UnknownKey,
    /// The witness does not have the log.
    #[error("the witness does not know the log: give it the log's vkey")]
    UnknownLog,
    /// The witness does not understand the request.
    #[error("the witness cannot read the request: does it speak C2SP tlog-witness v1.0.0?")]
    Malformed,
    /// The witness said 200, but no line is a cosignature of its key over the checkpoint.
    #[error("the answer has no cosignature by the witness' key: compare its vkey with ours")]
    NotCosigned,
    /// The witness names the size that it was asked with as the reason not to cosign.
    #[error("the witness contradicts itself about the size that it has")]
    Contradiction,
    /// The witness failed.
    #[error("the witness answered with status {0}")]
    Status(u16),
}

/// What a witness' answer gives away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessAlarm {
    /// The witness cosigned more of the log than the log has: its data were rolled back.
    #[error(
        "the log {origin} was rolled back: the witness has {witness} entries of it and the log \
         {log}; stop, and restore the later data"
    )]
    RolledBack {
        /// Whose log it is.
        origin: Origin,
        /// Entries that the witness cosigned.
        witness: u64,
        /// Entries that the log has.
        log: u64,
    },
    /// The witness cosigned another tree of that size: the log was forked or its past changed.
    #[error(
        "the log {origin} was forked: the witness cosigned another tree of {size} entries; stop, \
         and compare the data with a copy"
    )]
    Forked {
        /// Whose log it is.
        origin: Origin,
        /// Entries in the tree that the witness has another root for.
        size: u64,
    },
    /// The witness has less of the log than it cosigned before: the witness was rolled back, and
    /// could cosign another tree.
    #[error(
        "the witness of {origin} went back from {before} entries to {now}: ask who runs it before \
         its cosignatures are relied on"
    )]
    WitnessRolledBack {
        /// Whose log it is.
        origin: Origin,
        /// Entries that it had cosigned.
        before: u64,
        /// Entries that it says it has now.
        now: u64,
    },
}

impl WitnessAlarm {
    /// Returns whether the log must not take another entry before someone looked into it.
    pub fn stops_appends(&self) -> bool {
        match self {
            Self::RolledBack { .. } | Self::Forked { .. } => true,
            Self::WitnessRolledBack { .. } => false,
        }
    }
}

impl WitnessView {
    /// Returns the view of a witness of which it is only known that it has cosigned the tree of
    /// `size` leaves, or more; 0 where nothing is known.
    pub fn new(witness: WitnessVerifier, size: u64) -> Self {
        Self { witness, size }
    }

    /// Returns the witness' public key.
    pub fn witness(&self) -> &WitnessVerifier {
        &self.witness
    }

    /// Returns how many entries the witness is known to have cosigned; keep it for
    /// [`WitnessView::new`].
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns what to send to have `checkpoint` cosigned, with the proof out of `tree`.
    ///
    /// A checkpoint below what the witness has cosigned is sent all the same: the answer says
    /// whether the log lost entries.
    ///
    /// # Errors
    ///
    /// [`WitnessAskError`]: the note is no checkpoint, or `tree` lacks a hash.
    pub fn ask(
        &self,
        checkpoint: &Note,
        tree: impl HashReader,
    ) -> Result<WitnessAsked, WitnessAskError> {
        let parsed: Checkpoint = checkpoint.unverified_text().parse()?;
        let old = self.size.min(parsed.head.size);
        let proof = consistency_proof(old, parsed.head.size, tree)?;
        let request = AddCheckpoint::new(old, proof, checkpoint.clone())?;
        Ok(WitnessAsked { request, checkpoint: parsed })
    }

    /// Takes the witness' answer. `log_size` is the size of the log's newest checkpoint, which
    /// may be beyond the one that was asked about.
    pub fn hear(
        &mut self,
        asked: &WitnessAsked,
        answer: &WitnessAnswer,
        log_size: u64,
    ) -> WitnessSaid {
        let origin = || asked.checkpoint.origin.clone();
        match answer {
            WitnessAnswer::Cosigned(lines) => {
                let body = asked.checkpoint.to_string();
                match self.witness.find_among(lines, &body) {
                    Ok(Some(cosignature)) => {
                        self.size = self.size.max(asked.checkpoint.head.size);
                        WitnessSaid::Cosigned(cosignature)
                    }
                    Ok(None) | Err(_) => WitnessSaid::Later(WitnessTrouble::NotCosigned),
                }
            }
            WitnessAnswer::OtherSize(witness) => self.hear_size(asked, *witness, log_size),
            WitnessAnswer::Inconsistent => WitnessSaid::WitnessAlarm(WitnessAlarm::Forked {
                origin: origin(),
                size: asked.request.old_size(),
            }),
            WitnessAnswer::UnknownKey => WitnessSaid::Later(WitnessTrouble::UnknownKey),
            WitnessAnswer::UnknownLog => WitnessSaid::Later(WitnessTrouble::UnknownLog),
            WitnessAnswer::Malformed => WitnessSaid::Later(WitnessTrouble::Malformed),
            WitnessAnswer::Other(status) => WitnessSaid::Later(WitnessTrouble::Status(*status)),
        }
    }

    fn hear_size(&mut self, asked: &WitnessAsked, witness: u64, log: u64) -> WitnessSaid {
        let origin = asked.checkpoint.origin.clone();
        let log = log.max(asked.checkpoint.head.size);
        if witness > log {
            return WitnessSaid::WitnessAlarm(WitnessAlarm::RolledBack { origin, witness, log });
        }
        if witness < self.size {
            let before = self.size;
            return WitnessSaid::WitnessAlarm(WitnessAlarm::WitnessRolledBack {
                origin,
                before,
                now: witness,
            });
        }
        if witness == self.size {
            // Unless another answer was heard since this was asked, the witness named the size
            // that it was asked with.
            let same = witness == asked.request.old_size();
            return if same {
                WitnessSaid::Later(WitnessTrouble::Contradiction)
            } else {
                WitnessSaid::Again
            };
        }
        self.size = witness;
        WitnessSaid::Again
    }
}

#[cfg(test)]
mod tests;
