//! The keys that sign for this installation, as the log itself hands them over.
//!
//! # Invariants
//!
//! - A key is handed over by a person who may decide, and the log names both keys.
//! - From a hand-over on both keys count, until the former one is retired: there is no leaf that no
//!   key counts for.

use serde::{Deserialize, Serialize};

use crate::decide::{Actor, Blame, Refusal};
use crate::event::{Event, RefusedWhy};
use crate::state::State;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOf {
    /// Checkpoints of the log (Ed25519); written as a vkey.
    Log,
    /// Attestations and dossiers (ECDSA P-256); written as its public half (SPKI) in base64.
    Attestations,
}

/// A key and the leaves that it counts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySpan {
    /// What it signs.
    pub of: KeyOf,
    /// The public key.
    pub key: String,
    /// The first leaf.
    pub from_leaf: u64,
    /// The first leaf for which it counts no more; nothing while it signs.
    pub until_leaf: Option<u64>,
}

impl State {
    /// Returns the keys that the log names, oldest first; none before the first hand-over.
    pub fn signing_keys(&self, of: KeyOf) -> impl Iterator<Item = &KeySpan> {
        self.keys.iter().filter(move |span| span.of == of)
    }

    pub(crate) fn rotate_key(
        &self,
        of: KeyOf,
        former: String,
        present: String,
        actor: &Actor,
    ) -> Result<Vec<Event>, Refusal> {
        decider(self, actor, "rotate-key")?;
        let newest = self.signing_keys(of).last().map(|span| &span.key);
        let known = self.signing_keys(of).any(|span| span.key == present) || former == present;
        if known || newest.is_some_and(|newest| *newest != former) {
            return Err(conflict("The keys have changed meanwhile, or the new one is not new."));
        }
        Ok(vec![Event::LogKeyRotated { of, former, present }])
    }

    pub(crate) fn retire_key(
        &self,
        of: KeyOf,
        key: String,
        actor: &Actor,
    ) -> Result<Vec<Event>, Refusal> {
        decider(self, actor, "retire-key")?;
        let newest = self.signing_keys(of).last().is_some_and(|span| span.key == key);
        let signs = |span: &&KeySpan| span.key == key && span.until_leaf.is_none();
        match self.signing_keys(of).find(signs) {
            Some(_) if newest => Err(conflict("The newest key signs; rotate to another first.")),
            Some(_) => Ok(vec![Event::LogKeyRetired { of, key }]),
            None => Err(conflict("No former key of that kind signs any more.")),
        }
    }
}

fn conflict(what: &str) -> Refusal {
    Refusal::new(Blame::Conflict, what, "See which keys there are: `sluss keys list`")
}

fn decider(state: &State, actor: &Actor, act: &str) -> Result<(), Refusal> {
    let who = crate::decide::in_person(actor)?;
    if state.organisation.as_ref().is_some_and(|known| known.deciders().contains(&who)) {
        return Ok(());
    }
    let hint = "Ask an approver";
    Err(Refusal::new(Blame::Denied, "Handing keys over takes the role of an approver.", hint)
        .recorded(None, act, RefusedWhy::MissingRole))
}

/// Folds a hand-over, or the end of a former key.
pub(crate) fn apply(state: &mut State, position: u64, event: &Event) {
    match event {
        Event::LogKeyRotated { of, former, present } => {
            let span = |key: &String, from_leaf| KeySpan {
                of: *of,
                key: key.clone(),
                from_leaf,
                until_leaf: None,
            };
            if state.signing_keys(*of).next().is_none() {
                state.keys.push(span(former, 0));
            }
            state.keys.push(span(present, position));
        }
        Event::LogKeyRetired { of, key } => {
            let mut spans = state.keys.iter_mut();
            if let Some(span) = spans.find(|span| span.of == *of && span.key == *key) {
                span.until_leaf = Some(position);
            }
        }
        _other => unreachable!("BUG: not an event about keys"),
    }
}
