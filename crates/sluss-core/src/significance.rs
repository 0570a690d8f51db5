//! Significant changes, what was confirmed of them, and what was left of tests in a release.
//!
//! # Invariants
//!
//! - Anybody with a role marks a change as significant, and nobody takes that back.
//! - Who contributed to it does not confirm it.

use serde::{Deserialize, Serialize};

use crate::assurance::At;
use crate::event::Event;
use crate::ids::{ChangeId, Digest, PersonRef, ReleaseId};
use crate::state::State;
use crate::units::Millis;

/// A person marked a change as significant (PCI DSS 4.0.1, 6.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marked {
    /// Which.
    pub change: ChangeId,
    /// Who marked it.
    pub by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
}

/// A person confirmed that all requirements hold after a significant change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// Which.
    pub change: ChangeId,
    /// Who confirmed it.
    pub by: PersonRef,
    /// What was looked at: a private text.
    pub findings: Digest,
}

/// A person looked whether data and accounts of tests are gone (PCI DSS 4.0.1, 6.5.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanCheck {
    /// Of which release.
    pub release: ReleaseId,
    /// Who looked.
    pub by: PersonRef,
    /// Whether they are.
    pub passed: bool,
    /// What was found: a private text.
    pub findings: Digest,
}

/// A significant change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Significant {
    /// When it was marked as that, by whom and why.
    pub marked: At<Marked>,
    /// When it was confirmed, and by whom.
    pub confirmed: Option<At<Confirmed>>,
}

/// Folds what is said of significant changes, and of what tests left.
pub(crate) fn apply(state: &mut State, now: Millis, event: &Event) {
    let assurance = &mut state.assurance;
    match event {
        Event::ChangeSignificant(of) => {
            let marked = At { at: now, what: of.clone() };
            let known = assurance.significant.entry(of.change);
            known.or_insert(Significant { marked, confirmed: None });
        }
        Event::ChangeConfirmed(of) => {
            if let Some(known) = assurance.significant.get_mut(&of.change) {
                known.confirmed.get_or_insert(At { at: now, what: of.clone() });
            }
        }
        Event::ReleaseCleanCheck(of) => {
            assurance.clean.insert(of.release, At { at: now, what: of.clone() });
        }
        _other => unreachable!("BUG: not an event of significance"),
    }
}
