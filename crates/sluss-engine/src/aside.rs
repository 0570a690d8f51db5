//! What is put aside while the log can't be written: rollbacks, in space that was taken before.
//!
//! The file is no second truth: what is in it is the tail of the log that the log does not have
//! yet. It is taken in before anything else is appended, and cleared after that.
//!
//! # Invariants
//!
//! - A record is durable before the target is asked for anything because of it.
//! - A record is in the log once: it is appended under its own command key.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluss_core::aside::{PutAside, Unwritable, goes_back, nothing_before};
use sluss_core::decide::{Actor, Command, decide};
use sluss_core::ids::{Digest, EnvironmentName, ServiceName};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_core::wanted::WantedRoute;
use sluss_store::{AppendError, Found, Log as _, Spare};

use crate::engine::{Done, Engine};
use crate::failure::{Blame, Failure};

/// The file, in the folder of the spare space.
pub const FILE: &str = "rollbacks";
/// Rollbacks that can be put aside at one time.
const SLOTS: usize = 64;
const SLOT_BYTES: usize = 4096;
/// Events that are read from the log at once.
const PAGE: usize = 500;

/// What is put aside, and whether the log can be written.
#[derive(Debug)]
pub(crate) struct Aside {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// The space; nothing where it can't be had.
    spare: Option<Spare>,
    /// What is to be taken in, oldest first.
    waiting: Vec<Waiting>,
    /// Since when the log can't be written, and why, as far as the last try says.
    unwritable: Option<(Millis, Unwritable)>,
    /// What would be true with what waits.
    foreseen: Option<Arc<State>>,
}

#[derive(Debug, Clone)]
struct Waiting {
    slot: usize,
    digest: Digest,
    record: PutAside,
}

impl Aside {
    /// Opens what is put aside in the file at `path`. Without the space Sluss runs all the same,
    /// and nothing can be put aside.
    pub(crate) fn open(path: &Path) -> Self {
        let opened = Spare::open(path, SLOTS, SLOT_BYTES).inspect_err(|error| {
            let path = path.display();
            tracing::warn!(%error, %path, "no space is kept for rollbacks when the disk is full");
        });
        let (spare, found) =
            opened.map_or((None, Vec::new()), |(spare, found)| (Some(spare), found));
        let read = |Found { slot, record }: Found| {
            let digest = Digest::of(&record);
            match serde_json::from_slice(&record) {
                Ok(record) => Some(Waiting { slot, digest, record }),
                Err(error) => {
                    tracing::error!(%error, slot, "a record that was put aside can't be read");
                    None
                }
            }
        };
        let mut waiting: Vec<Waiting> = found.into_iter().filter_map(read).collect();
        waiting.sort_by_key(|of| (of.record.written, of.record.number));
        Self { held: Mutex::new(Held { spare, waiting, unwritable: None, foreseen: None }) }
    }

    /// Notes that an append succeeded.
    pub(crate) fn wrote(&self) {
        self.held().unwritable = None;
    }

    /// Notes that an append failed at `now`.
    pub(crate) fn could_not(&self, error: &AppendError, now: Millis) {
        let why = match error {
            AppendError::Full { .. } => Unwritable::Full,
            AppendError::Unavailable { .. } => Unwritable::Unavailable,
            AppendError::Moved { .. } | AppendError::Refused { .. } => return,
        };
        let mut held = self.held();
        let since = held.unwritable.map_or(now, |(since, _)| since);
        held.unwritable = Some((since, why));
    }

    /// Returns whether anything waits to be taken in.
    pub(crate) fn waits(&self) -> bool {
        !self.held().waiting.is_empty()
    }

    fn unwritable(&self) -> Option<(Millis, Unwritable)> {
        self.held().unwritable
    }

    /// Returns what was put aside under this key.
    fn known(&self, key: &str) -> Option<PutAside> {
        let held = self.held();
        held.waiting.iter().map(|of| &of.record).find(|of| of.key == key).cloned()
    }

    fn foreseen(&self) -> Option<Arc<State>> {
        self.held().foreseen.clone()
    }

    /// Keeps what would be true with what waits.
    fn foresee(&self, state: &State) {
        let mut held = self.held();
        let records: Vec<PutAside> = held.waiting.iter().map(|of| of.record.clone()).collect();
        held.foreseen = (!records.is_empty()).then(|| Arc::new(state.foreseen(&records)));
    }

    /// Puts a record aside, durably.
    fn put(&self, record: PutAside) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(&record)?;
        let mut held = self.held();
        let no_space = || std::io::Error::other("no space was kept for that");
        let slot = held.spare.as_mut().ok_or_else(no_space)?.put(&bytes)?;
        held.waiting.push(Waiting { slot, digest: Digest::of(&bytes), record });
        Ok(())
    }

    fn next(&self) -> Option<Waiting> {
        self.held().waiting.first().cloned()
    }

    /// Forgets what the log has by now.
    fn taken_in(&self, slot: usize) {
        let mut held = self.held();
        held.waiting.retain(|of| of.slot != slot);
        held.foreseen = None;
        if let Some(Err(error)) = held.spare.as_mut().map(|spare| spare.clear(slot)) {
            // The log knows it, so that the next start clears it.
            tracing::warn!(%error, slot, "a record that was taken in stays where it was put aside");
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rollback as somebody asks for it.
pub(crate) struct Back {
    service: ServiceName,
    environment: EnvironmentName,
}

impl Back {
    /// Returns the rollback that `command` asks for, if it does.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Rollback { service, environment } => {
                Some(Self { service: service.clone(), environment: environment.clone() })
            }
            _another => None,
        }
    }
}

impl Engine {
    /// Returns since when the log can't be written, and why, as far as the last try says.
    pub fn unwritable(&self) -> Option<(Millis, Unwritable)> {
        self.aside().unwritable()
    }

    /// Returns what was put aside and is not in the log yet, oldest first.
    pub fn put_aside(&self) -> Vec<PutAside> {
        self.aside().held().waiting.iter().map(|of| of.record.clone()).collect()
    }

    /// Returns what every place should serve, and whether the log says all of that.
    pub(crate) fn routes(&self) -> (Vec<WantedRoute>, bool) {
        match self.aside().foreseen() {
            Some(foreseen) => (foreseen.routes(), false),
            None => (self.state().routes(), !self.aside().waits()),
        }
    }

    /// Takes in what was put aside, before anything else is appended.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the log still can't be written.
    pub(crate) async fn take_in(&self) -> Result<(), Failure> {
        if self.aside().waits() || self.aside().unwritable().is_some() {
            self.catch_up().await?;
        }
        while let Some(Waiting { slot, digest, record }) = self.aside().next() {
            let (key, by) = (record.key.clone(), record.actor());
            if self.parts().log.command(&key).await?.is_empty() {
                let command = Command::TakeIn { record, digest };
                let events = decide(&self.state(), command, &Actor::System, self.now())?;
                if let Err(failure) = self.append(&events, &by, Some(&key), None).await {
                    if self.aside().foreseen().is_none() {
                        self.aside().foresee(&self.state());
                    }
                    return Err(failure);
                }
                tracing::warn!(slot, "a rollback that was put aside is in the log now");
            }
            self.aside().taken_in(slot);
        }
        Ok(())
    }

    /// Folds what the log has beyond the fold: an append that failed may be there all the same.
    async fn catch_up(&self) -> Result<(), Failure> {
        loop {
            let from = self.state().size;
            let page = self.parts().log.read(from, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            self.fold_all(&page)?;
        }
    }

    /// Puts a rollback aside that could not be recorded for `failure`.
    pub(crate) async fn put_back_aside(
        &self,
        Back { service, environment }: Back,
        actor: &Actor,
        key: Option<&str>,
        failure: Failure,
    ) -> Result<Done, Failure> {
        let (Some((since, why)), Some(by)) = (self.aside().unwritable(), actor.who()) else {
            return Err(failure);
        };
        let foreseen = self.aside().foreseen();
        let (wanted, now) = (
            Command::Rollback { service: service.clone(), environment: environment.clone() },
            self.now(),
        );
        let events = match &foreseen {
            Some(foreseen) => decide(foreseen, wanted, actor, now)?,
            None => decide(&self.state(), wanted, actor, now)?,
        };
        let (deployment, to) = goes_back(&events).ok_or_else(|| nothing_before(why))?;
        let number = self.aside().held().waiting.last().map_or(1, |of| of.record.number + 1);
        let key = key.map_or_else(|| format!("aside/{}", self.nonce()), str::to_owned);
        let (by, program) = (by.clone(), matches!(actor, Actor::Agent { .. }));
        let record = PutAside {
            number,
            written: now,
            since,
            why,
            service,
            environment,
            deployment,
            to,
            by,
            program,
            key,
        };
        let (engine, kept) = (self.clone(), record.clone());
        let put = tokio::task::spawn_blocking(move || engine.aside().put(kept)).await;
        put.map_err(std::io::Error::other).flatten().map_err(|error| {
            let what = format!("{} Nor could it be put aside: {error}", failure.what);
            Failure::new(Blame::Upstream, what, failure.hint.clone())
        })?;
        self.aside().foresee(&self.state());
        tracing::warn!(number, "a rollback was put aside: the log can't be written");
        Ok(Done { events: Vec::new(), size: self.state().size, put_aside: Some(record) })
    }

    /// Returns what asking again under this key answers, where that was put aside.
    pub(crate) fn asked_before(&self, key: &str) -> Option<Done> {
        let record = self.aside().known(key)?;
        Some(Done { events: Vec::new(), size: self.state().size, put_aside: Some(record) })
    }
}
