//! Names of people and texts that people wrote: they are not in the log, so views ask for them.
//!
//! A view is built from the state while that is locked, so it can't wait for a disk. It is built
//! once to learn which words it needs, and again when they are there.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::contents::GoneWhy;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::{Digest, PersonRef};
use sluss_core::state::State;
use sluss_engine::failure::Failure;

use crate::app::App;

/// How often a view is built while the state keeps naming new people and texts.
const ROUNDS: usize = 4;

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct PersonView {
    /// What stands for them in the log.
    pub reference: String,
    /// What they sign in with; nothing for who is known from commits only, or was erased.
    pub login: Option<String>,
    /// What they are called; the beginning of the reference where nobody knows.
    pub name: String,
}

/// Words that were looked up.
#[derive(Debug, Default)]
pub(crate) struct Words {
    people: BTreeMap<PersonRef, PersonView>,
    texts: BTreeMap<Digest, Option<String>>,
    unknown_people: BTreeSet<PersonRef>,
    unknown_texts: BTreeSet<Digest>,
}

impl Words {
    pub(crate) fn person(&mut self, who: &PersonRef) -> PersonView {
        if let Some(person) = self.people.get(who) {
            return person.clone();
        }
        self.unknown_people.insert(who.clone());
        nameless(who)
    }

    pub(crate) fn people<'a>(
        &mut self,
        who: impl IntoIterator<Item = &'a PersonRef>,
    ) -> Vec<PersonView> {
        who.into_iter().map(|who| self.person(who)).collect()
    }

    pub(crate) fn text(&mut self, digest: &Digest) -> Option<String> {
        if let Some(text) = self.texts.get(digest) {
            return text.clone();
        }
        self.unknown_texts.insert(digest.clone());
        None
    }

    /// Looks up what was asked for and not known; says whether there was any.
    pub(crate) async fn look_up(&mut self, app: &App) -> Result<bool, Failure> {
        let people = std::mem::take(&mut self.unknown_people);
        let texts = std::mem::take(&mut self.unknown_texts);
        let any = !people.is_empty() || !texts.is_empty();
        for who in people {
            let found = app.engine.parts().accounts.find_by_ref(&who).await;
            let found = found.map_err(|error| {
                Failure::upstream("The names of people could not be looked up", &error)
            })?;
            let person = found.map_or_else(
                || nameless(&who),
                |account| PersonView {
                    reference: who.to_string(),
                    login: account.login,
                    name: account.name,
                },
            );
            self.people.insert(who, person);
        }
        for digest in texts {
            // One text that is damaged must not hide everything else.
            let text = app.engine.parts().prose.prose(&digest).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a text could not be read");
                None
            });
            let text = text.or_else(|| gone(&app.engine.state(), &digest));
            self.texts.insert(digest, text);
        }
        Ok(any)
    }
}

/// How many of those whom nobody knows are named.
const STRANGERS_NAMED: usize = 5;

/// Returns what a gate says; where it waits for who somebody is, with the addresses that their
/// commits carry, which are not in the log.
pub(crate) fn gate_words(words: &mut Words, outcome: &GateOutcome) -> String {
    let sentence = outcome.sentence();
    let GateOutcome::Waiting { on: WaitingOn::Unknown { people } } = outcome else {
        return sentence;
    };
    let named = people.iter().take(STRANGERS_NAMED).map(|who| words.person(who).name);
    let named = named.collect::<Vec<_>>().join(", ");
    match people.len().saturating_sub(STRANGERS_NAMED) {
        0 => format!("{sentence} ADDRESS: {named}."),
        more => format!("{sentence} ADDRESS: {named} and {more} more."),
    }
}

/// Returns what stands in the place of a text that is gone by the log.
fn gone(state: &State, digest: &Digest) -> Option<String> {
    let said = match &state.contents.get(digest)?.gone.as_ref()?.why {
        GoneWhy::Erased => "(erased with its author)",
        GoneWhy::Disposed(_) => "(disposed under policy)",
    };
    Some(said.to_owned())
}

fn nameless(who: &PersonRef) -> PersonView {
    let name = who.short().to_owned();
    PersonView { reference: who.to_string(), login: None, name }
}

/// Builds a view of what is true now, with its words.
pub(crate) async fn view<T>(
    app: &App,
    build: impl Fn(&State, &mut Words) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut words = Words::default();
    for _ in 1..ROUNDS {
        let built = {
            let state = app.engine.state();
            build(&state, &mut words)?
        };
        if !words.look_up(app).await? {
            return Ok(built);
        }
    }
    let state = app.engine.state();
    build(&state, &mut words)
}
