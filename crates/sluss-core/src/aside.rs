//! Rollbacks that people ask for while the log can't be written: put aside first, and taken into
//! the log once that can be written again.
//!
//! # Invariants
//!
//! - Only what goes back to a deployment that was live before is put aside; nothing goes forward.
//! - What is put aside is decided as it would be with the log, by who may do it then.
//! - A record is taken in before anything else is appended, with its own time and the log's gap.

use serde::{Deserialize, Serialize};

use crate::decide::{Actor, Refusal};
use crate::deployment::Cause;
use crate::event::Event;
use crate::follow::take_back;
use crate::ids::{DeploymentId, Digest, EnvironmentName, PersonRef, ServiceName};
use crate::state::State;
use crate::units::Millis;

/// Why the log could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwritable {
    /// Its disk was full.
    Full,
    /// Its disk was read-only, broken or gone.
    Unavailable,
}

impl Unwritable {
    /// Returns why, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Full => "its disk is full",
            Self::Unavailable => "its disk can't be written",
        }
    }
}

/// A rollback that was put aside: who, when, what, and why not in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutAside {
    /// Counts what is put aside at one time, from 1.
    pub number: u64,
    /// When.
    pub written: Millis,
    /// Since when the log could not be written.
    pub since: Millis,
    /// Why not.
    pub why: Unwritable,
    /// The service that was taken back.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What was taken back.
    pub deployment: DeploymentId,
    /// What has all traffic instead; it was live before.
    pub to: DeploymentId,
    /// Who asked for it.
    pub by: PersonRef,
    /// Whether a program did, with a token of theirs.
    pub program: bool,
    /// The key that makes asking again the same as asking once.
    pub key: String,
}

impl PutAside {
    /// Returns who asked.
    pub fn actor(&self) -> Actor {
        let who = self.by.clone();
        match self.program {
            true => Actor::Agent { who },
            false => Actor::Person { who, reauthenticated: false },
        }
    }
}

/// A record that was put aside, as the log has it: it could not be written from `since` until this
/// event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are those of the record")]
pub struct TakenIn {
    /// SHA-256 of the record's bytes.
    pub record: Digest,
    pub number: u64,
    pub written: Millis,
    pub since: Millis,
    pub why: Unwritable,
    pub service: ServiceName,
    pub environment: EnvironmentName,
    pub deployment: DeploymentId,
    pub to: DeploymentId,
    pub by: PersonRef,
    /// Whether the deployment still stood, so that it is rolled back here; otherwise that was so
    /// already.
    pub counts: bool,
}

impl State {
    /// Returns what would be true now if the log held `records`, which it can't yet.
    #[must_use]
    pub fn foreseen(&self, records: &[PutAside]) -> Self {
        let mut state = self.clone();
        for record in records {
            for event in state.take_in(record, &Digest::of(b"")) {
                state.apply(record.written, &event);
            }
        }
        state
    }

    /// Returns what a record means in the log.
    pub(crate) fn take_in(&self, record: &PutAside, digest: &Digest) -> Vec<Event> {
        let PutAside { service, environment, deployment, to, .. } = record.clone();
        let place = self.place(&service, &environment);
        let stands = |place: &crate::state::Place| {
            place.rolling == Some(deployment)
                || place.rolling.is_none() && place.live == Some(deployment)
        };
        let counts = place.is_some_and(stands);
        let taken_in = TakenIn {
            record: digest.clone(),
            number: record.number,
            written: record.written,
            since: record.since,
            why: record.why,
            service,
            environment,
            deployment,
            to,
            by: record.by.clone(),
            counts,
        };
        let back = match counts {
            true => take_back(self, deployment, Cause::ByHand, Some(to)),
            false => vec![],
        };
        std::iter::once(Event::LogRecordTakenIn(taken_in)).chain(back).collect()
    }
}

/// Returns from what to what `events` go back; nothing where they do anything else, or leave
/// nothing live.
pub fn goes_back(events: &[Event]) -> Option<(DeploymentId, DeploymentId)> {
    match events.first() {
        Some(Event::DeploymentRolledBack { deployment, to: Some(to), .. }) => {
            Some((*deployment, *to))
        }
        _another => None,
    }
}

/// Returns the refusal of a rollback that leaves nothing live.
pub fn nothing_before(why: Unwritable) -> Refusal {
    let what = format!(
        "The log can't be written: {}. Until it can, only what has a release from before to go \
         back to is taken back, and this has none.",
        why.words()
    );
    let hint = "Make space on the data folder's disk, try again";
    Refusal::new(crate::decide::Blame::Conflict, what, hint)
}
