//! Who may open what was shut: somebody who decides, in person, with no hand in what that lets go.

use std::collections::BTreeSet;

use super::key::in_person;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::config::FourEyes;
use crate::event::{Event, RefusedWhy};
use crate::ids::{DeploymentId, Digest, FreezeId, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// Returns the person who answers for `act`: one who decides, in person, and is none of `barred`.
/// Where the organisation asks for no second person, who develops there may, too, and alone.
fn answers(
    state: &State,
    actor: &Actor,
    act: &str,
    barred: &BTreeSet<PersonRef>,
) -> Result<PersonRef, Refusal> {
    let who = in_person(actor).map_err(|refusal| {
        let why = match actor {
            Actor::Person { .. } | Actor::Signer { .. } => RefusedWhy::NotReauthenticated,
            Actor::System | Actor::Agent { .. } => RefusedWhy::NotAPerson,
        };
        refusal.recorded(None, act, why)
    })?;
    let known = state.organisation.as_ref();
    let alone = known.is_some_and(|known| known.four_eyes == FourEyes::Never);
    let decides = known.is_some_and(|known| {
        known.deciders().contains(&who) || alone && known.developers.contains(&who)
    });
    let denied = |what: String, hint: &str, why| {
        Err(Refusal::new(Blame::Denied, what, hint).recorded(None, act, why))
    };
    if !decides {
        let what = format!("To {act} takes the role of an approver, and you don't have it.");
        let hint = "Ask one of those whom `organisation.yaml` names as approvers";
        return denied(what, hint, RefusedWhy::MissingRole);
    }
    if !alone && barred.contains(&who) {
        let what = format!("You had a hand in it, so someone else must {act}.");
        let hint = "Ask another approver, who had none: `sluss status`";
        return denied(what, hint, RefusedWhy::Contributor);
    }
    Ok(who)
}

/// A freeze is lifted by somebody else than who set it, who contributed to nothing that it keeps.
pub(super) fn lift(
    state: &State,
    freeze: FreezeId,
    reason: Digest,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let Some(set) = state.freezes.get(&freeze) else {
        return Err(missing(format!("There is no freeze {freeze}."), "sluss freeze list"));
    };
    if set.lifted.is_some() || now >= set.until {
        return Err(not_now(format!("The freeze {freeze} is over.")));
    }
    let mut barred = state.kept_waiting_by(set, now);
    barred.extend(set.by.clone());
    let by = Some(answers(state, actor, "lift", &barred)?);
    Ok(vec![Event::FreezeLifted { freeze, by, reason: Some(reason) }])
}

/// The clock is right again, which opens all gates that it shut: it came back by itself, or
/// somebody says so.
pub(super) fn clock(state: &State, confirmed: bool, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    let by = match confirmed {
        true => Some(answers(state, actor, "confirm-clock", &BTreeSet::new())?),
        false => None,
    };
    Ok(if state.gap { vec![Event::LogGapEnded { confirmed, by }] } else { vec![] })
}

/// Returns who lets a first release have customers that did not prove what it promises.
pub(super) fn unproven(
    state: &State,
    deployment: DeploymentId,
    actor: &Actor,
) -> Result<PersonRef, Refusal> {
    answers(state, actor, "resume", &state.contributors(deployment))
}

/// Somebody says who a contributor is whom no organisation names. Whoever says so counts as one who
/// contributed, and so does who it is said to be.
pub(super) fn identify(
    state: &State,
    unknown: PersonRef,
    person: Option<PersonRef>,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let by = answers(state, actor, "identify", &BTreeSet::new());
    // Who says it of themselves bars nobody else, and needs no role beside that of a developer.
    let develops = |who: &PersonRef| {
        state.organisation.as_ref().is_some_and(|known| known.developers.contains(who))
    };
    let by = match by {
        Err(_)
            if in_person(actor).is_ok_and(|who| person == Some(who.clone()) && develops(&who)) =>
        {
            in_person(actor)?
        }
        by => by?,
    };
    if state.is_named(&unknown) {
        return Err(not_now("It is known who that is: `organisation.yaml` names them."));
    }
    if let Some(person) = &person
        && !state.is_named(person)
    {
        let what = "No organisation that was in force names this person.";
        return Err(missing(what, "sluss status"));
    }
    Ok(vec![Event::AccessIdentified { unknown, person, by }])
}
