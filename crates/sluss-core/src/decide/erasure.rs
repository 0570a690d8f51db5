//! Erasing a person: one who may decide proposes it, and another agrees.

use super::retention::approver_in_person;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::erasure::Erasure;
use crate::event::{Event, RefusedWhy};
use crate::ids::{Digest, ErasureId, PersonRef};
use crate::state::State;
use crate::units::Millis;

const ACT: &str = "erase a person";

fn can_be(state: &State, person: &PersonRef, now: Millis) -> Result<(), Refusal> {
    if state.is_erased(person) {
        return Err(not_now("They are erased already."));
    }
    match &state.keeps(person, now)[..] {
        [] => Ok(()),
        why => Err(Refusal::new(
            Blame::Conflict,
            format!("They can't be erased now. {}", why.join(" ")),
            "Settle that first, then propose it again: `sluss account erase`",
        )),
    }
}

fn not_themself(by: &PersonRef, person: &PersonRef) -> Result<(), Refusal> {
    if by != person {
        return Ok(());
    }
    let hint = "Ask two others who may decide";
    let refusal = Refusal::new(Blame::Denied, "Nobody erases themself.", hint);
    Err(refusal.recorded(None, ACT, RefusedWhy::Contributor))
}

pub(super) fn propose(
    state: &State,
    person: PersonRef,
    reason: Digest,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let by = approver_in_person(state, actor, ACT)?;
    not_themself(&by, &person)?;
    let mut open = state.erasures.iter().filter(|(_, of)| of.decided.is_none());
    if let Some((id, _)) = open.find(|(_, of)| of.person == person) {
        return Err(not_now(format!("{id} proposes that already.")));
    }
    can_be(state, &person, now)?;
    let erasure = state.next_erasure();
    Ok(vec![Event::ErasureProposed { erasure, person, by, reason }])
}

fn open(state: &State, id: ErasureId) -> Result<&Erasure, Refusal> {
    let unknown = || missing(format!("There is no erasure {id}."), "sluss retention show");
    match state.erasures.get(&id).ok_or_else(unknown)? {
        decided if decided.decided.is_some() => Err(not_now(format!("{id} is decided already."))),
        open => Ok(open),
    }
}

pub(super) fn agree(
    state: &State,
    id: ErasureId,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let found = open(state, id)?;
    let by = approver_in_person(state, actor, ACT)?;
    not_themself(&by, &found.person)?;
    if by == found.by {
        let hint = "Another one who may decide agrees to it";
        let refusal = Refusal::new(Blame::Denied, "You proposed it, so another agrees.", hint);
        return Err(refusal.recorded(None, ACT, RefusedWhy::SamePerson));
    }
    can_be(state, &found.person, now)?;
    Ok(vec![Event::PersonErased { erasure: id, person: found.person.clone(), by }])
}

pub(super) fn refuse(state: &State, id: ErasureId, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    open(state, id)?;
    let by = approver_in_person(state, actor, ACT)?;
    Ok(vec![Event::ErasureRefused { erasure: id, by }])
}
