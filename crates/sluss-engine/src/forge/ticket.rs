//! A push from the first byte to the last: which stage it is in, and who may end it.
//!
//! # Invariants
//!
//! - The stages follow each other: open, deciding, accepted, ended; a stage is never repeated, so
//!   a token is good for one push.
//! - An accepted push holds its repository's turn until it is known what moved.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::git::{GitError, ObjectAccess};
use super::hook::{REPOSITORY_VARIABLE, SOCKET_VARIABLE, TOKEN_VARIABLE};
use super::push::{Pusher, Pushes, Received, RefUpdate, RepositoryName};
use super::repositories::Repositories;

/// Where a push is.
pub(super) enum Stage {
    /// Git is receiving.
    Open,
    /// The hook has asked and was not answered.
    Deciding,
    /// Git may move the refs.
    Accepted { updates: Vec<RefUpdate>, turn: OwnedMutexGuard<()> },
    /// Refused, given up, or known to the end.
    Ended,
}

/// A push that Git is receiving, as hook and HTTP handler share it.
pub(super) struct OpenPush {
    pub(super) repository: RepositoryName,
    pub(super) pusher: Pusher,
    stage: Mutex<Stage>,
}

impl OpenPush {
    /// The lock is never held across an await.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the first question of the pre-receive hook through, and no second one.
    pub(super) fn begin_deciding(&self) -> bool {
        let mut stage = self.stage();
        let first = matches!(*stage, Stage::Open);
        if first {
            *stage = Stage::Deciding;
        }
        first
    }

    pub(super) fn refuse(&self) {
        *self.stage() = Stage::Ended;
    }

    /// Lets Git move the refs; gives the updates back if nobody waits for that any more.
    pub(super) fn accept(
        &self,
        updates: Vec<RefUpdate>,
        turn: OwnedMutexGuard<()>,
    ) -> Result<(), Vec<RefUpdate>> {
        let mut stage = self.stage();
        match *stage {
            Stage::Deciding => {
                *stage = Stage::Accepted { updates, turn };
                Ok(())
            }
            Stage::Open | Stage::Accepted { .. } | Stage::Ended => Err(updates),
        }
    }

    /// Ends the push; what was accepted and not yet accounted for is returned, once.
    pub(super) fn end(&self) -> Option<(Vec<RefUpdate>, OwnedMutexGuard<()>)> {
        match std::mem::replace(&mut *self.stage(), Stage::Ended) {
            Stage::Accepted { updates, turn } => Some((updates, turn)),
            Stage::Open | Stage::Deciding | Stage::Ended => None,
        }
    }
}

/// What the hook server's tasks and the tickets share.
pub(super) struct Desk {
    pub(super) repositories: Repositories,
    pub(super) pushes: Arc<dyn Pushes>,
    pub(super) socket: PathBuf,
    open: Mutex<HashMap<String, Arc<OpenPush>>>,
    turns: Mutex<HashMap<RepositoryName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Desk {
    pub(super) fn new(
        repositories: Repositories,
        pushes: Arc<dyn Pushes>,
        socket: PathBuf,
    ) -> Self {
        Self { repositories, pushes, socket, open: Mutex::default(), turns: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<OpenPush>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, token: &str) -> Option<Arc<OpenPush>> {
        self.open().get(token).cloned()
    }

    /// Returns the lock that the pushes to one repository take one after the other.
    pub(super) fn turn_of(&self, name: &RepositoryName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.clone()).or_default())
    }

    pub(super) fn issue(
        self: &Arc<Self>,
        repository: RepositoryName,
        pusher: Pusher,
    ) -> Result<PushTicket, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let token = hex::encode(secret);
        let stage = Mutex::new(Stage::Open);
        let push = Arc::new(OpenPush { repository, pusher, stage });
        self.open().insert(token.clone(), Arc::clone(&push));
        Ok(PushTicket { desk: Arc::clone(self), token, push })
    }

    /// Tells [`Pushes`] what moved, according to the repository itself.
    pub(super) async fn account_for(&self, push: &OpenPush, updates: Vec<RefUpdate>) {
        let (mut moved, mut lost) = (Vec::new(), Vec::new());
        for update in updates {
            match self.has_moved(&push.repository, &update).await {
                Ok(true) => moved.push(update),
                Ok(false) => lost.push(update),
                Err(error) => {
                    // Neither is known; the comparison at the next start finds out.
                    tracing::error!(%error, name = %update.name, "cannot read a pushed ref");
                }
            }
        }
        if !moved.is_empty() || !lost.is_empty() {
            let (repository, pusher) = (push.repository.clone(), push.pusher.clone());
            self.pushes.received(Received { repository, pusher, moved, lost }).await;
        }
    }

    async fn has_moved(
        &self,
        repository: &RepositoryName,
        update: &RefUpdate,
    ) -> Result<bool, GitError> {
        let git_folder = self.repositories.path(repository);
        let objects = ObjectAccess { git_folder, quarantine: None };
        Ok(objects.target(&update.name).await? == update.new)
    }
}

/// The right to push once to one repository as one pusher. Dropped, it is worth nothing.
#[must_use = "a push is only accounted for by `finish`"]
pub struct PushTicket {
    desk: Arc<Desk>,
    token: String,
    push: Arc<OpenPush>,
}

impl PushTicket {
    /// Returns the environment that lets Git's hook ask about this push.
    pub(super) fn variables(&self) -> [(&'static str, std::ffi::OsString); 3] {
        [
            (SOCKET_VARIABLE, self.desk.socket.clone().into()),
            (TOKEN_VARIABLE, self.token.clone().into()),
            (REPOSITORY_VARIABLE, self.push.repository.as_str().into()),
        ]
    }

    pub(super) fn pusher(&self) -> &Pusher {
        &self.push.pusher
    }

    /// Ends the push if it can still be ended without a trace, and says whether it could: once
    /// the hook has asked, Git is left to finish.
    pub(super) fn give_up(&self) -> bool {
        let mut stage = self.push.stage();
        match *stage {
            Stage::Open | Stage::Ended => {
                *stage = Stage::Ended;
                true
            }
            Stage::Deciding | Stage::Accepted { .. } => false,
        }
    }

    /// Accounts for the push after Git has ended.
    pub(super) async fn finish(self) {
        if let Some((updates, _turn)) = self.push.end() {
            self.desk.account_for(&self.push, updates).await;
        }
    }
}

impl Drop for PushTicket {
    fn drop(&mut self) {
        self.desk.open().remove(&self.token);
    }
}
