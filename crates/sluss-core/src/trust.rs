//! Whether the log is the one that its witnesses know, and whether they keep up.
//!
//! # Invariants
//!
//! - A log that a witness knows otherwise stays distrusted, and forward gates shut, until two
//!   people took it as the right one: one asked with a reason, another one agreed in person.
//! - What they lifted is what that witness said; if it or another one says more, that counts anew.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::exception::{Exception, ExceptionKind};
use crate::state::State;
use crate::units::Millis;

/// How many milliseconds a witness may be behind before that is raised: a minute.
pub const WITNESS_LAG_MS: i64 = 60 * 1000;

/// What a witness knows against the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distrust {
    /// Which witness.
    pub witness: String,
    /// The size that it cosigned.
    pub seen: u64,
    /// The position of the event that says so.
    pub position: u64,
    /// Since when.
    pub since: Millis,
}

impl State {
    /// Returns what is appended when a witness knows another history than this one.
    pub(crate) fn distrust(&self, witness: String, seen: u64, size: u64) -> Vec<Event> {
        let lifted = self.forgiven.get(&witness) == Some(&seen);
        match self.distrusted.is_some() || lifted {
            true => vec![],
            false => vec![Event::LogRollbackDetected { witness, seen, size }],
        }
    }

    /// Returns the end of the distrust, once two people agreed on that.
    pub(crate) fn trust_restored(&self, now: Millis) -> Option<Vec<Event>> {
        let Distrust { witness, seen, position, .. } = self.distrusted.as_ref()?;
        let lifts = ExceptionKind::LogTrust { found: *position };
        let held = |one: &Exception| one.holds(now) && one.what == lifts;
        let (exception, _) = self.exceptions.iter().find(|(_, one)| held(one))?;
        let exception = *exception;
        let (witness, seen) = (witness.clone(), *seen);
        Some(vec![Event::LogTrustRestored { exception, witness, seen }])
    }
}

/// Folds an event about witnesses.
pub(crate) fn apply(state: &mut State, position: u64, now: Millis, event: &Event) {
    match event {
        Event::LogRollbackDetected { witness, seen, .. } => {
            let (witness, seen) = (witness.clone(), *seen);
            state.distrusted = Some(Distrust { witness, seen, position, since: now });
        }
        Event::LogTrustRestored { witness, seen, .. } => {
            state.distrusted = None;
            state.forgiven.insert(witness.clone(), *seen);
        }
        Event::LogWitnessLagging { witness, since } => {
            state.lagging.insert(witness.clone(), *since);
        }
        Event::LogWitnessLagEnded { witness, .. } => {
            state.lagging.remove(witness);
        }
        _other => unreachable!("BUG: not an event about witnesses"),
    }
}
