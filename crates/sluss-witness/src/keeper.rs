//! The one place where checkpoints are decided about, made durable and cosigned.
//!
//! # Invariants
//!
//! - From reading the last checkpoint of a log until the next one is durable, a lock keeps every
//!   other request about that log out; nothing is cosigned before.
//! - After a failure to write, whether or not anything was written, the state is read again from
//!   the disk before the next decision.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sluss_ledger::{
    AddCheckpoint, Checkpoint, CheckpointError, LogVerifier, Note, Origin, WitnessAnswer,
    WitnessKey, WitnessRefusal, WitnessState,
};

use crate::folder::{Folder, FolderError};
use crate::said::{say, with_causes};

/// Where the last checkpoints are kept; the second one in tests fails on purpose.
pub(crate) trait Memory: Send + Sync {
    /// Returns the last checkpoint of a log, or `None` where none was cosigned.
    fn last(&self, origin: &Origin) -> Result<Option<Checkpoint>, FolderError>;
    /// Makes `checkpoint` the last one; it is durable on return.
    fn keep(&self, origin: &Origin, checkpoint: &Note) -> Result<(), FolderError>;
    /// Keeps a request that proves that a log lied.
    fn keep_evidence(&self, request: &[u8]) -> Result<(), FolderError>;
}

impl Memory for Folder {
    fn last(&self, origin: &Origin) -> Result<Option<Checkpoint>, FolderError> {
        Folder::last(self, origin)
    }

    fn keep(&self, origin: &Origin, checkpoint: &Note) -> Result<(), FolderError> {
        Folder::keep(self, origin, checkpoint)
    }

    fn keep_evidence(&self, request: &[u8]) -> Result<(), FolderError> {
        Folder::keep_evidence(self, request)
    }
}

/// A log that this witness knows.
#[derive(Debug)]
struct Log {
    keys: Vec<LogVerifier>,
    /// None while it has to be read from the disk.
    state: Mutex<Option<WitnessState>>,
}

/// A witness: its key, its logs, and where it remembers.
pub(crate) struct Keeper<M> {
    key: WitnessKey,
    logs: BTreeMap<Origin, Log>,
    memory: M,
    /// Seconds since 1970.
    clock: fn() -> u64,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsigned {
    /// It must not be.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The witness cannot remember it.
    #[error("the witness cannot keep what it would sign, and so does not sign")]
    Failed(#[from] FolderError),
}

impl Unsigned {
    /// Returns the answer that the protocol has for it.
    pub(crate) fn answer(&self) -> WitnessAnswer {
        match self {
            Self::Refused(refusal) => refusal.answer(),
            Self::Failed(_) => WitnessAnswer::Other(500),
        }
    }
}

impl<M: Memory> Keeper<M> {
    /// Returns the witness of the logs that `keys` are of; keys of one name are one log's.
    ///
    /// # Errors
    ///
    /// [`FolderError`] where the last checkpoint of one of them cannot be read, and
    /// [`CheckpointError::Origin`], which no key's name causes.
    pub(crate) fn new(
        key: WitnessKey,
        keys: &[LogVerifier],
        memory: M,
        clock: fn() -> u64,
    ) -> Result<Self, FolderError> {
        let mut logs: BTreeMap<Origin, Log> = BTreeMap::new();
        for verifier in keys {
            let origin = origin_of(verifier);
            let log =
                logs.entry(origin).or_insert_with(|| Log { keys: vec![], state: Mutex::new(None) });
            log.keys.push(verifier.clone());
        }
        let keeper = Self { key, logs, memory, clock };
        for (origin, log) in &keeper.logs {
            let state = keeper.load(origin)?;
            say(&format!("the log {origin} is known, size {}", state.head().size));
            *log.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        }
        Ok(keeper)
    }

    /// Answers the body of an `add-checkpoint` request; only after the checkpoint is durable does
    /// the answer have a cosignature.
    pub(crate) fn add_checkpoint(&self, body: &[u8]) -> Result<WitnessAnswer, Unsigned> {
        let request = AddCheckpoint::parse(body).map_err(WitnessRefusal::Malformed)?;
        let claimed: Checkpoint =
            request.checkpoint().unverified_text().parse().map_err(WitnessRefusal::Checkpoint)?;
        let Some(log) = self.logs.get(&claimed.origin) else {
            return Err(WitnessRefusal::UnknownLog(claimed.origin).into());
        };
        let mut slot = log.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, it stays out, and is read again, unless all went well.
        let state = match slot.take() {
            Some(state) => state,
            None => self.load(&claimed.origin)?,
        };
        let extension = match state.decide(&log.keys, &request) {
            Ok(extension) => extension,
            Err(refusal) => {
                *slot = Some(state);
                drop(slot);
                return Err(self.refuse(refusal, body));
            }
        };
        self.memory.keep(&claimed.origin, request.checkpoint())?;
        *slot = Some(extension.state());
        drop(slot);
        let size = extension.checkpoint().head.size;
        let line = extension.cosign(&self.key, (self.clock)());
        say(&format!("cosigned {} at size {size}", claimed.origin));
        Ok(WitnessAnswer::Cosigned(vec![line]))
    }

    fn refuse(&self, refusal: WitnessRefusal, body: &[u8]) -> Unsigned {
        if refusal.is_evidence() {
            say("A LOG CONTRADICTS ITSELF; its request is kept as evidence");
            if let Err(error) = self.memory.keep_evidence(body) {
                say(&format!("the evidence could not be kept: {}", with_causes(&error)));
            }
        }
        refusal.into()
    }

    fn load(&self, origin: &Origin) -> Result<WitnessState, FolderError> {
        Ok(match self.memory.last(origin)? {
            Some(last) => WitnessState::resumed(last),
            None => WitnessState::new(origin.clone()),
        })
    }
}

fn origin_of(verifier: &LogVerifier) -> Origin {
    let origin: Result<Origin, CheckpointError> = verifier.name().as_str().parse();
    origin.expect("BUG: the name of a key is an origin: not empty, no control characters")
}

#[cfg(test)]
mod tests;
