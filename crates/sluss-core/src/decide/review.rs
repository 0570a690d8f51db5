//! Who reviews the code of a change: a person with a role, who did not contribute to it.

use super::key::in_person;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::event::{Event, RefusedWhy, WithdrawnReason};
use crate::hands::unknown_words;
use crate::ids::{ChangeId, CommitId, Digest, PersonRef};
use crate::review::{ChangeReviewed, ReviewOutcome};
use crate::state::{ChangePhase, State};

/// What is refused is recorded as this.
const ACT: &str = "review-change";

/// Returns the person who says something in person, and develops or decides here.
pub(super) fn one_of_us(state: &State, actor: &Actor, act: &str) -> Result<PersonRef, Refusal> {
    let by = in_person(actor).map_err(|refusal| {
        let why = match actor {
            Actor::Person { .. } | Actor::Signer { .. } => RefusedWhy::NotReauthenticated,
            Actor::System | Actor::Agent { .. } => RefusedWhy::NotAPerson,
        };
        refusal.recorded(None, act, why)
    })?;
    match state.develops_or_decides(&by) {
        true => Ok(by),
        false => Err(Refusal::new(
            Blame::Denied,
            "That takes the role of a developer or an approver, and you have neither.",
            "Ask someone who has it: `sluss access at now` says who",
        )
        .recorded(None, act, RefusedWhy::MissingRole)),
    }
}

pub(super) fn decide(
    state: &State,
    id: ChangeId,
    commit: CommitId,
    (outcome, comment): (ReviewOutcome, Digest),
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let Some(change) = state.changes.get(&id) else {
        return Err(missing(format!("There is no change {id}."), "sluss status"));
    };
    let by = one_of_us(state, actor, ACT)?;
    match change.phase {
        ChangePhase::Proposed | ChangePhase::Merged | ChangePhase::Delivered { .. } => {}
        ChangePhase::Announced => return Err(not_now(format!("{id} is still being pushed."))),
        ChangePhase::MergedInto { into } => {
            return Err(not_now(format!("{id} became part of {into}: review that.")));
        }
        ChangePhase::Withdrawn { why: WithdrawnReason::Replaced } => {
            return Err(not_now(format!("Newer commits replaced {id}: review those.")));
        }
        ChangePhase::Withdrawn { .. } => return Err(not_now(format!("{id} was withdrawn."))),
    }
    if commit != change.push.commit {
        let what = format!("The code of {id} is at {}, and you looked at another.", short(change));
        return Err(Refusal::new(
            Blame::Conflict,
            what,
            format!("Look again: `sluss review {id}`"),
        )
        .recorded(None, ACT, RefusedWhy::StatementMoved));
    }
    let contributors = state.contributors_of_change(id);
    if contributors.contains(&by) {
        let hint = "Ask someone who had no hand in it: `sluss access at now` says who there is";
        let what = "You contributed to this change, so someone else reviews its code.";
        return Err(Refusal::new(Blame::Denied, what, hint).recorded(
            None,
            ACT,
            RefusedWhy::Contributor,
        ));
    }
    let unknown = state.unknown_among(&contributors);
    if !state.asks_nobody() && !unknown.is_empty() {
        return Err(not_now(unknown_words(unknown.len())));
    }
    let change = id;
    Ok(vec![Event::ChangeReviewed(ChangeReviewed { change, commit, by, outcome, comment })])
}

fn short(change: &crate::state::Change) -> &str {
    change.push.commit.as_str().get(..10).unwrap_or_default()
}
